"""The Keithley 2600 driver, byte for byte (instruments.md §3)."""

import pytest
from wire_script import expect

from labctl_drivers import tsp
from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    InvalidReading,
    OutOfRange,
    OutputLost,
    OutputUnknown,
    WrongInstrument,
)
from labctl_drivers.keithley_2600 import Keithley2600, _Tsp
from labctl_drivers.vocabulary import Guard, Setpoint

GUARD = Guard(-0.5, 1.5, 5e-3)
IDN = "Keithley Instruments Inc., Model 2602B, 4308079, 3.2.2"
EMPTY = (
    "print(errorqueue.next())",
    "0.00000000e+00\tQueue Is Empty\t0.00000000e+00\t1.00000000e+00",
)
OPEN = [
    ("*IDN?", IDN),
    ("print(smua.source.output)", "0.00000e+00"),
    ("print(errorqueue.next())", "0.00000e+00\tQueue Is Empty\t0.00000e+00\t1.00000e+00"),
    ("errorqueue.clear() print(11)", "1.10000e+01"),
    (
        "localnode.prompts=0 localnode.showerrors=0 format.data=format.ASCII "
        "format.asciiprecision=9 print(21)",
        "2.10000000e+01",
    ),
    (
        "smua.source.offmode=smua.OUTPUT_HIGH_Z smua.sense=smua.SENSE_REMOTE smua.source.delay=0 "
        "smua.source.sink=smua.DISABLE smua.measure.nplc=1.000000e+00 "
        "smua.measure.autozero=smua.AUTOZERO_AUTO smua.measure.delay=0 smua.measure.count=1 "
        "smua.measure.filter.enable=0 print(31)",
        "3.10000000e+01",
    ),
    EMPTY,
]
OUTPUT = "print(smua.source.output)"
PLATE_LINE = (
    "smua.source.func=smua.OUTPUT_DCVOLTS smua.source.limiti=1.000000e-06 smua.source.levelv=0 "
    "smua.source.rangev=6.000000e+00 smua.source.levelv=-5.000000e-01 "
    "smua.measure.rangei=1.000000e-03 smua.source.limiti=5.000000e-04"
)
VERIFY = (
    "print(smua.source.offmode,smua.sense,smua.source.func,smua.source.rangev,"
    "smua.source.levelv,smua.measure.rangei,smua.source.limiti)"
)
VERIFIED = (
    "2.00000000e+00\t1.00000000e+00\t1.00000000e+00\t6.00000000e+00\t-5.00000000e-01\t"
    "1.00000000e-03\t5.00000000e-04"
)
TO_VERIFY = [
    ("errorqueue.clear() print(41)", "4.10000000e+01"),
    ("smua.source.output=smua.OUTPUT_OFF print(51)", "5.10000000e+01"),
    (OUTPUT, "0.00000000e+00"),
    (f"{PLATE_LINE} print(61)", "6.10000000e+01"),
    EMPTY,
]
ON = [
    ("smua.source.output=smua.OUTPUT_ON print(71)", "7.10000000e+01"),
    (OUTPUT, "1.00000000e+00"),
    EMPTY,
]
PLATE = [*TO_VERIFY, (VERIFY, VERIFIED), *ON]
READ = (
    "local i,v=smua.measure.iv() print(81,i,v,smua.source.compliance,smua.source.output)",
    "8.10000000e+01\t-4.99987000e-04\t-1.23456700e-02\ttrue\t1.00000000e+00",
)
SAFE = [
    ("abort", None),
    ("smua.source.offmode=smua.OUTPUT_HIGH_Z", None),
    ("smua.source.output=smua.OUTPUT_OFF", None),
    ("*IDN?", IDN),
]
PLATING = Setpoint("current", -0.5e-3)


