"""The Keysight B2900 driver, byte for byte (instruments.md §2)."""

import pytest
from wire_script import expect

from labctl_drivers.errors import (
    InstrumentRefused,
    InvalidReading,
    OutOfRange,
    OutputLost,
    OutputUnknown,
    WrongInstrument,
)
from labctl_drivers.keysight_b2900 import KeysightB2900
from labctl_drivers.vocabulary import Guard, Setpoint

GUARD = Guard(-0.5, 1.5, 5e-3)
IDN = "Keysight Technologies,B2902A,MY51143745,3.4.2011.5100"
OK = (":SYST:ERR?", '+0,"No error"')


def opened(c, identity=IDN):
    return [
        ("*IDN?", identity),
        (f":OUTP{c}?", "0"),
        OK,
        ("*CLS", None),
        (f":OUTP{c}:ON:AUTO OFF;:OUTP{c}:OFF:AUTO OFF", None),
        (f":OUTP{c}:PROT OFF", None),
        (f":OUTP{c}:OFF:MODE HIZ", None),
        (f":SENS{c}:REM ON", None),
        (f':SENS{c}:FUNC "VOLT","CURR"', None),
        (f":SENS{c}:CURR:NPLC 1.000000E+00", None),
        (":FORM:DATA ASC", None),
        (":FORM:ELEM:SENS VOLT,CURR,TIME,STAT", None),
        OK,
    ]


PLATE = [
    ("*CLS", None),
    (":OUTP1 OFF", None),
    (":OUTP1?", "0"),
    (":SOUR1:FUNC:MODE VOLT;:SOUR1:VOLT:MODE FIX", None),
    (":SENS1:CURR:PROT 1.000000E-06", None),
    (":SOUR1:VOLT 0;:SOUR1:VOLT:RANG 2.000000E+01;:SOUR1:VOLT -5.000000E-01", None),
    (":SENS1:CURR:RANG 1.000000E-03;:SENS1:CURR:PROT 5.000000E-04", None),
    OK,
]
VERIFY = (
    ":OUTP1:OFF:MODE?;:OUTP1:ON:AUTO?;:OUTP1:PROT?;:SENS1:REM?;:SOUR1:FUNC:MODE?;:SOUR1:VOLT:RANG?"
    ";:SOUR1:VOLT?;:SENS1:CURR:RANG?;:SENS1:CURR:PROT?"
)
VERIFIED = "HIZ;0;0;1;VOLT;+2.000000E+01;-5.000000E-01;+1.000000E-03;+5.000000E-04"
ON = [(":OUTP1 ON", None), (":OUTP1?", "1"), OK]
READ = ":MEAS? (@1);:OUTP1?"
GOOD = "-1.234567E-02,-4.999870E-04,+1.023400E+01,+2.000000E+00;1"
SAFE = [
    (":ABOR (@1)", None),
    (":OUTP1:OFF:MODE HIZ", None),
    (":OUTP1 OFF", None),
    ("*IDN?", IDN),
]
PLATING = Setpoint("current", -0.5e-3)


async def test_it_opens_plates_reads_strips_in_place_and_is_made_safe():
    later = "+9.999000E-01,+1.000000E-04,+1.123400E+01,+0.000000E+00;1"
    script = [
        *opened(1),
        *PLATE,
        (VERIFY, VERIFIED),
        *ON,
        (READ, GOOD),
        ("*CLS", None),
        (
            # 20 V range: 1 V + source 0.015 % + 10 mV (assumed), measure 0.015 % + 5 mV
            ":SENS1:CURR:RANG 1.000000E-04;:SENS1:CURR:PROT 1.000000E-04;:SOUR1:VOLT 1.015300E+00",
            None,
        ),
        (":SOUR1:VOLT?", "+1.015300E+00"),
        OK,
        (VERIFY, "HIZ;0;0;1;VOLT;+2.000000E+01;+1.015300E+00;+1.000000E-04;+1.000000E-04"),
        (":OUTP1?", "1"),
        (READ, later),
        (":SOUR1:FUNC:MODE?", "VOLT"),
        (":SOUR1:VOLT?;:SENS1:CURR:PROT?", "+1.015300E+00;+1.000000E-04"),
        *SAFE,
        (":OUTP1?", "0"),
        ("*CLS", None),
    ]
    async with expect(script) as link:
        smu = KeysightB2900(link, serial="MY51143745")
        found = await smu.open()
        assert (found.identity.model, found.output_was_on) == ("B2902A", False)
        await smu.apply(PLATING, GUARD)
        reading = await smu.read()
        assert (reading.voltage_V, reading.current_A) == (-0.01234567, -4.99987e-4)
        assert (reading.regulating, reading.status) == ("current", 2)
        assert (reading.voltage_range_V, reading.current_range_A) == (20.0, 1e-3)
        await smu.apply(Setpoint("current", 0.1e-3, 1.0), GUARD)
        assert (await smu.read()).regulating == "voltage"
        assert await smu.limits_read_back() == {
            "voltage_level_V": 1.0153,
            "current_limit_A": 1e-4,
        }
        await smu.safe()


