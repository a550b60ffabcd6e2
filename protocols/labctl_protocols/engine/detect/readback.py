"""What is read against what was set, and readings that repeat (data_and_reliability.md §5, 4)."""

from labctl_protocols.engine.detect.memory import Memory
from labctl_protocols.engine.detect.seen import Seen

IN_A_ROW = 3
LASTS_S = 2.0
CURRENT_SHARE = 0.01
CURRENT_ERRORS = 2.0
REST_ERRORS = 10.0
VOLTAGE_ERRORS = 4.0
SAME_ERRORS = 1.0

REPEATS_LEAST = 20
LEARNT_LEAST = 50
CHANCE = 1e-12
MEMORY_OF = 1000.0


def set_deviation(seen: Seen, memory: Memory) -> str | None:
    """Current or voltage is not what was set, beyond what source and meter may be off."""
    text = _current_off(seen)
    if text is None and not seen.constant_A:
        text = _voltage_off(seen)
    if text is None and not memory.holding:
        return None
    if text is not None and _as_before(seen, memory):
        return f"{text}: as before the reversal"
    return _lasting(seen, memory, text)


def _as_before(seen: Seen, memory: Memory) -> bool:
    """The current was reversed, and all is as it was: nobody waits for another reading.

    The wrong sign would end the step at once, as of a cell that is past its end. Where it is, a
    source at the target drives it backwards, and all is as it should be.
    """
    reading, step = seen.reading, seen.step
    if seen.before is not None or reading.current_A * step.sign >= 0:
        return False
    target_V = step.set_voltage_V
    if target_V is not None and step.sign * (reading.voltage_V - target_V) >= 0:
        return False
    moved_V = abs(reading.voltage_V - memory.last_V)
    moved_A = abs(reading.current_A - memory.last_A)
    return moved_V <= SAME_ERRORS * seen.error_V and moved_A <= SAME_ERRORS * seen.error_A


def _lasting(seen: Seen, memory: Memory, text: str | None) -> str | None:
    held = memory.held("set_deviation", text is not None, seen.now_s)
    if held and held.count >= IN_A_ROW and seen.now_s - held.since_s >= LASTS_S:
        return text
    return None


def _current_off(seen: Seen) -> str | None:
    """Too much is always wrong; too little only where the instrument says that it regulates it."""
    set_A, reading = seen.step.set_current_A, seen.reading
    if set_A is None:
        return None
    over_A = abs(reading.current_A) - abs(set_A)
    bound_A = current_bound_A(abs(set_A), seen.error_A)
    held_there = seen.constant_A and reading.regulating == "current"
    backwards = held_there and reading.current_A * set_A < 0
    if over_A > bound_A or (held_there and over_A < -bound_A) or backwards:
        return f"{reading.current_A:.6g} A is read, {set_A:.6g} A was set"
    return None


def current_bound_A(set_A: float, error_A: float) -> float:
    """By how much a current may differ: 1 % of it and twice the meter's limit of error."""
    return CURRENT_SHARE * set_A + CURRENT_ERRORS * error_A


def _voltage_off(seen: Seen) -> str | None:
    """Twice a source's and a meter's limits of error: the two are alike, only one is declared."""
    step, reading = seen.step, seen.reading
    if step.type not in ("hold", "then_hold") or step.set_voltage_V is None:
        return None
    if reading.regulating != "voltage":
        return None
    if abs(reading.voltage_V - step.set_voltage_V) > VOLTAGE_ERRORS * seen.error_V:
        return f"{reading.voltage_V:.6g} V is read, {step.set_voltage_V:.6g} V was set"
    return None


def current_at_rest(seen: Seen, memory: Memory) -> str | None:
    """A current flows while the output was told to rest."""
    bound_A = CURRENT_SHARE * memory.last_set_A + REST_ERRORS * seen.error_A
    flows = abs(seen.reading.current_A) > bound_A
    return _lasting(seen, memory, f"{seen.reading.current_A:.6g} A at rest" if flows else None)


def frozen_reading(seen: Seen, memory: Memory) -> str | None:
    """Voltage and current repeat to the last digit, as this instrument has never done before.

    How often it repeats a constant current by chance shows its noise against its last digit; an
    instrument too coarse for that is never judged, and found by `set_deviation` at the next change.
    """
    before, reading, repeats = seen.before, seen.reading, memory.repeats
    if reading.current_range_A != repeats.range_A:
        memory.repeats = repeats = type(repeats)(reading.current_range_A)
    if before is None or not seen.flows:
        return None
    if reading.current_A != before.current_A:
        repeats.same += repeats.current_run
        repeats.other += 1
        repeats.current_run = repeats.pair_run = 0
        if repeats.same + repeats.other > MEMORY_OF:
            repeats.same, repeats.other = repeats.same / 2, repeats.other / 2
        return None
    repeats.current_run += 1
    same_V = reading.voltage_V == before.voltage_V
    repeats.pair_run = repeats.pair_run + 1 if same_V else 0
    learnt = repeats.same + repeats.other
    if repeats.pair_run < REPEATS_LEAST or learnt < LEARNT_LEAST:
        return None
    if ((repeats.same + 1) / (learnt + 2)) ** repeats.pair_run > CHANCE:
        return None
    return (
        f"{repeats.pair_run + 1} readings in a row are {reading.voltage_V!r} V "
        f"and {reading.current_A!r} A"
    )
