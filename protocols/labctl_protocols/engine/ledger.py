"""The metal ledger: what lies on the collector, what is lost, what is left (A·s inside)."""

from dataclasses import dataclass


@dataclass(slots=True)
class MetalLedger:
    """Signed by the metal: plating adds to `deposit_As`, stripping takes from it.

    A strip that ended on its voltage leaves the collector bare: what the account still shows on it
    did not come back, and moves to `lost_As`.
    """

    nominal_As: float | None
    inventory_start_As: float | None
    deposit_As: float = 0.0
    lost_As: float = 0.0
    supplied_As: float = 0.0
    bare: bool = False

    def plate(self, charge_As: float) -> None:
        """Metal onto the collector; negative charge strips."""
        if self.bare and charge_As > 0:
            self.bare = False
        self.deposit_As += charge_As
        if self.bare:
            self.strip_bare()

    def strip_bare(self) -> None:
        """The collector is bare: what is missing is lost."""
        self.lost_As += self.deposit_As
        self.deposit_As = 0.0
        self.bare = True

    @property
    def inventory_As(self) -> float | None:
        """Inventory at the start − lost + supplied; unknown where the record does not give it."""
        if self.inventory_start_As is None:
            return None
        return self.inventory_start_As - self.lost_As + self.supplied_As
