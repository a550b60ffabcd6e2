"""Cycles of a recording with what has to be known of each before its figures are used."""

from collections.abc import Sequence
from dataclasses import dataclass

from labctl.figures.efficiency import coulombic_efficiency
from labctl.figures.ends import at_cut_off
from labctl.figures.halves import Half
from labctl.figures.pairing import Pairs

IMPLAUSIBLE_ABOVE = 1.2
"""More came back than a step's charge guard lets pass: the cell arrived charged, or shorted."""
OVER_ABOVE = 1.005
GAP_SHARE, GAP_TIMES = 0.02, 20
EDGES_SHARE = 0.005

INTERRUPTED = "interrupted"
IMPLAUSIBLE = "implausible"
OVER = "over 100 %"
RESERVOIR = "strips a reservoir"
GAP = "gap in the readings"
EDGES = "few readings at step ends"
NOT_STRIPPED = "not stripped to cut-off"
NOT_AT_CUT_OFF = "not at cut-off"


@dataclass(frozen=True, slots=True)
class Cycle:
    """Two half cycles, first and second by the cell's sense; `number` counts from 1.

    `efficiency` is None where the second half was cut short.
    """

    number: int
    first: Half
    second: Half
    efficiency: float | None
    flags: Sequence[str]

    @property
    def complete(self) -> bool:
        """Whether both halves ran to their ends."""
        return INTERRUPTED not in self.flags

    @property
    def plausible(self) -> bool:
        """Whether its charges may enter sums."""
        return self.complete and IMPLAUSIBLE not in self.flags

    @property
    def whole(self) -> bool:
        """Whether its efficiency may enter means: all that could come back was asked back."""
        return self.plausible and not {NOT_STRIPPED, NOT_AT_CUT_OFF, RESERVOIR} & set(self.flags)

    @property
    def stripped_bare(self) -> bool:
        """Whether its second half ran to the cut-off."""
        return not {NOT_STRIPPED, NOT_AT_CUT_OFF} & set(self.flags)


def cycles_of(pairs: Pairs, readings: int) -> list[Cycle]:
    """The cycles of a recording of so many readings, with their flags."""
    stripping = pairs.sense == "plate-first"
    ended = at_cut_off([second for _, second in pairs.cycles], stripping)
    short = NOT_STRIPPED if stripping else NOT_AT_CUT_OFF
    cycles = []
    left_Ah = 0.0
    for number, ((first, second), at_end) in enumerate(
        zip(pairs.cycles, ended, strict=True), start=1
    ):
        flags = [] if at_end else [short]
        if not at_end and second.rows[-1] == readings - 1:
            flags.append(INTERRUPTED)
        if at_end and left_Ah > 0:
            flags.append(RESERVOIR)
        there_Ah = first.charge_Ah + left_Ah
        flags += _by_efficiency(coulombic_efficiency(there_Ah, second.charge_Ah))
        flags += _by_readings((first, second))
        efficiency = coulombic_efficiency(first.charge_Ah, second.charge_Ah)
        whole = None if INTERRUPTED in flags else efficiency
        cycles.append(Cycle(number, first, second, whole, flags))
        left_Ah = max(there_Ah - second.charge_Ah, 0.0) if stripping and not at_end else 0.0
    return cycles


def _by_efficiency(of_what_was_there: float | None) -> list[str]:
    if of_what_was_there is not None and of_what_was_there > IMPLAUSIBLE_ABOVE:
        return [IMPLAUSIBLE]
    if of_what_was_there is not None and of_what_was_there > OVER_ABOVE:
        return [OVER]
    return []


def _by_readings(halves: tuple[Half, Half]) -> list[str]:
    flags = [GAP] if any(_has_gap(half) for half in halves) else []
    if any(half.edges_Ah > EDGES_SHARE * half.charge_Ah for half in halves):
        flags.append(EDGES)
    return flags


def _has_gap(half: Half) -> bool:
    usual = GAP_TIMES * half.charge_Ah / len(half.rows)
    return half.widest_gap_Ah > max(GAP_SHARE * half.charge_Ah, usual)


def spans(cycles: Sequence[Cycle]) -> list[Sequence[Cycle]]:
    """Runs of cycles from one strip to cut-off to the next: of several cycles, none interrupted.

    Over such a span Σ stripped / Σ plated is exact, whatever was left in between: the reservoir
    method. A span of one cycle is that cycle, and is not told again.
    """
    found: list[Sequence[Cycle]] = []
    span: list[Cycle] = []
    for cycle in cycles:
        span.append(cycle)
        if not cycle.plausible:
            span = []
        elif cycle.stripped_bare:
            if len(span) > 1:
                found.append(span)
            span = []
    return found
