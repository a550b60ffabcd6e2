"""The Keithley driver, byte for byte, in both dialects."""

import asyncio

import pytest
from wire_script import expect

from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    InvalidReading,
    OutOfRange,
    OutputLost,
    OutputUnknown,
    WrongInstrument,
)
from labctl_drivers.keithley_24xx import Keithley2400, Keithley2450
from labctl_drivers.vocabulary import Guard, Setpoint

GUARD = Guard(-0.5, 1.5, 5e-3)
IDN_2400 = "KEITHLEY INSTRUMENTS INC.,MODEL 2400,4105123,C32   Oct  4 2010 14:20:11/A02  /S/K"
IDN_2450 = "KEITHLEY INSTRUMENTS,MODEL 2450,04488850,1.7.3c"
OK_2400 = (":SYST:ERR?", '0,"No error"')
OK_2450 = (":SYST:ERR?", '0,"No error;0;0 0"')
OPEN_2400 = [
    ("*IDN?", IDN_2400),
    (":OUTP?", "0"),
    OK_2400,
    ("*CLS", None),
    (":OUTP:SMOD HIMP;:SOUR:CLE:AUTO OFF;:SOUR:DEL:AUTO OFF", None),
    (":ROUT:TERM REAR", None),
    (":SYST:RSEN ON", None),
    (":SENS:FUNC:CONC ON", None),
    (":SENS:FUNC 'VOLT','CURR'", None),
    (":SENS:CURR:NPLC 1.000000E+00", None),
    (":SENS:AVER OFF", None),
    (":FORM:DATA ASC", None),
    (":FORM:ELEM VOLT,CURR,TIME,STAT", None),
    (":ARM:COUN 1;:TRIG:COUN 1", None),
    (":ARM:SOUR IMM", None),
    OK_2400,
]
REST_2400 = [
    (":OUTP OFF", None),
    (":OUTP?", "0"),
    (":SOUR:FUNC CURR;:SOUR:CURR:MODE FIX", None),
    (":SOUR:CURR:LEV 0;:SOUR:CURR:RANG 1.000000E-06;:SOUR:CURR:LEV 0.000000E+00", None),
    (
        ":SENS:VOLT:PROT 2.000000E+01;:SENS:VOLT:RANG 2.000000E+01;:SENS:VOLT:PROT 2.000000E+01",
        None,
    ),
    OK_2400,
    (
        ":OUTP:SMOD?;:SYST:RSEN?;:SOUR:FUNC?;:SOUR:CURR:LEV?;:SENS:VOLT:RANG?;:SENS:VOLT:PROT?",
        "HIMP;1;CURR;+0.000000E+00;+2.100000E+01;+2.000000E+01",
    ),
    (":OUTP ON", None),
    (":OUTP?", "1"),
    OK_2400,
]
READ_2400 = (":READ?", "+1.000000E-01,+1.000000E-09,+1.000000E+00,+4.233216E+06")
PLATE_2400 = [
    (":OUTP OFF", None),
    (":OUTP?", "0"),
    (":SOUR:FUNC VOLT;:SOUR:VOLT:MODE FIX", None),
    (":SOUR:VOLT:LEV 0;:SOUR:VOLT:RANG 2.000000E+00;:SOUR:VOLT:LEV -5.000000E-01", None),
    (
        ":SENS:CURR:PROT 1.050000E+00;:SENS:CURR:RANG 1.000000E-03;:SENS:CURR:PROT 5.000000E-04",
        None,
    ),
    OK_2400,
]
VERIFY_2400 = (
    ":OUTP:SMOD?;:SYST:RSEN?;:SOUR:FUNC?;:SOUR:VOLT:LEV?;:SENS:CURR:RANG?;:SENS:CURR:PROT?"
)
ON = [(":OUTP ON", None), (":OUTP?", "1")]
OPEN_2450 = [
    ("*IDN?", IDN_2450),
    ("*LANG?", "SCPI"),
    (":OUTP?", "0"),
    OK_2450,
    ("*CLS", None),
    (":OUTP:VOLT:SMOD HIMP;:OUTP:CURR:SMOD HIMP", None),
    (":ROUT:TERM REAR", None),
    (":FORM:DATA ASC;:FORM:ASC:PREC 10", None),
    OK_2450,
]
HOLD_2450 = [
    (":OUTP OFF", None),
    (":OUTP?", "0"),
    (':SENS:FUNC "CURR"', None),
    (":SOUR:FUNC VOLT", None),
    (":OUTP:VOLT:SMOD HIMP;:SOUR:VOLT:READ:BACK ON", None),
    (":SENS:CURR:RSEN ON;:SENS:CURR:NPLC 1.000000E+00", None),
    (":SOUR:VOLT:LEV 0;:SOUR:VOLT:RANG 2.000000E+01;:SOUR:VOLT:LEV 1.000000E+00", None),
    (
        ":SOUR:VOLT:ILIM 1.050000E+00;:SENS:CURR:RANG 1.000000E-03;:SOUR:VOLT:ILIM 5.000000E-04",
        None,
    ),
    OK_2450,
    (
        ":OUTP:VOLT:SMOD?;:SENS:CURR:RSEN?;:SOUR:VOLT:READ:BACK?;:SOUR:FUNC?;:SENS:FUNC?"
        ";:SOUR:VOLT:LEV?;:SENS:CURR:RANG?;:SOUR:VOLT:ILIM?",
        'HIMP;1;1;VOLT;"CURR:DC";1.000000000E+00;1.000000000E-03;5.000000000E-04',
    ),
    *ON,
    OK_2450,
]
HOLD = Setpoint("current", 0.5e-3, 1.0, hold_at_stop=True)
PLATE = Setpoint("current", -0.5e-3)
READ_2450 = ':READ? "defbuffer1",SOUR,SOURSTAT,READ,REL'


