"""A protocol at full length in seconds: engine and simulated cell alone, looked at now and then.

No instrument, no wire, no journal, and few readings: for how long a run takes, not for what it
measures. The source regimes are those of the simulators' own terminals.
"""

import dataclasses
import math
from collections.abc import Mapping

import pytest

from helpers.plans import RATINGS
from labctl.bench import default_bench
from labctl.twin import make_cell
from labctl_drivers.vocabulary import Guard, Reading, Setpoint
from labctl_protocols.checker import bind
from labctl_protocols.decisions import Answer, Applied, Apply, Heard, Operator, Safe, Safed
from labctl_protocols.engine import Engine, sampling
from labctl_protocols.files import load_cell, load_protocol
from labctl_protocols.plan import Record
from labctl_simulators.ports import Source
from labctl_simulators.terminals import Terminals

SWITCHING_S = 0.05
LONGEST_S = 60.0


def elapsed_s(
    protocol: str,
    cell: str,
    monkeypatch: pytest.MonkeyPatch,
    parameters: Mapping[str, str] | None = None,
) -> float:
    """How long the library protocol takes on its simulated cell, by the engine's own clock."""
    monkeypatch.setattr(sampling, "DRIVEN_S", LONGEST_S)
    monkeypatch.setattr(sampling, "REST_S", LONGEST_S)
    monkeypatch.setattr(sampling, "SHARE_OF_AGE", 0.2)
    record = load_cell(cell)
    roles = tuple(record.terminals)
    others = {role: RATINGS for role in roles if role != "main"}
    plan = bind(load_protocol(protocol), record, RATINGS, parameters, others=others)
    plan = dataclasses.replace(plan, record=Record(every_s=LONGEST_S))
    instrument = next(iter(default_bench().instruments.values()))
    cell_now = make_cell(instrument, record)
    engine = Engine(plan, RATINGS, others=others)
    return _run(engine, _Source(dict(cell_now.terminals)))


@dataclasses.dataclass
class _Source:
    """What stands in for the instruments: a source at each pair of terminals."""

    terminals: dict[str, Terminals]
    now_s: float = 0.0
    connected: str = "main"

    def do(self, command: Apply | Safe) -> Heard:
        self.now_s += SWITCHING_S
        if isinstance(command, Safe):
            for each in self.terminals.values():
                each.connect(Source(), self.now_s)
            return Safed(self.now_s)
        self.connected = command.terminal
        self.terminals[self.connected].connect(_source(command.setpoint, command.guard), self.now_s)
        return Applied(self.now_s)

    def read(self, at_s: float) -> Reading:
        self.now_s = max(self.now_s, at_s)
        terminals = self.terminals[self.connected]
        terminals.advance(self.now_s)
        seen = terminals.state()
        holds = terminals.source.kind == "voltage" and not seen.limited
        return Reading(
            time_s=self.now_s,
            voltage_V=seen.voltage_V,
            current_A=seen.current_A,
            regulating="voltage" if holds else "current",
            current_range_A=0.01,
            voltage_range_V=21.0,
        )


def _source(told: Setpoint, guard: Guard) -> Source:
    if told.mode == "rest":
        return Source()
    if told.mode == "voltage":
        return Source(
            "voltage", told.stop_voltage_V or 0.0, min(told.current_A, guard.max_current_A)
        )
    sign = math.copysign(1.0, told.current_A)
    bound_V = guard.high_V if sign > 0 else guard.low_V
    if told.stop_voltage_V is not None:
        bound_V = told.stop_voltage_V + (0.0 if told.hold_at_stop else sign * 0.002)
    return Source("voltage", bound_V, abs(told.current_A))


def _run(engine: Engine, source: _Source) -> float:
    answer = engine.begin(0.0)
    while answer.ended is None:
        answer = engine.hear(_next(answer, source))
    assert answer.ended == "completed", answer.reason
    return source.now_s


def _next(answer: Answer, source: _Source) -> Heard:
    for command in answer.commands:
        return source.do(command)
    if answer.waits:
        return Operator(source.now_s, "continue", "test")
    assert answer.wake_at is not None
    return source.read(answer.wake_at)
