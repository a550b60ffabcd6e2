"""The simulated 2600B: the cell at its terminals, its exchange, and scripts that go on alone."""

import asyncio
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wired import Capacitor, Host, Resistor

from labctl_simulators.cells import half, thevenin
from labctl_simulators.clock import VirtualLoop, run_in
from labctl_simulators.firmware.k2600_models import SERIES_2600
from labctl_simulators.firmware.keithley_2600 import Keithley2600
from labctl_simulators.ports import CellSize
from labctl_simulators.terminals import Terminals

HIGH_Z = "smua.source.offmode = smua.OUTPUT_HIGH_Z"
V_SOURCE = "smua.source.func=1 smua.source.rangev=6"


def on(cell, **options):
    """A host with a 2602B on a cell; the cell is not drained before it is told to."""
    options.setdefault("instrument_error", 0.0)
    return Host(Keithley2600(Terminals(cell), **options))


def numbers(host, line):
    return [float(word) for word in host.ask(line).split("\t")]


def errors(host):
    found = []
    while (entry := host.ask("print(errorqueue.next())").split("\t"))[0] != "0.00000e+00":
        found.append(int(float(entry[0])))
    return found


def voltage(cell):
    return cell.voltage(0.0)


# The cell


def test_sourcing_a_voltage_with_a_limit_is_constant_current_then_constant_voltage():
    cell = Capacitor(farads=10.0, emf_V=3.0, ohms=10.0)
    host = on(cell)
    host.send(f"{V_SOURCE} smua.source.levelv=4.2 smua.source.limiti=1e-2 smua.source.output=1")
    amps, volts = numbers(host, "print(smua.measure.iv())")
    assert amps == pytest.approx(1e-2, rel=1e-4)
    assert volts == pytest.approx(3.1, abs=1e-3)
    assert host.ask("print(smua.source.compliance)") == "true"
    # 10 F from 3.0 V to 4.1 V (4.2 V less 10 Ω · 10 mA) at 10 mA takes 1100 s
    host.wait(1090.0)
    assert host.ask("print(smua.source.compliance)") == "true"
    host.wait(100.0)
    assert host.ask("print(smua.source.compliance)") == "false"
    # then the current decays with 10 Ω · 10 F
    first = numbers(host, "print(smua.measure.i())")[0]
    host.wait(100.0 - host.took_s)
    second = numbers(host, "print(smua.measure.i())")[0]
    assert second / first == pytest.approx(2.718281828**-1.0, rel=0.01)
    assert numbers(host, "print(smua.measure.v())")[0] == pytest.approx(4.2, abs=1e-3)


def test_a_voltage_source_below_the_cell_discharges_it_and_stops_at_its_level():
    cell = Capacitor(farads=1.0, emf_V=4.0, ohms=10.0)
    host = on(cell)
    host.send(f"{V_SOURCE} smua.source.levelv=2.5 smua.source.limiti=1e-2 smua.source.output=1")
    amps, volts = numbers(host, "print(smua.measure.iv())")
    assert amps == pytest.approx(-1e-2, rel=1e-4)
    assert volts == pytest.approx(3.9, abs=2e-3)
    assert host.ask("print(smua.source.compliance)") == "true"
    host.wait(36000.0)  # nobody is there for ten hours
    assert voltage(cell) == pytest.approx(2.5, abs=1e-4)
    assert host.ask("print(smua.source.compliance)") == "false"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_current_source_is_held_by_its_voltage_limit_in_both_polarities(sign):
    host = on(Resistor(1000.0))
    host.send(f"smua.source.func=0 smua.source.limitv=2 smua.source.leveli={sign}e-3")
    host.send("smua.source.output=1")
    assert numbers(host, "print(smua.measure.v())")[0] == pytest.approx(sign * 1.0, rel=1e-3)
    host.send(f"smua.source.leveli={sign * 5}e-3")
    assert numbers(host, "print(smua.measure.v())")[0] == pytest.approx(sign * 2.0, rel=1e-3)
    assert host.ask("print(smua.source.compliance)") == "true"


