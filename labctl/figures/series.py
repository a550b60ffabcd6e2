"""What a series of cycles amounts to: irreversible charge, means of CE, each with its uncertainty.

science.md §4. An instrument's gain and zero offset are the same in every cycle, so what they do to
sums and means adds up with its sign and does not average out; only what is random from cycle to
cycle (sampling, the timing of output changes) does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labctl.figures.efficiency import (
    arithmetic_mean,
    charge_summed,
    geometric_mean,
    irreversible,
    product,
)
from labctl_drivers.vocabulary import RangeAccuracy
from labctl_protocols.engine.account import (
    Account,
    Errors,
    ce_errors,
    ce_uncertainty,
    charge_errors,
    expanded,
    weighed,
)

Json = dict[str, object]
Accuracy = Sequence[RangeAccuracy]
"""The current ranges' limits of error; empty where nobody knows them: no uncertainty is told."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A cycle's charges; `summed`: they may enter sums, `meant`: its efficiency may enter means."""

    number: int
    first: Account
    second: Account
    efficiency: float | None
    summed: bool
    meant: bool

    @property
    def charges_Ah(self) -> tuple[float, float]:
        """Unsigned, in Ah."""
        return abs(self.first.charge_As) / 3600.0, abs(self.second.charge_As) / 3600.0


def irreversible_json(
    cycles: Sequence[Counted], accuracy: Accuracy, area_cm2: float | None
) -> list[Json]:
    """Each cycle's first − second and what that comes to by then, in mAh and mAh/cm²."""
    lost_mAh, errors, variance = 0.0, Errors(), 0.0
    told = []
    for cycle in cycles:
        (here_Ah,) = irreversible([cycle.charges_Ah])
        here, here_variance = _irreversible_errors(cycle, accuracy)
        u_here_mAh = _mAh(expanded(here, here_variance)) if accuracy else None
        row: Json = dict.fromkeys(IRREVERSIBLE)
        if cycle.efficiency is not None:
            row |= {"irreversible_mAh": 1e3 * here_Ah, "u_irreversible_mAh": u_here_mAh}
        if cycle.summed:
            lost_mAh += 1e3 * here_Ah
            errors, variance = weighed((errors, 1.0), (here, 1.0)), variance + here_variance
            u_lost_mAh = _mAh(expanded(errors, variance)) if accuracy else None
            row |= {
                "cumulative_irreversible_mAh": lost_mAh,
                "u_cumulative_irreversible_mAh": u_lost_mAh,
                "cumulative_irreversible_mAh_cm2": areal(lost_mAh, area_cm2),
                "u_cumulative_irreversible_mAh_cm2": areal(u_lost_mAh, area_cm2),
            }
        told.append(row)
    return told


IRREVERSIBLE = (
    "irreversible_mAh",
    "u_irreversible_mAh",
    "cumulative_irreversible_mAh",
    "u_cumulative_irreversible_mAh",
    "cumulative_irreversible_mAh_cm2",
    "u_cumulative_irreversible_mAh_cm2",
)


def _irreversible_errors(cycle: Counted, accuracy: Accuracy) -> tuple[Errors, float]:
    if not accuracy:
        return {}, 0.0
    first, second = charge_errors(cycle.first, accuracy), charge_errors(cycle.second, accuracy)
    variance = cycle.first.variance_As2 + cycle.second.variance_As2
    return weighed((first, 1.0), (second, -1.0)), variance


