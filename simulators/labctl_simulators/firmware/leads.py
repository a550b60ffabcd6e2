"""The leads between an instrument and a cell, which four-wire sensing takes out of the reading."""

from labctl_simulators.ports import Cell, Ledger


class Leads:
    """A cell at the end of leads of `ohm`; `remote` sensing regulates and reads at the cell."""

    def __init__(self, cell: Cell, ohm: float) -> None:
        self.cell = cell
        self.ohm = ohm
        self.remote = False

    def voltage(self, current_A: float) -> float:
        """What is sensed: the cell alone, or the cell and its leads."""
        drop_V = 0.0 if self.remote else self.ohm * current_A
        return self.cell.voltage(current_A) + drop_V

    def step(self, dt_s: float, current_A: float) -> None:
        """Only the cell changes."""
        self.cell.step(dt_s, current_A)

    def ledger(self) -> Ledger:
        """The cell's account."""
        return self.cell.ledger()
