"""Half cycles, cycles and groups as the protocol's structure gives them.

A half is a run of steps in one direction, rests bridged, inside one group. Pairing follows the
cell's sense; a group with `pair: total` is one cycle of its totals. What has no partner is a
lead-in or an open half and never a cycle (data_and_reliability.md §2, rules b–d).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from labctl_drivers.vocabulary import RangeAccuracy
from labctl_protocols.engine.account import (
    Account,
    accuracy_of,
    ce_uncertainty,
    coulombic_efficiency,
)
from labctl_protocols.plan import GroupClass

Emit = Callable[[str, Callable[[], dict[str, object]]], None]
"""Takes an event's kind and how to make its data once the last gap's charge is in."""


@dataclass(slots=True)
class Half:
    """What passed in one direction; `at_voltage`: its last step ended on the voltage."""

    kind: str
    sign: int
    account: Account = field(default_factory=Account)
    at_voltage: bool = False
    whole: bool = True


@dataclass(slots=True)
class Scope:
    """One execution of a group, or the steps outside any (label None)."""

    label: str | None
    group_class: GroupClass
    path: str
    pair: Literal["each", "total"]
    first: Half | None = None
    second: Half | None = None
    building: Half | None = None
    waiting: Half | None = None
    cycle: int = 0
    whole: bool = True


@dataclass(slots=True)
class Cycles:
    """All scopes now open, innermost last, and the run's cycle figures.

    `number` counts the first halves begun; `done` the complete cycles. `last_first` and
    `last_second` are the halves of the last complete cycle, kept whole because the last gap's
    charge comes after it; `reference_second` is the half that counts as 100 % of retention, that
    of cycle `reference_cycle`, and `retained_second` the last one of which retention tells: of
    class `cycle`, or of the reference's own group (a reference test between cycles is neither).
    `has_ce` is false in a symmetric cell: what is plated there on one electrode is stripped from
    the other, so that no charge over another says what came back.
    """

    first_sign: int | None
    reference: str | None = None
    has_ce: bool = True
    scopes: list[Scope] = field(
        default_factory=lambda: [Scope(label=None, group_class="cycle", path="", pair="each")]
    )
    number: int = 0
    done: int = 0
    last_first: Half | None = None
    last_second: Half | None = None
    reference_second: Half | None = None
    retained_second: Half | None = None
    reference_cycle: int | None = None

    def open_group(self, scope: Scope) -> None:
        """Begin a group; inside a `total` group nothing is paired one by one."""
        self.scopes.append(scope)

    @property
    def counting_scope(self) -> Scope:
        """The outermost `total` group where there is one, else the innermost scope."""
        for scope in self.scopes:
            if scope.pair == "total":
                return scope
        return self.scopes[-1]

    def begin_step(self, sign: int, emit: Emit, accuracy: Sequence[RangeAccuracy]) -> None:
        """A driven step starts in this direction: close the half before it, number the cycle."""
        if self.first_sign is None:
            self.first_sign = sign
        scope = self.counting_scope
        for outer in self.scopes:
            if outer is scope:
                break
            self._close_half(outer, emit, accuracy)
        if scope.pair == "total":
            if sign == self.first_sign and scope.cycle == 0:
                self.number += 1
                scope.cycle = self.number
            return
        if scope.building is not None and scope.building.sign != sign:
            self._close_half(scope, emit, accuracy)
        if sign == self.first_sign and scope.building is None:
            self.number += 1
            scope.cycle = self.number

    def enter_step(
        self, account: Account, sign: int, kind: str, at_voltage: bool | None, whole: bool
    ) -> list[Account]:
        """Enter a step that ended; give the accounts that its last gap's charge also belongs to.

        `at_voltage` None leaves what the half was: a hold goes on at the voltage it was brought to.
        """
        receivers = []
        for scope in self.scopes:
            total = self._total(scope, sign, kind)
            total.account.merge(account)
            receivers.append(total.account)
            scope.whole = scope.whole and whole
        scope = self.counting_scope
        if scope.pair == "each":
            if scope.building is None:
                scope.building = Half(kind, sign)
            scope.building.account.merge(account)
            if at_voltage is not None:
                scope.building.at_voltage = at_voltage
            scope.building.whole = scope.building.whole and whole
            receivers.append(scope.building.account)
        return receivers

    def spoil(self) -> None:
        """What is being measured now was not what it seemed: its figures do not count."""
        for scope in self.scopes:
            scope.whole = False
            if scope.building is not None:
                scope.building.whole = scope.building.at_voltage = False

    def _total(self, scope: Scope, sign: int, kind: str) -> Half:
        if sign == self.first_sign:
            if scope.first is None:
                scope.first = Half(kind, sign)
            return scope.first
        if scope.second is None:
            scope.second = Half(kind, sign)
        return scope.second

    def close_group(self, emit: Emit, accuracy: Sequence[RangeAccuracy]) -> Scope:
        """End the innermost scope and tell what it gave."""
        scope = self.scopes[-1]
        self._close_half(scope, emit, accuracy)
        if scope.waiting is not None:
            _tell_half("open", scope, scope.waiting, emit, accuracy)
        counting = self.counting_scope is scope
        self.scopes.pop()
        if scope.pair == "total" and counting and scope.first and scope.second:
            self._tell_cycle(scope, scope.first, scope.second, scope.whole, emit, accuracy)
        return scope

    def _close_half(self, scope: Scope, emit: Emit, accuracy: Sequence[RangeAccuracy]) -> None:
        half = scope.building
        scope.building = None
        if half is None:
            return
        if half.sign == self.first_sign:
            if scope.waiting is not None:
                _tell_half("open", scope, scope.waiting, emit, accuracy)
            scope.waiting = half
        elif scope.waiting is None:
            _tell_half("lead_in", scope, half, emit, accuracy)
        else:
            first, scope.waiting = scope.waiting, None
            self._tell_cycle(scope, first, half, first.whole and half.whole, emit, accuracy)

    def _tell_cycle(
        self,
        scope: Scope,
        first: Half,
        second: Half,
        whole: bool,
        emit: Emit,
        accuracy: Sequence[RangeAccuracy],
    ) -> None:
        number, group_class, label, pair = scope.cycle, scope.group_class, scope.label, scope.pair

        def data() -> dict[str, object]:
            ce = self.efficiency(first, second) if whole else None
            u_ce = None if ce is None else ce_uncertainty(first.account, second.account, accuracy)
            return {
                "cycle": number,
                "class": group_class,
                "group": label,
                "complete": whole,
                "first": {**half_data(first), **trust_data(first, accuracy)},
                "second": {**half_data(second), **trust_data(second, accuracy)},
                "ce": ce,
                "u_ce": u_ce,
                **(self._retention_data(second, accuracy) if whole else {}),
                "flags": cycle_flags(second, pair, whole, self.has_ce),
            }

        emit("cycle", data)
        if not whole:
            return
        self.done += 1
        self.last_first, self.last_second = first, second
        names_it = group_class == "cycle" if self.reference is None else label == self.reference
        if self.reference_second is None and names_it:
            self.reference_second, self.reference_cycle = second, number
        if self._tells_retention(scope):
            self.retained_second = second

    def _retention_data(self, second: Half, accuracy: Sequence[RangeAccuracy]) -> dict[str, object]:
        if self.reference_second is None:
            return {}
        whole = self.reference_second.account
        u_retention = ce_uncertainty(whole, second.account, accuracy)
        return {
            "retention": coulombic_efficiency(whole, second.account),
            # a charge over itself is 1, whatever its errors
            "u_retention": 0.0 if second is self.reference_second else u_retention,
            "reference_cycle": self.reference_cycle,
        }

    def live_ce(self) -> float | None:
        """CE of the last cycle; a second half that ended at its voltage is taken as whole."""
        first, second = self._pair_now() or (self.last_first, self.last_second)
        return self.efficiency(first, second)

    def efficiency(self, first: Half | None, second: Half | None) -> float | None:
        """CE of these halves; None where the cell has no such figure."""
        if first is None or second is None or not self.has_ce:
            return None
        return coulombic_efficiency(first.account, second.account)

    def live_retention(self) -> float | None:
        """Charge of the last second half over the reference's; unknown before there are both."""
        second = self.retained_second
        pair = self._pair_now()
        if pair is not None and self._tells_retention(self.counting_scope):
            second = pair[1]
        if second is None or self.reference_second is None:
            return None
        return coulombic_efficiency(self.reference_second.account, second.account)

    def _tells_retention(self, scope: Scope) -> bool:
        named = self.reference is not None and scope.label == self.reference
        return named or scope.group_class == "cycle"

    def _pair_now(self) -> tuple[Half, Half] | None:
        """The cycle that is only waiting for its last gap: its second half ended at the voltage."""
        scope = self.counting_scope if self.scopes else None
        half = None if scope is None else scope.building
        if scope is not None and scope.waiting and half is not None and half.at_voltage:
            if half.sign != self.first_sign and half.whole and scope.waiting.whole:
                return scope.waiting, half
        return None


