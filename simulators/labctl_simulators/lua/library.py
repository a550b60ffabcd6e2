"""Lua's own functions, as far as scripts of instruments use them.

Source: the Lua 5.0 reference manual, §5. Not here: coroutines, metatables of one's own, patterns
(`string.find` looks for plain text), files, `string.gsub`, comparison functions of `table.sort`.
"""

import re
from collections.abc import Callable

from labctl_simulators.lua.arguments import argument, integer, module, number, string, table
from labctl_simulators.lua.arithmetic import bits, maths
from labctl_simulators.lua.statements import NEXT, protected
from labctl_simulators.lua.steps import World, invoke
from labctl_simulators.lua.values import (
    Builtin,
    LuaError,
    Native,
    Steps,
    Table,
    Value,
    Values,
    bounded,
    to_number,
    truthy,
    type_name,
    untimed,
)

MAGIC = set("^$*+?.([%-")
_FORMAT = re.compile(r"%(?:%|([-+ #0]{0,5}[0-9]{0,2}(?:\.[0-9]{0,2})?)([cdiouxXeEfgGsq]))")
LONGEST_WORD = 1 << 16


def spelled(value: Value, world: World) -> str:
    """What `tostring` and `print` make of a value."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return world.spell(value)
    if value is None or isinstance(value, bool):
        return {None: "nil", True: "true", False: "false"}[value]
    kind = type_name(value)
    return f"{kind}: {world.number_of(value):08x}"


def base(world: World) -> dict[str, Value]:
    """The functions without a table."""

    def to_number_in_base(values: Values) -> Values:
        radix = integer(values, 1, "tonumber", 10)
        given = argument(values, 0)
        if radix == 10:
            return [to_number(given)]
        if not 2 <= radix <= 36:
            raise LuaError("bad argument #2 to `tonumber' (base out of range)")
        text = string(values, 0, "tonumber", world)
        try:
            return [float(int(text, radix)) if len(text) <= 64 else None]
        except ValueError:
            return [None]

    def fail(values: Values) -> Values:
        raise LuaError(spelled(argument(values, 0), world))

    def check(values: Values) -> Values:
        if truthy(argument(values, 0)):
            return values
        message = argument(values, 1)
        raise LuaError("assertion failed!" if message is None else spelled(message, world))

    def step_by_index(values: Values) -> Values:
        place = integer(values, 1, "ipairs") + 1.0
        value = table(values, 0, "ipairs").get(place)
        return [None] if value is None else [place, value]

    def unpack(values: Values) -> Values:
        source = table(values, 0, "unpack")
        return [source.get(float(place + 1)) for place in range(min(source.length(), 250))]

    ipairs = Builtin("ipairs", step_by_index)
    functions: dict[str, Callable[[Values], Values]] = {
        "type": lambda v: [type_name(argument(v, 0))],
        "tostring": lambda v: [spelled(argument(v, 0), world)],
        "tonumber": to_number_in_base,
        "pairs": lambda v: [NEXT, table(v, 0, "pairs"), None],
        "ipairs": lambda v: [ipairs, table(v, 0, "ipairs"), 0.0],
        "unpack": unpack,
        "error": fail,
        "assert": check,
        "collectgarbage": lambda _: [],
        "gcinfo": lambda _: [
            float(world.table.heap.taken // 16),
            float(world.table.heap.most // 16),
        ],
        "getmetatable": lambda v: [metatable(argument(v, 0))],
    }
    made: dict[str, Value] = {name: Builtin(name, call) for name, call in functions.items()}
    return {**made, "next": NEXT, "pcall": protected()}


def metatable(value: Value) -> Value:
    """What instruments show of their tables: Getters, Setters, Objects and luatype."""
    if not isinstance(value, Native):
        return None
    heap = value.heap
    shown, getters, setters, objects = (Table(heap) for _ in range(4))
    for name, read in value.getters.items():
        getters.set(name, _getter(name, read))
    for name in value.setters:
        setters.set(name, _setter(value, name))
    for name, held in value.objects.items():
        objects.set(name, held)
    for name, part in (("Getters", getters), ("Setters", setters), ("Objects", objects)):
        shown.set(name, part)
    shown.set("luatype", value.kind)
    return shown


def _getter(name: str, read: Callable[[], Value]) -> Builtin:
    return Builtin(name, lambda _: [read()])


def _setter(owner: Native, name: str) -> Builtin:
    def write(values: Values) -> Values:
        owner.set(name, argument(values, len(values) - 1))
        return []

    return Builtin(name, write)


def strings(world: World) -> Table:
    """`string`."""

    def text(values: Values, function: str, place: int = 0) -> str:
        return string(values, place, function, world)

    def sub(values: Values) -> Values:
        whole = text(values, "sub")
        first, last = integer(values, 1, "sub", 1), integer(values, 2, "sub", -1)
        first = max(1, first if first >= 0 else len(whole) + first + 1)
        last = last if last >= 0 else len(whole) + last + 1
        return [whole[first - 1 : max(last, 0)]]

    def repeat(values: Values) -> Values:
        whole, times = text(values, "rep"), integer(values, 1, "rep")
        if len(whole) * max(times, 0) > LONGEST_WORD:
            raise LuaError("not enough memory")
        return [whole * max(times, 0)]

    def find(values: Values) -> Values:
        whole, wanted = text(values, "find"), text(values, "find", 1)
        plain = truthy(argument(values, 3))
        if not plain and MAGIC & set(wanted):
            raise LuaError("patterns are not simulated")
        start = integer(values, 2, "find", 1)
        at = whole.find(wanted, max(0, start - 1 if start > 0 else len(whole) + start))
        return [None] if at < 0 else [float(at + 1), float(at + len(wanted))]

    def byte(values: Values) -> Values:
        whole, place = text(values, "byte"), integer(values, 1, "byte", 1)
        return [float(ord(whole[place - 1])) if 1 <= place <= len(whole) else None]

    def char(values: Values) -> Values:
        codes = [integer(values, place, "char") for place in range(len(values))]
        if any(not 0 <= code <= 255 for code in codes):
            raise LuaError("bad argument to `char' (invalid value)")
        return ["".join(map(chr, codes))]

    return module(
        world.table.heap,
        len_=lambda v: [float(len(text(v, "len")))],
        lower=lambda v: [text(v, "lower").lower()],
        upper=lambda v: [text(v, "upper").upper()],
        format=lambda v: [formatted(v, world)],
        sub=sub,
        rep=repeat,
        find=find,
        byte=byte,
        char=char,
    )


def formatted(values: Values, world: World) -> str:
    """`string.format`. Raises LuaError for what it cannot write."""
    template, place = string(values, 0, "format", world), 0

    def put(match: re.Match[str]) -> str:
        nonlocal place
        kind = match[2]
        if kind is None:
            return "%"
        place += 1
        if kind in "sq":
            given = argument(values, place)
            if kind == "q":
                quoted = spelled(given, world).replace("\\", "\\\\").replace('"', '\\"')
                return f'"{quoted}"'
            return f"%{match[1]}s" % spelled(given, world)
        if kind in "cdiouxX":
            return f"%{match[1]}{'d' if kind in 'iu' else kind}" % integer(values, place, "format")
        return f"%{match[1]}{kind}" % number(values, place, "format")

    written = _FORMAT.sub(put, template)
    if "%" in _FORMAT.sub("", template):
        raise LuaError("invalid option in `format'")
    return bounded(written)


def tables(world: World) -> Table:
    """`table`."""

    def joined(values: Values) -> Values:
        owner = table(values, 0, "concat")
        between = "" if len(values) < 2 else string(values, 1, "concat", world)
        parts = [spelled(owner.get(float(i + 1)), world) for i in range(owner.length())]
        return [bounded(between.join(parts))]

    made = module(
        world.table.heap,
        insert=_insert,
        remove=_remove,
        concat=joined,
        sort=_sort,
        getn=lambda v: [float(table(v, 0, "getn").length())],
    )
    made.set("foreach", Builtin("foreach", untimed, _for_each))
    return made


def _insert(values: Values) -> Values:
    owner = table(values, 0, "insert")
    count = owner.length()
    at = count + 1 if len(values) < 3 else integer(values, 1, "insert")
    for place in range(count, at - 1, -1):
        owner.set(float(place + 1), owner.get(float(place)))
    owner.set(float(at), argument(values, min(2, len(values) - 1)))
    return []


def _remove(values: Values) -> Values:
    owner = table(values, 0, "remove")
    count = owner.length()
    at = integer(values, 1, "remove", count)
    taken = owner.get(float(at))
    for place in range(max(at, 1), count + 1):
        owner.set(float(place), owner.get(float(place + 1)))
    return [taken]


def _sort(values: Values) -> Values:
    owner = table(values, 0, "sort")
    if argument(values, 1) is not None:
        raise LuaError("a comparison function is not simulated")
    held = [owner.get(float(place + 1)) for place in range(owner.length())]
    numbers = [value for value in held if isinstance(value, float)]
    texts = [value for value in held if isinstance(value, str)]
    if len(numbers) != len(held) and len(texts) != len(held):
        raise LuaError("attempt to compare two values of different types")
    for place, value in enumerate(sorted(numbers) or sorted(texts), 1):
        owner.set(float(place), value)
    return []


def _for_each(values: Values) -> Steps:
    owner, key = table(values, 0, "foreach"), None
    while (pair := owner.next(key)) is not None:
        key = pair[0]
        found = yield from invoke(argument(values, 1), list(pair))
        yield None
        if found and found[0] is not None:
            return found
    return []


def install(world: World, seed: int) -> None:
    """Put all of it among a world's globals."""
    heap = world.table.heap
    for name, value in base(world).items():
        world.table.set(name, value)
    world.table.set("string", strings(world))
    world.table.set("math", maths(heap, seed))
    world.table.set("table", tables(world))
    world.table.set("bit", bits(heap))
    world.table.set("_G", world.table)
