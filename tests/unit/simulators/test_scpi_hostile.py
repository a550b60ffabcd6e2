"""Whatever is sent to a SCPI simulator ends in a reply, an error or nothing, never in a crash."""

import random

import pytest
from wired import Resistor

from labctl_simulators.firmware.events import TEXTS
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from labctl_simulators.firmware.scpi import expand
from labctl_simulators.terminals import Terminals

ARGUMENTS = (
    *("", "1", "0", "-1", "1E-3", "1e300", "3", "60", "MIN", "DEF", "nan", "inf", "#H1F", "'", '"'),
    *(
        "ON",
        "OFF",
        "VOLT",
        "LIST",
        "SWE",
        "TIM",
        "BUS",
        "LOG",
        "NEXT",
        "HIMP",
        "REAL,32",
        "0.1,0.2",
    ),
    *('"VOLT"', '"CURR","RES"', '"defbuffer1"', '"SimpleLoop",3', "CURR,1", "5,2", "(@"),
    *("(@1)", "(@1,2)", "(@2:1)", "(@9)", "(@99999999999)", "\xff", "1,,2"),
)


def b2900(terminals, **options):
    second = Terminals(Resistor(10.0))
    return KeysightB2900(terminals, more={2: second}, both_polarities=True, **options)


@pytest.mark.parametrize("make", [Keithley2400, Keithley2450, b2900])
def test_every_command_with_arguments_that_were_meant_for_others(make):
    device = make(Terminals(Resistor()), seed=1)
    dice = random.Random(5)
    headers = sorted({path for c in device.grammar.commands for path in expand(c.spec)})
    now = 0.0
    for _ in range(4000):
        header = dice.choice(headers).replace("[1]", "")
        line = f"{header}{dice.choice(['', '?'])} {dice.choice(ARGUMENTS)}\n"
        for when, reply in device.feed(line.encode("latin-1"), now):
            assert when >= now
            assert reply.endswith(b"\n")
        now += dice.choice([0.0, 0.01, 0.1, 10.0])
        while (entry := device.errors.take()).code:
            assert entry.code in TEXTS or entry.code == 1133
