"""A sweep that the instrument ended before its last corner is not a sweep that was done."""

from pathlib import Path

import pytest
from helpers import running
from helpers.pc_dies import CELL

from labctl.bench import default_bench
from labctl.journal import Reader

PROTOCOL = """\
name: sweep
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 2.5 mA}
record: every 1 s
steps:
  - sweep: {from: 0 V, to: [HIGH, 0 V], rate: 2 mV/s}
"""


@pytest.mark.parametrize(
    ("high", "outcomes", "last_V"),
    [("60 mV", {"completed"}, 0.0), ("1 V", {"limit", "fault"}, 0.135)],
)
def test_a_current_beyond_the_limit_ends_it_and_the_run(
    high: str, outcomes: set[str], last_V: float, tmp_path: Path
) -> None:
    """The cell has some 54 ohm: 2.5 mA at 0.135 V."""
    (tmp_path / "cell.yaml").write_text(CELL, encoding="utf-8")
    (tmp_path / "sweep.yaml").write_text(PROTOCOL.replace("HIGH", high), encoding="utf-8")
    files = tmp_path / "sweep.yaml", tmp_path / "cell.yaml"
    result = running.run(*files, tmp_path / "data", bench=default_bench("emstat4"))
    assert result.outcome in outcomes, result.reason
    with Reader(result.folder) as reader:
        rows = list(reader.readings())
    assert rows[-1].voltage_V == pytest.approx(last_V, abs=0.01)
