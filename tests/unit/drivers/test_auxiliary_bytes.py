"""What the auxiliaries' drivers send and take, byte for byte, in the forms of instruments.md §8."""

import pytest
from wire_script import Script

from labctl_drivers.auxiliary import Auxiliary, Scanned, Temperature
from labctl_drivers.daq6510 import Daq6510
from labctl_drivers.errors import InvalidReading
from labctl_drivers.espec import Espec
from labctl_drivers.keysight_34970a import Keysight34970A
from labctl_drivers.link import Link, MemoryTransport

pytestmark = pytest.mark.virtual_time
OK_DAQ = ("SYST:ERR?", '0,"No error;0;0 0"')
OK_34970 = ("SYST:ERR?", '+0,"No error"')
IDN_DAQ = ("*IDN?", "KEITHLEY INSTRUMENTS,MODEL DAQ6510,04340543,1.7.3b")
IDN_34970 = ("*IDN?", "HEWLETT-PACKARD,34970A,0,13-2-2")


def each_confirmed(lines: list[str], ok: tuple[str, str]) -> list[tuple[str, str | None]]:
    return [pair for line in lines for pair in ((line, None), ok)]


DAQ = [
    IDN_DAQ,
    IDN_DAQ,
    ("*LANG?", "SCPI"),
    ("*CLS", None),
    *each_confirmed(
        [
            'SENS:FUNC "TEMP",(@101,102)',
            "SENS:TEMP:TRAN TC,(@101,102)",
            "SENS:TEMP:TC:TYPE J,(@101,102)",
            "SENS:TEMP:UNIT CELS,(@101,102)",
            "SENS:TEMP:ODET ON,(@101,102)",
            "ROUT:SCAN:CRE (@101,102)",
            "ROUT:SCAN:COUN:SCAN 1",
        ],
        OK_DAQ,
    ),
    ('TRAC:CLE "defbuffer1"', None),
    ("INIT", None),
    ("*WAI", None),
    (
        'TRAC:DATA? 1,2,"defbuffer1",READ,REL,CHAN',
        "2.314540E+01,0.000000E+00,101,9.910000E+37,9.300000E-02,102",
    ),
]
AGILENT = [
    IDN_34970,
    IDN_34970,
    ("*CLS", None),
    *each_confirmed(
        [
            "CONF:TEMP TC,J,(@101,102)",
            "UNIT:TEMP C,(@101,102)",
            "SENS:TEMP:TRAN:TC:CHEC ON,(@101,102)",
            "ROUT:SCAN (@101,102)",
            "FORM:READ:UNIT ON",
            "FORM:READ:TIME ON",
            "FORM:READ:CHAN ON",
            "FORM:READ:ALAR OFF",
        ],
        OK_34970,
    ),
    (
        "READ?",
        "+2.31454000E+01 C,000000000.017,101,+9.90000000E+37 C,000000000.133,102",
    ),
]


@pytest.mark.parametrize(("make", "pairs"), [(Daq6510, DAQ), (Keysight34970A, AGILENT)])
async def test_a_scan_of_two_thermocouples_one_of_them_open(make, pairs) -> None:
    script = Script(pairs)
    aux: Auxiliary = make(Link(MemoryTransport(script)), channels=(102, 101), sensor="J")
    try:
        await aux.open()
        scanned: Scanned = await aux.read()
    finally:
        await aux.close()
    assert (script.wrong, script.left) == ([], [])
    found = scanned[101]
    assert isinstance(found, Temperature)
    assert found.temperature_K == pytest.approx(23.1454 + 273.15)
    assert isinstance(scanned[102], InvalidReading)


async def test_a_chamber_in_constant_mode_takes_25_degC() -> None:
    script = Script(
        [
            ("TYPE?\r", "T,P300,150.0\r"),
            ("TYPE?\r", "T,P300,150.0\r"),
            ("ROM?\r", "P3DT 2.10\r"),
            ("TEMP?\r", "23.0,20.0,150.0,-40.0\r"),
            ("TEMP?\r", "23.0,20.0,150.0,-40.0\r"),
            ("MODE?\r", "CONSTANT\r"),
            ("TEMP, S25.0\r", "OK:TEMP, S25.0\r"),
            ("TEMP?\r", "23.0,25.0,150.0,-40.0\r"),
        ]
    )
    aux = Espec(Link(MemoryTransport(script)))
    try:
        found = await aux.open()
        assert (found.model, found.firmware) == ("P300", "P3DT 2.10")
        air = (await aux.read())[1]
        assert isinstance(air, Temperature)
        assert air.temperature_K == pytest.approx(296.15)
        assert await aux.set_temperature(1, 298.15) == pytest.approx(298.15)
    finally:
        await aux.close()
    assert (script.wrong, script.left) == ([], [])
