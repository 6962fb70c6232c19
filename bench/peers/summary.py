"""From records to the figures of a table: medians over rounds, their spread, and paired ratios."""

import statistics

from peers import OURS
from records import CELL

# What the project wants of the native engine: its time by that of the fastest peer.
GOALS = {(8, "avx2"): 0.67, (8, "avx512-vnni"): 0.5}
GOAL_FLOAT = 0.9


def goal(bits, isa):
    return GOAL_FLOAT if bits == 32 else GOALS.get((bits, isa))


class Cell:
    """One row of a table: the times of each contender by round, in ns, and why others have none."""

    def __init__(self):
        self.times, self.reasons = {}, {}

    def add(self, record):
        """Later records replace earlier ones of the same round."""
        runtime = record["runtime"]
        if record["kind"] == "time" and record["status"] == "ok":
            self.times.setdefault(runtime, {})[record["round"]] = record["latency_p50_ns"]
        else:
            self.times.get(runtime, {}).pop(record.get("round"), None)
            self.reasons[runtime] = (record["status"], record["reason"])

    def median(self, runtime):
        """(median, lowest, highest) over rounds in ns, or None."""
        return spread(self.times.get(runtime, {}).values())

    def fastest(self):
        """The peer with the lowest median, or None."""
        peers = [runtime for runtime, times in self.times.items() if times and runtime != OURS]
        return min(peers, key=lambda runtime: self.median(runtime)[0], default=None)

    def ratio(self):
        """(median, lowest, highest) over rounds of our time by that of the fastest peer in the same round, or None."""
        peer = self.fastest()
        if peer is None:
            return None
        ours, theirs = self.times.get(OURS, {}), self.times[peer]
        return spread([ours[number] / theirs[number] for number in sorted(set(ours) & set(theirs))])


def spread(values):
    values = list(values)
    return (statistics.median(values), min(values), max(values)) if values else None


def cells(all_records):
    """{(bits_w, isa, model, threads): Cell}, in the order of the records."""
    out = {}
    for record in all_records:
        if record["kind"] in ("time", "hole"):
            out.setdefault(tuple(record[key] for key in CELL), Cell()).add(record)
    return out
