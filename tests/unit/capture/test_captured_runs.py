"""What a run asked of every instrument that it needed is written down, and plays again."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from helpers import running

from labctl.bench import Bench, BenchError, load_bench, parse_bench
from labctl.capture.again import play
from labctl.capture.text import Session, read_session
from labctl.journal import Reader
from labctl.run.conduct import conduct_all
from labctl.run.request import RunRequest, RunResult
from labctl_simulators.clock import VirtualLoop, run_in

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "temperatures"
SET = """\
name: set
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA, temperature: 10 degC .. 60 degC}
steps:
  - set: {chamber: 40 degC}
  - rest: 62 s
  - set: {chamber: 21.5 degC}
  - plate: 0.5 mA/cm2 until 61 s
"""
SUPPLIED = """\
name: supplied
cell: {kind: anode-free, metal: Na}
limits: {voltage: 1.7 V .. 4.0 V, current: 5 mA}
steps:
  - charge: C/2 until 1 min
  - discharge: 1 mA until 1 min
    terminal: supply
"""
THREE = "na-nvp-three-electrode"
TWO_OF_ONE = """\
bench: b
instruments:
  smu: {driver: keithley-2600, resource: sim, simulate: {cell: na-nvp-three-electrode}}
channels:
  A1: {instrument: smu, channel: 1}
  A2: {instrument: smu, channel: 2}
"""


def request(
    tmp_path: Path, protocol: str = SET, cell: str = "na-cu-half", bench: Bench | None = None
) -> RunRequest:
    path = tmp_path / "p.yaml"
    path.write_text(protocol, encoding="utf-8")
    capture = tmp_path / "s.txt"
    return running.request_of(path, cell, tmp_path / "data", bench=bench, capture=capture)


def run(tmp_path: Path, protocol: str = SET) -> RunResult:
    return running.conduct(request(tmp_path, protocol, bench=chambers()))


def chambers() -> Bench:
    return load_bench(EXAMPLE / "bench.yaml")


def sessions(tmp_path: Path) -> dict[str, Session]:
    return {path.name: read_session(path) for path in sorted(tmp_path.glob("*.txt"))}


def asked(session: Session) -> list[str]:
    return [line.data.decode() for line in session.lines if line.sign == "!"]


def test_what_stands_beside_the_cell_is_captured_and_plays_again(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.outcome == "completed", result.reason
    found = sessions(tmp_path)
    drivers = {name: session.driver for name, session in found.items()}
    assert drivers == {"s.txt": "keithley-2450", "s.oven.txt": "espec", "s.scanner.txt": "daq6510"}
    for session in found.values():
        assert run_in(VirtualLoop(), play(session)) == len(asked(session))
    scanner = found["s.scanner.txt"].lines
    reads_s = [line.time_s for line in scanner if line.sign == "!" and line.data == b"read"]
    assert reads_s[-1] > 120.0
    assert max(later - read for read, later in pairwise(reads_s)) < 6.0
    settings = [call for call in asked(found["s.oven.txt"]) if call.startswith("set_temp")]
    assert settings == [
        'set_temperature {"channel": 1, "temperature_K": 313.15}',
        'set_temperature {"channel": 1, "temperature_K": 294.65}',
    ]
    sent = [line.data for line in found["s.oven.txt"].lines if line.sign == ">"]
    assert [line for line in sent if line.startswith(b"TEMP,")] == [
        b"TEMP, S40.0\r\n",
        b"TEMP, S21.5\r\n",
    ]


def test_all_that_the_scanner_gave_is_what_the_run_heard(tmp_path: Path) -> None:
    result = run(tmp_path, SET.replace("steps:", "record: all\nsteps:"))
    with Reader(result.folder) as reader:
        heard = {row.temperature_K for row in reader.readings()} - {None}
    gave = [line.data.decode() for line in sessions(tmp_path)["s.scanner.txt"].lines]
    assert len(heard) > 10
    for kelvin in heard:
        assert f'{{"101": {{"temperature_K": {kelvin!r}}}}}' in gave


def test_a_scan_that_the_end_of_the_run_broke_off_plays_again(tmp_path: Path) -> None:
    text = (EXAMPLE / "bench.yaml").read_text("utf-8")
    text = text.replace("driver: daq6510", "driver: daq6510\n    every_s: 0.5")
    more = [f"  t_{n}: {{instrument: scanner, channel: {n}}}\n" for n in range(102, 111)]
    bench = parse_bench(text.replace("auxiliaries:\n", "auxiliaries:\n" + "".join(more)), "b.yaml")
    # ten channels take 0.45 s of each second
    running.conduct(request(tmp_path, SET.replace("61 s", "61.6 s"), bench=bench))
    scanner = sessions(tmp_path)["s.scanner.txt"]
    *_, broken_off, _ = [line.data for line in scanner.lines if line.sign == "="]
    assert broken_off == b"CancelledError"
    assert run_in(VirtualLoop(), play(scanner)) == len(asked(scanner))


def test_a_session_beside_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "s.oven.txt").write_text("somebody's\n")
    with pytest.raises(BenchError, match=r"s\.oven\.txt is there already: name a new file"):
        run(tmp_path)
    assert (tmp_path / "s.oven.txt").read_text() == "somebody's\n"
    assert not (tmp_path / "data").exists()


def test_the_instrument_of_a_second_terminal_has_a_session_too(tmp_path: Path) -> None:
    result = running.conduct(request(tmp_path, SUPPLIED, THREE))
    assert result.outcome == "completed", result.reason
    found = sessions(tmp_path)
    assert list(found) == ["s.smu2.txt", "s.txt"]
    for session in found.values():
        assert any(call.startswith("apply") for call in asked(session))
        assert run_in(VirtualLoop(), play(session)) == len(asked(session))


def test_two_channels_of_one_instrument_are_no_session(tmp_path: Path) -> None:
    bench = parse_bench(TWO_OF_ONE, "bench.yaml")
    both = replace(request(tmp_path, SUPPLIED, THREE), bench=bench)
    with pytest.raises(BenchError, match=r"smu: .* a session is of one channel alone"):
        running.conduct(both)


def test_a_batch_is_no_session(tmp_path: Path) -> None:
    captured = request(tmp_path, bench=chambers())
    requests = [replace(captured, capture=None), captured]
    with pytest.raises(BenchError, match="a session is of one run alone"):
        conduct_all(requests, [None, None])
