"""What is in the journal is what was on the wire, digit by digit, and as late as it came."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import running

import labctl.run.conduct as conducting
from labctl.journal import Reader, RecordedRow
from labctl.run.request import RunResult
from labctl.twin import Twin
from labctl_simulators.ports import Firmware

PROTOCOL = """
name: one-plating
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
detectors: {set_deviation: ignore}  # it would read again at once what was altered
record: all
steps:
  - rest: 1 min
  - plate: 0.5 mA/cm2 until 10 min
"""
NUMBER = 30
"""The reading that is altered: in the middle of the plating."""

Alter = Callable[[bytes], bytes]


class AlteringWire:
    """Stands on the wire before a firmware and changes one reading on its way."""

    def __init__(self, firmware: Firmware, alter: Alter) -> None:
        self._firmware = firmware
        self._alter = alter
        self._readings = 0
        self.passed = b""
        self.sent = b""

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Pass the bytes on; the chosen reading comes back altered."""
        replies = self._firmware.feed(data, now)
        if not data.startswith(b":READ?"):
            return replies
        self._readings += 1
        if self._readings != NUMBER:
            return replies
        self.sent = b"".join(reply for _, reply in replies)
        self.passed = self._alter(self.sent)
        return [(replies[-1][0], self.passed)]

    def advance(self, now: float) -> None:
        """Let time pass."""
        self._firmware.advance(now)


class Run:
    """One run of the protocol over a wire that alters one reading."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, alter: Alter) -> None:
        folder.mkdir()
        protocol = folder / "one-plating.yaml"
        protocol.write_text(PROTOCOL, encoding="utf-8")
        wires = []
        twins_of = conducting.twins_of

        def make_altered(*given: Any, **named: Any) -> list[dict[str, Twin]]:
            twin = twins_of(*given, **named)[0]["main"]
            wires.append(AlteringWire(twin.firmware, alter))
            return [{"main": replace(twin, firmware=wires[0])}]

        with patch.context() as within:
            within.setattr(conducting, "twins_of", make_altered)
            self.transcript = folder / "wire.txt"
            self.result: RunResult = running.run(
                protocol, "na-cu-half", folder, seed=3, transcript=self.transcript
            )
        (self.wire,) = wires
        assert self.wire.sent, "the altered reading was never asked for"
        with Reader(self.result.folder) as reader:
            self.rows: list[RecordedRow] = list(reader.readings())

    def lines(self) -> list[str]:
        return self.transcript.read_text(encoding="ascii").splitlines()


def unaltered(reply: bytes) -> bytes:
    return reply


def current_of(reply: bytes) -> bytes:
    """The third field of a 2450's reply: what is measured."""
    return reply.split(b",")[2]


def with_digit(place: int, digit: bytes) -> Alter:
    """One digit of the current made another; place 0 is before the decimal point."""

    def alter(reply: bytes) -> bytes:
        before = current_of(reply)
        at = before.index(b".") - 1 if place == 0 else before.index(b".") + place
        assert before[at : at + 1] != digit
        after = before[:at] + digit + before[at + 1 :]
        return reply.replace(before, after)

    return alter


