"""The auxiliary instruments of a bench, each opened by the first run that needs it."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from labctl.bench import Bench
from labctl.bench.auxiliaries import make_auxiliary
from labctl.run.capturing import session_beside
from labctl.run.outcomes import told_where
from labctl.run.poller import Poller
from labctl_drivers.vocabulary import Identity
from labctl_simulators.ports import Firmware


class Beside:
    """The pollers of a bench's auxiliary instruments; `firmwares` are the twins in memory.

    Where a run is captured, the sessions of those that it needs stand beside its `capture`.
    """

    def __init__(
        self,
        bench: Bench,
        firmwares: Mapping[str, Firmware],
        speed: float,
        capture: Path | None = None,
    ) -> None:
        self._bench = bench
        self._firmwares = firmwares
        self._speed = speed
        self._capture = capture
        self._pollers: dict[str, Poller] = {}

    async def opened(self, names: Iterable[str]) -> dict[str, tuple[Poller, Identity]]:
        """Who reads each of these auxiliaries, and which instrument it is.

        Raises BenchError and InstrumentError.
        """
        found: dict[str, tuple[Poller, Identity]] = {}
        for name in names:
            instrument = self._bench.auxiliaries[name].instrument
            poller = self._poller(instrument)
            with told_where(f"{instrument} at {self._bench.instruments[instrument].resource}"):
                found[name] = poller, await poller.open()
        return found

    def _poller(self, instrument: str) -> Poller:
        if instrument not in self._pollers:
            auxiliary = make_auxiliary(
                self._bench,
                instrument,
                firmware=self._firmwares.get(instrument),
                speed=self._speed,
                capture=self._capture and session_beside(self._capture, instrument),
            )
            channels = {
                name: each.channel
                for name, each in self._bench.auxiliaries.items()
                if each.instrument == instrument
            }
            self._pollers[instrument] = Poller(auxiliary, channels)
        return self._pollers[instrument]

    async def close(self) -> None:
        """Give all links back; what was set stays set."""
        for poller in self._pollers.values():
            with contextlib.suppress(Exception):
                await poller.close()


@contextlib.asynccontextmanager
async def opened_beside(
    bench: Bench, firmwares: Mapping[str, Firmware], speed: float, capture: Path | None = None
) -> AsyncIterator[Beside]:
    """While inside, the bench's auxiliaries can be opened."""
    made = Beside(bench, firmwares, speed, capture)
    try:
        yield made
    finally:
        await made.close()
