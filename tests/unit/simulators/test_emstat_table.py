"""Every command and code of the reference on the simulated EmStats: implemented, or refused."""

import re

import pytest
from helpers import emstat_rows as table


@pytest.mark.parametrize(
    "row", list(table.rows()), ids=lambda row: f"{row.purpose}: {row.sent[:40]!r}"
)
def test_a_row_of_the_table(row):
    came = table.outcome(row)
    assert table.matches(row, came), came


def test_every_code_of_the_reference_is_there():
    assert set(table.ERRORS) == table.reference_codes()


def test_every_command_of_the_language_is_in_a_row():
    sent = {word for row in table.rows() if row.script for word in re.split(r"[|\s]", row.sent)}
    assert table.commands() <= sent


def test_the_page_is_what_the_simulator_does():
    assert table.PAGE.read_text(encoding="utf-8") == table.page()
