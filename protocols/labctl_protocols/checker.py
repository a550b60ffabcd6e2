"""Checking a protocol against cell and instrument, and binding it to them: the plan."""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from labctl_drivers.vocabulary import Ratings
from labctl_protocols import fields
from labctl_protocols.beside import read_detectors
from labctl_protocols.cell_record import KINDS, METALS, CellRecord
from labctl_protocols.context import (
    BAD,
    MEASURED_BY,
    NO_AUXILIARIES,
    Auxiliaries,
    Context,
    Named,
    Scope,
)
from labctl_protocols.control import bind_steps
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.drive import PLATE_SIGN
from labctl_protocols.files import ProtocolFile
from labctl_protocols.modes import check_modes
from labctl_protocols.plan import (
    MAIN,
    CellKind,
    Drive,
    Group,
    Limits,
    Node,
    Plan,
    Record,
    Where,
    every,
    narrowed,
)
from labctl_protocols.problems import Problems
from labctl_protocols.routines import Routines, default_of, is_required, parameter_entries
from labctl_protocols.settings import read_limits, read_record, read_start
from labctl_protocols.terms import read_parameter
from labctl_protocols.yaml12 import Entry, Scalar
from labctl_protocols.yaml12 import Mapping as YamlMapping

KEYS = (
    "name", "title", "source", "cell", "parameters", "start", "limits", "record", "reference",
    "detectors", "allow_unguarded", "steps",
)  # fmt: skip
DEFAULT_RECORD = Record(every_s=10.0)
MEASURED = frozenset({"voltage", "current"})


def bind(
    protocol: ProtocolFile,
    cell: CellRecord,
    ratings: Ratings | None,
    parameters: Mapping[str, str] | None = None,
    others: Mapping[str, Ratings] | None = None,
    auxiliaries: Auxiliaries = NO_AUXILIARIES,
) -> Plan:
    """The protocol bound to this cell and instrument. Raises ProtocolError with all problems.

    `others` are the instruments at further terminals, by role; `auxiliaries` are the bench's.
    """
    plan, _ = check(protocol, cell, ratings, parameters or {}, others, auxiliaries)
    if plan is None:
        raise RuntimeError("a protocol that was checked with a cell gave no plan")
    return plan


def check(
    protocol: ProtocolFile,
    cell: CellRecord | None,
    ratings: Ratings | None,
    parameters: Mapping[str, str] | None = None,
    others: Mapping[str, Ratings] | None = None,
    auxiliaries: Auxiliaries = NO_AUXILIARIES,
) -> tuple[Plan | None, list[str]]:
    """The plan, and what could not be checked. Raises ProtocolError with all problems.

    Without a cell there is no plan, and what needs a cell is left out.
    """
    problems = Problems(protocol.disabled)
    problems.extend(protocol.problems)
    root = protocol.root
    fields.refuse_unknown(root.entries, KEYS, problems)
    fields.require(root, ("name", "steps"), problems)
    for name in ("name", "title", "source"):
        entry = root.get(name)
        if entry is not None:
            fields.as_text(entry.value, f"`{name}`", problems)
    kind = _required_cell(root, cell, problems)
    ctx = Context(
        problems=problems,
        cell=cell,
        kind=kind,
        limits=Limits(),
        measures=MEASURED if auxiliaries.temperature is None else MEASURED | {"temperature"},
        routines=Routines(protocol.routines, problems),
        bind_steps=bind_steps,
        roles=None if ratings is None else frozenset({MAIN, *(others or {})}),
        abilities=None if ratings is None else ratings.abilities,
        auxiliaries=None if ratings is None else auxiliaries.settable,
    )
    values = _parameters(root, parameters or {}, ctx)
    scope = Scope(values=values)
    ctx.limits = _limits(
        root, [each for each in (ratings, *(others or {}).values()) if each], scope, ctx
    )
    scope = Scope(values=values, limits=ctx.limits)
    entry = root.get("steps")
    nodes = () if entry is None else bind_steps(entry.value, scope, ctx)
    instruments = {} if ratings is None else {MAIN: ratings, **(others or {})}
    answered = check_modes(
        tuple(every(nodes)), instruments, _allows_unguarded(root, problems), problems
    )
    texts = {name: named.text for name, named in values.items()}
    plan = _plan(protocol, nodes, scope, ctx, texts, auxiliaries.temperature)
    problems.raise_if_any()
    return plan, _notes(cell, ratings) + answered


