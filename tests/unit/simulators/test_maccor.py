"""The simulated Maccor: its parser, its limits, its watchdog and its counters, by closed forms."""

import json
import math

import pytest
from helpers.maccor_rows import CHARGE, OUT, PROCEDURE, SAFE, START, packet, say, send
from wired import Capacitor, Resistor

from labctl_simulators.firmware.maccor import Maccor
from labctl_simulators.firmware.maccor_parts import ProcedureStep
from labctl_simulators.terminals import Terminals

VOLT_STEP = 10.0 / 65536
SEEN = 3 * VOLT_STEP


def make(cell, **options):
    options = {"instrument_error": 0.0, "watchdog_s": 0.0, **options}
    return Maccor(Terminals(cell), channels=2, **options)


def ask(cycler, f_class, f_num, at, **params):
    return send(cycler, say(f_class, f_num, at, **params))


def status(cycler, at, chan=0):
    return ask(cycler, 4, 7, at, Chan=chan)


def run(cycler, at=0.0, **output):
    """Direct mode from `at` on, its output one second later."""
    assert ask(cycler, 6, 7, at, **{**START, "Power": 10})["Result"] == "OK"
    assert ask(cycler, 6, 8, at + 1.0, **{**CHARGE, **output})["Result"] == "OK"


# The stream


def request(ident, **extra):
    params = {"FClass": 4, "FNum": 7, "Chan": 0, **extra}
    return json.dumps(
        {"jsonrpc": "2.0", "method": "MacNet", "params": params, "id": ident}, indent=4
    )


def answers(cycler, data, chunk=10**6):
    raw = data.encode() if isinstance(data, str) else data
    pieces = [raw[n : n + chunk] for n in range(0, len(raw), chunk)]
    return [json.loads(reply) for piece in pieces for _, reply in cycler.feed(piece, 0.0)]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 10**6])
def test_objects_end_with_their_brace_whatever_the_chunks(chunk):
    texts = [request(1, Note='a } in "text" and a \\ and {'), request("two"), request(3)]
    cycler = make(Resistor())
    assert [a["id"] for a in answers(cycler, "".join(texts), chunk)] == [1, "two", 3]
    assert [a["id"] for a in answers(cycler, "\r\n ".join(texts), chunk)] == [1, "two", 3]


@pytest.mark.parametrize("chunk", [1, 5, 10**6])
def test_garbage_is_one_error_and_the_next_object_is_heard(chunk):
    found = answers(make(Resistor()), "*IDN?\n]]" + request(1) + "\xff\x00" + request(2), chunk)
    codes = [a["id"] if "result" in a else a["error"]["code"] for a in found]
    assert codes == [-32700, 1, -32700, 2]


@pytest.mark.parametrize(
    "text",
    ["{}", "{nonsense}", '{"a": NaN}', '{"a": 1e999, }', "{" * 5000 + "}" * 5000,
     '{"jsonrpc": "1.0", "method": "MacNet", "params": {}, "id": 1}',
     '{"jsonrpc": "2.0", "method": "MacNet", "params": [], "id": 1}',
     '{"jsonrpc": "2.0", "method": "MacNet", "params": {}, "id": {}}'],
)  # fmt: skip
def test_what_is_no_request_is_an_error(text):
    cycler = make(Resistor())
    (answer,) = answers(cycler, text)
    assert answer["error"]["code"] in (-32700, -32600)
    assert [a["id"] for a in answers(cycler, request(9))] == [9]


def test_an_object_without_end_is_dropped():
    cycler = make(Resistor())
    (answer,) = answers(cycler, '{"a": "' + "x" * 70_000, 4096)
    assert answer["error"]["code"] == -32700
    assert [a["id"] for a in answers(cycler, request(9))] == [9]


@pytest.mark.parametrize("value", [True, "1", None, 1e999, [], 10**400])
def test_a_number_that_is_none_changes_nothing(value):
    cycler = make(Resistor())
    run(cycler)
    params = {"FClass": 6, "FNum": 8, **CHARGE, "Current": value}
    text = json.dumps({"jsonrpc": "2.0", "method": "MacNet", "params": params, "id": 1})
    ((_, reply),) = cycler.feed(text.encode(), 2.0)
    assert json.loads(reply)["error"]["code"] in (-32602, -32700)
    assert status(cycler, 3.0)["Current"] == pytest.approx(1e-3, abs=1e-6)


