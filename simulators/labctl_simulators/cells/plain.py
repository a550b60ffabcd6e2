"""Cells without chemistry: a Thevenin circuit, a resistor, nothing, a short."""

from collections.abc import Mapping
from math import exp, expm1, inf

from labctl_simulators.cells.cathodes import lfp
from labctl_simulators.cells.parameters import Known, chosen
from labctl_simulators.ports import CellSize, Ledger

OPEN_OHM = 1e12
SHORT_OHM = 0.01
DEFAULT_CAPACITY_Ah = 2e-3
HORIZON_V = 5e-4
ABUSE = 0.05  # beyond empty or full by more than this, charge goes into side reactions


class Resistor:
    """A resistance; it keeps no charge."""

    __slots__ = ("ohm",)

    def __init__(self, ohm: float) -> None:
        self.ohm = ohm

    def voltage(self, current_A: float) -> float:
        """Ohm's law."""
        return self.ohm * current_A

    def step(self, dt_s: float, current_A: float) -> None:
        """Nothing changes."""

    def horizon_s(self, current_A: float) -> float:
        """The voltage never moves by itself."""
        return inf

    def ledger(self) -> Ledger:
        """There is no metal."""
        return Ledger(0.0, 0.0, 0.0)


class Thevenin:
    """Open-circuit voltage by state of charge, a series resistance, one RC pair.

    Its ledger counts charge in as plated and charge out as stripped; nothing is lost.
    """

    __slots__ = (
        "_capacity_Ah",
        "_charged_Ah",
        "_discharged_Ah",
        "_r0",
        "_r1",
        "_tau_s",
        "rc_V",
        "soc",
    )

    def __init__(self, capacity_Ah: float, r0: float, r1: float, c1: float, soc: float) -> None:
        self._capacity_Ah = capacity_Ah
        self._r0 = r0
        self._r1 = r1
        self._tau_s = r1 * c1
        self.rc_V = 0.0
        self.soc = soc
        self._charged_Ah = self._discharged_Ah = 0.0

    def voltage(self, current_A: float) -> float:
        """Terminal voltage if this current flowed now."""
        return lfp_graphite(self.soc) + self.rc_V + self._r0 * current_A

    def step(self, dt_s: float, current_A: float) -> None:
        """Let this current flow for that long."""
        passed_Ah = current_A * dt_s / 3600.0
        self.soc = self._soc_after(dt_s, current_A)
        if passed_Ah > 0.0:
            self._charged_Ah += passed_Ah
        else:
            self._discharged_Ah -= passed_Ah
        settled_V = current_A * self._r1
        if self._tau_s > 0.0:
            self.rc_V -= (self.rc_V - settled_V) * -expm1(-dt_s / self._tau_s)
        else:
            self.rc_V = settled_V

    def _soc_after(self, dt_s: float, current_A: float) -> float:
        soc = self.soc + current_A * dt_s / 3600.0 / self._capacity_Ah
        return min(1.0 + ABUSE, max(-ABUSE, soc))

    def horizon_s(self, current_A: float) -> float:
        """For how long, at this current, the voltage will move by less than 1 mV."""
        longest_s = 600.0
        swing_V = abs(self.rc_V - current_A * self._r1)
        if swing_V > HORIZON_V:
            longest_s = min(longest_s, self._tau_s * HORIZON_V / swing_V)
        here_V = lfp_graphite(self.soc)
        for _ in range(4):
            moved_V = abs(lfp_graphite(self._soc_after(longest_s, current_A)) - here_V)
            if moved_V <= HORIZON_V:
                break
            longest_s *= max(0.02, 0.7 * HORIZON_V / moved_V)
        return longest_s

    def ledger(self) -> Ledger:
        """Charge in and out."""
        return Ledger(self._charged_Ah, self._discharged_Ah, 0.0)


def lfp_graphite(soc: float) -> float:
    """Open-circuit voltage of an LFP-graphite cell, V; steep and straight outside 0 … 1."""
    inside = min(1.0, max(0.0, soc))
    graphite_V = 0.085 + 0.035 * (1.0 - inside) + 0.09 * exp(-inside / 0.15)
    graphite_V += 0.4 * exp(-inside / 0.02) - 0.04 / (1.0 + exp((0.52 - inside) / 0.015))
    return lfp(0.985 - 0.975 * inside) - graphite_V + 20.0 * (soc - inside)


def thevenin(size: CellSize, parameters: Mapping[str, float], seed: int) -> Thevenin:
    """An LFP-graphite full cell; resistances go by its capacity (20 and 10 mΩ·Ah)."""
    capacity_Ah = parameters.get("capacity_Ah", size.capacity_Ah or DEFAULT_CAPACITY_Ah)
    known = {
        "capacity_Ah": Known(capacity_Ah, 1e-6, 1e4),
        "r0_ohm": Known(0.02 / max(capacity_Ah, 1e-6), 1e-6, 1e9),
        "r1_ohm": Known(0.01 / max(capacity_Ah, 1e-6), 0.0, 1e9),
        "c1_F": Known(-1.0, -1.0, 1e9),
        "soc": Known(0.3, 0.0, 1.0),
    }
    values = chosen("thevenin", known, parameters)
    r1 = values["r1_ohm"]
    c1 = values["c1_F"] if values["c1_F"] >= 0.0 else (60.0 / r1 if r1 > 0.0 else 0.0)
    return Thevenin(values["capacity_Ah"], values["r0_ohm"], r1, c1, values["soc"])


def resistor(size: CellSize, parameters: Mapping[str, float], seed: int) -> Resistor:
    """A resistor of `ohm`."""
    return Resistor(chosen("resistor", {"ohm": Known(1e3, 1e-6, 1e15)}, parameters)["ohm"])


def open_circuit(size: CellSize, parameters: Mapping[str, float], seed: int) -> Resistor:
    """Nothing connected but the insulation."""
    return Resistor(chosen("open", {"ohm": Known(OPEN_OHM, 1e6, 1e15)}, parameters)["ohm"])


def short_circuit(size: CellSize, parameters: Mapping[str, float], seed: int) -> Resistor:
    """Leads that touch."""
    return Resistor(chosen("short", {"ohm": Known(SHORT_OHM, 1e-6, 10.0)}, parameters)["ohm"])
