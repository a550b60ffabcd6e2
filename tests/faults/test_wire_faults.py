"""Runs over wires with the simulators' own faults, in memory and over TCP, and from a bench file.

Each time: what is recorded was sent by the instrument, the output is read back off or the run says
UNKNOWN, and the cell was never driven beyond its limits. A turned bit that makes a digit of a digit
is the one thing that no driver can see: then a recorded number is one that came over the wire.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import broken_wire
from helpers.broken_wire import Ran, check_never_wrong, check_sources, run_faulty
from helpers.served_firmware import served
from helpers.twins import twin_of

from labctl.bench import Instrument, Simulate, parse_bench
from labctl.journal import Reader
from labctl.run import conduct as conducting
from labctl_drivers.errors import InstrumentError
from labctl_protocols.files import load_cell
from labctl_simulators.faults import KINDS, Fault, Faulty

DRIVERS = ("keithley-2450", pytest.param("keithley-2400", marks=pytest.mark.campaign))
AFTER_S = 9.0
"""Into the first charge: after two seconds of rest and what comes before them."""
ONCE = {kind: {kind: Fault(after_s=AFTER_S)} for kind in ("power_cycle", "reset", "hang")}
FAULTS = {
    **{kind: {kind: Fault(0.1, after_s=3.0)} for kind in KINDS},
    **ONCE,
    # a run over a socket is short: one in ten may strike nothing
    "stale": {"stale": Fault(0.3, after_s=3.0)},
    # nobody asks who it is in the middle of a run, unless the connection was broken
    "wrong_identity": {"reset": Fault(after_s=AFTER_S), "wrong_identity": Fault(after_s=AFTER_S)},
}
ENDS = {"reset": "LinkLost", "power_cycle": "", "wrong_identity": ""}
"""What a run must end with that cannot go on; '' for any fault."""
SEEDS = (1, 2)
TCP_SPEED = 5.0
TCP = """\
name: short
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
record: all
steps:
  - rest: 2 s
  - plate: 2 mA/cm2 until 8 s
  - strip: 2 mA/cm2 until 4 s or 1 V
"""


def check_bits(ran: Ran) -> None:
    """As `check_never_wrong`, but that a number may be one that a turned bit made of another."""
    result, wire = ran.result, ran.wire
    assert not ran.left
    with Reader(result.folder) as reader:
        rows = list(reader.readings())
        outputs = [event.data for event in reader.events() if event.kind == "output"]
    assert "UNKNOWN" in result.reason or outputs[-1] == {"on": False, "read_back": True}
    assert "UNKNOWN" in result.reason or not wire.firmware.output_on
    sent = {number for truth in wire.sent for number in truth}
    wrong = [row for row in rows if not {row.voltage_V, row.current_A} <= sent]
    assert len(wrong) <= len(ran.struck)
    check_sources(wire)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("kind", FAULTS)
def test_in_memory(kind: str, driver: str, tmp_path: Path) -> None:
    request = broken_wire.short_request(tmp_path, driver)
    for seed in SEEDS:
        ran = run_faulty(request, FAULTS[kind], seed)
        assert kind in {each.kind for each in ran.struck}, "a fault that never came tests nothing"
        (check_bits if kind == "corrupt" else check_never_wrong)(ran)
        if kind in ENDS:
            assert (ran.result.outcome, ran.result.exit_code) == ("fault", 4)
            assert ENDS[kind] in ran.result.reason


@pytest.mark.campaign
@pytest.mark.parametrize("kind", FAULTS)
def test_over_tcp(kind: str, tmp_path: Path) -> None:
    request = broken_wire.short_request(tmp_path, text=TCP)
    wires: list[broken_wire.Wire] = []
    faulty: list[Faulty] = []

    def make() -> Faulty:
        twin = twin_of(request.bench.instrument_of("A1"), request.cell, now=0.0)
        wires.append(broken_wire.Wire(twin.firmware, broken_wire.sound, 0))
        faulty.append(Faulty(wires[0], FAULTS[kind], 1))
        return faulty[0]

    with served(make, "tcp", TCP_SPEED) as resource:
        smu = replace(request.bench.instruments["smu"], resource=resource, simulate=None)
        bench = replace(request.bench, instruments={"smu": smu})
        result = conducting.conduct(
            replace(request, bench=bench, speed=TCP_SPEED, model_parameters={})
        )
    ran = Ran(result, wires[0], [], list(faulty[0].struck))
    assert kind in {each.kind for each in ran.struck}, "a fault that never came tests nothing"
    (check_bits if kind == "corrupt" else check_never_wrong)(ran)
    if kind in ENDS:
        assert (result.outcome, result.exit_code) == ("fault", 4)
        assert ENDS[kind] in result.reason


BENCH = """\
bench: b
instruments:
  smu:
    driver: keithley-2450
    serial: "04400003"
    resource: sim
    simulate:
      seed: 3
      faults:
        drop: 0.001
        delay: {part: 0.01, seconds: 0.25}
        hang: {after: 2 h, seconds: 30}
        wrong_identity: {part: 1, after: 90 s, times: 2}
channels:
  A1: {instrument: smu}
"""


def test_a_bench_says_which() -> None:
    simulate = parse_bench(BENCH, "b.yaml").instruments["smu"].simulate
    assert simulate is not None
    assert simulate.faults == {
        "drop": Fault(0.001),
        "delay": Fault(0.01, seconds=0.25),
        "hang": Fault(after_s=7200.0, seconds=30.0),
        "wrong_identity": Fault(1.0, after_s=90.0, times=2),
    }


def test_a_run_on_a_bench_in_memory_meets_its_faults(tmp_path: Path) -> None:
    text = BENCH.replace("after: 2 h", "after: 9 s")
    request = replace(broken_wire.short_request(tmp_path), bench=parse_bench(text, "b.yaml"))
    result = conducting.conduct(request)
    assert (result.outcome, result.exit_code) == ("fault", 4)
    assert "LinkLost" in result.reason
    assert conducting.conduct(request).reason == result.reason


def test_a_wrong_instrument_is_refused_at_the_start(tmp_path: Path) -> None:
    text = BENCH.replace("part: 1, after: 90 s, times: 2", "part: 1")
    request = replace(broken_wire.short_request(tmp_path), bench=parse_bench(text, "b.yaml"))
    with pytest.raises(InstrumentError, match="04400003"):
        conducting.conduct(request)


def test_a_twin_has_only_the_faults_that_are_written() -> None:
    simulate = Simulate(model="resistor", faults={"drop": Fault(0.1)})
    twin = twin_of(Instrument("smu", DRIVERS[0], "sim", simulate=simulate), None, now=0.0)
    assert isinstance(twin.firmware, Faulty)
    plain = twin_of(Instrument("smu", DRIVERS[0], "sim"), load_cell("na-cu-half"), now=0.0)
    assert not isinstance(plain.firmware, Faulty)
