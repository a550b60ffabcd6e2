"""What is shipped binds, says where it is from, and allows what was promised."""

import re

import pytest
from helpers.binding import Known
from helpers.cells_under_test import RATINGS
from helpers.shelf import CELLS, stated

from labctl_protocols import library
from labctl_protocols.cell_record import METALS
from labctl_protocols.checker import bind, check
from labctl_protocols.files import load_cell, load_protocol
from labctl_protocols.plan import Drive, For, Group, Node, Plan, Repeat, every
from labctl_protocols.problems import ProtocolError

RECIPES = (
    "zn-cu-reservoir-ce",
    "na-anode-free-cycle-life",
    "k-cu-precycle",
    "cccv",
    "na-nvp-gitt",
    "na-critical-current",
    "na-sacrificial-additive",
    "na-third-electrode",
    "zn-cu-calendar",
    "hppc",
)
"""The recipes that have to fit on a screen."""
SCREEN = 30
PROMISED = {
    "na-cu-half": (-0.5, 3.0, 0.02),
    "zn-cu-half": (-0.5, 3.0, 0.02),
    "k-cu-half": (-0.5, 3.0, 0.02),
    "li-cu-half": (-0.5, 3.0, 0.02),
    "na-nvp-anode-free": (1.5, 4.2, 0.0),
    "lfp-graphite": (2.0, 3.8, 0.0),
    "zn-ti-half": (-0.5, 3.0, 0.02),
    "na-symmetric": (-1.0, 1.0, 0.02),
    "zn-symmetric": (-1.0, 1.0, 0.02),
    "li-symmetric": (-1.0, 1.0, 0.02),
    "na-nvp-three-electrode": (1.5, 4.2, 0.0),
    "na-nvp-additive": (1.5, 4.6, 0.0),
    "na-nvp-overmetallated": (1.0, 4.2, 0.0),
    "k-kfehcf-anode-free": (1.5, 4.4, 0.0),
    "zn-mno2-anode-free": (0.5, 1.9, 0.0),
    "li-nmc-anode-free": (2.5, 4.5, 0.0),
}


def plan_of(name: str, **parameters: str) -> Plan:
    cell = load_cell(CELLS[name])
    others = {role: RATINGS for role in cell.terminals if role != "main"}
    return bind(load_protocol(name), cell, RATINGS, parameters, others=others)


def test_nothing_is_missing() -> None:
    assert len(library.names("protocols")) >= 24
    assert set(library.names("cells")) == set(PROMISED)
    assert set(library.names("routines")) >= {
        "formation", "precycle", "metal_supply", "reservoir_ce", "plate_strip_ce",
        "rate_capability", "critical_current", "symmetric_cycling", "gitt", "hppc", "ici",
        "diagnostic", "calendar_rest",
        # the other remedies of science.md §1.1
        "sacrificial_charge", "over_discharge", "electrode_supply", "recovery_strip", "seed_layer",
    }  # fmt: skip


def test_every_metal_has_its_protocols_on_every_kind_of_cell() -> None:
    cells = [load_cell(cell) for cell in CELLS.values()]
    kinds = {(cell.metal, cell.kind) for cell in cells}
    assert {(metal, "half") for metal in METALS} <= kinds
    assert {(metal, "anode-free") for metal in METALS} <= kinds
    assert {("Na", "symmetric"), ("Zn", "symmetric"), ("Li", "symmetric")} <= kinds


def test_every_routine_is_called_by_a_protocol_of_the_library() -> None:
    texts = [library.text_of("protocols", name)[1] for name in library.names("protocols")]
    for routine in library.names("routines"):
        assert any(re.search(rf"^ *- {routine}:", text, re.MULTILINE) for text in texts), routine


@pytest.mark.parametrize("name", sorted(CELLS))
def test_each_protocol_says_how_long_it_takes_and_on_which_cell(name: str) -> None:
    assert stated(name).duration_s >= 3600.0
    assert stated(name).cell in PROMISED


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_fits_on_a_screen(name: str) -> None:
    assert len(library.text_of("protocols", name)[1].splitlines()) <= SCREEN