def test_a_half_cell_is_plated_in_current_compliance_and_held_at_its_limit():
    cell = half(CellSize(kind="half", metal="Na"), {}, 1)
    host = on(cell)
    host.send(HIGH_Z, f"{V_SOURCE} smua.source.levelv=-0.3 smua.source.limiti=5e-4")
    host.send("smua.source.output=1")
    host.wait(600.0)
    amps, volts = numbers(host, "print(smua.measure.iv())")
    assert amps == pytest.approx(-5e-4, rel=1e-3)
    assert -0.3 < volts < 0.0
    assert host.ask("print(smua.source.compliance)") == "true"
    plated_Ah = cell.ledger().plated_Ah
    # the charge that passed: half a milliampere for ten minutes and what the test's own
    # exchanges took
    assert plated_Ah == pytest.approx(5e-4 * host.now / 3600.0, rel=2e-3)


def test_output_off_in_normal_mode_discharges_a_cell_and_high_impedance_does_not():
    cell = Capacitor(farads=100.0, emf_V=4.0)
    host = on(cell)
    host.wait(1000.0)  # 1 mA for 1000 s out of 100 F
    assert voltage(cell) == pytest.approx(4.0 - 0.01, abs=2e-5)
    host.send(HIGH_Z)
    before = voltage(cell)
    host.wait(1000.0)
    assert voltage(cell) == pytest.approx(before, abs=1e-9)
    host.send("smua.source.offmode=0 smua.source.output=2")  # the relay, whatever the mode
    before = voltage(cell)
    host.wait(1000.0)
    assert voltage(cell) == pytest.approx(before, abs=1e-9)
    host.send("smua.source.output=0")
    host.wait(1000.0)
    assert voltage(cell) == pytest.approx(before - 0.01, abs=3e-5)


def test_reset_goes_back_to_the_off_state_that_drains():
    cell = Capacitor(farads=100.0, emf_V=4.0)
    host = on(cell)
    host.send(HIGH_Z)
    before = voltage(cell)
    host.send("reset()")
    host.wait(1000.0)
    assert voltage(cell) == pytest.approx(before - 0.01, abs=3e-5)


def test_an_open_relay_reads_nothing_and_zero_current_reads_the_open_circuit():
    host = on(Resistor(10.0, emf_V=3.7))
    host.send(HIGH_Z)
    assert abs(numbers(host, "print(smua.measure.v())")[0]) < 1e-3
    host.send("smua.source.func=0 smua.source.leveli=0 smua.source.limitv=5 smua.source.output=1")
    amps, volts = numbers(host, "print(smua.measure.iv())")
    assert volts == pytest.approx(3.7, abs=1e-4)
    assert abs(amps) < 1e-10


def test_four_wires_take_the_leads_out_of_voltage_and_reading():
    host = on(Resistor(100.0), lead_ohm=2.0)
    host.send(f"{V_SOURCE} smua.source.levelv=1 smua.source.limiti=1e-1 smua.source.output=1")
    assert numbers(host, "print(smua.measure.r())")[0] == pytest.approx(102.0, rel=1e-4)
    host.send("smua.sense = smua.SENSE_REMOTE")
    assert numbers(host, "print(smua.measure.r())")[0] == pytest.approx(100.0, rel=1e-4)
    assert numbers(host, "print(smua.measure.i())")[0] == pytest.approx(1e-2, rel=1e-4)


def test_a_fixed_range_below_the_current_reads_over_range_and_not_zero():
    host = on(Resistor(100.0))
    host.send(f"{V_SOURCE} smua.source.levelv=1 smua.source.limiti=1e-1 smua.source.output=1")
    host.send("smua.measure.rangei = 1e-3")
    assert host.ask("print(smua.measure.i())") == "9.91000e+37"
    host.send("smua.source.levelv = 0.101")  # 1.01 mA: within 102 % of the range
    assert numbers(host, "print(smua.measure.i())")[0] == pytest.approx(1.01e-3, rel=1e-4)


