"""Every message of the reference on the simulated Maccor: implemented, or refused with its code."""

import pytest
from helpers import maccor_rows as table


@pytest.mark.parametrize(
    "row", list(table.rows()), ids=lambda row: f"{row.purpose}: {row.message.shown()[:40]}"
)
def test_a_row_of_the_table(row):
    came = table.outcome(row)
    assert table.matches(row, came), came


def test_the_page_is_what_the_simulator_does():
    assert table.PAGE.read_text(encoding="utf-8") == table.page()
