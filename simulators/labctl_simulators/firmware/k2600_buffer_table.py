"""Reading buffers as scripts see them: `smua.nvbuffer1`, its columns, `printbuffer`.

Source: 2600BS-901-01 7-18 to 7-25, 7-231. `readings.getreading(i)` is not in the manual; the client
`keithley2600` reads buffers with it.
"""

from collections.abc import Sequence

from labctl_simulators.firmware.k2600_buffer import CAPACITY_MOST, Buffer
from labctl_simulators.firmware.tsp_attributes import (
    Host,
    Refused,
    as_choice,
    as_count,
    attribute,
    function,
)
from labctl_simulators.lua.values import Native, Value, Values

COLUMNS = ("readings", "timestamps", "sourcevalues")


class ColumnTable(Native):
    """One column of a buffer; the buffer itself stands for its readings."""

    __slots__ = ("buffer", "column")

    def __init__(self, host: Host, buffer: Buffer, column: str, kind: str) -> None:
        super().__init__(host.heap, kind)
        self.buffer = buffer
        self.column = column
        self.item = self._element
        function(host, self, "getreading", self._getreading, 1, 1)

    def _element(self, place: float) -> Value:
        values = self.buffer.column(self.column)
        return values[int(place) - 1] if 1 <= place <= len(values) else None

    def _getreading(self, arguments: Values) -> Values:
        return [self._element(as_count(arguments[0], 1, CAPACITY_MOST))]


def buffer_table(host: Host, buffer: Buffer) -> ColumnTable:
    """A buffer's attributes."""
    table = ColumnTable(host, buffer, "readings", "reading_buffer")
    for column in COLUMNS:
        table.objects[column] = ColumnTable(host, buffer, column, "synchronous_table")
    attribute(host, table, "n", lambda: float(len(buffer)))
    attribute(host, table, "next", lambda: float(len(buffer) + 1))
    attribute(host, table, "capacity", lambda: float(buffer.capacity))
    attribute(host, table, "basetimestamp", lambda: buffer.base_s)

    def set_append(value: Value) -> None:
        buffer.append = bool(as_choice(value, (0, 1)))

    def set_times(value: Value) -> None:
        _empty(buffer)
        buffer.keeps_times = bool(as_choice(value, (0, 1)))

    def set_sources(value: Value) -> None:
        _empty(buffer)
        buffer.keeps_sources = bool(as_choice(value, (0, 1)))

    attribute(host, table, "appendmode", lambda: float(buffer.append), set_append)
    attribute(host, table, "collecttimestamps", lambda: float(buffer.keeps_times), set_times)
    attribute(host, table, "collectsourcevalues", lambda: float(buffer.keeps_sources), set_sources)
    function(host, table, "clear", lambda _: buffer.clear())
    function(host, table, "clearcache", lambda _: None)
    return table


def _empty(buffer: Buffer) -> None:
    if len(buffer):
        raise Refused(-221)


def buffers_of(arguments: Sequence[Value], most: int) -> list[Buffer]:
    """The buffers that a measuring function is to fill. Raises Refused -104, -108."""
    if len(arguments) > most:
        raise Refused(-108)
    if not all(isinstance(each, ColumnTable) for each in arguments):
        raise Refused(-104)
    return [each.buffer for each in arguments if isinstance(each, ColumnTable)]
