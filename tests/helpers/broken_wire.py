"""A wire that breaks between driver and simulated instrument, and a short run over it.

What the instrument really sent, and what it really presented to the cell, is kept: the journal is
judged by these.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from labctl.bench import default_bench
from labctl.journal import Reader
from labctl.run import conduct as conducting
from labctl.run.request import OnProgress, RunRequest, RunResult
from labctl_drivers.errors import LinkLost
from labctl_protocols.files import load_cell, load_protocol
from labctl_simulators.faults import Fault as WireFault
from labctl_simulators.faults import Faulty, Struck
from labctl_simulators.ports import Source

SHORT = """\
name: short
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
record: all
steps:
  - rest: 2 s
  - plate: 2 mA/cm2 until 10 s
  - strip: 2 mA/cm2 until 8 s or 1 V
  - plate: 1 mA/cm2 until 5 s
  - rest: 2 s
"""
MOST_A = 2e-3 * 1.2
"""Somewhat more than the largest current of that protocol on its cell of 1.131 cm²."""
LOW_V, HIGH_V = -0.5, 1.5
SOURCE_ERROR_V = 6e-3
"""More than a 24xx's source is off on its 20 V range."""
Replies = list[tuple[float, bytes]]
NUMBER = re.compile(rb"[+-]?\d\.\d+[Ee][+-]\d\d")


READS = (b":READ?", b":MEAS?", b"local i,v=")
"""How the lines begin that ask for a reading."""


def watch(terminals: Any) -> list[tuple[float, Source]]:
    """What is presented to the cell from now on, and when."""
    seen: list[tuple[float, Source]] = []
    kind = type(terminals)

    class Watched(kind):  # type: ignore[misc,valid-type]  # whatever the terminals are
        """Terminals that keep what was presented to the cell."""

        __slots__ = ()

        def connect(self, source: Source, now: float) -> None:
            seen.append((now, source))
            super().connect(source, now)

    terminals.__class__ = Watched
    return seen


@dataclass
class Wire:
    """The instrument behind a wire; `fault(wire, n, line, now)` carries the n-th line."""

    firmware: Any
    fault: "Fault"
    k: int
    lines: int = 0
    last: bytes = b""
    reading: bytes = b""
    late_until_s: float = 0.0
    sent: list[tuple[float, ...]] = field(default_factory=list)
    sources: list[tuple[float, Source]] = field(init=False)
    written: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sources = watch(self.firmware.terminals)

    def feed(self, data: bytes, now: float) -> Replies:
        """One line, as the link writes it; no bytes when the instrument itself has to speak."""
        if not data:
            return self.pass_on(data, now)
        n, self.lines = self.lines, self.lines + 1
        self.written.append(data)
        return self.fault(self, n - self.k, data, now)

    def pass_on(self, data: bytes, now: float) -> Replies:
        """To the instrument and back, unbroken; readings are kept as they were sent."""
        replies: Replies = self.firmware.feed(data, now)
        if data.startswith(READS):
            for _, reply in replies:
                self.sent.append(tuple(map(float, NUMBER.findall(reply))))
        if replies:
            self.last = replies[-1][1]
        return replies

    def advance(self, now: float) -> None:
        """Let time pass without traffic."""
        self.firmware.advance(now)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.firmware, name)


Fault = Callable[[Wire, int, bytes, float], Replies]


def sound(wire: Wire, _n: int, data: bytes, now: float) -> Replies:
    """Nothing breaks."""
    return wire.pass_on(data, now)


def once(change: Callable[[Wire, float, bytes], Replies]) -> Fault:
    """The first reply from line k on suffers; the others are whole."""

    def fault(wire: Wire, n: int, data: bytes, now: float) -> Replies:
        before = wire.last
        replies = wire.pass_on(data, now)
        if n >= 0 and replies:
            wire.k = wire.lines + 10**9
            when, reply = replies[0]
            wire.last, changed = before, change(wire, when, reply)
            wire.last = reply
            return changed
        return replies

    return fault


def from_then_on(change: Callable[[Wire, float, bytes], Replies], only: bytes = b"") -> Fault:
    """Every reply to such lines from line k on suffers."""

    def fault(wire: Wire, n: int, data: bytes, now: float) -> Replies:
        replies = wire.pass_on(data, now)
        if n < 0 or not data.startswith(only):
            return replies
        return [part for when, reply in replies for part in change(wire, when, reply)]

    return fault


def command_lost(wire: Wire, n: int, data: bytes, now: float) -> Replies:
    """Line k never reaches the instrument."""
    return [] if n == 0 else wire.pass_on(data, now)


