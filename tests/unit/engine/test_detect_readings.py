"""Contact, read-back, frozen readings and divergence: 120 % fires, 80 % does not."""

import itertools
import random

import pytest
from helpers.seeing import ERROR_A, ERROR_V, Watcher, level

from labctl_drivers.vocabulary import Reading
from labctl_protocols.engine.detect import contact, readback, voltage
from labctl_protocols.engine.detect.memory import MOST_POINTS, Course, Memory

# ---- contact ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("jump_V", "fires"), [(0.6, True), (0.4, False)])
def test_a_jump_of_the_voltage_at_a_current_that_flows(jump_V, fires) -> None:
    def watch(**more) -> Watcher:
        return Watcher(contact.contact_jump, more=more)

    jump = [(20.0, -0.05), (30.0, -0.05 - jump_V), (30.2, -0.05 - jump_V)]
    assert watch().fires(jump) is fires
    assert not watch().fires(jump[:2])  # one reading is none
    assert not watch().fires([(20.0, -0.05), (30.0, -0.05 + jump_V), (30.2, -0.05 + jump_V)])
    # the first seconds belong to the way from the open-circuit voltage to plating
    assert not watch().fires([(t - 19.0, v) for t, v in jump[:2]] + [(9.9, -0.05 - jump_V)])


@pytest.mark.parametrize(("voltage_V", "found"), [(-0.08, False), (-0.12, True), (3.2, True)])
def test_the_start_window(voltage_V, found) -> None:
    text = contact.not_the_cell(Reading(0.0, voltage_V, 0.0, "current"), (-0.1, 3.0))
    assert (text is not None) is found
    assert contact.not_the_cell(Reading(0.0, 20.0, 0.0, "voltage"), None) is not None


# ---- read-back --------------------------------------------------------------------------------

STEADY = [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("share", "fires"), [(1.2, True), (0.8, False)])
def test_current_against_its_set_value(share, fires, side) -> None:
    off_A = share * (0.01 * 1e-3 + 2 * ERROR_A)
    readings = [(t, -0.05, -1e-3 - side * off_A) for t in STEADY]
    assert Watcher(readback.set_deviation).fires(readings) is fires
    # in compliance the current may be less than what was set, never more
    held = Watcher(readback.set_deviation, regulating="voltage")
    assert held.fires(readings) is (fires and side > 0)
    # three readings over two seconds: the first may still be settling
    assert not Watcher(readback.set_deviation).fires(readings[:2])


def test_a_current_of_the_wrong_sign() -> None:
    assert Watcher(readback.set_deviation).fires([(t, -0.05, 1e-3) for t in STEADY])


@pytest.mark.parametrize(("share", "fires"), [(0.8, True), (1.2, False)])
def test_a_reversal_that_changes_nothing_counts_at_once(share, fires) -> None:
    def watch(moved_V: float, moved_A: float) -> bool:
        watcher = Watcher(readback.set_deviation, set_A=1e-3)
        watcher.memory.last_V, watcher.memory.last_A = -0.05, -1e-3
        return watcher.fires([(0.1, -0.05 + moved_V, -1e-3 + moved_A)])

    assert watch(share * ERROR_V, 0.0) is fires
    assert watch(0.0, share * ERROR_A) is fires


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("share", "fires"), [(1.2, True), (0.8, False)])
def test_voltage_against_its_set_value(share, fires, side) -> None:
    def watch(regulating) -> bool:
        watcher = Watcher(readback.set_deviation, set_A=0.0, regulating=regulating)
        watcher.seen.step.type, watcher.seen.step.set_voltage_V = "hold", 0.5
        watcher.seen.step.set_current_A = None
        return watcher.fires([(t, 0.5 + side * share * 4 * ERROR_V, 1e-4) for t in STEADY])

    assert watch("voltage") is fires
    assert watch("current") is False  # not there yet


