"""The measurement: cell by cell, round by round, the contenders of a cell one after the other in an order of chance.

So each time of quench has one of every peer within seconds of it, and a drift of the machine's speed (heat, neighbours
on a shared machine) touches all alike. Every time is of a new process: where memory lies differs from one to the next.
"""

import random
import sys
import time

import call
import machine
import models
from peers import OURS


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _measure(settings, quench, cell, contender):
    if contender.name == OURS:
        return call.quench_bench(
            quench.path, contender.file, cell["isa"], cell["threads"], settings.min_samples, settings.min_seconds
        )
    job = {**contender.job, "do": "time", "min_samples": settings.min_samples, "min_seconds": settings.min_seconds}
    return call.worker(contender.python, job, contender.environment)


def run(settings, quench, plan, store):
    """Appends the rounds that the store lacks. KeyboardInterrupt goes through: what was measured is in the store."""
    for number in range(1, settings.rounds + 1):
        for cell, contenders in plan:
            left = [c for c in contenders if not store.has_time(cell, c.name, number)]
            # Only whole groups: a time of an earlier start was not seconds away.
            if not left:
                continue
            before = machine.busy_share(settings.watch_seconds / 4)
            said = []
            for contender in random.Random(f"{number} {cell}").sample(contenders, len(contenders)):
                record = {
                    "kind": "time",
                    **cell,
                    "bits_a": cell["bits_w"],
                    "runtime": contender.name,
                    "round": number,
                    "busy_before": before,
                    "environment": contender.environment,
                }
                try:
                    record.update(status="ok", reason=None, **_measure(settings, quench, cell, contender))
                    said.append(f"{contender.name} {record['latency_p50_ns'] / 1e6:.2f}")
                except call.Refused as error:
                    record.update(status="failed", reason=str(error))
                    said.append(f"{contender.name} failed: {error}")
                store.append({**record, "time": _now()})
            warning = f"; warning: {100 * before:.0f} % of the processors were busy" if before > machine.BUSY else ""
            print(
                f"round {number} of {settings.rounds}, {cell['model']} {models.PRECISION[cell['bits_w']]} "
                f"{cell['isa']} threads {cell['threads']}: {', '.join(said)} ms{warning}",
                file=sys.stderr,
                flush=True,
            )
