"""Every command of the reference on the simulated Rodeostat: implemented, or refused."""

import pytest
import rodeostat_rows as table

from labctl_rodeostat.sim_commands import COMMANDS


@pytest.mark.parametrize("row", list(table.rows()), ids=lambda row: table.shown(row.request)[:60])
def test_a_row_of_the_table(row):
    came = table.outcome(row)
    assert table.matches(row, came), came


def test_every_command_is_in_the_table():
    sent = {row.request["command"] for row in table.rows() if "command" in row.request}
    assert set(COMMANDS) <= sent


def test_the_page_is_what_the_simulator_does():
    assert table.PAGE.read_text(encoding="utf-8") == table.page()
