"""One simulated instrument with cells at several of its channels."""

from dataclasses import replace

import pytest
from helpers.twins import twins_of

from labctl.bench import BenchError, Simulate, parse_bench
from labctl.bench.model import Instrument
from labctl.twin import Held, connect_channels, make_cell
from labctl_protocols.files import load_cell

SMU = Instrument("smu", "keithley-2600", "sim", simulate=Simulate(model="resistor"))
BENCH = """\
bench: b
instruments:
  smu:
    driver: maccor
    resource: sim
    simulate: {model: na-half, parameters: {ce: 0.9, instrument_error: 0}, seed: 3, port: 1}
channels:
  A1: {instrument: smu}
  A2: {instrument: smu, channel: 2, simulate: {model: resistor, parameters: {ohm: 10}}}
  A3: {instrument: smu, channel: 3}
"""


def ask(firmware, line, now):
    ((_, data),) = firmware.feed(line.encode() + b"\n", now)
    return [float(word) for word in data.split(b"\t")]


def test_each_channel_holds_its_own_cell():
    cells = [
        make_cell(SMU, None, model="resistor", parameters={"ohm": ohm}, now=0.0)
        for ohm in (100.0, 1000.0)
    ]
    exact = {"instrument_error": 0.0}
    held = {1: Held(cells[0]), 2: Held(cells[1])}
    firmware = connect_channels(held, SMU, parameters=exact)
    for letter in "ab":
        smu = f"smu{letter}"
        line = f"{smu}.source.levelv=1 {smu}.source.limiti=0.1 {smu}.source.output=1\n"
        assert firmware.feed(line.encode(), 0.0) == []
    assert ask(firmware, "print(smua.measure.r())", 1.0) == pytest.approx([100.0], rel=1e-4)
    assert ask(firmware, "print(smub.measure.r())", 2.0) == pytest.approx([1000.0], rel=1e-4)


def test_a_cell_at_the_second_channel_alone_leaves_the_first_open():
    cell = make_cell(SMU, None, model="resistor", parameters={"ohm": 100.0}, now=5.0)
    firmware = connect_channels({2: Held(cell)}, SMU, parameters={"instrument_error": 0.0})
    line = b"smua.source.levelv=1 smua.source.output=1 smub.source.levelv=1 smub.source.output=1\n"
    assert firmware.feed(line, 5.0) == []
    assert abs(ask(firmware, "print(smua.measure.i())", 6.0)[0]) < 1e-9
    assert ask(firmware, "print(smub.measure.i())", 7.0) == pytest.approx([0.01], rel=1e-4)


def test_two_terminals_of_one_cell_are_at_two_channels_of_one_instrument():
    record = load_cell("na-nvp-three-electrode")
    smu = replace(SMU, simulate=Simulate())
    roles, channels = {"main": smu, "supply": smu}, {"main": 1, "supply": 2}
    twins = twins_of(roles, record, channels=channels, now=0.0)
    assert twins["main"].firmware is twins["supply"].firmware
    assert twins["main"].cell is twins["supply"].cell
    before = twins["main"].cell.ledger()
    line = b"smub.source.func=0 smub.source.leveli=1e-4 smub.source.limitv=5 smub.source.output=1\n"
    twins["supply"].firmware.feed(b"smua.source.offmode=2 smub.source.offmode=2\n", 0.0)
    twins["supply"].firmware.feed(line, 0.0)
    twins["supply"].firmware.advance(3600.0)
    after = twins["main"].cell.ledger()
    assert after.supplied_Ah - before.supplied_Ah == pytest.approx(-1e-4, rel=0.01)


def test_what_cannot_be_is_refused():
    cell = make_cell(SMU, None, model="resistor", now=0.0)
    single = replace(SMU, driver="keithley-2450")
    with pytest.raises(
        BenchError, match="keithley-2450 has one channel; there is none of number 2"
    ):
        connect_channels({2: Held(cell)}, single)
    with pytest.raises(BenchError, match=r"2602B has 2 channel\(s\), and none of number 3"):
        connect_channels({3: Held(cell)}, SMU)
    with pytest.raises(BenchError, match="the model resistor has no terminal 'supply'"):
        connect_channels({1: Held(cell, "supply")}, SMU)
    with pytest.raises(BenchError, match="channel 1 is at 'main' and cannot be at 'supply'"):
        twins_of({"main": SMU, "supply": SMU}, None, now=0.0)


def test_a_bench_says_which_cell_is_at_a_channel():
    bench = parse_bench(BENCH, "b.yaml")
    first, second, third = (bench.instrument_of(name).simulate for name in ("A1", "A2", "A3"))
    assert first == third
    assert first.parameters == {"ce": 0.9, "instrument_error": 0.0}
    assert (second.model, second.seed, second.port) == ("resistor", 3, 1)
    assert second.parameters == {"ohm": 10.0, "instrument_error": 0.0}


OPTIONS = """\
bench: b
instruments:
  smu:
    driver: keithley-2600
    resource: sim
    simulate: {model: na-half, instrument: {model: 2636B, lead_ohm: 50, talk: stream}}
  oven:
    driver: espec
    resource: sim
    simulate: {instrument: {model: SCP220, top_degC: 80}}
auxiliaries:
  chamber: {instrument: oven}
channels:
  A1: {instrument: smu, simulate: {model: resistor, parameters: {ohm: 100, instrument_error: 0}}}
"""


def firmware_of(text, channel="A1"):
    instrument = parse_bench(text, "b.yaml").instrument_of(channel)
    return twins_of({"main": instrument}, None, now=0.0)["main"].firmware


def test_a_simulators_own_options_reach_it_with_a_cell_of_the_channels_own():
    firmware = firmware_of(OPTIONS)
    assert b"2636B" in firmware.feed(b"*IDN?\n", 0.0)[0][1]
    drive = b"smua.sense=smua.SENSE_LOCAL smua.source.levelv=1 smua.source.output=1\n"
    assert firmware.feed(drive, 0.0) == []
    assert ask(firmware, "print(smua.measure.r())", 1.0) == pytest.approx([150.0], rel=1e-3)


def test_an_option_that_a_simulator_refuses_names_the_instrument():
    with pytest.raises(BenchError, match="instrument smu: no model '2699B' here; known: "):
        firmware_of(OPTIONS.replace("2636B", "2699B"))


def test_auxiliaries_have_options_of_their_own():
    from labctl.auxiliary_twin import auxiliary_twins

    (oven,) = auxiliary_twins(parse_bench(OPTIONS, "b.yaml"), {}).values()
    ((_, told),) = oven.feed(b"TYPE?\r\n", 0.0)
    assert told.strip().endswith(b",SCP220,80.0")
    with pytest.raises(BenchError, match="instrument oven: no model 'P900'"):
        auxiliary_twins(parse_bench(OPTIONS.replace("SCP220", "P900"), "b.yaml"), {})
