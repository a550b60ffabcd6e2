r"""The text of a session, a line for each thing that happened, in order.

`# driver {"name": "keithley-2450", "settings": {"nplc": 1.0}}` stands at the top. Then, each after
its time in seconds since the first: `! read` is asked of the driver (its arguments as JSON behind
it), `= {"voltage_V": 3.7}` is what it gave and `= LinkTimeout` what it raised; `> *IDN?\n` was
sent, `< 3.7E+00\n` received, `x` received and thrown away unread. `= CancelledError`: at that time
nobody wanted to know any more.
"""

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from labctl.bench.model import BenchError

Note = Callable[[float, str, bytes], None]
HEAD = "# driver "
SIGNS = "!=><x"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; `data` is the bytes, or the text of a call or result as bytes."""

    time_s: float
    sign: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it was written down."""

    driver: str
    settings: Mapping[str, object]
    lines: tuple[Line, ...]


def writing_to(path: Path, head: str | None = None) -> Note:
    """Writes each line as it happens, whole on the disk before the run goes on: a session is for
    finding out what was on the wire when something broke.

    Raises BenchError when the file cannot be made, or is there: it may be another session.
    """
    began_s: list[float] = []
    try:
        with path.open("x", encoding="ascii", newline="\n") as file:
            file.write("" if head is None else f"{HEAD}{head}\n")
    except FileExistsError as error:
        raise BenchError(f"{path} is there already: name a new file") from error
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}") from error

    def write(time_s: float, sign: str, data: bytes) -> None:
        if not began_s:
            began_s.append(time_s)
        shown = data.decode("ascii") if sign in "!=" else repr(data)[2:-1]
        with path.open("a", encoding="ascii", newline="\n") as file:
            file.write(f"{time_s - began_s[0]:.6f} {sign} {shown}\n")

    return write


def head_of(driver: str, settings: Mapping[str, object]) -> str:
    """What the first line says."""
    return json.dumps({"name": driver, "settings": dict(settings)})


def read_session(path: Path) -> Session:
    """A session from its file. Raises ValueError naming the line that is none."""
    text = path.read_text(encoding="ascii").splitlines()
    if not text or not text[0].startswith(HEAD):
        raise ValueError(f"{path.name}:1: a session begins with `{HEAD}{{…}}`")
    head = json.loads(text[0].removeprefix(HEAD))
    return Session(head["name"], head["settings"], tuple(_lines(path.name, text)))


def _lines(name: str, text: list[str]) -> Iterator[Line]:
    for number, line in enumerate(text[1:], 2):
        if not line or line.startswith("#"):
            continue
        time, _, rest = line.partition(" ")
        sign, _, shown = rest.partition(" ")
        try:
            if sign not in SIGNS or len(sign) != 1:
                raise ValueError(f"{sign!r} is none of {SIGNS}")
            data = shown.encode() if sign in "!=" else _bytes(shown)
            yield Line(float(time), sign, data)
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"{name}:{number}: no line of a session: {error}") from error


def _bytes(shown: str) -> bytes:
    quote = '"' if "'" in shown.replace("\\'", "") else "'"
    found = ast.literal_eval(f"b{quote}{shown}{quote}")
    if not isinstance(found, bytes):
        raise ValueError("no bytes")
    return found
