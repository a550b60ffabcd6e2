"""Every command and error of instruments.md §8 (and §0) on the 34970A.

Run as a program with PYTHONPATH=tests it writes the page in docs/simulators.
"""

from typing import Any

from helpers.auxiliary_table import Row, Table
from labctl_simulators.firmware.keysight_34970a import Keysight34970A
from labctl_simulators.probes import Steady

T27, T37 = r"\+2\.70000000E\+01", r"\+3\.70000000E\+01"
OVER = r"\+9\.90000000E\+37"
TIME = r"\d{9}\.\d{3}"
CONF = "CONF:TEMP TC,K,(@101:103)"
ENDLESS = f"{CONF}\nTRIG:COUN INF\nINIT"


def make(**options: Any) -> Keysight34970A:
    """Exact, with 27 °C at 101, 37 °C at 103, nothing elsewhere."""
    probes = {101: Steady(300.15), 103: Steady(310.15)}
    return Keysight34970A(probes, seed=3, instrument_error=0.0, **options)


SECTIONS: dict[str, list[Row]] = {
    "Identity and common commands": [
        Row("identity", "*IDN?", r"HEWLETT-PACKARD,34970A,0,13-2-2-sim"),
        Row("identity of a 34972A", "*IDN?",
            r"Agilent Technologies,34972A,MY49000003,1\.17-1\.12-02-02-sim", "",
            (("model", "34972A"),)),
        Row("card", "SYST:CTYP? 100", "HEWLETT-PACKARD,34901A,0,2.3"),
        Row("no card", "SYST:CTYP? 300", "HEWLETT-PACKARD,0,0,0", "", (("slots", (100,)),)),
        Row("clear", "*CLS", ""),
        Row("defaults", "*RST\nROUT:SCAN?", r"#13\(@\)", CONF),
        Row("defaults", "SYST:PRES", ""),
        Row("operation complete", "*OPC?", "1"),
        Row("self-test", "*TST?", "0"),
        Row("save and recall", "*SAV 1\n*RST\n*RCL 1\nROUT:SCAN?", r"#214\(@101,102,103\)", CONF),
        Row("recall of nothing", "*RCL 2", 291),
        Row("remote", "SYST:REM", ""),
        Row("panel", "DISP OFF", ""),
    ],
    "Configuration": [
        Row("thermocouples", f"{CONF}\nROUT:SCAN?", r"#214\(@101,102,103\)"),
        Row("what is configured", "CONF? (@101)",
            r'"TEMP TC,K,\+1\.00000000E\+00,\+3\.00000000E-06"', CONF),
        Row("RTD", 'CONF:TEMP RTD,85,(@101)\nCONF? (@101)', r'"TEMP RTD,85,.*"'),
        Row("thermistor", 'CONF:TEMP THER,5000,(@101)\nCONF? (@101)', r'"TEMP THER,5000,.*"'),
        Row("by default", 'CONF:TEMP DEF,DEF,(@101)\nCONF? (@101)', r'"TEMP TC,J,.*"'),
        Row("volts", 'CONF:VOLT:DC AUTO,DEF,(@101)\nCONF? (@101)', r'"VOLT .*"'),
        Row("an unknown thermistor", "CONF:TEMP THER,12000,(@101)", 251),
        Row("an unknown RTD", "CONF:TEMP RTD,100,(@101)", 251),
        Row("an unknown couple", "CONF:TEMP TC,X,(@101)", -224),
        Row("no channels", "CONF:TEMP TC,K", -109),
        Row("a slot that is not there", "CONF:TEMP TC,K,(@401)", 111),
        Row("a channel that is not there", "CONF:TEMP TC,K,(@125)", 112),
        Row("not a list", "CONF:TEMP TC,K,(101)", 309),
        Row("function", 'SENS:FUNC "TEMP",(@101)\nSENS:FUNC? (@101)', '"TEMP"'),
        Row("transducer", "TEMP:TRAN:TYPE THER,(@101)\nTEMP:TRAN:TYPE? (@101)", "THER", CONF),
        Row("couple", "TEMP:TRAN:TC:TYPE T,(@101)\nTEMP:TRAN:TC:TYPE? (@101)", "T", CONF),
        Row("check for an open one", "TEMP:TRAN:TC:CHEC ON,(@101)\nTEMP:TRAN:TC:CHEC? (@101)", "1",
            CONF),
        Row("reference junction", "TEMP:TRAN:TC:RJUN:TYPE FIX,(@101)\n"
            "TEMP:TRAN:TC:RJUN:TYPE? (@101)", "FIX", CONF),
        Row("its temperature", "TEMP:TRAN:TC:RJUN 25,(@101)\nTEMP:TRAN:TC:RJUN? (@101)",
            r"\+2\.50000000E\+01", CONF),
        Row("a junction that is colder than said", "READ?", rf"\+2\.90000000E\+01,{OVER},{T37}",
            f"{CONF}\nTEMP:TRAN:TC:RJUN:TYPE FIX,(@101)\nTEMP:TRAN:TC:RJUN 25,(@101)"),
        Row("thermistor", "TEMP:TRAN:THER:TYPE 10000,(@101)\nTEMP:TRAN:THER:TYPE? (@101)",
            "10000", CONF),
        Row("RTD", "TEMP:TRAN:RTD:TYPE 91,(@101)\nTEMP:TRAN:RTD:TYPE? (@101)", "91", CONF),
        Row("RTD at 0 °C", "TEMP:TRAN:RTD:RES 100,(@101)\nTEMP:TRAN:RTD:RES? (@101)",
            r"\+1\.00000000E\+02", CONF),
        Row("line cycles", "TEMP:NPLC 10,(@101)\nTEMP:NPLC? (@101)", r"\+1\.00000000E\+01", CONF),
        Row("too many", "TEMP:NPLC 300,(@101)", -222, CONF),
        Row("of the scan list", "TEMP:NPLC?", r"\+1\.00000000E\+00(,\+1\.00000000E\+00){2}", CONF),
        Row("without a scan list", "TEMP:NPLC?", 113),
        Row("unit", "UNIT:TEMP F,(@101:103)\nUNIT:TEMP?", "F,F,F", CONF),
        Row("fahrenheit", "READ?", rf"\+8\.06000000E\+01,{OVER},\+9\.86000000E\+01",
            f"{CONF}\nUNIT:TEMP F,(@101:103)"),
        Row("kelvin", "READ?", rf"\+3\.00150000E\+02,{OVER},\+3\.10150000E\+02",
            f"{CONF}\nUNIT:TEMP K"),
        Row("no unit", "UNIT:TEMP X", -224, CONF),
        Row("delay", "ROUT:CHAN:DEL 2,(@101)\nROUT:CHAN:DEL? (@101)", r"\+2\.00000000E\+00"),
        Row("automatic delay", "ROUT:CHAN:DEL:AUTO ON,(@101)\nROUT:CHAN:DEL:AUTO? (@101)", "1"),
    ],
    "Scan list and format": [
        Row("a scan list", "ROUT:SCAN (@101:103)\nROUT:SCAN?", r"#214\(@101,102,103\)"),
        Row("in ascending order", "ROUT:SCAN (@103,101)\nROUT:SCAN?", r"#210\(@101,103\)"),
        Row("an empty one", "ROUT:SCAN (@)\nROUT:SCAN?", r"#13\(@\)", CONF),
        Row("a range over a gap", "ROUT:SCAN (@119:202)\nROUT:SCAN?",
            r"#218\(@119,120,201,202\)"),
        Row("its size", "ROUT:SCAN:SIZE?", r"\+3", CONF),
        Row("channel, time", "FORM:READ:CHAN ON;TIME ON;UNIT OFF\nREAD?",
            rf"{T27},{TIME},101,{OVER},{TIME},102,{T37},{TIME},103", CONF),
        Row("unit, alarm", "FORM:READ:UNIT ON;ALAR ON\nREAD?",
            rf"{T27} C,0,{OVER} C,0,{T37} C,0", CONF),
        Row("which are on", "FORM:READ:CHAN ON\nFORM:READ:CHAN?;TIME?;UNIT?;ALAR?", "1;0;0;0"),
        Row("absolute times", "FORM:READ:TIME ON;TIME:TYPE ABS\nREAD?",
            rf"{T27},2026,01,01,00,00,\d\d\.\d{{3}},.*", CONF),
        Row("CONF turns them off", f"{CONF}\nFORM:READ:CHAN?", "0", "FORM:READ:CHAN ON"),
    ],
    "Readings": [
        Row("READ?", "READ?", f"{T27},{OVER},{T37}", CONF),
        Row("MEAS?", "MEAS:TEMP? TC,K,(@101)", T27),
        Row("MEAS? makes the scan list", "MEAS:TEMP? TC,K,(@101)\nROUT:SCAN?",
            rf"{T27}\n#16\(@101\)", CONF),
        Row("INIT and FETC?", "INIT\nFETC?", f"{T27},{OVER},{T37}", CONF),
        Row("FETC? again", "FETC?", f"{T27},{OVER},{T37}", f"{CONF}\nINIT\nFETC?"),
        Row("FETC? of nothing", "FETC?", -230, CONF),
        Row("READ? keeps nothing", "DATA:POIN?", r"\+0", f"{CONF}\nREAD?"),
        Row("INIT clears the memory", "INIT\n*OPC?\nDATA:POIN?", r"1\n\+3",
            f"{CONF}\nINIT\n*OPC?"),
        Row("how many", "DATA:POIN?", r"\+3", f"{CONF}\nINIT\n*OPC?"),
        Row("the last one", "DATA:LAST?", T37, f"{CONF}\nINIT\n*OPC?"),
        Row("take some out", "DATA:REM? 2\nDATA:POIN?", rf"{T27},{OVER}\n\+1",
            f"{CONF}\nINIT\n*OPC?"),
        Row("more than there are", "DATA:REM? 9", -222, f"{CONF}\nINIT\n*OPC?"),
        Row("as a block", "R? 1", rf"#215{T27}", f"{CONF}\nINIT\n*OPC?"),
        Row("no scan list", "READ?", 113),
        Row("no scan list", "INIT", 113),
        Row("too hot for the couple", "READ?", OVER, "CONF:TEMP TC,T,(@102)"),
        Row("volts: open leads", "READ?", r"\+0\.00000000E\+00", "CONF:VOLT:DC DEF,(@101)"),
        Row("ohms: open leads", "READ?", OVER, "CONF:RES DEF,(@101)"),
    ],
    "Trigger": [
        Row("sweeps", "TRIG:COUN 2\nREAD?", f"({T27},{OVER},{T37},?){{2}}", CONF),
        Row("how many", "TRIG:COUN?", r"\+1\.00000000E\+00"),
        Row("without end", "TRIG:COUN INF\nTRIG:COUN?", r"\+9\.90000000E\+37"),
        Row("source", "TRIG:SOUR TIM\nTRIG:SOUR?", "TIM"),
        Row("timer", "TRIG:TIM 10\nTRIG:TIM?", r"\+1\.00000000E\+01"),
        Row("every 10 s", "FORM:READ:TIME ON\nREAD?",
            rf"{T27},000000000\.055,{T27},000000010\.055",
            "CONF:TEMP TC,K,(@101)\nTRIG:SOUR TIM\nTRIG:TIM 10\nTRIG:COUN 2"),
        Row("by bus", "INIT\n*TRG\n*OPC?\nDATA:POIN?", r"1\n\+3", f"{CONF}\nTRIG:SOUR BUS"),
        Row("*TRG for nothing", "*TRG", -211, CONF),
        Row("READ? would never end", "READ?", -214, f"{CONF}\nTRIG:SOUR BUS"),
        Row("READ? would never end", "READ?", -214, f"{CONF}\nTRIG:COUN INF"),
        Row("FETC? would never end", "FETC?", -214, ENDLESS),
        Row("INIT while it scans", "INIT", -213, ENDLESS),
        Row("a setting while it scans", "UNIT:TEMP F", 261, ENDLESS),
        Row("abort", "ABOR\nUNIT:TEMP F", "", ENDLESS),
        Row("abort leaves what was read", "ABOR\nDATA:LAST?", f"({T27}|{OVER}|{T37})", ENDLESS),
    ],
    "Errors": [
        Row("no error", "SYST:ERR?", r'\+0,"No error"'),
        Row("one", "SYST:ERR?", '-113,"Undefined header"', "FOO"),
        Row("one of its own", "SYST:ERR?", r'\+113,"Channel list: empty scan list"', "READ?"),
        Row("undefined header", "FOO:BAR", -113),
        Row("what follows a bad unit is lost", "FOO;*IDN?", -113),
        Row("missing parameter", "TRIG:COUN", -109),
        Row("one too many", "*CLS 1", -108),
        Row("a bad number", "TRIG:TIM 1x", -131),
        Row("overflow of the queue", "\n".join(["FOO"] * 12) + "\nSYST:ERR:COUN?\n*CLS", "10"),
        Row("a line without end", "x" * 3_000, -363),
    ],
    "Not there": [
        Row("alarms", "CALC:LIM:UPP 50,(@101)", -113),
        Row("scaling", "CALC:SCAL:GAIN 2,(@101)", -113),
        Row("monitor", "ROUT:MON (@101)", -113),
        Row("relays by hand", "ROUT:CLOS (@101)", -113),
        Row("amperes", "CONF:CURR:DC (@121)", -113),
        Row("digital input", "CONF:DIG:BYTE (@101)", -113),
        Row("external reference junction", "TEMP:TRAN:TC:RJUN:TYPE EXT,(@101)", -224, CONF),
    ],
}  # fmt: skip
TABLE = Table(
    "keysight-34970a",
    "Keysight 34970A",
    "Each row is sent to a fresh 34970A without errors of its own, with 27 °C at channel 101, "
    "37 °C at 103, and open leads elsewhere.",
    make,
    SECTIONS,
)
if __name__ == "__main__":
    TABLE.write()
