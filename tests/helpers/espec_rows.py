"""Every command and error of instruments.md §8 on the ESPEC chamber.

Run as a program with PYTHONPATH=tests it writes the page in docs/simulators.
"""

from typing import Any

from helpers.auxiliary_table import Row, Table
from labctl_simulators.firmware.espec import Espec

ON = "MODE,CONSTANT"
STEPS = ((40.0, 1.0), (10.0, 0.5))
PROGRAM = (("steps", STEPS),)
"""°C and hours of program 1."""


def make(
    *,
    steps: tuple[tuple[float, float], ...] = (),
    alarms: tuple[int, ...] = (),
    protected: bool = False,
    **options: Any,
) -> Espec:
    """Exact, at 25 °C, off."""
    programs = {1: steps} if steps else {}
    device = Espec(seed=3, instrument_error=0.0, programs=programs, **options)
    device.alarms = list(alarms)
    device.protected = protected
    return device


SECTIONS: dict[str, list[Row]] = {
    "Queries": [
        Row("temperature, set point, limits", "TEMP?", r"25\.0,25\.0,150\.0,-40\.0"),
        Row("overview", "MON?", r"25\.0,,OFF,0"),
        Row("overview", "MON?", r"25\.0,,CONSTANT,0", ON),
        Row("overview in detail", "MON?,DETAIL", r"25\.0,,OFF,0"),
        Row("mode", "MODE?", "OFF"),
        Row("mode", "MODE?,DETAIL", "STANDBY", "MODE,STANDBY"),
        Row("alarms", "ALARM?", "0"),
        Row("alarms", "ALARM?", "2,1,7", "", (("alarms", (1, 7)),)),
        Row("humidity, which it has not", "HUMI?", "NA:CONT NOT READY-1"),
        Row("version", "ROM?", r"P3DT 2\.10-sim"),
        Row("type", "TYPE?", r"T,P300,150\.0"),
        Row("type", "TYPE?", r"T,SCP220,150\.0", "", (("model", "SCP220"),)),
        Row("keys", "KEYPROTECT?", "OFF"),
        Row("date", "DATE?", r"26\.01/01"),
        Row("time", "TIME?", "00:00:00"),
        Row("constant operation", "CONSTANT SET?,TEMP", r"25\.0,ON"),
        Row("program", "PRGM MON?", "NA:CONT NOT READY-2"),
        Row("program", "PRGM MON?", r"RAM:1,1,40\.0,0:59,0", "PRGM,RUN,RAM:1,STEP1", PROGRAM),
    ],
    "Orders": [
        Row("set point", "TEMP, S60.0\nTEMP?", r"OK:TEMP, S60\.0\n25\.0,60\.0,150\.0,-40\.0"),
        Row("set point", "TEMP,S60", "OK:TEMP,S60"),
        Row("limits", "TEMP, H100.0\nTEMP, L-10.0\nTEMP?",
            r"OK:TEMP, H100\.0\nOK:TEMP, L-10\.0\n25\.0,25\.0,100\.0,-10\.0"),
        Row("all", "TEMP, S60.0 H100.0 L-10.0\nTEMP?",
            r"OK:TEMP, S60\.0 H100\.0 L-10\.0\n25\.0,60\.0,100\.0,-10\.0"),
        Row("constant operation", "MODE,CONSTANT\nMODE?", "OK:MODE,CONSTANT\nCONSTANT"),
        Row("standing by", "MODE,STANDBY\nMODE?", "OK:MODE,STANDBY\nSTANDBY", ON),
        Row("off", "MODE,OFF\nMODE?", "OK:MODE,OFF\nOFF", ON),
        Row("power", "POWER,ON\nMODE?", "OK:POWER,ON\nCONSTANT"),
        Row("power", "POWER,OFF\nMODE?", "OK:POWER,OFF\nOFF", ON),
        Row("in small letters", "POWER,off\nMODE?", "OK:POWER,off\nOFF", ON),
        Row("program", "PRGM,RUN,RAM:1,STEP1\nMODE?", "OK:PRGM,RUN,RAM:1,STEP1\nRUN", "", PROGRAM),
        Row("program", "MODE,RUN1\nMODE?", "OK:MODE,RUN1\nRUN", "", PROGRAM),
        Row("its end", "PRGM,END,STANDBY\nMODE?", "OK:PRGM,END,STANDBY\nSTANDBY",
            "PRGM,RUN,RAM:1,STEP1", PROGRAM),
        Row("its end, held", "PRGM,END,HOLD\nMODE?\nTEMP?",
            r"OK:PRGM,END,HOLD\nCONSTANT\n25\.\d,40\.0,150\.0,-40\.0", "PRGM,RUN,RAM:1,STEP1",
            PROGRAM),
        Row("lock the keys", "KEYPROTECT,ON\nKEYPROTECT?", "OK:KEYPROTECT,ON\nON", ON),
    ],
    "Address": [
        Row("its own", "1,TEMP?", r"25\.0,25\.0,150\.0,-40\.0", "", (("address", 1),)),
        Row("another's", "2,TEMP?", "NA:ADDR ERR", "", (("address", 1),)),
        Row("any, where it has none", "1,MODE?", "OFF"),
        Row("an order", "1,TEMP,S30.0", r"OK:TEMP,S30\.0", "", (("address", 1),)),
    ],
    "Refusals": [
        Row("unknown", "FOO?", "NA:CMD ERR"),
        Row("not ASCII", "TÄMP?", "NA:CMD ERR"),
        Row("empty", "", "NA:CMD ERR"),
        Row("too long", "TEMP,S" + "0" * 240, "NA:PARA ERR"),
        Row("no parameter", "TEMP", "NA:PARA ERR"),
        Row("a bad one", "TEMP,S", "NA:PARA ERR"),
        Row("a bad one", "TEMP,X25.0", "NA:PARA ERR"),
        Row("a bad one", "MODE,FOO", "NA:PARA ERR"),
        Row("a bad one", "TEMP?,X", "NA:PARA ERR"),
        Row("too hot", "TEMP,S151.0", "NA:DATA OUT OF RANGE"),
        Row("beyond the upper limit", "TEMP,S110.0", "NA:DATA OUT OF RANGE", "TEMP,H100.0"),
        Row("limits the wrong way round", "TEMP,H-10 L10", "NA:DATA OUT OF RANGE"),
        Row("humidity", "HUMI,S50", "NA:CONT NOT READY-1"),
        Row("a program that is not there", "PRGM,RUN,RAM:7,STEP1", "NA:DATA NOT READY"),
        Row("a step that is not there", "PRGM,RUN,RAM:1,STEP3", "NA:DATA OUT OF RANGE", "",
            PROGRAM),
        Row("no program runs", "PRGM,END,STANDBY", "NA:CONT NOT READY-2"),
        Row("pause", "PRGM,PAUSE", "NA:INVALID REQ", "PRGM,RUN,RAM:1,STEP1", PROGRAM),
        Row("keys while it is off", "KEYPROTECT,ON", "NA:CONT NOT READY-4"),
        Row("protected", "TEMP,S30.0", "NA:PROTECT ON", "", (("protected", True),)),
        Row("with an alarm", "MODE,CONSTANT", "NA:CHB NOT READY", "", (("alarms", (1,)),)),
        Row("without power", "MODE,CONSTANT", "NA:CHB NOT READY", "",
            (("constant_powers_on", False),)),
        Row("too fast", "MODE?", "NA:CONT NOT READY-1", "MODE?",
            (("too_fast", "refuse"), ("gap_s", 2.0))),
        Row("relays", "RELAY,ON,1", "NA:CMD ERR"),
        Row("refrigeration", "SET,REF1", "NA:CMD ERR"),
        Row("programming", "PRGM DATA WRITE,PGM1,EDIT START", "NA:CMD ERR"),
    ],
}  # fmt: skip
TABLE = Table(
    "espec",
    "ESPEC P300",
    "Each row is sent to a fresh P300 without errors of its own, at 25 °C and off.",
    make,
    SECTIONS,
    b"\r\n",
)
if __name__ == "__main__":
    TABLE.write()
