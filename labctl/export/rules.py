"""What must hold between one row of a BDF file and the next; each rule is one function."""

from collections.abc import Callable, Iterator
from typing import Any

from labctl.export.columns import (
    CLOCK_STEP,
    QUALITIES,
    SKIPPED,
    STEP_TYPES,
    clock_stepped,
)
from labctl_protocols.engine.state import RESUMED

Row = dict[str, Any]
"""Values by label: numbers under labels of numbers, text under labels of text, or None."""
Wrong = Iterator[tuple[str, str]]
Rule = Callable[[Row, Row], Wrong]

EARLIEST_UNIX, LATEST_UNIX = 946_684_800.0, 4_102_444_800.0
"""The years 2000 to 2100."""
COUNTER_SLACK_Ah = 1e-12
STEP_TIME_SLACK_S = 1e-3
ZERO_SHARE = 1e-3

CAPACITIES = ("Charging Capacity / Ah", "Discharging Capacity / Ah")
ENERGIES = ("Charging Energy / Wh", "Discharging Energy / Wh")


def _change(before: Row, row: Row, label: str) -> float | None:
    then, now = before.get(label), row.get(label)
    return None if then is None or now is None else now - then


def time_runs_forward(before: Row, row: Row) -> Wrong:
    """Test time never runs backwards."""
    change = _change(before, row, "Test Time / s")
    if change is not None and change < 0:
        yield "Test Time / s", f"runs backwards by {-change:.6g} s"


def unix_time_is_seconds(before: Row, row: Row) -> Wrong:
    """Unix time is in seconds, in this century."""
    unix_s = row.get("Unix Time / s")
    if unix_s is not None and not EARLIEST_UNIX <= unix_s <= LATEST_UNIX:
        hint = ": milliseconds?" if EARLIEST_UNIX <= unix_s / 1e3 <= LATEST_UNIX else ""
        yield "Unix Time / s", f"{unix_s:.10g} is no time between 2000 and 2100{hint}"


def clocks_agree(before: Row, row: Row) -> Wrong:
    """Test time and wall clock pass alike, but where the row says that the clock was set."""
    unix_s = _change(before, row, "Unix Time / s")
    test_s = _change(before, row, "Test Time / s")
    if unix_s is None or test_s is None or CLOCK_STEP in _words(row):
        return
    if clock_stepped(unix_s, test_s):
        yield (
            "Unix Time / s",
            f"moves by {unix_s:.6g} s while the test time moves by {test_s:.6g} s",
        )


def step_counts_up(before: Row, row: Row) -> Wrong:
    """The step counter stays, goes up by one, or by more where the row says that it skipped."""
    change = _change(before, row, "Step Count / 1")
    if change is not None and change < 0:
        yield "Step Count / 1", f"goes back by {-change:g}"
    elif change is not None and change > 1 and SKIPPED not in _words(row):
        yield "Step Count / 1", f"jumps by {change:g}"
    if row.get("Step Count / 1") == 0:
        yield "Step Count / 1", "counts from 1"


def cycles_count_up(before: Row, row: Row) -> Wrong:
    """The cycle counter never goes back."""
    change = _change(before, row, "Cycle Count / 1")
    if change is not None and change < 0:
        yield "Cycle Count / 1", f"goes back by {-change:g}"


def records_count_up(before: Row, row: Row) -> Wrong:
    """Every record follows the one before it."""
    change = _change(before, row, "Record Index / 1")
    if change is not None and change != 1:
        yield "Record Index / 1", f"moves by {change:g} instead of 1"


def step_time_fits(before: Row, row: Row) -> Wrong:
    """Step time is not negative, and passes as the test time does within a step."""
    step_s = row.get("Step Time / s")
    if step_s is not None and step_s < -STEP_TIME_SLACK_S:
        yield "Step Time / s", f"{step_s:.6g} s is before the step"
    if _change(before, row, "Step Count / 1") != 0 or RESUMED in _words(row):
        return
    moved_s = _change(before, row, "Step Time / s")
    test_s = _change(before, row, "Test Time / s")
    if moved_s is None or test_s is None or test_s < 0:
        return
    if abs(moved_s - test_s) > STEP_TIME_SLACK_S + 1e-6 * test_s:
        yield "Step Time / s", f"moves by {moved_s:.6g} s while the test time moves by {test_s:.6g}"


