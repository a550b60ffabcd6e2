"""Exit codes, and the errors that end a command with one line each on standard error."""

from collections.abc import Sequence

COMPLETED = 0
BAD_INPUT = 2
LIMIT = 3
FAULT = 4
STORAGE = 5
INTEGRITY = 6
BUG = 70
STOPPED = 130


class Refused(Exception):
    """The command ends here: each line goes to standard error, then this exit code."""

    def __init__(self, *lines: str, exit_code: int = BAD_INPUT) -> None:
        super().__init__("; ".join(lines))
        self.lines: Sequence[str] = lines
        self.exit_code = exit_code
