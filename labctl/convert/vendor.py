"""A unicycler document through the aurora-unicycler package: its own JSON, and vendors' forms."""

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

Cycling = Any
"""aurora-unicycler's CyclingProtocol: the package declares no types, and may not be there."""
Form = Literal["unicycler", "neware", "biologic", "pybamm"]
ENDINGS: Mapping[str, str] = {
    "unicycler": ".json",
    "neware": ".xml",
    "biologic": ".mps",
    "pybamm": ".json",
}
RANGES_V = ((0.0, 5.0), (-5.0, 5.0), (0.0, 10.0), (-10.0, 10.0))


class VendorError(ValueError):
    """The package is missing, or does not take the protocol."""


def vendor_text(document: Mapping[str, object], form: Form) -> str:
    """The document in that form. Raises VendorError."""
    try:
        package = importlib.import_module("aurora_unicycler")
    except ImportError as error:
        hint = "pip install 'labctl-bench[unicycler]'"
        raise VendorError(f"this needs the package aurora-unicycler: {hint}") from error
    try:
        protocol = package.CyclingProtocol.from_dict(dict(document))
        return WRITERS[form](protocol)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        first = " ".join(str(error).split())
        raise VendorError(f"aurora-unicycler: {first}") from error


def _unicycler(protocol: Cycling) -> str:
    return str(protocol.to_json()) + "\n"


def _neware(protocol: Cycling) -> str:
    return str(protocol.to_neware_xml())


def _biologic(protocol: Cycling) -> str:
    """It writes three decimals only: what that would change is refused."""
    capacity = protocol.sample.capacity_mAh or 0.0
    _whole("record", "V", protocol.record.voltage_V)
    _whole("record", "mA", protocol.record.current_mA)
    for number, step in enumerate(protocol.method, 1):
        for name in ("until_voltage_V", "voltage_V"):
            _whole(f"step {number}", "V", getattr(step, name, None))
        per_hour = getattr(step, "until_rate_C", None)
        final = getattr(step, "until_current_mA", None)
        _whole(f"step {number}", "mA", per_hour * capacity if per_hour else final, within=0.01)
        if step.step == "impedance_spectroscopy":
            _whole_spectrum(f"step {number}", step)
    return str(protocol.to_biologic_mps(range_V=_range(protocol)))


def _whole(what: str, unit: str, value: float | None, within: float = 1e-6) -> None:
    """Raises ValueError where three decimals change the value by more than that share of it."""
    if value is None or abs(value) < 1e-9:
        return
    if abs(value - round(value, 3)) > within * abs(value):
        raise ValueError(f"a BioLogic file has three decimals: {what} has {value:g} {unit}")


def _whole_spectrum(what: str, step: Cycling) -> None:
    """The package writes no frequency at all below 1 mHz."""
    for frequency in (step.start_frequency_Hz, step.end_frequency_Hz):
        if frequency < 1e-3:
            raise ValueError(f"a BioLogic file has no frequency below 1 mHz: {what}")
        _whole_in_its_unit(what, frequency, {"kHz": 1e3, "Hz": 1.0, "mHz": 1e-3})
    _whole_in_its_unit(what, step.amplitude_V, {"V": 1.0, "mV": 1e-3, "uV": 1e-6})
    _whole_in_its_unit(what, step.amplitude_mA, {"mA": 1.0, "uA": 1e-3})


def _whole_in_its_unit(what: str, value: float | None, units: Mapping[str, float]) -> None:
    """It takes the largest unit of which there is at least one, else the smallest."""
    if value is not None:
        smallest = list(units.items())[-1]
        unit, size = next((each for each in units.items() if value >= each[1]), smallest)
        _whole(what, unit, value / size)


def _range(protocol: Cycling) -> tuple[float, float]:
    """The smallest range of the instrument that holds the limits and every step."""
    safety = protocol.safety
    values = [safety.max_voltage_V, safety.min_voltage_V]
    for step in protocol.method:
        values += [getattr(step, "until_voltage_V", None), getattr(step, "voltage_V", None)]
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    for span in RANGES_V:
        if span[0] <= low and high <= span[1]:
            return span
    raise ValueError(f"no range of a BioLogic instrument holds {low:g} V to {high:g} V")


def _pybamm(protocol: Cycling) -> str:
    """The signs of final currents are Neware's concern; PyBaMM compares magnitudes."""
    plain = protocol.model_copy(deep=True)
    for step in plain.method:
        for name in ("until_rate_C", "until_current_mA"):
            value = getattr(step, name, None)
            if value is not None:
                setattr(step, name, abs(value))
    return json.dumps(plain.to_pybamm_experiment(), indent=2) + "\n"


WRITERS: Mapping[str, Callable[[Cycling], str]] = {
    "unicycler": _unicycler,
    "neware": _neware,
    "biologic": _biologic,
    "pybamm": _pybamm,
}
