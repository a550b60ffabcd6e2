"""Factories of the plating cells: a cell's record and the user's parameters become a model."""

from collections.abc import Mapping
from dataclasses import fields
from math import exp, inf
from random import Random

from labctl_simulators.cells.cathodes import curve_named
from labctl_simulators.cells.electrode import Electrode, ElectrodeMake
from labctl_simulators.cells.opposite import Cathode, Facing
from labctl_simulators.cells.parameters import Known, chosen
from labctl_simulators.cells.plating import ZERO_CELSIUS_K, Body, PlatingCell, Short
from labctl_simulators.cells.presets import METALS, Metal
from labctl_simulators.ports import CellSize

EXCESS_mAh_cm2 = 50.0
LOSSES = ("fixed_loss_mAh_cm2", "film_mAh_cm2", "self_discharge_per_h", "corrosion_mA_cm2")
SPREAD = {
    "fresh_V": 0.03,
    "exchange_mA_cm2": 0.15,
    "nucleation_V": 0.10,
    "resistance_ohm_cm2": 0.05,
    "diffusion_ohm_cm2": 0.05,
}
RANGES = {
    "fresh_V": (0.05, 4.0),
    "exchange_mA_cm2": (1e-4, 1e3),
    "nucleation_V": (0.0, 0.5),
    "nucleation_mAh_cm2": (1e-4, 1.0),
    "resistance_ohm_cm2": (0.01, 1e5),
    "diffusion_ohm_cm2": (0.0, 1e4),
    "diffusion_s": (0.1, 1e5),
    "growth_ohm_cm2_per_mAh": (0.0, 1e5),
    "activation_kJ_mol": (0.0, 200.0),
    "ce": (0.0, 1.0),
    "ce_first": (0.0, 1.0),
    "ce_settles_cycles": (0.0, 1e6),
    "fixed_loss_mAh_cm2": (0.0, 0.1),
    "film_mAh_cm2": (0.0, 1.0),
    "self_discharge_per_h": (0.0, 10.0),
    "corrosion_mA_cm2": (0.0, 10.0),
}


def half(size: CellSize, parameters: Mapping[str, float], seed: int) -> PlatingCell:
    """Bare collector (positive terminal) against an excess of metal: a negative current plates."""
    values, metal = _values("half", size, parameters, seed, {})
    collector = Electrode(_electrode_make(metal, size, values, size.preplated_Ah))
    return PlatingCell(collector, _foil(metal, size, values), _body(-1, size, values))


def symmetric(size: CellSize, parameters: Mapping[str, float], seed: int) -> PlatingCell:
    """Metal against metal; the ledger is that of the electrode on the positive terminal."""
    extra = {"metal_mAh_cm2": Known(EXCESS_mAh_cm2, 1e-3, 1e6)}
    values, metal = _values("symmetric", size, parameters, seed, extra)
    metal_Ah = values["metal_mAh_cm2"] * size.area_cm2 * 1e-3
    positive = Electrode(_electrode_make(metal, size, values, metal_Ah))
    negative = Electrode(_electrode_make(metal, size, values, metal_Ah))
    return PlatingCell(positive, Facing(negative), _body(-1, size, values))


def anode_free(size: CellSize, parameters: Mapping[str, float], seed: int) -> PlatingCell:
    """Cathode (positive terminal) against a bare collector: a positive current plates.

    A record of kind `cathode-half` gives the same cell with an excess of metal on the collector.
    """
    extra = {
        "capacity_mAh_cm2": Known(1.0, 1e-3, 1e3),
        "cathode_exchange_mA_cm2": Known(1.0, 1e-4, 1e3),
        "cathode_resistance_ohm_cm2": Known(20.0, 0.0, 1e5),
    }
    values, metal = _values("anode-free", size, parameters, seed, extra)
    metal_Ah = size.preplated_Ah
    if size.kind == "cathode-half":
        metal_Ah = EXCESS_mAh_cm2 * size.area_cm2 * 1e-3
    collector = Electrode(_electrode_make(metal, size, values, metal_Ah))
    capacity_Ah = values["capacity_mAh_cm2"] * size.area_cm2 * 1e-3
    if "capacity_mAh_cm2" not in parameters:
        capacity_Ah = size.capacity_Ah or size.inventory_Ah or capacity_Ah
    content_Ah = capacity_Ah if size.inventory_Ah is None else size.inventory_Ah
    cathode = Cathode(
        curve_named(size.cathode or metal.default_cathode),
        sites_Ah=max(capacity_Ah, content_Ah) / 0.99,
        content_Ah=content_Ah,
        exchange_A=values["cathode_exchange_mA_cm2"] * size.area_cm2 * 1e-3,
        electrons=metal.electrons,
    )
    return PlatingCell(collector, cathode, _body(+1, size, values))


