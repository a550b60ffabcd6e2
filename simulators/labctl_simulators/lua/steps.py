"""Pieces of a compiled chunk, which can be suspended wherever they take time.

A piece without calls and loops is a plain function of its scope; the others are generators that
yield requests to the task which runs them (`values.Request`). Every loop yields at each turn, so
that nothing runs for long without the task's knowledge.
"""

import operator
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from labctl_simulators.lua.values import (
    Builtin,
    Call,
    Closure,
    LuaError,
    Native,
    Request,
    Steps,
    Table,
    Value,
    Values,
    bounded,
    to_number,
    truthy,
    type_name,
)

MOST_NUMBERED = 10_000
Running: TypeAlias = Generator[Request, Values, Any]


class Scope:
    """Names of one block; `world` is the table of globals, which also spells numbers."""

    __slots__ = ("names", "up", "world")

    def __init__(self, world: "World", up: "Scope | None" = None) -> None:
        self.world = world
        self.up = up
        self.names: dict[str, Value] = {}

    def holder(self, name: str) -> "Scope | None":
        """The scope in which a local of that name lives; None for a global."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope
            scope = scope.up
        return None


@dataclass(slots=True)
class World:
    """What a chunk runs in: its globals, and how numbers are written."""

    table: Table
    spell: Callable[[float], str]
    numbered: dict[int, int] = field(default_factory=dict)

    def number_of(self, value: Value) -> int:
        """What tells a table or function from others when it is written; never an address here."""
        if len(self.numbered) >= MOST_NUMBERED:
            self.numbered.clear()
        return self.numbered.setdefault(id(value), len(self.numbered) + 1)


class Broke:
    """The signal of `break`."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The signal of `return`."""

    values: Values


Signal: TypeAlias = Broke | Returned | None
BROKE = Broke()


@dataclass(frozen=True, slots=True)
class Expression:
    """`run(scope)` gives the value; with `calls` a generator of it; with `many` a list."""

    run: Callable[[Scope], Any]
    calls: bool = False
    many: bool = False
    what: str = "a value"


@dataclass(frozen=True, slots=True)
class Statement:
    """`run(scope)` gives a signal; with `calls` a generator of one."""

    run: Callable[[Scope], Any]
    calls: bool = False
    line: int = 0


# Expressions


def constant(value: Value) -> Expression:
    """A literal."""
    return Expression(lambda _: value)


def name(word: str) -> Expression:
    """A local or global variable."""

    def run(scope: Scope) -> Value:
        holder = scope.holder(word)
        return scope.world.table.get(word) if holder is None else holder.names[word]

    return Expression(run, what=f"global `{word}'")


def index(target: Expression, key: Expression, word: str | None) -> Expression:
    """`target[key]`; `word` when the key stands there as a name."""
    what = target.what

    def look(owner: Value, at: Value) -> Value:
        if not isinstance(owner, Table):
            raise LuaError(f"attempt to index {what} (a {type_name(owner)} value)")
        return owner.get(at)

    found = binary(look, target, key)
    return Expression(found.run, found.calls, what="a field" if word is None else f"field `{word}'")


def binary(act: Callable[[Value, Value], Value], left: Expression, right: Expression) -> Expression:
    """An operator of two values."""
    left, right = single(left), single(right)
    first, second = left.run, right.run
    if not (left.calls or right.calls):
        return Expression(lambda scope: act(first(scope), second(scope)))

    def steps(scope: Scope) -> Running:
        one = (yield from first(scope)) if left.calls else first(scope)
        two = (yield from second(scope)) if right.calls else second(scope)
        return act(one, two)

    return Expression(steps, calls=True)


def unary(act: Callable[[Value], Value], operand: Expression) -> Expression:
    """An operator of one value."""
    return binary(lambda _, value: act(value), constant(None), operand)


def either(left: Expression, right: Expression, goes_on: bool) -> Expression:
    """`and` (`goes_on`) and `or`, which look at the right side only when they must."""
    left, right = single(left), single(right)
    if not (left.calls or right.calls):

        def run(scope: Scope) -> Value:
            value = left.run(scope)
            return right.run(scope) if truthy(value) is goes_on else value

        return Expression(run)

    def steps(scope: Scope) -> Running:
        value = (yield from left.run(scope)) if left.calls else left.run(scope)
        if truthy(value) is not goes_on:
            return value
        return (yield from right.run(scope)) if right.calls else right.run(scope)

    return Expression(steps, calls=True)


def single(expression: Expression) -> Expression:
    """Only the first value of a call."""
    if not expression.many:
        return expression

    def steps(scope: Scope) -> Running:
        values = yield from expression.run(scope)
        return values[0] if values else None

    return Expression(steps, calls=True, what=expression.what)


def listed(expressions: Sequence[Expression]) -> Expression:
    """Several values as one list; a call in the last place gives all of its values."""
    parts = [single(each) for each in expressions[:-1]] + list(expressions[-1:])
    if not any(part.calls for part in parts):
        plain = [part.run for part in parts]
        return Expression(lambda scope: [run(scope) for run in plain], many=True)

    def steps(scope: Scope) -> Running:
        values: Values = []
        for part in parts:
            value = (yield from part.run(scope)) if part.calls else part.run(scope)
            if part.many:
                values.extend(value)
            else:
                values.append(value)
        return values

    return Expression(steps, calls=True, many=True)


