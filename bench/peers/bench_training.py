#!/usr/bin/env python3
"""`make bench-training`: training by quench beside Ultralytics with PyTorch, in turn (docs/training-speed.md).

Needs Python 3.9 or later with venv, and `quench data fetch coco128 cifar100`.
"""

import argparse
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True

import environments
import machine
import models
import program
import records
import training_data
import training_rounds
from bench_peers import require_quiet
from failure import ENVIRONMENT, Failure
from settings import ROOT


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Failure(message + " (--help)")


def _parse(arguments):
    parser = _Parser(prog="bench-training", description="Images a second of training, quench beside Ultralytics, in turn.")
    add = parser.add_argument
    known = training_rounds.SETTINGS
    add("--models", default="yolov8n,yolov8n-cls", help=f"some of {', '.join(known)} [%(default)s]")
    add("--precisions", default="fp32,bf16", help="of quench; Ultralytics trains in fp32 on a CPU [%(default)s]")
    add("--rounds", type=int, default=5, help="rounds in all; those that the records have are kept [%(default)s]")
    add("--threads", type=int, default=os.cpu_count(), help="of both [all processors]")
    add("--processes", default="", help="of quench, which share the threads: some numbers [1, and as many as threads]")
    add("--workers", type=int, default=2, help="data threads, or processes, of both [%(default)s]")
    add("--images", type=int, default=6400, help="training images of CIFAR-100 that are used [%(default)s]")
    add("--python", default="", help="a Python that has ultralytics; default: one is made below --work")
    add("--data-root", default=os.environ.get("QUENCH_DATA") or os.path.expanduser("~/.cache/quench"), help="[%(default)s]")
    add("--machine", default="", help="name of the file of results [made of the processor]")
    add("--results", default=os.path.join(ROOT, "docs/results/speed/training"), help="[docs/results/speed/training]")
    add("--work", default=os.path.join(ROOT, "build/peers"), help="[build/peers]")
    add("--quench", default=os.path.join(ROOT, "build/release/quench"), help="the program [build/release/quench]")
    add("--busy", action="store_true", help="measure on a busy machine too; the page says so")
    add("--table", default="", metavar="RECORDS", help="print the page of a file of records and measure nothing")
    out = parser.parse_args(arguments)
    out.models, out.precisions = [[w for w in text.split(",") if w] for text in (out.models, out.precisions)]
    unknown = [name for name in out.models if name not in known]
    if unknown:
        raise Failure(f"--models: expected some of {', '.join(known)}, got '{unknown[0]}'")
    for flag, value in [("--rounds", out.rounds), ("--threads", out.threads), ("--images", out.images)]:
        if value < 1:
            raise Failure(f"{flag}: expected at least 1, got {value}")
    numbers = out.processes or f"1,{out.threads}"
    if not all(word.isdigit() and int(word) > 0 for word in numbers.split(",")):
        raise Failure(f"--processes: expected numbers from 1 on, got '{numbers}'")
    out.processes = list(dict.fromkeys(int(word) for word in numbers.split(",")))
    return out


def page(all_records):
    """Medians over rounds, and of the ratios of each round."""
    runs = [r for r in all_records if r["kind"] == "run"]
    times = [r for r in all_records if r["kind"] == "time"]
    lines = []
    if runs:
        run = runs[-1]
        busy = max(r["busy"] for r in runs)
        lines += [
            f"# Training on {run['identity']['machine']}",
            "",
            f"{run['identity']['cpu']}, {run['identity']['threads']} threads; quench {run['identity']['quench_version']}, "
            f"{', '.join(f'{k} {v}' for k, v in run['identity']['versions'].items())}. Measured with "
            f"`{run['command']}`"
            + (f"; while something else used {100 * busy:.0f} % of the processors" if busy > machine.BUSY else "")
            + ".",
            "",
        ]
    lines += ["| model | precision | processes | rounds | quench, images/s | Ultralytics, images/s | ratio, median (range) |", "|---|---|---|---|---|---|---|"]
    for model in dict.fromkeys(r["model"] for r in times):
        of = [r for r in times if r["model"] == model]
        theirs = {r["round"]: r["images_per_second"] for r in of if r["runtime"] == "ultralytics"}
        own = [r for r in of if r["runtime"] == "quench"]
        kinds = sorted({(r["precision"], -r["processes"]) for r in own}, reverse=True)
        for precision, processes in [(p, -n) for p, n in kinds]:
            ours = {r["round"]: r["images_per_second"] for r in own if (r["precision"], r["processes"]) == (precision, processes)}
            both = sorted(set(ours) & set(theirs))
            if not both:
                continue
            ratios = [ours[n] / theirs[n] for n in both]
            lines.append(
                f"| {model} | {precision} | {processes} | {len(both)} | {statistics.median(ours[n] for n in both):.1f} | "
                f"{statistics.median(theirs[n] for n in both):.1f} | "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
            )
    return "\n".join(lines) + "\n"


def _python(options):
    if options.python:
        return options.python
    environments.require_venv()
    python, reason = environments.make("ultralytics", options.work)
    if reason:
        raise Failure(f"no environment of Ultralytics: {reason}; --python FILE names one that is there", ENVIRONMENT)
    return python


def measure(options, arguments):
    quench, host = models.Quench(options.quench), machine.describe()
    load, busy = require_quiet(options.busy, 2.0)
    options.python = _python(options)
    versions = training_rounds.versions(options.python)
    makers = {
        "coco128": lambda: training_data.coco128(options.data_root, options.work),
        "cifar100": lambda: training_data.cifar100(options.data_root, options.work, options.images),
    }
    data = {name: makers[training_rounds.SETTINGS[name]["data"]]() for name in options.models}
    identity = {
        "machine": options.machine or machine.kind(host),
        "cpu": host["cpu"],
        "threads": options.threads,
        "workers": options.workers,
        "images": options.images,
        "quench_version": quench.version,
        "quench_sha256": models.digest(quench.path)[:16],
        "versions": versions,
    }
    store = records.Store(os.path.join(options.results, identity["machine"] + ".jsonl"))
    for run in store.all:
        differs = records.what_differs(run["identity"], identity) if run["kind"] == "run" else ""
        if differs:
            raise Failure(f"{store.path} has records of other conditions ({differs}): --machine NAME keeps both")
    command = program.command("bench-training", arguments)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    store.append({"kind": "run", "identity": identity, "load_average": load, "busy": busy, "command": command, "time": now})
    try:
        training_rounds.run(options, data, store)
    finally:
        text = page(store.all)
        with open(store.path[: -len("jsonl")] + "md", "w", encoding="utf-8") as file:
            file.write(text)
    print(text, end="")


if __name__ == "__main__":
    sys.exit(program.run("bench-training", sys.argv[1:], _parse, page, measure))
