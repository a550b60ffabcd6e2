"""Runs with a chamber around the cell and a scanner on it: memory, TCP, and what may go wrong."""

import asyncio
import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import running
from helpers.cli import labctl

from labctl.bench import Bench, load_bench, parse_bench
from labctl.cli.check import check
from labctl.cli.doctor import doctor
from labctl.journal import Reader, RecordedEvent, RecordedRow
from labctl.replay.again import replay_run
from labctl.run import conduct as conducting
from labctl.run import twins as making
from labctl.run.loop import RunLoop
from labctl.run.poller import Poller
from labctl.run.request import RunResult
from labctl_drivers.errors import LinkLost
from labctl_protocols.decisions import AuxRead
from labctl_protocols.engine.auxiliary import LOST_S
from labctl_protocols.problems import ProtocolError

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "temperatures"
ZERO_K = 273.15
SHORT = {"portion": "0.05 mAh/cm2", "cycles": "1", "soak": "10 min"}
HEATS = {"heat_loss_W_K": 1e-4, "heat_capacity_J_K": 0.05, "instrument_error": 0.0}
"""A cell that keeps its heat: some millivolts at some milliamperes warm it by kelvins."""
LIMITED = """\
name: limited
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 6 mA, temperature: 28 degC}
record: all
steps:
  - rest: 1 min
  - plate: 4 mA/cm2 until 2 mAh/cm2
"""
FREE = LIMITED.replace(", temperature: 28 degC", "")


def bench(**changes: str) -> Bench:
    text = (EXAMPLE / "bench.yaml").read_text("utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return parse_bench(text, "bench.yaml")


def run(protocol: str, tmp_path: Path, **options: Any) -> RunResult:
    path = tmp_path / "p.yaml"
    path.write_text(protocol, encoding="utf-8")
    return running.run(path, "na-cu-half", tmp_path / "data", bench=bench(), **options)


def rows_of(result: RunResult) -> list[RecordedRow]:
    with Reader(result.folder) as reader:
        return list(reader.readings())


def events_of(result: RunResult, kind: str) -> list[RecordedEvent]:
    with Reader(result.folder) as reader:
        return [event for event in reader.events() if event.kind == kind]


# ---- the example ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return running.run(
        EXAMPLE / "na-cu-temperatures.yaml",
        "na-cu-half",
        tmp_path_factory.mktemp("example"),
        bench=load_bench(EXAMPLE / "bench.yaml"),
        parameters=SHORT,
        model={"instrument_error": 0.0},
    )


def test_the_example_goes_to_each_temperature_and_cycles_there(example: RunResult) -> None:
    assert example.outcome == "completed", example.reason
    told = [event.data for event in events_of(example, "set")]
    assert [(e["name"], e["set_K"]) for e in told] == [
        ("chamber", pytest.approx(ZERO_K + degC, abs=0.06)) for degC in (25.0, 40.0, 25.0)
    ]
    driven = [row for row in rows_of(example) if row.step_type in ("plate", "strip")]
    half = len(driven) // 2
    for rows, degC in ((driven[: half - 5], 25.0), (driven[half + 5 :], 40.0)):
        for row in rows:
            assert row.temperature_K is not None
            assert row.temperature_K - ZERO_K == pytest.approx(degC, abs=1.5)


def test_a_wait_for_a_temperature_ends_by_it_once_the_cell_is_there(example: RunResult) -> None:
    rests = [e for e in events_of(example, "step_ended") if e.data["step_type"] == "rest"]
    waits = [e for e in rests if "temperature" in str(e.data["reason"])]
    assert [e.data["ended"] for e in waits] == ["temperature", "temperature"]
    # the cell lags behind the air: there at once for 25 degC, some ten minutes later for 40 degC
    assert float(str(waits[0].data["duration_s"])) == pytest.approx(600.0, abs=15.0)
    assert float(str(waits[1].data["duration_s"])) > 1000.0


def test_the_metal_moves_more_easily_where_it_is_warm(example: RunResult) -> None:
    cold, warm = (cycle["first"] for cycle in example.cycles)
    assert isinstance(cold, dict)
    assert isinstance(warm, dict)
    assert abs(warm["mean_voltage_V"]) < abs(cold["mean_voltage_V"]) * 0.9