def call(target: Expression, arguments: Expression, method: str | None = None) -> Expression:
    """`target(arguments)`, or `target:method(arguments)`."""
    target = single(target)
    what = target.what if method is None else f"method `{method}'"

    def steps(scope: Scope) -> Running:
        function = (yield from target.run(scope)) if target.calls else target.run(scope)
        given = (yield from arguments.run(scope)) if arguments.calls else arguments.run(scope)
        if method is not None:
            given.insert(0, function)
            if not isinstance(function, Table):
                raise LuaError(f"attempt to index {target.what} (a {type_name(function)} value)")
            function = function.get(method)
        return (yield from invoke(function, given, what))

    return Expression(steps, calls=True, many=True, what="a value")


def invoke(function: Value, arguments: Values, what: str = "a value") -> Steps:
    """Call a value. Raises LuaError for one that is no function."""
    if isinstance(function, Native) and function.call is not None:
        function = function.call
    if isinstance(function, Builtin):
        if function.timed is not None:
            return (yield from function.timed(arguments))
        return function.call(arguments)
    if isinstance(function, Closure):
        return (yield Call(function, arguments))
    raise LuaError(f"attempt to call {what} (a {type_name(function)} value)")


def enter(function: Closure, arguments: Values) -> Steps:
    """The body of a function written in Lua, with its parameters."""
    scope = Scope(function.scope.world, function.scope)
    for place, parameter in enumerate(function.parameters):
        scope.names[parameter] = arguments[place] if place < len(arguments) else None
    if function.rest:
        rest = Table(scope.world.table.heap)
        more = arguments[len(function.parameters) :]
        for place, value in enumerate(more, 1):
            rest.set(float(place), value)
        rest.set("n", float(len(more)))
        scope.names["arg"] = rest
    body = function.body
    signal = (yield from body.run(scope)) if body.calls else body.run(scope)
    return signal.values if isinstance(signal, Returned) else []


def make_table(pairs: Sequence[tuple[Expression | None, Expression]]) -> Expression:
    """`{a, b, [key] = c}`."""
    keys = [None if key is None else single(key) for key, _ in pairs]
    last = len(pairs) - 1
    values = [
        value if key is None and place == last else single(value)
        for place, (key, value) in enumerate(pairs)
    ]

    def steps(scope: Scope) -> Running:
        made, count = Table(scope.world.table.heap), 0
        for key, part in zip(keys, values, strict=True):
            at = None
            if key is not None:
                at = (yield from key.run(scope)) if key.calls else key.run(scope)
            value = (yield from part.run(scope)) if part.calls else part.run(scope)
            if key is not None:
                made.set(at, value)
                continue
            for each in value if part.many else [value]:
                count += 1
                made.set(float(count), each)
        return made

    return Expression(steps, calls=True)


def make_function(parameters: tuple[str, ...], rest: bool, body: Statement) -> Expression:
    """`function (parameters) body end`."""
    return Expression(lambda scope: Closure(parameters, rest, body, scope))


# Operators


def arithmetic(act: Callable[[float, float], float]) -> Callable[[Value, Value], Value]:
    """An operator of two numbers."""

    def run(left: Value, right: Value) -> Value:
        one, two = to_number(left), to_number(right)
        if one is None or two is None:
            odd = left if one is None else right
            raise LuaError(f"attempt to perform arithmetic on a {type_name(odd)} value")
        return act(one, two)

    return run


def divide(left: float, right: float) -> float:
    """Division as IEEE 754 has it."""
    if right:
        return left / right
    return float("nan") if not left or left != left else float("inf") * left


def power(left: float, right: float) -> float:
    """`^`; NaN where there is no real number."""
    try:
        return float(left**right) if left >= 0 or right == int(right) else float("nan")
    except (OverflowError, ZeroDivisionError, ValueError):
        return float("inf")


def compare(act: Callable[[Any, Any], bool]) -> Callable[[Value, Value], Value]:
    """An order of two numbers or two strings."""

    def run(left: Value, right: Value) -> Value:
        for kind in (float, str):
            if isinstance(left, kind) and isinstance(right, kind):
                return act(left, right)
        raise LuaError(f"attempt to compare {type_name(left)} with {type_name(right)}")

    return run


def same(left: Value, right: Value) -> bool:
    """`==`: values of another type are never equal; tables and functions are by identity."""
    if type(left) is not type(right):
        return False
    return left == right if isinstance(left, float | str | bool) else left is right


def negative(value: Value) -> Value:
    """Unary minus."""
    number = to_number(value)
    if number is None:
        raise LuaError(f"attempt to perform arithmetic on a {type_name(value)} value")
    return -number


def join(left: Expression, right: Expression) -> Expression:
    """`..`, which spells numbers as `print` does."""
    both = listed([single(left), single(right)])

    def put(scope: Scope, values: Values) -> Value:
        texts = [scope.world.spell(v) if isinstance(v, float) else v for v in values]
        for text in texts:
            if not isinstance(text, str):
                raise LuaError(f"attempt to concatenate a {type_name(text)} value")
        return bounded("".join(texts))  # type: ignore[arg-type]  # all are strings by now

    if not both.calls:
        return Expression(lambda scope: put(scope, both.run(scope)))

    def steps(scope: Scope) -> Running:
        return put(scope, (yield from both.run(scope)))

    return Expression(steps, calls=True)


ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {
    "+": arithmetic(operator.add),
    "-": arithmetic(operator.sub),
    "*": arithmetic(operator.mul),
    "/": arithmetic(divide),
    "^": arithmetic(power),
}
COMPARISONS: dict[str, Callable[[Value, Value], Value]] = {
    "==": same,
    "~=": lambda left, right: not same(left, right),
    "<": compare(operator.lt),
    "<=": compare(operator.le),
    ">": compare(operator.gt),
    ">=": compare(operator.ge),
}
