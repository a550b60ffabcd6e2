"""The simulated Rodeostat: every command and message of its reference, and what a test streams."""

import asyncio
import json
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import serial

from labctl_rodeostat.sim_commands import COMMANDS
from labctl_rodeostat.simulator import MODELS, Rodeostat
from labctl_simulators.cells.plain import Resistor, Thevenin
from labctl_simulators.servers.pty_port import serve_pty
from labctl_simulators.terminals import Terminals

OHM = 1000.0
ADC_STEP_uA = 20_000.0 / 65535


def make(cell=None, **options):
    options = {"instrument_error": 0.0, **options}
    return Rodeostat(Terminals(cell or Resistor(OHM)), **options)


def said(device, data, now):
    replies = device.feed(data, now)
    assert all(text.endswith(b"\r\n") for _, text in replies)
    return [json.loads(text) for _, text in replies]


def ask(device, command, now=0.0, **arguments):
    line = json.dumps({"command": command, **arguments}).encode() + b"\n"
    return said(device, line, now)


def answer(device, command, now=0.0, **arguments):
    """The response of a command that succeeds."""
    (reply,) = ask(device, command, now, **arguments)
    assert reply["success"] is True
    assert "message" not in reply
    response = dict(reply["response"])
    assert response.pop("command") == command
    return response


def message(device, command, now=0.0, **arguments):
    """The message of a command that fails."""
    (reply,) = ask(device, command, now, **arguments)
    assert reply["success"] is False
    return reply["message"]


def stream(device, until):
    """What it says by itself up to a time, fed when it asks to be."""
    found = []
    while device.wake_at is not None and device.wake_at <= until:
        found += said(device, b"", device.wake_at)
    return found


def run(device, name, now=1.0, **param):
    if param:
        answer(device, "setParam", now, test=name, param=param)
    assert answer(device, "runTest", now, test=name) == {"test": name}
    return stream(device, now + 1e5)


# The line


def test_the_examples_of_the_reference_byte_by_byte():
    device = make()
    ((_, reply),) = device.feed(b'{"command":"getVolt"}\n', 0.0)
    assert reply == b'{"success":true,"response":{"command":"getVolt","v":-0.000244}}\r\n'
    assert answer(device, "setVolt", v=0.5) == {"v": 0.499878}


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_lines_come_in_any_chunks(chunk):
    device, data = make(), b'{"command":"getVersion"}\n{"command":"getVariant"}\r\n'
    found = [r for n in range(0, len(data), chunk) for r in said(device, data[n : n + chunk], 0.0)]
    assert [r["response"]["command"] for r in found] == ["getVersion", "getVariant"]


@pytest.mark.parametrize(
    "line", [b"*IDN?", b"[1]", b'"x"', b"{", b'{"command": NaN}', b"\xff", b"", b"[" * 1999]
)
def test_what_is_no_object_cannot_be_parsed(line):
    device = make()
    (reply,) = said(device, line + b"\n", 0.0)
    assert reply == {"success": False, "message": "unable to parse json", "response": {}}
    assert answer(device, "getVersion")["version"] == "FW0.1.0"


def test_a_line_longer_than_the_buffer_is_lost_and_the_next_is_heard():
    device = make()
    assert said(device, b"x" * 5000, 0.0) == []
    (reply,) = said(device, b'{"command":"getVolt"}\n', 0.0)
    assert reply["message"] == "unable to parse json"
    assert answer(device, "getVersion")["version"] == "FW0.1.0"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"command": "foo"}, "command, foo, not found"),
        ({"v": 1}, "CommandTable: command not found"),
        ({"command": "setVolt"}, "json does not contain key: v"),
        ({"command": "setVolt", "v": "x"}, "unable to convert volt to float"),
        ({"command": "setVolt", "v": True}, "unable to convert volt to float"),
        ({"command": "setVolt", "v": 10**400}, "unable to convert volt to float"),
        ({"command": "runTest"}, "json does not contain key: test"),
        ({"command": "runTest", "test": "x"}, "test not found"),
        ({"command": "getParam", "test": ["cyclic"]}, "test not found"),
        ({"command": "setVoltRange", "voltRange": "3V"}, "voltRange, 3V, not found"),
        ({"command": "setCurrRange", "currRange": "1A"}, "currRange, 1A, not found"),
        ({"command": "setParam", "test": "cyclic"}, "key param missing"),
        ({"command": "setParam", "test": "cyclic", "param": 3}, "param not JsonObject"),
        ({"command": "setSamplePeriod", "samplePeriod": 1001},
         "json samplePeriod value is too large"),
        ({"command": "setSamplePeriod", "samplePeriod": 0}, "json samplePeriod value is too small"),
        ({"command": "getMuxEnabled"}, "multiplexer hardware not supported"),
        ({"command": "setAllElectConnected", "connected": 1},
         "unable to convert 'connected' to bool"),
    ],
)  # fmt: skip
def test_each_message(request_, expected):
    (reply,) = said(make(), json.dumps(request_).encode() + b"\n", 0.0)
    assert (reply["success"], reply["message"]) == (False, expected)


