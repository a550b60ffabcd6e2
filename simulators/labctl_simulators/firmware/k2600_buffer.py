"""Reading buffers of the Series 2600B. Source: 2600BS-901-01 3-6 to 3-14, 7-18 to 7-25."""

from array import array
from collections.abc import Iterator

CAPACITY = 60_000
CAPACITY_MOST = 200_000


class Buffer:
    """Readings with their times and source values, in the order in which they were taken.

    `base_s` is the instrument's time of the first one, from which timestamps count.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.append = False
        self.keeps_times = True
        self.keeps_sources = False
        self.clear()

    def __len__(self) -> int:
        return len(self.readings)

    def clear(self) -> None:
        """Forget all readings."""
        self.readings = array("d")
        self.times_s = array("d")
        self.sources = array("d")
        self.base_s = 0.0

    def put(self, reading: float, source: float, now_s: float) -> bool:
        """Store a reading; False when the buffer is full."""
        if len(self.readings) >= self.capacity:
            return False
        if not self.readings:
            self.base_s = now_s
        self.readings.append(reading)
        self.times_s.append(now_s - self.base_s)
        self.sources.append(source)
        return True

    def column(self, name: str) -> "array[float]":
        """One of the columns; empty when it is not collected."""
        if name == "timestamps":
            return self.times_s if self.keeps_times else array("d")
        if name == "sourcevalues":
            return self.sources if self.keeps_sources else array("d")
        return self.readings


def printed(columns: list["array[float]"], first: int, last: int) -> Iterator[float]:
    """The elements first to last (from 1), those of several columns side by side."""
    for place in range(first - 1, last):
        for column in columns:
            if place < len(column):
                yield column[place]
