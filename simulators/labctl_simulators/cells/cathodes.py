"""Positive electrodes: open-circuit potential against the metal, by the fraction of metal held.

Fraction 1 is the electrode as made (metal inside), 0 the charged one. LFP, NMC and NVPF are the
fits named in science.md §6 (Prada 2013, Xu 2019, Chayambuka 2022); the others are sums of plateaus
at the potentials given there. Each ends in an exponential that stands for the empty or full host.

A record names a cathode as `NVP`, or with a sacrificial additive as `NVP+Na2C2O4`. Additives and
the potentials at which they give their metal: science.md §1.1 (Na2C2O4 3.97-4.41 V by choice of
carbon: 10.1002/adma.202001419; NaNH2 about 3.8 V; Li2C2O4 4.7-5.0 V).
"""

from collections.abc import Callable
from itertools import pairwise
from math import exp, tanh
from typing import NamedTuple, TypeVar

Curve = Callable[[float], float]
T = TypeVar("T")

_NVPF = (
    (0.22, 4.175),
    (0.41, 4.158),
    (0.53, 4.144),
    (0.576, 4.049),
    (0.591, 3.725),
    (0.66, 3.699),
    (0.80, 3.678),
    (0.93, 3.649),
    (0.98, 3.45),
    (1.0, 3.03),
)


def lfp(fraction: float) -> float:
    """LiFePO4 against Li, V."""
    return (
        3.4077
        - 0.020269 * fraction
        + 0.5 * exp(-150.0 * fraction)
        - 0.9 * exp(-30.0 * (1.0 - fraction))
    )


def nmc(fraction: float) -> float:
    """Layered NMC against Li, V; the fit's stoichiometry runs from 0.2 (charged) to 0.9."""
    x = 0.2 + 0.7 * fraction
    fit = 4.3452 + x * (-1.6518 + x * (1.6225 + x * (-2.0843 + x * (3.5146 - 2.2166 * x))))
    return fit - 0.5623e-4 * exp(109.451 * x - 100.006) + _ends(fraction, 0.8, 0.8)


def nvpf(fraction: float) -> float:
    """Na3V2(PO4)2F3 against Na, V."""
    x = 0.22 + 0.78 * fraction
    for (x0, u0), (x1, u1) in pairwise(_NVPF):
        if x <= x1 or x1 == 1.0:
            return u0 + (u1 - u0) * (x - x0) / (x1 - x0) + _ends(fraction, 0.8, 0.8)
    raise AssertionError("the table ends at 1")


def nvp(fraction: float) -> float:
    """Na3V2(PO4)3 against Na, V: one flat plateau."""
    return 3.40 - 0.03 * fraction + _ends(fraction, 1.5, 1.9)


def prussian_white(fraction: float) -> float:
    """Na2Fe[Fe(CN)6] against Na, V."""
    return 3.20 + _plateau(0.10, fraction, 0.06) - 0.05 * fraction + _ends(fraction, 1.2, 1.6)


def kfehcf(fraction: float) -> float:
    """K2Fe[Fe(CN)6] against K, V."""
    return 3.72 + _plateau(0.28, fraction, 0.05) - 0.06 * fraction + _ends(fraction, 0.9, 1.9)


def mno2(fraction: float) -> float:
    """Zinc-rich manganese oxide against Zn, V."""
    return 1.33 + _plateau(0.07, fraction, 0.10) - 0.08 * fraction + _ends(fraction, 0.7, 0.8)


def na5vp(fraction: float) -> float:
    """Na5V2(PO4)3 against Na, V: what NVP holds at 3.4 V, and half as much again at 1.6 V.

    Capacities 117.6 and 58.8 mAh/g: 10.1038/s41598-017-13718-0; window 1.0-3.8 V: science.md S10.
    """
    plateaus_V = 2.51 - 0.90 * tanh((fraction - NVP_SHARE) / 0.006)
    return plateaus_V - 0.03 * fraction + _ends(fraction, 1.5, 1.2)


def _plateau(half_step_V: float, fraction: float, width: float) -> float:
    return half_step_V * tanh((0.5 - fraction) / width)


def _ends(fraction: float, rise_V: float, fall_V: float) -> float:
    if 0.1 < fraction < 0.9:
        return 0.0
    return rise_V * exp(-fraction / 0.004) - fall_V * exp(-(1.0 - fraction) / 0.005)


FRESH = 0.99
"""The fraction that a cathode as made holds: just before its curve falls."""
NVP_SHARE = FRESH / 1.5


class Host(NamedTuple):
    """A cathode's curve, and how many times its nominal capacity a fresh one holds."""

    curve: Curve
    fill: float = 1.0


CATHODES: dict[str, Host] = {
    "NVP": Host(nvp),
    "Na5VP": Host(na5vp, 1.5),
    "NVPF": Host(nvpf),
    "PW": Host(prussian_white),
    "KFeHCF": Host(kfehcf),
    "MnO2": Host(mno2),
    "NMC": Host(nmc),
    "LFP": Host(lfp),
}
ADDITIVES: dict[str, float] = {"Na2C2O4": 4.2, "NaNH2": 3.8, "Li2C2O4": 4.8}


def parse_cathode(words: str) -> tuple[Host, float | None]:
    """Host and the potential of its additive, if any, from a record's word. Raises ValueError."""
    name, plus, additive = (part.strip() for part in words.partition("+"))
    host = _named(name, CATHODES, "cathode")
    return host, _named(additive, ADDITIVES, "additive") if plus else None


def _named(name: str, known: dict[str, T], what: str) -> T:
    for candidate, value in known.items():
        if candidate.lower() == name.lower():
            return value
    raise ValueError(f"no {what} {name!r} is known; there are {', '.join(known)}")
