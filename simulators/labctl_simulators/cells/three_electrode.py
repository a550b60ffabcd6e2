"""An anode-free cell with a third electrode, a reservoir of the metal (docs/decisions/0018)."""

from collections.abc import Mapping
from dataclasses import replace

from labctl_simulators.cells.electrode import Electrode
from labctl_simulators.cells.opposite import Cathode, Tap
from labctl_simulators.cells.plating import Body, PlatingCell
from labctl_simulators.ports import Ledger


class ThreeElectrodes:
    """Cathode, collector and reservoir; by itself it is what its main terminals show.

    Either pair of terminals is a plating cell of its own metal electrode against the one cathode.
    What time alone does (self-discharge, warming, troubles) happens on `main`; the reservoir is
    at ambient temperature.
    """

    def __init__(
        self,
        collector: Electrode,
        reservoir: Electrode,
        cathode: Cathode,
        shared_ohm: float,
        main: Body,
        supply: Body,
    ) -> None:
        currents_A = [0.0, 0.0]
        self.cathode = cathode
        self.main = PlatingCell(collector, Tap(cathode, currents_A, 0, shared_ohm), main)
        self.supply = PlatingCell(reservoir, Tap(cathode, currents_A, 1, shared_ohm), supply)

    @property
    def ports(self) -> Mapping[str, PlatingCell]:
        """The cell as each pair of terminals shows it."""
        return {"main": self.main, "supply": self.supply}

    def voltage(self, current_A: float) -> float:
        """Voltage of the main terminals if this current flowed there now."""
        return self.main.voltage(current_A)

    def step(self, dt_s: float, current_A: float) -> None:
        """Let this current flow at the main terminals for that long."""
        self.main.step(dt_s, current_A)

    def horizon_s(self, current_A: float) -> float:
        """For how long the main terminals' voltage will move by less than 1 mV."""
        return self.main.horizon_s(current_A)

    def ledger(self) -> Ledger:
        """The collector's account, and what came from the reservoir."""
        account, reservoir = self.main.ledger(), self.supply.collector
        given_Ah = reservoir.stripped_Ah - reservoir.plated_Ah
        return replace(account, supplied_Ah=account.supplied_Ah + given_Ah)