def test_the_manifest_says_who_measured_and_the_files_what(example: RunResult) -> None:
    with Reader(example.folder) as reader:
        manifest = reader.manifest()
        rows = list(reader.readings())
    assert manifest["temperature"] == "t_A1"
    beside = manifest["auxiliaries"]
    assert isinstance(beside, dict)
    assert {name: (each["driver"], each["channel"]) for name, each in beside.items()} == {
        "chamber": ("espec", 1),
        "t_A1": ("daq6510", 101),
    }
    (path,) = example.folder.glob("*.bdf.csv")
    with path.open(encoding="utf-8", newline="") as file:
        told = [line["Surface Temperature T1 / degC"] for line in csv.DictReader(file)]
    assert len(told) == len(rows)
    for text, row in zip(told, rows, strict=True):
        assert row.temperature_K is not None
        assert float(text) == pytest.approx(row.temperature_K - ZERO_K, abs=1e-5)


# ---- the limit --------------------------------------------------------------------------------


def test_a_cell_that_heats_itself_beyond_the_limit_is_switched_off(tmp_path: Path) -> None:
    free = run(FREE, tmp_path, model=HEATS)
    assert free.outcome == "completed"
    hottest = max(row.temperature_K or 0.0 for row in rows_of(free))
    assert hottest > ZERO_K + 29.0
    result = run(LIMITED, tmp_path, model=HEATS)
    assert (result.outcome, result.exit_code) == ("limit", 3)
    (limit,) = events_of(result, "limit")
    assert limit.data["quantity"] == "temperature"
    # the first that was over it was acted upon: in 5 s the cell warms by less than 0.5 K
    assert ZERO_K + 28.0 < float(str(limit.data["value"])) < ZERO_K + 28.5
    last = rows_of(result)[-1]
    assert limit.t_s - last.t_s < 10.0


def test_what_comes_while_nobody_waits_is_heard_before_the_next_reading_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Told(RunLoop):
        """Hears of a fire just after a reading of the rest, whose next is due in 60 s."""

        def __init__(self, engine: Any, channels: Any, on_answer: Any, *more: Any) -> None:
            def answered(answer: Any) -> None:
                on_answer(answer)
                if answer.rows and answer.rows[0].t_s > 250.0:
                    now = asyncio.get_running_loop().time()
                    self.hear_beside(AuxRead(now, {"t_A1": 400.0}))

            super().__init__(engine, channels, answered, *more)

    monkeypatch.setattr(conducting, "RunLoop", Told)
    longer = LIMITED.replace("rest: 1 min", "rest: 10 min")
    result = run(longer, tmp_path, model={"instrument_error": 0.0})
    assert result.outcome == "limit"
    off = events_of(result, "output")[-1]
    assert off.data == {"on": False, "read_back": True}
    assert off.t_s - rows_of(result)[-1].t_s < 0.5


def test_a_run_with_auxiliaries_is_heard_again_bit_for_bit(tmp_path: Path) -> None:
    set_too = LIMITED.replace("  - rest: 1 min", "  - set: {chamber: 26 degC}\n  - rest: 1 min")
    result = run(set_too, tmp_path, model=HEATS)
    assert result.outcome == "limit"
    with Reader(result.folder) as reader:
        again = replay_run(reader)
    assert again.difference is None
    assert again.heard > again.readings > 10


# ---- what may go wrong ------------------------------------------------------------------------


class Dies:
    """A simulated instrument that is unplugged at a time on the loop's clock."""

    def __init__(self, firmware: Any, at_s: float) -> None:
        self._firmware = firmware
        self._at_s = at_s

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        if now > self._at_s:
            raise LinkLost("unplugged")
        replies: list[tuple[float, bytes]] = self._firmware.feed(data, now)
        return replies


