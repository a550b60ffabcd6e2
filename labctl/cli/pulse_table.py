"""What `labctl cycles --pulses` says on a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from labctl.show.columns import in_columns
from labctl.show.pulses import TABLES, columns_of
from labctl.show.values import Data


def pulse_lines(pulses: Mapping[str, Sequence[Data]]) -> Iterator[str]:
    """A table for each kind of pulse that there was."""
    for kind, (title, _) in TABLES.items():
        rows = pulses[kind]
        if rows:
            columns = columns_of(kind, rows)
            yield title
            heads = [column.head for column in columns]
            yield from in_columns(heads, [[each.cell(row) for each in columns] for row in rows])
    if not any(pulses.values()):
        yield "no change of current with readings close enough to it"
