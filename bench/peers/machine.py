"""What machine this is, and whether something else runs on it."""

import os
import platform
import re
import subprocess
import time

from failure import Failure
from peers import ALL, NEEDED

BUSY = 0.10  # share of all processors' time; a quiet machine with a few daemons stays below 0.02


def _first(text, key):
    found = re.search(rf"^{key}\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else ""


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _lscpu():
    try:
        return subprocess.run(
            ["lscpu"], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return ""


def describe():
    """A JSON object: processor, flags, cores, governor, memory, kernel."""
    cpuinfo, lscpu = _read("/proc/cpuinfo"), _lscpu()
    flags = (_first(cpuinfo, "flags") or _first(cpuinfo, "Features")).split()
    governors = {
        _read(f"/sys/devices/system/cpu/cpu{i}/cpufreq/scaling_governor").strip() for i in range(os.cpu_count() or 1)
    } - {""}
    kilobytes = _first(_read("/proc/meminfo"), "MemTotal").split(" ")[0]
    return {
        "cpu": _first(cpuinfo, "model name") or _first(lscpu, "Model name") or platform.machine(),
        "cpu_family": _first(cpuinfo, "cpu family"),
        "cpu_model": _first(cpuinfo, "model") or _first(cpuinfo, "CPU part"),
        "flags": sorted(set(flags)),
        "cpus": os.cpu_count() or 1,
        "cpus_allowed": len(os.sched_getaffinity(0)),
        "threads_per_core": _first(lscpu, r"Thread\(s\) per core"),
        "hypervisor": _first(lscpu, "Hypervisor vendor") or None,
        "governor": ", ".join(sorted(governors)) or None,
        "memory_gib": round(int(kilobytes) / 2**20, 1) if kilobytes.isdigit() else None,
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
    }


def best_isa(flags):
    """The best instruction set of quench that a machine with `flags` has, or ''."""
    have = [isa for isa, needed in NEEDED.items() if needed <= set(flags)]
    return have[-1] if have else ""


def columns(flags, asked):
    """The instruction sets to measure: those `asked` for, else all that quench has kernels for here.

    AVX-512 without VNNI is measured where there is no VNNI, or where it is asked for.
    """
    known = [*NEEDED, ALL]
    for isa in asked or []:
        if isa not in known:
            raise Failure(f"--isa: expected one of {', '.join(known)}, got '{isa}'")
        missing = sorted(NEEDED.get(isa, set()) - set(flags))
        if missing:
            raise Failure(f"--isa {isa}: this processor has no {', '.join(missing)}")
    here = [isa for isa in NEEDED if NEEDED[isa] <= set(flags)]
    if "avx512-vnni" in here:
        here = [isa for isa in here if isa != "avx512"]
    return list(dict.fromkeys(asked or [])) or here or [ALL]


def kind(machine):
    """A name for file names: amd-epyc-25-17-2cpu-avx512-vnni."""
    parts = [
        re.sub(r"\(r\)|\(tm\)|\bcpu\b|\bprocessor\b|@.*", " ", machine["cpu"].lower()),
        machine["cpu_family"],
        machine["cpu_model"],
        f"{machine['cpus']}cpu",
        best_isa(machine["flags"]),
    ]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(part for part in parts if part)).strip("-")


def _busy_ticks():
    fields = [int(word) for word in _read("/proc/stat").split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)


def busy_share(seconds):
    """Share of all processors' time used in the next `seconds`, by whatever runs; 0 where the system does not say."""
    try:
        busy, total = _busy_ticks()
        time.sleep(seconds)
        busy_after, total_after = _busy_ticks()
    except (ValueError, IndexError):
        return 0.0
    return round((busy_after - busy) / max(1, total_after - total), 3)


def load_average():
    return [round(value, 2) for value in os.getloadavg()]
