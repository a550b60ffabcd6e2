"""Lua's own functions, as far as scripts of instruments use them.

Source: the Lua 5.0 reference manual, §5. Not here: coroutines, metatables of one's own, patterns
(`string.find` looks for plain text), files, `string.gsub`, comparison functions of `table.sort`.
"""

import math
import random
import re
from collections.abc import Callable

from labctl_simulators.lua.statements import NEXT, protected
from labctl_simulators.lua.steps import World, invoke
from labctl_simulators.lua.values import (
    Builtin,
    Heap,
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


def argument(values: Values, place: int) -> Value:
    """An argument, nil where it is missing."""
    return values[place] if place < len(values) else None


def number(values: Values, place: int, function: str, default: float | None = None) -> float:
    """A number. Raises LuaError as Lua's own library does."""
    given = argument(values, place)
    if given is None and default is not None:
        return default
    found = to_number(given)
    if found is None:
        raise LuaError(_bad(place, function, "number", given))
    return found


def integer(values: Values, place: int, function: str, default: float | None = None) -> int:
    """A number without its fraction."""
    found = number(values, place, function, default)
    if not math.isfinite(found):
        raise LuaError(_bad(place, function, "number", found))
    return int(found)


def string(values: Values, place: int, function: str, world: World) -> str:
    """A string, or a number as it is spelled."""
    given = argument(values, place)
    if isinstance(given, float):
        return world.spell(given)
    if not isinstance(given, str):
        raise LuaError(_bad(place, function, "string", given))
    return given


def table(values: Values, place: int, function: str) -> Table:
    """A table."""
    given = argument(values, place)
    if not isinstance(given, Table):
        raise LuaError(_bad(place, function, "table", given))
    return given


def _bad(place: int, function: str, wanted: str, given: Value) -> str:
    got = "no value" if given is None else type_name(given)
    return f"bad argument #{place + 1} to `{function}' ({wanted} expected, got {got})"


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


def module(heap: Heap, **functions: Callable[[Values], Values]) -> Table:
    """A table of functions."""
    made = Table(heap)
    for name, call in functions.items():
        made.set(name.rstrip("_"), Builtin(name.rstrip("_"), call))
    return made


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


def maths(heap: Heap, seed: int) -> Table:
    """`math`, with a generator of random numbers that is the same for the same seed."""
    dice = random.Random(f"lua {seed}")

    def of_one(act: Callable[[float], float], name: str) -> Callable[[Values], Values]:
        def run(values: Values) -> Values:
            try:
                return [float(act(number(values, 0, name)))]
            except (ValueError, OverflowError):
                return [float("nan")]

        return run

    def draw(values: Values) -> Values:
        if not values:
            return [dice.random()]
        low = 1 if len(values) == 1 else integer(values, 0, "random")
        high = integer(values, len(values) - 1, "random")
        if high < low:
            raise LuaError("bad argument to `random' (interval is empty)")
        return [float(dice.randint(low, high))]

    def sow(values: Values) -> Values:
        dice.seed(number(values, 0, "randomseed"))
        return []

    def all_numbers(values: Values, name: str) -> list[float]:
        return [number(values, place, name) for place in range(max(1, len(values)))]

    names = "abs ceil floor sqrt exp log log10 sin cos tan asin acos atan".split()
    plain = {name: of_one(getattr(math, name) if name != "abs" else abs, name) for name in names}
    made = module(
        heap,
        **plain,
        atan2=lambda v: [math.atan2(number(v, 0, "atan2"), number(v, 1, "atan2"))],
        mod=lambda v: [_remainder(number(v, 0, "mod"), number(v, 1, "mod"))],
        max=lambda v: [max(all_numbers(v, "max"))],
        min=lambda v: [min(all_numbers(v, "min"))],
        random=draw,
        randomseed=sow,
    )
    made.set("pi", math.pi)
    return made


def _remainder(left: float, right: float) -> float:
    return math.fmod(left, right) if right and math.isfinite(left) else float("nan")


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


def bits(heap: Heap) -> Table:
    """`bit`: operations on whole numbers, as instruments have them."""

    def whole(values: Values, place: int, name: str) -> int:
        return integer(values, place, name) & 0xFFFFFFFF

    def of_two(act: Callable[[int, int], int], name: str) -> Callable[[Values], Values]:
        return lambda v: [float(act(whole(v, 0, name), whole(v, 1, name)))]

    def place_of(values: Values, name: str) -> int:
        place = integer(values, 1, name)
        if not 1 <= place <= 32:
            raise LuaError(f"bad argument #2 to `{name}' (1 to 32 expected)")
        return 1 << (place - 1)

    return module(
        heap,
        bitand=of_two(lambda a, b: a & b, "bitand"),
        bitor=of_two(lambda a, b: a | b, "bitor"),
        bitxor=of_two(lambda a, b: a ^ b, "bitxor"),
        test=lambda v: [bool(whole(v, 0, "test") & place_of(v, "test"))],
        set=lambda v: [float(whole(v, 0, "set") | place_of(v, "set"))],
        clear=lambda v: [float(whole(v, 0, "clear") & ~place_of(v, "clear"))],
        toggle=lambda v: [float(whole(v, 0, "toggle") ^ place_of(v, "toggle"))],
    )


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