def test_the_power_limit_holds_the_current():
    host = on(Resistor(10.0))
    host.send(f"{V_SOURCE} smua.source.levelv=5 smua.source.limiti=1 smua.source.limitp=0.5")
    host.send("smua.source.output=1")
    assert numbers(host, "print(smua.measure.i())")[0] == pytest.approx(0.1, rel=1e-4)
    assert host.ask("print(smua.source.compliance)") == "true"


# Two channels


def test_two_cells_at_two_channels_know_nothing_of_each_other():
    one, other = Resistor(1000.0), Resistor(10.0, emf_V=1.0)
    host = Host(Keithley2600(Terminals(one), more={2: Terminals(other)}, instrument_error=0.0))
    host.send("smua.source.levelv=2 smua.source.limiti=1e-2 smua.source.output=1")
    host.send("smub.source.func=0 smub.source.leveli=-1e-2 smub.source.output=1")
    assert numbers(host, "print(smua.measure.iv())") == pytest.approx([2e-3, 2.0], rel=1e-3)
    assert numbers(host, "print(smub.measure.iv())") == pytest.approx([-1e-2, 0.9], rel=1e-3)
    host.wait(1000.0)
    assert one.elapsed_s == pytest.approx(other.elapsed_s)


def test_a_channel_without_a_cell_is_open():
    host = on(Resistor(1000.0))
    host.send("smub.source.levelv=2 smub.source.limiti=1e-2 smub.source.output=1")
    amps, volts = numbers(host, "print(smub.measure.iv())")
    assert volts == pytest.approx(2.0, rel=1e-3)
    assert abs(amps) < 1e-9


def test_both_channels_can_stand_at_one_cell():
    from labctl_simulators.cells import three_electrode
    from labctl_simulators.terminals import terminals_of

    size = CellSize(kind="anode-free", metal="Na", reservoir=True)
    cell = three_electrode(size, {}, 1)
    pairs = terminals_of(cell)
    host = Host(Keithley2600(pairs["main"], more={2: pairs["supply"]}, instrument_error=0.0))
    host.send("smua.source.offmode=2 smub.source.offmode=2")
    host.send(
        "smub.source.func=0 smub.source.leveli=1e-4 smub.source.limitv=5 smub.source.output=1"
    )
    host.wait(3600.0)
    assert pairs["main"].now == pairs["supply"].now
    # charging by the third electrode puts metal on it: the supply is negative
    assert cell.ledger().supplied_Ah == pytest.approx(-1e-4, rel=0.01)


def test_what_a_model_has_not_is_refused():
    with pytest.raises(ValueError, match="no model '2400'"):
        Keithley2600(Terminals(Resistor()), model="2400")
    with pytest.raises(ValueError, match=r"a 2601B has 1 channel"):
        Keithley2600(Terminals(Resistor()), model="2601B", more={2: Terminals(Resistor())})
    with pytest.raises(ValueError, match="lead_ohm = -1"):
        Keithley2600(Terminals(Resistor()), lead_ohm=-1.0)


# Its errors


