"""The scanners and the chamber: figures by closed form, times, faults, probes."""

import math
import random

import pytest

from labctl_simulators.cells import half, thevenin, three_electrode
from labctl_simulators.chamber import Aim, Air, Inertia, approach
from labctl_simulators.firmware.daq6510 import Daq6510
from labctl_simulators.firmware.espec import Espec
from labctl_simulators.firmware.keysight_34970a import Keysight34970A
from labctl_simulators.firmware.scpi import expand
from labctl_simulators.ports import CellSize, Source
from labctl_simulators.probes import ROOM_K, Steady, probe_of
from labctl_simulators.terminals import Terminals

K = 273.15


def ask(device, line, now, end=b"\n"):
    replies = device.feed(line.encode() + end, now)
    if not replies:
        return None, now
    ((when, data),) = replies
    return data.removesuffix(end).decode(), when


def chamber(line, device, now):
    return ask(device, line, now, b"\r\n")


# The chamber's air


@pytest.mark.parametrize("target_K", [ROOM_K + 60.0, ROOM_K - 50.0, ROOM_K + 2.0])
def test_the_air_follows_the_equation_of_a_limited_lag(target_K):
    lag_s, ramp_K_s, step_s = 120.0, 0.05, 0.01
    kelvin = ROOM_K
    for n in range(1, 200_001):
        rate = (target_K - kelvin) / lag_s
        kelvin += step_s * max(-ramp_K_s, min(ramp_K_s, rate))
        if n % 20_000 == 0:
            solved = approach(ROOM_K, target_K, lag_s, ramp_K_s, n * step_s)
            assert solved == pytest.approx(kelvin, abs=5e-3)


def test_asking_about_the_future_changes_nothing():
    air = Air(Inertia(), 0.0)
    air.drive(10.0, Aim(10.0, 330.0))
    later = air.temperature_K(3600.0)
    assert air.temperature_K(100.0) < later
    assert air.temperature_K(3600.0) == later


def test_the_chamber_heats_only_in_constant_operation():
    device = Espec(instrument_error=0.0, inertia=Inertia(lag_s=100.0, ramp_K_s=0.1))
    assert chamber("TEMP,S60.0", device, 0.0)[0] == "OK:TEMP,S60.0"
    assert device.air.temperature_K(3600.0) == pytest.approx(ROOM_K)
    chamber("MODE,STANDBY", device, 3600.0)
    assert device.air.temperature_K(7200.0) == pytest.approx(ROOM_K)
    chamber("MODE,CONSTANT", device, 7200.0)
    # 35 K away, 10 K of them at the lag's own pace: 25 K at 0.1 K/s, then an exponential
    assert device.air.temperature_K(7200.0 + 250.0) == pytest.approx(60.0 + K - 10.0)
    there = 60.0 + K - 10.0 * math.exp(-1.0)
    assert device.air.temperature_K(7200.0 + 350.0) == pytest.approx(there)
    chamber("POWER,OFF", device, 7200.0 + 3600.0)
    drifted = ROOM_K + 35.0 * math.exp(-1.0)
    assert device.air.temperature_K(7200.0 + 7200.0) == pytest.approx(drifted, abs=1e-6)


def test_a_program_is_run_step_by_step_and_then_the_chamber_stands_by():
    device = Espec(
        instrument_error=0.0,
        inertia=Inertia(lag_s=10.0, ramp_K_s=10.0, drift_s=1e9),
        programs={1: [(40.0, 1.0), (10.0, 0.5)]},
    )
    chamber("PRGM,RUN,RAM:1,STEP1", device, 0.0)
    assert chamber("MON?", device, 3000.0)[0] == "40.0,,RUN,0"
    assert chamber("TEMP?", device, 5000.0)[0] == "10.0,10.0,150.0,-40.0"
    assert chamber("MON?", device, 5401.0)[0] == "10.0,,STANDBY,0"


def test_the_chamber_s_own_sensor_is_off_by_at_most_its_limit():
    shown = {float(chamber("TEMP?", Espec(seed=n), 0.0)[0].split(",")[0]) for n in range(40)}
    assert len(shown) > 3
    assert all(abs(degC - 25.0) <= 0.35 for degC in shown)


# The chamber's wire


def test_commands_too_close_are_served_late():
    device = Espec(gap_s=0.3, turnround_s=0.05)
    replies = device.feed(b"MODE?\r\nMODE?\r\nMODE?\r\n", 10.0)
    assert [when for when, _ in replies] == pytest.approx([10.05, 10.35, 10.65])


def test_or_refused():
    device = Espec(gap_s=0.3, too_fast="refuse")
    replies = device.feed(b"MODE?\r\nMODE,CONSTANT\r\n", 10.0)
    assert [data for _, data in replies] == [b"OFF\r\n", b"NA:CONT NOT READY-1\r\n"]
    assert chamber("MODE?", device, 10.5)[0] == "OFF"


