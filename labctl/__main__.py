"""The `labctl` command."""

import sys
from collections.abc import Sequence
from types import FrameType


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code (design §10)."""
    from labctl.signals import TERMINATIONS, signals_to

    try:
        with signals_to(_interrupt, TERMINATIONS):
            from labctl.cli.app import run_command

            return run_command(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        print("labctl: stopped", file=sys.stderr)
        return 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Until a command has its own way to end, every such signal is a Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
