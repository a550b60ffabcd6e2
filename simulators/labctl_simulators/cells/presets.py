"""What the metals do on a collector: orders of magnitude from the literature (science.md §2, §6).

Per cm² of collector; the ranges are what a user may set. Measured exchange currents for Na, K and
Zn are not known to better than a decade, so these are values that give the usual traces.
"""

from dataclasses import dataclass
from typing import Literal

MetalName = Literal["Na", "K", "Zn", "Li"]


@dataclass(frozen=True, slots=True)
class Metal:
    """One metal's own constants and the defaults of the parameters named like its fields."""

    electrons: int
    stripped_rest_V: float
    collector_oxidises_V: float
    default_cathode: str
    fresh_V: float
    exchange_mA_cm2: float
    nucleation_V: float
    nucleation_mAh_cm2: float
    resistance_ohm_cm2: float
    diffusion_ohm_cm2: float
    diffusion_s: float
    growth_ohm_cm2_per_mAh: float
    activation_kJ_mol: float
    ce: float
    ce_first: float
    ce_settles_cycles: float
    fixed_loss_mAh_cm2: float
    film_mAh_cm2: float
    self_discharge_per_h: float
    corrosion_mA_cm2: float


METALS: dict[MetalName, Metal] = {
    "Na": Metal(
        electrons=1,
        stripped_rest_V=0.6,
        collector_oxidises_V=3.4,
        default_cathode="NVP",
        fresh_V=2.3,
        exchange_mA_cm2=1.5,
        nucleation_V=0.035,
        nucleation_mAh_cm2=0.03,
        resistance_ohm_cm2=10.0,
        diffusion_ohm_cm2=12.0,
        diffusion_s=40.0,
        growth_ohm_cm2_per_mAh=10.0,
        activation_kJ_mol=45.0,
        ce=0.999,
        ce_first=0.97,
        ce_settles_cycles=3.0,
        fixed_loss_mAh_cm2=0.0005,
        film_mAh_cm2=0.01,
        self_discharge_per_h=2e-4,
        corrosion_mA_cm2=0.0,
    ),
    "K": Metal(
        electrons=1,
        stripped_rest_V=0.7,
        collector_oxidises_V=3.5,
        default_cathode="KFeHCF",
        fresh_V=2.4,
        exchange_mA_cm2=0.5,
        nucleation_V=0.08,
        nucleation_mAh_cm2=0.04,
        resistance_ohm_cm2=12.0,
        diffusion_ohm_cm2=25.0,
        diffusion_s=60.0,
        growth_ohm_cm2_per_mAh=15.0,
        activation_kJ_mol=50.0,
        ce=0.99,
        ce_first=0.85,
        ce_settles_cycles=5.0,
        fixed_loss_mAh_cm2=0.002,
        film_mAh_cm2=0.02,
        self_discharge_per_h=1e-3,
        corrosion_mA_cm2=0.0,
    ),
    "Zn": Metal(
        electrons=2,
        stripped_rest_V=0.6,
        collector_oxidises_V=1.2,
        default_cathode="MnO2",
        fresh_V=1.0,
        exchange_mA_cm2=0.8,
        nucleation_V=0.035,
        nucleation_mAh_cm2=0.03,
        resistance_ohm_cm2=2.0,
        diffusion_ohm_cm2=6.0,
        diffusion_s=20.0,
        growth_ohm_cm2_per_mAh=3.0,
        activation_kJ_mol=35.0,
        ce=0.992,
        ce_first=0.92,
        ce_settles_cycles=8.0,
        fixed_loss_mAh_cm2=0.002,
        film_mAh_cm2=0.001,
        self_discharge_per_h=0.0,
        corrosion_mA_cm2=0.005,
    ),
    "Li": Metal(
        electrons=1,
        stripped_rest_V=0.8,
        collector_oxidises_V=3.5,
        default_cathode="NMC",
        fresh_V=2.5,
        exchange_mA_cm2=1.0,
        nucleation_V=0.045,
        nucleation_mAh_cm2=0.03,
        resistance_ohm_cm2=8.0,
        diffusion_ohm_cm2=10.0,
        diffusion_s=40.0,
        growth_ohm_cm2_per_mAh=10.0,
        activation_kJ_mol=50.0,
        ce=0.99,
        ce_first=0.95,
        ce_settles_cycles=4.0,
        fixed_loss_mAh_cm2=0.001,
        film_mAh_cm2=0.015,
        self_discharge_per_h=1e-3,
        corrosion_mA_cm2=0.0,
    ),
}

NUCLEATION_V: dict[tuple[MetalName, str], float] = {("Na", "Al"): 0.06, ("Zn", "Ti"): 0.075}
"""Where the collector is not copper: the middle of the ranges in science.md §6."""