def means_json(cycles: Sequence[Counted], accuracy: Accuracy) -> Json:
    """The means of CE by name, the cycles they are over, their uncertainties (k = 2); percent.

    They differ, so that each is named. The charge-summed one takes cycles that left metal behind
    too: over all of them it comes back.
    """
    meant = [cycle for cycle in cycles if cycle.meant and cycle.efficiency is not None]
    summed = [cycle for cycle in cycles if cycle.summed]
    values = [cycle.efficiency or 0.0 for cycle in meant]
    count = len(values)
    arithmetic, geometric, left = arithmetic_mean(values), geometric_mean(values), product(values)
    whole = geometric is not None
    by_name = {
        "arithmetic": (arithmetic, [1.0 / count for _ in meant]),
        "geometric": (geometric, [(geometric or 0.0) / count / ce for ce in values if whole]),
        "product": (left, [(left or 0.0) / ce for ce in values if whole]),
    }
    told: Json = {"cycles": [cycle.number for cycle in meant], "n": count}
    for name, (value, weights) in by_name.items():
        told[f"{name}_ce_percent"] = percent(value)
        told[f"u_{name}_ce_percent"] = percent(_mean_uncertainty(meant, weights, accuracy))
    first, second = total(each.first for each in summed), total(each.second for each in summed)
    told["charge_summed_cycles"] = [cycle.number for cycle in summed]
    told["charge_summed_n"] = len(summed)
    told["charge_summed_ce_percent"] = percent(charge_summed([each.charges_Ah for each in summed]))
    told["u_charge_summed_ce_percent"] = (
        percent(ce_uncertainty(first, second, accuracy)) if accuracy and summed else None
    )
    return told


def _mean_uncertainty(
    cycles: Sequence[Counted], weights: Sequence[float], accuracy: Accuracy
) -> float | None:
    """Expanded uncertainty of Σ weight · CE; None where it cannot be told."""
    if not accuracy or not cycles or len(weights) != len(cycles):
        return None
    parts = [ce_errors(cycle.first, cycle.second, accuracy) for cycle in cycles]
    errors = weighed(*((part, w) for (part, _), w in zip(parts, weights, strict=True)))
    return expanded(
        errors, sum(w * w * variance for (_, variance), w in zip(parts, weights, strict=True))
    )


def initial_json(number: int, efficiency: float | None, u_efficiency: float | None) -> Json:
    """The initial Coulombic efficiency (ICE), of the cycle that is told with it."""
    return {
        "cycle": number,
        "ce_percent": percent(efficiency),
        "u_ce_percent": percent(u_efficiency),
    }


def totals_json(
    plated: Account | None, rows: Sequence[Json], accuracy: Accuracy, area_cm2: float | None
) -> Json:
    """All that was plated, and all that did not come back by the last cycle that counts."""
    last = next(
        (row for row in reversed(rows) if row["cumulative_irreversible_mAh"] is not None), {}
    )
    lost = [name for name in IRREVERSIBLE if "cumulative" in name]
    return {
        **charge_json("plated", plated, accuracy, area_cm2),
        **{name.replace("cumulative_", ""): last.get(name) for name in lost},
    }


def total(accounts: Iterable[Account]) -> Account:
    """All of them as one; they must have passed in one direction."""
    whole = Account()
    for account in accounts:
        whole.merge(account)
    return whole


def charge_json(
    name: str, account: Account | None, accuracy: Accuracy, area_cm2: float | None
) -> Json:
    """A charge in mAh and mAh/cm², each with its uncertainty (k = 2)."""
    charge_mAh = u_mAh = None
    if account is not None:
        charge_mAh = _mAh(abs(account.charge_As))
    if account is not None and accuracy:
        u_mAh = _mAh(expanded(charge_errors(account, accuracy), account.variance_As2))
    return {
        f"{name}_mAh": charge_mAh,
        f"u_{name}_mAh": u_mAh,
        f"{name}_mAh_cm2": areal(charge_mAh, area_cm2),
        f"u_{name}_mAh_cm2": areal(u_mAh, area_cm2),
    }


def areal(charge_mAh: float | None, area_cm2: float | None) -> float | None:
    """Per area; None where one of them is unknown."""
    return None if charge_mAh is None or area_cm2 is None else charge_mAh / area_cm2


def _mAh(charge_As: float) -> float:
    return charge_As / 3.6


def percent(fraction: float | None) -> float | None:
    """In percent; None where it is unknown."""
    return None if fraction is None else 100.0 * fraction