def test_a_notification_has_no_reply_and_works():
    cycler = make(Resistor())
    params = {"FClass": 6, "FNum": 9, "Chan": 0, "VarNum": 3, "Value": 7}
    text = json.dumps({"jsonrpc": "2.0", "method": "MacNet", "params": params})
    assert cycler.feed(text.encode(), 0.0) == []
    assert cycler.channels[1].variables[2] == 7.0


def test_connections_do_not_mix_their_halves():
    cycler = make(Resistor())
    other = cycler.session()
    whole = request(1).encode()
    assert cycler.feed(whole[:40], 0.0) == []
    ((_, reply),) = other.feed(request(2).encode(), 0.0)
    assert json.loads(reply)["id"] == 2
    ((_, reply),) = cycler.feed(whole[40:], 0.0)
    assert json.loads(reply)["id"] == 1


def test_the_packet_of_the_reference_byte_by_byte():
    """The bytes of instruments.md §7.2: 06 00 08 00 00 00 12 00 … 04 52."""
    cycler = make(Resistor())
    run(cycler)
    sent = bytes.fromhex("0600 0800 0000 1200") + bytes(16) + b"\x04R"
    assert len(sent) == 26
    assert cycler.output_on
    for byte in sent[:-1]:
        assert cycler.binary.feed(bytes([byte]), 5.0) == []
    assert len(cycler.binary.feed(sent[-1:], 5.0)) == 1
    assert not cycler.output_on
    assert cycler.terminals.source.kind == "open"


@pytest.mark.parametrize(("base", "rests"), [(0, 2), (1, 1)])
def test_the_channel_of_a_packet_is_an_option(base, rests):
    cycler = make(Resistor(), binary_channel_base=base)
    for chan in (0, 1):
        ask(cycler, 6, 7, 0.0, **{**START, "Chan": chan, "Current": 1e-3})
    assert send(cycler, packet(b"R", 2.0, chan=1)) == 0
    cycler.advance(2.0)
    assert [n for n, c in cycler.channels.items() if not c.output_on] == [rests]


# The output


def test_a_charge_holds_its_voltage_and_never_discharges():
    """R = 100 ohm, C = 1 F, 1 mA to 1 V: 0.1 V, then 1 mV/s; the tail is exp(-t / 100 s)."""
    cycler = make(Capacitor(1.0, 0.0, 100.0))
    run(cycler, Voltage=1.0)
    at_half = status(cycler, 401.0)
    assert at_half["Voltage"] == pytest.approx(0.1 + 400 * 1e-3, abs=SEEN)
    assert at_half["Current"] == pytest.approx(1e-3, abs=1e-6)
    tail = status(cycler, 1.0 + 900.0 + 100.0)
    assert tail["Voltage"] == pytest.approx(1.0, abs=SEEN)
    assert tail["Current"] == pytest.approx(1e-3 * math.exp(-1.0), rel=2e-3)
    cycler.terminals.cell.emf_V = 1.5
    cycler.advance(2010.0)
    assert status(cycler, 2011.0)["Current"] == 0.0
    assert cycler.terminals.source.kind == "open"


def test_a_discharge_stops_at_its_voltage_even_below_zero():
    cycler = make(Capacitor(1.0, 0.2, 10.0))
    run(cycler, ChMode="D", Voltage=-0.1)
    passing = status(cycler, 101.0)
    assert passing["Voltage"] == pytest.approx(0.2 - 0.01 - 100 * 1e-3, abs=SEEN)
    assert passing["Current"] == pytest.approx(-1e-3, abs=1e-6)
    held = status(cycler, 2000.0)
    assert held["Voltage"] == pytest.approx(-0.1, abs=SEEN)
    assert abs(held["Current"]) < 2e-6


