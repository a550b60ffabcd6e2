"""`labctl doctor`: wiring looked at without driving a cell; a resistor driven both ways."""

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import running
from helpers.broken_wire import Wire, sound
from helpers.cli import SHORT, labctl

from labctl.bench import parse_bench
from labctl.doctor.finding import Finding
from labctl.doctor.visit import visit
from labctl.journal import Reader
from labctl_drivers.keithley_24xx import Keithley2450
from labctl_drivers.link import Link, MemoryTransport
from labctl_protocols.files import load_cell
from labctl_simulators.cells import resistor, symmetric, thevenin
from labctl_simulators.firmware.keithley_2450 import Keithley2450 as Firmware
from labctl_simulators.ports import CellSize
from labctl_simulators.terminals import Terminals

BENCH = """\
bench: b
instruments:
  smu: {driver: keithley-2450, resource: sim, simulate: {%s}}
channels:
  A1: {instrument: smu}
"""
KILOHM = "model: resistor, parameters: {ohm: 1003, instrument_error: 0}"


def doctored(folder: Path, simulate: str, *options: str) -> tuple[int, dict[str, Any]]:
    (folder / "bench.yaml").write_text(BENCH % simulate, encoding="utf-8")
    done = labctl("doctor", "bench.yaml", "--json", *options, cwd=folder)
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {each["check"]: each["state"] for each in document["channels"]["A1"]}


def test_a_resistor_shows_source_sink_and_limit_and_leaves_a_dated_record(tmp_path: Path) -> None:
    code, document = doctored(tmp_path, KILOHM, "--dummy", "1 kohm")
    assert code == 0
    assert states(document) == dict.fromkeys(
        ("identity", "error queue", "off state", "dummy", "source", "sink", "limit", "left off"),
        "good",
    )
    text = {each["check"]: each["text"] for each in document["channels"]["A1"]}
    assert float(text["source"].split()[0]) == pytest.approx(1003, abs=0.5)
    (path,) = document["records"]
    record = json.loads((tmp_path / path).read_text(encoding="utf-8"))
    assert record["good"] is True
    assert record["dummy_ohm"] == 1000.0
    # and the next run on these terminals says so
    (tmp_path / "bench.yaml").write_text(BENCH % "model: na-half", encoding="utf-8")
    run = labctl(*SHORT, "--bench", "bench.yaml", "--json", cwd=tmp_path)
    with Reader(tmp_path / json.loads(run.stdout)["folder"]) as reader:
        carried = reader.manifest()["instrument"]["doctor"]
    assert carried["when"] == record["when"]
    assert carried["file"] == Path(path).name


def test_another_resistor_is_told(tmp_path: Path) -> None:
    code, document = doctored(tmp_path, KILOHM, "--dummy", "1.1 kohm")
    assert code == 4
    assert states(document)["source"] == "bad"
    assert states(document)["left off"] == "good"


@pytest.mark.parametrize("dummy", ["1 kV", "1", "-1 ohm", "0 ohm", "one"])
def test_a_dummy_that_is_no_resistance_is_refused(tmp_path: Path, dummy: str) -> None:
    (tmp_path / "bench.yaml").write_text(BENCH % KILOHM, encoding="utf-8")
    done = labctl("doctor", "bench.yaml", "--dummy", dummy, cwd=tmp_path)
    assert done.returncode == 2
    assert "--dummy" in done.stderr


def test_without_a_record_nobody_knows_what_is_right(tmp_path: Path) -> None:
    code, document = doctored(tmp_path, "model: thevenin")
    assert code == 0
    assert states(document)["cell at rest"] == "odd"


def test_a_cell_is_looked_at_against_its_record_and_nothing_is_driven(tmp_path: Path) -> None:
    code, document = doctored(tmp_path, "model: thevenin", "--cell", "lfp-graphite")
    assert code == 0
    assert states(document)["cell at rest"] == "good"
    code, document = doctored(tmp_path, "model: open", "--cell", "lfp-graphite")
    assert code == 4
    assert states(document)["cell at rest"] == "bad"


class Turned:
    """A cell whose leads are the wrong way round."""

    def __init__(self, cell: Any) -> None:
        self.cell = cell

    def voltage(self, current_A: float) -> float:
        return float(-self.cell.voltage(-current_A))

    def step(self, dt_s: float, current_A: float) -> None:
        self.cell.step(dt_s, -current_A)

    def horizon_s(self, current_A: float) -> float:
        return float(self.cell.horizon_s(-current_A))


class Seen:
    """A visit to a 2450, and what was presented to whatever is at its terminals."""

    def __init__(self, cell: Any) -> None:
        self.wire = Wire(Firmware(Terminals(cell), instrument_error=0), sound, 0)

    async def visit(self, dummy_ohm: float | None = None) -> list[Finding]:
        channel = Keithley2450(Link(MemoryTransport(self.wire)))
        findings = []
        async for found in visit(channel, load_cell("lfp-graphite"), dummy_ohm):
            if isinstance(found, Finding):
                findings.append(found)
        await channel.close()
        return findings

    @property
    def driven(self) -> list[Any]:
        return [
            source
            for _, source in self.wire.sources
            if source.kind == "voltage" or (source.kind == "current" and abs(source.level) > 1e-8)
        ]


@pytest.mark.virtual_time
@pytest.mark.parametrize("dummy_ohm", [None, 1000.0])
async def test_a_cell_in_a_resistors_place_is_never_driven(dummy_ohm: float | None) -> None:
    seen = Seen(thevenin(CellSize(kind="full", capacity_Ah=3e-3), {}, 0))
    findings = await seen.visit(dummy_ohm)
    assert seen.driven == []
    bad = [finding.check for finding in findings if finding.state == "bad"]
    assert bad == ([] if dummy_ohm is None else ["dummy"])


