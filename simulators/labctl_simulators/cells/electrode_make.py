"""What a metal electrode on its collector is made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ElectrodeMake:
    """What an electrode is made of; everything per cm² of its area."""

    electrons: int
    area_cm2: float
    exchange_mA_cm2: float
    nucleation_V: float
    nucleation_mAh_cm2: float
    diffusion_ohm_cm2: float
    diffusion_s: float
    growth_ohm_cm2_per_mAh: float
    activation_kJ_mol: float
    double_layer_uF_cm2: float
    film_mAh_cm2: float
    fresh_V: float
    stripped_rest_V: float
    collector_oxidises_V: float
    ce: float
    ce_first: float
    ce_settles_cycles: float
    dead_fraction: float
    fixed_loss_mAh_cm2: float
    self_discharge_per_h: float
    corrosion_mA_cm2: float
    corrosion_first_mA_cm2: float
    corrosion_settles_cycles: float
    recovery_per_h: float
    metal_Ah: float
