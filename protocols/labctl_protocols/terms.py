"""Trees to terms: names looked up, dimensions checked, constants folded, the rest closures."""

from collections.abc import Mapping

from labctl_protocols.conditions import CONDITIONS
from labctl_protocols.context import Compiled, Context, Named, Scope, Term
from labctl_protocols.expressions import Parsed, Tree, parse
from labctl_protocols.leaves import LEAVES
from labctl_protocols.maker import Make, Maker
from labctl_protocols.reckoning import RECKONING
from labctl_protocols.yaml12 import Scalar

TABLE: Mapping[str, Make] = {**LEAVES, **RECKONING, **CONDITIONS}


def compiled(parsed: Parsed, tree: Tree, scope: Scope, ctx: Context) -> tuple[Term, Compiled]:
    """A tree as a term and as an expression for the plan."""
    maker = maker_of(parsed, scope, ctx)
    term = maker.term(tree)
    return term, Compiled(maker.shown(tree), term.run, term.constant)


def named(parsed: Parsed, scope: Scope, ctx: Context) -> Named:
    """A parsed value as what a `$name` stands for."""
    maker = maker_of(parsed, scope, ctx)
    tree = parsed.tree
    bare = tree.kind in ("binary", "share") and tree.start == tree.operands[0].start
    return Named(maker.term(tree), maker.shown(tree), bare)


def maker_of(parsed: Parsed, scope: Scope, ctx: Context) -> Maker:
    """What makes terms of this text."""
    return Maker(parsed, scope, ctx, TABLE)


def read_parameter(scalar: Scalar, scope: Scope, ctx: Context) -> Named | None:
    """A parameter's value; None with a problem noted."""
    parsed = parse(scalar, ctx.problems)
    return None if parsed is None else named(parsed, scope, ctx)
