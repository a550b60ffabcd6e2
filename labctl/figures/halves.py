"""Half cycles: maximal runs of one direction of current, rests bridged, transitions dropped.

data_and_reliability.md §2 (a). A transition is a half with less than 0.5 % of the median half's
charge: one reading that an instrument takes while it switches is no half cycle.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import median

from labctl.figures.charges import Share, counted_shares, shares, signs
from labctl.figures.recording import Recording

NOTHING = Share(0.0, 0.0, 0.0)
TRANSITION_SHARE = 0.005
AGREE_ABOVE_S = ((3600.0, 0.005), (600.0, 0.01))
"""How far counters and readings may differ on halves longer than so: the trapezoid itself is good
to 0.1 % and 0.3 % there (the data's error budget), so beyond this the counters count otherwise."""


def _column() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class Half:
    """A half cycle: its driven readings, and the charge that had passed at each of them.

    Charges, energies unsigned in the direction of the current; energy is negative where a current
    flows into a cell below 0 V. `rows` are places in the recording. `widest_gap_Ah` is the
    greatest charge that one gap between its readings carries, `edges_Ah` what was shared out by
    halves because nobody recorded when a step began. `closing_V` was read right after the last
    driven reading: where a source holds the cut-off, the current has collapsed by then.
    """

    sign: int
    rows: list[int] = field(default_factory=list)
    charge_at_Ah: "array[float]" = field(default_factory=_column)
    voltage_V: "array[float]" = field(default_factory=_column)
    charge_Ah: float = 0.0
    energy_Wh: float = 0.0
    duration_s: float = 0.0
    start_s: float = 0.0
    end_s: float = 0.0
    widest_gap_Ah: float = 0.0
    edges_Ah: float = 0.0
    closing_V: float | None = None

    @property
    def mean_voltage_V(self) -> float | None:
        """Charge-weighted mean voltage; None when no charge passed."""
        return self.energy_Wh / self.charge_Ah if self.charge_Ah else None

    @property
    def reached_V(self) -> float:
        """The voltage furthest in the current's direction."""
        furthest = max if self.sign > 0 else min
        reached = furthest(self.voltage_V)
        return reached if self.closing_V is None else furthest(reached, self.closing_V)

    def enter(self, share: Share, at_edge: bool) -> None:
        """Take what passed beside one of its readings."""
        passed_Ah = self.sign * share.charge_As / 3600.0
        self.charge_Ah += passed_Ah
        self.edges_Ah += passed_Ah if at_edge else 0.0
        self.energy_Wh += self.sign * share.energy_J / 3600.0
        self.duration_s += share.duration_s

    def reading(self, row: int, time_s: float, voltage_V: float) -> None:
        """Take a reading, once all that passed before it is in."""
        if not self.rows:
            self.start_s = time_s
        elif self.rows[-1] == row - 1:
            passed_Ah = self.charge_Ah - self.charge_at_Ah[-1]
            self.widest_gap_Ah = max(self.widest_gap_Ah, passed_Ah)
        self.end_s = time_s
        self.rows.append(row)
        self.charge_at_Ah.append(self.charge_Ah)
        self.voltage_V.append(voltage_V)

    def append(self, later: "Half") -> None:
        """Take a later half of the same direction."""
        self.rows += later.rows
        self.charge_at_Ah.extend(self.charge_Ah + charge for charge in later.charge_at_Ah)
        self.voltage_V.extend(later.voltage_V)
        self.charge_Ah += later.charge_Ah
        self.energy_Wh += later.energy_Wh
        self.duration_s += later.duration_s
        self.end_s = later.end_s
        self.closing_V = later.closing_V
        self.widest_gap_Ah = max(self.widest_gap_Ah, later.widest_gap_Ah)
        self.edges_Ah += later.edges_Ah


@dataclass(frozen=True, slots=True)
class Halves:
    """A recording's half cycles in order, alternating, and where their charges come from."""

    halves: Sequence[Half]
    dropped: int
    charges_from: str
    notes: tuple[str, ...] = ()


def half_cycles(recording: Recording, rest_A: float | None = None) -> Halves:
    """The half cycles; charges by the instrument's counters where these hold, else by readings.

    `rest_A`: currents up to this are rests; by default 0.1 % of the recording's greatest current.
    """
    driven = signs(recording, rest_A)
    by_rows = list(_runs(recording, driven, shares(recording)))
    chosen = without_transitions([half.charge_Ah for half in by_rows])
    dropped = len(by_rows) - len(chosen)
    merged = _merged([by_rows[n] for n in chosen])
    if recording.charging_Ah is None or recording.discharging_Ah is None:
        return Halves(merged, dropped, "readings")
    counted = list(_runs(recording, driven, counted_shares(recording, driven)))
    alike = _merged([counted[n] for n in chosen])
    fault = _disagreement(alike, merged)
    if fault:
        return Halves(merged, dropped, "readings", (fault,))
    return Halves(alike, dropped, "counters")


def without_transitions(charges_Ah: Sequence[float]) -> list[int]:
    """Which of these half cycles' charges are at least 0.5 % of their median."""
    if not charges_Ah:
        return []
    least_Ah = TRANSITION_SHARE * median(charges_Ah)
    return [n for n, charge_Ah in enumerate(charges_Ah) if charge_Ah > 0 and charge_Ah >= least_Ah]


def _runs(
    recording: Recording, driven: Sequence[int], gaps: Iterable[tuple[Share, Share]]
) -> Iterator[Half]:
    open_edges = recording.step_time_s is None
    half: Half | None = None
    for k, (before, after) in enumerate(chain([(NOTHING, NOTHING)], gaps)):
        at_edge = open_edges and k > 0 and driven[k] != driven[k - 1]
        if half is not None and driven[k - 1]:
            half.enter(before, at_edge)
            half.closing_V = None if driven[k] else recording.voltage_V[k]
        if not driven[k]:
            continue
        if half is None or driven[k] != half.sign:
            if half is not None:
                yield half
            half = Half(driven[k])
        half.enter(after, at_edge)
        half.reading(k, recording.test_time_s[k], recording.voltage_V[k])
    if half is not None:
        yield half


def _merged(halves: Iterable[Half]) -> list[Half]:
    merged: list[Half] = []
    for half in halves:
        if merged and merged[-1].sign == half.sign:
            merged[-1].append(half)
        else:
            merged.append(half)
    return merged


def _disagreement(counted: Sequence[Half], by_rows: Sequence[Half]) -> str:
    """Why the counters cannot be believed; empty where they can."""
    for number, (theirs, ours) in enumerate(zip(counted, by_rows, strict=True), start=1):
        allowed = next((share for s, share in AGREE_ABOVE_S if ours.duration_s > s), None)
        if allowed is None:
            continue
        apart = theirs.charge_Ah / ours.charge_Ah - 1
        if abs(apart) > allowed:
            return (
                f"the capacity counters are not used: in half cycle {number} they differ by "
                f"{100 * apart:.3g} % from current times time"
            )
    return ""