@pytest.mark.virtual_time
@pytest.mark.parametrize("ohms", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("exchange_mA_cm2", [0.1, 1.0])
async def test_a_symmetric_cell_in_a_resistors_place_is_driven_no_further_than_a_look(
    exchange_mA_cm2: float, ohms: float
) -> None:
    """Such a cell shows no voltage at rest: only what it does with a little current tells it."""
    parameters = {"exchange_mA_cm2": exchange_mA_cm2, "resistance_ohm_cm2": 10.0}
    size = CellSize(kind="symmetric", metal="Na", area_cm2=1.13)
    # both electrodes' charge transfer and the electrolyte, for small currents
    of_cell = (2 * 0.025693 / (exchange_mA_cm2 * 1e-3) + 10.0) / 1.13
    seen = Seen(symmetric(size, parameters, 0))
    findings = await seen.visit(ohms * of_cell)
    (bad,) = [finding for finding in findings if finding.state == "bad"]
    assert bad.check == "source"
    assert "was driven" in bad.text
    pushed = [source.level for source in seen.driven if source.kind == "voltage"]
    assert pushed
    assert max(map(abs, pushed)) < 0.3


@pytest.mark.virtual_time
@pytest.mark.parametrize("actual", [0.5, 0.0])
async def test_a_wrong_resistor_and_a_short_are_told_at_the_first_look(actual: float) -> None:
    ohm = {"ohm": max(1000.0 * actual, 1e-3)}
    seen = Seen(resistor(CellSize(kind="full"), ohm, 0))
    (bad,) = [finding for finding in await seen.visit(1000.0) if finding.state == "bad"]
    assert bad.check == "source"
    assert "No more than 0.016 V" in bad.text
    assert max(abs(source.level) for source in seen.driven) < 0.04


@pytest.mark.virtual_time
async def test_leads_the_wrong_way_round_are_told() -> None:
    seen = Seen(Turned(thevenin(CellSize(kind="full", capacity_Ah=3e-3), {}, 0)))
    (bad,) = [finding for finding in await seen.visit() if finding.state == "bad"]
    assert "wrong polarity" in bad.text
    assert seen.driven == []


@pytest.mark.virtual_time
async def test_an_output_found_on_is_left_as_it_is() -> None:
    seen = Seen(resistor(CellSize(kind="full"), {}, 0))
    seen.wire.feed(b":OUTP ON\n", asyncio.get_running_loop().time())
    findings = await seen.visit(1000.0)
    assert [finding.check for finding in findings if finding.state == "bad"] == ["output"]
    assert seen.wire.firmware.output_on


def test_every_channel_of_a_bench_is_visited(tmp_path: Path) -> None:
    text = BENCH % KILOHM + "  A2: {instrument: two}\n"
    text = text.replace(
        "channels:",
        "  two: {driver: keithley-2400, resource: sim, simulate: {model: open}}\nchannels:",
    )
    assert set(parse_bench(text, "bench.yaml").channels) == {"A1", "A2"}
    (tmp_path / "bench.yaml").write_text(text, encoding="utf-8")
    done = labctl("doctor", "bench.yaml", cwd=tmp_path)
    assert "A1" in done.stdout
    assert "A2" in done.stdout


def test_a_cell_is_looked_at_inside_what_its_instrument_can_do(tmp_path: Path) -> None:
    bench = (
        BENCH.replace("keithley-2450", "emstat4")
        % "model: na-half, instrument: {model: EmStat4 LR}"
    )
    (tmp_path / "bench.yaml").write_text(bench, encoding="utf-8")
    done = labctl("doctor", "bench.yaml", "--cell", "na-cu-half", cwd=tmp_path)
    # the record's -0.5 V .. 3 V and the margin at rest are more than an LR's +-3 V
    assert (done.returncode, done.stderr) == (0, "")
    assert "BAD" not in done.stdout
    assert "cell at rest: 2.3" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="no SIGTERM there that could be caught")
@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)])
def test_a_signal_ends_it_switched_off(tmp_path: Path, signals: tuple[signal.Signals, ...]) -> None:
    simulate = "model: resistor, parameters: {ohm: 1000}, serve: tcp, port: 0"
    (tmp_path / "sim.yaml").write_text(BENCH % simulate, encoding="utf-8")
    with running.simulating(tmp_path / "sim.yaml") as at:
        served = BENCH.replace("sim, simulate: {%s}", at["smu"])
        (tmp_path / "bench.yaml").write_text(served, encoding="utf-8")
        words = ("doctor", tmp_path / "bench.yaml", "--dummy", "1 kohm", "--data", tmp_path)
        with running.start_labctl(*words) as doctor:
            assert doctor.stdout is not None
            assert any("off state" in line for line in doctor.stdout)
            # it drives by now, and not yet for as long as its shortest look takes
            time.sleep(0.6)
            for number in signals:
                doctor.send_signal(number)
                time.sleep(0.05)
            rest, told = doctor.communicate(timeout=30)
        assert "source" not in rest
        assert (doctor.returncode, told) == (130, "labctl: stopped\n")
        assert output_of(at["smu"]) == b"0"


def output_of(resource: str) -> bytes:
    """What a served instrument says of its output."""
    _, host, port, _ = resource.split("::")
    with socket.create_connection((host, int(port)), timeout=5.0) as connection:
        connection.sendall(b":OUTP?\n")
        return connection.recv(16).strip()
