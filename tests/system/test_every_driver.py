"""The same library protocol on every driver that can run it: one cell, one Coulombic efficiency."""

from itertools import combinations

import pytest
from helpers.every_driver import CAN, CE, Same, run_on

pytestmark = [pytest.mark.xdist_group("every-driver"), pytest.mark.campaign]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Same]:
    folder = tmp_path_factory.mktemp("every-driver")
    return {driver: run_on(driver, folder) for driver in CAN}


@pytest.mark.parametrize("driver", CAN)
def test_the_figure_holds_what_the_cell_knows(driver: str, found: dict[str, Same]) -> None:
    same = found[driver]
    assert same.ledger_ce == pytest.approx(100 * CE, abs=0.02)
    assert 0 < same.u_ce < 2.0
    assert abs(same.ce - same.ledger_ce) <= same.u_ce, same


@pytest.mark.parametrize(("one", "other"), list(combinations(CAN, 2)))
def test_any_two_drivers_agree(one: str, other: str, found: dict[str, Same]) -> None:
    a, b = found[one], found[other]
    assert abs(a.ce - b.ce) <= (a.u_ce**2 + b.u_ce**2) ** 0.5, (a, b)


def test_most_drivers_can_run_it() -> None:
    assert set(CAN) >= {"keithley-2450", "keithley-2600", "keysight-b2900", "emstat4", "maccor"}