async def test_it_opens_plates_reads_strips_in_place_and_is_made_safe():
    stripped = VERIFIED.replace("-5.00000000e-01", "1.00315000e+00")
    script = [
        *OPEN,
        *PLATE,
        READ,
        ("errorqueue.clear() print(91)", "9.10000000e+01"),
        (
            # 6 V range of SPEC-2602B: 1 V + source 0.02 % + 1.8 mV, measure 0.015 % + 1 mV
            "smua.source.limiti=5.000000e-04 smua.source.levelv=1.003150e+00 print(101)",
            "1.01000000e+02",
        ),
        ("print(smua.source.levelv)", "1.00315000e+00"),
        EMPTY,
        (VERIFY, stripped),
        (OUTPUT, "1.00000000e+00"),
        ("print(smua.source.func)", "1.00000000e+00"),
        ("print(smua.source.levelv,smua.source.limiti)", "1.00315000e+00\t5.00000000e-04"),
        *SAFE,
        (OUTPUT, "0.00000000e+00"),
        ("errorqueue.clear()", None),
    ]
    async with expect(script) as link:
        smu = Keithley2600(link, serial="4308079")
        opened = await smu.open()
        assert (opened.identity.model, opened.output_was_on) == ("2602B", False)
        await smu.apply(PLATING, GUARD)
        reading = await smu.read()
        assert (reading.voltage_V, reading.current_A) == (-0.01234567, -4.99987e-4)
        assert reading.regulating == "current"
        assert (reading.voltage_range_V, reading.current_range_A) == (6.0, 1e-3)
        await smu.apply(Setpoint("current", 0.5e-3, 1.0), GUARD)
        assert await smu.limits_read_back() == {
            "voltage_level_V": 1.00315,
            "current_limit_A": 5e-4,
        }
        await smu.safe()


@pytest.mark.parametrize("number", [1, 10**8 - 1, 10**8, 123456789012])
def test_however_many_lines_were_sent_the_next_is_told_apart_in_the_digits_printed(number):
    echoes = {
        _Tsp(channel, four_wire=True, nplc=1.0, sink=False).echo(number + n)
        for channel in (1, 2)
        for n in range(100)
    }
    assert len(echoes) == 200
    assert all(float(f"{echo:.8e}") == echo for echo in echoes)


async def test_the_second_channel_is_smub_and_may_sink():
    def b(line):
        return line.replace("smua", "smub")

    configured = b(OPEN[5][0]).replace("DISABLE", "ENABLE").replace("print(31)", "print(32)")
    rest = (
        "smub.source.func=smub.OUTPUT_DCAMPS smub.source.limitv=1.000000e+00 smub.source.leveli=0 "
        "smub.source.rangei=1.000000e-07 smub.source.leveli=0.000000e+00 "
        "smub.measure.rangev=6.000000e+00 smub.source.limitv=6.000000e+00 print(62)"
    )
    script = [
        ("*IDN?", IDN),
        (b(OUTPUT), "2.00000e+00"),
        OPEN[2],
        ("errorqueue.clear() print(12)", "1.20000e+01"),
        (OPEN[4][0].replace("21", "22"), "2.20000000e+01"),
        (configured, "3.20000000e+01"),
        ("print(errorqueue.next())", "0.00000000e+00\tNo Error\t0.00000000e+00\t1.00000000e+00"),
        ("errorqueue.clear() print(42)", "4.20000000e+01"),
        ("smub.source.output=smub.OUTPUT_OFF print(52)", "5.20000000e+01"),
        (b(OUTPUT), "0.00000000e+00"),
        (rest, "6.20000000e+01"),
        EMPTY,
        (
            "print(smub.source.offmode,smub.sense,smub.source.func,smub.source.rangei,"
            "smub.source.leveli,smub.measure.rangev,smub.source.limitv)",
            "2.00000000e+00\t1.00000000e+00\t0.00000000e+00\t1.00000000e-07\t0.00000000e+00\t"
            "6.00000000e+00\t6.00000000e+00",
        ),
        ("smub.source.output=smub.OUTPUT_ON print(72)", "7.20000000e+01"),
        (b(OUTPUT), "1.00000000e+00"),
        EMPTY,
        (
            "local i,v=smub.measure.iv() print(82,i,v,smub.source.compliance,smub.source.output)",
            "8.20000000e+01\t1.20000000e-11\t2.71234500e+00\tfalse\t1.00000000e+00",
        ),
    ]
    async with expect(script) as link:
        smu = Keithley2600(link, channel=2, sink=True)
        await smu.open()
        await smu.apply(Setpoint("rest"), GUARD)
        reading = await smu.read()
        assert (reading.voltage_V, reading.current_A) == (2.712345, 1.2e-11)
        assert reading.regulating == "current"


@pytest.mark.parametrize("empty", ["Queue Is Empty", "No Error"])
def test_an_empty_queue_is_known_by_its_code(empty):
    entry = tsp.queue_entry(f"0.00000e+00\t{empty}\t0.00000e+00\t1.00000e+00".encode())
    assert (entry.code, entry.is_error) == (0, False)