async def test_2400_opens_rests_plates_strips_and_is_made_safe():
    verified = "HIMP;1;VOLT;-5.000000E-01;+1.050000E-03;+5.000000E-04"
    script = [
        *OPEN_2400,
        *REST_2400,
        READ_2400,
        *PLATE_2400,
        (VERIFY_2400, verified),
        *ON,
        OK_2400,
        (":READ?", "-1.234567E-02,-5.000120E-04,+2.000000E+00,+4.216840E+06"),
        (":SENS:CURR:PROT 5.000000E-04;:SOUR:VOLT:LEV 1.001220E+00", None),
        (":SOUR:VOLT:LEV?", "+1.001200E+00"),
        OK_2400,
        (VERIFY_2400, "HIMP;1;VOLT;+1.001200E+00;+1.050000E-03;+5.000000E-04"),
        (":OUTP?", "1"),
        (":SOUR:FUNC?", "VOLT"),
        (":SOUR:VOLT:LEV?;:SENS:CURR:PROT?", "+1.001200E+00;+5.000000E-04"),
        (":ABOR", None),
        (":OUTP:SMOD HIMP", None),
        (":OUTP OFF", None),
        ("*IDN?", IDN_2400),
        (":OUTP?", "0"),
        ("*CLS", None),
    ]
    async with expect(script) as link:
        smu = Keithley2400(link, serial="4105123")
        opened = await smu.open()
        assert (opened.identity.model, opened.output_was_on) == ("2400", False)
        await smu.apply(Setpoint("rest"), GUARD)
        rest = await smu.read()
        assert (rest.voltage_V, rest.current_A, rest.regulating) == (0.1, 1e-9, "current")
        assert (rest.voltage_range_V, rest.current_range_A) == (20.0, 1e-6)
        await smu.apply(PLATE, GUARD)
        plated = await smu.read()
        assert (plated.voltage_V, plated.current_A) == (-0.01234567, -0.000500012)
        assert (plated.regulating, plated.status) == ("current", 4216840)
        await smu.apply(Setpoint("current", 0.5e-3, 1.0), GUARD)
        assert await smu.limits_read_back() == {
            "voltage_level_V": 1.0012,
            "current_limit_A": 5e-4,
        }
        await smu.safe()