@pytest.mark.parametrize("name", SERIES_2600)
def test_every_drawn_instrument_is_within_its_data_sheet(name):
    resistor = Resistor(1000.0)
    for seed in range(5):
        host = Host(Keithley2600(Terminals(resistor), model=name, seed=seed))
        host.send("smua.source.rangev=1 smua.source.levelv=0.8 smua.source.limiti=1e-2")
        host.send("smua.measure.rangei=1e-3 smua.measure.nplc=10 smua.source.output=1")
        amps, volts = numbers(host, "print(smua.measure.iv())")
        model = SERIES_2600[name]
        span = model.ranges.volts[model.source_index("VOLT", 1.0)]
        truth_V = host.firmware.channels["smua"].terminals.state().voltage_V
        assert truth_V == pytest.approx(0.8, abs=span.source_gain * 0.8 + span.source_offset)
        allowed_V = span.measure_gain * 0.8 + span.measure_offset + 5e-6 * span.full_scale
        assert volts == pytest.approx(truth_V, abs=allowed_V)
        amp_span = model.ranges.amps[model.measure_index("CURR", 1e-3)]
        allowed_A = amp_span.measure_gain * 8e-4 + amp_span.measure_offset + 5e-9
        assert amps == pytest.approx(truth_V / 1000.0, abs=allowed_A)


def test_one_seed_is_one_instrument_and_channels_differ():
    def readings(seed):
        device = Keithley2600(
            Terminals(Resistor(1000.0)), more={2: Terminals(Resistor(1000.0))}, seed=seed
        )
        host = Host(device)
        for smu in ("smua", "smub"):
            host.send(f"{smu}.source.levelv=1 {smu}.source.limiti=1e-2 {smu}.source.output=1")
        return [host.ask(f"print({smu}.measure.iv())") for smu in ("smua", "smub")]

    assert readings(1) == readings(1)
    assert readings(1) != readings(2)
    assert readings(1)[0] != readings(1)[1]


def test_a_frozen_converter_repeats_one_conversion_while_the_cell_goes_on():
    host = on(Capacitor(farads=1.0, emf_V=3.0), frozen_at_h=1.0)
    host.send(f"{V_SOURCE} smua.source.levelv=4 smua.source.limiti=1e-4 smua.source.output=1")
    host.wait(3600.0)
    first = host.ask("print(smua.measure.v())")
    host.wait(3600.0)
    assert host.ask("print(smua.measure.v())") == first


def test_a_source_that_deviates_acknowledges_what_it_does_not_do():
    host = on(Resistor(100.0), set_deviation=0.1)
    host.send("smua.source.func=0 smua.source.leveli=5e-4 smua.source.output=1")
    assert host.ask("print(smua.source.leveli)") == "5.00000e-04"
    assert numbers(host, "print(smua.measure.i())")[0] == pytest.approx(5.5e-4, rel=1e-3)


# The exchange


def test_a_reading_takes_its_integration():
    host = on(Resistor(), line_hz=50.0)
    host.send("smua.measure.autozero=0 smua.measure.nplc=1")
    host.ask("print(smua.measure.v())")
    short_s = host.took_s
    host.send("smua.measure.nplc=10")
    host.ask("print(smua.measure.v())")
    assert host.took_s - short_s == pytest.approx(9 / 50.0, rel=1e-6)
    host.send("smua.measure.nplc=1 smua.measure.autozero=2")
    host.ask("print(smua.measure.v())")
    assert host.took_s - short_s == pytest.approx(2 * (1 / 50.0 + 200e-6), rel=1e-6)


def test_a_line_comes_in_pieces_and_several_lines_in_one():
    device = Keithley2600(Terminals(Resistor()))
    assert device.feed(b"print", 0.0) == []
    assert device.feed(b"(1)\r", 0.1) == []
    assert [data for _, data in device.feed(b"\nprint(2)\nprint(3)\n", 0.2)] == [
        b"1.00000e+00\n",
        b"2.00000e+00\n",
        b"3.00000e+00\n",
    ]


def test_a_slow_line_delays_both_ways():
    device = Keithley2600(Terminals(Resistor()), baud=9600)
    ((when, data),) = device.feed(b"print(1)\n", 0.0)
    assert when == pytest.approx((9 + len(data)) * 10 / 9600 + 1e-3)