NAMES = """runTest stopTest getVolt setVolt getCurr getRefVolt setParam getParam setVoltRange
getVoltRange setCurrRange getCurrRange setDeviceId getDeviceId setSamplePeriod getSamplePeriod
getTestDoneTime getTestNames getVersion getVariant setMuxEnabled getMuxEnabled
setEnabledMuxChannels getEnabledMuxChannels getMuxTestNames setMuxRefElectConnected
getMuxRefElectConnected setMuxCtrElectConnected getMuxCtrElectConnected setMuxWrkElectConnected
getMuxWrkElectConnected disconnectAllMuxElect setRefElectConnected getRefElectConnected
setCtrElectConnected getCtrElectConnected setWrkElectConnected getWrkElectConnected
setAllElectConnected getAllElectConnected setElectAutoConnect getElectAutoConnect
setRefElectVoltRange getRefElectVoltRange getHardwareVersion""".split()


def test_the_commands_are_those_of_the_reference():
    assert sorted(COMMANDS) == sorted(NAMES)


@pytest.mark.parametrize(
    ("command", "arguments", "expected"),
    [
        ("setVoltRange", {"voltRange": "5V"}, {"voltRange": "5V"}),
        ("setCurrRange", {"currRange": "100uA"}, {"currRange": "100uA"}),
        ("setRefElectVoltRange", {"voltRange": "2V"}, {"voltRange": "2V"}),
        ("setDeviceId", {"deviceId": 7}, {"deviceId": 7}),
        ("setSamplePeriod", {"samplePeriod": 1000}, {"samplePeriod": 1000}),
        ("setElectAutoConnect", {"autoConnect": False}, {"autoConnect": False}),
        ("setRefElectConnected", {"connected": True}, {"connected": True}),
        ("setAllElectConnected", {"connected": True}, {"connected": True}),
    ],
)
def test_what_is_set_is_read_back(command, arguments, expected):
    device = make()
    assert answer(device, command, **arguments) == expected
    assert answer(device, "get" + command[3:]) == expected


def test_what_it_is():
    device = make(model="8V_24MilliAmpV0.2", serial="123")
    assert answer(device, "getVariant") == {"variant": "8V_24MilliAmpV0.2"}
    assert answer(device, "getDeviceId") == {"deviceId": 123}
    assert answer(device, "getHardwareVersion") == {"version": "V0.2"}
    assert answer(device, "setVoltRange", voltRange="4V") == {"voltRange": "4V"}
    assert message(device, "setVoltRange", voltRange="5V") == "voltRange, 5V, not found"
    assert answer(device, "getTestNames")["testNames"] == [
        "cyclic", "sinusoid", "constant", "squareWave", "linearSweep", "chronoamp", "multiStep",
        "differentialPulse",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("10V_nanoAmpV0.2", ("1uA", "10uA", "60nA", "100nA")),
        ("10V_microAmpV0.2", ("1uA", "10uA", "100uA", "1000uA")),
        ("10V_10MilliAmpV0.2", ("10uA", "100uA", "1000uA", "10000uA")),
        ("10V_24MilliAmpV0.2", ("100uA", "1000uA", "12000uA", "24000uA")),
    ],
)
def test_the_ranges_of_a_variant(model, names):
    device = make(model=model)
    for name in names:
        assert answer(device, "setCurrRange", currRange=name) == {"currRange": name}


def test_hardware_0_1_has_no_switch_and_drives_its_cell_from_the_start():
    device = make(Thevenin(1e-3, 10.0, 1.0, 1.0, 0.5), model="10V_microAmpV0.1")
    assert message(device, "getAllElectConnected") == "command, getAllElectConnected, not found"
    assert device.output_on
    # 0 V on a cell of 3.3 V with 10 ohm: all that the amplifier can take
    assert device.terminals.state().current_A == pytest.approx(-0.025)


