"""Snapshots of a running run for people, at most five times per host second."""

import threading
import time
from collections import deque
from pathlib import Path

from labctl.run.request import OnProgress, Snapshot
from labctl.show.figures import overpotential_of
from labctl_protocols.decisions import Answer
from labctl_protocols.engine import Engine
from labctl_protocols.plan import Ask

PERIOD_S = 0.2
TOLD = 50
"""So many remarks are kept for a display that is behind."""
FINISH_S = 2.0
"""How long the last snapshot may take to be shown."""


class Teller:
    """Tells the newest snapshot in a thread of its own: a terminal that is held (Ctrl-S), a pipe
    that nobody reads or a display that fails cannot hold up or end a run (S7)."""

    def __init__(self, tell: OnProgress) -> None:
        self.failed: Exception | None = None
        self._tell = tell
        self._newest: Snapshot | None = None
        self._last = False
        self._something = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    def __call__(self, snapshot: Snapshot) -> None:
        """Show this soon, unless a newer one comes first. Never waits."""
        self._newest = snapshot
        self._something.set()

    def finish(self, timeout_s: float = FINISH_S) -> None:
        """Wait until the newest is shown, but not for ever."""
        self._last = True
        self._something.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        last = False
        while not last and self.failed is None:
            self._something.wait()
            self._something.clear()
            # asked before looking: what was left before the end is then shown
            last = self._last
            snapshot, self._newest = self._newest, None
            if snapshot is not None:
                try:
                    self._tell(snapshot)
                except Exception as error:
                    self.failed = error


class ProgressWatch:
    """Turns the engine's state into snapshots. Never decides anything."""

    def __init__(self, run: str, folder: Path, engine: Engine, tell: Teller) -> None:
        self._run = run
        self._folder = folder
        self._engine = engine
        self._tell = tell
        self._next_s = 0.0
        self._ce: tuple[float | None, float | None] = (None, None)
        self._overpotential_V: float | None = None
        self._told: deque[str] = deque(maxlen=TOLD)
        self._told_count = 0

    def hear(self, answer: Answer) -> None:
        """Take what the engine answered; show how the run stands if it is time. Never raises."""
        try:
            self._hear(answer)
        except Exception as error:
            self._tell.failed = error

    def finish(self) -> list[str]:
        """Wait for the last snapshot; what went wrong with showing them, in a line."""
        self._tell.finish()
        failed = self._tell.failed
        return [] if failed is None else [f"progress: {type(failed).__name__}: {failed}"]

    def _hear(self, answer: Answer) -> None:
        for event in answer.events:
            if event.kind in ("cycle", "group_left") and event.data.get("ce") is not None:
                self._ce = (_number(event.data["ce"]), _number(event.data["u_ce"]))
            elif event.kind == "cycle" and self._engine.plan.kind == "symmetric":
                self._overpotential_V = overpotential_of(event.data)
            elif event.kind in ("limit", "detector", "fault", "mark", "operator", "revision"):
                name = event.data.get("name")
                told = f"{event.kind} {name}" if name else event.kind
                self._told.append(f"{told}: {event.data['text']}")
                self._told_count += 1
        now = time.monotonic()
        if now < self._next_s and answer.ended is None and not answer.waits:
            return
        self._next_s = now + PERIOD_S
        self._tell(self._snapshot(answer))

    def _snapshot(self, answer: Answer) -> Snapshot:
        state = self._engine.state
        step, seen = state.step, state.output.now
        return Snapshot(
            run=self._run,
            folder=self._folder,
            elapsed_s=state.now_s - state.started_s,
            step="" if step is None else self._engine.nodes[step.node].path,
            cycle=state.cycles.number,
            charge_Ah=None if step is None else abs(step.account.charge_As) / 3600.0,
            voltage_V=None if seen is None else seen.voltage_V,
            current_A=None if seen is None else seen.current_A,
            area_cm2=self._engine.plan.area_cm2,
            ce=self._ce[0],
            u_ce=self._ce[1],
            overpotential_V=self._overpotential_V,
            inventory=self._inventory(),
            left_s=self._step_left_s(),
            waiting=self._waiting(),
            told=tuple(self._told),
            told_count=self._told_count,
            outcome=answer.ended,
        )

    def _inventory(self) -> float | None:
        ledger = self._engine.state.ledger
        if ledger.inventory_As is None or not ledger.nominal_As:
            return None
        return ledger.inventory_As / ledger.nominal_As

    def _waiting(self) -> str:
        """What the run waits for with its output off; empty while it goes on."""
        state = self._engine.state
        if state.phase == "paused":
            return "paused"
        if state.phase != "asking" or state.pending is None:
            return ""
        node = self._engine.nodes[state.pending]
        return f"asks: {node.question}" if isinstance(node, Ask) else ""

    def _step_left_s(self) -> float | None:
        """Until the running step's earliest time or charge end, at the current now flowing."""
        from labctl_protocols.engine.ends import Progress, seconds_to
        from labctl_protocols.engine.steps import until_of

        state = self._engine.state
        step, now = state.step, state.output.now
        if step is None or now is None:
            return None
        # a current that has not come yet, or no more, says nothing of when a charge has passed
        flows = abs(now.current_A) >= 0.5 * abs(step.set_current_A or 0.0)
        kinds = ("time", "charge") if flows else ("time",)
        progress = Progress(step.sign, step.started_s, step.targets, state.output.before, now)
        seconds = [
            seconds_to(end.kind, target, progress)
            for end, target in zip(until_of(self._engine, step), step.targets, strict=True)
            if target is not None and end.kind in kinds
        ]
        return min((s for s in seconds if s is not None and s >= 0), default=None)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