@pytest.mark.parametrize("seed", [1, 2])
def test_wires_that_fail_now_and_then_end_no_run_and_give_no_false_temperature(
    tmp_path: Path, seed: int
) -> None:
    # not from the start: an instrument that does not answer then starts no run
    kinds = ("drop", "nan", "duplicate", "delay", "split", "stale")
    faults = ", ".join(f"{kind}: {{part: 0.02, after: 10 s}}" for kind in kinds)
    path = tmp_path / "p.yaml"
    path.write_text(LIMITED, encoding="utf-8")
    failing = bench(**{"port: 5026": f"port: 5026, seed: {seed}, faults: {{{faults}}}"})
    exact = {"instrument_error": 0.0}
    result = running.run(path, "na-cu-half", tmp_path / "data", bench=failing, model=exact)
    assert result.outcome == "completed", result.reason
    known = [row.temperature_K for row in rows_of(result) if row.temperature_K is not None]
    assert known
    assert ZERO_K + 24.0 < min(known) <= max(known) < ZERO_K + 26.5


def unplugged(
    monkeypatch: pytest.MonkeyPatch, name: str, at_s: float
) -> Callable[..., dict[str, Any]]:
    whole = making.auxiliary_twins

    def twins(*given: Any, **named: Any) -> dict[str, Any]:
        made: dict[str, Any] = dict(whole(*given, **named))
        made[name] = Dies(made[name], at_s)
        return made

    monkeypatch.setattr(making, "auxiliary_twins", twins)
    return twins


def test_a_limit_without_its_scanner_ends_the_run_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unplugged(monkeypatch, "scanner", 300.0)
    result = run(LIMITED, tmp_path, model={"instrument_error": 0.0})
    assert (result.outcome, result.exit_code) == ("fault", 4)
    assert "temperature is limited" in result.reason
    (fault,) = events_of(result, "fault")
    assert fault.data["error"] == "TemperatureLost"
    assert 300.0 + LOST_S - 10.0 < fault.t_s < 300.0 + LOST_S + 10.0
    free = run(FREE, tmp_path, model={"instrument_error": 0.0})
    assert free.outcome == "completed"
    assert [row.temperature_K for row in rows_of(free)][-1] is None


def test_a_chamber_that_is_gone_fails_its_set_and_the_output_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unplugged(monkeypatch, "oven", 30.0)
    protocol = FREE + "  - set: {chamber: 30 degC}\n  - rest: 1 min\n"
    result = run(protocol.replace("until 2 mAh/cm2", "until 1 min"), tmp_path)
    assert (result.outcome, result.exit_code) == ("fault", 4)
    assert "LinkLost" in result.reason
    assert events_of(result, "output")[-1].data == {"on": False, "read_back": True}


def test_a_stop_is_heard_while_a_chamber_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RunLoop] = []

    class Watched(RunLoop):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            asked.append(self)

    async def for_ever(self: Poller, name: str, temperature_K: float) -> float:
        asyncio.get_running_loop().call_later(1.0, asked[0].request_stop, "enough")
        await asyncio.Event().wait()
        return temperature_K

    monkeypatch.setattr(conducting, "RunLoop", Watched)
    monkeypatch.setattr(Poller, "set_temperature", for_ever)
    result = run(FREE + "  - set: {chamber: 30 degC}\n  - rest: 1 min\n", tmp_path)
    assert (result.outcome, result.reason) == ("stopped", "enough")
    assert events_of(result, "output")[-1].data == {"on": False, "read_back": True}


def test_a_dead_scanner_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unplugged(monkeypatch, "scanner", -1.0)
    with pytest.raises(LinkLost):
        run(LIMITED, tmp_path)
    assert not list((tmp_path / "data").glob("*/journal.sqlite"))