def test_a_serial_line_takes_its_time():
    slow = Espec(baud=9600).feed(b"MODE?\r\n", 0.0)[0][0]
    assert slow == pytest.approx(7 * 10 / 9600 + 0.05 + 5 * 10 / 9600)


def test_bytes_may_come_one_by_one_and_garbage_does_no_harm():
    device = Espec()
    said = []
    for place, byte in enumerate(b"TEMP?\r\n"):
        said += device.feed(bytes([byte]), 0.01 * place)
    assert len(said) == 1
    dice = random.Random(3)
    for n in range(200):
        for _, reply in device.feed(dice.randbytes(40) + b"\r\n", 10.0 + n):
            assert reply.startswith((b"NA:", b"OK:"))
    assert chamber("MODE?", device, 1000.0)[0] == "OFF"


def test_a_line_without_end_is_dropped():
    device = Espec()
    assert device.feed(b"x" * 100_000, 0.0) == []
    assert chamber("", device, 1.0)[0] == "NA:CMD ERR"
    assert chamber("MODE?", device, 2.0)[0] == "OFF"


@pytest.mark.parametrize("mode", ["OFF", "STANDBY", "CONSTANT"])
def test_after_a_power_cut_the_chamber_is_as_it_was_told(mode):
    device = Espec(restart=mode, instrument_error=0.0)
    chamber("TEMP,S60.0", device, 0.0)
    chamber("MODE,CONSTANT", device, 1.0)
    device.power_cycle(2.0)
    assert device.feed(b"MODE?\r\n", 3.0) == []
    assert chamber("MODE?", device, 2.0 + device.boot_s + 0.5)[0] == mode
    warm = device.air.temperature_K(10_000.0) > ROOM_K + 30.0
    assert warm == (mode == "CONSTANT")


@pytest.mark.parametrize(
    "options",
    [
        {"model": "F4T"},
        {"bottom_degC": 50.0, "top_degC": 40.0},
        {"gap_s": -1.0},
        {"instrument_error": -1.0},
    ],
)
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match=r"model|chamber needs"):
        Espec(**options)
    with pytest.raises(ValueError, match="lag_s"):
        Inertia(lag_s=0.0)


# Scanners


SCANNERS = [Daq6510, Keysight34970A]


def scanned(make, seed, error=1.0, count=20):
    """°C of channels 101 … read by one scan of thermocouples K, and how long it took."""
    probes = {channel: Steady(300.15) for channel in range(101, 101 + count)}
    device = make(probes, seed=seed, instrument_error=error)
    channels = f"(@101:{100 + count})"
    if make is Daq6510:
        lines = [f'SENS:FUNC "TEMP",{channels}', f"ROUT:SCAN:CRE {channels}", "INIT", "*WAI"]
        query = f"TRAC:DATA? 1,{count}"
    else:
        lines, query = [f"CONF:TEMP TC,K,{channels}"], "READ?"
    for line in lines:
        assert device.feed(line.encode() + b"\n", 0.0) == []
    ((when, data),) = device.feed(query.encode() + b"\n", 0.0)
    return [float(word) for word in data.split(b",")], when


@pytest.mark.parametrize("make", SCANNERS)
def test_each_instrument_has_its_own_errors_within_its_limit(make):
    errors = [degC - 27.0 for seed in range(20) for degC in scanned(make, seed)[0]]
    assert all(abs(error) <= 1.05 for error in errors)
    spread = math.sqrt(sum(error**2 for error in errors) / len(errors))
    # a normal of σ = 0.5 cut at ±2 σ has 0.8796 σ (closed form)
    assert spread == pytest.approx(0.5 * 0.8796, rel=0.1)
    assert scanned(make, 3) == scanned(make, 3)
    assert scanned(make, 3)[0] != scanned(make, 4)[0]


@pytest.mark.parametrize("make", SCANNERS)
def test_without_errors_it_is_exact(make):
    assert scanned(make, 3, error=0.0)[0] == pytest.approx([27.0] * 20)


@pytest.mark.parametrize("make", SCANNERS)
def test_it_scans_at_8_to_60_channels_a_second(make):
    assert 20 / 60 < scanned(make, 3)[1] < 20 / 8


@pytest.mark.parametrize("make", SCANNERS)
def test_unknown_models_and_channels_are_refused(make):
    with pytest.raises(ValueError, match="no model"):
        make({}, model="9999")
    with pytest.raises(ValueError, match="no channel 555"):
        make({555: Steady()})
    with pytest.raises(ValueError, match="negative"):
        make({}, instrument_error=-1.0)


def test_a_scan_reads_what_there_is_at_each_moment():
    class Rising:
        def temperature_K(self, now):
            return 300.0 + now

    device = Keysight34970A({101: Rising()}, instrument_error=0.0)
    for line in ("CONF:TEMP TC,K,(@101)", "TRIG:SOUR TIM;TIM 10;COUN 3", "FORM:READ:TIME ON"):
        assert device.feed(line.encode() + b"\n", 0.0) == []
    words = [float(word) for word in ask(device, "READ?", 0.0)[0].split(",")]
    degC, times = words[::2], words[1::2]
    assert times == pytest.approx([0.055, 10.055, 20.055])
    for one, since in zip(degC, times, strict=True):
        assert one - degC[0] == pytest.approx(since - times[0], abs=1e-3)