def test_an_entry_of_the_queue():
    line = b"-2.85000e+02\tTSP Syntax error at line 1: unexpected symbol\t2.00000e+01\t1.00000e+00"
    entry = tsp.queue_entry(line)
    assert entry == (-285, "TSP Syntax error at line 1: unexpected symbol", True)


@pytest.mark.parametrize("reply", [b"", b"nil", b"0.00000e+00\tNo Error", b"x\ty\t1\t1"])
def test_what_is_no_entry_is_not_taken_for_an_empty_queue(reply):
    with pytest.raises(BadReply):
        tsp.queue_entry(reply)


@pytest.mark.parametrize(
    ("came", "lines"),
    [
        (b"TSP>\n1.0\nTSP?\n", [b"1.0"]),
        (b"TSP> 1.0\r\n>>>>\n2.0\n", [b"1.0", b"2.0"]),
        (b"1.0", []),
        (b"\n\nTSP>", []),
    ],
)
def test_prompts_are_no_answers(came, lines):
    buffer, got = bytearray(came), []
    while (line := tsp.LINES.cut(buffer)) is not None:
        got.append(line)
    assert got == lines


@pytest.mark.parametrize(
    ("identity", "serial", "channel"),
    [
        ("KEITHLEY INSTRUMENTS,MODEL 2450,04488850,1.7.3c", None, 1),
        (IDN, "4308078", 1),
        (IDN.replace("2602B", "2651A"), None, 1),
        (IDN.replace("Keithley", "Acme"), None, 1),
        (IDN.replace("2602B", "2601B"), None, 2),
    ],
)
async def test_a_wrong_instrument_is_refused_and_nothing_is_set(identity, serial, channel):
    async with expect([("*IDN?", identity)]) as link:
        with pytest.raises(WrongInstrument):
            await Keithley2600(link, serial=serial, channel=channel).open()


@pytest.mark.parametrize("field", range(7))
async def test_the_output_stays_off_when_a_setting_is_read_back_otherwise(field):
    fields = VERIFIED.split("\t")
    fields[field] = "0.00000000e+00"
    script = [*OPEN, *TO_VERIFY, (VERIFY, "\t".join(fields))]
    async with expect(script) as link:
        smu = Keithley2600(link)
        await smu.open()
        with pytest.raises(InstrumentRefused, match="read back"):
            await smu.apply(PLATING, GUARD)


async def test_a_line_that_is_no_lua_prints_nothing_and_is_told_as_what_it_is():
    script = [
        *OPEN,
        *TO_VERIFY[:3],
        (f"{PLATE_LINE} print(61)", None),
        ("*IDN?", IDN),
        ("print(errorqueue.next())", "-2.86e+02\tattempt to index a nil value\t20\t1"),
        EMPTY,
    ]
    async with expect(script) as link:
        smu = Keithley2600(link)
        await smu.open()
        with pytest.raises(InstrumentRefused, match="nil value") as refused:
            await smu.apply(PLATING, GUARD)
        assert refused.value.code == -286


async def test_a_parameter_error_does_not_stop_the_line_and_still_keeps_the_output_off():
    error = ("print(errorqueue.next())", "1.10200000e+03\tParameter too small\t20\t1")
    async with expect([*OPEN, *TO_VERIFY[:-1], error, EMPTY]) as link:
        smu = Keithley2600(link)
        await smu.open()
        with pytest.raises(InstrumentRefused) as refused:
            await smu.apply(PLATING, GUARD)
        assert refused.value.code == 1102


async def test_an_answer_to_another_line_is_no_acknowledgement():
    script = [*OPEN, *TO_VERIFY[:1], (TO_VERIFY[1][0], "4.10000000e+01")]
    async with expect(script) as link:
        smu = Keithley2600(link)
        await smu.open()
        with pytest.raises(BadReply, match="another line"):
            await smu.apply(PLATING, GUARD)


async def test_a_blocked_output_is_told_with_its_reason():
    blocked = [
        ON[0],
        (OUTPUT, "0.00000000e+00"),
        ("print(errorqueue.next())", "8.02e+02\tOUTPUT blocked by interlock\t20\t1"),
        EMPTY,
    ]
    async with expect([*OPEN, *TO_VERIFY, (VERIFY, VERIFIED), *blocked]) as link:
        smu = Keithley2600(link)
        await smu.open()
        with pytest.raises(InstrumentRefused, match="interlock"):
            await smu.apply(PLATING, GUARD)


