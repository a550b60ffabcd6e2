"""From step to step and cycle to cycle: gaps, charges, rests; 120 % fires, 80 % does not."""

import pytest
from helpers.seeing import Watcher, level

from labctl_protocols.engine.detect import charge, resting, voltage
from labctl_protocols.engine.detect.memory import MOST_TRENDS, Memory

# ---- the gap between both directions ------------------------------------------------------------


class Cycling:
    """Cycles whose plateaus are given; what the two rules of the gap say of each."""

    def __init__(self, kind: str = "half", base_V: float = 0.0) -> None:
        self.watcher = Watcher(lambda seen, memory: None, kind)
        self.base_V = base_V

    def cycle(self, gap_V: float, amps: float = 1e-3, **more) -> list[str]:
        said = []
        for sign in (-1, 1):
            watcher = self.watcher.begin(sign * amps, **more)
            for t, plateau_V in level(self.base_V + sign * gap_V / 2, 0.0, 400.0, 10.0):
                # a peak at the beginning and the run-away at the end are not the plateau
                edge_V = 0.3 * sign if t < 50 or t > 350 else 0.0
                watcher.see(t, plateau_V + edge_V)
                watcher.memory.course.put(watcher.seen.passed_As, plateau_V + edge_V)
            trend = voltage.enter_plateau(watcher.seen, watcher.memory)
            if trend is not None:
                for rule in (voltage.soft_short_hysteresis, voltage.polarisation):
                    said += [rule.__name__] if rule(trend, watcher.memory) else []
        return said


@pytest.mark.parametrize(("fall", "fires"), [(0.36, True), (0.24, False)])
def test_the_gap_falls_by_a_third_in_two_cycles(fall, fires) -> None:
    cells = Cycling()
    assert not any(cells.cycle(0.1) for _ in range(5))
    assert cells.cycle(0.1 * (1 - fall)) == []
    assert cells.cycle(0.1 * (1 - fall)) == (["soft_short_hysteresis"] if fires else [])
    # it takes five cycles to know what is usual, and one low cycle among others is none
    young = Cycling()
    assert not any(young.cycle(gap_V) for gap_V in (0.1, 0.1, 0.1, 0.1, 0.05, 0.05))
    once = Cycling()
    assert not any(once.cycle(gap_V) for gap_V in (0.1,) * 5 + (0.05, 0.1, 0.05, 0.1))


@pytest.mark.parametrize(("times", "fires"), [(2.4, True), (1.6, False)])
def test_the_gap_doubles_in_three_cycles(times, fires) -> None:
    cells = Cycling()
    said = [cells.cycle(gap_V) for gap_V in (0.1,) * 5 + (times * 0.1,) * 3]
    assert said == [[]] * 7 + [["polarisation"] if fires else []]


@pytest.mark.parametrize(("more_V", "fires"), [(0.24, True), (0.16, False)])
def test_with_a_cathode_100_mV_more_each_way(more_V, fires) -> None:
    cells = Cycling("full", base_V=3.4)
    said = [cells.cycle(gap_V) for gap_V in (0.3,) * 5 + (0.3 + more_V,) * 3]
    assert said[-1] == (["polarisation"] if fires else [])
    # closer voltages of a cell with a cathode are no short: its temperature or content changed
    warm = Cycling("full", base_V=3.4)
    assert not any(warm.cycle(gap_V) for gap_V in (0.3,) * 5 + (0.1,) * 3)


def test_only_like_currents_and_classes_are_compared() -> None:
    cells = Cycling()
    rates = [(0.1, 1e-3)] * 5 + [(0.02, 2e-4)] * 3 + [(0.4, 4e-3)] * 3 + [(0.1, 1e-3)] * 3
    assert not any(cells.cycle(gap_V, amps) for gap_V, amps in rates)
    assert not any(cells.cycle(0.05, group_class="formation") for _ in range(3))
    for n in range(3 * MOST_TRENDS):
        cells.cycle(0.1, 1e-3 * 1.1**n)
    assert len(cells.watcher.memory.trends) == MOST_TRENDS


