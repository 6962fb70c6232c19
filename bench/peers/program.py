"""What the programs of this folder do alike: the page of a file of records, or measurements; failures and Ctrl-C."""

import os
import re
import shlex
import sys

import records
from failure import Failure


def run(name, arguments, parse, page, measure):
    """The exit code. `parse(arguments)` gives options with `table`, a file of records or nothing; `page(records)` the
    text that `--table` prints; `measure(options, arguments)` does all else."""
    try:
        options = parse(arguments)
        if options.table:
            if not os.path.exists(options.table):
                raise Failure(f"--table {options.table}: no such file")
            print(page(records.read(options.table)), end="")
        else:
            measure(options, arguments)
        return 0
    except Failure as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print(f"{name}: stopped; what was measured is kept, and the same command goes on from there", file=sys.stderr)
        return 130


def command(name, arguments):
    """What was called, for a page: files by their names, for folders are this machine's own."""
    named = [re.sub(r"(^|=)[^=]*/", r"\1", argument) for argument in arguments]
    return f"make {name}" + (f' ARGS="{shlex.join(named)}"' if named else "")
