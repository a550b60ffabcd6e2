"""The `labctl` command."""

import sys
from collections.abc import Sequence
from types import FrameType


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code (design §10)."""
    from labctl.signals import ignore_signals, signals_to

    with signals_to(_interrupt):
        try:
            from labctl.cli.app import run_command

            code = run_command(list(sys.argv[1:] if arguments is None else arguments))
        except KeyboardInterrupt:
            print("labctl: stopped", file=sys.stderr)
            code = 130
        if arguments is None:
            ignore_signals()
        return code


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to end.

    Of its own class, because CPython 3.11 ends itself by SIGINT, whatever exit code was asked
    for, once a plain KeyboardInterrupt has passed through an `exec`.
    """


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Until a command has its own way to end, every such signal is a Ctrl-C."""
    raise Interrupted


if __name__ == "__main__":
    sys.exit(main())
