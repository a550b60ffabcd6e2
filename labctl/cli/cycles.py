"""`labctl cycles`: per-cycle figures of a run, or of a BDF file that labctl did not write."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from labctl.cli.exits import Refused
from labctl.cli.options import DEFAULT_DATA, DataOption, JsonOption
from labctl.cli.output import print_json, print_lines
from labctl.cli.runs import group_lines
from labctl.journal import Reader, find_run
from labctl.show.columns import in_columns
from labctl.show.figures import Figures, Json, figures_of
from labctl.show.values import figure, number, part, text

Sense = Literal["plate-first", "charge-first", "discharge-first"]
HEAD = ("cycle", "class", "first", "mAh", "second", "mAh", "CE/%", "±/%", "flags")


def cycles(
    what: Annotated[str, Parameter(name="RUN", help="A run, or a BDF file (.csv).")],
    /,
    *,
    sense: Annotated[
        Sense | None, Parameter(help="Which half comes first in a file; runs know it.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
    json: JsonOption = False,
) -> int:
    """Show charge, Coulombic efficiency and its uncertainty (k = 2) of every cycle and group.

    A run's cycles come from the protocol's structure, and every reading is in their charges.
    Interrupted cycles and halves without a partner are told apart, never as cycles.

    For example:

        labctl cycles 20261123-1412
        labctl cycles 20261123-1412 --json
    """
    if what.lower().endswith((".csv", ".parquet")):
        raise Refused(
            f"{what}: figures of files that labctl did not record are not in this version; "
            "name a run"
        )
    if sense is not None:
        raise Refused("--sense is for files: a run knows which half comes first")
    folder = find_run(data, what)
    with Reader(folder) as reader:
        name = text(reader.manifest(), "run") or folder.name
        found = figures_of(reader.events())
    if json:
        print_json({"run": name, **found})
        return 0
    print_lines(_lines(Path(folder), found))
    return 0


def _lines(folder: Path, found: Figures) -> list[str]:
    lines = [f"run {folder.name}  {found['sense'] or ''}".rstrip()]
    if found["cycles"]:
        lines += in_columns(HEAD, [_row(cycle) for cycle in found["cycles"]])
    else:
        lines.append("no complete cycle")
    lines += [_apart(half) for half in found["halves"]]
    return lines + group_lines(found["groups"])


def _row(cycle: Json) -> list[str]:
    first, second = part(cycle, "first"), part(cycle, "second")
    flags = cycle["flags"]
    return [
        str(cycle["cycle"]),
        text(cycle, "class"),
        text(first, "kind"),
        figure(number(first, "charge_mAh"), ".4f"),
        text(second, "kind"),
        figure(number(second, "charge_mAh"), ".4f"),
        figure(number(cycle, "ce_percent"), ".3f"),
        figure(number(cycle, "u_ce_percent"), ".3f"),
        ", ".join(map(str, flags)) if isinstance(flags, list) else "",
    ]


def _apart(half: Json) -> str:
    role = text(half, "role").replace("_", "-")
    charge = figure(number(half, "charge_mAh"), ".4f", "mAh")
    group = text(half, "group")
    return f"{role} half: {text(half, 'kind')} {charge}" + (f" in {group}" if group else "")