async def test_2450_opens_holds_reads_and_is_made_safe():
    script = [
        *OPEN_2450,
        *HOLD_2450,
        (READ_2450, "9.998765432E-01,232,4.998700000E-04,0.000000000E+00"),
        (READ_2450, "1.000012345E+00,200,1.2e-04,1.0"),
        ("*IDN?", IDN_2450),
        (READ_2450, "1.000012345E+00,2.000000000E+02, 1.200000000E-04,1.000000000E+00"),
        (":ABOR", None),
        (":OUTP:VOLT:SMOD HIMP;:OUTP:CURR:SMOD HIMP", None),
        (":OUTP OFF", None),
        ("*IDN?", IDN_2450),
        (":OUTP?", "0"),
        ("*CLS", None),
    ]
    async with expect(script) as link:
        smu = Keithley2450(link)
        await smu.open()
        await smu.apply(HOLD, GUARD)
        first = await smu.read()
        assert (first.voltage_V, first.current_A) == (0.9998765432, 4.9987e-4)
        assert first.regulating == "current"
        with pytest.raises(InvalidReading):
            await smu.read()
        assert (await smu.read()).regulating == "voltage"
        await smu.safe()


async def test_an_output_found_on_is_left_as_it_is_until_something_is_applied():
    script = [
        ("*IDN?", IDN_2400),
        (":OUTP?", "1"),
        (":SYST:ERR?", '-113,"Undefined header"'),
        OK_2400,
        ("*CLS", None),
        (":OUTP:SMOD HIMP", None),
        *REST_2400[:2],
        *OPEN_2400[4:],
        *REST_2400[2:],
    ]
    async with expect(script) as link:
        smu = Keithley2400(link)
        opened = await smu.open()
        assert opened.output_was_on
        assert opened.errors == ("-113, Undefined header",)
        await smu.apply(Setpoint("rest"), GUARD)


@pytest.mark.parametrize(
    ("identity", "serial"),
    [
        (IDN_2450, None),
        (IDN_2400, "4105124"),
        (IDN_2400.replace("2400", "2430"), None),
        ("ACME,MODEL 2400,4105123,1", None),
    ],
)
async def test_a_wrong_instrument_is_refused_and_nothing_is_set(identity, serial):
    async with expect([("*IDN?", identity)]) as link:
        with pytest.raises(WrongInstrument):
            await Keithley2400(link, serial=serial).open()


async def test_making_safe_does_not_switch_off_a_wrong_instrument():
    async with expect([("*IDN?", IDN_2450)] * 2) as link:
        with pytest.raises(OutputUnknown, match="WrongInstrument"):
            await Keithley2400(link).safe()


async def test_a_2450_that_speaks_another_language_is_refused():
    async with expect([("*IDN?", IDN_2450), ("*LANG?", "TSP")]) as link:
        with pytest.raises(WrongInstrument, match="TSP"):
            await Keithley2450(link).open()


@pytest.mark.parametrize(
    "verified",
    [
        "NORM;1;VOLT;-5.000000E-01;+1.050000E-03;+5.000000E-04",
        "HIMP;0;VOLT;-5.000000E-01;+1.050000E-03;+5.000000E-04",
        "HIMP;1;CURR;-5.000000E-01;+1.050000E-03;+5.000000E-04",
        "HIMP;1;VOLT;-5.010000E-01;+1.050000E-03;+5.000000E-04",
        "HIMP;1;VOLT;+5.000000E-01;+1.050000E-03;+5.000000E-04",
        "HIMP;1;VOLT;-5.000000E-01;+1.050000E-02;+5.000000E-04",
        "HIMP;1;VOLT;-5.000000E-01;+1.050000E-03;+5.100000E-04",
        "HIMP;1;VOLT;-5.000000E-01;+1.050000E-03;+5.000000E-03",
    ],
)
async def test_the_output_stays_off_when_a_setting_is_read_back_otherwise(verified):
    script = [*OPEN_2400, *REST_2400, READ_2400, *PLATE_2400, (VERIFY_2400, verified)]
    async with expect(script) as link:
        smu = Keithley2400(link)
        await smu.open()
        await smu.apply(Setpoint("rest"), GUARD)
        await smu.read()
        with pytest.raises(InstrumentRefused, match="read back"):
            await smu.apply(PLATE, GUARD)


