#!/usr/bin/env python3
"""`make bench-peers`: quench beside the runtimes of PyPI, pair by pair (docs/results/speed/README.md).

Needs Python 3.9 or later with venv. Everything else lies in scratch environments below build/peers.
"""

import os
import platform
import sys
import time

sys.dont_write_bytecode = True  # the sources' folder is no place for it

import environments
import machine
import models
import plan
import program
import records
import rounds
import settings
import table
from failure import ENVIRONMENT, Failure

_BEGIN, _END = "<!-- machines: written by make bench-peers -->", "<!-- end of machines -->"


def _write(path, text):
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".part", path)


def write_pages(results, name):
    """The page of this machine, and the list of all machines in the README."""
    page = os.path.join(results, name + ".md")
    _write(page, table.page(records.read(os.path.join(results, name + ".jsonl"))))
    readme = os.path.join(results, "README.md")
    if os.path.exists(readme):
        with open(readme, encoding="utf-8") as file:
            text = file.read()
        if _BEGIN in text and _END in text:
            names = sorted(file[: -len(".jsonl")] for file in os.listdir(results) if file.endswith(".jsonl"))
            listing = table.listing([(n, records.read(os.path.join(results, n + ".jsonl"))) for n in names])
            head, tail = text.split(_BEGIN)[0], text.split(_END)[1]
            _write(readme, f"{head}{_BEGIN}\n{listing}\n{_END}{tail}")
    return page


def require_quiet(allowed, seconds):
    """(load averages, busy share of some seconds). Throws Failure on a busy machine unless that is `allowed`."""
    load, busy = machine.load_average(), machine.busy_share(seconds)
    if busy > machine.BUSY:
        said = (
            f"this machine is busy: {100 * busy:.0f} % of its processors' time is used by something else (load average "
            f"{load[0]:g}, {os.cpu_count()} processors), and times would say little"
        )
        if not allowed:
            raise Failure(said + "; wait, or measure all the same with --busy", ENVIRONMENT)
        print(f"bench-peers: warning: {said}", file=sys.stderr)
    return load, busy


def _store(options, identity):
    """The records of this machine. Throws Failure if they are of something else."""
    path = os.path.join(options.results, identity["machine"] + ".jsonl")
    if options.anew and os.path.exists(path):
        aside = os.path.join(options.work, f"{identity['machine']}-{int(time.time())}.jsonl")
        os.makedirs(options.work, exist_ok=True)
        os.replace(path, aside)
        print(f"bench-peers: the records so far are now {aside}", file=sys.stderr)
    store = records.Store(path)
    for run in store.all:
        differs = records.what_differs(run["identity"], identity) if run["kind"] == "run" else ""
        if differs:
            raise Failure(
                f"{path} has records of other conditions ({differs}): --anew puts them aside, "
                "--machine NAME keeps both"
            )
    return store


def measure(options, arguments):
    environments.require_venv()
    quench = models.Quench(options.quench)
    host = machine.describe()
    isas = machine.columns(host["flags"], options.isa)
    too_many = [n for n in options.threads if n > host["cpus_allowed"]]
    if too_many:
        print(
            f"bench-peers: {too_many[0]} threads are left out: this process has {host['cpus_allowed']} processors",
            file=sys.stderr,
        )
        options.threads = [n for n in options.threads if n not in too_many]
    load, busy = require_quiet(options.busy, options.watch_seconds)
    pythons = {peer.name: environments.make(peer.name, options.work) for peer in options.peers}
    for name, (_, reason) in pythons.items():
        if reason:
            print(f"bench-peers: SKIPPED {name}: {reason}", file=sys.stderr)
    if not any(python for python, _ in pythons.values()):
        raise Failure("no peer can be measured: none could be installed", ENVIRONMENT)
    networks = []
    for name in options.models:
        model, said = models.weights(quench, name, options.given.get(name), options.initial_weights)
        networks.append(models.Model(quench, name, options.imgsz, model, said, options.work))
    cells, holes, versions = plan.make(options, pythons, networks, isas, host["flags"])
    identity = {
        "machine": options.machine or machine.kind(host),
        "cpu": host["cpu"],
        "cpus": host["cpus_allowed"],
        "quench_version": quench.version,
        "quench_sha256": models.digest(quench.path)[:16],
        "imgsz": options.imgsz,
        "versions": versions,
        "weights": {n.name: n.weights for n in networks},
        "min_samples": options.min_samples,
        "min_seconds": options.min_seconds,
    }
    store = _store(options, identity)
    store.append(
        {
            "kind": "run",
            "machine": host,
            "identity": identity,
            "load_average": load,
            "busy": busy,
            "python": platform.python_version(),
            "command": program.command("bench-peers", arguments),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
    )
    for hole in holes:
        if hole not in store.all:
            store.append(hole)
    try:
        rounds.run(options, quench, cells, store)
    finally:
        page = write_pages(options.results, identity["machine"])
        print(f"bench-peers: wrote {page}", file=sys.stderr)
    with open(page, encoding="utf-8") as file:
        print(file.read(), end="")


if __name__ == "__main__":
    sys.exit(program.run("bench-peers", sys.argv[1:], settings.parse, table.page, measure))