async def test_the_second_channel_has_its_own_words_and_rests_at_no_current():
    script = [
        *opened(2, IDN.replace("Keysight", "Agilent")),
        ("*CLS", None),
        (":OUTP2 OFF", None),
        (":OUTP2?", "0"),
        (":SOUR2:FUNC:MODE CURR;:SOUR2:CURR:MODE FIX", None),
        (":SENS2:VOLT:PROT 2.000000E+00", None),
        (":SOUR2:CURR 0;:SOUR2:CURR:RANG 1.000000E-07;:SOUR2:CURR 0.000000E+00", None),
        (":SENS2:VOLT:RANG 2.000000E+01;:SENS2:VOLT:PROT 2.000000E+01", None),
        OK,
        (
            ":OUTP2:OFF:MODE?;:OUTP2:ON:AUTO?;:OUTP2:PROT?;:SENS2:REM?;:SOUR2:FUNC:MODE?"
            ";:SOUR2:CURR:RANG?;:SOUR2:CURR?;:SENS2:VOLT:RANG?;:SENS2:VOLT:PROT?",
            "HIZ;0;0;1;CURR;+1.000000E-07;+0.000000E+00;+2.000000E+01;+2.000000E+01",
        ),
        (":OUTP2 ON", None),
        (":OUTP2?", "1"),
        OK,
        (":MEAS? (@2);:OUTP2?", "+2.712345E+00,+1.200000E-11,+1.000000E+00,+1.000000E+00;1"),
    ]
    async with expect(script) as link:
        smu = KeysightB2900(link, channel=2)
        await smu.open()
        await smu.apply(Setpoint("rest"), GUARD)
        reading = await smu.read()
        assert (reading.voltage_V, reading.current_A) == (2.712345, 1.2e-11)
        assert reading.regulating == "current"


@pytest.mark.parametrize(
    ("identity", "serial", "channel"),
    [
        ("KEITHLEY INSTRUMENTS,MODEL 2450,04488850,1.7.3c", None, 1),
        (IDN, "MY51143746", 1),
        (IDN.replace("B2902A", "B2962A"), None, 1),
        (IDN.replace("Keysight", "Acme"), None, 1),
        (IDN.replace("B2902A", "B2911A"), None, 2),
    ],
)
async def test_a_wrong_instrument_is_refused_and_nothing_is_set(identity, serial, channel):
    async with expect([("*IDN?", identity)]) as link:
        with pytest.raises(WrongInstrument):
            await KeysightB2900(link, serial=serial, channel=channel).open()


WRONG = ("NORM", "1", "1", "0", "CURR", "+2.000000E+00", "+5.000000E-01", "+1.0E-02", "+5.0E-03")


@pytest.mark.parametrize("field", range(9))
async def test_the_output_stays_off_when_a_setting_is_read_back_otherwise(field):
    fields = VERIFIED.split(";")
    fields[field] = WRONG[field]
    async with expect([*opened(1), *PLATE, (VERIFY, ";".join(fields))]) as link:
        smu = KeysightB2900(link)
        await smu.open()
        with pytest.raises(InstrumentRefused, match="read back"):
            await smu.apply(PLATING, GUARD)


@pytest.mark.parametrize(
    ("entry", "code"),
    [('-222,"Data out of range"', -222), ('+111,"Something of this instrument"', 111)],
)
async def test_any_code_in_the_queue_is_a_refusal_before_the_output_goes_on(entry, code):
    async with expect([*opened(1), *PLATE[:-1], (":SYST:ERR?", entry), OK]) as link:
        smu = KeysightB2900(link)
        await smu.open()
        with pytest.raises(InstrumentRefused) as refused:
            await smu.apply(PLATING, GUARD)
        assert refused.value.code == code