def test_limits_of_power_and_resistance_follow_the_voltage():
    cycler = make(Resistor(100.0, 2.0), start_fixes_limits=False)
    run(cycler, ChMode="D", Voltage=0.0, Current=65536, Resistance=900.0)
    # the drawn current is V / 900 with V = 2 - 100 I
    assert status(cycler, 5.0)["Current"] == pytest.approx(-2.0 / 1000.0, rel=2e-3)
    ask(cycler, 6, 8, 6.0, **{**CHARGE, "Current": 65536, "Power": 0.0075, "Voltage": 5})
    # (2 + 100 I) I = 7.5 mW
    expected = (-2.0 + math.sqrt(4.0 + 400.0 * 0.0075)) / 200.0
    assert status(cycler, 10.0)["Current"] == pytest.approx(expected, rel=2e-3)


def test_a_limit_that_was_disabled_at_the_start_stays_so():
    """What `pymacnet` quotes; with the option off the later value counts."""
    for fixed, expected in ((True, 5.0), (False, 1.0)):
        cycler = make(Resistor(1000.0), start_fixes_limits=fixed)
        ask(cycler, 6, 7, 0.0, **{**START, "Voltage": 65536})
        ask(cycler, 6, 8, 1.0, **{**CHARGE, "Voltage": 1.0, "Current": 0.1, "CurrentRange": 3})
        assert status(cycler, 2.0)["Voltage"] == pytest.approx(expected, abs=SEEN)


def test_a_current_beyond_its_range_is_the_ranges_full_scale():
    cycler = make(Resistor(100.0))
    run(cycler, Current=0.1, CurrentRange=2)
    assert status(cycler, 2.0)["Current"] == pytest.approx(5e-3, rel=1e-4)


# What the cycler does by itself


class Remembering(Capacitor):
    """A capacitor that knows the largest voltage it was ever at."""

    farthest_V = 0.0

    def step(self, dt_s, current_A):
        super().step(dt_s, current_A)
        self.farthest_V = max(self.farthest_V, abs(self.voltage(current_A)))


def test_the_watchdog_suspends_a_channel_that_is_only_read():
    cycler = make(Capacitor(10.0, 0.0), watchdog_s=10.0)
    run(cycler)
    for second in range(2, 11):
        assert status(cycler, float(second))["Stat"] == 2
    ask(cycler, 6, 8, 10.5, **CHARGE)
    assert status(cycler, 20.4)["Stat"] == 2
    cycler.advance(3600.0)
    assert not cycler.output_on
    assert cycler.terminals.source.kind == "open"
    # charged from 1 s to 20.5 s by 1 mA on 10 F
    assert cycler.terminals.cell.emf_V == pytest.approx(19.5e-3 / 10.0, rel=1e-6)
    assert ask(cycler, 6, 8, 3600.0, **CHARGE)["Result"] == "The channel is not active"
    assert ask(cycler, 6, 7, 3600.0, **START)["Result"] == "The channel is not available"
    assert ask(cycler, 6, 5, 3600.0, Chan=0)["Result"] == "OK"
    assert ask(cycler, 6, 7, 3601.0, **START)["Result"] == "OK"


def test_the_watchdog_runs_from_the_start():
    cycler = make(Resistor(), watchdog_s=10.0)
    ask(cycler, 6, 7, 0.0, **{**START, "Current": 1e-3})
    cycler.advance(10.1)
    assert cycler.output_on
    cycler.advance(10.3)
    assert not cycler.output_on


def test_a_refused_command_does_not_feed_the_watchdog():
    cycler = make(Resistor(), watchdog_s=10.0)
    run(cycler)
    ask(cycler, 6, 8, 8.0, **{**CHARGE, "ChMode": "R"})
    assert status(cycler, 11.1)["Stat"] == 3


