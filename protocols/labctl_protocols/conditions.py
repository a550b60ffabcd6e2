"""Terms of conditions: comparisons, `and`, `or`, `not`, guards, and what ended the last step."""

from labctl_protocols.context import BAD, Term
from labctl_protocols.expressions import Tree
from labctl_protocols.fields import meant
from labctl_protocols.leaves import ENDED_WORDS
from labctl_protocols.logic import COMPARISONS, all_of, any_of, beyond_doubt, compare
from labctl_protocols.maker import Make, Maker, folded
from labctl_protocols.plan import Names, Value
from labctl_protocols.quantities import TIME, dimension_name
from labctl_protocols.reckoning import mismatch, numbers


def _compare(maker: Maker, tree: Tree) -> Term:
    ended = [operand.kind == "name" and operand.word == "ended" for operand in tree.operands]
    if any(ended):
        return _compare_ended(maker, tree, tree.operands[1 if ended[0] else 0])
    terms = numbers(maker, tree.operands, absolute_allowed=True)
    if terms is None:
        return BAD
    left, right = terms
    if left.kind != right.kind:
        return mismatch(maker, tree, terms, "a comparison")
    run = compare(tree.word, left.run, right.run, right.constant)
    ledger = left.ledger or right.ledger
    if ledger:
        run = beyond_doubt(run)
    word = left.word or right.word
    if left.constant is not None and right.constant is not None:
        value = bool(COMPARISONS[tree.word](left.constant, right.constant))
        return Term("truth", lambda _: value, value, word=word)
    return Term("truth", run, word=word, size=1 + left.size + right.size)


def _compare_ended(maker: Maker, tree: Tree, other: Tree) -> Term:
    word = other.word if other.kind == "name" else "dV/dt" if other.kind == "slope" else ""
    if tree.word not in ("==", "!="):
        return maker.refuse("ended", tree, "`ended` is compared with `==` or `!=`")
    if word not in ENDED_WORDS:
        hint = meant(word, ENDED_WORDS) or "as in `ended == voltage`"
        return maker.refuse("ended", other, "no word of what can end a step", hint)
    wanted = tree.word == "=="

    def run(names: Names) -> Value:
        ended = names.ended()
        return None if ended is None else (ended == word) is wanted

    return Term("truth", run)


def _conditions(maker: Maker, trees: tuple[Tree, ...], what: str) -> list[Term] | None:
    terms = [maker.term(tree) for tree in trees]
    for tree, term in zip(trees, terms, strict=True):
        if term.kind == "bad":
            return None
        if term.kind != "truth":
            maker.refuse(
                "bare-target",
                tree,
                f"a bare {dimension_name(term.kind)} {what}",
                "write a comparison, as in `voltage > 0.1 V`",
            )
            return None
    return terms


def _junction(maker: Maker, tree: Tree) -> Term:
    word = "and" if tree.kind == "all_of" else "or"
    terms = _conditions(
        maker, tree.operands, f"beside `{word}`: it can only be one of a step's ends"
    )
    if terms is None:
        return BAD
    join = all_of if tree.kind == "all_of" else any_of
    run = join([term.run for term in terms])
    return folded("truth", run, terms, lambda text: maker.refuse("number", tree, text))


def _negation(maker: Maker, tree: Tree) -> Term:
    terms = _conditions(maker, tree.operands, "behind `not`")
    if terms is None:
        return BAD
    inner = terms[0].run

    def run(names: Names) -> Value:
        value = inner(names)
        return None if value is None else not value

    return folded("truth", run, terms, lambda text: maker.refuse("number", tree, text))


def held_for(maker: Maker, tree: Tree) -> tuple[float | None, float | None] | None:
    """A guard's seconds or cycles; None with a problem noted."""
    if tree.kind == "held_cycles":
        count = tree.quantity.value if tree.quantity else 0.0
        if count < 1 or count != int(count):
            maker.refuse("guard", tree, "a guard counts whole cycles, from 1")
            return None
        return None, count
    term = maker.term(tree.operands[1])
    if term.kind == "bad":
        return None
    if term.kind != TIME or term.constant is None or not term.constant > 0:
        maker.refuse(
            "guard", tree.operands[1], "a guard is a fixed time or a number of cycles",
            "as in `for 30 s` or `for 3 cycles`",
        )  # fmt: skip
        return None
    return float(term.constant), None


def _held(maker: Maker, tree: Tree) -> Term:
    terms = _conditions(maker, tree.operands[:1], "before `for` here")
    guard = held_for(maker, tree)
    if terms is None or guard is None:
        return BAD
    seconds, cycles = guard
    number = next(maker.ctx.guards)
    inner = terms[0].run
    return Term(
        "truth",
        lambda names: names.held(number, inner(names), seconds, cycles),
        word=terms[0].word,
        size=1 + terms[0].size,
    )


CONDITIONS: dict[str, Make] = {
    "compare": _compare,
    "held": _held,
    "held_cycles": _held,
    "negation": _negation,
    "all_of": _junction,
    "any_of": _junction,
}
