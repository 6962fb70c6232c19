"""The one exception of these scripts: what a person can mend, said in one line."""

USAGE, ENVIRONMENT = 2, 3  # exit codes, as quench's


class Failure(Exception):
    """`str()` is the message, without the program's name; `code` the exit code."""

    def __init__(self, message, code=USAGE):
        super().__init__(message)
        self.code = code