def test_one_digit_on_the_wire_is_that_much_charge_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = Run(tmp_path / "clean", monkeypatch, unaltered)
    altered = Run(tmp_path / "altered", monkeypatch, with_digit(1, b"1"))
    # on the wire, the two runs differ in this reply alone
    different = [
        (one, other)
        for one, other in zip(clean.lines(), altered.lines(), strict=True)
        if one != other
    ]
    ((before, after),) = different
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    change_A = float(current_of(altered.wire.passed)) - float(current_of(altered.wire.sent))
    assert abs(change_A) > 1e-5

    assert len(clean.rows) == len(altered.rows)
    rows = clean.rows
    (at,) = [i for i, row in enumerate(altered.rows) if row.current_A != rows[i].current_A]
    assert rows[at].step_type == "plate"
    # by hand: a trapezium on each side of the altered reading
    after_one_Ah = change_A * (rows[at].t_s - rows[at - 1].t_s) / 2 / 3600
    after_both_Ah = change_A * (rows[at + 1].t_s - rows[at - 1].t_s) / 2 / 3600
    for number, (one, other) in enumerate(zip(rows, altered.rows, strict=True)):
        due_Ah = 0.0 if number < at else after_one_Ah if number == at else after_both_Ah
        passed_Ah = other.discharging_Ah - one.discharging_Ah
        assert passed_Ah == pytest.approx(-due_Ah, abs=1e-15)
        due_A = change_A if number == at else 0.0
        assert other.current_A - one.current_A == pytest.approx(due_A, abs=1e-15)
        # energy follows from charge; the clock on the wall is another in each run
        charge_and_what_follows = ("current_A", "discharging_Ah", "discharging_Wh", "unix_s")
        same = {name: getattr(one, name) for name in charge_and_what_follows}
        assert other._replace(**same) == one


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda reply: reply.replace(b"E-04,", b"E-03,"), id="beyond the range"),
        pytest.param(lambda reply: reply.replace(b"E-04,", b"E+14,"), id="no current at all"),
        pytest.param(with_digit(3, b"x"), id="no digit"),
        pytest.param(lambda reply: reply.replace(b"E-04,", b"E-4,"), id="a digit lost"),
        pytest.param(lambda reply: reply[:-6] + b"\n", id="cut short"),
        pytest.param(lambda _: b"+9.910000E+37,176,+9.910000E+37,+1.0E+01\n", id="sentinel"),
    ],
)
def test_an_implausible_reading_is_refused(
    alter: Alter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S5: no row, no charge; the reading is taken again and the run goes on."""
    clean = Run(tmp_path / "clean", monkeypatch, unaltered)
    run = Run(tmp_path / "altered", monkeypatch, alter)
    assert run.wire.passed != run.wire.sent
    assert run.result.outcome == "completed", run.result.reason
    currents = [row.current_A for row in run.rows if row.step_type == "plate"]
    assert currents == pytest.approx([-0.0005655] * len(currents), rel=1e-3)
    assert run.rows[-1].discharging_Ah == pytest.approx(clean.rows[-1].discharging_Ah, rel=1e-5)
    discarded = [line for line in run.lines() if repr(run.wire.passed)[2:-3] in line]
    assert len(discarded) == 1, "it was on the wire"


REVERSAL = """
name: one-reversal
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
steps:
  - rest: 1 min
  - group: pair
    pair: total
    steps:
      - plate: 0.5 mA/cm2 until 2 min
      - strip: 0.5 mA/cm2 until 1 min
"""
DELAY_S = 0.9


class LateWire:
    """Answers a query late that comes right after a new level was written with the output on."""

    def __init__(self, firmware: Firmware, delay_s: float) -> None:
        self._firmware = firmware
        self._delay_s = delay_s
        self._reversed = False
        self.delayed = 0

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Pass the bytes on; the replies to that query come later."""
        replies = self._firmware.feed(data, now)
        if b":SOUR:VOLT:ILIM" in data and b":SOUR:VOLT:LEV" in data and b"?" not in data:
            self._reversed = True
        elif self._reversed and replies:
            self._reversed = False
            self.delayed += 1
            return [(when + self._delay_s, reply) for when, reply in replies]
        return replies

    def advance(self, now: float) -> None:
        """Let time pass."""
        self._firmware.advance(now)


def reversal(folder: Path, patch: pytest.MonkeyPatch, delay_s: float) -> RunResult:
    folder.mkdir()
    protocol = folder / "one-reversal.yaml"
    protocol.write_text(REVERSAL, encoding="utf-8")
    wires = []
    twins_of = conducting.twins_of

    def make_late(*given: Any, **named: Any) -> list[dict[str, Twin]]:
        twin = twins_of(*given, **named)[0]["main"]
        wires.append(LateWire(twin.firmware, delay_s))
        return [{"main": replace(twin, firmware=wires[0])}]

    with patch.context() as within:
        within.setattr(conducting, "twins_of", make_late)
        result = running.run(protocol, "na-cu-half", folder, model=running.EXACT)
    assert wires[0].delayed == 1
    return result


def test_a_late_answer_makes_the_figure_less_certain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the current turned is known to the delay: that is in u(CE), by hand."""
    prompt = reversal(tmp_path / "prompt", monkeypatch, 0.0)
    late = reversal(tmp_path / "late", monkeypatch, DELAY_S)
    before, after = (running.group(each.groups, "pair") for each in (prompt, late))
    ledger = running.model_group(late, "pair")
    error = abs(after["ce_percent"] - ledger["ce_percent"])
    assert error > before["u_ce_percent"], "it has to matter"
    assert error <= after["u_ce_percent"]
    # half the delay of 120 s too much in one half and too little in the other; uniform; k = 2
    ce, part = after["ce_percent"] / 100, DELAY_S / 2 / 120
    by_hand = 2 * 100 * part * (2 * (1 + ce**2) / 3) ** 0.5
    added = (after["u_ce_percent"] ** 2 - before["u_ce_percent"] ** 2) ** 0.5
    assert added == pytest.approx(by_hand, rel=0.03)


def test_the_transcript_tells_the_first_minute(tmp_path: Path) -> None:
    """`labctl run --transcript`: plain lines in order; nothing on before it was set and read."""
    path = tmp_path / "wire.txt"
    short = [word for pair in ("wetting=1 min", "portions=0") for word in ("-p", pair)]
    short += ["-p", "reservoir=0.01 mAh/cm2", "-p", "portion=0.01 mAh/cm2"]
    words = ["run", "na-cu-reservoir-ce", "--cell", "na-cu-half", "-m", "ce=0.99", *short]
    done = running.labctl(*words, "--data", tmp_path / "data", "--transcript", path, "--json")
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 2) for line in path.read_text(encoding="ascii").splitlines()]
    times = [float(time) for time, _, _ in lines]
    assert times == sorted(times)
    assert {direction for _, direction, _ in lines} == {">", "<"}
    minute = [(way, words) for time, way, words in lines if float(time) < 60.0]
    assert minute[0] == (">", r"*IDN?\n")
    assert minute[1][1].startswith("KEITHLEY INSTRUMENTS,MODEL 2450,")
    on = minute.index((">", r":OUTP ON\n"))
    before = [words for _, words in minute[:on]]
    assert any("HIMP" in words and "?" not in words for words in before), "high impedance when off"
    assert before[-2].count("?") >= 5, "the settings are read back last"
    assert not any(words.startswith(":READ?") for words in before)
    readings = [words for way, words in minute[on:] if way == "<" and words.count(",") == 3]
    assert len(readings) >= 2, "the cell at rest is looked at"