def _allows_unguarded(root: YamlMapping, problems: Problems) -> bool:
    entry = root.get("allow_unguarded")
    if entry is None:
        return False
    return fields.as_choice(entry.value, "`allow_unguarded`", ("true",), problems) == "true"


def _notes(cell: CellRecord | None, ratings: Ratings | None) -> list[str]:
    notes = []
    if cell is None:
        notes.append(
            "without a cell, areal and specific units, C-rates, the direction of plate and strip "
            "and the cell's limits are not checked"
        )
    if ratings is None:
        notes.append("without an instrument, its ratings are not checked")
    return notes


def _required_cell(
    root: YamlMapping, cell: CellRecord | None, problems: Problems
) -> CellKind | None:
    """The cell's kind, or the kind that the protocol asks for; refuses another cell."""
    entry = root.get("cell")
    mapping = None if entry is None else fields.as_mapping(entry.value, "`cell`", problems)
    asked: dict[str, str] = {}
    if mapping is not None:
        fields.refuse_unknown(mapping.entries, ("kind", "metal", "collector"), problems)
        choices = {"kind": KINDS, "metal": METALS}
        for field in mapping.entries:
            name = field.key.text
            if name in choices:
                text = fields.as_choice(field.value, f"`{name}`", choices[name], problems)
            elif name == "collector":
                text = fields.as_text(field.value, "`collector`", problems)
            else:
                continue
            if text is not None:
                asked[name] = text
                _refuse_other_cell(field, text, cell, problems)
    if cell is not None:
        return cell.kind
    return cast(CellKind | None, asked.get("kind"))


def _refuse_other_cell(
    field: Entry, text: str, cell: CellRecord | None, problems: Problems
) -> None:
    if cell is None:
        return
    name = field.key.text
    has = getattr(cell, name)
    if has != text:
        problems.add(
            "wrong-cell",
            field.value.where,
            f"the protocol is for cells with {name} {text}, the cell {cell.id} has {has or 'none'}",
        )


def _parameters(root: YamlMapping, given: Mapping[str, str], ctx: Context) -> dict[str, Named]:
    values: dict[str, Named] = {}
    entries = parameter_entries(root, ctx.problems)
    known = [entry.key.text for entry in entries]
    for name in given:
        if name not in known:
            hint = fields.meant(name, known) or "it has " + (", ".join(known) or "none")
            ctx.problems.add(
                "unknown-parameter",
                Where(f"-p {name}", 1, 1),
                f"the protocol has no parameter `{name}`",
                hint,
            )
    for entry in entries:
        name = entry.key.text
        if name in given:
            values[name] = _overridden(entry, given[name], values, ctx)
        elif is_required(entry):
            ctx.problems.add(
                "missing-argument",
                entry.value.where,
                f"the parameter `{name}` must be given",
                f"-p {name}=…",
            )
            values[name] = Named(BAD, "")
        else:
            values[name] = default_of(entry, values, ctx)
    return values


def _overridden(entry: Entry, text: str, earlier: Mapping[str, Named], ctx: Context) -> Named:
    name = entry.key.text
    scalar = Scalar(Where(f"-p {name}", 1, 1), text)
    value = read_parameter(scalar, Scope(values=earlier), ctx) or Named(BAD, "")
    if is_required(entry):
        return value
    own = default_of(entry, earlier, ctx)
    kinds = (value.term.kind, own.term.kind)
    if "bad" not in kinds and kinds[0] != kinds[1]:
        ctx.problems.add(
            "dimension",
            scalar.where,
            f"`{name}` is of another kind than the protocol's own value {own.text}",
        )
        return Named(BAD, "")
    return value


