"""Every command and error of instruments.md §1b, and what the simulated 2450 makes of it."""

from helpers.command_tables import COMMON, SYNTAX, Row, Sheet, asks, counts
from labctl_simulators.firmware.keithley_2450 import Keithley2450

NUMBER = r"-?\d\.\d{6}E[+-]\d\d"
VOLT, AMP = r"(1\.00|9\.99)\d+E[+-]0[01]", r"(1\.00|9\.9)\d+E-0[34]"
DRIVING = 'SENS:FUNC "CURR";:SOUR:VOLT 1;:SOUR:VOLT:ILIM 1E-2;:OUTP ON'
STAMP = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}"
UNDEFINED = rf'-113,"Undefined header;1;{STAMP}"'
THREE = DRIVING + '\nSENS:COUN 3\nTRAC:TRIG "defbuffer1"'
ELEMENTS = {
    "READ": AMP, "SOUR": VOLT, "REL": NUMBER, "TST": r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d\.\d+",
    "DATE": r"\d\d/\d\d/\d{4}", "TIME": r"\d\d:\d\d:\d\d\.\d+", "SEC": r"\d+", "FRAC": NUMBER,
    "STAT": r"8", "SOURSTAT": r"136", "UNIT": "Amp DC", "SOURUNIT": "Volt DC",
    "FORM": r"\+\S+ [mu]A", "SOURFORM": r"\+\S+ m?V",
}  # fmt: skip


def plain(purpose: str, command: str, value: str, shown: float) -> Row:
    """A setting that comes back as NR3 without a sign."""
    return counts(purpose, command, value, shown, plus="")