def cycle_flags(second: Half, pair: str, whole: bool, has_ce: bool) -> list[str]:
    """What a reader of the figure has to know; a half without a CE needs no cut-off."""
    flags = []
    if not whole:
        flags.append("interrupted")
    if has_ce and pair == "each" and not second.at_voltage:
        flags.append("not stripped to cut-off" if second.kind == "strip" else "not at cut-off")
    return flags


def half_data(half: Half) -> dict[str, object]:
    """A half for the journal: Ah, Wh, s, V; unsigned charge and energy."""
    return {
        "kind": half.kind,
        "charge_Ah": abs(half.account.charge_As) / 3600.0,
        "energy_Wh": abs(half.account.energy_J) / 3600.0,
        "duration_s": half.account.duration_s,
        "mean_voltage_V": half.account.mean_voltage_V,
    }


def trust_data(half: Half, accuracy: Sequence[RangeAccuracy]) -> dict[str, object]:
    """What the uncertainty of sums over several halves is made of.

    Charges by measuring range and polarity with the limits of error there, and the standard
    uncertainty of what is random in the charge.
    """
    ranges = []
    for range_A, share in half.account.ranges.items():
        limits = accuracy_of(range_A, accuracy)
        ranges.append(
            {
                "range_A": range_A,
                "gain": limits.gain,
                "offset_A": limits.offset,
                "positive_Ah": share.positive_As / 3600.0,
                "negative_Ah": share.negative_As / 3600.0,
                "duration_s": share.duration_s,
            }
        )
    return {"ranges": ranges, "u_random_Ah": half.account.variance_As2**0.5 / 3600.0}


def _tell_half(
    role: str, scope: Scope, half: Half, emit: Emit, accuracy: Sequence[RangeAccuracy]
) -> None:
    group_class, label = scope.group_class, scope.label
    emit(
        "half",
        lambda: {
            "role": role,
            "class": group_class,
            "group": label,
            "half": {**half_data(half), **trust_data(half, accuracy)},
        },
    )