@pytest.mark.parametrize(
    "options",
    [{"model": "12V_microAmpV0.2"}, {"serial": "abc"}, {"set_deviation": 0.1},
     {"instrument_error": -1.0}, {"drive_A": 0.0}],
)  # fmt: skip
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match=r"model|serial|set_deviation|negative"):
        make(**options)


# Output and readings


def connected(**options):
    device = make(**options)
    answer(device, "setAllElectConnected", connected=True)
    answer(device, "setCurrRange", currRange="10000uA")
    return device


def test_a_voltage_is_put_out_and_its_current_read():
    """0.499878 V on 1 kohm: 499.878 µA."""
    device = connected()
    answer(device, "setVolt", v=0.5)
    assert answer(device, "getCurr", 0.1)["i"] == pytest.approx(499.878, abs=3 * ADC_STEP_uA)
    assert answer(device, "getRefVolt", 0.1)["r"] == pytest.approx(0.499878, abs=1e-6)
    answer(device, "setWrkElectConnected", 0.2, connected=False)
    assert not device.output_on
    assert device.terminals.source.kind == "open"


def test_the_output_is_held_by_its_range_and_jumps_with_it():
    device = connected()
    assert answer(device, "setVolt", v=3.0) == {"v": 1.0}
    answer(device, "setVolt", v=0.5)
    answer(device, "setVoltRange", voltRange="10V")
    assert answer(device, "getVolt")["v"] == pytest.approx(4.99878, abs=1e-5)
    assert device.terminals.state().voltage_V == pytest.approx(4.99878, abs=1e-5)