SECTIONS: dict[str, list[Row]] = {
    "Identity and common commands": [
        Row("identity", "*IDN?", r"KEITHLEY INSTRUMENTS,MODEL 2450,\d{8},1\.7\.12b-sim"),
        *COMMON,
        Row("recall of an empty place", "*RCL 4", -200),
        Row("trigger that nothing waits for", "*TRG", -211),
        Row("command set", "*LANG?", "SCPI"),
        Row("command set after a reboot", "*LANG TSP\n*LANG?", "SCPI"),
        Row("emulating a 2400", "*LANG SCPI2400", -224),
        Row("a SCPI line in TSP mode", ":OUTP ON", -285, options=(("language", "TSP"),)),
        Row("version", "SYST:VERS?", r"1996\.0"),
    ],
    "Terminals, off state, output": [
        asks("terminals", "ROUT:TERM", "REAR"),
        *(asks("off state", "OUTP:SMOD", word) for word in ("HIMP", "NORM", "ZERO", "GUAR")),
        Row("off state", "OUTP:SMOD OPEN", -224),
        Row("off state, kept by source function",
            "OUTP:CURR:SMOD HIMP\nOUTP:VOLT:SMOD?\nOUTP:CURR:SMOD?", "NORM\nHIMP"),
        asks("output", "OUTP", "ON", "1"),
        Row("4-wire, kept by measure function",
            "SENS:VOLT:RSEN ON\nSENS:VOLT:RSEN?\nSENS:CURR:RSEN?", "1\n0"),
        Row("4-wire turns the output off", "SENS:CURR:RSEN ON\nOUTP?", "0", DRIVING),
        asks("interlock for all voltages", "OUTP:INT:STAT", "ON", "1"),
        Row("interlock closed", "OUTP:INT:TRIP?", "1"),
        Row("output blocked by it", "OUTP ON", -221, "SOUR:VOLT:RANG 200",
            (("interlock_closed", False),)),
        Row("output blocked by it when it is for all voltages", "OUTP ON", -221,
            "OUTP:INT:STAT ON", (("interlock_closed", False),)),
    ],
    "Source": [
        asks("I-source", "SOUR:FUNC", "CURR"),
        Row("a change of function turns the output off", "SOUR:FUNC CURR\nOUTP?", "0", DRIVING),
        plain("I range", "SOUR:CURR:RANG", "1E-6", 1e-6),
        asks("I autorange", "SOUR:CURR:RANG:AUTO", "ON", "1"),
        plain("I level", "SOUR:CURR", "5E-4", 5e-4),
        plain("V range", "SOUR:VOLT:RANG", "20", 20.0),
        plain("V level", "SOUR:VOLT", "4.2", 4.2),
        Row("V level beyond the instrument", "SOUR:VOLT 211", -222),
        Row("V level beyond the fixed range", "SOUR:VOLT 3", -222, "SOUR:VOLT:RANG 2"),
        plain("I limit", "SOUR:VOLT:ILIM", "5E-4", 5e-4),
        Row("I limit below 1 nA", "SOUR:VOLT:ILIM 1E-10", -222),
        Row("I limit beyond the power", "SOUR:VOLT:ILIM 1", -221, "SOUR:VOLT 100"),
        Row("I limit not reached", "SOUR:VOLT:ILIM:TRIP?", "0", DRIVING),
        Row("I limit reached", "SOUR:VOLT:ILIM:TRIP?", "1", DRIVING + ";:SOUR:VOLT:ILIM 1E-4"),
        plain("V limit", "SOUR:CURR:VLIM", "4.25", 4.25),
        Row("V limit below 20 mV", "SOUR:CURR:VLIM 0.01", -222),
        Row("V limit reached", "SOUR:CURR:VLIM:TRIP?", "1",
            "SOUR:FUNC CURR;:SOUR:CURR 1E-2;:SOUR:CURR:VLIM 2;:OUTP ON"),
        *(asks("overvoltage protection", "SOUR:VOLT:PROT", word)
          for word in ("PROT2", "PROT5", "PROT20", "PROT180", "NONE")),
        Row("a step that is not there", "SOUR:VOLT:PROT PROT7", -224),
        Row("overvoltage protection holds", "SOUR:VOLT:PROT:TRIP?", "1",
            "SOUR:VOLT:PROT PROT2;:SOUR:VOLT 5;:SOUR:VOLT:ILIM 0.1;:OUTP ON"),
        plain("delay", "SOUR:CURR:DEL", "0.5", 0.5),
        asks("automatic delay", "SOUR:CURR:DEL:AUTO", "OFF", "0"),
        asks("read-back", "SOUR:VOLT:READ:BACK", "OFF", "0"),
        Row("the 2400's compliance", "SENS:CURR:PROT 1E-3", -113),
        Row("the 2400's four wires", "SYST:RSEN ON", -113),
        Row("lists", "SOUR:LIST:VOLT 1,2", -113),
    ],
    "Measure": [
        asks("one function", "SENS:FUNC", '"VOLT:DC"'),
        Row("a function that is none", 'SENS:FUNC "WATT"', -224),
        Row("a function without quotes", "SENS:FUNC CURR", -104),
        plain("I range", "SENS:CURR:RANG", "1E-3", 1e-3),
        asks("I autorange", "SENS:CURR:RANG:AUTO", "ON", "1"),
        plain("integration, by function", "SENS:CURR:NPLC", "10", 10.0),
        Row("integration of another", "SENS:CURR:NPLC 10\nSENS:VOLT:NPLC?", r"1\.0+E\+00"),
        Row("integration too long", "SENS:CURR:NPLC 11", -222),
        asks("readings at once", "SENS:COUN", "5"),
        asks("autozero", "SENS:CURR:AZER", "OFF", "0"),
        asks("filter", "SENS:CURR:AVER", "ON", "1"),
    ],
    "Readings and buffers": [
        Row("one number", "READ?", AMP, DRIVING),
        Row("with the output off", "READ?", NUMBER),
        Row("source, reading, time", 'READ? "defbuffer1",SOUR,READ,REL', rf"{VOLT},{AMP},{NUMBER}",
            DRIVING),
        *(Row(f"element {name}", f'READ? "defbuffer1",{name}', shown, DRIVING)
          for name, shown in ELEMENTS.items()),
        Row("in compliance", 'READ? "defbuffer1",SOURSTAT', "168",
            DRIVING + ";:SOUR:VOLT:ILIM 1E-4"),
        Row("a fixed range below the limit holds the source", "READ?", r"(2\.09|2\.1)\d+E-01",
            'SOUR:FUNC CURR;:SOUR:CURR 5E-3;:SOUR:CURR:VLIM 20;:SENS:FUNC "VOLT";'
            ":SENS:VOLT:RANG 0.2;:OUTP ON"),
        Row("an element that is none", 'READ? "defbuffer1",FOO', 1133),
        Row("a buffer that is not there", 'READ? "nowhere"', -224),
        Row("fetch", "FETC?", AMP, THREE),
        Row("nothing to fetch", "FETC?", -230),
        Row("measure", "MEAS:VOLT?", VOLT, DRIVING),
        Row("data", 'TRAC:DATA? 1,3,"defbuffer1",SOUR,READ', ",".join([f"{VOLT},{AMP}"] * 3),
            THREE),
        Row("data behind the end", "TRAC:DATA? 1,4", -222, THREE),
        Row("nothing in it", "TRAC:DATA? 1,1", -230),
        Row("how many", "TRAC:ACT?", "3", THREE),
        Row("empty it", 'TRAC:CLE "defbuffer1"\nTRAC:ACT?', "0", THREE),
        asks("size", "TRAC:POIN", "10"),
        Row("size", "TRAC:POIN 9", -222),
        Row("one's own", 'TRAC:MAKE "b",1000\nTRAC:POIN? "b"', "1000"),
        Row("a name in use", 'TRAC:MAKE "defbuffer1",100', -221),
        Row("no room", 'TRAC:MAKE "b",6875000', -225),
        Row("statistics", "TRAC:STAT:AVER?", AMP, THREE),
        asks("precision", "FORM:ASC:PREC", "16"),
        Row("precision", "FORM:ASC:PREC 17", -222),
        Row("precision of a reading", "READ?", r"(9\.99|1\.00)E-0[34]",
            DRIVING + ";:FORM:ASC:PREC 3"),
        Row("binary", "FORM:DATA REAL\nFORM:DATA?", "REAL"),
        Row("binary reading: #0 and eight bytes", "READ?", r"(?s)#0.{8}", DRIVING
            + ";:FORM:DATA REAL"),
    ],
    "Trigger model": [
        Row("seconds", 'TRIG:LOAD "DurationLoop",1,0,"defbuffer1"\nINIT\nTRIG:STAT?',
            "RUNNING;RUNNING;1", DRIVING),
        Row("readings", 'TRAC:ACT?', "3", DRIVING + ';:TRIG:LOAD "SimpleLoop",3,0\nINIT\n*WAI'),
        Row("nothing loaded", "INIT\nTRIG:STAT?", "EMPTY;EMPTY;1"),
        Row("a model that is not there", 'TRIG:LOAD "FooLoop",1', -224),
        Row("started twice", "INIT", -213, 'TRIG:LOAD "DurationLoop",60\nINIT'),
        Row("a reading while it runs", "READ?", -213, 'TRIG:LOAD "DurationLoop",60\nINIT'),
        Row("abort", "ABOR\nTRIG:STAT?", "ABORTED;ABORTED;1",
            'TRIG:LOAD "DurationLoop",60\nINIT'),
        Row("log of it", ":SYST:EVEN:NEXT?", rf'2731,"Trigger model running;4;{STAMP}"',
            'TRIG:LOAD "DurationLoop",60\nINIT'),
        Row("log of an abort", ":SYST:EVEN:NEXT?\n:SYST:EVEN:NEXT?",
            rf'2731,.*\n2728,"Trigger model aborted;4;{STAMP}"',
            'TRIG:LOAD "DurationLoop",60\nINIT\nABOR'),
        Row("log of an end", ":SYST:EVEN:NEXT?\n:SYST:EVEN:NEXT?",
            rf'2731,.*\n2732,"Trigger model done;4;{STAMP}"',
            'TRIG:LOAD "SimpleLoop",3,0\nINIT\n*WAI'),
        Row("blocks", "TRIG:BLOC:BUFF:CLE 1", -113),
    ],
    "Status and errors": [
        Row("no error", "SYST:ERR?", '0,"No error;0;0 0"'),
        Row("one error", "SYST:ERR?", UNDEFINED, "FOO"),
        Row("how many", "SYST:ERR:COUN?\nSYST:CLE", "2", "FOO\nFOO"),
        Row("the event log keeps what the queue gave", "SYST:ERR?\nSYST:EVEN:NEXT?",
            rf"{UNDEFINED}\n{UNDEFINED}", "FOO"),
        Row("questionable", "STAT:QUES?", "0"),
        Row("operation: running", "STAT:OPER:COND?", "16", 'TRIG:LOAD "DurationLoop",60\nINIT'),
        Row("mains", "SYST:LFR?", "50"),
        Row("beeper", "SYST:BEEP 440,0.1", ""),
        Row("screen", "DISP:CLE", ""),
        *SYNTAX,
    ],
}  # fmt: skip

SHEET = Sheet(
    "keithley-2450",
    "Keithley 2450",
    "Each row is sent to a fresh 2450",
    Keithley2450,
    SECTIONS,
    {
        "-410, -430": "only on a bus: tests/wire/test_hislip.py",
        "-420": "only on GPIB and USBTMC, where reading is a request (decision 30)",
        "-286": "no script runs here: in TSP mode every line is -285",
    },
)
