"""Terms of arithmetic: dimensions are checked here, once; what is left is floats in SI."""

import operator
from dataclasses import replace

from labctl_protocols.context import BAD, Kind, Term
from labctl_protocols.expressions import Tree
from labctl_protocols.logic import arithmetic, call
from labctl_protocols.maker import Make, Maker, constant_term, folded
from labctl_protocols.quantities import CHARGE, NUMBER, TEMPERATURE, Dimensions, dimension_name


def numbers(maker: Maker, trees: tuple[Tree, ...], absolute_allowed: bool) -> list[Term] | None:
    """Operands that are numbers or quantities; None with a problem noted."""
    terms = [maker.term(tree) for tree in trees]
    for tree, term in zip(trees, terms, strict=True):
        if term.kind == "bad":
            return None
        if term.kind == "truth":
            maker.refuse("dimension", tree, "a condition cannot be reckoned with")
            return None
        if not absolute_allowed and term.literal is not None and _is_celsius(term):
            maker.refuse("celsius", tree, "degC cannot be reckoned with", "write K")
            return None
    return terms


def _is_celsius(term: Term) -> bool:
    unit = term.literal.unit if term.literal else None
    return unit is not None and unit.text == "degC"


def _binary(maker: Maker, tree: Tree) -> Term:
    terms = numbers(maker, tree.operands, absolute_allowed=False)
    if terms is None:
        return BAD
    left, right = terms
    sign = tree.word
    kind = _product_kind(left, right, sign) if sign in "*/" else left.kind
    if sign in "+-" and left.kind != right.kind:
        return mismatch(maker, tree, terms, f"`{sign}`")
    if sign == "/" and right.constant == 0:
        return maker.refuse("division", tree.operands[1], "a division by zero")
    run = arithmetic(sign, left.run, right.run)
    return folded(kind, run, terms, lambda text: maker.refuse("number", tree, text))


def _product_kind(left: Term, right: Term, sign: str) -> Kind:
    if isinstance(left.kind, str) or isinstance(right.kind, str):
        return "bad"
    combine = operator.add if sign == "*" else operator.sub
    return Dimensions(*(combine(a, b) for a, b in zip(left.kind, right.kind, strict=True)))


def mismatch(maker: Maker, tree: Tree, terms: list[Term], what: str) -> Term:
    """Note why two operands do not belong together."""
    left, right = terms
    for ours, other, place in ((left, right, 0), (right, left, 1)):
        if ours.kind != NUMBER or isinstance(other.kind, str):
            continue
        literal = ours.literal
        operand = tree.operands[place]
        if literal is not None and literal.unit is not None and other.kind == CHARGE:
            return maker.refuse(
                "percent-of",
                operand,
                "a percentage of a charge needs `of`",
                f"as in `{maker.parsed.text(operand)} of nominal`",
            )
        if literal is not None and literal.unit is None:
            return maker.refuse(
                "unit-missing",
                operand,
                f"a number without unit beside a {dimension_name(other.kind)}",
            )
    names = " and ".join(
        "a condition" if isinstance(t.kind, str) else dimension_name(t.kind) for t in terms
    )
    return maker.refuse("dimension", tree, f"{names} do not belong together in {what}")


def _minus(maker: Maker, tree: Tree) -> Term:
    terms = numbers(maker, tree.operands, absolute_allowed=True)
    if terms is None:
        return BAD
    inner = terms[0]
    if _is_celsius(inner) and inner.literal is not None:
        # −5 degC is a temperature of its own, not the negative of 5 degC
        value = 273.15 - inner.literal.value
        return constant_term(TEMPERATURE, value)
    zero = constant_term(inner.kind, 0.0)
    run = arithmetic("-", zero.run, inner.run)
    made = folded(inner.kind, run, terms, lambda text: maker.refuse("number", tree, text))
    return replace(made, literal=inner.literal)


def _share(maker: Maker, tree: Tree) -> Term:
    terms = numbers(maker, tree.operands, absolute_allowed=False)
    if terms is None:
        return BAD
    share, whole = terms
    if share.kind != NUMBER:
        return maker.refuse("dimension", tree.operands[0], "a percentage stands before `of`")
    run = arithmetic("*", share.run, whole.run)
    return folded(whole.kind, run, terms, lambda text: maker.refuse("number", tree, text))


def _call(maker: Maker, tree: Tree) -> Term:
    terms = numbers(maker, tree.operands, absolute_allowed=tree.word != "abs")
    if terms is None:
        return BAD
    if (len(terms) == 1) != (tree.word == "abs"):
        wanted = "one value" if tree.word == "abs" else "two values or more"
        return maker.refuse("arguments", tree, f"`{tree.word}` takes {wanted}")
    for other in terms[1:]:
        if other.kind != terms[0].kind:
            return maker.refuse("dimension", tree, f"`{tree.word}` of values of different kinds")
    run = call(tree.word, [term.run for term in terms])
    return folded(terms[0].kind, run, terms, lambda text: maker.refuse("number", tree, text))


RECKONING: dict[str, Make] = {
    "call": _call,
    "binary": _binary,
    "minus": _minus,
    "share": _share,
}
