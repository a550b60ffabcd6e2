"""Whatever is amended, and whenever: the cell's ledger is kept, and no limit is ever programmed
wider than the cell's."""

from helpers.binding import plan_of
from helpers.cells_under_test import CELLS
from helpers.engine_bench import Bench, Linear, Trace, from_bench
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_protocols.decisions import Apply, Revision
from labctl_protocols.engine import Engine
from labctl_protocols.plan import Plan
from labctl_protocols.problems import ProtocolError

HEAD = """\
parameters: {top: 3.2 V, bottom: 3.05 V, j: 10 mA, rounds: 2, high: 4 V, cap: 300 s}
limits: {voltage: 2 V .. $high, current: 15 mA}"""
STEPS = """\
- repeat: $rounds
  steps:
    - charge: $j until $top or $cap then hold until $j / 5 or 60 s
    - discharge: $j until $bottom or $cap
    - rest: 10 s
"""
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "top": st.integers(2900, 3600).map(lambda v: f"{v} mV"),
        "bottom": st.integers(2600, 3300).map(lambda v: f"{v} mV"),
        "j": st.integers(1, 20).map(lambda v: f"{v} mA"),
        "rounds": st.integers(0, 4).map(str),
        "high": st.integers(3000, 5000).map(lambda v: f"{v} mV"),
        "cap": st.integers(0, 500).map(lambda v: f"{v} s"),
    },
)
SAYINGS = st.lists(st.tuples(st.floats(0.0, 400.0), VALUES), min_size=1, max_size=4)


def plan(values: dict[str, str]) -> Plan | None:
    try:
        return plan_of(STEPS, "full", HEAD, **values)
    except ProtocolError:
        return None


class Speaker:
    """Says what it has to say at its times, wherever no command is under way."""

    def __init__(self, sayings: list[tuple[float, dict[str, str]]]) -> None:
        self.left = sorted(sayings, key=lambda saying: saying[0])
        self.values: dict[str, str] = {}

    def say(self, trace: Trace) -> Revision | None:
        if trace.waiting or not self.left or trace.bench.now_s < self.left[0][0]:
            return None
        _, values = self.left.pop(0)
        amended = plan({**self.values, **values})
        if amended is None:
            return None
        self.values |= values
        return Revision(trace.bench.now_s, amended, "ada@lab")


@settings(max_examples=30)
@given(SAYINGS)
def test_the_ledger_is_kept_and_no_limit_is_crossed(
    sayings: list[tuple[float, dict[str, str]]],
) -> None:
    first = plan({})
    assert first is not None
    bench = Bench(Linear(3.1, 14.4, 2.0))
    speaker = Speaker(sayings)
    trace = spoken_to(first, bench, speaker)

    totals = trace.engine.state.totals
    net = totals.charging_As - totals.discharging_As
    assert abs(net - bench.passed_As) < 0.05
    assert trace.outcome in ("completed", "limit")
    limits = CELLS["full"].limits
    for command in trace.commands:
        if isinstance(command, Apply) and command.setpoint.mode != "rest":
            guard, stop_V = command.guard, command.setpoint.stop_voltage_V
            assert limits.low_V <= guard.low_V < guard.high_V <= limits.high_V
            assert guard.max_current_A <= limits.current_A
            assert abs(command.setpoint.current_A) <= guard.max_current_A
            assert stop_V is None or guard.low_V <= stop_V <= guard.high_V
    told = len(trace.events("revision")) + len(trace.events("operator"))
    assert told == sum(isinstance(heard, Revision) for heard in trace.heard)


def spoken_to(first: Plan, bench: Bench, speaker: Speaker) -> Trace:
    trace = Trace(Engine(first, bench.ratings), bench)
    answer = trace.take(trace.engine.begin(bench.now_s))
    while answer.ended is None:
        heard = speaker.say(trace) or from_bench(trace, answer, reload=False)
        trace.heard.append(heard)
        assert len(trace.heard) < 50_000
        answer = trace.take(trace.engine.hear(heard))
    return trace