# ---- the commands -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "place"),
    [
        (FREE + "  - set: {t_A1: 30 degC}\n", "8:11"),
        (FREE + "  - set: {ofen: 30 degC}\n", "8:11"),
        (LIMITED + "  - set: {chamber: 30 degC}\n", "8:20"),
        (FREE + "  - rest: until aux.chambre > 30 degC or 1 h\n", "8:17"),
    ],
)
def test_check_knows_the_bench_s_auxiliaries(protocol: str, place: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(protocol, encoding="utf-8")
    with pytest.raises(ProtocolError) as caught:
        check(str(file), cell="na-cu-half", bench=EXAMPLE / "bench.yaml")
    assert [str(problem.where) for problem in caught.value.problems] == [f"{file}:{place}"]


@pytest.mark.campaign
def test_over_tcp_as_in_memory(tmp_path: Path) -> None:
    """Served by `labctl simulate`, set and read by `labctl run` in another process."""
    protocol = """\
name: tcp
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA, temperature: 15 degC .. 45 degC}
steps:
  - set: {chamber: 26.5 degC}
  - rest: until aux.chamber > 25.8 degC or 1 h
  - plate: 1 mA/cm2 until 30 s
"""
    (tmp_path / "p.yaml").write_text(protocol, encoding="utf-8")
    file = tmp_path / "bench.yaml"

    def written(**ports: str) -> Path:
        text = (EXAMPLE / "bench.yaml").read_text("utf-8")
        text = text.replace("cell: na-cu-half}", "cell: na-cu-half, port: 0}")
        text = text.replace("port: 5026", "port: 0").replace("port: 10001", "port: 0")
        for driver in ("keithley-2450", "daq6510", "espec"):
            address = ports.get(driver, f"TCPIP::127.0.0.1::{len(driver)}::SOCKET")
            text = text.replace(
                f"driver: {driver}\n    resource: sim", f"driver: {driver}\n    resource: {address}"
            )
        file.write_text(text, encoding="utf-8")
        return file

    with running.simulating(written(), "--speed", "20x", count=3) as at:
        ports = {"keithley-2450": at["smu"], "daq6510": at["scanner"], "espec": at["oven"]}
        words = ("run", "p.yaml", "--cell", "na-cu-half", "--bench", str(written(**ports)))
        result = labctl(*words, "--speed", "20x", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["outcome"] == "completed"
    with Reader(Path(tmp_path / document["folder"])) as reader:
        rows = list(reader.readings())
        ended = [e.data["ended"] for e in reader.events() if e.kind == "step_ended"]
        assert reader.manifest()["simulated"] is True
    assert ended == ["aux.chamber", "time"]
    assert all(row.temperature_K is not None for row in rows)


def test_doctor_tells_who_stands_beside_the_cells_and_what_they_measure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = doctor(EXAMPLE / "bench.yaml", cell="na-cu-half", json=True)
    told = json.loads(capsys.readouterr().out)["channels"]
    assert code == 0
    beside = {name: {f["check"]: f for f in told[name]} for name in ("oven", "scanner")}
    assert {f["state"] for each in beside.values() for f in each.values()} == {"good"}
    assert "ESPEC P300" in beside["oven"]["identity"]["text"]
    assert float(beside["scanner"]["t_A1"]["text"].split()[0]) == pytest.approx(25.0, abs=2.0)


# ---- many cells -------------------------------------------------------------------------------

MANY = """\
bench: many
instruments:
  one: {driver: keithley-2450, resource: sim}
  two: {driver: keithley-2450, resource: sim}
  scanner: {driver: daq6510, resource: sim}
auxiliaries:
  t1: {instrument: scanner, channel: 101}
  t2: {instrument: scanner, channel: 110}
channels:
  A1: {instrument: one, temperature: t1}
  A2: {instrument: two, temperature: t2}
"""


def test_one_scanner_serves_two_runs_and_each_has_its_own_limit(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(LIMITED, encoding="utf-8")
    both = parse_bench(MANY, "bench.yaml")
    hot, cool = (
        replace(
            running.request_of(path, "na-cu-half", tmp_path / channel, bench=both, model=model),
            channels={"main": channel},
        )
        for channel, model in (("A1", HEATS), ("A2", {"instrument_error": 0.0}))
    )
    results = conducting.conduct_all([hot, cool], [None, None])
    assert all(isinstance(each, RunResult) for each in results), results
    first, second = (each for each in results if isinstance(each, RunResult))
    assert (first.outcome, second.outcome) == ("limit", "completed")
    seen_K = [row.temperature_K for row in rows_of(second)]
    assert None not in seen_K
    assert max(each for each in seen_K if each is not None) < ZERO_K + 26.0
