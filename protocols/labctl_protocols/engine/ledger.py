"""The metal ledger: what lies on the collector, what is lost, what is left (A·s inside)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from labctl_drivers.vocabulary import RangeAccuracy
from labctl_protocols.engine.account import Account, charge_uncertainty


@dataclass(slots=True)
class MetalLedger:
    """Signed by the metal: plating adds to `deposit`, stripping takes from it.

    A strip that ended on its voltage leaves the collector bare: what the account still shows on it
    did not come back, and moves to `lost`. `supplied` came from outside the cycled metal, through
    another electrode. Each is an account, because each is only as true as the instrument.
    """

    nominal_As: float | None
    inventory_start_As: float | None
    deposit: Account = field(default_factory=Account)
    lost: Account = field(default_factory=Account)
    supplied: Account = field(default_factory=Account)
    bare: bool = False

    def plate(
        self,
        charge_As: float,
        duration_s: float = 0.0,
        range_A: float = 0.0,
        variance_As2: float = 0.0,
    ) -> None:
        """Metal onto the collector; negative charge strips."""
        if self.bare and charge_As > 0:
            self.bare = False
        self.deposit.add(charge_As, 0.0, duration_s, range_A)
        self.deposit.variance_As2 += variance_As2
        if self.bare:
            self.strip_bare()

    def supply(
        self,
        charge_As: float,
        duration_s: float = 0.0,
        range_A: float = 0.0,
        variance_As2: float = 0.0,
    ) -> None:
        """Metal from another electrode; negative charge takes it back."""
        self.supplied.add(charge_As, 0.0, duration_s, range_A)
        self.supplied.variance_As2 += variance_As2

    def strip_bare(self) -> None:
        """The collector is bare: what is missing is lost."""
        self.lost.merge(self.deposit)
        self.deposit = Account()
        self.bare = True

    @property
    def deposit_As(self) -> float:
        """On the collector since it was last bare."""
        return self.deposit.charge_As

    @property
    def lost_As(self) -> float:
        """What did not come back, cumulated."""
        return self.lost.charge_As

    @property
    def supplied_As(self) -> float:
        """What came from another electrode, cumulated."""
        return self.supplied.charge_As

    @property
    def inventory_As(self) -> float | None:
        """Inventory at the start − lost + supplied; unknown where the record does not give it."""
        if self.inventory_start_As is None:
            return None
        return self.inventory_start_As - self.lost_As + self.supplied_As

    def uncertainty_As(self, name: str, accuracy: Sequence[RangeAccuracy]) -> float:
        """Expanded uncertainty (k = 2) of `deposit`, `lost`, `supplied` or `inventory`."""
        if name == "inventory":
            parts = (self.lost, self.supplied)
            return math.hypot(*(charge_uncertainty(part, accuracy) for part in parts))
        account = {"deposit": self.deposit, "lost": self.lost, "supplied": self.supplied}[name]
        return charge_uncertainty(account, accuracy)