def test_a_bus_takes_back_a_reply_that_was_not_waited_for():
    device = Keithley2600(Terminals(Resistor()), talk="bus")
    device.feed(b"print(smua.measure.v())\n", 0.0)
    generation = device.generation
    replies = device.feed(b"print(7)\n", 0.01)
    assert [data for _, data in replies] == [b"7.00000e+00\n"]
    assert device.generation == generation + 1
    assert device.errors.take().code == -410
    device.read_empty(1.0)
    assert device.errors.take().code == -420
    long = b"s = string.rep('x', 40000) print(s .. s)\nprint(1)\n"
    assert [data for _, data in device.feed(long, 2.0)] == [b"1.00000e+00\n"]
    assert device.errors.take().code == -430


def test_a_stream_gives_every_reply():
    device = Keithley2600(Terminals(Resistor()))
    device.feed(b"print(smua.measure.v())\n", 0.0)
    assert len(device.feed(b"print(7)\n", 0.01)) == 1
    assert len(device.errors) == 0


def test_binary_readings_are_what_was_measured():
    host = on(Resistor(1000.0))
    host.send("smua.source.levelv=1 smua.source.limiti=1e-2 smua.source.output=1")
    host.send("smua.measure.count=3 format.asciiprecision=16 format.data=3")
    host.send("smua.measure.i(smua.nvbuffer1)")
    host.now += 1.0
    replies = host.firmware.feed(b"printbuffer(1, 3, smua.nvbuffer1)\n", host.now)
    payload = replies[0][1]
    assert payload[:2] == b"#0"
    assert struct.unpack("<3d", payload[2:-1]) == tuple(
        host.firmware.channels["smua"].buffers["nvbuffer1"].readings
    )


def test_power_comes_back_with_defaults_and_saved_scripts_only():
    cell = Capacitor(farads=100.0, emf_V=4.0)
    host = on(cell)
    host.send(f"{HIGH_Z} k = script.new('print(7)', 'kept') k.save() g = script.new('', 'gone')")
    host.firmware.power_cycle(host.now)
    assert host.silent("print(1)")
    host.wait(60.0)
    assert numbers(host, "print(smua.source.offmode)") == [0.0]
    assert host.ask("kept()") == "7.00000e+00"
    host.send("gone()")
    assert errors(host) == [-286]


def test_a_mistake_in_a_setting_does_not_end_a_script_and_one_in_lua_does():
    host = on(Resistor())
    host.send("loadscript s", "smua.source.limiti = 0", "print('goes on')", "x.y = 1", "print(2)")
    host.send("endscript")
    assert host.ask("s()") == "goes on"
    assert host.ask("print(errorqueue.next())").startswith("1.10200e+03\tParameter too small")
    entry = host.ask("print(errorqueue.next())").split("\t")
    assert entry[1] == "TSP Runtime error at line 3: attempt to index global `x' (a nil value)"
    assert errors(host) == []


# Scripts that go on alone

CHARGE = """loadscript charge
smua.source.offmode = smua.OUTPUT_HIGH_Z
smua.source.func = smua.OUTPUT_DCAMPS
smua.source.limitv = 5
smua.source.leveli = 1e-3
smua.nvbuffer1.clear()
smua.nvbuffer1.appendmode = 1
smua.source.output = smua.OUTPUT_ON
charge_Ah = 0
timer.reset()
before = 0
repeat
    delay(1)
    local i, v = smua.measure.iv(smua.nvbuffer1)
    local now = timer.measure.t()
    charge_Ah = charge_Ah + i * (now - before) / 3600
    before = now
until v >= 3.2 or now > 7200 or charge_Ah > 1
smua.source.output = smua.OUTPUT_OFF
endscript"""


