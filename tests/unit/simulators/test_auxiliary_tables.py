"""Every command of the reference on the simulated auxiliaries: implemented, or refused as said."""

import pytest
from helpers import daq6510_rows, espec_rows, keysight_34970a_rows
from helpers.auxiliary_table import Row, Table

TABLES = (daq6510_rows.TABLE, keysight_34970a_rows.TABLE, espec_rows.TABLE)
ROWS = [
    pytest.param(table, row, id=f"{table.name}: {row.purpose}: {row.lines[:40]!r}")
    for table in TABLES
    for row in table.rows()
]


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_a_row_of_the_table(table: Table, row: Row) -> None:
    assert table.matches(row), table.outcome(row)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_page_is_what_the_simulator_does(table: Table) -> None:
    assert table.page_file.read_text(encoding="utf-8") == table.page()
