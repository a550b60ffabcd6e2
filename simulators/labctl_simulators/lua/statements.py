"""Statements of a compiled chunk. See `steps` for what can be suspended and how."""

from collections.abc import Callable, Sequence

from labctl_simulators.lua.steps import (
    BROKE,
    Broke,
    Expression,
    Returned,
    Running,
    Scope,
    Signal,
    Statement,
    invoke,
    listed,
    single,
)
from labctl_simulators.lua.values import (
    Builtin,
    Call,
    Closure,
    LuaError,
    Steps,
    Table,
    Value,
    Values,
    to_number,
    truthy,
    type_name,
    untimed,
)

Target = Callable[[Scope], Callable[[Value], None]]


def _run(part: Statement | Expression, scope: Scope) -> Running:
    """A piece of either kind, as steps."""
    if part.calls:
        return (yield from part.run(scope))
    return part.run(scope)


def block(statements: Sequence[Statement]) -> Statement:
    """Statements one after the other, in the scope that they are given."""
    if not any(each.calls for each in statements):

        def plain(scope: Scope) -> Signal:
            for each in statements:
                try:
                    signal: Signal = each.run(scope)
                except LuaError as error:
                    raise error.at(each.line) from None
                if signal is not None:
                    return signal
            return None

        return Statement(plain)

    def steps(scope: Scope) -> Running:
        for each in statements:
            try:
                signal = (yield from each.run(scope)) if each.calls else each.run(scope)
            except LuaError as error:
                raise error.at(each.line) from None
            if signal is not None:
                return signal
        return None

    return Statement(steps, calls=True)


def inside(body: Statement) -> Statement:
    """A block in a scope of its own."""
    if not body.calls:
        return Statement(lambda scope: body.run(Scope(scope.world, scope)))

    def steps(scope: Scope) -> Running:
        return (yield from body.run(Scope(scope.world, scope)))

    return Statement(steps, calls=True)


def do_call(called: Expression) -> Statement:
    """A call for its effect."""

    def steps(scope: Scope) -> Running:
        yield from called.run(scope)
        return None

    return Statement(steps, calls=True)


def assign(targets: Sequence[Expression | Target], values: Expression) -> Statement:
    """`a, b.c = …`: all values first, then the assignments from left to right."""
    owners: list[Expression] = [each for each in targets if isinstance(each, Expression)]
    places = listed(owners)

    def put(scope: Scope, owned: Values, given: Values) -> None:
        pairs = iter(owned)
        for place, target in enumerate(targets):
            value = given[place] if place < len(given) else None
            if isinstance(target, Expression):
                pair = next(pairs)
                owner, key = pair if isinstance(pair, tuple) else (None, None)
                if not isinstance(owner, Table):
                    raise LuaError(f"attempt to index {target.what} (a {type_name(owner)} value)")
                owner.set(key, value)
            else:
                target(scope)(value)

    if not (places.calls or values.calls):
        return Statement(lambda scope: put(scope, places.run(scope), values.run(scope)))

    def steps(scope: Scope) -> Running:
        owned = yield from _run(places, scope)
        given = yield from _run(values, scope)
        put(scope, owned, given)
        return None

    return Statement(steps, calls=True)


def variable(word: str) -> Target:
    """A name as the target of an assignment."""

    def target(scope: Scope) -> Callable[[Value], None]:
        holder = scope.holder(word)

        def put(value: Value) -> None:
            if holder is None:
                scope.world.table.set(word, value)
            else:
                holder.names[word] = value

        return put

    return target


def local(words: Sequence[str], values: Expression) -> Statement:
    """`local a, b = …`."""

    def put(scope: Scope, given: Values) -> None:
        for place, word in enumerate(words):
            scope.names[word] = given[place] if place < len(given) else None

    if not values.calls:
        return Statement(lambda scope: put(scope, values.run(scope)))

    def steps(scope: Scope) -> Running:
        put(scope, (yield from values.run(scope)))
        return None

    return Statement(steps, calls=True)


def local_function(word: str, made: Expression) -> Statement:
    """`local function f …`, which can call itself."""

    def run(scope: Scope) -> None:
        scope.names[word] = None
        scope.names[word] = made.run(scope)

    return Statement(run)


def give_back(values: Expression) -> Statement:
    """`return …`."""
    if not values.calls:
        return Statement(lambda scope: Returned(values.run(scope)))

    def steps(scope: Scope) -> Running:
        return Returned((yield from values.run(scope)))

    return Statement(steps, calls=True)


