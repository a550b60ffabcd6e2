"""Over a slow link nobody knows when in its round trip the instrument measured or switched."""

import random
from dataclasses import dataclass, field, replace

import pytest
from helpers.engine_bench import Bench, Metal, Outside, Trace, run
from helpers.plans import charge_As, group, make_plan, plate, rest, seconds, strip, volts

from labctl_drivers.vocabulary import Reading, Setpoint
from labctl_protocols.decisions import Applied, Apply, Heard, Safe, Safed, Stopping
from labctl_protocols.plan import Limits

LIMITS = Limits(low_V=-0.5, high_V=1.5, current_A=0.01)
CE = 0.97
CURRENT_A = 4e-3
CHARGE_As = 0.216
"""54 s of it."""


@dataclass
class SlowLink(Bench):
    """Whatever is asked of it is done at some moment of a round trip; only its ends are seen."""

    draw: random.Random = field(default_factory=random.Random)
    where: tuple[float, float] = (0.0, 1.0)
    """Between which parts of a round trip."""
    slow: float = 0.2
    """This part of the round trips takes up to `most_s`, the others a tenth of a second."""
    most_s: float = 6.0

    def trip(self) -> tuple[float, float]:
        """How long it takes, and the moment in it."""
        took_s = self.draw.uniform(0.0, self.most_s) if self.draw.random() < self.slow else 0.1
        return took_s, took_s * self.draw.uniform(*self.where)

    def do(self, command: Apply | Safe) -> Heard:
        sent_s = self.now_s
        took_s, at_s = self.trip()
        self.advance(sent_s + at_s)
        self.delay_s = 0.0
        heard = super().do(command)
        self.advance(sent_s + took_s)
        if isinstance(heard, Applied):
            return Applied(sent_s + took_s / 2, took_s / 2)
        return Safed(self.now_s) if isinstance(heard, Safed) else heard

    def read(self, at_s: float) -> Reading:
        sent_s = max(self.now_s, at_s)
        took_s, at_s = self.trip()
        self.advance(sent_s + at_s)
        reading = super().read(self.now_s)
        self.advance(sent_s + took_s)
        half_s = (self.now_s - sent_s) / 2
        return replace(reading, time_s=sent_s + half_s, time_error_s=half_s)


@pytest.mark.parametrize(
    "where", [(0.0, 1.0), (0.0, 0.0), (1.0, 1.0)], ids=["at any moment", "at once", "at the end"]
)
def test_the_stated_uncertainty_holds_whenever_it_measured(where: tuple[float, float]) -> None:
    plan = make_plan(
        group(
            "ce",
            plate(CURRENT_A, charge_As(CHARGE_As)),
            strip(CURRENT_A, volts(0.5), charge_As(1.2 * CHARGE_As)),
            pair="total",
        ),
        limits=LIMITS,
    )
    beyond, runs = 0, 200
    for seed in range(runs):
        bench = SlowLink(Metal(efficiency=CE), draw=random.Random(seed), where=where)
        (told,) = run(plan, bench).data("group_left")
        beyond += abs(told["ce"] - CE) > told["u_ce"]
    assert beyond <= 0.05 * runs


@pytest.mark.parametrize("refuse_safe", [False, True], ids=["off", "unknown"])
def test_a_fault_leaves_open_since_when_nothing_has_flowed(refuse_safe: bool) -> None:
    """The output goes off by itself, seconds before anybody knows; the strip's charge is doubtful
    by that much, and says so.
    """
    plan = make_plan(
        group(
            "ce",
            plate(CURRENT_A, seconds(50.0)),
            strip(CURRENT_A, volts(0.5), charge_As(1.2 * CHARGE_As)),
            pair="total",
        ),
        limits=LIMITS,
    )
    for blind_s in (0.0, 0.1, 2.0, 15.0):
        bench = Bench(Metal(efficiency=CE), refuse_safe=refuse_safe)

        def goes_off(
            trace: Trace, bench: Bench = bench, blind_s: float = blind_s
        ) -> Outside | None:
            if not (bench.setpoint.current_A > 0 and bench.now_s > 70.0):
                return None
            bench.setpoint = Setpoint("rest")
            bench.advance(bench.now_s + blind_s)
            return Stopping(0.0, "fault", "LinkLost: it was unplugged")

        (told,) = run(plan, bench, stop_when=goes_off).data("group_left")
        passed = {setpoint.current_A: charge for setpoint, charge in bench.by_setpoint}
        truth = passed[CURRENT_A] / -passed[-CURRENT_A]
        assert abs(told["ce"] - truth) <= told["u_ce"]
        assert told["u_ce"] <= 0.01 + 1.2 * blind_s / 50.0


@dataclass
class Failing(Bench):
    """The first strip is begun, but no answer comes: seconds later the link is given up."""

    blind_s: float = 3.0

    def do(self, command: Apply | Safe) -> Heard:
        heard = super().do(command)
        if isinstance(command, Safe) or command.setpoint.current_A <= 0.0:
            return heard
        self.advance(self.now_s + self.blind_s)
        return Stopping(self.now_s, "fault", "LinkTimeout: no whole reply")


@pytest.mark.parametrize("rest_s", [0.0, 30.0])
def test_what_was_asked_last_may_have_been_done_when_the_link_failed(rest_s: float) -> None:
    between = [rest(seconds(rest_s))] if rest_s else []
    metal = (plate(CURRENT_A, seconds(50.0)), *between, strip(CURRENT_A, seconds(50.0)))
    trace = run(make_plan(*metal, limits=LIMITS), Failing(Metal(efficiency=CE)))
    truth_As = -trace.bench.passed_As  # what was plated and not stripped
    ledger = trace.engine.state.ledger
    off_As = abs(ledger.deposit.charge_As - truth_As)
    assert off_As > 2.0 * CURRENT_A
    assert off_As <= 2.0 * ledger.deposit.variance_As2**0.5