async def test_what_is_out_of_range_is_not_even_sent():
    async with expect(OPEN) as link:
        smu = Keithley2600(link)
        await smu.open()
        for setpoint, guard in (
            (Setpoint("current", 1.0), GUARD),
            (Setpoint("current", 5e-9), GUARD),
            (Setpoint("current", 2.0), Guard(-10.0, 10.0, 3.0)),
            (Setpoint("rest"), Guard(0.0, 41.0, 1.0)),
        ):
            with pytest.raises(OutOfRange):
                await smu.apply(setpoint, guard)


GOOD = READ[1]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (GOOD.replace("-4.99987000e-04", "9.91000000e+37"), InvalidReading),
        (GOOD.replace("-1.23456700e-02", "9.90000000e+37"), InvalidReading),
        (GOOD.replace("-4.99987000e-04", "-9.99987000e-04"), InvalidReading),
        (GOOD.replace("-4.99987000e-04", "nan"), InvalidReading),
        (GOOD.replace("8.10000000e+01", "7.10000000e+01"), InvalidReading),
        (GOOD.replace("8.10000000e+01", "8.20000000e+01"), InvalidReading),
        (GOOD.replace("true", "nil"), InvalidReading),
        (GOOD.replace("1.00000000e+00", "0.00000000e+00"), OutputLost),
    ],
)
async def test_what_is_no_reading(reply, error):
    async with expect([*OPEN, *PLATE, (READ[0], reply)]) as link:
        smu = Keithley2600(link)
        await smu.open()
        await smu.apply(PLATING, GUARD)
        with pytest.raises(error):
            await smu.read()


async def test_a_reading_is_taken_whole_or_not_at_all():
    rights = [
        (READ[0].replace("(81", f"({n}1"), GOOD.replace("8.10000000e+01", f"{n * 10 + 1:.8e}"))
        for n in range(8, 8 + len(GOOD))
    ]
    cut = [(query, reply[: n + 1]) for n, (query, reply) in enumerate(rights[:-1])]
    script = [pair for piece in cut for pair in (piece, ("*IDN?", IDN))]
    async with expect([*OPEN, *PLATE, *script, rights[-1]]) as link:
        smu = Keithley2600(link)
        await smu.open()
        await smu.apply(PLATING, GUARD)
        for _ in cut:
            with pytest.raises(InvalidReading):
                await smu.read()
        assert (await smu.read()).current_A == -4.99987e-4


async def test_an_output_found_on_is_left_as_it_is_until_something_is_applied():
    def renumbered(line, old, new):
        return line.replace(f"print({old})", f"print({new})")

    script = [
        ("*IDN?", IDN),
        (OUTPUT, "1.00000e+00"),
        *OPEN[2:4],
        ("errorqueue.clear() print(21)", "2.10000e+01"),
        ("smua.source.offmode=smua.OUTPUT_HIGH_Z print(31)", "3.10000e+01"),
        ("smua.source.output=smua.OUTPUT_OFF print(41)", "4.10000e+01"),
        (OUTPUT, "0.00000e+00"),
        (renumbered(OPEN[4][0], 21, 51), "5.10000000e+01"),
        (renumbered(OPEN[5][0], 31, 61), "6.10000000e+01"),
        EMPTY,
        (f"{PLATE_LINE} print(71)", "7.10000000e+01"),
        EMPTY,
        (VERIFY, VERIFIED),
        (renumbered(ON[0][0], 71, 81), "8.10000000e+01"),
        *ON[1:],
    ]
    async with expect(script) as link:
        smu = Keithley2600(link)
        assert (await smu.open()).output_was_on
        await smu.apply(PLATING, GUARD)


async def test_an_output_that_stays_on_is_unknown_not_off():
    still_on = [*SAFE, (OUTPUT, "1.00000000e+00")]
    async with expect([*OPEN, *still_on, *still_on]) as link:
        smu = Keithley2600(link)
        await smu.open()
        with pytest.raises(OutputUnknown, match="still on"):
            await smu.safe()


@pytest.mark.parametrize("options", [{"channel": 3}, {"channel": 0}, {"nplc": 0.0}, {"nplc": 26.0}])
async def test_options_that_there_are_not(options):
    async with expect([]) as link:
        with pytest.raises(ValueError, match=r"channel|nplc"):
            Keithley2600(link, **options)
