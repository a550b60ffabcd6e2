"""`print`, `printnumber`, `printbuffer`, `format`. Source: 2600BS-901-01 7-92, 7-149 to 7-152."""

import struct
from collections.abc import Iterable
from typing import Protocol

from labctl_simulators.firmware.k2600_buffer import CAPACITY_MOST, printed
from labctl_simulators.firmware.k2600_buffer_table import ColumnTable
from labctl_simulators.firmware.tsp_attributes import (
    Host,
    Refused,
    as_choice,
    as_count,
    as_number,
    attribute,
    constants,
    function,
)
from labctl_simulators.lua.values import Builtin, Native, Table, Value, Values

ASCII, REAL32, REAL64 = 1, 2, 3
BIG, LITTLE = 0, 1


class Printer(Host, Protocol):
    """What printing needs of the instrument."""

    precision: int

    def say(self, line: str) -> None:
        """Put a line on the wire."""

    def spell(self, number: float) -> str:
        """A number as it is printed."""

    def written(self, value: Value) -> str:
        """Any value as it is printed."""


class Output:
    """The printing functions and how they write."""

    def __init__(self, printer: Printer, world: Table) -> None:
        self._printer = printer
        self.reset()
        self.table = self._format()
        world.set("print", Builtin("print", self._print))
        tools = Native(printer.heap)
        function(printer, tools, "printnumber", self._print_numbers, 1, 250)
        function(printer, tools, "printbuffer", self._print_buffer, 3, 250)
        for name, tool in tools.objects.items():
            world.set(name, tool)

    def reset(self) -> None:
        """The formats after power-on."""
        self._printer.precision = 6
        self._data = ASCII
        self._order = LITTLE

    def _format(self) -> Native:
        printer = self._printer
        table = Native(printer.heap, "format")
        constants(
            table, ASCII=ASCII, SREAL=REAL32, REAL32=REAL32, REAL=REAL64, REAL64=REAL64,
            DREAL=REAL64, NORMAL=BIG, NETWORK=BIG, BIGENDIAN=BIG, SWAPPED=LITTLE,
            LITTLEENDIAN=LITTLE,
        )  # fmt: skip

        def set_precision(value: Value) -> None:
            printer.precision = as_count(value, 1, 16)

        def set_data(value: Value) -> None:
            self._data = as_choice(value, (ASCII, REAL32, REAL64))

        def set_order(value: Value) -> None:
            self._order = as_choice(value, (BIG, LITTLE))

        attribute(printer, table, "asciiprecision", lambda: float(printer.precision), set_precision)
        attribute(printer, table, "data", lambda: float(self._data), set_data)
        attribute(printer, table, "byteorder", lambda: float(self._order), set_order)
        return table

    def _print(self, arguments: Values) -> Values:
        self._printer.say("\t".join(self._printer.written(value) for value in arguments))
        return []

    def _print_numbers(self, arguments: Values) -> None:
        self._numbers([as_number(value) for value in arguments])

    def _print_buffer(self, arguments: Values) -> None:
        columns = []
        for given in arguments[2:]:
            if not isinstance(given, ColumnTable):
                raise Refused(-104)
            columns.append(given.buffer.column(given.column))
        first = as_count(arguments[0], 1, CAPACITY_MOST)
        last = as_count(arguments[1], 1, CAPACITY_MOST)
        if first > last:
            raise Refused(1103)
        self._numbers(printed(columns, first, min(last, max(map(len, columns)))))

    def _numbers(self, numbers: Iterable[float]) -> None:
        if self._data == ASCII:
            self._printer.say(", ".join(self._printer.spell(number) for number in numbers))
            return
        values = list(numbers)
        kind = "f" if self._data == REAL32 else "d"
        packed = struct.pack(f"{'<' if self._order == LITTLE else '>'}{len(values)}{kind}", *values)
        self._printer.say("#0" + packed.decode("latin-1"))