def test_a_script_ends_a_charge_by_itself_when_the_host_is_dead():
    cell = Capacitor(farads=10.0, emf_V=3.0, ohms=10.0)
    host = on(cell)
    host.send(HIGH_Z, *CHARGE.split("\n"), "charge()")
    device = host.firmware
    assert device.output_on
    host.wait(600.0)
    assert device.output_on
    # the terminals reach 3.2 V when the capacitor is at 3.19 V: 10 F · 0.19 V / 1 mA = 1900 s
    host.wait(1270.0)
    assert device.output_on
    host.wait(40.0)
    assert not device.output_on
    host.wait(36000.0)  # ten hours
    assert voltage(cell) == pytest.approx(3.19, abs=3e-4)
    counted = numbers(host, "print(charge_Ah * 3600, smua.nvbuffer1.n)")
    assert counted[0] == pytest.approx(1.9, rel=2e-3)
    assert counted[1] == pytest.approx(1900 / 1.063, rel=0.01)
    assert errors(host) == []


def test_nobody_is_heard_while_a_script_runs_but_abort_ends_it():
    cell = Capacitor(farads=10.0, emf_V=3.0, ohms=10.0)
    host = on(cell)
    host.send(*CHARGE.split("\n"), "charge()")
    assert host.silent("print(1)")
    host.wait(100.0)
    ((_, data),) = host.firmware.feed(b"abort\n", host.now)
    assert data == b"1.00000e+00\n"  # what had waited
    host.now += 1.0
    assert host.firmware.output_on  # aborting a script switches nothing off
    assert host.ask("print(smua.source.output)") == "1.00000e+00"
    host.firmware.device_clear(host.now)
    host.send("smua.source.output = 0")
    assert not host.firmware.output_on


CUT_OFF = """loadscript safety()
    function cutoff(t)
        delay(t)
        smua.source.output = smua.OUTPUT_OFF
        smub.source.output = smub.OUTPUT_OFF
    end
endscript
safety()"""


def test_a_cut_off_that_each_command_puts_off_ends_the_output_when_they_stop():
    cell = Capacitor(farads=10.0, emf_V=3.0, ohms=10.0)
    host = on(cell)
    host.send(HIGH_Z, *CUT_OFF.split("\n"))
    host.send("smua.source.func=0 smua.source.leveli=1e-3 smua.source.limitv=5")
    host.send("smua.source.output=1", "cutoff(120)")
    for _ in range(10):
        host.wait(100.0)
        host.send("abort", "errorqueue.clear()")
        assert numbers(host, "print(smua.measure.i())") == pytest.approx([1e-3], rel=1e-4)
        host.send("cutoff(120)")
    last = host.now
    host.wait(119.0)
    assert host.firmware.output_on
    host.wait(2.0)
    assert not host.firmware.output_on
    host.wait(36000.0)
    assert voltage(cell) == pytest.approx(3.0 + 1e-3 * (last + 120.0) / 10.0, rel=1e-4)


def test_an_abort_right_behind_a_line_ends_only_what_takes_time():
    host = on(Resistor())
    together = (
        b"smua.source.levelv=1\nabort\ndelay(100) x = 1\nabort\nprint(x, smua.source.levelv)\n"
    )
    ((when, data),) = host.firmware.feed(together, 0.0)
    assert data == b"nil\t1.00000e+00\n"
    assert when < 0.1


def test_what_a_script_says_later_is_on_the_wire_when_it_is_said():
    from labctl_drivers.link import MemoryTransport

    device = Keithley2600(Terminals(Resistor()))

    async def listen():
        loop = asyncio.get_running_loop()
        transport = MemoryTransport(device)
        await transport.open()
        await transport.write(b"for i = 1, 3 do delay(100) print(i) end\n")
        heard = []
        for _ in range(3):
            data = await transport.read(loop.time() + 150.0)
            heard.append((loop.time(), data))
        await transport.close()
        return heard

    heard = run_in(VirtualLoop(), listen())
    assert [data for _, data in heard] == [b"1.00000e+00\n", b"2.00000e+00\n", b"3.00000e+00\n"]
    assert [when for when, _ in heard] == pytest.approx([100.0, 200.0, 300.0], abs=0.01)


