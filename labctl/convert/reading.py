"""A foreign file as a labctl protocol that passes labctl's own check."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labctl.convert.battinfo import read_battinfo
from labctl.convert.context import Context
from labctl.convert.draft import Draft, written
from labctl.convert.places import Node, read_json
from labctl.convert.pybamm import read_lines, read_pybamm
from labctl.convert.unicycler import read_unicycler
from labctl_protocols import yaml12
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.checker import check
from labctl_protocols.files import protocol_from_text
from labctl_protocols.plan import Plan, Where
from labctl_protocols.problems import Problem, Problems, ProtocolError

FORMS = {
    "unicycler": "aurora-unicycler",
    "pybamm": "PyBaMM experiment",
    "battinfo": "BattINFO test protocol",
}


@dataclass(frozen=True, slots=True)
class Converted:
    """A labctl protocol as YAML, what the user must know about it, and the form that was read.

    `plan` is there where a cell was given.
    """

    yaml: str
    notes: tuple[str, ...]
    form: str
    plan: Plan | None


def convert_text(
    text: str,
    file: str,
    form: str | None = None,
    cell: CellRecord | None = None,
    without: Collection[str] = (),
) -> Converted:
    """The file as a labctl protocol. Raises ProtocolError with places in the foreign file.

    `form` is one of FORMS, or None to tell it from the content.
    """
    ctx = Context(file, cell, frozenset(without))
    form, draft = _read(text, form, ctx)
    for path in sorted(ctx.without - ctx.left):
        ctx.wrong(Where(file, 1, 1), f"--without '{path}': nothing was refused there")
    ctx.problems.raise_if_any()
    if draft is None:
        raise ProtocolError((Problem(Where(file, 1, 1), "nothing to convert", "convert"),))
    if cell is not None and cell.kind == "half":
        ctx.notes.append(
            "charge and discharge are kept as they were; in a half cell only `plate` and `strip` "
            "count in the metal ledger"
        )
    heading = [f"converted from {Path(file).name} ({FORMS[form]}) by labctl convert", *ctx.notes]
    yaml, places = written(draft, heading)
    return Converted(yaml, tuple(ctx.notes), form, _checked(yaml, places, cell))


def _read(text: str, form: str | None, ctx: Context) -> tuple[str, Draft | None]:
    first = text.lstrip()[:1]
    if (form is None and first == "{") or form in ("unicycler", "battinfo"):
        root = read_json(text, ctx.file)
        form = form or _form_of(root)
        readers = {"unicycler": read_unicycler, "battinfo": read_battinfo, "pybamm": read_pybamm}
        return form, readers[form](root, ctx)
    if first in ("{", "["):
        return "pybamm", read_pybamm(read_json(text, ctx.file), ctx)
    if Path(ctx.file).suffix.lower() in (".yaml", ".yml"):
        tree = _from_yaml(text, ctx)
        return "pybamm", None if tree is None else read_pybamm(tree, ctx)
    return "pybamm", read_lines(text, ctx)


def _form_of(root: Node) -> str:
    if root.get("experiment") is not None:
        return "pybamm"
    if root.get("test_spec") is not None or root.get("schema_version") is not None:
        return "battinfo"
    if root.get("method") is not None:
        return "unicycler"
    message = "neither unicycler's `method`, nor BattINFO's `test_spec`, nor PyBaMM's `experiment`"
    raise ProtocolError((Problem(root.where, message, "convert", "--from says which it is"),))


def _from_yaml(text: str, ctx: Context) -> Node | None:
    tree = yaml12.compose(text, ctx.file, ctx.problems)
    return None if tree is None else _as_node(tree, "", ctx)


def _as_node(tree: yaml12.Node, path: str, ctx: Context) -> Node | None:
    if isinstance(tree, yaml12.Scalar):
        return Node(tree.where, path, tree.text)
    if isinstance(tree, yaml12.List):
        found = [_as_node(item, f"{path}[{at}]", ctx) for at, item in enumerate(tree.items)]
        return Node(tree.where, path, [node for node in found if node is not None])
    if isinstance(tree, yaml12.Mapping):
        inner = {
            entry.key.text: node
            for entry in tree.entries
            if (node := _as_node(entry.value, entry.key.text, ctx)) is not None
        }
        return Node(tree.where, path, inner)
    return None


# ---- labctl's own check --------------------------------------------------------------------


def _checked(yaml: str, places: Sequence[Where], cell: CellRecord | None) -> Plan | None:
    """The plan, if there is a cell. What labctl's check refuses is told at its foreign place."""
    name = "converted.yaml"
    try:
        plan, _ = check(protocol_from_text(yaml, name, Problems()), cell, None)
    except ProtocolError as error:
        rows = yaml.split("\n")
        raise ProtocolError(
            tuple(_placed(problem, name, rows, places) for problem in error.problems)
        ) from error
    return plan


def _placed(problem: Problem, name: str, rows: list[str], places: Sequence[Where]) -> Problem:
    line = problem.where.line
    if problem.where.file != name or not 1 <= line <= len(places):
        return problem
    shown = rows[line - 1].strip().removeprefix("- ")
    message = f"`{shown}`: {problem.message}"
    return replace(problem, where=places[line - 1], message=message)
