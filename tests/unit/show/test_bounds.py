"""The longest a plan can take, against sums done by hand."""

import pytest

from labctl.show.explain import explain_document
from labctl_protocols.checker import check
from labctl_protocols.files import load_cell, protocol_from_text


def worst(steps: str, cell: str = "na-cu-half", head: str = "") -> dict[str, object]:
    text = f"name: t\n{head}limits: {{voltage: -0.5 V .. 1.5 V, current: 20 mA}}\nsteps:\n{steps}"
    plan, _ = check(protocol_from_text(text, "t.yaml"), load_cell(cell), None, {})
    assert plan is not None
    told = explain_document(plan)["worst_case"]
    assert isinstance(told, dict)
    return told


def test_nested_loops_are_counted_and_not_unrolled() -> None:
    steps, indent = "", "  "
    for _ in range(5):
        steps += f"{indent}- repeat: 100\n{indent}  steps:\n"
        indent += "    "
    steps += f"{indent}- rest: 1 s\n"
    told = worst(steps)
    assert told["time_s"] == 1e10
    assert told["unbounded_steps"] == []


def test_the_earliest_of_time_and_charge_counts() -> None:
    told = worst("  - plate: 1 mA until 2 mAh or 90 min\n")
    assert told["time_s"] == pytest.approx(5400)
    assert told["charge_Ah"] == pytest.approx(1.5e-3)


def test_a_strip_after_plating_is_bounded_by_the_deposit() -> None:
    told = worst("  - plate: 1 mA until 2 mAh\n  - strip: 0.5 mA until 1 V or 1.5 * deposit\n")
    assert told["time_s"] == pytest.approx((2 + 3 / 0.5) * 3600)
    assert told["charge_Ah"] == pytest.approx(5e-3)


def test_a_loop_over_values_takes_each() -> None:
    steps = (
        "  - for: {rate: [1 mA, 2 mA]}\n    steps:\n      - plate: $rate until 1 mAh\n"
        "      - strip: $rate until 1 V or 1 mAh\n"
    )
    assert worst(steps)["time_s"] == pytest.approx((2 + 1) * 3600)


def test_a_counter_is_followed_through_every_round() -> None:
    steps = "  - repeat: 4 as k\n    steps:\n      - rest: (10 s * k)\n"
    assert worst(steps)["time_s"] == pytest.approx(100)


def test_of_two_branches_the_longer_counts() -> None:
    steps = (
        "  - if: ce > 99 %\n    steps:\n      - rest: 1 h\n    else:\n      - rest: 2 h\n"
        "  - rest: 1 h\n"
    )
    assert worst(steps)["time_s"] == pytest.approx(3 * 3600)


def test_what_only_a_condition_ends_is_named_and_not_guessed() -> None:
    steps = "  - charge: 1 mA until 1 V\n"
    told = worst(steps)
    assert told["time_s"] is None
    assert told["charge_Ah"] is None
    assert told["unbounded_steps"] == ["1.charge"]


def test_loops_that_differ_in_every_round_end_in_unbounded() -> None:
    steps = "  - repeat: 100000 as k\n    steps:\n      - rest: (1 s * k)\n"
    assert worst(steps)["time_s"] is None