@pytest.mark.parametrize(("share", "fires"), [(1.2, True), (0.8, False)])
def test_a_current_at_rest(share, fires) -> None:
    watcher = Watcher(readback.current_at_rest, set_A=0.0)
    watcher.memory.last_set_A = 1e-3
    flows_A = share * (0.01 * 1e-3 + 10 * ERROR_A)
    assert watcher.fires([(t, 0.5, flows_A) for t in STEADY]) is fires


# ---- frozen readings --------------------------------------------------------------------------


def digits(value: float, last: float, dice: random.Random, sigma: float) -> float:
    return round((value + dice.gauss(0.0, sigma)) / last) * last


def meter(last_A: float, sigma_A: float, count: int, last_V: float = 1e-6):
    """Readings of an instrument with this last digit and this noise."""
    dice = random.Random(3)
    return [
        (5.0 * n, digits(-0.05, last_V, dice, 2e-6), digits(-1e-3, last_A, dice, sigma_A))
        for n in range(count)
    ]


@pytest.mark.parametrize(("repeats", "fires"), [(24, True), (16, False)])
def test_readings_that_repeat_to_the_last_digit(repeats, fires) -> None:
    alive = meter(5e-10, 1e-9, 200)  # two digits of noise
    frozen = [(1000.0 + 5.0 * n, *alive[-1][1:]) for n in range(repeats)]
    watcher = Watcher(readback.frozen_reading)
    assert not watcher.fires(alive)
    assert watcher.fires(frozen) is fires


@pytest.mark.parametrize("sigma_digits", [0.0, 0.1, 0.2, 0.3])
def test_an_instrument_coarser_than_its_noise_may_repeat(sigma_digits) -> None:
    # 16 bit over ±5 V and ±10 mA: on a plateau it says the same for hours
    last_V, last_A = 10 / 2**16, 0.02 / 2**16
    readings = meter(last_A, sigma_digits * last_A, 5000, last_V)
    assert not Watcher(readback.frozen_reading).fires(readings)


def test_a_simulated_instrument_without_noise_never_counts_as_frozen() -> None:
    assert not Watcher(readback.frozen_reading).fires(level(-0.05, 0.0, 1e5, 10.0))


def test_a_voltage_that_moves_is_not_frozen() -> None:
    watcher = Watcher(readback.frozen_reading)
    assert not watcher.fires(meter(5e-10, 1e-9, 200))
    assert not watcher.fires([(1000.0 + n, -0.05 - 1e-6 * n, -1e-3) for n in range(100)])


# ---- divergence -------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "guard_V"), [("half", 1.0), ("symmetric", 2.0)])
@pytest.mark.parametrize(("share", "fires"), [(1.2, True), (0.8, False)])
def test_a_voltage_that_runs_away(kind, guard_V, share, fires) -> None:
    for sign in (1, -1):
        watcher = Watcher(voltage.voltage_divergence, kind, sign * 1e-3)
        assert watcher.fires(level(sign * share * guard_V, 0.0, 3.0)) is fires
    assert not Watcher(voltage.voltage_divergence, kind).fires([(0.0, -1.2 * guard_V)])


# ---- what is remembered -----------------------------------------------------------------------


def test_a_course_is_bounded_and_evenly_thinned() -> None:
    course = Course()
    for n in range(100_000):
        course.put(n / 10.0, float(n))
        assert len(course.points) <= MOST_POINTS
    middle = course.between(0.2, 0.8)
    assert len(middle) >= 8
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(middle)]
    assert max(gaps) < 3 * min(gaps)
    assert 0.2 * 1e4 * 0.9 < middle[0][0] < middle[-1][0] < 0.8 * 1e4 * 1.1


def test_a_condition_must_hold_without_a_break() -> None:
    memory = Memory()
    for t in (0.0, 1.0):
        memory.held("x", True, t)
    assert memory.held("x", False, 2.0) is None
    held = memory.held("x", True, 3.0)
    assert (held.count, held.since_s) == (1, 3.0)
