"""How long the engine takes to hear a reading, in µs; run by hand: python benchmarks/engine.py

Three steps as they come in practice, each at one reading per call with no input or output:
a constant current with two ends within three groups and loops, a constant-voltage hold, a rest.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.plans import (
    RATINGS,
    amps,
    charge,
    charge_As,
    group,
    hold,
    make_plan,
    repeat,
    rest,
    seconds,
    volts,
)

from labctl_drivers.vocabulary import Reading
from labctl_protocols.decisions import Applied
from labctl_protocols.engine.engine import Engine
from labctl_protocols.engine.state import to_json
from labctl_protocols.plan import Limits, Record

READINGS = 30_000
LIMITS = Limits(low_V=0.0, high_V=5.0, current_A=0.02)
RECORD = Record(every_s=10.0, change_V=0.005)

STEPS = {
    "constant current": (charge(0.01, volts(4.2), charge_As(1e9)), 0.01),
    "constant voltage": (hold(3.5, amps(1e-4), seconds(1e9)), 0.01),
    "rest": (rest(seconds(1e9)), 0.0),
}


def microseconds(step: object, current_A: float) -> tuple[float, float]:
    """(µs per reading, µs per checkpoint) once the step runs; the best of many tries."""
    narrow = Limits(high_V=4.8)
    nested = repeat(10, group("a", repeat(10, group("b", step)), limits=narrow))
    engine = Engine(make_plan(nested, kind="full", limits=LIMITS, record=RECORD), RATINGS)
    engine.begin(0.0)
    engine.hear(Applied(0.0))
    engine.hear(Reading(0.0, 3.0, 0.0))
    engine.hear(Applied(0.0))
    readings = [
        Reading(0.1 * n, 3.0 + 1e-7 * n, current_A, "current", 1e-3, 0.0105, 21.0)
        for n in range(READINGS)
    ]
    to_json(engine.state)  # the first builds the serialiser
    hearing, keeping = [], []
    for first in range(0, READINGS, 1000):
        began = time.perf_counter()
        for reading in readings[first : first + 1000]:
            engine.hear(reading)
        heard = time.perf_counter()
        for _ in range(100):
            to_json(engine.state)
        hearing.append((heard - began) / 1000)
        keeping.append((time.perf_counter() - heard) / 100)
    return min(hearing) * 1e6, min(keeping) * 1e6


if __name__ == "__main__":
    for name, (step, current_A) in STEPS.items():
        reading, checkpoint = microseconds(step, current_A)
        print(f"{name:18} {reading:6.1f} µs per reading {checkpoint:6.1f} µs per checkpoint")