def capacities_grow(before: Row, row: Row) -> Wrong:
    """Charge counters are not negative and never go back."""
    for label in CAPACITIES:
        value, change = row.get(label), _change(before, row, label)
        if value is not None and value < 0:
            yield label, f"{value:.6g} Ah is negative"
        elif change is not None and change < -COUNTER_SLACK_Ah:
            yield label, f"goes back by {-change:.6g} Ah"


def energies_grow(before: Row, row: Row) -> Wrong:
    """Energy counters go back only while the cell's voltage is below 0 V."""
    voltages = before.get("Voltage / V"), row.get("Voltage / V")
    if any(voltage is None or voltage < 0 for voltage in voltages):
        return
    for label in ENERGIES:
        change = _change(before, row, label)
        if change is not None and change < -COUNTER_SLACK_Ah:
            yield label, f"goes back by {-change:.6g} Wh"


def words_are_known(before: Row, row: Row) -> Wrong:
    """Step types and qualities are of the closed lists."""
    kind = row.get("Step Type")
    if kind is not None and kind not in STEP_TYPES:
        yield "Step Type", f"{kind!r} is none of {', '.join(STEP_TYPES)}"
    for word in sorted(_words(row) - QUALITIES):
        yield "Quality", f"{word!r} is none of {', '.join(sorted(QUALITIES))}"


def flags_are_flags(before: Row, row: Row) -> Wrong:
    """Compliance is 0 or 1; a file is simulated throughout or not at all."""
    for label in ("Compliance / 1", "Simulated / 1"):
        if row.get(label) not in (None, 0, 1):
            yield label, f"{row[label]} is neither 0 nor 1"
    if _change(before, row, "Simulated / 1") not in (None, 0):
        yield "Simulated / 1", "changes within the file"


def _words(row: Row) -> set[str]:
    said = row.get("Quality")
    return set(said.split("+")) if isinstance(said, str) else set()


RULES: tuple[Rule, ...] = (
    time_runs_forward,
    unix_time_is_seconds,
    clocks_agree,
    step_counts_up,
    cycles_count_up,
    records_count_up,
    step_time_fits,
    capacities_grow,
    energies_grow,
    words_are_known,
    flags_are_flags,
)


class StepSigns:
    """Whether each step's current, and what it counted, has the sign of its type.

    Held voltages are left out: their current may turn round. What is less than a thousandth of the
    set current is the instrument's zero (science.md §4).
    """

    def __init__(self) -> None:
        self._sign = 0
        self._first: Row = {}
        self._last: tuple[int, Row] = (0, {})
        self._right_A = self._wrong_A = 0.0
        self._wrong_row = 0

    def add(self, number: int, row: Row) -> Iterator[tuple[int, str, str]]:
        """Take a row; tells of the step that it ends."""
        if not self._first or row.get("Step Count / 1") != self._first.get("Step Count / 1"):
            yield from self.end()
            kind = str(row.get("Step Type", ""))
            self._sign = kind.startswith("CC") * (kind.endswith("_CHG") - kind.endswith("_DCH"))
            self._first = row
            self._right_A = self._wrong_A = 0.0
        self._last = number, row
        current_A = self._sign * (row.get("Current / A") or 0.0)
        self._right_A += max(current_A, 0.0)
        if current_A < -ZERO_SHARE * abs(row.get("Set Current / A") or 0.0):
            self._wrong_row = self._wrong_row if self._wrong_A else number
            self._wrong_A -= current_A

    def end(self) -> Iterator[tuple[int, str, str]]:
        """Tell of the last step."""
        if not self._sign:
            return
        kind = self._first["Step Type"]
        if self._wrong_A > self._right_A:
            yield self._wrong_row, "Current / A", f"has the wrong sign for {kind}"
        number, last = self._last
        charged, discharged = (_change(self._first, last, label) for label in CAPACITIES)
        if charged is None or discharged is None:
            return
        if self._sign * (charged - discharged) < -COUNTER_SLACK_Ah:
            label = CAPACITIES[0] if self._sign < 0 else CAPACITIES[1]
            yield number, label, f"grows in a step of type {kind}"