@pytest.mark.parametrize(
    ("limit", "output"),
    [
        ({"VSafeMax": 0.5}, {}),
        ({"VSafeMin": -0.5}, {"ChMode": "D", "Voltage": -2.0}),
    ],
)
def test_a_safety_limit_of_the_voltage_is_not_passed(limit, output):
    """10 mA into 1 F behind 10 ohm: 0.1 V, then 10 mV/s; 0.5 V after 40 s, and nobody talks."""
    cell = Remembering(1.0, 0.0, 10.0)
    cycler = make(cell)
    ask(cycler, 6, 10, 0.0, Chan=0, **SAFE | limit)
    run(cycler, **{"Current": 10e-3, "CurrentRange": 3, "Voltage": 2.0, **output})
    cycler.advance(3600.0)
    # a held voltage is stepped by mean currents up to 4 % above those at the end: 0.1 V of them
    assert 0.5 < cell.farthest_V <= 0.501 + 0.04 * 0.1
    assert 0.4 < abs(cycler.terminals.cell.emf_V) < 0.401 + 10e-3  # a second of looking
    shown = status(cycler, 3600.0)
    assert (shown["Stat"], shown["RF2"]) == (3, 197)
    assert 39.0 < shown["TestTime"] < 43.0
    assert cycler.terminals.source.kind == "open"


@pytest.mark.parametrize(
    ("limit", "trips"),
    [
        ({"ISafeChg": 0.9e-3}, True),
        ({"ISafeChg": 1e-3}, False),
        ({"ISafeDis": 0.9e-3}, False),
        ({"PBatSafeChg": 0.9e-3}, True),
        ({"PBatSafeDis": 0.9e-3}, False),
        ({"VSafeMax": 1.0}, False),
        ({"VSafeMax": 0.99}, True),
        ({"VSafeMin": 1.01}, True),
    ],
)
def test_each_safety_limit_has_its_direction(limit, trips):
    """1 mA on 1 kohm: 1 V, 1 mW. A value held at a limit is not beyond it."""
    cycler = make(Resistor(1000.0))
    assert ask(cycler, 6, 10, 0.0, Chan=0, **SAFE | limit)["Chan"] == 0
    ask(cycler, 6, 7, 0.0, **{**START, "Current": 1e-3})
    assert status(cycler, 2.0)["Stat"] == (3 if trips else 2)
    assert cycler.output_on is not trips


def test_the_other_channels_go_on():
    cycler = make(Resistor())
    for chan in (0, 1):
        ask(cycler, 6, 7, 0.0, **{**START, "Chan": chan, "Current": 1e-3})
    ask(cycler, 6, 10, 1.0, Chan=0, **SAFE | {"ISafeChg": 1e-4})
    assert [status(cycler, 2.0, chan)["Stat"] for chan in (0, 1)] == [3, 2]
    assert [c.output_on for c in cycler.channels.values()] == [False, True]


def test_a_procedure_runs_to_its_end_without_a_client():
    """1 C of 1 mAh into 1 F behind 10 ohm: to 1 V in (1 - 0.01) / 1 mA s, a minute's rest, back."""
    steps = (
        ProcedureStep("C", 1.0, 1.0, until_voltage=True),
        ProcedureStep("R", for_s=60.0),
        ProcedureStep("D", 1.0, 0.5, until_voltage=True, cycle=1),
    )
    cycler = make(Capacitor(1.0, 0.0, 10.0), procedures={"MINE": steps}, ready_s=0.0)
    started = ask(cycler, 6, 2, 0.0, **{**PROCEDURE, "ProcName": "MINE", "Crate": 1e-3})
    assert started["Result"] == "OK"
    middle = status(cycler, 1000.0)
    assert (middle["Step"], middle["RF1"]) == (2, 4)
    assert 9.0 <= middle["StepTime"] <= 11.0
    cycler.advance(5000.0)
    ended = status(cycler, 5000.0)
    assert (ended["Stat"], ended["Cycle"], ended["Step"]) == (4, 1, 3)
    assert ended["TestTime"] == pytest.approx(990.0 + 60.0 + 480.0, abs=3.0)
    assert not cycler.output_on


def test_counters_are_those_of_the_step():
    cycler = make(Resistor(1000.0))
    run(cycler)
    shown = status(cycler, 3601.0)
    assert shown["Capacity"] == pytest.approx(1e-3, rel=1e-9)
    assert shown["Energy"] == pytest.approx(1e-3, rel=1e-9)
    assert (shown["StepTime"], shown["TestTime"]) == (3600.0, 3600.8)
    assert shown["LastRecNum"] == 3601
    ask(cycler, 6, 8, 3602.0, **{**CHARGE, "ChMode": "D", "Voltage": -2.0})
    again = status(cycler, 3602.0 + 1800.0)
    assert again["Capacity"] == pytest.approx(0.5e-3, rel=1e-9)
    assert (again["Step"], again["StepTime"]) == (3, 1800.0)
    assert again["TesterTime"] == "2026-01-01T01:30:02"


