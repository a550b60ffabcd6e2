"""Something raises at every call of the run path; the output is off each time, and it is said.

One short run in virtual time for each point (SQLite's I/O-error loop, data_and_reliability.md §4).
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from helpers import broken_wire
from helpers.broken_wire import SHORT, Ran, Wire, check_sources, run_broken, sound

from labctl.journal import Journal, Reader, StorageFault, list_runs
from labctl.mqtt import BadTopic
from labctl.run import conduct as conducting
from labctl.run import ending, safe, watch
from labctl.run.model import ModelWatch
from labctl_drivers.errors import InvalidReading, LinkLost, OutputUnknown
from labctl_drivers.keithley_24xx import Keithley2450
from labctl_protocols.decisions import Answer, Safe
from labctl_protocols.engine import Engine

QUICK = """\
name: quick
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
record: every 1 s
steps:
  - plate: 2 mA/cm2 until 2 s
  - strip: 2 mA/cm2 until 1 s or 1 V
"""


class Injected(Exception):
    """What no code expects."""


@contextmanager
def raising(owner: Any, name: str, at: range, error: BaseException) -> Iterator[list[int]]:
    """The calls of a method numbered so (from 0) raise; gives how many there were, as a list."""
    calls: list[int] = []
    whole = getattr(owner, name)

    def due() -> bool:
        calls.append(len(calls))
        return calls[-1] in at

    def plain(*args: Any, **named: Any) -> Any:
        if due():
            raise error
        return whole(*args, **named)

    async def awaited(*args: Any, **named: Any) -> Any:
        if due():
            raise error
        return await whole(*args, **named)

    chosen = awaited if asyncio.iscoroutinefunction(whole) else plain
    with mock.patch.object(owner, name, chosen):
        yield calls


def ended_off(ran: Ran, request: Any) -> str:
    """Check that the output is off, read back, and that the journal is closed so; the outcome."""
    assert not ran.left
    assert not ran.wire.firmware.output_on
    check_sources(ran.wire)
    (folder,) = list_runs(request.data)
    with Reader(folder) as reader:
        closing = reader.closing()
        assert closing is not None
        assert closing.outcome == ran.result.outcome
    return closing.outcome


ONCE, ALWAYS = 1, 10**6
POINTS: dict[str, tuple[Any, str]] = {
    "engine.begin": (Engine, "begin"),
    "engine.hear": (Engine, "hear"),
    "journal.write": (Journal, "write"),
    "journal.commit": (Journal, "commit"),
    "model": (ModelWatch, "hear"),
    "driver.apply": (Keithley2450, "apply"),
    "driver.read": (Keithley2450, "read"),
}
ERRORS: dict[str, Callable[[], BaseException]] = {
    "a bug": lambda: Injected("injected"),
    "cancelled": asyncio.CancelledError,
    "storage": lambda: StorageFault("injected"),
}


@pytest.mark.parametrize("times", [ONCE, ALWAYS])
@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("point", POINTS)
def test_raising_at_every_call(point: str, kind: str, times: int, tmp_path: Path) -> None:
    owner, name = POINTS[point]
    n, done = 0, False
    while not done:
        folder = tmp_path / str(n)
        folder.mkdir()
        request = broken_wire.short_request(folder, text=QUICK)
        with raising(owner, name, range(n, n + times), ERRORS[kind]()) as calls:
            ran = run_broken(request)
        done = len(calls) <= n
        outcome = ended_off(ran, request)
        expected = {"a bug": ("error", 70), "cancelled": ("stopped", 130), "storage": ("fault", 5)}
        if done:
            assert (outcome, ran.result.exit_code) == ("completed", 0)
        elif outcome == "completed":  # it was over already when the last was told
            assert point in ("journal.write", "journal.commit", "model", "engine.hear")
            assert ran.result.exit_code in ((70, 5) if kind != "cancelled" else (0, 130)), n
        elif point != "engine.hear" or times == ONCE:
            assert (outcome, ran.result.exit_code) == expected[kind], n
        # at every call at first, then here and there
        n += 1 if n < 8 else 5
    assert n > 0


@pytest.mark.parametrize("failing", [1, 3])
@pytest.mark.parametrize(
    "error", [Injected("injected"), asyncio.CancelledError(), OutputUnknown("no"), LinkLost("no")]
)
def test_making_safe_is_tried_again(error: BaseException, failing: int, tmp_path: Path) -> None:
    request = broken_wire.short_request(tmp_path, text=QUICK)
    with raising(Keithley2450, "safe", range(failing), error) as calls:
        ran = run_broken(request)
    assert ended_off(ran, request) == "completed"
    assert len(calls) == failing + 1


def test_a_driver_that_hangs_or_never_gets_there_is_unknown_in_the_declared_time(
    tmp_path: Path,
) -> None:
    async def hang(_: Any) -> None:
        await asyncio.Event().wait()

    times: list[float] = []
    whole = safe.make_safe

    async def timed(*args: Any) -> Any:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        off = await whole(*args)
        times.append(loop.time() - began_s)
        return off

    request = broken_wire.short_request(tmp_path, text=QUICK)
    promised_s = safe.safe_within_s(Keithley2450.ratings.fget(mock.MagicMock()))  # type: ignore[attr-defined]  # a property's function
    for stuck in (hang, None):
        with ExitStack() as stack:
            stack.enter_context(mock.patch("labctl.run.loop.make_safe", timed))
            if stuck is not None:
                stack.enter_context(mock.patch.object(Keithley2450, "safe", stuck))
            ran = run_broken(request, broken_wire.deaf if stuck is None else sound, 40)
        assert (ran.result.outcome, ran.result.exit_code) == ("fault", 4)
        assert "UNKNOWN" in ran.result.reason
        assert not ran.left
    assert len(times) == 2
    assert all(15.0 <= seconds <= promised_s for seconds in times)


def test_cancelling_again_and_again_does_not_stop_making_safe() -> None:
    class Slow:
        """A channel that takes its time to switch off."""

        off = 0
        ratings = mock.MagicMock(safe_within_s=10.0)

        async def safe(self) -> None:
            for _ in range(20):
                await asyncio.sleep(0)
            self.off += 1

    async def main(every: int) -> int:
        channel = Slow()
        task = asyncio.ensure_future(safe.make_safe([channel]))  # type: ignore[arg-type]  # a double
        await asyncio.sleep(0)  # what has not begun yet is simply not begun
        rounds = 0
        while not task.done():
            rounds += 1
            if rounds % every == 0:
                task.cancel()
            await asyncio.sleep(0)
        assert not task.cancelled()
        return channel.off

    for every in range(1, 12):
        assert asyncio.run(main(every)) == 1


# ---- S1: what has to be true before the output goes on ------------------------------------


@pytest.mark.parametrize(
    ("driver", "queries"),
    [("keithley-2450", (b"LIM?", b"LEV?")), ("keithley-2400", (b"PROT?", b"LEV?"))],
)
def test_no_output_before_manifest_and_limits(
    driver: str, queries: tuple[bytes, ...], tmp_path: Path
) -> None:
    written_then: list[list[bytes]] = []
    whole = conducting.journals.create

    def create(*args: Any) -> Journal:
        journal = whole(*args)
        with Reader(journal.folder) as reader:  # on the disk, for another connection
            assert reader.manifest()["run"] == journal.folder.name
        written_then.append(list(wires[0].written))
        return journal

    request = broken_wire.short_request(tmp_path, driver)
    with (
        broken_wire.broken(sound, 0) as wires,
        mock.patch.object(conducting.journals, "create", create),
    ):
        conducting.conduct(request)
    (before,) = written_then
    assert not [line for line in before if b"ON\n" in line and b"OUTP" in line]
    assert all(source.kind == "open" for _, source in wires[0].sources[:1])
    since_off: list[bytes] = []
    switched_on = 0
    for line in wires[0].written:
        since_off = [] if line == b":OUTP OFF\n" else [*since_off, line]
        if line == b":OUTP ON\n":
            switched_on += 1
            verified = since_off[-2]
            assert all(query in verified for query in queries), since_off
            assert since_off[-3] == b":SYST:ERR?\n"
    assert switched_on >= 3
    wire = b"".join(wires[0].written).upper()
    assert not any(word in wire for word in (b"*RST", b":MEAS", b":CONF"))


def test_a_manifest_that_cannot_be_stored_drives_nothing(tmp_path: Path) -> None:
    request = broken_wire.short_request(tmp_path)
    (tmp_path / "data").write_text("a file where the folder should be", encoding="utf-8")
    with broken_wire.broken(sound, 0) as wires, pytest.raises(StorageFault):
        conducting.conduct(request)
    assert never_driven(wires[0])


def test_names_that_may_not_be_topics_drive_nothing_and_the_run_is_closed(tmp_path: Path) -> None:
    request = replace(broken_wire.short_request(tmp_path), mqtt_url="mqtt://127.0.0.1:1")
    with (
        broken_wire.broken(sound, 0) as wires,
        mock.patch.object(conducting.mqtt, "start", side_effect=BadTopic("a/b")),
        pytest.raises(BadTopic),
    ):
        conducting.conduct(request)
    assert never_driven(wires[0])
    (folder,) = list_runs(request.data)
    with Reader(folder) as reader:
        closing = reader.closing()
    assert closing is not None
    assert closing.outcome == "error"


def never_driven(wire: Wire) -> bool:
    return b":OUTP ON\n" not in wire.written and all(s.kind == "open" for _, s in wire.sources)


def test_a_stop_before_the_output_is_on_drives_nothing(tmp_path: Path) -> None:
    whole = conducting.journals.create

    def create(*args: Any) -> Journal:
        signal.raise_signal(signal.SIGTERM)
        return whole(*args)

    with mock.patch.object(conducting.journals, "create", create):
        ran = run_broken(broken_wire.short_request(tmp_path))
    assert (ran.result.outcome, ran.result.exit_code) == ("stopped", 130)
    assert never_driven(ran.wire)
    with Reader(ran.result.folder) as reader:
        assert [event.data for event in reader.events() if event.kind == "output"] == [
            {"on": False, "read_back": True}
        ]


@pytest.mark.parametrize("end", ["limit", "stopped", "completed"])
def test_the_output_is_off_before_anybody_is_told(end: str, tmp_path: Path) -> None:
    on_when_told: list[bool] = []
    whole = conducting.journal_writer

    def journal_writer(*args: Any, **named: Any) -> Any:
        write = whole(*args, **named)

        def told(answer: Answer) -> None:
            if Safe() in answer.commands:
                on_when_told.append(wires[0].firmware.output_on)
            write(answer)
            if end == "stopped" and answer.rows:
                signal.raise_signal(signal.SIGTERM)

        return told

    text = SHORT
    if end == "limit":
        text = text.replace("-0.5 V .. 1.5 V", "-0.1 V .. 1.5 V")
    request = broken_wire.short_request(tmp_path, text=text)
    with (
        mock.patch.object(conducting, "journal_writer", journal_writer),
        broken_wire.broken(sound, 0) as wires,
    ):
        result = conducting.conduct(request)
    assert result.outcome == end
    assert on_when_told == [False]


# ---- S7: whoever looks on ------------------------------------------------------------------


def test_a_display_that_raises_is_left_alone(tmp_path: Path) -> None:
    def broken(_: object) -> None:
        raise BrokenPipeError("nobody reads")

    ran = run_broken(broken_wire.short_request(tmp_path, text=QUICK), on_progress=broken)
    assert (ran.result.outcome, ran.result.exit_code) == ("completed", 0)
    assert any("nobody reads" in note for note in ran.result.notes)


def test_a_display_that_blocks_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(watch, "FINISH_S", 0.0)
    monkeypatch.setattr(watch.Teller.finish, "__defaults__", (0.0,))
    try:
        ran = run_broken(
            broken_wire.short_request(tmp_path, text=QUICK), on_progress=lambda _: let_go.wait()
        )
    finally:
        let_go.set()
    assert (ran.result.outcome, ran.result.exit_code) == ("completed", 0)


def test_a_snapshot_that_cannot_be_made_is_left_out(tmp_path: Path) -> None:
    request = broken_wire.short_request(tmp_path, text=QUICK)
    with raising(watch.ProgressWatch, "_snapshot", range(ALWAYS), Injected("injected")):
        ran = run_broken(request, on_progress=lambda _: None)
    assert (ran.result.outcome, ran.result.exit_code) == ("completed", 0)
    assert any("injected" in note for note in ran.result.notes)


@pytest.mark.parametrize("name", ["_export", "_figures"])
def test_what_fails_after_the_run_changes_nothing_of_it(name: str, tmp_path: Path) -> None:
    inner = {
        "_export": "labctl.export.export_bdf_csv",
        "_figures": "labctl.show.figures.figures_of_run",
    }[name]
    assert hasattr(ending, name)
    with mock.patch(inner, side_effect=Injected("injected")):
        ran = run_broken(broken_wire.short_request(tmp_path, text=QUICK))
    assert (ran.result.outcome, ran.result.exit_code) == ("completed", 0)
    assert any("injected" in note for note in ran.result.notes)


def test_one_invalid_reading_or_two_are_read_again(tmp_path: Path) -> None:
    for bad, outcome in ((2, "completed"), (3, "fault")):
        folder = tmp_path / str(bad)
        folder.mkdir()
        error = InvalidReading("injected")
        with raising(Keithley2450, "read", range(4, 4 + bad), error):
            ran = run_broken(broken_wire.short_request(folder, text=QUICK))
        assert ran.result.outcome == outcome
