"""Nucleation overpotential of a plating half cycle: how far the voltage dips below its plateau.

science.md §4. The term is contested and some authors report the dip itself, so both are kept.
"""

from dataclasses import dataclass

from labctl.figures.curve import noise_V, plateau_V
from labctl.figures.recording import Column

DIP_WITHIN = 0.1
"""The dip is sought before this share of the plated charge has passed."""
DIP_WITHIN_MAH_CM2 = 0.2
"""And before this much has, where the area is known: nucleation is over by then."""


@dataclass(frozen=True, slots=True)
class Nucleation:
    """Voltages as measured (below 0 V while plating); `overpotential_V` is None with a reason."""

    dip_V: float | None
    plateau_V: float | None
    overpotential_V: float | None
    reason: str = ""


def nucleation(charge_Ah: Column, voltage_V: Column, area_cm2: float | None = None) -> Nucleation:
    """η = |V_dip| − |V_plateau| of a half cell's plating, charge counted from its beginning.

    V_dip: the lowest voltage after the first crossing of 0 V, before 10 % of the plated charge
    (and 0.2 mAh/cm²). V_plateau: median between 20 and 80 % of the charge. No overpotential is
    given where the dip is not resolved: below two sigma of the noise, or still falling at its last
    reading.
    """
    plateau = plateau_V(charge_Ah, voltage_V)
    if plateau is None:
        return Nucleation(None, None, None, "nothing was plated")
    window_Ah = DIP_WITHIN * charge_Ah[-1]
    if area_cm2 is not None:
        window_Ah = min(window_Ah, 1e-3 * DIP_WITHIN_MAH_CM2 * area_cm2)
    inside = [k for k in range(len(charge_Ah)) if charge_Ah[k] <= window_Ah]
    first = next((k for k in inside if voltage_V[k] < 0), None)
    if first is None:
        return Nucleation(None, plateau, None, "the voltage does not cross 0 V there")
    dip_at = min(range(first, inside[-1] + 1), key=lambda k: voltage_V[k])
    dip = voltage_V[dip_at]
    if dip_at == inside[-1]:
        return Nucleation(dip, plateau, None, "the voltage still falls at the last reading there")
    beyond = [v for q, v in zip(charge_Ah, voltage_V, strict=True) if q > window_Ah]
    overpotential = abs(dip) - abs(plateau)
    if overpotential < 2 * noise_V(beyond):
        return Nucleation(dip, plateau, None, "the dip is not above the noise")
    return Nucleation(dip, plateau, overpotential)


def nucleation_json(found: Nucleation) -> dict[str, object]:
    """As `labctl cycles --json` tells it."""
    return {
        "dip_V": found.dip_V,
        "plateau_V": found.plateau_V,
        "overpotential_V": found.overpotential_V,
        "reason": found.reason or None,
    }
