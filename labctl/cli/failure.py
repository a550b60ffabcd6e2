"""What an exception means to the user: lines for standard error and an exit code."""

from collections.abc import Iterator

from labctl.cli.exits import BAD_INPUT, BUG, FAULT, STORAGE, Refused

BUG_LINE = (
    "labctl: this is a bug in labctl: {name}: {text} (run it again with --debug and report it)"
)


def lines_and_code(error: BaseException) -> tuple[list[str], int]:
    """One line per error, and the exit code of design §10."""
    if isinstance(error, Refused):
        return [_prefixed(line) for line in error.lines], error.exit_code
    for kind, code in _known():
        if isinstance(error, kind):
            return _lines(error), code
    if isinstance(error, OSError) and error.filename is not None:
        return [f"labctl: {error.filename}: {error.strerror}"], BAD_INPUT
    text = " ".join(str(error).split())
    return [BUG_LINE.format(name=type(error).__name__, text=text)], BUG


def _known() -> Iterator[tuple[type[BaseException], int]]:
    from labctl.bench.model import BenchError
    from labctl.journal.errors import JournalError, StorageFault
    from labctl_drivers.errors import InstrumentError
    from labctl_protocols.problems import ProtocolError

    yield ProtocolError, BAD_INPUT
    yield BenchError, BAD_INPUT
    yield StorageFault, STORAGE
    yield JournalError, BAD_INPUT
    yield InstrumentError, FAULT


def _lines(error: BaseException) -> list[str]:
    from labctl_drivers.errors import InstrumentError
    from labctl_protocols.problems import ProtocolError

    if isinstance(error, ProtocolError):
        return [str(problem) for problem in error.problems]
    if isinstance(error, InstrumentError):
        where = "".join(f"{note}: " for note in dict.fromkeys(getattr(error, "__notes__", ())))
        return [f"labctl: {where}{type(error).__name__}: {error}"]
    return [f"labctl: {error}"]


def _prefixed(line: str) -> str:
    return f"labctl: {line}"
