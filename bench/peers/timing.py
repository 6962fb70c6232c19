"""How a peer is timed: by the rules of `quench bench` (docs/runtimes.md, "Latency")."""

import math
import time

_WINDOW_RUNS, _WINDOW_NS, _STEADY, _LIMIT_NS = 10, 50_000_000, 0.02, 5_000_000_000


def percentile(times, percent):
    """By nearest rank."""
    return sorted(times)[max(0, math.ceil(len(times) * percent / 100) - 1)]


def _window(run, runs, nanoseconds):
    times, begin = [], time.perf_counter_ns()
    while len(times) < runs or time.perf_counter_ns() - begin < nanoseconds:
        start = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - start)
    return times


def warm_up(run):
    """Until the medians of two windows in a row differ by at most 2 %, or 5 s. Returns whether they came to."""
    begin, before = time.perf_counter_ns(), None
    while True:
        median = percentile(_window(run, _WINDOW_RUNS, _WINDOW_NS), 50)
        if before is not None and abs(median - before) <= _STEADY * before:
            return True
        if time.perf_counter_ns() - begin > _LIMIT_NS:
            return False
        before = median


def measure(run, min_samples, min_seconds):
    """A part of a record: latency_p50_ns, latency_samples, steady."""
    steady = warm_up(run)
    times = _window(run, min_samples, int(min_seconds * 1e9))
    return {"latency_p50_ns": percentile(times, 50), "latency_samples": len(times), "steady": steady}
