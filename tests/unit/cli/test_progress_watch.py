"""What the display is told of a running engine: figures of the step, questions, pauses, remarks."""

from pathlib import Path

import pytest
from helpers.engine_bench import Bench, Linear, Trace, from_bench
from helpers.plans import ask, charge, charge_As, make_plan, mark

from labctl.run import watch
from labctl.run.request import Snapshot
from labctl.run.watch import ProgressWatch
from labctl_protocols.decisions import Operator
from labctl_protocols.engine.engine import Engine
from labctl_protocols.plan import Limits


class Kept:
    """Keeps every snapshot, as a display that is never behind."""

    def __init__(self) -> None:
        self.failed: Exception | None = None
        self.seen: list[Snapshot] = []

    def __call__(self, snapshot: Snapshot) -> None:
        self.seen.append(snapshot)


def snapshots(
    monkeypatch: pytest.MonkeyPatch, plan, bench: Bench, *words: tuple[str, float]
) -> list[Snapshot]:
    """Everything shown of a run while the operator says words at their times."""
    monkeypatch.setattr(watch, "PERIOD_S", 0.0)
    kept, said = Kept(), list(words)
    trace = Trace(Engine(plan, bench.ratings), bench)
    progress = ProgressWatch("r1", Path("r1"), trace.engine, kept)  # type: ignore[arg-type]
    answer = trace.take(trace.engine.begin(bench.now_s))
    progress.hear(answer)
    while answer.ended is None:
        if said and answer.waits and bench.now_s < said[0][1]:
            bench.advance(said[0][1])
        if said and not trace.waiting and bench.now_s >= said[0][1]:
            heard = Operator(bench.now_s, said.pop(0)[0], "test")  # type: ignore[arg-type]
        else:
            heard = from_bench(trace, answer, reload=False)
        answer = trace.take(trace.engine.hear(heard))
        progress.hear(answer)
    assert kept.failed is None
    return kept.seen


WIDE = Limits(low_V=0.0, high_V=5.0, current_A=0.02)


def test_charge_area_inventory_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(
        charge(0.01, charge_As(1.0)),
        kind="full",
        limits=WIDE,
        area_cm2=2.0,
        nominal_Ah=1e-3,
        inventory_Ah=0.8e-3,
    )
    seen = snapshots(monkeypatch, plan, Bench(Linear(3.0, 10.0)))
    driven = [each for each in seen if each.current_A and each.left_s is not None]
    assert driven
    for each in driven:
        assert each.area_cm2 == 2.0
        assert each.inventory == pytest.approx(0.8)
        assert each.current_A == pytest.approx(0.01)
        assert each.charge_Ah is not None
        # 10 mA: what has passed and what is left make 1 A·s
        assert each.charge_Ah * 3600 + 0.01 * each.left_s == pytest.approx(1.0, abs=2e-3)
    assert seen[-1].outcome == "completed"
    assert {each.outcome for each in seen[:-1]} == {None}


def test_a_question_is_shown_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (mark("before"), ask("open the valve"), charge(0.01, charge_As(0.1)))
    plan = make_plan(*steps, kind="full", limits=WIDE)
    seen = snapshots(monkeypatch, plan, Bench(Linear(3.0, 10.0)), ("continue", 100.0))
    waiting = [each.waiting for each in seen]
    assert "asks: open the valve" in waiting
    last = len(waiting) - 1 - waiting[::-1].index("asks: open the valve")
    assert set(waiting[last + 1 :]) == {""}
    assert seen[-1].told_count == 2
    assert seen[-1].told[0] == "mark: before"
    assert seen[-1].told[1].startswith("operator: answered")


def test_a_pause_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(charge(0.01, charge_As(1.0)), kind="full", limits=WIDE)
    bench = Bench(Linear(3.0, 10.0))
    seen = snapshots(monkeypatch, plan, bench, ("pause", 40.0), ("continue", 500.0))
    assert "paused" in {each.waiting for each in seen}
    assert seen[-1].waiting == ""


def test_a_current_that_has_not_come_says_nothing_of_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(Linear):
        """At the first look at a driven cell only 1 nA flows."""

        looks = 0

        def now(self, bound_V: float, limit_A: float) -> tuple[float, float, bool]:
            voltage_V, current_A, regulated = super().now(bound_V, limit_A)
            self.looks += limit_A > 0
            return voltage_V, 1e-9 if self.looks == 1 else current_A, regulated

    plan = make_plan(charge(0.01, charge_As(1.0)), kind="full", limits=WIDE)
    seen = snapshots(monkeypatch, plan, Bench(Slow(3.0, 10.0)))
    assert [each.left_s for each in seen if each.current_A == 1e-9] == [None]
    assert any(each.left_s is not None for each in seen)