async def test_what_is_out_of_range_is_not_even_sent():
    async with expect(opened(1)) as link:
        smu = KeysightB2900(link)
        await smu.open()
        for setpoint, guard in (
            (Setpoint("current", 1.0), GUARD),
            (Setpoint("current", 5e-9), GUARD),
            (Setpoint("current", 2.0), Guard(-10.0, 10.0, 3.0)),
            (Setpoint("rest"), Guard(0.0, 201.0, 1.0)),
        ):
            with pytest.raises(OutOfRange):
                await smu.apply(setpoint, guard)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (GOOD.replace("-4.999870E-04", "+9.910000E+37"), InvalidReading),
        (GOOD.replace("-1.234567E-02", "-9.900000E+37"), InvalidReading),
        (GOOD.replace("-4.999870E-04", "-9.999870E-04"), InvalidReading),
        (GOOD.replace("+2.000000E+00", "+3.000000E+00"), InvalidReading),
        (GOOD.replace("+2.000000E+00", "+8.194000E+03"), InvalidReading),
        (GOOD.replace(";1", ";0"), OutputLost),
    ],
)
async def test_what_is_no_reading(reply, error):
    async with expect([*opened(1), *PLATE, (VERIFY, VERIFIED), *ON, (READ, reply)]) as link:
        smu = KeysightB2900(link)
        await smu.open()
        await smu.apply(PLATING, GUARD)
        with pytest.raises(error):
            await smu.read()


async def test_a_reading_is_taken_whole_or_not_at_all():
    places = range(1, len(GOOD))
    pieces = [GOOD[:place] for place in places] + [GOOD[place:] for place in places]
    readings = [pair for piece in pieces for pair in ((READ, piece), ("*IDN?", IDN))]
    async with expect(
        [*opened(1), *PLATE, (VERIFY, VERIFIED), *ON, *readings, (READ, GOOD)]
    ) as link:
        smu = KeysightB2900(link)
        await smu.open()
        await smu.apply(PLATING, GUARD)
        for _ in pieces:
            with pytest.raises(InvalidReading):
                await smu.read()
        assert (await smu.read()).current_A == -4.99987e-4


@pytest.mark.parametrize("word", ["+8.000000E+00", "+1.800000E+01", "+3.400000E+01"])
async def test_a_protection_that_acts_is_no_regulation_that_is_known(word):
    script = [
        *opened(1),
        *PLATE,
        (VERIFY, VERIFIED),
        *ON,
        (READ, GOOD.replace("+2.000000E+00", word)),
    ]
    async with expect(script) as link:
        smu = KeysightB2900(link)
        await smu.open()
        await smu.apply(PLATING, GUARD)
        assert (await smu.read()).regulating == "unknown"


async def test_a_reply_that_comes_twice_or_late_is_no_reading():
    earlier = GOOD.replace("+1.023400E+01", "+1.023300E+01")
    ask_again = ("*IDN?", IDN)
    script = [
        *opened(1),
        *PLATE,
        (VERIFY, VERIFIED),
        *ON,
        (READ, GOOD),
        (READ, GOOD),
        ask_again,
        (READ, earlier),
        ask_again,
        (READ, GOOD),
    ]
    async with expect(script) as link:
        smu = KeysightB2900(link)
        await smu.open()
        await smu.apply(PLATING, GUARD)
        await smu.read()
        for _ in range(2):
            with pytest.raises(InvalidReading, match="no later"):
                await smu.read()
        assert (await smu.read()).current_A == pytest.approx(-4.99987e-4)


async def test_an_output_found_on_is_left_as_it_is_until_something_is_applied():
    script = [
        ("*IDN?", IDN),
        (":OUTP1?", "1"),
        OK,
        ("*CLS", None),
        ("*CLS", None),
        (":OUTP1:OFF:MODE HIZ", None),
        *PLATE[1:3],
        *opened(1)[4:],
        *PLATE[3:],
        (VERIFY, VERIFIED),
        *ON,
    ]
    async with expect(script) as link:
        smu = KeysightB2900(link)
        assert (await smu.open()).output_was_on
        await smu.apply(PLATING, GUARD)


async def test_an_output_that_stays_on_is_unknown_not_off():
    still_on = [*SAFE, (":OUTP1?", "1")]
    async with expect([*opened(1), *still_on, *still_on]) as link:
        smu = KeysightB2900(link)
        await smu.open()
        with pytest.raises(OutputUnknown, match="still on"):
            await smu.safe()


@pytest.mark.parametrize("options", [{"channel": 3}, {"nplc": 0.0}, {"nplc": 11.0}])
async def test_options_that_there_are_not(options):
    async with expect([]) as link:
        with pytest.raises(ValueError, match=r"channel|nplc"):
            KeysightB2900(link, **options)
