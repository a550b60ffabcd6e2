"""Lua's `math`, and the `bit` that instruments add to it."""

import math
import random
from collections.abc import Callable

from labctl_simulators.lua.arguments import integer, module, number
from labctl_simulators.lua.values import Heap, LuaError, Table, Values


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