def broken_once(wire: Wire, n: int, data: bytes, now: float) -> Replies:
    """The connection breaks at line k; a new one can be made."""
    if n == 0:
        raise LinkLost("broken")
    return wire.pass_on(data, now)


def unplugged(wire: Wire, n: int, data: bytes, now: float) -> Replies:
    """The cable is out from line k on."""
    if n >= 0:
        raise LinkLost("unplugged")
    return wire.pass_on(data, now)


def unplugged_for_5_s(wire: Wire, n: int, data: bytes, now: float) -> Replies:
    """The cable is out from line k on, for 5 s."""
    if n == 0:
        wire.late_until_s = now + 5.0
    if n >= 0 and now < wire.late_until_s:
        raise LinkLost("unplugged")
    return wire.pass_on(data, now)


def power_cycled(wire: Wire, n: int, data: bytes, now: float) -> Replies:
    """The mains blink just before line k."""
    if n == 0:
        wire.firmware.power_cycle(now)
    return wire.pass_on(data, now)


def stuck_on(wire: Wire, n: int, data: bytes, now: float) -> Replies:
    """From line k on the output does not switch off any more."""
    return [] if n >= 0 and data == b":OUTP OFF\n" else wire.pass_on(data, now)


def deaf(wire: Wire, n: int, data: bytes, now: float) -> Replies:
    """From line k on nothing reaches the instrument."""
    return [] if n >= 0 else wire.pass_on(data, now)


def frozen(wire: Wire, n: int, data: bytes, now: float) -> Replies:
    """From line k on every reading is the last one before it, clock and all."""
    replies = wire.pass_on(data, now)
    if not data.startswith(READS):
        return replies
    if n < 0 or not wire.reading:
        wire.reading = replies[0][1] if replies else b""
        return replies
    return [(when, wire.reading) for when, _ in replies]


def all_late(wire: Wire, n: int, data: bytes, now: float) -> Replies:
    """Reply k comes 1.5 s late, and none overtakes it."""
    replies = wire.pass_on(data, now)
    if n >= 0 and replies and not wire.late_until_s:
        wire.late_until_s = replies[0][0] + 1.5
    return [(max(when, wire.late_until_s), reply) for when, reply in replies]


def _with(number: bytes) -> Callable[[Wire, float, bytes], Replies]:
    return lambda _wire, when, reply: [(when, NUMBER.sub(number, reply))]


