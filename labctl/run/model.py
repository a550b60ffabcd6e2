"""The simulated cell's own account, over the run and between each group's borders."""

from collections.abc import Callable
from dataclasses import dataclass, field

from labctl_protocols.decisions import Answer
from labctl_simulators.ports import Ledger

Figures = dict[str, float | None]


@dataclass
class ModelWatch:
    """Reads the cell's ledger when a group begins and ends; `ledger` gives it as it is now."""

    ledger: Callable[[], Ledger]
    groups: list[dict[str, object]] = field(default_factory=list)
    _begun: list[Ledger] = field(default_factory=list)
    _start: Ledger | None = None

    def hear(self, answer: Answer) -> None:
        """Take the run's events in their order."""
        for event in answer.events:
            if event.kind == "run_started":
                self._start = self.ledger()
            elif event.kind == "group_entered":
                self._begun.append(self.ledger())
            elif event.kind == "group_left" and self._begun:
                figures = figures_between(self._begun.pop(), self.ledger())
                self.groups.append({"label": event.data["label"], **figures})

    def result(self) -> dict[str, object]:
        """The figures over the whole run and, under `groups`, of each group in order of its end."""
        now = self.ledger()
        return {**figures_between(self._start or now, now), "groups": self.groups}


def figures_between(before: Ledger, after: Ledger) -> Figures:
    """What the cell plated, stripped, lost and was supplied with between two moments (mAh), its CE.

    `supplied` came from a reservoir electrode or from an additive in the cathode.
    """
    plated = after.plated_Ah - before.plated_Ah
    stripped = after.stripped_Ah - before.stripped_Ah
    return {
        "plated_mAh": plated * 1000.0,
        "stripped_mAh": stripped * 1000.0,
        "lost_mAh": (after.lost_Ah - before.lost_Ah) * 1000.0,
        "supplied_mAh": (after.supplied_Ah - before.supplied_Ah) * 1000.0,
        "ce_percent": 100.0 * stripped / plated if plated > 0 else None,
    }