# The instrument's own errors


def test_errors_are_drawn_per_channel_and_regulated_by_what_is_read():
    cycler = make(Capacitor(1.0, 0.0, 10.0), instrument_error=1.0, seed=5)
    run(cycler, Voltage=1.0, Current=4e-3)
    held = status(cycler, 3600.0)["Voltage"]
    true = cycler.terminals.state().voltage_V
    assert held == pytest.approx(1.0, abs=SEEN)
    # 0.02 % of 1 V and of the full scale of 5 V; an error of nothing would be a coincidence
    assert 1e-6 < abs(true - 1.0) < 1.2e-3


def test_readings_differ_by_noise_in_steps_of_the_converter():
    cycler = make(Resistor(1000.0))
    run(cycler)
    read = [status(cycler, 2.0 + n)["Voltage"] for n in range(50)]
    steps = [value / VOLT_STEP for value in read]
    assert len(set(read)) > 1
    assert all(abs(step - round(step)) < 1e-2 for step in steps)
    assert max(read) - min(read) < 8 * VOLT_STEP


def test_a_frozen_converter_repeats_itself():
    cycler = make(Capacitor(1.0, 0.0), frozen_at_h=0.01)
    run(cycler)
    first = status(cycler, 40.0)
    later = status(cycler, 90.0)
    assert (first["Voltage"], first["Current"]) == (later["Voltage"], later["Current"])
    assert cycler.terminals.cell.emf_V == pytest.approx(89e-3, rel=1e-6)


def test_a_wrong_current_is_not_shown_by_the_limit():
    cycler = make(Resistor(1000.0), set_deviation=0.5)
    run(cycler)
    assert status(cycler, 2.0)["Current"] == pytest.approx(1.5e-3, abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"instrument_error": -1.0}, {"watchdog_s": -1.0}, {"ranges_A": (1.0, 2.0)},
     {"window_V": (5.0, 0.0)}, {"ready_s": math.inf}, {"set_deviation": -2.0}],
)  # fmt: skip
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match=r"cannot be|needed|lies|outside"):
        make(Resistor(), **options)


def test_channels_that_it_has_not_are_refused():
    with pytest.raises(ValueError, match=r"of 8 channel\(s\) has no channel 9"):
        Maccor(Terminals(Resistor()), more={9: Terminals(Resistor())})


def test_power_fails_and_returns():
    cycler = make(Resistor())
    run(cycler)
    assert cycler.feed(b'{"half', 9.0) == []
    assert cycler.binary.feed(b"\x06\x00", 9.0) == []
    cycler.power_cycle(10.0)
    assert cycler.terminals.source.kind == "open"
    assert cycler.feed(request(1).encode(), 11.0) == []
    assert status(cycler, 100.0)["Stat"] == 9
    assert ask(cycler, 6, 5, 100.0, Chan=0)["Result"] == "OK"
    assert status(cycler, 101.0)["Stat"] == 0
    assert send(cycler, packet(b"R", 102.0)) == 2


def test_two_channels_on_one_cell_see_each_other():
    from labctl_simulators.cells import three_electrode
    from labctl_simulators.ports import CellSize
    from labctl_simulators.terminals import terminals_of

    size = CellSize(kind="full", metal="Na", capacity_Ah=1e-3, cathode="NVP", reservoir=True)
    pairs = terminals_of(three_electrode(size, {}, 0))
    cycler = Maccor(pairs["main"], more={2: pairs["supply"]}, channels=2, watchdog_s=0.0)
    before = status(cycler, 0.0)["Voltage"]
    ask(cycler, 6, 7, 1.0, **{**START, **OUT, "Chan": 1, "Voltage": 5.0, "Current": 2e-4})
    status(cycler, 3600.0, 1)
    assert cycler.channels[1].now == 3600.0
    assert abs(status(cycler, 3600.0)["Voltage"] - before) > 0.01