async def test_after_a_verification_cut_short_no_reply_is_trusted():
    cut = "HIMP;1;VOLT;-5.000000E-01;+1.050000E-03"
    script = [
        *OPEN_2400,
        *REST_2400,
        READ_2400,
        *PLATE_2400,
        (VERIFY_2400, cut),
        ("*IDN?", IDN_2400),
        (":SOUR:FUNC?", "CURR"),
        (":SOUR:CURR:LEV?;:SENS:VOLT:PROT?", "+0.000000E+00;+2.000000E+01"),
    ]
    async with expect(script) as link:
        smu = Keithley2400(link)
        await smu.open()
        await smu.apply(Setpoint("rest"), GUARD)
        await smu.read()
        with pytest.raises(BadReply):
            await smu.apply(PLATE, GUARD)
        assert await smu.limits_read_back() == {"current_level_A": 0.0, "voltage_limit_V": 20.0}


async def test_after_a_failed_change_the_output_goes_off_before_anything_else():
    refused = (VERIFY_2400, "HIMP;1;VOLT;+0.000000E+00;+1.050000E-03;+5.000000E-04")
    script = [*OPEN_2400, *REST_2400, READ_2400, *PLATE_2400, refused, *REST_2400]
    async with expect(script) as link:
        smu = Keithley2400(link)
        await smu.open()
        await smu.apply(Setpoint("rest"), GUARD)
        await smu.read()
        with pytest.raises(InstrumentRefused):
            await smu.apply(PLATE, GUARD)
        with pytest.raises(InvalidReading):
            await smu.read()
        await smu.apply(Setpoint("rest"), GUARD)


async def test_an_error_in_the_queue_is_a_refusal_before_the_output_goes_on():
    errors = [
        (":SYST:ERR?", '-222,"Parameter data out of range"'),
        (":SYST:ERR?", '+826,"Attempt to exceed power limit"'),
        OK_2400,
    ]
    async with expect([*OPEN_2400, *REST_2400[:5], *errors]) as link:
        smu = Keithley2400(link)
        await smu.open()
        with pytest.raises(InstrumentRefused) as refused:
            await smu.apply(Setpoint("rest"), GUARD)
        assert refused.value.code == -222


async def test_what_is_out_of_range_is_not_even_sent():
    async with expect(OPEN_2400) as link:
        smu = Keithley2400(link)
        await smu.open()
        with pytest.raises(OutOfRange):
            await smu.apply(Setpoint("current", 1.0), GUARD)
        with pytest.raises(InvalidReading):
            await smu.read()


async def test_a_blocked_output_is_told_with_its_reason():
    blocked = [
        (":OUTP ON", None),
        (":OUTP?", "0"),
        (":SYST:ERR?", '+802,"OUTPUT blocked by output enable"'),
        OK_2400,
    ]
    async with expect([*OPEN_2400, *REST_2400[:-3], *blocked]) as link:
        smu = Keithley2400(link)
        await smu.open()
        with pytest.raises(InstrumentRefused, match="output enable"):
            await smu.apply(Setpoint("rest"), GUARD)


GOOD = "+1.000000E-01,+1.000000E-09,+1.000000E+00,+4.233216E+06"


@pytest.mark.parametrize(
    "reply",
    [
        *(GOOD[:cut] for cut in range(1, len(GOOD))),
        *(GOOD[cut:] for cut in range(1, len(GOOD))),
        GOOD.replace("+1.000000E-01", "+9.910000E+37"),
        GOOD.replace("+1.000000E-09", "+9.900000E+37"),
        GOOD.replace("+1.000000E-09", "+1.000000E+00"),
        GOOD.replace("4.233216", "4.233217"),
        GOOD.replace("4.233216E+06", "4.216840E+06"),
        GOOD + ",+1.000000E+00",
        GOOD.replace(",", ";"),
    ],
)
async def test_2400_takes_a_reading_whole_or_not_at_all(reply):
    script = [*OPEN_2400, *REST_2400, (":READ?", reply), ("*IDN?", IDN_2400), (":READ?", GOOD)]
    async with expect(script) as link:
        smu = Keithley2400(link)
        await smu.open()
        await smu.apply(Setpoint("rest"), GUARD)
        with pytest.raises(InvalidReading):
            await smu.read()
        assert (await smu.read()).voltage_V == 0.1


GOOD_2450 = "9.998765432E-01,232,4.998700000E-04,1.000000000E+00"