def test_a_scan_in_the_background_goes_on_without_traffic():
    device = Daq6510({101: Steady()}, instrument_error=0.0)
    for line in ('FUNC "TEMP",(@101)', "ROUT:SCAN:CRE (@101)", "ROUT:SCAN:COUN:SCAN 0",
                 "ROUT:SCAN:INT 1", "INIT"):  # fmt: skip
        device.feed(line.encode() + b"\n", 0.0)
    device.advance(10.5)
    assert ask(device, "TRAC:ACT?", 10.5)[0] == "11"
    device.feed(b"ABOR\n", 10.6)
    device.advance(60.0)
    assert ask(device, "TRAC:ACT?", 60.0)[0] == "11"


@pytest.mark.parametrize("make", SCANNERS)
def test_a_broken_sensor_reads_as_overload(make):
    device = make({101: Steady(math.nan)}, instrument_error=0.0)
    if make is Daq6510:
        for line in ('FUNC "TEMP",(@101)', "ROUT:CLOS (@101)"):
            device.feed(line.encode() + b"\n", 0.0)
    else:
        device.feed(b"CONF:TEMP TC,K,(@101)\n", 0.0)
    assert float(ask(device, "READ?", 1.0)[0]) == 9.9e37


@pytest.mark.parametrize("make", SCANNERS)
def test_a_power_cut_loses_settings_and_memory(make):
    device = make({101: Steady()})
    line = "ROUT:SCAN:CRE (@101)" if make is Daq6510 else "ROUT:SCAN (@101)"
    query = "ROUT:SCAN:CRE?" if make is Daq6510 else "ROUT:SCAN?"
    device.feed(line.encode() + b"\n", 0.0)
    device.power_cycle(1.0)
    assert device.feed(b"*IDN?\n", 2.0) == []
    assert ask(device, query, 2.0 + device.boot_s)[0].endswith("(@)")


# Probes


def test_a_cell_with_metal_has_its_own_temperature():
    cell = half(CellSize(kind="half", metal="Na"), {"temperature_degC": 40.0}, 0)
    probe = probe_of(cell)
    assert probe.temperature_K(0.0) == pytest.approx(313.15)
    terminals = Terminals(cell)
    terminals.connect(Source("current", 0.05, 5.0), 0.0)
    terminals.advance(60.0)
    assert probe.temperature_K(60.0) > 313.3
    assert probe.temperature_K(60.0) == cell.temperature_K


def test_a_cell_without_a_thermal_part_is_as_warm_as_what_is_around_it():
    cell = thevenin(CellSize(kind="full"), {}, 0)
    assert probe_of(cell).temperature_K(0.0) == ROOM_K
    device = Espec(instrument_error=0.0)
    chamber("TEMP,S60.0", device, 0.0)
    chamber("MODE,CONSTANT", device, 1.0)
    assert probe_of(cell, device.air).temperature_K(3600.0) == device.air.temperature_K(3600.0)


def test_of_three_electrodes_it_is_the_body():
    size = CellSize(kind="anode-free", metal="Na", capacity_Ah=2e-3, reservoir=True)
    cell = three_electrode(size, {"temperature_degC": 30.0}, 0)
    assert probe_of(cell).temperature_K(0.0) == pytest.approx(303.15)


# Hostile talk


WORDS = (
    *("1", "0", "-1", "1e9", "INF", "MIN", "DEF", "ON", "OFF", "K", "TC", "THER", "RTD", "FRTD"),
    *('"TEMP"', '"VOLT"', '"defbuffer1"', "'x'", "(@101)", "(@101:103)", "(@)", "(@999)", "(101)"),
    *("BUS", "TIM", "IMM", "READ", "CHAN", "REL", "F", "85", "10000", "5000", "100", "#H1F"),
)


@pytest.mark.parametrize("make", SCANNERS)
def test_any_command_with_any_parameters_ends_in_a_reply_or_an_error(make):
    for seed in range(8):
        dice = random.Random(seed)
        device, now = make({101: Steady()}, seed=seed), 0.0
        for _ in range(300):
            command = dice.choice(device.grammar.commands)
            header = dice.choice(expand(command.spec)).replace("[1]", "")
            mark = dice.choice(("?", ""))
            words = ",".join(dice.choice(WORDS) for _ in range(dice.choice((0, 1, 1, 2, 3))))
            device.errors.clear()
            replies = device.feed(f"{header}{mark} {words}\n".encode(), now)
            assert len(replies) + (len(device.errors) > 0) <= 1
            if mark:
                assert replies or len(device.errors)
            now += dice.choice((0.001, 0.1, 10.0))
