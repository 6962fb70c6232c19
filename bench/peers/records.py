"""The records of one kind of machine: a file of JSON lines that is only ever appended to.

`kind: run` (the machine and its conditions, at each start), `kind: time` (one round of one contender in one cell),
`kind: hole` (a contender that a cell does not have, and why). Keys are spelled as in quench's own records where both
have them.
"""

import json
import os

from failure import Failure

CELL = ("bits_w", "isa", "model", "threads")


def read(path):
    """All whole lines; the last one may be cut off where a process was killed. Throws Failure for others."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    out = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            if number == len(lines):  # no newline behind it
                break
            raise Failure(f"{path}, line {number}: expected JSON ({error})") from error
        if not isinstance(record, dict) or record.get("kind") not in ("run", "time", "hole"):
            raise Failure(f"{path}, line {number}: expected a record with kind run, time or hole")
        out.append(record)
    return out


class Store:
    """Appends, one line at a time, each on the disk before the next is measured."""

    def __init__(self, path):
        self.path, self.all = path, read(path)
        if self.all:  # a line that was cut off would swallow the next one
            with open(path, "rb+") as file:
                data = file.read()
                if not data.endswith(b"\n"):
                    file.truncate(data.rfind(b"\n") + 1)

    def append(self, record):
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.all.append(record)

    def has_time(self, cell, runtime, number):
        return any(
            r["kind"] == "time"
            and r["runtime"] == runtime
            and r["round"] == number
            and all(r[key] == cell[key] for key in CELL)
            for r in self.all
        )


def what_differs(before, now):
    """Between the `identity` of two runs, in words; '' if they may stand in one table. A run that names fewer models or
    peers goes on where the other stopped."""
    out = []
    for key in sorted(set(before) | set(now)):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            out += [
                f"{key} {name}: {old[name]}, now {new[name]}"
                for name in sorted(set(old) & set(new))
                if old[name] != new[name]
            ]
        elif old != new:
            out.append(f"{key}: {old}, now {new}")
    return "; ".join(out)
