"""S2: with the program dead in mid-step, the cell's limits hold by the instrument alone.

What counts is what the cell's own model was exposed to in the ten hours.
"""

from pathlib import Path
from typing import Any

import pytest
from helpers import pc_dies
from helpers.cli import labctl, refused
from helpers.pc_dies import GUARDED, LIMITS_V, STEPS, UNGUARDED, ratings_of

pytestmark = [pytest.mark.xdist_group("pc-dies"), pytest.mark.campaign]
SOURCE_ERROR_V = 6e-3
CURRENT_ERROR = 0.02
OFFSET_A = 1e-6
LOOKS_S = {"emstat4": 5e-3, "nexus": 5e-3}
"""How far apart these look at a voltage that runs towards their cut-off: they are galvanostats and
do not hold it. Their drivers say so."""
SWITCHING_S = 1e-3

After = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> After:
    return pc_dies.ten_hours_alone(tmp_path_factory.mktemp("pc-dies"))


@pytest.mark.parametrize(("driver", "name"), GUARDED)
def test_for_ten_hours_the_cell_s_limits_hold(driver: str, name: str, after: After) -> None:
    seen, step = after[driver, name], STEPS[name]
    low_V, high_V = LIMITS_V
    if driver not in LOOKS_S:
        assert low_V - SOURCE_ERROR_V <= seen["low_V"], seen
        assert seen["high_V"] <= high_V + SOURCE_ERROR_V, seen
        assert seen["most_A"] <= step.most_A * (1 + CURRENT_ERROR) + OFFSET_A, seen
    assert seen["beyond_V_s"] <= LOOKS_S.get(driver, 0.0) + SWITCHING_S, seen
    assert seen["beyond_A_s"] <= LOOKS_S.get(driver, 0.0) + SWITCHING_S, seen
    if name != "rest":
        assert seen["driven_s"] > 0  # it was killed while it drove


@pytest.mark.parametrize("driver", sorted({driver for driver, _ in GUARDED}))
def test_what_the_driver_says_of_charge_holds_too(driver: str, after: After) -> None:
    step = STEPS["plate"]
    if (driver, "plate") not in after or "charge" not in ratings_of(driver).bounds:
        pytest.skip("it does not say that it bounds the charge")
    assert step.most_Ah is not None
    passed_Ah = abs(after[driver, "plate"]["charge_Ah"])
    assert 0.5 * step.most_Ah < passed_Ah <= step.most_Ah * (1 + CURRENT_ERROR)
    assert after[driver, "plate"]["is"] == "open"


@pytest.mark.parametrize(("driver", "name"), UNGUARDED)
def test_where_nothing_would_hold_them_the_checker_asks(
    driver: str, name: str, tmp_path: Path
) -> None:
    bench = f"bench: b\ninstruments: {{i: {{driver: {driver}, resource: sim}}}}\n"
    (tmp_path / "bench.yaml").write_text(bench + "channels: {A1: {instrument: i}}\n")
    words = ["check", f"{driver}-{name}.yaml", "--cell", "cell.yaml", "--bench", "bench.yaml"]
    pc_dies.write_protocol(tmp_path, driver, name)
    lines = refused(labctl(*words, "--channel", "A1", cwd=tmp_path), 2)
    assert any("if the PC dies" in line and "allow_unguarded: true" in line for line in lines)
    pc_dies.write_protocol(tmp_path, driver, name, "allow_unguarded: true\n")
    done = labctl(*words, "--channel", "A1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing holds the cell's limits if the PC dies" in done.stdout + done.stderr
