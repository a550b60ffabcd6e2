"""`labctl drivers`: what can be connected, and whether anybody has tried it on hardware."""

from importlib.metadata import entry_points

from labctl.cli.options import JsonOption
from labctl.cli.output import print_json, print_lines
from labctl.show.columns import in_columns
from labctl.show.values import text


def drivers(*, json: JsonOption = False) -> int:
    """List instrument drivers with their maturity, and the simulated cell models.

    `simulated`: nobody has reported a run on hardware. `bench`: somebody has.

    For example:

        labctl drivers
        labctl drivers --json
    """
    found = [driver_row(name) for name in _names("labctl.drivers")]
    cells = _names("labctl.cells")
    if json:
        print_json({"drivers": found, "cell_models": cells})
        return 0
    rows = [
        [
            text(row, "driver"),
            text(row, "kind"),
            text(row, "maturity"),
            ", ".join(str(model) for model in _models(row)),
            "yes" if row["simulator"] else "no",
        ]
        for row in found
    ]
    print_lines(in_columns(["driver", "kind", "maturity", "models", "simulator"], rows))
    print_lines(["", "cell models: " + ", ".join(cells)])
    return 0


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
