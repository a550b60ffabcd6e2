"""The PalmSens drivers, byte for byte, against an instrument that says what is written here."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from helpers.canned_instrument import Canned

from labctl_drivers.emstat.driver import EmStat4, EmStatPico, Nexus
from labctl_drivers.emstat.stream import LATE_S
from labctl_drivers.errors import (
    InstrumentRefused,
    InvalidReading,
    LinkLost,
    LinkTimeout,
    OutOfRange,
    OutputLost,
    OutputUnknown,
    WrongInstrument,
)
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Excitation, Guard, Setpoint

pytestmark = pytest.mark.virtual_time
SCRIPTS = Path(__file__).parent / "scripts"
LI = Guard(2.5, 4.3, 5e-3)
CHARGE = Setpoint("current", 0.5e-3, 4.2)


def script(name):
    return (SCRIPTS / f"{name}.mscr").read_bytes()


def at(seconds, *lines):
    return (seconds, b"".join(line + b"\n" for line in lines))


HR = (b"t\n", [at(0.001, b"tes4_hr1300#Sep 30 2025 12:00:00", b"R*")])
IDLE = (b"v\n", [at(0.001, b"v0109")])
RUNS = (b"v\n", [at(0.001, b"v!0006")])
SERIAL = (b"i\n", [at(0.001, b"iES4HR0042")])
OCP = (
    b"e\nvar p\nmeas_loop_ocp p 100m 100m\npck_start\npck_add p\npck_end\nendloop\n\n",
    [at(0.1, b"e", b"M000B", b"Pab87270E0u", b"*", b"")],
)
OPENED = [HR, IDLE, SERIAL, OCP]
E = (b"e\n", [])
GIVEN = b"Pba807A120n;ab8401640u;ab8001388u;eb8030D40u;eb8001388u;eb8000E10k;ja8000000 "
SAID = at(0.02, b"e", GIVEN)
BEGUN = [SAID, at(0.03, b"L", b"M000A")]
ABORT = (b"Z\n", [at(0.002, b"Z"), at(0.004, b"*"), at(0.006, b"")])
NOT_RUNNING = (b"Z\n", [at(0.002, b"Z!0006")])
OFF = (b"e\ncell_off\n\n", [at(0.01, b"e", b"")])
PROOF = (
    b"e\nvar p\nset_pgstat_chan 0\nset_pgstat_mode 3\nset_max_bandwidth 60\nset_range ab 4\n"
    b"set_autoranging ab 4 4\nmeas_loop_ocp p 100m 100m\npck_start\npck_add p\npck_end\nendloop\n"
    b"on_finished:\ncell_off\n\n",
    [at(0.1, b"e", b"M000B", b"Pab87270E0u,10,206", b"*", b"")],
)
SAFE = [ABORT, IDLE, OFF, PROOF]


GOES_ON, LAST = b";ja8000000 ", b";ja8000001 "


def packet(seconds, time=b"8030D40u", voltage=b"83879F2u", current=b"807A120n", over=GOES_ON):
    line = b"Peb" + time + b";ab" + voltage + b",10,206;ba" + current + b",10,215,40" + over
    return at(seconds, line)


FIRST = packet(0.235)
SECOND = packet(0.435, b"8061A80u", b"8387DDAu")


@asynccontextmanager
async def on(exchanges, driver=EmStat4, **options):
    """The driver on the canned instrument, all of which has to be used."""
    canned = Canned(exchanges)
    channel = driver(Link(MemoryTransport(canned)), **options)
    try:
        yield channel, canned
    finally:
        await channel.close()
    assert canned.wrong == []
    assert canned.done == len(exchanges)


def charging(*said):
    return [*OPENED, (b"e\n" + script("charge_to_4v2") + b"\n", [*BEGUN, *said])]


async def test_opening_asks_who_is_there_and_whether_the_cell_is_on():
    async with on(OPENED, serial="ES4HR0042") as (channel, _):
        opened = await channel.open()
        assert (opened.identity.model, opened.identity.serial) == ("EmStat4 HR", "ES4HR0042")
        assert opened.identity.firmware == "1300 Sep 30 2025 12:00:00 R"
        assert not opened.output_was_on
        assert channel.ratings.high_V == 6.0
        assert "current" in channel.ratings.modes


async def test_a_script_that_runs_is_told_and_goes_on():
    async with on([HR, RUNS], serial="ES4HR0042") as (channel, _):
        assert (await channel.open()).output_was_on


async def test_a_cell_left_on_without_a_script_is_told_and_nothing_is_set():
    refused = (OCP[0], [at(0.02, b"e", b"!0014: Line 2")])
    async with on([HR, IDLE, SERIAL, refused]) as (channel, _):
        assert (await channel.open()).output_was_on


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        (EmStatPico, b"tes4_hr1300#x"),
        (Nexus, b"tespico1600#x"),
        (EmStat4, b"tespbl1600#x"),
        (EmStat4, b"tnexus11600#x"),
    ],
)
async def test_another_instrument_is_refused(driver, said):
    async with on([(b"t\n", [at(0.001, said, b"R*")])], driver) as (channel, _):
        with pytest.raises(WrongInstrument):
            await channel.open()
        with pytest.raises(WrongInstrument):
            await channel.apply(Setpoint("rest"), Guard(-0.5, 1.5, 1e-3))


async def test_another_serial_is_refused_and_never_switched_off():
    once = [HR, IDLE, SERIAL]
    async with on(once * 4, serial="1") as (channel, _):
        with pytest.raises(WrongInstrument):
            await channel.open()
        with pytest.raises(OutputUnknown):
            await channel.safe()


async def test_another_one_in_its_place_after_a_lost_link_is_not_taken_for_it():
    """The bench names no serial number, but this is not the instrument that drives the cell."""
    other = (b"i\n", [at(0.001, b"iES4HR0099")])
    async with on([*charging(FIRST), (b"Z\n", []), *[HR, IDLE, other] * 3]) as (channel, canned):
        await channel.open()
        await channel.apply(CHARGE, LI)
        await channel.read()
        canned.hang_up = True
        with pytest.raises(LinkLost):
            await channel.apply(Setpoint("rest"), LI)
        with pytest.raises(OutputUnknown, match="ES4HR0099 answers, not ES4HR0042"):
            await channel.safe()


async def test_a_charge_is_a_script_whose_readings_come_unasked():
    async with on(charging(FIRST, SECOND)) as (channel, _):
        await channel.open()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        changed = await channel.apply(CHARGE, LI)
        # the pause after `e`, then 30 ms
        assert changed.time_s == pytest.approx(began_s + 0.065)
        assert changed.time_error_s == pytest.approx(0.015)
        reading = await channel.read()
        assert (reading.voltage_V, reading.current_A) == (3.701234, 0.5e-3)
        assert reading.regulating == "current"
        assert reading.current_range_A == 1e-3
        assert reading.time_s == pytest.approx(changed.time_s + 0.2, abs=1e-4)
        assert loop.time() == pytest.approx(began_s + 0.05 + 0.235)
        assert not reading.ended
        second = await channel.read()
        assert second.time_s - reading.time_s == pytest.approx(0.2, abs=1e-4)
        assert second.voltage_V == 3.702234


async def test_limits_are_those_that_the_script_said():
    async with on(charging(FIRST)) as (channel, _):
        await channel.open()
        with pytest.raises(InvalidReading):
            await channel.limits_read_back()
        await channel.apply(CHARGE, LI)
        assert await channel.limits_read_back() == {
            "current_A": 0.5e-3,
            "cut_off_V": 4.2,
            "longest_s": 3.6e6,
        }


@pytest.mark.parametrize(
    "said",
    [
        GIVEN.replace(b"ab8401640u", b"ab8463368u"),
        GIVEN.replace(b"ba807A120n", b"ba87A1200n"),
        GIVEN.replace(b"eb8001388u", b"eb80F4240u"),
        GIVEN.replace(b"ab8401640u", b"ac8401640u"),
        GIVEN.replace(b";eb8030D40u", b""),
    ],
)
async def test_a_script_that_was_given_other_limits_is_aborted_at_once(said):
    begun = (b"e\n" + script("charge_to_4v2") + b"\n", [at(0.02, b"e", said), at(0.03, b"M000A")])
    async with on([*OPENED, begun, ABORT, IDLE]) as (channel, _):
        await channel.open()
        with pytest.raises(InstrumentRefused, match="read back otherwise"):
            await channel.apply(CHARGE, LI)


async def test_a_script_that_is_not_taken_is_told_with_its_line():
    refused = (b"e\n" + script("charge_to_4v2") + b"\n", [at(0.02, b"e!4003: Line 35, Col 11")])
    async with on([*OPENED, refused]) as (channel, _):
        await channel.open()
        with pytest.raises(InstrumentRefused, match=r"set_range db 500u.*argument out of range"):
            await channel.apply(CHARGE, LI)


async def test_the_next_setpoint_aborts_what_runs_and_waits_for_its_end():
    rest = (
        b"e\n" + script("rest") + b"\n",
        [at(0.02, b"e", b"Peb8000E10k"), at(0.03, b"M000B"), at(0.235, b"Peb8030D40u;ab83879F2u")],
    )
    stale = (b"Z\n", [packet(0.001), at(0.002, b"Z"), at(0.004, b"*"), at(0.006, b"")])
    async with on([*charging(FIRST), stale, IDLE, rest]) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        await channel.read()
        began_s = asyncio.get_running_loop().time()
        changed = await channel.apply(Setpoint("rest"), LI)
        # off between the abort and the end of the script
        assert began_s <= changed.time_s <= began_s + 0.007
        reading = await channel.read()
        assert (reading.voltage_V, reading.current_A) == (3.701234, 0.0)
        assert reading.time_s > changed.time_s + 0.2


async def test_readings_are_the_newest_and_the_crossing_is_never_lost():
    over = packet(0.635, b"80927C0u", b"8401640u", over=LAST)
    said = [FIRST, SECOND, over, at(0.64, b"*", b"+"), at(0.65, b"")]
    async with on(charging(*said)) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        await asyncio.sleep(0.45)
        assert (await channel.read()).voltage_V == 3.702234
        await asyncio.sleep(30.0)
        last = await channel.read()
        assert (last.voltage_V, last.ended) == (4.2, True)
        with pytest.raises(OutputLost):
            await channel.read()


async def test_an_end_after_the_last_package_was_read_is_told_with_it():
    async with on(charging(FIRST, at(0.3, b"*", b""))) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        first = await channel.read()
        again = await channel.read()
        assert not first.ended
        assert again.ended
        assert again.time_s == first.time_s


async def test_from_constant_current_to_constant_voltage_in_one_script():
    said = [
        at(
            0.02,
            b"e",
            b"Pba7F0BDC0n;ab82625A0u;ab7FFEC78u;eb8030D40u;eb8001388u;eb8000E10k;ja8000000 "
            b";ba8000005m;ba7FFFFFBm",
        ),
        at(0.03, b"M000A"),
        packet(0.235, voltage=b"82625A0u", current=b"7F0BDC0n", over=LAST),
        at(0.24, b"*", b"+"),
        at(0.25, b"M0007"),
    ]
    held = at(0.46, b"Peb8061A80u;da82625A0u;ba7F85EE0n,10,215;ja8000000 ")
    begun = (b"e\n" + script("discharge_then_hold") + b"\n", [*said, held])
    async with on([*OPENED, begun]) as (channel, _):
        await channel.open()
        await channel.apply(Setpoint("current", -1e-3, 2.5, hold_at_stop=True), LI)
        await asyncio.sleep(1.0)
        crossing, then = await channel.read(), await channel.read()
        assert (crossing.voltage_V, crossing.current_A) == (2.5, -1e-3)
        assert (crossing.regulating, then.regulating) == ("current", "voltage")
        assert then.current_A == -0.5e-3
        assert not crossing.ended
        assert not then.ended


@pytest.mark.parametrize(
    "line",
    [
        b"Peb8030D40u;ab     nan;ba807A120n;ja8000000 ",
        b"Peb8030D40u;ab83879F2u;ba807A120n,12;ja8000000 ",
        b"Peb8030D40u;ab83879F2u;ja8000000 ",
        b"Peb8030D40u;ba807A120n;ab83879F2u;ja8000000 ",
        b"Peb8030D40u;ab83879F2u;ba807A120n;eb8030D40u;ja8000000 ",
        b"Peb8030D40u;ab83879F2u;ba807A120u;ja8000000 ",
        b"Peb8030D40u;ab83879F2 ;ba807A120n;ja8000000 ",
        b"Peb8030D40u;ab83879F2u;ba807A120n,10,2FF;ja8000000 ",
        b"Peb8030D40u;ab83879F2u;ba807A12;ja8000000 ",
        b"Peb87030D4 ;ab83879F2u;ba807A120n;ja8000000 ",
        b"Peb7FFF060u;ab83879F2u;ba807A120n;ja8000000 ",
        b"Peb8030D40u;ab83879F2u;ba807A120n",
        b"Peb8030D40u;ab83879F2u;ba807A120n;jb8000000 ",
        b"Q",
        b"M00FF",
        b"\xff\x00",
    ],
)
async def test_what_is_no_reading_is_told_once_and_the_next_is_read(line):
    async with on(charging(at(0.235, line), SECOND)) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        with pytest.raises(InvalidReading):
            await channel.read()
        assert (await channel.read()).voltage_V == 3.702234


async def test_a_voltage_beyond_the_range_is_told_as_that_when_a_current_is_driven():
    line = b"Peb8030D40u;ab8419CE0u,12,205;ba807A120n,10,215;ja8000001 "
    over = at(0.235, line, b"*", b"+", b"")
    async with on(charging(over)) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        reading = await channel.read()
        assert (reading.voltage_V, reading.status, reading.ended) == (4.3, 2, True)


async def test_flow_control_may_stand_anywhere():
    line = b"\x13Peb8030D4\x110u;ab83879F2u;b\x13a807A120n\x11;ja8000000 \n"
    async with on(charging((0.235, line), at(0.3, b"\x13"))) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        assert (await channel.read()).voltage_V == 3.701234
        assert (await channel.read()).ended


async def test_an_overload_says_of_what():
    line = b"Peb8030D40u;ab83879F2u;ba807A120n,12;ja8000000 "
    async with on(charging(at(0.235, line), SECOND)) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        with pytest.raises(InvalidReading, match="the current is beyond"):
            await channel.read()


async def test_one_again_is_no_reading():
    async with on(charging(FIRST, packet(0.3))) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        await channel.read()
        with pytest.raises(InvalidReading, match="no later than"):
            await channel.read()


def after_a_while(*also):
    """Nothing is heard for 3.4 s; then all that was said meanwhile, at 0.4 s, 0.6 s and so on."""
    said = [b"%07Xu" % (0x8000000 + 200_000 * n) for n in range(2, 18)]
    lines = [packet(3.635, time)[1].removesuffix(b"\n") for time in said]
    return charging(FIRST, at(3.635, *lines, *also))


async def test_a_host_that_was_held_up_goes_on_with_what_is_new():
    async with on(after_a_while()) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        await asyncio.sleep(3.2)
        # one is 3 s old, and the first of those that come are
        reading = await channel.read()
        assert asyncio.get_running_loop().time() - reading.time_s < LATE_S + 0.2


async def test_what_a_host_that_was_held_up_hears_last_of_a_script_is_a_reading():
    """The charge until then has passed, although nobody looked."""
    async with on(after_a_while(b"*", b"")) as (channel, _):
        await channel.open()
        changed = await channel.apply(CHARGE, LI)
        await channel.read()
        await asyncio.sleep(8.0)
        last = await channel.read()
        assert last.ended
        assert last.time_s == pytest.approx(changed.time_s + 3.4, abs=2e-3)
        with pytest.raises(OutputLost):
            await channel.read()


async def test_a_package_that_waited_unread_for_too_long_is_no_reading():
    async with on(charging(FIRST)) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        await asyncio.sleep(2.0)
        with pytest.raises(LinkTimeout):
            await channel.read()


async def test_a_stream_that_falls_silent_is_a_time_out_and_may_go_on():
    async with on(charging(FIRST, packet(2.235, b"82191C0u"))) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        await channel.read()
        with pytest.raises(LinkTimeout):
            await channel.read()
        # 2.2 s by its own clock
        assert (await channel.read()).time_s > 2.2


async def test_a_script_that_breaks_off_has_its_cell_switched_off_at_once():
    async with on([*charging(FIRST, at(0.3, b"!0032: Line 27")), OFF]) as (channel, canned):
        await channel.open()
        await channel.apply(CHARGE, LI)
        await asyncio.sleep(5.0)
        # nobody has read meanwhile; the instrument was deaf for a while
        when = canned.heard[-1][0] - canned.heard[-2][0]
        assert when == pytest.approx(0.3 + 0.15 + 0.05, abs=1e-3)
        await channel.read()
        with pytest.raises(OutputLost, match="0032 critical overload"):
            await channel.read()


async def test_an_error_before_the_first_loop_is_a_refusal_and_the_cell_goes_off():
    begun = (b"e\n" + script("charge_to_4v2") + b"\n", [SAID, at(0.03, b"!0023: Line 18")])
    async with on([*OPENED, begun, OFF]) as (channel, _):
        await channel.open()
        with pytest.raises(InstrumentRefused, match="mode of the potentiostat"):
            await channel.apply(CHARGE, LI)


async def test_safe_is_proved_by_an_open_circuit_voltage():
    async with on([*charging(FIRST), *SAFE, NOT_RUNNING, IDLE, OFF, PROOF]) as (channel, _):
        await channel.open()
        await channel.apply(CHARGE, LI)
        await channel.read()
        for _ in range(2):
            await channel.safe()
            with pytest.raises(InvalidReading):
                await channel.read()


@pytest.mark.parametrize(
    "instead",
    [
        [at(0.02, b"e", b"!0014: Line 8")],
        [at(0.02, b"e", b"M000B", b"*", b"")],
        [at(0.02, b"e", b"M000B", b"Pab     nan", b"*", b"")],
        [at(0.02, b"e", b"M000B", b"Pda83879F2u", b"*", b"")],
        [at(0.02, b"e!001B: Line 3")],
        [at(0.02, b"e", b"")],
    ],
)
async def test_without_that_proof_nobody_says_off(instead):
    once = [NOT_RUNNING, IDLE, OFF, (PROOF[0], instead)]
    async with on([*OPENED, *once * 3]) as (channel, _):
        await channel.open()
        with pytest.raises(OutputUnknown):
            await channel.safe()


async def test_an_instrument_that_is_not_heard_is_told_to_switch_off_all_the_same():
    deaf = [(b"Z\n", []), (b"\n", [])] * 3
    shouted = (OFF[0], [])
    async with on([*OPENED, *[*deaf, shouted] * 3]) as (channel, _):
        await channel.open()
        with pytest.raises(OutputUnknown, match="does not end"):
            await channel.safe()


async def test_a_script_left_half_sent_by_somebody_is_never_run():
    """`Z` goes before the empty line that would run it, and makes it one that is refused."""
    swallowed = (b"Z\n", [])
    ended = (b"\n", [at(0.001, b"e!4001: Line 7, Col 2")])
    async with on([*OPENED, swallowed, ended, NOT_RUNNING, IDLE, OFF, PROOF]) as (channel, canned):
        await channel.open()
        await channel.safe()
        heard = dict((line, when) for when, line in canned.heard)
        assert heard[b"Z\n"] - heard[b"\n"] >= 0.15


async def test_an_instrument_in_the_middle_of_somebodys_script_says_what_it_is():
    swallowed = (b"t\n", [])
    ended = (b"\n", [at(0.001, b"e!4001: Line 3, Col 1")])
    async with on([swallowed, ended, *OPENED]) as (channel, _):
        assert not (await channel.open()).output_was_on


async def test_a_serial_that_a_running_script_hid_is_asked_for_before_anything_is_done():
    hidden = [HR, RUNS, RUNS, ABORT, IDLE, SERIAL]
    async with on([*hidden, HR, IDLE, SERIAL, HR, IDLE, SERIAL], serial="1") as (channel, _):
        assert (await channel.open()).output_was_on
        with pytest.raises(OutputUnknown, match="ES4HR0042 answers, not 1"):
            await channel.safe()


async def test_a_spectrum_is_told_as_it_comes():
    said = b"Pdc80186A0 ;dc8000064 ;ab800000Am;ab80000C8m"
    points = [
        at(0.5, b"Peb807A120u;dc80186A0 ;cc800000A ,10,207;cd7FFFFFB ,10,206"),
        at(1.0, b"Peb80F4240u;dc8000064 ;cc8000014 ;cd7FFFFF6 "),
    ]
    begun = [at(0.02, b"e", said), at(0.03, b"M000D"), *points, at(1.01, b"*"), at(1.02, b"")]
    pico = (b"t\n", [at(0.001, b"tespico1600#x", b"R*")])
    exchanges = [pico, IDLE, SERIAL, OCP, (b"e\n" + script("eis_on_a_pico") + b"\n", begun)]
    async with on(exchanges, EmStatPico) as (channel, _):
        await channel.open()
        excitation = Excitation(100e3, 100.0, 10, amplitude_V=0.01, about_V=0.2)
        spectrum = channel.impedance(excitation, Guard(-0.5, 1.5, 3e-3))
        found = [(p.frequency_Hz, p.real_ohm, p.imaginary_ohm) async for p in spectrum]
        assert found == [(1e5, 10.0, -5.0), (100.0, 20.0, -10.0)]


async def test_a_spectrum_that_is_left_is_aborted():
    said = b"Pdc80003E8 ;dc8000064m;ba8000064u;ba8000000 "
    point = at(0.5, b"Peb807A120u;dc80003E8 ;cc800000A ;cd7FFFFFB ")
    begun = [at(0.02, b"e", said), at(0.03, b"M000E"), point]
    exchanges = [*OPENED, (b"e\n" + script("geis") + b"\n", begun), ABORT, IDLE]
    async with on(exchanges) as (channel, _):
        await channel.open()
        spectrum = channel.impedance(Excitation(1e3, 0.1, 5, amplitude_A=100e-6), LI)
        await anext(spectrum)
        await spectrum.aclose()


async def test_a_point_that_a_host_held_up_hears_late_is_one_but_not_after_a_sleep():
    said = b"Pdc80003E8 ;dc8000064m;ba8000064u;ba8000000 "
    points = [
        at(4.5, b"Peb807A120u;dc80003E8 ;cc800000A ;cd7FFFFFB "),
        at(7.5, b"Peb80F4240u;dc80001F4 ;cc800000A ;cd7FFFFFB "),
    ]
    begun = [at(0.02, b"e", said), at(0.03, b"M000E"), *points]
    exchanges = [*OPENED, (b"e\n" + script("geis") + b"\n", begun), ABORT, IDLE]
    async with on(exchanges) as (channel, _):
        await channel.open()
        began_s = asyncio.get_running_loop().time()
        spectrum = channel.impedance(Excitation(1e3, 0.1, 5, amplitude_A=100e-6), LI)
        point = await anext(spectrum)
        assert point.time_s == pytest.approx(began_s + 0.05 + 0.5, abs=0.03)
        with pytest.raises(InvalidReading, match="before it came"):
            await anext(spectrum)


async def test_what_cannot_be_done_sends_nothing():
    async with on(OPENED) as (channel, _):
        await channel.open()
        for setpoint in (Setpoint("current", 0.1), Setpoint("voltage", 1e-3, 5.0)):
            with pytest.raises(OutOfRange):
                await channel.apply(setpoint, LI)


@pytest.mark.parametrize(
    "options",
    [
        {"channel": 2},
        {"interval_s": 0.01},
        {"interval_s": float("nan")},
        {"rest_interval_s": 0.0},
        {"pause_s": -1.0},
    ],
)
def test_options_outside_their_range_are_refused(options):
    with pytest.raises(ValueError, match=r"channel|_s is"):
        EmStat4(Link(MemoryTransport(Canned([]))), **options)
