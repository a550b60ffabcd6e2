"""`labctl cells`: the library's records, records of a batch from a table, the cell after a run."""

from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from labctl.cli.exits import Refused
from labctl.cli.inputs import find_cell
from labctl.cli.library import listed, print_shipped, shelf_json
from labctl.cli.options import DEFAULT_DATA, DataOption, JsonOption, RunName
from labctl.cli.output import print_json, print_lines
from labctl.show.columns import in_columns
from labctl.show.values import figure
from labctl_protocols import library
from labctl_protocols.cell_record import CellRecord

app = cyclopts.App(name="cells")

LikeOption = Annotated[
    str | None,
    Parameter(name="--like", help="A record, file or name, that says what is not said here."),
]


@app.default
def cells(*, json: JsonOption = False) -> int:
    """List the library's cell records with their titles.

    For example:

        labctl cells
        labctl cells show na-cu-half > my-cell.yaml
        labctl cells import coins.csv --like na-cu-half -o cells
    """
    if json:
        print_json({"cells": shelf_json("cells")})
    else:
        print_lines(listed("cell", library.shipped("cells")))
    return 0


@app.command(name="show")
def show_cell(name: str, /) -> int:
    """Print a cell record's YAML, to be read and copied.

    For example:

        labctl cells show na-cu-half > my-cell.yaml
    """
    return print_shipped(("cells",), name)


@app.command(name="import")
def import_cells(
    table: Annotated[Path, Parameter(name="TABLE", help="A CSV file, one row for each cell.")],
    /,
    *,
    output: Annotated[
        Path, Parameter(name=["-o", "--output"], help="Folder for the records.")
    ] = Path("cells"),
    like: LikeOption = None,
    force: Annotated[
        bool, Parameter(negative="", help="Replace records that are there already.")
    ] = False,
) -> int:
    """Write a cell record for each row of a table, as a lab keeps it.

    Columns are known by their names: id, kind, metal, collector, cathode, electrolyte, area or
    diameter, capacity, inventory, pre-plated, active mass (or cathode mass, foil mass and active
    fraction), low and high voltage, max current, area of, capacity basis, title, source, notes.
    The unit stands in the header (`area / cm2`, `capacity (mAh/cm2)`, `mass_mg`) or in the cell.
    Other columns are kept as notes.

    `,`, `;` and tabs separate, as the header does; a decimal comma is read where the comma does
    not separate. What is ambiguous is refused, with its row and column. All rows are checked
    before the first file is written.

    For example:

        labctl cells import coins.csv --like na-cu-half
        labctl cells import coins.csv --like my-cell.yaml -o batch-7 --force
    """
    from labctl.records.batch import like_cell, read_batch
    from labctl.records.files import RecordsThere, write_all
    from labctl.records.table import TableError

    alike = None if like is None else like_cell(like, find_cell(like))
    try:
        batch = read_batch(table, alike)
        texts = {output / f"{each.id}.yaml": each.text for each in batch.made}
        write_all(texts, force)
    except (TableError, RecordsThere) as error:
        raise Refused(*error.lines) from None
    rows = [
        [each.id, each.record.kind, each.record.metal or "", *_sizes(each.record), str(path)]
        for each, path in zip(batch.made, texts, strict=True)
    ]
    head = ["cell", "kind", "metal", "area/cm2", "capacity/mAh", "active mass/mg", "file"]
    print_lines(in_columns(head, rows))
    print_lines(f"note: {line}" for line in batch.told)
    return 0


@app.command(name="after")
def cell_after(
    run: RunName,
    /,
    *,
    like: LikeOption = None,
    output: Annotated[
        Path | None, Parameter(name=["-o", "--output"], help="The record's file; none: ID.yaml.")
    ] = None,
    id: Annotated[str | None, Parameter(name="--id", help="The record's id.")] = None,
    force: Annotated[
        bool, Parameter(negative="", help="Also after a run that ended otherwise than it should.")
    ] = False,
    data: DataOption = DEFAULT_DATA,
) -> int:
    """Write the record of the cell after a run, with its history, for the next run.

    Without --like the same cell goes on: its record with the run added to `history`, and what the
    run's ledger says lies on its collector, or is left of its inventory. With --like the collector
    on which the run plated goes into another cell: that record, with the metal as `pre_plated`
    and added to its inventory. The charge is the measured one, from the run's journal.

    For example:

        labctl cells after 20261123-1412
        labctl cells after 20261123-1412 --like na-nvp-anode-free --id af-07
    """
    from labctl.journal import find_run
    from labctl.records.after import NoRecordAfter, record_after
    from labctl.records.batch import like_cell
    from labctl.records.files import RecordsThere, write_all

    alike = None if like is None else like_cell(like, find_cell(like))
    try:
        made = record_after(find_run(data, run), alike, id, force)
        path = output or Path(f"{made.id}.yaml")
        if path.is_dir():
            path = path / f"{made.id}.yaml"
        write_all({path: made.text})
    except (NoRecordAfter, RecordsThere) as error:
        raise Refused(*error.lines) from None
    print_lines([f"cell {made.id}", f"file {path}", *made.told])
    return 0


def _sizes(record: CellRecord) -> list[str]:
    milli = [
        None if value is None else value * 1e3
        for value in (record.capacity_Ah, record.active_mass_g)
    ]
    return [figure(value, ".4g") for value in (record.area_cm2, *milli)]
