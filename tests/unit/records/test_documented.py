"""The table in docs/cells.md is a table."""

import re
from pathlib import Path

import pytest

from labctl.records.batch import like_cell, read_batch
from labctl_protocols.files import load_cell

PAGE = Path(__file__).parents[3] / "docs" / "cells.md"


def test_the_table_on_the_page_gives_its_cells(tmp_path: Path) -> None:
    (block,) = re.findall(r"```csv\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    table = tmp_path / "coins.csv"
    table.write_text(block, "utf-8")
    name = "na-nvp-anode-free"
    made = read_batch(table, like_cell(name, load_cell(name))).made
    assert [each.id for each in made] == ["c01", "c02"]
    first = made[0].record
    # (20.5 − 5.5) mg · 80 % is 12 mg, times 117.6 mAh/g
    assert first.active_mass_g == pytest.approx(12e-3)
    assert first.capacity_Ah == pytest.approx(1.4112e-3)
    assert first.inventory_Ah == pytest.approx(1.4112e-3)
    assert "operator: KM" in first.notes
