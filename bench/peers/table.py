"""From records to the page of one kind of machine."""

import summary
from machine import BUSY
from peers import BY_NAME, OURS

_PRECISION = {32: "FP32", 8: "INT8"}


def _text(value):
    """Text of records in a cell or a line of Markdown."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


def _title(runtime):
    return BY_NAME[runtime].title if runtime in BY_NAME else _text(runtime)


def _milliseconds(spread):
    middle, low, high = (value / 1e6 for value in spread)
    digits = 1 if middle >= 20 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


class _Notes:
    """Reasons, numbered, each said once."""

    def __init__(self):
        self.all = []

    def number(self, reason):
        if reason not in self.all:
            self.all.append(reason)
        return self.all.index(reason) + 1


def _cell(cell, runtime, notes):
    spread = cell.median(runtime)
    if spread is not None:
        return _milliseconds(spread)
    if runtime in cell.reasons:
        status, reason = cell.reasons[runtime]
        word = {"skipped": "SKIPPED", "unsupported": "not capped"}.get(status, _text(status))
        return f"{word} [{notes.number(f'{_title(runtime)}: {reason}')}]"
    return ""


def _verdict(ratio, goal):
    """Whether every round meets the goal, or none, or which side the median is on."""
    middle, low, high = ratio
    if low <= goal < high:
        return "median: yes" if middle <= goal else "median: no"
    return "yes" if high <= goal else "no"


def _table(group, runtimes, bits, isa, notes):
    goal = summary.goal(bits, isa)
    head = ["model", "threads", *(_title(runtime) for runtime in runtimes), "quench / fastest peer", "fastest peer"]
    if goal is not None:
        head.append(f"at most {goal:g}")
    rows = [head, ["---"] * len(head)]
    for (_, _, model, threads), cell in group:
        ratio = cell.ratio()
        row = [_text(model), str(threads), *(_cell(cell, runtime, notes) for runtime in runtimes)]
        row += [f"{ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})", _title(cell.fastest())] if ratio else ["", ""]
        if goal is not None:
            row.append(_verdict(ratio, goal) if ratio else "")
        rows.append(row)
    return ["| " + " | ".join(row) + " |" for row in rows]


def _warnings(all_records):
    times = [r for r in all_records if r["kind"] == "time" and r["status"] == "ok"]
    busy = [r for r in times if r.get("busy_before", 0) > BUSY]
    unsteady = [r for r in times if not r.get("steady", True)]
    out = []
    if busy:
        out.append(
            f"- **Not a quiet machine**: before {len(busy)} of {len(times)} times more than {100 * BUSY:.0f} % of the "
            "processors' time was used by something else."
        )
    if unsteady:
        out.append(
            f"- {len(unsteady)} of {len(times)} times began before the warm-up was steady " "(two windows within 2 %)."
        )
    return out


def _run_lines(runs):
    last = runs[-1]
    machine, identity = last["machine"], last["identity"]
    versions = {}  # a later start may have named fewer peers
    for run in runs:
        versions.update(run["identity"]["versions"])
    begun = ", ".join(
        f"{run['time']} (load {run['load_average'][0]:g}, {100 * run['busy']:.0f} % busy)" for run in runs
    )
    lines = [
        f"- Machine: {_text(machine['cpu'])}, family {_text(machine['cpu_family'] or '-')} model "
        f"{_text(machine['cpu_model'] or '-')}, {machine['cpus_allowed']} of {machine['cpus']} processors, "
        f"{machine['memory_gib']} GiB, {_text(machine['system'])}"
        f"{', on ' + _text(machine['hypervisor']) if machine['hypervisor'] else ''}.",
        f"- Governor: {_text(machine['governor'] or 'none to read')}. Begun {begun}.",
        "- Versions: "
        + "; ".join(
            [f"quench {_text(identity['quench_version'])}"]
            + [f"{_title(name)} {_text(version)}" for name, version in sorted(versions.items())]
            + [f"Python {_text(last['python'])}"]
        )
        + ".",
        f"- {identity['imgsz']} px, batch 1, the raw forward pass. Weights: "
        + "; ".join(
            f"{_text(name)}: {_text(said)}"
            for name, said in sorted(
                {key: value for run in runs for key, value in run["identity"]["weights"].items()}.items()
            )
        )
        + ".",
        f"- Command: `{_text(last['command'])}`",
    ]
    return lines


def page(all_records):
    """Markdown, ending in a newline. Records of no run at all give a page that says so."""
    runs = [r for r in all_records if r["kind"] == "run"]
    cells = summary.cells(all_records)
    name = runs[-1]["identity"]["machine"] if runs else "no run"
    lines = [
        f"# Speed beside other runtimes: {_text(name)}",
        "",
        "Written by `make bench-peers` from the records beside it; [how to read it](README.md). Milliseconds: median "
        "over rounds of the round's p50 (lowest to highest round).",
        "",
    ]
    if runs:
        lines += _run_lines(runs)
    lines += _warnings(all_records)
    notes = _Notes()
    runtimes = [OURS, *(name for name in BY_NAME if any(name in c.times or name in c.reasons for c in cells.values()))]
    for bits, isa in sorted({key[:2] for key in cells}, key=lambda pair: (pair[0], pair[1])):
        group = sorted(
            ((key, cell) for key, cell in cells.items() if key[:2] == (bits, isa)), key=lambda item: item[0][2:]
        )
        rounds = sorted({len(times) for _, cell in group for times in cell.times.values()} - {0})
        said = (
            "no round"
            if not rounds
            else f"{rounds[0]} rounds" if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]} rounds"
        )
        lines += ["", f"## {_PRECISION.get(bits, str(bits))}, {isa}", "", f"{said.replace('1 rounds', '1 round')}.", ""]
        lines += _table(group, runtimes, bits, isa, notes)
    if notes.all:
        lines += ["", "Why there is no time:", ""]
        lines += [f"{number}. {_text(reason)}" for number, reason in enumerate(notes.all, 1)]
    return "\n".join(lines) + "\n"


def listing(pages):
    """The list of machines in the README: [(file name, all records)]."""
    rows = ["| machine | instruction sets | rounds | quench / fastest peer, INT8 | FP32 |", "|---|---|---|---|---|"]
    for name, all_records in pages:
        cells = summary.cells(all_records)
        isas = sorted({key[1] for key in cells})
        rounds = max((len(times) for cell in cells.values() for times in cell.times.values()), default=0)
        rows.append(
            f"| [{name}]({name}.md) | {', '.join(isas)} | {rounds} | {_range(cells, 8, isas)} | "
            f"{_range(cells, 32, isas)} |"
        )
    return "\n".join(rows) if pages else "No machine has been measured yet."


def _range(cells, bits, isas):
    out = []
    for isa in isas:
        ratios = [cell.ratio()[0] for key, cell in cells.items() if key[:2] == (bits, isa) and cell.ratio()]
        if ratios:
            out.append(f"{isa} {min(ratios):.2f} to {max(ratios):.2f}")
    return ", ".join(out)
