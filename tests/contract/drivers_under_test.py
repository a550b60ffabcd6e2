"""What the contract suite has to know of each driver: its instrument's words, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

from labctl_drivers.vocabulary import DRIVEN, Mode


@dataclass(frozen=True)
class Facts:
    """One driver's instrument.

    `switch_on`: what somebody else may have sent, which sources 0.4 V. `identities`: bytes of the
    identity and what an instrument of another kind or make has there. `off` begins the line that
    switches channel 1 off, `says_off` is what it would answer about it. `sets`: whether a line
    changes a setting, other than switching off; `settings`: how many such lines open and apply
    send at the least. `never`: what must not be on the wire. `about_one`: what is in lines about
    channel 1 and in none about channel 2. `voltage_V` and `current` (a part of it) are how far off
    a reading of an instrument without errors may be; `band_V`: how far beyond a step's own voltage
    it may drive by itself, the source's error on the range that holds any cell.
    """

    model: str
    switch_on: bytes
    identities: tuple[tuple[bytes, bytes], ...]
    off: bytes
    says_off: bytes
    sets: Callable[[bytes], bool]
    never: tuple[bytes, ...]
    settings: int
    channels: int = 1
    about_one: tuple[bytes, ...] = ()
    modes: frozenset[Mode] = DRIVEN
    unguarded: frozenset[Mode] = frozenset()
    watched: bool = False
    at_panel: bytes = b""
    voltage_V: float = 4e-3
    current: float = 2e-3
    band_V: float = 6e-3


def _scpi_sets(line: bytes) -> bool:
    words = line.strip()
    return not words.endswith(b"?") and b" OFF" not in words[:10] and not words.startswith(b"*CLS")


def _tsp_sets(line: bytes) -> bool:
    return b"=" in line and b"local " not in line and b"output=smua.OUTPUT_OFF" not in line


def _keithley_24xx(model: str) -> Facts:
    return Facts(
        model,
        b":SOUR:FUNC VOLT;:SOUR:VOLT:LEV 0.4;:OUTP ON\n",
        ((b"MODEL 24", b"MODEL 99"), (b"KEITHLEY", b"ACME")),
        b":OUTP OFF",
        b"0\n",
        _scpi_sets,
        (b"*RST", b":MEAS", b":CONF", b"*TST", b"*SAV"),
        settings=7,
    )


def _macnet_sets(line: bytes) -> bool:
    return b'"FClass":6' in line and b'"FNum":5' not in line


def _rodeostat_sets(line: bytes) -> bool:
    return b'"set' in line and b"false" not in line


FACTS = {
    "keithley-2400": _keithley_24xx("2400"),
    "keithley-2450": _keithley_24xx("2450"),
    "keithley-2600": Facts(
        "2602B",
        b"smua.source.func=smua.OUTPUT_DCVOLTS smua.source.levelv=0.4 smua.source.output=1\n",
        ((b"Model 26", b"Model 99"), (b"Keithley", b"Acme")),
        b"smua.source.output=smua.OUTPUT_OFF",
        b"0.00000000e+00\n",
        _tsp_sets,
        (b"*RST", b"RESET()", b"*TST", b"LOADSCRIPT", b"SETUP.SAVE"),
        settings=4,
        channels=2,
        about_one=(b"smua",),
    ),
    "maccor": Facts(
        "MacNet",
        b'{"jsonrpc":"2.0","method":"MacNet","params":{"FClass":6,"FNum":7,"Chan":0,'
        b'"TestName":"Random","Current":0.002,"Voltage":0.4,"Power":65536,"Resistance":0,'
        b'"CurrentRange":2,"ChMode":"C","DataTime":0,"DataV":0,"DataI":0},"id":1}',
        ((b'"SystemType":0', b'"SystemType":1'), (b'"TestChannels":8', b'"TestChannels":0')),
        b'{"jsonrpc":"2.0","method":"MacNet","params":{"FClass":6,"FNum":5',
        b'{"jsonrpc":"2.0","result":{"FClass":4,"FNum":7,"Chan":0,"Stat":0,"Current":0,'
        b'"Voltage":0.3},"id":1}\r\n',
        _macnet_sets,
        (b'"FCLASS":6,"FNUM":2,', b'"FCLASS":6,"FNUM":9,'),
        settings=3,
        channels=8,
        about_one=(b'"Chan":0,',),
        watched=True,
        at_panel=b'{"jsonrpc":"2.0","method":"MacNet","params":{"FClass":6,"FNum":5,"Chan":0},"id":1}',
    ),
    "rodeostat": Facts(
        "Rodeostat 10V_10MilliAmpV0.2",
        b'{"command":"setVolt","v":0.4}\n{"command":"setAllElectConnected","connected":true}\n',
        ((b"10V_10MilliAmpV0.2", b"10V_10MilliAmpV0.1"), (b"10V_10MilliAmp", b"Acme")),
        b'{"command": "setCtrElectConnected", "connected": false',
        b'{"success":true,"response":{"command":"getCtrElectConnected","connected":false}}\r\n',
        _rodeostat_sets,
        (b'"RUNTEST"',),
        settings=6,
        modes=frozenset({"rest", "voltage"}),
        unguarded=frozenset({"voltage"}),
        voltage_V=6e-3,
        current=2e-2,
    ),
    "keysight-b2900": Facts(
        "B2902A",
        b":SOUR:FUNC:MODE VOLT;:SOUR:VOLT 0.4;:OUTP ON\n",
        ((b"B29", b"B99"), (b"Keysight", b"Acme")),
        b":OUTP1 OFF",
        b"0\n",
        _scpi_sets,
        (b"*RST", b":INIT", b":READ", b":CONF", b"*TST", b"*SAV", b":OUTP1:ON:AUTO ON"),
        settings=10,
        channels=2,
        about_one=(b":OUTP1", b":SOUR1", b":SENS1", b"(@1)"),
        band_V=16e-3,
    ),
}
SCRIPTED = {
    "emstat4": ("EmStat4 HR", b"es4_hr"),
    "emstat-pico": ("EmStat Pico", b"espico"),
    "nexus": ("Nexus", b"nexus1"),
}
"""Those that execute a step by themselves: the simulated model, and how it names itself. Their
contract is `test_scripted_drivers`."""
SIMULATED = {found.name for found in entry_points(group="labctl.simulators")}
ALL = sorted(FACTS.keys() & SIMULATED)
"""Those whose instrument is simulated; that all are is a test of its own."""
DRIVERS = [name for name in ALL if "current" in FACTS[name].modes]
"""Those that drive a current: the suite's own set-points are theirs."""