@pytest.mark.parametrize(
    "reply",
    [
        *(GOOD_2450[:cut] for cut in range(1, len(GOOD_2450))),
        GOOD_2450.replace("9.998765432E-01", "9.910000000E+37"),
        GOOD_2450.replace("4.998700000E-04", "4.998700000E+04"),
        GOOD_2450.replace("4.998700000E-04", "9.998700000E-04"),
        GOOD_2450.replace("232", "232.5"),
    ],
)
async def test_2450_takes_a_reading_whole_or_not_at_all(reply):
    script = [*OPEN_2450, *HOLD_2450, (READ_2450, reply)]
    async with expect(script) as link:
        smu = Keithley2450(link)
        await smu.open()
        await smu.apply(HOLD, GUARD)
        with pytest.raises(InvalidReading):
            await smu.read()


@pytest.mark.parametrize("status", ["104", "248"])
async def test_2450_whose_output_went_off_or_too_hot_says_so(status):
    script = [*OPEN_2450, *HOLD_2450, (READ_2450, GOOD_2450.replace("232", status))]
    async with expect(script) as link:
        smu = Keithley2450(link)
        await smu.open()
        await smu.apply(HOLD, GUARD)
        with pytest.raises(OutputLost):
            await smu.read()


async def test_a_reply_that_comes_twice_is_no_second_reading():
    script = [*OPEN_2400, *REST_2400, (":READ?", GOOD), (":READ?", GOOD)]
    async with expect(script) as link:
        smu = Keithley2400(link)
        await smu.open()
        await smu.apply(Setpoint("rest"), GUARD)
        await smu.read()
        with pytest.raises(InvalidReading, match="no later"):
            await smu.read()


async def test_a_late_reply_is_no_reading_and_a_clock_that_began_anew_costs_one():
    later, earlier = (GOOD.replace("+1.000000E+00", f"+{n}.000000E+00") for n in (5, 2))
    after = earlier.replace("+2.0", "+2.1")
    again = [("*IDN?", IDN_2400), (":READ?", after)]
    script = [*OPEN_2400, *REST_2400, (":READ?", later), (":READ?", earlier), *again]
    async with expect(script) as link:
        smu = Keithley2400(link)
        await smu.open()
        await smu.apply(Setpoint("rest"), GUARD)
        await smu.read()
        with pytest.raises(InvalidReading, match="no later"):
            await smu.read()
        assert (await smu.read()).current_A == pytest.approx(1e-9)


async def test_an_output_that_stays_on_is_unknown_not_off():
    still_on = [
        (":ABOR", None),
        (":OUTP:SMOD HIMP", None),
        (":OUTP OFF", None),
        ("*IDN?", IDN_2400),
        (":OUTP?", "1"),
    ]
    async with expect([*OPEN_2400, *still_on, *still_on]) as link:
        smu = Keithley2400(link)
        await smu.open()
        with pytest.raises(OutputUnknown, match="still on"):
            await smu.safe()


@pytest.mark.virtual_time
async def test_2400_that_does_not_answer_because_its_output_is_off_says_so():
    script = [
        *OPEN_2400,
        *REST_2400,
        (":READ?", None),
        ("*IDN?", IDN_2400),
        (":OUTP?", "0"),
    ]
    async with expect(script) as link:
        smu = Keithley2400(link)
        await smu.open()
        await smu.apply(Setpoint("rest"), GUARD)
        with pytest.raises(OutputLost):
            await smu.read()


@pytest.mark.virtual_time
async def test_a_dead_instrument_is_unknown_within_the_promised_time():
    deaf = [(":ABOR", None), (":OUTP:SMOD HIMP", None), (":OUTP OFF", None), ("*IDN?", None)]
    async with expect([*OPEN_2400, *deaf, *deaf]) as link:
        smu = Keithley2400(link)
        await smu.open()
        start = asyncio.get_running_loop().time()
        with pytest.raises(OutputUnknown):
            await smu.safe()
        assert asyncio.get_running_loop().time() - start <= smu.ratings.safe_within_s


@pytest.mark.parametrize(
    "options", [{"channel": 2}, {"terminals": "side"}, {"nplc": 0.0}, {"nplc": 11.0}]
)
async def test_options_that_there_are_not(options):
    async with expect([]) as link:
        with pytest.raises(ValueError, match=r"channel|terminals|nplc"):
            Keithley2450(link, **options)