def stop_loop() -> Statement:
    """`break`."""
    return Statement(lambda _: BROKE)


def when(branches: Sequence[tuple[Expression, Statement]], otherwise: Statement) -> Statement:
    """`if … elseif … else … end`."""

    def steps(scope: Scope) -> Running:
        for condition, body in branches:
            if truthy((yield from _run(condition, scope))):
                return (yield from _run(body, scope))
        return (yield from _run(otherwise, scope))

    return Statement(steps, calls=True)


def _turn(body: Statement, scope: Scope) -> Running:
    """One turn of a loop, which takes a step's time."""
    signal = (yield from body.run(scope)) if body.calls else body.run(scope)
    yield None
    return signal


def while_do(condition: Expression, body: Statement) -> Statement:
    """`while … do … end`."""

    def steps(scope: Scope) -> Running:
        while truthy((yield from _run(condition, scope))):
            signal = yield from _turn(body, Scope(scope.world, scope))
            if signal is not None:
                return None if isinstance(signal, Broke) else signal
        return None

    return Statement(steps, calls=True)


def repeat_until(body: Statement, condition: Expression) -> Statement:
    """`repeat … until …`; the condition sees the body's locals."""

    def steps(scope: Scope) -> Running:
        while True:
            inner = Scope(scope.world, scope)
            signal = yield from _turn(body, inner)
            if signal is not None:
                return None if isinstance(signal, Broke) else signal
            if truthy((yield from _run(condition, inner))):
                return None

    return Statement(steps, calls=True)


LIMITS = ("initial value", "limit", "step")


def count_for(word: str, limits: Expression, body: Statement) -> Statement:
    """`for i = first, last[, step] do … end`."""

    def steps(scope: Scope) -> Running:
        numbers: list[float] = []
        for label, value in zip(LIMITS, (yield from _run(limits, scope)), strict=False):
            number = to_number(value)
            if number is None:
                raise LuaError(f"`for' {label} must be a number")
            numbers.append(number)
        at, last, step = (*numbers, 1.0)[:3]
        while at <= last if step > 0 else at >= last:
            inner = Scope(scope.world, scope)
            inner.names[word] = at
            signal = yield from _turn(body, inner)
            if signal is not None:
                return None if isinstance(signal, Broke) else signal
            at += step
        return None

    return Statement(steps, calls=True)


def each_for(words: Sequence[str], iterator: Expression, body: Statement) -> Statement:
    """`for k, v in … do … end`; a table alone is gone through by `next`."""

    def steps(scope: Scope) -> Running:
        function, state, control = (*(yield from _run(iterator, scope)), None, None, None)[:3]
        if isinstance(function, Table):
            function, state, control = NEXT, function, None
        while True:
            values = yield from invoke(function, [state, control], "the iterator")
            control = values[0] if values else None
            if control is None:
                return None
            inner = Scope(scope.world, scope)
            for place, word in enumerate(words):
                inner.names[word] = values[place] if place < len(values) else None
            signal = yield from _turn(body, inner)
            if signal is not None:
                return None if isinstance(signal, Broke) else signal

    return Statement(steps, calls=True)


def _next(arguments: Values) -> Values:
    table = arguments[0] if arguments else None
    if not isinstance(table, Table):
        raise LuaError(f"bad argument #1 to `next' (table expected, got {type_name(table)})")
    pair = table.next(arguments[1] if len(arguments) > 1 else None)
    return [None] if pair is None else list(pair)


NEXT = Builtin("next", _next)


def element(owner: Expression, key: Expression) -> Expression:
    """An element as the target of an assignment: the pair of its owner and its key."""
    pair = listed([single(owner), single(key)])

    def steps(scope: Scope) -> Running:
        return tuple((yield from pair.run(scope)))

    run = steps if pair.calls else lambda scope: tuple(pair.run(scope))
    return Expression(run, pair.calls, what=owner.what)


def protected() -> Builtin:
    """`pcall`."""

    def steps(arguments: Values) -> Steps:
        function = arguments[0] if arguments else None
        if isinstance(function, Closure):
            return (yield Call(function, arguments[1:], protected=True))
        try:
            return [True, *(yield from invoke(function, arguments[1:]))]
        except LuaError as error:
            return [False, str(error)]

    return Builtin("pcall", untimed, steps)
