"""`labctl export`: a run's data for other programs."""

import sys
from pathlib import Path
from typing import Annotated, Literal, cast

from cyclopts import Parameter

from labctl.cli.check import CellOption, ParameterOption
from labctl.cli.convert import WithoutOption, export_protocol
from labctl.cli.exits import INTEGRITY, Refused
from labctl.cli.options import DEFAULT_DATA, DataOption, RunName
from labctl.cli.output import print_lines
from labctl.journal import find_run

DataFormat = Literal[
    "bdf-csv",
    "bdf-parquet",
    "csv",
    "origin-csv",
    "steps-csv",
    "cycles-csv",
    "pulses-csv",
    "dqdv-csv",
    "impedance-csv",
]
ProtocolFormat = Literal["unicycler", "neware", "biologic", "pybamm"]
PROTOCOL_FORMATS = ("unicycler", "neware", "biologic", "pybamm")


def export(
    run: RunName,
    /,
    *,
    to: Annotated[
        DataFormat | ProtocolFormat, Parameter(help="Which data, or protocol, in which form.")
    ],
    output: Annotated[
        Path | None,
        Parameter(name=["-o", "--output"], help="File or folder; none: the run's folder."),
    ] = None,
    cell: CellOption = None,
    p: ParameterOption = None,
    without: WithoutOption = None,
    data: DataOption = DEFAULT_DATA,
) -> int:
    """Write a run's data, or its protocol for another program, to a file.

    `bdf-csv` and `bdf-parquet` are the Battery Data Format (LF Energy) with all columns;
    `csv` is a plain table in mAh and mAh/cm2 for Excel and the like; `origin-csv` the same with
    Origin's rows of long names, units and comments; `steps-csv` and `cycles-csv` have a row for
    each step and each cycle, `pulses-csv` one for each pulse and pause (DCIR, ICI, GITT),
    `dqdv-csv` the differential capacity of every complete cycle, `impedance-csv` one for each
    frequency of each spectrum. A BDF file is checked as soon as
    it is written: what is wrong with it is told, and the exit code is 6.

    `unicycler`, `neware`, `biologic` and `pybamm` write the run's protocol, with its cell and
    parameters, through the package aurora-unicycler (extra `unicycler`); with --cell, RUN is a
    protocol instead (see `labctl convert --to`). What the form cannot say is an error naming it.

    For example:

        labctl export 20261123-1412 --to bdf-csv
        labctl export 20261123-1412 --to cycles-csv -o cycles.csv
        labctl export 20261123-1412 --to unicycler -o protocol.json
        labctl export cycling.yaml --cell lfp-graphite --to unicycler
    """
    if to in PROTOCOL_FORMATS:
        form = cast(ProtocolFormat, to)
        return export_protocol(run, form, cell, p, without or (), output, data)
    if cell is not None or p or without:
        raise Refused(f"--cell, -p and --without belong to a protocol's form, not to {to}")
    return _export_data(run, cast(DataFormat, to), output, data)


def _export_data(run: str, to: DataFormat, output: Path | None, data: Path) -> int:
    from labctl import export as exports

    folder = find_run(data, run)
    tables = {
        "csv": exports.export_csv,
        "origin-csv": exports.export_origin_csv,
        "steps-csv": exports.export_steps_csv,
        "cycles-csv": exports.export_cycles_csv,
        "pulses-csv": exports.export_pulses_csv,
        "dqdv-csv": exports.export_dqdv_csv,
        "impedance-csv": exports.export_impedance_csv,
    }
    if to in tables:
        print_lines([str(tables[to](folder, output))])
        return 0
    suffix = ".csv" if to == "bdf-csv" else ".parquet"
    if output is not None and not output.is_dir() and output.suffix != suffix:
        raise Refused(f"-o {output}: {to} goes to a file that ends in {suffix}, or to a folder")
    write = exports.export_bdf_csv if to == "bdf-csv" else exports.export_bdf_parquet
    written = write(folder, output)
    print_lines([str(written.path)])
    for finding in written.findings:
        print(f"labctl: {written.path}: {finding}", file=sys.stderr)
    return INTEGRITY if written.findings else 0
