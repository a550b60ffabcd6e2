"""Every command and error of instruments.md §8 (and §0, §1b) on the DAQ6510.

Run as a program with PYTHONPATH=tests it writes the page in docs/simulators.
"""

from typing import Any

from helpers.auxiliary_table import Row, Table
from labctl_simulators.firmware.daq6510 import Daq6510
from labctl_simulators.probes import Steady

T27, T37 = r"2\.700000E\+01", r"3\.700000E\+01"
OVER = r"9\.900000E\+37"
NUMBER = r"-?\d\.\d{6}E[+-]\d\d"
TEMP = 'SENS:FUNC "TEMP",(@101:103)'
SCAN = f"{TEMP}\nROUT:SCAN:CRE (@101:103)"


def make(**options: Any) -> Daq6510:
    """Exact, with 27 °C at 101 and at the front, 37 °C at 103, nothing elsewhere."""
    probes = {0: Steady(300.15), 101: Steady(300.15), 103: Steady(310.15)}
    if options.get("model") == "DMM6500":
        probes = {1: Steady(300.15)}
    return Daq6510(probes, seed=3, instrument_error=0.0, **options)


def kept(purpose: str, header: str, value: str, shown: str, where: str = "") -> Row:
    """A setting that is written and read back."""
    listed = f",{where}" if where else ""
    asked = f" {where}" if where else ""
    return Row(purpose, f"{header} {value}{listed}\n{header}?{asked}", shown)