def _values(
    model: str,
    size: CellSize,
    given: Mapping[str, float],
    seed: int,
    extra: Mapping[str, Known],
) -> tuple[dict[str, float], Metal]:
    if size.metal is None:
        raise ValueError(f"the model {model} needs a metal: {', '.join(METALS)}")
    if size.area_cm2 <= 0.0 or size.preplated_Ah < 0.0:
        raise ValueError(f"a cell has an area above 0 and no negative charge: {size}")
    metal = METALS[size.metal]
    known = {
        name: Known(float(getattr(metal, name)), low, high) for name, (low, high) in RANGES.items()
    }
    values = chosen(model, known | COMMON | dict(extra), given)
    random = Random(seed)
    for name, width in SPREAD.items():
        factor = exp(width * max(-2.0, min(2.0, random.gauss(0.0, 1.0))))
        if name not in given:
            values[name] *= factor ** values["spread"]
    if "ce" in given:
        values |= {"ce_first": given["ce"], "ce_settles_cycles": 0.0}
        values |= {name: 0.0 for name in LOSSES}
        values |= {name: float(given[name]) for name in given}
    return values, metal


COMMON = {
    "temperature_degC": Known(25.0, -40.0, 150.0),
    "dead_fraction": Known(0.7, 0.0, 1.0),
    "double_layer_uF_cm2": Known(20.0, 0.1, 1e4),
    "heat_loss_W_K": Known(0.01, 1e-6, 1e3),
    "heat_capacity_J_K": Known(3.0, 1e-3, 1e6),
    "spread": Known(1.0, 0.0, 10.0),
    "soft_short_S": Known(0.0, 0.0, 10.0),
    "soft_short_at_h": Known(-1.0, -1.0),
    "soft_short_at_mAh_cm2": Known(-1.0, -1.0),
    "soft_short_for_h": Known(-1.0, -1.0),
    "hard_short_S": Known(10.0, 0.1, 1e4),
    "hard_short_at_h": Known(-1.0, -1.0),
    "hard_short_at_mAh_cm2": Known(-1.0, -1.0),
}


def _electrode_make(
    metal: Metal, size: CellSize, values: Mapping[str, float], metal_Ah: float
) -> ElectrodeMake:
    own = {field.name for field in fields(ElectrodeMake)} & values.keys()
    return ElectrodeMake(
        electrons=metal.electrons,
        area_cm2=size.area_cm2,
        stripped_rest_V=min(metal.stripped_rest_V, values["fresh_V"]),
        collector_oxidises_V=max(metal.collector_oxidises_V, values["fresh_V"]),
        metal_Ah=metal_Ah,
        **{name: values[name] for name in own},
    )


def _foil(metal: Metal, size: CellSize, values: Mapping[str, float]) -> Facing:
    """A thick counter electrode: it loses nothing that matters and never runs out."""
    lossless = {"ce": 1.0, "ce_first": 1.0, "diffusion_ohm_cm2": 0.0, "nucleation_V": 0.0}
    lossless |= {name: 0.0 for name in LOSSES}
    return Facing(Electrode(_electrode_make(metal, size, {**values, **lossless}, FOIL_Ah)))


FOIL_Ah = 1e6


def _body(sense: int, size: CellSize, values: Mapping[str, float]) -> Body:
    ohm_cm2 = values["resistance_ohm_cm2"] + values.get("cathode_resistance_ohm_cm2", 0.0)
    return Body(
        sense=sense,
        resistance_ohm=ohm_cm2 / size.area_cm2,
        ambient_K=values["temperature_degC"] + ZERO_CELSIUS_K,
        heat_loss_W_K=values["heat_loss_W_K"],
        heat_capacity_J_K=values["heat_capacity_J_K"],
        shorts=tuple(_shorts(size, values)),
    )


def _shorts(size: CellSize, values: Mapping[str, float]) -> list[Short]:
    shorts = []
    for name in ("soft", "hard"):
        hour, charge = values[f"{name}_short_at_h"], values[f"{name}_short_at_mAh_cm2"]
        asked = hour >= 0.0 or charge >= 0.0
        if name == "soft" and values["soft_short_S"] > 0.0 and not asked:
            hour, asked = 0.0, True
        lasts_h = values.get(f"{name}_short_for_h", -1.0)
        if asked and values[f"{name}_short_S"] > 0.0:
            shorts.append(
                Short(
                    values[f"{name}_short_S"],
                    from_s=hour * 3600.0 if hour >= 0.0 else inf,
                    from_plated_Ah=charge * size.area_cm2 * 1e-3 if charge >= 0.0 else inf,
                    for_s=lasts_h * 3600.0 if lasts_h >= 0.0 else inf,
                )
            )
    return shorts
