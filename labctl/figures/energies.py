"""What a cycle costs in energy and voltage: efficiencies, polarisation, hysteresis.

science.md §4. Efficiency of energy = that of charge × that of voltage; all by the charging and the
discharging half, whichever came first.
"""

from labctl.figures.curve import plateau_V, voltage_at
from labctl.figures.halves import Half


def charging_and_discharging(one: Half, other: Half) -> tuple[Half, Half]:
    """The two halves of a cycle, the charging one first."""
    return (one, other) if one.sign > 0 else (other, one)


def energy_efficiency(charging: Half, discharging: Half) -> float | None:
    """E_dis / E_chg; None unless both are energies of a cell (a plating half has none)."""
    if charging.energy_Wh <= 0 or discharging.energy_Wh <= 0:
        return None
    return discharging.energy_Wh / charging.energy_Wh


def voltage_efficiency(charging: Half, discharging: Half) -> float | None:
    """V̄_dis / V̄_chg, charge-weighted; None as for energies."""
    if energy_efficiency(charging, discharging) is None:
        return None
    charged_V, discharged_V = charging.mean_voltage_V, discharging.mean_voltage_V
    return discharged_V / charged_V if charged_V and discharged_V else None


def polarisation_V(charging: Half, discharging: Half) -> float | None:
    """V̄_chg − V̄_dis, charge-weighted means."""
    charged_V, discharged_V = charging.mean_voltage_V, discharging.mean_voltage_V
    return None if charged_V is None or discharged_V is None else charged_V - discharged_V


def hysteresis_V(charging: Half, discharging: Half) -> float | None:
    """Median charging less median discharging voltage, each from 20 to 80 % of its charge."""
    upper = plateau_V(charging.charge_at_Ah, charging.voltage_V)
    lower = plateau_V(discharging.charge_at_Ah, discharging.voltage_V)
    return None if upper is None or lower is None else upper - lower


def middle_V(half: Half) -> float | None:
    """The voltage when half of the charge had passed."""
    return voltage_at(half.charge_at_Ah, half.voltage_V, half.charge_Ah / 2)


def symmetric_overpotential_V(charging: Half, discharging: Half) -> float | None:
    """Half of (mean positive − mean negative voltage): of one electrode of a symmetric cell."""
    difference_V = polarisation_V(charging, discharging)
    return None if difference_V is None else difference_V / 2
