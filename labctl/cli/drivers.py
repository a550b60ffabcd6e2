"""`labctl drivers`: what can be connected, and whether anybody has tried it on hardware."""

import inspect
import math
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Annotated, Any

from cyclopts import Parameter

from labctl.bench.settings import (
    Value,
    defaults_of,
    load_driver,
    load_simulator,
    settings_of,
)
from labctl.cli.exits import Refused
from labctl.cli.options import JsonOption
from labctl.cli.output import print_json, print_lines
from labctl.show.columns import in_columns
from labctl.show.values import text

TAKES = {"bool": "true | false", "whole": "a whole number", "number": "a number", "text": "text"}


def drivers(
    name: Annotated[
        str | None, Parameter(name="NAME", help="What a bench file can say of this driver alone.")
    ] = None,
    /,
    *,
    json: JsonOption = False,
) -> int:
    """List instrument drivers with their maturity, and the simulated cell models.

    `simulated`: nobody has reported a run on hardware. `bench`: somebody has. With a NAME, the
    settings of that driver, which stand beside `driver` in a bench file, what they mean, what the
    instrument does when the PC dies, and the options of its simulator, which stand in
    `simulate: {instrument: {…}}`.

    For example:

        labctl drivers
        labctl drivers keithley-2600
        labctl drivers --json
    """
    if name is not None:
        return _one(name, json)
    found = [driver_row(name) for name in _names("labctl.drivers")]
    cells = _names("labctl.cells")
    if json:
        print_json({"drivers": found, "cell_models": cells})
        return 0
    rows = [
        [
            text(row, "driver"),
            text(row, "kind") or "–",
            text(row, "maturity") if row["kind"] else "broken",
            ", ".join(str(model) for model in _models(row)),
            "yes" if row["simulator"] else "no",
        ]
        for row in found
    ]
    print_lines(in_columns(["driver", "kind", "maturity", "models", "simulator"], rows))
    broken = [f"{row['driver']} {row['maturity']}" for row in found if not row["kind"]]
    print_lines(["", *broken] if broken else [])
    print_lines(["", "cell models: " + ", ".join(cells)])
    return 0


def _one(name: str, json: bool) -> int:
    known = _names("labctl.drivers")
    if name not in known:
        raise Refused(f"there is no driver {name!r}; there are {', '.join(known)}")
    row = driver_row(name)
    try:
        driver = load_driver(name)
        simulator = load_simulator(name) if row["simulator"] else None
    except ImportError as error:
        raise Refused(f"{name}: {error}") from error
    if json:
        options = {} if simulator is None else settings_of(simulator)
        print_json({**row, "settings": settings_of(driver), "simulator_options": options})
        return 0
    lines = [f"{name} ({text(row, 'maturity')}): {', '.join(map(str, _models(row)))}"]
    lines += ["", "settings, beside `driver` (what they are otherwise):", *_described(driver)]
    lines += ["", *_about(driver)]
    if simulator is not None:
        head = "its simulator, in `simulate: {instrument: {…}}` (what they are otherwise):"
        lines += ["", head, *_described(simulator), "", *_about(simulator)]
    print_lines(lines)
    return 0


def _described(maker: Callable[..., Any]) -> list[str]:
    settings, defaults = settings_of(maker), defaults_of(maker)
    width = max(map(len, settings), default=0)
    lines = []
    for name, takes in settings.items():
        kind = " | ".join(takes) if isinstance(takes, tuple) else TAKES[takes]
        lines.append(f"  {name:<{width}}  {kind}{_otherwise(defaults.get(name))}")
    return lines or ["  none"]


def _otherwise(default: Value | None) -> str:
    if default in (None, "", math.inf):
        return ""
    if isinstance(default, bool):
        return f" ({str(default).lower()})"
    return f" ({default:g})" if isinstance(default, float) else f" ({default})"


def _about(maker: Callable[..., Any]) -> list[str]:
    """What its module says of the instrument: its settings, and what happens when the PC dies."""
    return (inspect.getdoc(inspect.getmodule(maker)) or "").splitlines()


def driver_row(name: str) -> dict[str, object]:
    """What a driver says of itself; a driver that cannot be loaded says why."""
    simulated = name in _names("labctl.simulators")
    try:
        driver = next(iter(entry_points(group="labctl.drivers", name=name))).load()
    except Exception as error:  # another distribution's plug-in must not hide the others
        reason = f"cannot be loaded: {type(error).__name__}: {error}"
        return {
            "driver": name,
            "kind": None,
            "maturity": reason,
            "models": [],
            "simulator": simulated,
        }
    return {
        "driver": name,
        "kind": getattr(driver, "PORT", "channel"),
        "maturity": str(driver.MATURITY),
        "models": sorted(getattr(driver, "MODELS", ())),
        "simulator": simulated,
    }


def _models(row: dict[str, object]) -> list[object]:
    models = row["models"]
    return models if isinstance(models, list) else []


def _names(group: str) -> list[str]:
    return sorted({found.name for found in entry_points(group=group)})