def _limits(
    root: YamlMapping, instruments: Sequence[Ratings], scope: Scope, ctx: Context
) -> Limits:
    """The intersection of instruments, cell and protocol."""
    limits = Limits()
    for ratings in instruments:
        rated = Limits(ratings.low_V, ratings.high_V, ratings.max_current_A)
        limits = narrowed(limits, rated)
    cell = ctx.cell
    if cell is not None:
        if cell.limits.temperature_high_K is not None and "temperature" not in ctx.measures:
            ctx.problems.add(
                "not-measured",
                Where(cell.file or cell.id, 1, 1),
                "the cell's limit on the temperature, which nobody measures",
                MEASURED_BY,
            )
        limits = narrowed(limits, cell.limits)
    entry = root.get("limits")
    own = Limits()
    if entry is not None:
        around = Scope(values=scope.values, limits=limits)
        own = read_limits(entry.value, around, ctx, "what cell and instrument allow,")
    if cell is not None:
        asked = narrowed(cell.limits, own)
        for what, value in (
            ("voltage", asked.low_V),
            ("voltage", asked.high_V),
            ("current", asked.current_A),
        ):
            if value is None:
                ctx.problems.add(
                    "no-limits",
                    root.where,
                    f"neither the cell record nor the protocol limits the {what}",
                    f"add `limits: {{{what}: …}}`",
                )
    return narrowed(limits, own)


def _plan(
    protocol: ProtocolFile,
    nodes: tuple[Node, ...],
    scope: Scope,
    ctx: Context,
    parameters: Mapping[str, str],
    temperature: str | None,
) -> Plan | None:
    root, cell = protocol.root, ctx.cell
    start, record = root.get("start"), root.get("record")
    window = None if start is None else read_start(start.value, scope, ctx)
    rule = None if record is None else read_record(record.value, scope, ctx)
    reference = _reference(root, nodes, ctx)
    policies = root.get("detectors")
    chosen = {} if policies is None else read_detectors(policies.value, ctx)
    _refuse_unknown_labels(ctx)
    if cell is None:
        return None
    return Plan(
        name=protocol.name,
        title=protocol.title,
        kind=cell.kind,
        metal=cell.metal,
        area_cm2=cell.area_cm2,
        nominal_Ah=cell.capacity_Ah,
        inventory_Ah=cell.inventory_Ah,
        plate_sign=PLATE_SIGN.get(cell.kind),
        charge_plates=cell.kind == "anode-free",
        first=_first(cell.kind, nodes),
        limits=ctx.limits,
        start_V=window,
        record=rule or DEFAULT_RECORD,
        reference=reference,
        parameters=dict(parameters),
        steps=nodes,
        terminals=dict(cell.terminals),
        detectors={**{name: each.policy for name, each in DETECTORS.items()}, **chosen},
        preplated_Ah=cell.preplated_Ah,
        auxiliaries=tuple(sorted(ctx.auxiliary_uses | ({temperature} if temperature else set()))),
        temperature=temperature,
    )


def _first(kind: CellKind, nodes: tuple[Node, ...]) -> Literal["plate", "charge", "discharge"]:
    """Which half of a cycle comes first in this kind of cell."""
    if kind == "half":
        return "plate"
    if kind in ("anode-free", "full"):
        return "charge"
    first = next((node for node in every(nodes) if isinstance(node, Drive)), None)
    return "discharge" if first is not None and first.sign < 0 else "charge"


def _reference(root: YamlMapping, nodes: tuple[Node, ...], ctx: Context) -> str | None:
    entry = root.get("reference")
    if entry is None:
        return None
    label = fields.as_text(entry.value, "`reference`", ctx.problems)
    groups = {node.label for node in every(nodes) if isinstance(node, Group) and node.label}
    if label is not None and label not in groups:
        hint = fields.meant(label, groups)
        ctx.problems.add("unknown-label", entry.value.where, f"no group is called `{label}`", hint)
    return label


def _refuse_unknown_labels(ctx: Context) -> None:
    for where, label in ctx.label_uses:
        if label not in ctx.labels:
            ctx.problems.add(
                "unknown-label",
                where,
                f"no step and no group is called `{label}`",
                fields.meant(label, ctx.labels),
            )