def test_an_endless_loop_costs_bounded_work_and_the_cell_goes_on():
    cell = Resistor()
    host = on(cell)
    host.send("while true do end")
    host.wait(5.0)
    assert cell.elapsed_s == pytest.approx(host.now, abs=1.1)
    host.firmware.feed(b"abort\n", host.now)
    host.now += 2.0
    assert host.ask("print('free')") == "free"


def test_a_sweep_leaves_the_interface_free_and_a_cell_where_it_was_told():
    host = on(Resistor(1000.0))
    host.send("smua.source.limiti=1e-1 smua.source.levelv=0.5 smua.source.output=1")
    host.send("smua.trigger.source.linearv(0, 4, 5) smua.trigger.source.action=1")
    host.send("smua.trigger.measure.iv(smua.nvbuffer1, smua.nvbuffer2)")
    host.send("smua.trigger.measure.action=1 smua.trigger.count=5")
    host.send("smua.trigger.arm.stimulus = trigger.EVENT_ID smua.trigger.initiate()")
    host.wait(10.0)
    assert numbers(host, "print(status.operation.sweeping.condition, smua.nvbuffer1.n)") == [2, 0]
    host.send("*TRG")
    host.wait(0.15)
    assert numbers(host, "print(smua.nvbuffer1.n)")[0] in (1, 2)
    host.wait(2.0)
    assert numbers(host, "print(status.operation.sweeping.condition, smua.nvbuffer1.n)") == [0, 5]
    read = [float(x) for x in host.ask("printbuffer(1, 5, smua.nvbuffer2)").split(", ")]
    assert read == pytest.approx([0, 1, 2, 3, 4], abs=1e-3)
    assert numbers(host, "print(smua.measure.v())")[0] == pytest.approx(0.5, abs=1e-3)
    assert errors(host) == []


BYTES = st.one_of(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from(
            [b"smua", b".source", b".levelv", b"=", b"1e9", b"print(", b")", b"\n", b"loadscript\n",
             b"endscript\n", b"abort\n", b"*CLS\n", b"*ESE ", b"for i=1,9 do ", b" end ", b"{",
             b"smua.measure.iv(", b"smua.nvbuffer1", b"printbuffer(1,2,", b"_G", b"[1]", b"nil"]
        ),
        max_size=12,
    ).map(b"".join),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(BYTES, max_size=6))
def test_hostile_bytes_end_in_the_error_queue_at_worst(messages):
    device = Keithley2600(Terminals(Resistor()))
    now = 0.0
    for data in messages:
        device.feed(data, now)
        now += 0.1
    device.feed(b"\nendscript\nabort\n", now)
    device.device_clear(now + 2.0)
    device.feed(b"errorqueue.clear()\n", now + 3.0)
    replies = device.feed(b"*IDN?\n", now + 5.0)
    assert any(b"Model 2602B" in data for _, data in replies)


# The thevenin cell is here for its ledger: what passed at the terminals is what was measured


def test_charge_by_the_buffer_is_the_cells_own_account():
    cell = thevenin(CellSize(kind="full"), {"capacity_Ah": 2e-3}, 0)
    host = on(cell)
    host.send("smua.source.offmode=2 smua.source.func=0 smua.source.limitv=4.5")
    host.send("smua.source.leveli=5e-4 smua.nvbuffer1.appendmode=1")
    begun = cell.ledger().plated_Ah
    loop = "for i=1,60 do smua.measure.i(smua.nvbuffer1) delay(10) end"
    host.send(f"smua.source.output=1 {loop} smua.source.output=0")
    host.wait(700.0)
    amps = [float(x) for x in host.ask("printbuffer(1, 60, smua.nvbuffer1)").split(", ")]
    passed_Ah = cell.ledger().plated_Ah - begun
    assert passed_Ah == pytest.approx(sum(amps) * 10.063 / 3600.0, rel=1e-3)