def test_the_output_stays_when_nobody_talks():
    device = connected()
    answer(device, "setVolt", v=0.7)
    device.advance(36_000.0)
    assert device.output_on
    assert device.terminals.state().voltage_V == pytest.approx(0.7, abs=5e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_the_current_is_an_option(sign):
    device = connected(current_sign=sign)
    answer(device, "setVolt", v=0.5)
    assert answer(device, "getCurr", 0.1)["i"] * sign > 490.0


def test_errors_are_drawn_from_the_seed():
    read = []
    for seed in (1, 1, 2):
        device = connected(instrument_error=1.0, seed=seed)
        answer(device, "setVolt", v=0.5)
        read.append(answer(device, "getCurr", 0.1)["i"])
    assert read[0] == read[1] != read[2]
    assert abs(read[0] - 499.878) > 3 * ADC_STEP_uA


def test_a_frozen_converter_repeats_itself():
    device = connected(frozen_at_h=1.0)
    answer(device, "setVolt", v=0.5)
    first = answer(device, "getCurr", 3601.0)
    answer(device, "setVolt", 3602.0, v=-0.5)
    assert answer(device, "getCurr", 3603.0) == first


# Tests


def test_a_constant_voltage_streams_and_ends():
    """One second at 100 ms: ten samples of 0.3 V on 1 kohm, then {}."""
    device = make()
    answer(device, "setSamplePeriod", samplePeriod=100)
    answer(device, "setCurrRange", currRange="1000uA")
    *samples, end = run(device, "constant", value=0.3, duration=1000)
    assert end == {}
    assert [s["t"] for s in samples] == list(range(100, 1001, 100))
    assert all(s["v"] == 0.3 for s in samples)
    assert all(s["i"] == pytest.approx(300.0, abs=0.4) for s in samples)
    assert device.wake_at is None
    assert not device.output_on


def test_the_reply_comes_before_the_first_sample():
    device = make()
    answer(device, "setSamplePeriod", samplePeriod=1)
    line = b'{"command":"runTest","test":"constant"}\n'
    times = [when for when, _ in device.feed(line, 1.0)]
    assert device.wake_at is not None
    while not (more := device.feed(b"", device.wake_at)):
        pass
    assert max(times) <= more[0][0]


def test_an_adc_at_its_end_says_so():
    device = make()
    answer(device, "setCurrRange", currRange="100uA")
    sample, *_ = run(device, "constant", value=0.5, duration=50)
    assert sample["le"] is True
    assert sample["i"] == pytest.approx(100.0, abs=0.01)


def test_a_sweep_and_a_triangle_are_straight():
    device = make()
    answer(device, "setCurrRange", currRange="10000uA")
    *samples, _ = run(device, "linearSweep", startValue=-0.4, finalValue=0.4, duration=1000)
    assert len(samples) == 100
    for s in samples:
        assert s["v"] == pytest.approx(-0.4 + 0.8 * s["t"] / 1000, abs=1e-6)
        # what flowed until then: the output of the tick before, a tenth of 10 ms ago
        assert s["i"] == pytest.approx(1000 * (s["v"] - 0.8e-3), abs=1.0)
    *samples, _ = run(
        device, "cyclic", 10.0, amplitude=0.4, offset=0.1, period=400, numCycles=2, shift=0.0
    )
    by_time = {s["t"]: s["v"] for s in samples}
    assert [by_time[t] for t in (100, 200, 300, 400, 500, 800)] == pytest.approx(
        [0.1, 0.5, 0.1, -0.3, 0.1, -0.3]
    )


def test_a_sinusoid_and_its_shift():
    device = make()
    *samples, _ = run(
        device, "sinusoid", amplitude=0.4, offset=0.1, period=400, numCycles=1, shift=0.25
    )
    by_time = {s["t"]: s["v"] for s in samples}
    assert [by_time[t] for t in (100, 200, 300, 400)] == pytest.approx([0.1, -0.3, 0.1, 0.5])


@pytest.mark.parametrize("name", ["multiStep", "chronoamp"])
def test_steps_of_voltage(name):
    device = make()
    answer(device, "setSamplePeriod", samplePeriod=50)
    *samples, end = run(device, name, quietTime=100, quietValue=0.2, step=[[200, 0.4], [130, -0.4]])
    assert end == {}
    shown = [(s["t"], s["v"]) for s in samples]
    assert shown == [(50, 0.2), (100, 0.4), (150, 0.4), (200, 0.4), (250, 0.4), (300, 0.4),
                     (350, -0.4), (400, -0.4)]  # fmt: skip
    assert answer(device, "getTestDoneTime", test=name)["testDoneTime"] == 430


def test_a_square_wave_sends_the_difference_of_its_halves():
    """On a resistor forward minus reverse is twice the amplitude: 2 · 50 mV / 1 kohm."""
    device = make()
    answer(device, "setCurrRange", currRange="1000uA")
    *samples, _ = run(
        device, "squareWave", amplitude=0.05, startValue=0.0, finalValue=0.1, stepValue=0.01,
        window=0.2,
    )  # fmt: skip
    assert len(samples) == 10
    assert [s["t"] for s in samples] == list(range(10, 101, 10))
    assert all(s["i"] == pytest.approx(100.0, abs=0.6) for s in samples)


def test_a_differential_pulse_sends_the_difference_to_the_step_before():
    """The pulse of 50 mV and the step of 10 mV: 60 µA; the first has nothing before it."""
    device = make()
    answer(device, "setCurrRange", currRange="1000uA")
    first, *samples, _ = run(
        device, "differentialPulse", amplitude=0.05, startValue=0.1, finalValue=0.0,
        stepValue=0.01, window=0.2,
    )  # fmt: skip
    assert first["i"] == 0.0
    # down the stairs: the pulse goes up, the step down
    assert all(s["i"] == pytest.approx(40.0, abs=0.6) for s in samples[:9])


def test_a_test_takes_the_smallest_range_that_holds_it():
    device = make()
    run(device, "constant", value=3.0, duration=20)
    assert answer(device, "getVoltRange", 10.0) == {"voltRange": "5V"}


@pytest.mark.parametrize(("after", "expected"), [("set", 0.2), ("last", 0.6), ("zero", 0.0)])
def test_where_the_output_stays_after_a_test(after, expected):
    device = make(after_test=after)
    answer(device, "setElectAutoConnect", autoConnect=False)
    answer(device, "setAllElectConnected", connected=True)
    answer(device, "setVolt", v=0.2)
    run(device, "constant", value=0.6, duration=50)
    assert device.output_on
    assert answer(device, "getVolt", 10.0)["v"] == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize("first", [False, True])
def test_stop_test_says_the_end_even_when_nothing_ran(first):
    device = make(end_first=first)
    both = ask(device, "stopTest")
    assert both[1 if not first else 0] == {}
    assert both[0 if not first else 1]["response"] == {"command": "stopTest"}


def test_stop_test_ends_a_test_and_opens_the_relays():
    device = make()
    answer(device, "setParam", test="constant", param={"value": 0.5, "duration": 60_000})
    answer(device, "runTest", test="constant")
    assert len(stream(device, 1.0)) == 99
    assert device.output_on
    assert len(ask(device, "stopTest", 1.0)) == 2
    assert not device.output_on
    assert stream(device, 100.0) == []


def test_a_test_goes_on_when_the_host_is_gone_and_then_ends():
    device = make()
    answer(device, "setParam", test="constant", param={"value": 0.5, "duration": 60_000})
    answer(device, "runTest", test="constant")
    device.advance(59.0)
    assert device.output_on
    device.advance(36_000.0)
    assert not device.output_on
    late = said(device, b"", 36_000.0)
    assert len(late) == 6001
    assert late[-1] == {}


@pytest.mark.parametrize(
    ("name", "param", "expected"),
    [
        ("constant", {"value": "x", "duration": -1}, "value not a float, duration not uint32"),
        ("multiStep", {}, "step key not found"),
        ("multiStep", {"step": 3}, "step not a JsonArray"),
        ("multiStep", {"step": [[1, 0.0]] * 51}, "step array too large"),
        ("multiStep", {"step": [[1]]}, "step item size!=2"),
        ("multiStep", {"step": [[-1, 0.0]]}, "step item[0] not uint32"),
        ("multiStep", {"step": [[1, None]]}, "step item[1] not float"),
    ],
)
def test_parameters_that_are_none(name, param, expected):
    device = make()
    before = answer(device, "getParam", test=name)
    assert message(device, "setParam", test=name, param=param) == expected
    assert answer(device, "getParam", test=name) == before


def test_fifty_steps_are_taken():
    taken = answer(make(), "setParam", test="multiStep", param={"step": [[1, 0.0]] * 50})
    assert len(taken["param"]["step"]) == 50


# Multiplexer, plug


def test_a_multiplexer_takes_its_channels_in_turn():
    device = make(mux=True)
    answer(device, "setCurrRange", currRange="1000uA")
    assert answer(device, "setMuxEnabled", muxEnabled=True) == {"muxEnabled": True}
    assert message(device, "runTest", test="constant").startswith("mux running, but no enabled")
    assert answer(device, "setEnabledMuxChannels", muxChannel=[1, 3]) == {"muxChannel": [1, 3]}
    assert message(device, "runTest", test="squareWave") == (
        "test, squareWave, is not mux compatible"
    )
    *samples, _ = run(device, "constant", value=0.3, duration=60)
    assert [s["n"] for s in samples] == [1, 3, 1, 3, 1, 3]
    for s in samples:
        assert s["i"] == pytest.approx(300.0 if s["n"] == 1 else 0.0, abs=0.4)
    assert message(device, "setEnabledMuxChannels", muxChannel=[8]) == (
        "muxChannel element out of range"
    )
    assert answer(device, "getMuxWrkElectConnected", 10.0) == {"connected": False}


def test_plugged_in_again_it_is_as_at_power_on():
    device = connected()
    answer(device, "setVolt", v=0.5)
    device.power_cycle(10.0)
    assert said(device, b'{"command":"getVolt"}\n', 10.5) == []
    assert answer(device, "getVolt", 12.0) == {"v": -0.000244}
    assert device.terminals.source.kind == "open"


@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_be_made(model):
    assert answer(make(model=model), "getVariant") == {"variant": model}


def test_the_entry_points_of_the_distribution_can_be_loaded():
    described = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    points = described["project"]["entry-points"]
    assert points["labctl.simulators"]["rodeostat"] == "labctl_rodeostat.simulator:Rodeostat"
    for group in points.values():
        for target in group.values():
            module, _, name = target.partition(":")
            assert callable(getattr(import_module(module), name))


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
async def test_over_a_pseudo_terminal_a_test_streams_in_order_and_ends():
    async with serve_pty(make(), speed=20.0) as resource:
        port = resource.removeprefix("ASRL").removesuffix("::INSTR")
        lines = await asyncio.to_thread(stream_over, port)
    assert [line.get("success") for line in lines[:2]] == [True, True]
    assert [line.get("t") for line in lines[2:]] == [*range(10, 501, 10), None]
    assert lines[-1] == {}


def stream_over(port):
    """What comes until the end of a test, by pyserial."""
    param = {"value": 0.2, "duration": 500}
    with serial.Serial(port, 115200, timeout=10) as link:
        for request in ({"command": "setParam", "test": "constant", "param": param},
                        {"command": "runTest", "test": "constant"}):  # fmt: skip
            link.write(json.dumps(request).encode() + b"\n")
        lines = []
        while not lines or lines[-1] != {}:
            line = link.readline()
            assert line.endswith(b"\r\n"), line
            lines.append(json.loads(line))
    return lines
