"""What expressions may ask of a run: live figures in coherent SI, None where there is none yet."""

from collections.abc import Callable, Sequence

from labctl_drivers.vocabulary import RangeAccuracy
from labctl_protocols.engine.auxiliary import fresh
from labctl_protocols.engine.state import Guarded, RunState
from labctl_protocols.plan import LEDGER, For, Node, Repeat, Value


class RunNames:
    """`plan.Names` over a run's state. `accuracy` is that of the instrument's current ranges,
    `temperature` the auxiliary that measures the cell."""

    def __init__(
        self,
        state: RunState,
        nodes: dict[int, Node],
        accuracy: Sequence[RangeAccuracy],
        temperature: str | None = None,
    ) -> None:
        self._state = state
        self.nodes = nodes
        self._accuracy = accuracy
        self._live: dict[str, Callable[[], Value]] = {
            "voltage": lambda: None if state.output.now is None else state.output.now.voltage_V,
            "current": lambda: None if state.output.now is None else state.output.now.current_A,
            "power": self._power,
            "capacity": lambda: None if state.step is None else abs(state.step.account.charge_As),
            "energy": lambda: None if state.step is None else abs(state.step.account.energy_J),
            "time": lambda: None if state.step is None else state.now_s - state.step.started_s,
            "elapsed": lambda: state.now_s - state.started_s,
            "cycle": lambda: float(state.cycles.number),
            "ce": state.cycles.live_ce,
            "retention": state.cycles.live_retention,
            "deposit": lambda: state.ledger.deposit_As,
            "lost": lambda: state.ledger.lost_As,
            "supplied": lambda: state.ledger.supplied_As,
            "inventory": lambda: state.ledger.inventory_As,
            "nominal": lambda: state.ledger.nominal_As,
            "temperature": lambda: None if temperature is None else fresh(state, temperature),
        }

    def doubtful(self) -> tuple["Shifted", "Shifted"]:
        """The same names with the ledger's charges at either end of their uncertainty (k = 2)."""
        return Shifted(self, -1.0), Shifted(self, 1.0)

    def doubt_As(self, name: str) -> float:
        """Expanded uncertainty (k = 2) of a charge of the metal ledger."""
        return self._state.ledger.uncertainty_As(name, self._accuracy)

    def _power(self) -> Value:
        now = self._state.output.now
        return None if now is None else now.voltage_V * now.current_A

    def live(self, name: str) -> Value:
        """A live figure, a loop counter, or a `for` value; unknown for what nobody measures."""
        figure = self._live.get(name)
        if figure is not None:
            return figure()
        if name.startswith("aux."):
            return fresh(self._state, name.removeprefix("aux."))
        return self._loop_value(name.removeprefix("$"))

    def _loop_value(self, name: str) -> Value:
        for frame in reversed(self._state.frames):
            node = self.nodes.get(frame.node)
            if isinstance(node, Repeat) and node.counter == name:
                return float(frame.round)
            if isinstance(node, For) and node.name == name:
                return node.values[frame.round - 1].evaluate(self)
        raise KeyError(f"no loop here gives {name!r} a value")

    def ended(self) -> str | None:
        """The word of what ended the last step."""
        return self._state.ended

    def last(self, label: str, figure: str) -> Value:
        """A figure of the last step or group of this label; unknown before there was one."""
        return self._state.lasts.get(label, {}).get(figure)

    def slope(self, name: str, window_s: float) -> Value:
        """Least-squares dV/dt (V/s) over the window; unknown until readings span it."""
        if name != "voltage":
            raise KeyError(f"no slope is kept of {name!r}")
        state = self._state
        state.trail_s = max(state.trail_s, window_s)
        now = state.now_s
        points = [(t - now, v) for t, v in state.trail if t >= now - window_s]
        if len(points) < 3 or state.trail[0][0] > now - window_s * 0.999:
            return None
        mean_t = sum(t for t, _ in points) / len(points)
        mean_v = sum(v for _, v in points) / len(points)
        spread = sum((t - mean_t) ** 2 for t, _ in points)
        if spread == 0.0:
            return None
        return sum((t - mean_t) * (v - mean_v) for t, v in points) / spread

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        """Whether a comparison has been true long enough; any other value starts it anew."""
        state = self._state
        if now is not True:
            state.guarded.pop(guard, None)
            return now
        since = state.guarded.get(guard)
        if since is None:
            since = Guarded(state.now_s, state.cycles.done, state.step is not None)
            state.guarded[guard] = since
        if cycles is not None:
            return state.cycles.done - since.since_cycles + 1 >= cycles
        return state.now_s - since.since_s >= (seconds or 0.0)


class Shifted:
    """A run's names, with each charge of the metal ledger shifted by its uncertainty."""

    def __init__(self, names: RunNames, by: float) -> None:
        self._names = names
        self._by = by

    def live(self, name: str) -> Value:
        """The figure, shifted if it is one of the ledger's."""
        value = self._names.live(name)
        if value is None or name not in LEDGER:
            return value
        return value + self._by * self._names.doubt_As(name)

    def doubtful(self) -> tuple["Shifted", "Shifted"]:
        """The borders of the figures themselves."""
        return self._names.doubtful()

    def ended(self) -> str | None:
        """As in the run."""
        return self._names.ended()

    def last(self, label: str, figure: str) -> Value:
        """As in the run."""
        return self._names.last(label, figure)

    def slope(self, name: str, window_s: float) -> Value:
        """As in the run."""
        return self._names.slope(name, window_s)

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        """As in the run."""
        return self._names.held(guard, now, seconds, cycles)
