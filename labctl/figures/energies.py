"""What a cycle costs in energy and voltage: efficiencies, polarisation, hysteresis.

science.md §4. Efficiency of energy = that of charge × that of voltage; all by the charging and the
discharging half, whichever came first.
"""

from dataclasses import dataclass, field

from labctl.figures.nucleation import nucleation_json
from labctl.figures.shape import Shape

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Part:
    """A half cycle in figures: its current's sign, unsigned charge, charge-weighted voltage."""

    sign: int
    charge_Ah: float
    mean_voltage_V: float | None
    shape: Shape = field(default_factory=Shape)


def voltages_json(first: Part, second: Part, whole: bool, cell: str) -> Json:
    """A cycle's figures of energy and voltage; None where the cycle was cut short.

    `cell` is its kind: in a half cell the plateau of plating is the overpotential, in a symmetric
    cell half of what lies between the directions: that of both electrodes together, the ohmic part
    in it. It is told early, in the middle and late too.
    """
    up, down = (first, second) if first.sign > 0 else (second, first)
    found = {
        "energy_efficiency_percent": _percent(energy_efficiency(up, down)),
        "voltage_efficiency_percent": _percent(voltage_efficiency(up, down)),
        "polarisation_V": _difference(up.mean_voltage_V, down.mean_voltage_V),
        "polarisation_middle_V": _difference(up.shape.middle_V, down.shape.middle_V),
        "hysteresis_V": _difference(up.shape.plateau_V, down.shape.plateau_V),
    }
    if cell == "symmetric":
        found |= _symmetric_json(up, down)
    plateau_V, nucleation = first.shape.plateau_V, first.shape.nucleation
    plates = cell == "half" and plateau_V is not None and first.sign < 0
    return {
        **(found if whole else dict.fromkeys(found)),
        "plating_overpotential_V": abs(plateau_V) if plates and plateau_V is not None else None,
        "nucleation": None if nucleation is None else nucleation_json(nucleation),
    }


def _symmetric_json(up: Part, down: Part) -> dict[str, float | None]:
    return {
        "symmetric_overpotential_V": symmetric_overpotential_V(up, down),
        "symmetric_overpotential_early_V": _half_of(up.shape.early_V, down.shape.early_V),
        "symmetric_overpotential_middle_V": _half_of(up.shape.middle_V, down.shape.middle_V),
        "symmetric_overpotential_late_V": _half_of(up.shape.late_V, down.shape.late_V),
    }


def energy_efficiency(charging: Part, discharging: Part) -> float | None:
    """E_dis / E_chg; None unless both are energies of a cell (a plating half has none)."""
    voltage = voltage_efficiency(charging, discharging)
    if voltage is None or charging.charge_Ah <= 0:
        return None
    return voltage * discharging.charge_Ah / charging.charge_Ah


def voltage_efficiency(charging: Part, discharging: Part) -> float | None:
    """V̄_dis / V̄_chg, charge-weighted; None as for energies."""
    charged_V, discharged_V = charging.mean_voltage_V, discharging.mean_voltage_V
    if charged_V is None or discharged_V is None or charged_V <= 0 or discharged_V <= 0:
        return None
    return discharged_V / charged_V


def symmetric_overpotential_V(charging: Part, discharging: Part) -> float | None:
    """Half of (mean positive − mean negative voltage): of both electrodes of a symmetric cell.

    One is plated while the other is stripped.
    """
    return _half_of(charging.mean_voltage_V, discharging.mean_voltage_V)


def _half_of(upper_V: float | None, lower_V: float | None) -> float | None:
    difference_V = _difference(upper_V, lower_V)
    return None if difference_V is None else difference_V / 2


def _difference(upper_V: float | None, lower_V: float | None) -> float | None:
    return None if upper_V is None or lower_V is None else upper_V - lower_V


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100.0 * fraction
