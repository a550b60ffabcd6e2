"""Lua's values, and the memory that they may take. Numbers are floats, strings latin-1 text.

Source: the Lua 5.0 reference manual, §2.
"""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from labctl_simulators.lua.steps import Scope, Statement

Value: TypeAlias = object
Values: TypeAlias = list[Value]
Request: TypeAlias = "Call | float | None"
"""What a running piece asks of its task: a call, to wait until a time, or a step's time."""
Steps: TypeAlias = Generator[Request, Values, Values]

LONGEST_STRING = 1 << 17
MOST_CELLS = 1_000_000
CELL_BYTES = 64


class LuaError(Exception):
    """A run-time error: ends the chunk, unless `pcall` stands around it. `line`: where it was."""

    line = 0

    def at(self, line: int) -> "LuaError":
        """Itself, with the innermost line that is known."""
        self.line = self.line or line
        return self


class Leave(Exception):
    """The chunk ends itself, which is no error."""


class Heap:
    """How many cells are taken; strings count by their length."""

    def __init__(self, most: int = MOST_CELLS) -> None:
        self.most = most
        self.taken = 0

    def take(self, cells: int) -> None:
        """Take or give back. Raises LuaError when there is no room."""
        if cells > 0 and self.taken + cells > self.most:
            raise LuaError("not enough memory")
        self.taken += cells


def weight(value: Value) -> int:
    """The cells that a value in a table takes."""
    if value is None:
        return 0
    return 1 + len(value) // CELL_BYTES if isinstance(value, str) else 1


@dataclass(frozen=True, slots=True)
class _Flag:
    """A boolean as a key: Python takes True for 1."""

    value: bool


class Table:
    """A Lua table. `kind` is what instruments say of theirs."""

    __slots__ = ("_order", "_place", "_taken", "heap", "items", "kind")

    def __init__(self, heap: Heap, kind: str | None = None) -> None:
        self.heap = heap
        self.kind = kind
        self.items: dict[object, Value] = {}
        self._order: list[object] | None = None
        self._place: dict[object, int] = {}
        self._taken = 0
        heap.take(1)
        self._taken = 1

    def __del__(self) -> None:
        self.heap.taken -= self._taken

    def get(self, key: Value) -> Value:
        """The value of a key; nil without one."""
        return self.items.get(_Flag(key) if isinstance(key, bool) else key)

    def set(self, key: Value, value: Value) -> None:
        """Give a key a value; nil removes it. Raises LuaError for a key that cannot be."""
        if key is None:
            raise LuaError("table index is nil")
        if isinstance(key, float) and math.isnan(key):
            raise LuaError("table index is NaN")
        place = _Flag(key) if isinstance(key, bool) else key
        present = self.items.get(place)
        more = weight(value) - weight(present)
        self.heap.take(more)
        self._taken += more
        if value is None:
            if present is not None:
                self.items[place] = None  # stays a place for `next`, as in Lua
        else:
            if place not in self.items:
                self._order = None
            self.items[place] = value

    def next(self, key: Value) -> tuple[Value, Value] | None:
        """The pair after a key, the first after nil. Raises LuaError for an unknown key."""
        if self._order is None:
            self.items = {k: v for k, v in self.items.items() if v is not None or k == key}
            self._order = list(self.items)
            self._place = {place: index for index, place in enumerate(self._order)}
        index = 0
        if key is not None:
            found = self._place.get(_Flag(key) if isinstance(key, bool) else key)
            if found is None:
                raise LuaError("invalid key for `next'")
            index = found + 1
        for place in self._order[index:]:
            value = self.items.get(place)
            if value is not None:
                return (place.value if isinstance(place, _Flag) else place), value
        return None

    def length(self) -> int:
        """`table.getn`: its field `n`, else how many elements there are from 1 on."""
        said = self.items.get("n")
        if isinstance(said, float) and 0 <= said <= self.heap.most:
            return int(said)
        count = 0
        while self.items.get(float(count + 1)) is not None:
            count += 1
        return count


class Native(Table):
    """A table of the instrument: attributes that act when they are read or written.

    `objects` are constants, functions and further tables; `item` reads by number.
    """

    __slots__ = ("call", "getters", "item", "objects", "setters")

    def __init__(self, heap: Heap, kind: str | None = None) -> None:
        super().__init__(heap, kind)
        self.getters: dict[str, Callable[[], Value]] = {}
        self.setters: dict[str, Callable[[Value], None]] = {}
        self.objects: dict[str, Value] = {}
        self.item: Callable[[float], Value] | None = None
        self.call: Builtin | None = None

    def get(self, key: Value) -> Value:
        """An attribute, an object or an element."""
        if isinstance(key, str):
            if key in self.objects:
                return self.objects[key]
            if key in self.getters:
                return self.getters[key]()
        elif isinstance(key, float) and self.item is not None:
            return self.item(key)
        return super().get(key)

    def set(self, key: Value, value: Value) -> None:
        """Write an attribute. Raises LuaError for what cannot be written."""
        if isinstance(key, str) and key in self.setters:
            self.setters[key](value)
        elif isinstance(key, str) and (key in self.getters or key in self.objects):
            raise LuaError(f"attempt to write read-only attribute `{key}'")
        else:
            raise LuaError("attempt to write unknown attribute")


@dataclass(frozen=True, slots=True)
class Builtin:
    """A function of the instrument; `timed` when it takes time, waits or calls back."""

    name: str
    call: Callable[[Values], Values]
    timed: Callable[[Values], Steps] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """A function written in Lua, with the scope in which it was made."""

    parameters: tuple[str, ...]
    rest: bool
    body: "Statement"
    scope: "Scope"


@dataclass(frozen=True, slots=True)
class Call:
    """A request to run a function written in Lua; `protected` catches its errors."""

    function: Closure
    arguments: Values
    protected: bool = False


def untimed(_: Values) -> Values:
    """Stands in `call` of a function that takes time, which is never called so."""
    raise LuaError("attempt to call a timed function here")


def truthy(value: Value) -> bool:
    """Everything but nil and false."""
    return value is not None and value is not False


def type_name(value: Value) -> str:
    """What `type` gives."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "table" if isinstance(value, Table) else "function"


def to_number(value: Value) -> float | None:
    """A number, or the number that a string spells."""
    if isinstance(value, float):
        return value
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        number = float(value.strip())
    except ValueError:
        return None
    return number if "_" not in value and "n" not in value.lower() else None


def bounded(text: str) -> str:
    """A string that fits. Raises LuaError for one that does not."""
    if len(text) > LONGEST_STRING:
        raise LuaError("not enough memory")
    return text
