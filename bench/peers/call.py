"""Calls of the contenders, each in a process of its own: the peers' worker.py, and `quench bench`."""

import json
import os
import subprocess
import tempfile

from environments import HERE

LIMIT_S = 900


class Refused(Exception):
    """A contender that could not do what it was asked: `str()` is the reason for the table."""


def _run(command, environment):
    try:
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Refused(f"took more than {LIMIT_S} s") from error


def _last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"


def worker(python, job, environment):
    """The answer of worker.py to `job`, a JSON object. Throws Refused."""
    # Peers that thread by OpenMP must not take more than they are given; nothing of the shell's settings is passed on.
    theirs = ("ONEDNN_", "DNNL_", "OMP_", "KMP_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(theirs)}
    clean.update({"OMP_NUM_THREADS": str(job["threads"]), "PYTHONDONTWRITEBYTECODE": "1", **environment})
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(job, file)
        file.flush()
        done = _run([python, os.path.join(HERE, "worker.py"), file.name], clean)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[len("RESULT ") :])
    raise Refused(f"{job['do']} failed with code {done.returncode}: {_last_line(done.stderr or done.stdout)}")


def quench_bench(program, file, isa, threads, min_samples, min_seconds):
    """latency_p50_ns, latency_samples, steady of the native engine. Throws Refused."""
    done = _run(
        [
            program,
            "bench",
            file,
            "--isa",
            isa,
            "--threads",
            str(threads),
            "--min-samples",
            str(min_samples),
            "--min-seconds",
            str(min_seconds),
            "--format",
            "json",
        ],
        dict(os.environ),
    )
    if done.returncode != 0:
        raise Refused(f"quench bench: {_last_line(done.stderr)}")
    record = json.loads(done.stdout)[0]
    return {
        "latency_p50_ns": record["latency_p50_ns"],
        "latency_samples": record["latency_samples"],
        "steady": "not stable" not in done.stderr,
    }
