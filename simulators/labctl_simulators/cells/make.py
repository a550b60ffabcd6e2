"""Factories of the plating cells: a cell's record and the user's parameters become a model."""

from collections.abc import Mapping
from dataclasses import fields, replace
from math import exp
from random import Random

from labctl_simulators.cells.cathodes import FRESH, parse_cathode
from labctl_simulators.cells.electrode import Electrode
from labctl_simulators.cells.electrode_make import ElectrodeMake
from labctl_simulators.cells.opposite import Cathode, Facing
from labctl_simulators.cells.parameters import Known, chosen
from labctl_simulators.cells.plating import ZERO_CELSIUS_K, Body, PlatingCell
from labctl_simulators.cells.presets import METALS, NUCLEATION_V, Metal
from labctl_simulators.cells.three_electrode import ThreeElectrodes
from labctl_simulators.cells.troubles import TROUBLES, troubles_of
from labctl_simulators.ports import CellSize

EXCESS_mAh_cm2 = 50.0
FOIL_Ah = 1e6
ISOTHERMAL_W_K = 1e9
UNSAID = -1.0
ADDITIVE_V = 4.2
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
    counter = Facing(_foil(metal, size, values, FOIL_Ah))
    return PlatingCell(collector, counter, _body(-1, size, values, seed))


def symmetric(size: CellSize, parameters: Mapping[str, float], seed: int) -> PlatingCell:
    """Metal against metal; the ledger is that of the electrode on the positive terminal."""
    extra = {"metal_mAh_cm2": Known(EXCESS_mAh_cm2, 1e-3, 1e6)}
    values, metal = _values("symmetric", size, parameters, seed, extra)
    metal_Ah = values["metal_mAh_cm2"] * size.area_cm2 * 1e-3
    positive = Electrode(_electrode_make(metal, size, values, metal_Ah))
    negative = Electrode(_electrode_make(metal, size, values, metal_Ah))
    return PlatingCell(positive, Facing(negative), _body(-1, size, values, seed))


CATHODE_SIDE = {
    "capacity_mAh_cm2": Known(1.0, 1e-3, 1e3),
    "cathode_exchange_mA_cm2": Known(1.0, 1e-4, 1e3),
    "cathode_resistance_ohm_cm2": Known(20.0, 0.0, 1e5),
    "additive_mAh_cm2": Known(UNSAID, UNSAID, 1e3),
    "additive_V": Known(UNSAID, UNSAID, 6.0),
}
RESERVOIR_SIDE = {
    "reservoir_mAh_cm2": Known(EXCESS_mAh_cm2, 1e-3, 1e6),
    "supply_resistance_ohm_cm2": Known(40.0, 0.01, 1e5),
}


def anode_free(size: CellSize, parameters: Mapping[str, float], seed: int) -> PlatingCell:
    """Cathode (positive terminal) against a bare collector: a positive current plates.

    A record of kind `cathode-half` gives the same cell with an excess of metal on the collector.
    """
    values, metal = _values("anode-free", size, parameters, seed, CATHODE_SIDE)
    metal_Ah = size.preplated_Ah
    if size.kind == "cathode-half":
        metal_Ah = EXCESS_mAh_cm2 * size.area_cm2 * 1e-3
    collector = Electrode(_electrode_make(metal, size, values, metal_Ah))
    cathode = _cathode(metal, size, values, parameters)
    return PlatingCell(collector, cathode, _body(+1, size, values, seed))


def three_electrode(size: CellSize, parameters: Mapping[str, float], seed: int) -> ThreeElectrodes:
    """An anode-free cell with a reservoir of the metal: terminals `main` and `supply`.

    On either a positive current takes metal from the cathode: to the collector on `main`, to the
    reservoir on `supply`.
    """
    extra = CATHODE_SIDE | RESERVOIR_SIDE
    values, metal = _values("three-electrode", size, parameters, seed, extra)
    collector = Electrode(_electrode_make(metal, size, values, size.preplated_Ah))
    cathode = _cathode(metal, size, values, parameters)
    shared_ohm = values["cathode_resistance_ohm_cm2"] / size.area_cm2
    reservoir_Ah = values["reservoir_mAh_cm2"] * size.area_cm2 * 1e-3
    reservoir = _foil(metal, size, values, reservoir_Ah)
    supply_ohm = values["supply_resistance_ohm_cm2"] / size.area_cm2 + shared_ohm
    body = _body(+1, size, values, seed)
    supply = replace(body, resistance_ohm=supply_ohm, troubles=(), heat_loss_W_K=ISOTHERMAL_W_K)
    return ThreeElectrodes(collector, reservoir, cathode, shared_ohm, body, supply)


