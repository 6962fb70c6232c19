"""The command line."""

import argparse
import os

import peers
from failure import Failure

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODELS = ["yolov5n", "yolov8n"]


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Failure(message + " (--help)")


def _list(text):
    return [word for word in text.split(",") if word]


def _numbers(flag, text, allowed=None):
    try:
        numbers = [int(word) for word in _list(text)]
    except ValueError as error:
        raise Failure(f"{flag}: expected numbers like 1,2, got '{text}'") from error
    if not numbers or min(numbers) < 1 or (allowed and not set(numbers) <= allowed):
        raise Failure(
            f"{flag}: expected {' or '.join(map(str, sorted(allowed))) if allowed else 'numbers from 1 on'}, "
            f"got '{text}'"
        )
    return numbers


def _parser():
    parser = _Parser(
        prog="bench-peers", description="Latency of quench's native engine beside other runtimes, in turn."
    )
    add = parser.add_argument
    add("--models", default=",".join(MODELS), help="models by name, of quench [%(default)s]")
    add(
        "--weights",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="weights of a model; default: those that `quench fetch` has or gets, else initial ones",
    )
    add("--initial-weights", action="store_true", help="fetch nothing")
    add("--imgsz", type=int, default=640, help="image side in pixels [%(default)s]")
    add("--bits", default="8,32", help="8: INT8, 32: FP32 [%(default)s]")
    add("--threads", default="1,2", help="numbers of threads [%(default)s]")
    add(
        "--isa",
        default="",
        help="instruction sets, of avx2 avx-vnni avx512 avx512-vnni neon neon-dot, or auto: nobody is capped "
        "[all that this processor has; avx512 where there is no VNNI]",
    )
    add("--runtimes", default=",".join(peers.BY_NAME), help="peers [%(default)s]")
    add(
        "--rounds",
        type=int,
        default=7,
        help="rounds in all; those that the records have are not measured again [%(default)s]",
    )
    add("--min-samples", type=int, default=30, help="timed runs of a round at least [%(default)s]")
    add("--min-seconds", type=float, default=1.0, help="seconds of timed runs of a round at least [%(default)s]")
    add("--machine", default="", help="name of the files of results [made of the processor]")
    add("--results", default=os.path.join(ROOT, "docs/results/speed"), help="folder of results [docs/results/speed]")
    add("--work", default=os.path.join(ROOT, "build/peers"), help="folder of environments and models [build/peers]")
    add("--quench", default=os.path.join(ROOT, "build/release/quench"), help="the program [build/release/quench]")
    add("--anew", action="store_true", help="put the records of this machine aside (below --work) and begin again")
    add(
        "--watch-seconds",
        type=float,
        default=2.0,
        help="how long to watch what else runs, before the first round; a quarter of it before each cell [%(default)s]",
    )
    add("--busy", action="store_true", help="measure on a busy machine too; the page says so")
    add("--table", default="", metavar="RECORDS", help="print the page of a file of records and measure nothing")
    return parser


def parse(arguments):
    """Throws Failure for what cannot be."""
    out = _parser().parse_args(arguments)
    out.models, out.isa = _list(out.models), _list(out.isa)
    out.bits = _numbers("--bits", out.bits, {8, 32})
    out.threads = _numbers("--threads", out.threads)
    unknown = [name for name in _list(out.runtimes) if name not in peers.BY_NAME]
    if unknown:
        raise Failure(f"--runtimes: expected some of {', '.join(peers.BY_NAME)}, got '{unknown[0]}'")
    out.peers = [peers.BY_NAME[name] for name in _list(out.runtimes)]
    out.given = {}
    for text in out.weights:
        name, _, path = text.partition("=")
        if not path or name not in out.models:
            raise Failure(f"--weights: expected NAME=FILE with a name of --models, got '{text}'")
        out.given[name] = path
    for flag, value, least in [
        ("--rounds", out.rounds, 1),
        ("--imgsz", out.imgsz, 32),
        ("--min-samples", out.min_samples, 1),
        ("--min-seconds", out.min_seconds, 0),
        ("--watch-seconds", out.watch_seconds, 0),
    ]:
        if value < least:
            raise Failure(f"{flag}: expected at least {least}, got {value}")
    if out.imgsz % 32:
        raise Failure(f"--imgsz: expected a multiple of 32, got {out.imgsz}")
    if os.path.basename(out.machine) != out.machine:
        raise Failure(f"--machine: expected a name, not a path, got '{out.machine}'")
    return out
