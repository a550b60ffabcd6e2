"""Arithmetic and three-valued logic as closures: None is *unknown* and spreads, Kleene's way."""

import math
import operator
from collections.abc import Callable, Sequence

from labctl_protocols.plan import Names, Value

Run = Callable[[Names], Value]

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def arithmetic(sign: str, left: Run, right: Run) -> Run:
    """`left sign right`; unknown where either is, and where the result is no finite number."""
    reckon = _ARITHMETIC[sign]

    def run(names: Names) -> Value:
        a, b = left(names), right(names)
        if a is None or b is None or (sign == "/" and b == 0):
            return None
        value = reckon(a, b)
        return value if math.isfinite(value) else None

    return run


def call(name: str, arguments: Sequence[Run]) -> Run:
    """`abs`, `min` or `max`; unknown where any argument is."""
    if name == "abs":
        inner = arguments[0]

        def magnitude(names: Names) -> Value:
            value = inner(names)
            return None if value is None else abs(value)

        return magnitude
    choose = min if name == "min" else max

    def run(names: Names) -> Value:
        values = [argument(names) for argument in arguments]
        known = [value for value in values if value is not None]
        return choose(known) if len(known) == len(values) else None

    return run


def compare(sign: str, left: Run, right: Run, constant: float | None) -> Run:
    """A comparison; against a constant it costs one look-up."""
    test = COMPARISONS[sign]
    if constant is not None:

        def against(names: Names) -> Value:
            value = left(names)
            return None if value is None else test(value, constant)

        return against

    def run(names: Names) -> Value:
        a, b = left(names), right(names)
        return None if a is None or b is None else test(a, b)

    return run


def beyond_doubt(run: Run) -> Run:
    """A comparison of metal ledger's charges: unknown where their uncertainty leaves it open."""

    def certain(names: Names) -> Value:
        values = {run(each) for each in names.doubtful()}
        return values.pop() if len(values) == 1 else None

    return certain


def all_of(operands: Sequence[Run]) -> Run:
    """`and`. Every operand is evaluated every time, for guards must see each reading."""

    def run(names: Names) -> Value:
        values = [operand(names) for operand in operands]
        if False in values:
            return False
        return None if None in values else True

    return run


def any_of(operands: Sequence[Run]) -> Run:
    """`or`. Every operand is evaluated every time, for guards must see each reading."""

    def run(names: Names) -> Value:
        values = [operand(names) for operand in operands]
        if True in values:
            return True
        return None if None in values else False

    return run
