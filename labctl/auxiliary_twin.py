"""Simulated twins of what stands beside the cells: chambers around them, scanners on them."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

from labctl.bench.model import Bench, BenchError, Instrument, Simulate
from labctl.bench.settings import is_auxiliary
from labctl.twin import load_simulator, with_faults
from labctl_simulators.ports import Cell, Firmware, Probe
from labctl_simulators.probes import Steady, probe_of
from labctl_simulators.surroundings import Surroundings


def auxiliary_twins(bench: Bench, cells: Mapping[str, Cell], seed: int = 0) -> dict[str, Firmware]:
    """The twins of a bench's auxiliary instruments by name, from time 0 on.

    `cells` are those at the bench's channels. A sensor is on the cell whose channel names it as its
    `temperature`; any other is in the chamber's air or, where there is no chamber, in a room at
    25 °C. All cells are in the one chamber of the bench; with several chambers they are in none,
    for the bench does not say which. Raises BenchError.
    """
    those = [each for each in bench.instruments.values() if is_auxiliary(each.driver)]
    seeds = {each.name: _seed(each, seed + place) for place, each in enumerate(those)}
    scanners = [each for each in those if "probes" in signature(_maker(each)).parameters]
    chambers = [each for each in those if each not in scanners]
    twins: dict[str, Firmware] = {}
    air: Probe | None = None
    for each in chambers:
        chamber = _make(each, seeds[each.name])
        inside = list(cells.values()) if len(chambers) == 1 else []
        around = Surroundings(chamber, chamber.air, inside)
        twins[each.name] = with_faults(around, each, seeds[each.name])
        air = chamber.air if len(chambers) == 1 else None
    for each in scanners:
        probes = _probes(bench, each.name, cells, air)
        scanner = _make(each, seeds[each.name], probes=probes)
        twins[each.name] = with_faults(scanner, each, seeds[each.name])
    return twins


def _probes(
    bench: Bench, instrument: str, cells: Mapping[str, Cell], air: Probe | None
) -> dict[int, Probe]:
    measured = {each.temperature: cells[n] for n, each in bench.channels.items() if n in cells}
    return {
        each.channel: probe_of(measured[name], air) if name in measured else air or Steady()
        for name, each in bench.auxiliaries.items()
        if each.instrument == instrument
    }


def _maker(instrument: Instrument) -> Any:  # noqa: ANN401 - whatever a plug-in offers
    return load_simulator(instrument.driver)


def _make(instrument: Instrument, seed: int, **more: object) -> Any:  # noqa: ANN401 - as above
    """Raises BenchError for a parameter that the simulator does not know."""
    maker = _maker(instrument)
    block = instrument.simulate or Simulate()
    given = {**block.instrument, **block.parameters}
    known = [name for name in signature(maker).parameters if name not in (*more, "serial", "seed")]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BenchError(
            f"instrument {instrument.name}: its simulator has no parameter {unknown[0]!r}; "
            f"it has {', '.join(known) or 'none'}"
        )
    options = {**more, **given, "serial": instrument.serial, "seed": seed}
    taken = signature(maker).parameters
    try:
        return maker(**{name: value for name, value in options.items() if name in taken})
    except ValueError as error:
        raise BenchError(f"instrument {instrument.name}: {error}") from None


def _seed(instrument: Instrument, otherwise: int) -> int:
    own = (instrument.simulate or Simulate()).seed
    return otherwise if own is None else own
