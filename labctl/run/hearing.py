"""An engine that keeps what it hears, for a run with `record: all` that can be heard again."""

from collections.abc import Mapping

from labctl.journal.heard import Begun, Told
from labctl_drivers.vocabulary import Ratings
from labctl_protocols.decisions import Answer, Heard
from labctl_protocols.engine import Engine
from labctl_protocols.plan import MAIN, Plan


class HearingEngine(Engine):
    """The engine, with all that it heard since it was last taken away.

    It listens at the engine's own ears, so that nothing can reach the engine past it, whoever
    calls it.
    """

    def __init__(self, plan: Plan, ratings: Ratings, others: Mapping[str, Ratings]) -> None:
        super().__init__(plan, ratings, others=others)
        self._heard: list[Told] = []

    def begin(self, time_s: float) -> Answer:
        """As the engine does."""
        self._heard.append(Begun(time_s))
        return super().begin(time_s)

    def hear(self, heard: Heard) -> Answer:
        """As the engine does."""
        self._heard.append(heard)
        return super().hear(heard)

    def take_heard(self) -> list[Told]:
        """What was heard since the last call."""
        taken, self._heard = self._heard, []
        return taken


def new_engine(plan: Plan, ratings: Mapping[str, Ratings]) -> Engine:
    """The engine of a run on the instruments of these terminals; it keeps what it hears where the
    whole protocol says `record: all`.

    A step's own `record: all` keeps that step's rows only: a run is heard again from its beginning
    or not at all.
    """
    others = {role: each for role, each in ratings.items() if role != MAIN}
    if plan.record.all:
        return HearingEngine(plan, ratings[MAIN], others)
    return Engine(plan, ratings[MAIN], others=others)
