"""Terms of single words: quantities, live names, parameters, `last(label).figure`, `dV/dt`."""

from labctl_protocols.cell_record import in_si
from labctl_protocols.context import BAD, MEASURED_BY, Term, unknown
from labctl_protocols.expressions import Tree
from labctl_protocols.fields import meant
from labctl_protocols.maker import Make, Maker
from labctl_protocols.plan import LEDGER
from labctl_protocols.quantities import (
    CHARGE,
    CURRENT,
    ENERGY,
    NUMBER,
    POWER,
    TEMPERATURE,
    TIME,
    VOLTAGE,
    VOLTAGE_SLOPE,
    Dimensions,
    Quantity,
    to_si,
)
from labctl_protocols.tokens import FIGURES

LIVE = {
    "voltage": VOLTAGE,
    "current": CURRENT,
    "power": POWER,
    "capacity": CHARGE,
    "energy": ENERGY,
    "time": TIME,
    "temperature": TEMPERATURE,
    "elapsed": TIME,
    "cycle": NUMBER,
    "ce": NUMBER,
    "retention": NUMBER,
    "deposit": CHARGE,
    "lost": CHARGE,
    "supplied": CHARGE,
    "inventory": CHARGE,
    "nominal": CHARGE,
}
FIGURE_KINDS = dict(zip(FIGURES, (CHARGE, ENERGY, TIME, VOLTAGE, CURRENT, NUMBER), strict=True))
ENDED_WORDS = frozenset({*LIVE, "charge", "condition", "dV/dt"})
RESERVED = frozenset({*LIVE, "ended", "last", "aux", "abs", "min", "max", "C"})


def _quantity(maker: Maker, tree: Tree) -> Term:
    quantity = tree.quantity
    if quantity is None:
        raise RuntimeError("a quantity without its value")
    unit, cell = quantity.unit, maker.ctx.cell
    if cell is None:
        if unit is not None and unit.per:
            return Term(quantity.dimensions, unknown, literal=quantity)
        return _fixed(quantity, to_si(quantity))
    value, missing = in_si(quantity, cell)
    if missing and unit is not None:
        message = f"`{unit.text}` needs `{missing}` in the cell record, which has none"
        maker.refuse("missing-field", tree, message)
    return _fixed(quantity, value)


def _fixed(quantity: Quantity, value: float | None) -> Term:
    return Term(quantity.dimensions, lambda _: value, value, literal=quantity)


def _name(maker: Maker, tree: Tree) -> Term:
    name, scope = tree.word, maker.scope
    counter = scope.counters.get(name)
    if counter is not None:
        return counter
    if name.startswith("aux."):
        auxiliary = name.removeprefix("aux.")
        known = maker.ctx.auxiliaries
        if known is not None and auxiliary not in known:
            hint = f"it has {', '.join(known)}" if known else ""
            message = f"the bench has no auxiliary `{auxiliary}`"
            return maker.refuse("no-auxiliary", tree, message, meant(auxiliary, known) or hint)
        maker.ctx.auxiliary_uses.add(auxiliary)
        return Term(TEMPERATURE, lambda names: names.live(name), word=name)
    kind = LIVE.get(name)
    if kind is None:
        return maker.refuse("unknown-name", tree, f"unknown name `{name}`", _name_hint(maker, name))
    return _live(maker, tree, name, kind)


def _name_hint(maker: Maker, name: str) -> str:
    scope = maker.scope
    if name in scope.values:
        return f"a parameter is written `${name}`"
    if name in ("ended", "charge", "condition"):
        return "as in `ended == voltage`"
    if name in ("C", "c"):
        return "a C-rate is written `C/10` or `0.5C`"
    return meant(name, [*LIVE, *scope.counters])


def _live(maker: Maker, tree: Tree, name: str, kind: Dimensions) -> Term:
    ctx, cell = maker.ctx, maker.ctx.cell
    if name == "temperature" and "temperature" not in ctx.measures:
        message = "nobody measures the temperature"
        return maker.refuse("not-measured", tree, message, MEASURED_BY)
    if name in LEDGER and ctx.kind in ("symmetric", "cathode-half"):
        return maker.refuse(
            "no-ledger", tree, f"a {ctx.kind} cell has no metal ledger, so no `{name}`"
        )
    if name == "ce" and ctx.kind == "symmetric":
        return _no_efficiency(maker, tree)
    if name == "nominal" and cell is not None:
        if cell.capacity_Ah is None:
            return maker.refuse(
                "missing-field", tree, "`nominal` needs `capacity` in the cell record"
            )
        value = cell.capacity_Ah * 3600.0
        return Term(kind, lambda _: value, value, word=name)
    if name == "inventory" and cell is not None and cell.inventory_Ah is None:
        return maker.refuse(
            "missing-field", tree, "`inventory` needs `inventory` in the cell record"
        )
    return Term(kind, lambda names: names.live(name), word=name, ledger=name in LEDGER)


def _no_efficiency(maker: Maker, tree: Tree) -> Term:
    return maker.refuse(
        "no-efficiency",
        tree,
        "a symmetric cell has no Coulombic efficiency, so no `ce`",
        "its voltage tells how it is, as in `voltage > 0.5 V`",
    )


def _parameter(maker: Maker, tree: Tree) -> Term:
    found = maker.scope.values.get(tree.word)
    if found is not None:
        return found.term
    if tree.word in maker.scope.counters:
        hint = f"a loop counter is bare: `{tree.word}`"
    else:
        known = list(maker.scope.values)
        hint = meant(tree.word, known) or (
            "known here: " + ", ".join(f"${name}" for name in known) if known else ""
        )
    return maker.refuse("unknown-parameter", tree, f"unknown parameter `${tree.word}`", hint)


def _last(maker: Maker, tree: Tree) -> Term:
    label, figure = tree.label, tree.word
    maker.ctx.label_uses.append((maker.where(tree), label))
    kind = FIGURE_KINDS.get(figure)
    if kind is None:
        hint = meant(figure, FIGURES) or "one of " + ", ".join(FIGURES)
        return maker.refuse("figure", tree, f"unknown figure `{figure}`", hint)
    if figure == "ce" and maker.ctx.kind == "symmetric":
        return _no_efficiency(maker, tree)
    return Term(kind, lambda names: names.last(label, figure))


def _slope(maker: Maker, tree: Tree) -> Term:
    if not tree.operands:
        return maker.refuse("slope", tree, "`dV/dt` without a window", "write `dV/dt over 10 min`")
    window = maker.term(tree.operands[0])
    if window.kind == "bad":
        return BAD
    seconds = window.constant
    if (
        window.kind != TIME
        or (seconds is not None and not seconds > 0)
        or (seconds is None and maker.ctx.cell is not None)
    ):
        return maker.refuse(
            "slope", tree.operands[0], "the window of `over` is a fixed time above zero"
        )
    width = float(seconds or 0.0)
    return Term(VOLTAGE_SLOPE, lambda names: names.slope("voltage", width), word="dV/dt")


LEAVES: dict[str, Make] = {
    "quantity": _quantity,
    "name": _name,
    "parameter": _parameter,
    "last": _last,
    "slope": _slope,
}