def _cathode(
    metal: Metal, size: CellSize, values: Mapping[str, float], given: Mapping[str, float]
) -> Cathode:
    """The cathode by its word in the record; what the inventory has above it is the additive's."""
    host, additive_V = parse_cathode(size.cathode or metal.default_cathode)
    mAh_cm2 = size.area_cm2 * 1e-3
    capacity_Ah = values["capacity_mAh_cm2"] * mAh_cm2
    if "capacity_mAh_cm2" not in given:
        capacity_Ah = size.capacity_Ah or size.inventory_Ah or capacity_Ah
    content_Ah = capacity_Ah * host.fill if size.inventory_Ah is None else size.inventory_Ah
    additive_Ah = 0.0
    if additive_V is not None or values["additive_mAh_cm2"] > 0.0:
        additive_Ah = max(0.0, content_Ah - capacity_Ah * host.fill)
        content_Ah -= additive_Ah
    if values["additive_mAh_cm2"] != UNSAID:
        additive_Ah = values["additive_mAh_cm2"] * mAh_cm2
    if values["additive_V"] != UNSAID:
        additive_V = values["additive_V"]
    return Cathode(
        host.curve,
        sites_Ah=max(capacity_Ah * host.fill, content_Ah) / FRESH,
        content_Ah=content_Ah,
        exchange_A=values["cathode_exchange_mA_cm2"] * mAh_cm2,
        electrons=metal.electrons,
        additive_Ah=additive_Ah,
        additive_V=ADDITIVE_V if additive_V is None else additive_V,
    )


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
    nucleation_V = NUCLEATION_V.get((size.metal, size.collector or ""))
    if nucleation_V is not None:
        known["nucleation_V"] = replace(known["nucleation_V"], default=nucleation_V)
    values = chosen(model, known | COMMON | TROUBLES | dict(extra), given)
    random = Random(seed)
    for name, width in SPREAD.items():
        factor = exp(width * max(-2.0, min(2.0, random.gauss(0.0, 1.0))))
        if name not in given:
            values[name] *= factor ** values["spread"]
    if "ce" in given:
        values |= {"ce_first": given["ce"], "ce_settles_cycles": 0.0}
        values |= {name: 0.0 for name in LOSSES}
        values |= {name: float(given[name]) for name in given}
    if values["corrosion_first_mA_cm2"] < 0.0:
        values["corrosion_first_mA_cm2"] = values["corrosion_mA_cm2"]
    return values, metal


COMMON = {
    "temperature_degC": Known(25.0, -40.0, 150.0),
    "dead_fraction": Known(0.7, 0.0, 1.0),
    "double_layer_uF_cm2": Known(20.0, 0.1, 1e4),
    "heat_loss_W_K": Known(0.01, 1e-6, 1e3),
    "heat_capacity_J_K": Known(3.0, 1e-3, 1e6),
    "spread": Known(1.0, 0.0, 10.0),
    "corrosion_first_mA_cm2": Known(UNSAID, UNSAID, 10.0),
    "corrosion_settles_cycles": Known(20.0, 1e-3, 1e6),
    "recovery_per_h": Known(0.0, 0.0, 10.0),
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


def _foil(metal: Metal, size: CellSize, values: Mapping[str, float], metal_Ah: float) -> Electrode:
    """A thick electrode of the metal: it loses nothing that matters."""
    lossless = {"ce": 1.0, "ce_first": 1.0, "diffusion_ohm_cm2": 0.0, "nucleation_V": 0.0}
    lossless |= {name: 0.0 for name in (*LOSSES, "corrosion_first_mA_cm2")}
    return Electrode(_electrode_make(metal, size, {**values, **lossless}, metal_Ah))


def _body(sense: int, size: CellSize, values: Mapping[str, float], seed: int) -> Body:
    ohm_cm2 = values["resistance_ohm_cm2"] + values.get("cathode_resistance_ohm_cm2", 0.0)
    return Body(
        sense=sense,
        resistance_ohm=ohm_cm2 / size.area_cm2,
        ambient_K=values["temperature_degC"] + ZERO_CELSIUS_K,
        heat_loss_W_K=values["heat_loss_W_K"],
        heat_capacity_J_K=values["heat_capacity_J_K"],
        troubles=troubles_of(values, size.area_cm2),
        seed=seed,
    )
