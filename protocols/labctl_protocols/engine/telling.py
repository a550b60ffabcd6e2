"""What a cycle's event tells beside the cycle: the metal ledger as it stood when it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from labctl_protocols.engine.cycles import Emit

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def cycle_teller(engine: Engine) -> Emit:
    """Tells events once the last gap's charge is in; those of cycles with the ledger by then."""

    def tell(kind: str, data: Callable[[], dict[str, object]]) -> None:
        if kind == "cycle":
            engine.later(kind, lambda: {**data(), "ledger": ledger_data(engine)})
        else:
            engine.later(kind, data)

    return tell


def ledger_data(engine: Engine) -> dict[str, object]:
    """The ledger for the journal, in Ah; what is unknown is left out."""
    ledger, accuracy = engine.state.ledger, engine.ratings.current_ranges
    if engine.plan.plate_sign is None:
        return {}
    known = {
        "deposit": ledger.deposit_As,
        "lost": ledger.lost_As,
        "supplied": ledger.supplied_As,
        "inventory": ledger.inventory_As,
    }
    told: dict[str, object] = {}
    for name, charge_As in known.items():
        if charge_As is not None:
            told[f"{name}_Ah"] = charge_As / 3600.0
            told[f"u_{name}_Ah"] = ledger.uncertainty_As(name, accuracy) / 3600.0
    return told