SECTIONS: dict[str, list[Row]] = {
    "Identity and common commands": [
        Row("identity", "*IDN?", r"KEITHLEY INSTRUMENTS,MODEL DAQ6510,04300003,1\.7\.12b-sim"),
        Row("command set", "*LANG?", "SCPI"),
        Row("another command set", "*LANG TSP", -224),
        Row("clear", "*CLS", ""),
        Row("defaults", "*RST", ""),
        Row("operation complete", "*OPC?", "1"),
        Row("events", "*ESR?", "128"),
        Row("status byte", "*STB?", "0"),
        Row("trigger", "*TRG", -211),
        Row("save and recall", f"{TEMP}\n*SAV 1\n*RST\n*RCL 1\nSENS:FUNC? (@101)", '"TEMP"'),
        Row("recall of nothing", "*RCL 2", -200),
    ],
    "Single measurements": [
        Row("thermistor at the front", "READ?", T27,
            'SENS:FUNC "TEMP"\nTEMP:TRAN THER\nTEMP:THER 10000', (("rear", False),)),
        Row("thermocouple at the front", "READ?", T27,
            'SENS:FUNC "TEMP"\nTEMP:TRAN TC\nTEMP:TC:TYPE K', (("rear", False),)),
        Row("MEAS?", "MEAS?", T27, 'SENS:FUNC "TEMP"', (("rear", False),)),
        Row("MEAS:TEMP?", "MEAS:TEMP?", T27, "", (("rear", False),)),
        Row("volts: open leads", "READ?", r"0\.000000E\+00", "", (("rear", False),)),
        Row("ohms: open leads", "READ?", OVER, 'SENS:FUNC "RES"', (("rear", False),)),
        Row("a closed channel", "READ?", T27, f"{TEMP}\nROUT:CLOS (@101)"),
        Row("an open thermocouple", "READ?", OVER, f"{TEMP}\nROUT:CLOS (@102)"),
        Row("no channel closed", "READ?", OVER, 'SENS:FUNC "TEMP"'),
        Row("with elements", 'READ? "defbuffer1",READ,CHAN,UNIT', rf"{T27},101,Celsius",
            f"{TEMP}\nROUT:CLOS (@101)"),
        Row("several", "SENS:COUN 3\nREAD?\nTRAC:ACT?", rf"{T27}\n3",
            f"{TEMP}\nROUT:CLOS (@101)"),
        Row("the last one again", "FETC?", T27, f"{TEMP}\nROUT:CLOS (@101)\nREAD?"),
        Row("from an empty buffer", "FETC?", -230),
        Row("an unknown element", 'READ? "defbuffer1",FOO', 1133),
        Row("an unknown buffer", 'READ? "nosuch"', -224),
    ],
    "Temperature": [
        kept("function", "SENS:FUNC", '"TEMP"', '"TEMP"', "(@101)"),
        kept("function by its long name", ":FUNCtion", "'TEMPerature'", '"TEMP"', "(@101)"),
        kept("volts", "SENS:FUNC", '"VOLT"', '"VOLT:DC"', "(@101)"),
        Row("an unknown function", 'SENS:FUNC "FOO"', -224),
        Row("a function without quotes", "SENS:FUNC TEMP", -104),
        kept("transducer", "SENS:TEMP:TRAN", "TC", "TC", "(@101)"),
        kept("transducer", "SENS:TEMP:TRAN", "THER", "THER", "(@101)"),
        kept("transducer, 4 wires", "SENS:TEMP:TRAN", "FRTD", "FRTD", "(@101)"),
        Row("an unknown transducer", "SENS:TEMP:TRAN FOO", -224),
        kept("thermocouple", "SENS:TEMP:TC:TYPE", "T", "T", "(@101)"),
        Row("an unknown thermocouple", "SENS:TEMP:TC:TYPE X", -224),
        kept("thermistor", "SENS:TEMP:THER", "10000", r"1\.000000E\+04", "(@101)"),
        Row("an unknown thermistor", "SENS:TEMP:THER 12000", -224),
        kept("RTD", "SENS:TEMP:RTD:FOUR", "PT385", "PT385", "(@101)"),
        kept("reference junction", "SENS:TEMP:TC:RJUN:RSEL", "SIM", "SIM", "(@101)"),
        kept("its temperature", "SENS:TEMP:TC:RJUN:SIM", "25", r"2\.500000E\+01", "(@101)"),
        Row("a junction that is colder than said", "READ?", r"2\.900000E\+01",
            f"{TEMP}\nTEMP:TC:RJUN:RSEL SIM,(@101)\nTEMP:TC:RJUN:SIM 25,(@101)\nROUT:CLOS (@101)"),
        kept("open leads are detected", "SENS:TEMP:ODET", "ON", "1", "(@101)"),
        Row("open leads undetected: the junction", "READ?", r"2\.300000E\+01",
            f"{TEMP}\nTEMP:ODET OFF,(@102)\nROUT:CLOS (@102)"),
        kept("unit", "SENS:TEMP:UNIT", "KELV", "KELV", "(@101)"),
        Row("kelvin", "READ?", r"3\.001500E\+02",
            f"{TEMP}\nTEMP:UNIT KELV,(@101)\nROUT:CLOS (@101)"),
        Row("fahrenheit", "READ?", r"8\.060000E\+01",
            f"{TEMP}\nTEMP:UNIT FAHR,(@101)\nROUT:CLOS (@101)"),
        kept("relative to", "SENS:TEMP:REL", "2", r"2\.000000E\+00", "(@101)"),
        Row("a relative reading", "READ?", r"2\.500000E\+01",
            f"{TEMP}\nTEMP:REL 2,(@101)\nTEMP:REL:STAT ON,(@101)\nROUT:CLOS (@101)"),
        kept("line cycles", "SENS:TEMP:NPLC", "5", r"5\.000000E\+00", "(@101)"),
        Row("too many", "SENS:TEMP:NPLC 20,(@101)", -222),
        kept("auto zero", "SENS:TEMP:AZER", "OFF", "0", "(@101)"),
        kept("filter", "SENS:TEMP:AVER", "ON", "1", "(@101)"),
        Row("of several channels", "SENS:TEMP:TC:TYPE? (@101,102)", "K;K"),
        Row("too cold for the couple", "READ?", OVER,
            f"{TEMP}\nTEMP:TC:TYPE B,(@101)\nROUT:CLOS (@101)"),
    ],
    "Relays": [
        Row("close", "ROUT:CLOS (@101)\nROUT:CLOS?", r"\(@101\)"),
        Row("another closes alone", "ROUT:CLOS (@102)\nROUT:CLOS?", r"\(@102\)",
            "ROUT:CLOS (@101)"),
        Row("several", "ROUT:MULT:CLOS (@101,102)\nROUT:CLOS?", r"\(@101,102\)"),
        Row("is it?", "ROUT:CLOS? (@101,102)", "1,0", "ROUT:CLOS (@101)"),
        Row("open", "ROUT:OPEN (@101)\nROUT:CLOS?", r"\(@\)", "ROUT:CLOS (@101)"),
        Row("open all", "ROUT:OPEN:ALL\nROUT:CLOS?", r"\(@\)", "ROUT:CLOS (@101)"),
        Row("a channel that is not there", "ROUT:CLOS (@130)", -222),
        Row("no list", "ROUT:CLOS 101", -224),
        Row("inputs", "ROUT:TERM?", "REAR"),
    ],
    "Scans": [
        Row("channels", "ROUT:SCAN:CRE (@101:103)\nROUT:SCAN:CRE?", r"\(@101,102,103\)"),
        Row("one more", "ROUT:SCAN:ADD (@110)\nROUT:SCAN:CRE?", r"\(@101,102,103,110\)", SCAN),
        Row("how many", "ROUT:SCAN:COUN:STEP?", "3", SCAN),
        kept("scans", "ROUT:SCAN:COUN:SCAN", "2", "2"),
        kept("interval", "ROUT:SCAN:INT", "60", r"6\.000000E\+01"),
        Row("buffer", 'ROUT:SCAN:BUFF "defbuffer2"\nROUT:SCAN:BUFF?', "defbuffer2"),
        Row("a scan, and its readings",
            'INIT\n*WAI\nTRAC:DATA? 1,3,"defbuffer1",READ,REL,CHAN',
            rf"{T27},0\.000000E\+00,101,{OVER},{NUMBER},102,{T37},{NUMBER},103", SCAN),
        Row("two scans", "INIT\n*WAI\nTRAC:ACT?", "6", f"{SCAN}\nROUT:SCAN:COUN:SCAN 2"),
        Row("done?", "INIT\n*OPC?", "1", SCAN),
        Row("state", "ROUT:SCAN:STAT?", "SUCCESS;0;0", f"{SCAN}\nINIT\n*WAI"),
        Row("state, running", "TRIG:STAT?", "RUNNING;RUNNING;1",
            f"{SCAN}\nROUT:SCAN:COUN:SCAN 0\nINIT"),
        Row("again while it runs", "INIT", -213, f"{SCAN}\nROUT:SCAN:COUN:SCAN 0\nINIT"),
        Row("a relay while it runs", "ROUT:CLOS (@101)", -221,
            f"{SCAN}\nROUT:SCAN:COUN:SCAN 0\nINIT"),
        Row("abort", "ABOR\nTRIG:STAT?", "ABORTED;ABORTED;1",
            f"{SCAN}\nROUT:SCAN:COUN:SCAN 0\nINIT"),
        Row("wait for a scan without end", "*WAI", -221,
            f"{SCAN}\nROUT:SCAN:COUN:SCAN 0\nINIT"),
        Row("with the front inputs", "INIT", -221, SCAN, (("rear", False),)),
        Row("without channels: nothing", "INIT\n*WAI\nTRAC:ACT?", "0"),
        Row("cards of a DMM6500", "INIT\n*WAI\nTRAC:DATA? 1,2,\"defbuffer1\",READ,CHAN",
            rf"{T27},1,{OVER},2", 'SENS:FUNC "TEMP",(@1:2)\nROUT:SCAN:CRE (@1:2)',
            (("model", "DMM6500"),)),
    ],
    "Buffers": [
        Row("empty it", "TRAC:CLE\nTRAC:ACT?", "0", f"{SCAN}\nINIT\n*WAI"),
        Row("data of an empty one", "TRAC:DATA? 1,1", -230),
        Row("beyond its end", "TRAC:DATA? 1,9", -222, f"{SCAN}\nINIT\n*WAI"),
        Row("size", "TRAC:POIN 100\nTRAC:POIN?", "100"),
        Row("make", 'TRAC:MAKE "mine",1000\nTRAC:POIN? "mine"', "1000"),
        Row("make it twice", 'TRAC:MAKE "mine",1000', -221, 'TRAC:MAKE "mine",1000'),
        Row("too big", 'TRAC:MAKE "mine",9e6', -225),
        Row("delete", 'TRAC:DEL "mine"\nTRAC:ACT? "mine"', -224, 'TRAC:MAKE "mine",1000'),
        Row("delete a default one", 'TRAC:DEL "defbuffer1"', -221),
        Row("times", 'TRAC:DATA? 1,1,"defbuffer1",TST,DATE,TIME,SEC,FRAC',
            r"01/01/2026 00:00:0\d\.\d{6},01/01/2026,00:00:0\d\.\d{6},17672256\d\d,"
            rf"{NUMBER}", f"{SCAN}\nINIT\n*WAI"),
        kept("precision", "FORM:ASC:PREC", "4", "4"),
        Row("precision in a reading", "READ?", r"2\.700E\+01",
            f"{TEMP}\nROUT:CLOS (@101)\nFORM:ASC:PREC 4"),
        Row("binary", "FORM:DATA REAL", -224),
    ],
    "Errors": [
        Row("no error", "SYST:ERR?", '0,"No error;0;0 0"'),
        Row("one, with type and time", "SYST:ERR?",
            r'-113,"Undefined header;1;2026/01/01 00:00:00\.\d{3}"', "FOO"),
        Row("how many", "SYST:ERR:COUN?\n*CLS", "1", "FOO"),
        Row("clear", "SYST:CLE\nSYST:ERR?", '0,"No error;0;0 0"', "FOO"),
        Row("in the log", "SYST:EVEN:NEXT?\n*CLS", r'-113,"Undefined header;1;.*"', "FOO"),
        Row("undefined header", "FOO:BAR", -113),
        Row("what follows a bad unit is lost", "FOO;*IDN?", -113),
        Row("missing parameter", "SENS:TEMP:TRAN", -109),
        Row("one too many", "*CLS 1", -108),
        Row("data type", 'SENS:TEMP:NPLC "1"', -104),
        Row("overflow of the queue", "\n".join(["FOO"] * 70) + "\nSYST:ERR:COUN?\n*CLS", "64"),
        Row("a line without end", "x" * 70_000, -363),
    ],
    "System": [
        Row("mains", "SYST:LFR?", "50"),
        Row("beeper", "SYST:BEEP 500,0.1", ""),
        Row("screen", "DISP:SCR HOME", ""),
        Row("text on the panel", 'DISP:CLE\nDISP:USER1:TEXT "hot"', ""),
    ],
    "Not there": [
        Row("temperature unit of older scanners", "UNIT:TEMP C", -113),
        Row("export to USB", 'ROUT:SCAN:EXP "/usb1/a.csv",SCAN,ALL', -113),
        Row("restart after a power failure", "ROUT:SCAN:REST ON", -113),
        Row("limits", "CALC2:TEMP:LIM1:STAT ON", -113),
        Row("trigger model blocks", "TRIG:BLOC:BUFF:CLE 1", -113),
        Row("AC volts", 'SENS:FUNC "VOLT:AC"', -224),
    ],
}  # fmt: skip
TABLE = Table(
    "daq6510",
    "Keithley DAQ6510",
    "Each row is sent to a fresh DAQ6510 without errors of its own, with 27 °C at channel 101 and "
    "at the front inputs, 37 °C at 103, and open leads elsewhere.",
    make,
    SECTIONS,
)
if __name__ == "__main__":
    TABLE.write()