ONCE: dict[str, Fault] = {
    "reply dropped": once(lambda _w, _when, _r: []),
    "reply late": once(lambda _w, when, reply: [(when + 1.5, reply)]),
    "replies late": all_late,
    "reply very late": once(lambda _w, when, reply: [(when + 7.0, reply)]),
    "reply cut": once(lambda _w, when, reply: [(when, reply[: len(reply) // 2] + b"\n")]),
    "reply cut by one": once(lambda _w, when, reply: [(when, reply[:-2] + b"\n")]),
    "reply without end": once(lambda _w, when, reply: [(when, reply[:-1])]),
    "reply garbled": once(lambda _w, when, reply: [(when, reply[:2] + b"\x00?" + reply[3:])]),
    "reply twice": once(lambda _w, when, reply: [(when, reply), (when + 0.003, reply)]),
    "reply twice, late": once(lambda _w, when, reply: [(when, reply), (when + 2.0, reply)]),
    "the reply before": once(lambda wire, when, _r: [(when, wire.last)]),
    "overflow": once(_with(b"+9.910000E+37")),
    "sentinel": once(_with(b"9.9E+37")),
    "not a number": once(_with(b"NAN")),
    "command lost": command_lost,
    "connection broken": broken_once,
}
"""Faults that pass."""
LASTING: dict[str, Fault] = {
    "unplugged for 5 s": unplugged_for_5_s,
    "unplugged": unplugged,
    "deaf": deaf,
    "dumb": from_then_on(lambda _w, _when, _r: []),
    "stuck on": stuck_on,
    "power cycle": power_cycled,
    "frozen": frozen,
    "overflow for good": from_then_on(_with(b"9.910000000E+37"), b":READ?"),
}
"""Faults that stay, or that leave the instrument another one."""
FAULTS = ONCE | LASTING


@contextmanager
def broken(fault: Fault, k: int) -> Iterator[list[Wire]]:
    """Every twin that is made while the block is open has a wire that breaks at line k."""
    wires: list[Wire] = []
    whole = conducting.twins_of

    def twins_of(requests: Sequence[RunRequest]) -> list[dict[str, Any]]:
        (twins,) = whole(requests)
        wires.append(Wire(twins["main"].firmware, fault, k))
        return [{**twins, "main": replace(twins["main"], firmware=wires[-1])}]

    with mock.patch.object(conducting, "twins_of", twins_of):
        yield wires


def run_faulty(request: RunRequest, faults: Mapping[str, WireFault], seed: int = 0) -> "Ran":
    """Conduct the run with the simulators' own faults between its instrument and the driver."""
    made: list[Faulty] = []
    whole = conducting.twins_of

    def twins_of(requests: Sequence[RunRequest]) -> list[dict[str, Any]]:
        (twins,) = whole(requests)
        made.append(Faulty(Wire(twins["main"].firmware, sound, 0), faults, seed))
        return [{**twins, "main": replace(twins["main"], firmware=made[0])}]

    with mock.patch.object(conducting, "twins_of", twins_of), no_task_left() as left:
        result = conducting.conduct(request)
    return Ran(result, made[0].firmware, left, tuple(made[0].struck))


@contextmanager
def no_task_left() -> Iterator[list[str]]:
    """Names of tasks that a run left pending, looked for before its loop is closed."""
    left: list[str] = []
    whole = conducting._conduct_all

    async def conduct(*args: Any) -> Any:
        result = await whole(*args)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        left.extend(repr(task) for task in others)
        return result

    with mock.patch.object(conducting, "_conduct_all", conduct):
        yield left


def short_request(folder: Path, driver: str = "keithley-2450", text: str = SHORT) -> RunRequest:
    """The short protocol on a sodium half cell, in memory, in virtual time."""
    path = folder / "short.yaml"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return RunRequest(
        protocol=load_protocol(str(path)),
        cell=load_cell("na-cu-half"),
        bench=default_bench(driver),
        channels={"main": "A1"},
        data=folder / "data",
        model_parameters={"ce": 0.99, "instrument_error": 0.0},
    )


@dataclass(frozen=True)
class Ran:
    """A run over a broken wire: what it came to, and the wire."""

    result: RunResult
    wire: Wire
    left: Sequence[str]
    struck: Sequence[Struck] = ()


def run_broken(
    request: RunRequest, fault: Fault = sound, k: int = 0, on_progress: OnProgress | None = None
) -> Ran:
    """Conduct the run; whatever escapes it escapes here."""
    with broken(fault, k) as wires, no_task_left() as left:
        result = conducting.conduct(request, on_progress)
    (wire,) = wires
    return Ran(result, wire, left)


def check_never_wrong(ran: Ran) -> None:
    """Off and read back, or UNKNOWN; every recorded number is one that the instrument sent."""
    result, wire = ran.result, ran.wire
    assert not ran.left
    unknown = "UNKNOWN" in result.reason
    with Reader(result.folder) as reader:
        rows = list(reader.readings())
        outputs = [event.data for event in reader.events() if event.kind == "output"]
        closing = reader.closing()
        totals = [
            (event.data["step_type"], event.data["capacity_Ah"])
            for event in reader.events()
            if event.kind == "step_ended"
        ]
    assert closing is not None
    assert closing.outcome == result.outcome
    if unknown:
        assert outputs[-1] == {"on": None, "read_back": False}
        assert (result.outcome, result.exit_code) == ("fault", 4)
    else:
        assert outputs[-1] == {"on": False, "read_back": True}
        assert not wire.firmware.output_on
    assert (
        result.exit_code == {"completed": 0, "fault": 4, "limit": 3, "detector": 3}[result.outcome]
    ), result.reason
    _check_readings(rows, wire)
    if result.outcome == "completed" and result.model is not None:
        _check_charge(totals, result)
    check_sources(wire)


def _check_readings(rows: Sequence[Any], wire: Wire) -> None:
    truths = iter(wire.sent)
    for row in rows:
        found = any({row.voltage_V, row.current_A} <= set(truth) for truth in truths)
        assert found, f"{row} was never sent, or not in this order"


def _check_charge(totals: Sequence[tuple[Any, Any]], result: RunResult) -> None:
    assert result.model is not None
    plated = sum(capacity for verb, capacity in totals if verb == "plate") * 1000.0
    stripped = sum(capacity for verb, capacity in totals if verb == "strip") * 1000.0
    assert abs(plated - float(str(result.model["plated_mAh"]))) <= 0.01 * plated + 1e-6
    assert abs(stripped - float(str(result.model["stripped_mAh"]))) <= 0.01 * plated + 1e-6


def check_sources(wire: Wire) -> None:
    """At no instant could the cell have been driven beyond the limits."""
    for when, source in wire.sources:
        if source.kind == "voltage":
            inside = LOW_V - SOURCE_ERROR_V <= source.level <= HIGH_V + SOURCE_ERROR_V
            assert inside, (when, source)
            assert source.limit <= MOST_A * 1.01, (when, source)
        elif source.kind == "current":
            assert abs(source.level) < 1e-8, (when, source)
