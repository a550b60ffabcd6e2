"""Every command of the reference on every simulator: implemented, or refused with its code."""

import pytest
from helpers.command_tables import matches, outcome, page
from helpers.write_tables import SHEETS


@pytest.mark.parametrize(
    ("sheet", "row"),
    [(sheet, row) for sheet in SHEETS for row in sheet.rows()],
    ids=lambda value: getattr(value, "name", None) or f"{value.purpose}: {value.lines[:40]!r}",
)
def test_a_row_of_the_table(sheet, row):
    came = outcome(sheet, row)
    assert matches(row, came), came


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_the_page_is_what_the_simulator_does(sheet):
    assert sheet.path.read_text(encoding="utf-8") == page(sheet)