def test_cycle_life_nests_three_deep() -> None:
    def depth(nodes: tuple[Node, ...]) -> int:
        loops = [1 + depth(n.steps) for n in nodes if isinstance(n, Repeat | For)]
        groups = [depth(n.steps) for n in nodes if isinstance(n, Group)]
        return max([0, *loops, *groups])

    assert depth(plan_of("li-anode-free-cycle-life").steps) >= 3


@pytest.mark.parametrize("shelf", ["protocols", "cells", "routines"])
def test_everything_has_a_title_and_a_source(shelf: library.Shelf) -> None:
    for shipped in library.shipped(shelf):
        assert shipped.title, shipped.name
        assert shipped.source, shipped.name


@pytest.mark.parametrize("name", sorted(CELLS))
def test_each_protocol_binds_to_its_cell_and_ends(name: str) -> None:
    plan = plan_of(name)
    assert plan.name == name
    assert len({node.path for node in every(plan.steps)}) == len(list(every(plan.steps)))
    check(load_protocol(name), None, RATINGS)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_no_target_lies_on_a_limit(name: str) -> None:
    plan = plan_of(name)
    low, high = plan.limits.low_V, plan.limits.high_V
    assert low is not None
    assert high is not None
    for node in every(plan.steps):
        for end in node.until if isinstance(node, Drive) else ():
            if end.kind == "voltage":
                target = end.expression.evaluate(Known())
                assert target is not None
                assert low + 0.05 <= target <= high - 0.05


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_each_cell_allows_what_was_promised(name: str) -> None:
    cell, (low, high, current) = load_cell(name), PROMISED[name]
    assert cell.limits.low_V is not None
    assert cell.limits.high_V is not None
    assert cell.limits.current_A is not None
    assert cell.limits.low_V <= low
    assert cell.limits.high_V >= high
    assert cell.limits.current_A >= current
    # a 12 mm disc
    assert cell.area_cm2 == pytest.approx(3.14159265 * 0.6**2, rel=1e-4)
    assert cell.id == name
    assert cell.text.startswith(f"id: {name}\n")


def test_the_flagship_by_hand() -> None:
    plan = plan_of("na-cu-reservoir-ce")
    drives = [node for node in every(plan.steps) if isinstance(node, Drive)]
    assert [node.verb for node in drives] == ["plate", "strip", "plate", "strip", "plate", "strip"]
    assert [node.sign for node in drives] == [-1, 1, -1, 1, -1, 1]
    known = Known({"deposit": 10.0})
    # 0.5 mA/cm2 on 1.131 cm2
    for node in drives:
        assert node.at is not None
        assert node.at.evaluate(known) == pytest.approx(0.5655e-3)
    found = [[(end.kind, end.expression.evaluate(known)) for end in n.until] for n in drives]
    plated, portion = [("charge", pytest.approx(16.2864))], ("charge", pytest.approx(4.0716))
    stripped = [("voltage", 1.0), ("charge", pytest.approx(12.0))]
    assert found == [plated, stripped, plated, [portion, ("voltage", 1.0)], [portion], stripped]
    assert plan.first == "plate"
    assert plan.start_V == (-0.1, 3.0)
    groups = [node for node in every(plan.steps) if isinstance(node, Group)]
    assert [(g.label, g.group_class, g.pair) for g in groups] == [
        ("formation", "formation", "each"),
        ("reservoir", "cycle", "total"),
    ]


def test_its_siblings_have_the_same_steps_through_the_routine() -> None:
    def skeleton(name: str) -> list[str]:
        text = [type(node).__name__ for node in every(plan_of(name).steps)]
        return text

    for name in ("zn-cu-reservoir-ce", "k-cu-reservoir-ce", "li-cu-reservoir-ce"):
        assert skeleton(name) == skeleton("na-cu-reservoir-ce")


@pytest.mark.parametrize("name", ["na-cu-reservoir-ce", "k-cu-precycle"])
def test_protocols_refuse_other_cells(name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        bind(load_protocol(name), load_cell("zn-cu-half"), RATINGS)
    assert {problem.rule for problem in caught.value.problems} == {"wrong-cell"}


def test_no_shipped_file_names_a_machine() -> None:
    for shelf in ("protocols", "cells", "routines"):
        for name in library.names(shelf):
            _, text = library.text_of(shelf, name)
            assert not re.search(r"/home|/root|[A-Z]:\\\\|localhost", text)
