"""Every command of the reference on the simulated 2600B: implemented, or refused with its code."""

import pytest
from helpers import keithley_2600_rows as table


@pytest.mark.parametrize(
    "row", list(table.rows()), ids=lambda row: f"{row.purpose}: {row.lines[:40]!r}"
)
def test_a_row_of_the_table(row):
    came = table.outcome(row)
    assert table.matches(row, came), came


def test_the_page_is_what_the_simulator_does():
    assert table.PAGE.read_text(encoding="utf-8") == table.page()
