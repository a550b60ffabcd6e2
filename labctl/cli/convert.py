"""`labctl convert`: other programs' protocols into labctl's language, and back."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from labctl.cli.check import ParameterOption
from labctl.cli.exits import Refused
from labctl.cli.options import Pairs, named_values
from labctl.cli.output import print_lines

if TYPE_CHECKING:
    from labctl.convert.vendor import Form
    from labctl_protocols.plan import Plan

WithoutOption = Annotated[
    list[str] | None,
    Parameter(name="--without", negative="", help="What may be left out; repeatable."),
]
OutputOption = Annotated[
    Path | None, Parameter(name=["-o", "--output"], help="File to write; none: standard output.")
]


def convert(
    file: Annotated[str, Parameter(name="FILE", help="A foreign file; with --to, a protocol.")],
    /,
    *,
    from_: Annotated[
        Literal["unicycler", "pybamm", "battinfo"] | None,
        Parameter(name="--from", help="What the file is; none: told from its content."),
    ] = None,
    to: Annotated[
        Literal["labctl", "unicycler", "neware", "biologic", "pybamm"],
        Parameter(help="What to make of it; another than labctl needs --cell."),
    ] = "labctl",
    cell: Annotated[
        str | None, Parameter(name="--cell", help="The cell that the protocol is for.")
    ] = None,
    p: ParameterOption = None,
    without: WithoutOption = None,
    output: OutputOption = None,
) -> int:
    """Turn another program's protocol into labctl's language, or a protocol into another's.

    Read are aurora-unicycler's JSON, PyBaMM's experiment strings (a list in JSON or YAML, where
    an inner list is a cycle, or a string on each line of a text) and BattINFO's test-protocol
    JSON. What labctl cannot say is an error with its place in the file, never left out, unless
    --without names that place. The result has passed labctl's own check, with the cell if one
    is given.

    For example:

        labctl convert cycling.json -o cycling.yaml
        labctl convert strings.txt --from pybamm --cell lfp-graphite
        labctl convert cycling.yaml --to neware --cell lfp-graphite -o cycling.xml
    """
    if to != "labctl":
        if from_ is not None or cell is None:
            raise Refused(f"--to {to} takes a labctl protocol and needs --cell")
        plan, sample = _bound(file, cell, p)
        write_foreign(plan, sample, to, without or (), output)
        return 0
    if p:
        raise Refused("-p belongs to a labctl protocol, that is, to --to")
    from labctl.cli.inputs import find_cell
    from labctl.convert import convert_text
    from labctl_protocols.problems import Problems
    from labctl_protocols.yaml12 import read_text

    problems = Problems()
    text = read_text(Path(file), problems)
    problems.raise_if_any()
    record = None if cell is None else find_cell(cell)
    made = convert_text(text or "", file, from_, record, without or ())
    deliver(made.yaml, made.notes, output)
    return 0


def _bound(protocol: str, cell: str, p: Pairs) -> "tuple[Plan, str]":
    from labctl.cli.inputs import find_cell
    from labctl_protocols.checker import bind
    from labctl_protocols.files import load_protocol

    record = find_cell(cell)
    return bind(load_protocol(protocol), record, None, named_values(p, "-p")), record.id


def export_protocol(
    run: str,
    form: "Form",
    cell: str | None,
    p: Pairs,
    without: Sequence[str],
    output: Path | None,
    data: Path,
) -> int:
    """A run's protocol, or with a cell a protocol, in another program's form."""
    if cell is not None:
        plan, sample = _bound(run, cell, p)
        write_foreign(plan, sample, form, without, output)
        return 0
    if p:
        raise Refused("-p belongs to a protocol, that is, to --cell; a run has its parameters")
    from labctl.convert.vendor import ENDINGS
    from labctl.export.files import target
    from labctl.journal import find_run, read_manifest

    folder = find_run(data, run)
    manifest = read_manifest(folder)
    plan, sample = _of_run(manifest, folder)
    path = target(folder, manifest, ENDINGS[form], output)
    write_foreign(plan, sample, form, without, path)
    return 0


def _of_run(manifest: Mapping[str, object], folder: Path) -> "tuple[Plan, str]":
    """The plan that the run was bound to, from its manifest alone."""
    from labctl.show.values import part, text
    from labctl_protocols.checker import bind
    from labctl_protocols.files import cell_from_text, protocol_from_text

    protocol, record = part(manifest, "protocol"), part(manifest, "cell")
    cell = cell_from_text(text(record, "text"), f"{folder.name}/cell.yaml")
    source = protocol_from_text(text(protocol, "text"), f"{folder.name}/protocol.yaml")
    given = {name: str(value) for name, value in part(protocol, "parameters").items()}
    return bind(source, cell, None, given), cell.id


def write_foreign(
    plan: "Plan", sample: str, form: "Form", without: Sequence[str], output: Path | None
) -> None:
    """The plan in another program's form, to the file or standard output; notes beside it."""
    from labctl.convert.to_unicycler import unicycler_document
    from labctl.convert.vendor import VendorError, vendor_text

    document, notes = unicycler_document(plan, sample, without)
    try:
        text = vendor_text(document, form)
    except VendorError as error:
        raise Refused(str(error)) from error
    if form == "pybamm":
        notes = (*notes, "PyBaMM's strings hold neither limits nor a recording rule")
    # EC-Lab reads its files in Windows' Western code page
    deliver(text, notes, output, "cp1252" if form == "biologic" else "utf-8")


def deliver(text: str, notes: Sequence[str], output: Path | None, encoding: str = "utf-8") -> None:
    """The text whole to its file, or to standard output; notes to standard error."""
    if output is None:
        sys.stdout.write(text)
    else:
        from labctl.export.files import written_whole

        try:
            data = text.encode(encoding)
        except UnicodeEncodeError as error:
            raise Refused(f"{output}: `{text[error.start]}` is not in {encoding}") from error
        with written_whole(output) as path:
            path.write_bytes(data)
        print_lines([str(output)])
    for note in notes:
        print(f"labctl: note: {note}", file=sys.stderr)