# ---- charges ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("excess", "fires"), [(0.24, True), (0.16, False)])
def test_a_charge_that_goes_on_beyond_what_came_back(excess, fires) -> None:
    def watch(half_As: float = 0.0, recipe: str | None = None) -> bool:
        watcher = Watcher(charge.charge_goes_on, "anode-free", 1e-3, more={"half_As": half_As})
        watcher.memory.returned_As = 1.0
        watcher.memory.returned_recipe = recipe or charge.recipe_of(watcher.seen)
        passing_s = (1.0 + excess - half_As) / 1e-3
        return watcher.fires([(0.0, 3.5), (passing_s, 3.5)])

    assert watch() is fires
    assert watch(half_As=0.9) is fires  # of a hold, with what the charge before it passed
    assert watch(recipe="0.002 A 3.8 V") is False  # another current fills it otherwise


def cycle_of(second_As: float, u_ce: float = 1e-4, cls: str = "cycle") -> dict[str, object]:
    halves = {"first": {"charge_Ah": 1.0 / 3600}, "second": {"charge_Ah": second_As / 3600}}
    return {"class": cls, "ce": second_As, "u_ce": u_ce, **halves}


@pytest.mark.parametrize(("excess", "fires"), [(1.2, True), (0.8, False)])
def test_more_out_than_in_beyond_half_a_percent_and_u(excess, fires) -> None:
    for kind, share in (("half", 0.005), ("anode-free", 0.005), ("full", 0.2)):
        for u_ce in (1e-4, 1e-2):
            more = 1.0 + excess * (share + u_ce)
            assert bool(charge.more_out_than_in(kind, cycle_of(more, u_ce), 0.0)) is fires
            # what an earlier cycle left may come back with it
            assert bool(charge.more_out_than_in(kind, cycle_of(more + 0.5, u_ce), 0.5)) is fires
    assert charge.more_out_than_in("half", cycle_of(2.0), None) is None
    assert charge.more_out_than_in("symmetric", cycle_of(2.0), 0.0) is None


@pytest.mark.parametrize(("ce", "fires"), [(0.2 / 1.2, True), (0.2 / 0.8, False)])
def test_the_metal_has_run_out(ce, fires) -> None:
    memory = Memory()
    cycle = cycle_of(ce)
    assert charge.inventory_exhausted(cycle, memory, at_cut_off=True) is None
    assert bool(charge.inventory_exhausted(cycle, memory, at_cut_off=True)) is fires
    other = Memory()
    for cls, at_cut_off in (("formation", True), ("cycle", False)) * 2:
        assert charge.inventory_exhausted(cycle_of(ce, cls=cls), other, at_cut_off) is None


# ---- rests --------------------------------------------------------------------------------------


class Resting:
    """Rests that end with a given drift away from where the charge had brought the cell."""

    def __init__(self, kind: str) -> None:
        self.watcher = Watcher(lambda seen, memory: None, kind)
        self.towards = {"half": 1, "anode-free": -1}[kind]

    def rest(self, mV_h: float, charged: bool = True, every_s: float = 10.0) -> bool:
        watcher = self.watcher.begin(0.0)
        for n in range(61):
            drift_V = self.towards * mV_h * 1e-3 * n * every_s / 3600
            watcher.see(n * every_s, 3.4 + drift_V)
            watcher.memory.course.put(watcher.seen.age_s, 3.4 + drift_V)
        return resting.self_discharge(watcher.seen, watcher.memory, charged) is not None


@pytest.mark.parametrize("kind", ["half", "anode-free"])
@pytest.mark.parametrize(("share", "fires"), [(1.2, True), (0.8, False)])
def test_the_drift_at_rest_grows_fivefold(kind, share, fires) -> None:
    cell = Resting(kind)
    assert not any(cell.rest(10.0) for _ in range(3))
    assert cell.rest(share * 50.0) is fires
    assert not cell.rest(-500.0)  # the other way: it recovers
    assert not cell.rest(500.0, charged=False)
    # where it had not drifted at all, 20 mV/h are the least
    still = Resting(kind)
    assert not any(still.rest(0.0) for _ in range(3))
    assert still.rest(share * 20.0) is fires
    # after another current a cell relaxes otherwise
    still.watcher.memory.last_set_A = 5e-3
    assert not any(still.rest(mV_h) for mV_h in (500.0, 500.0, 500.0, 2000.0))
    # a rest of a few seconds shows nothing
    assert not still.rest(500.0, every_s=1.0)
