"""Auxiliary instruments of a bench: each is read by a task of its own, for all runs that listen.

Nothing here can hold up or end a run: what cannot be read is told as unknown, and the run's engine
says what that means.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from labctl_drivers.auxiliary import Auxiliary, Temperature
from labctl_drivers.errors import InstrumentError, WrongInstrument
from labctl_drivers.vocabulary import Identity
from labctl_protocols.decisions import AuxRead

Listener = Callable[[AuxRead], None]


class Poller:
    """Reads and sets one auxiliary instrument; `channels` are its auxiliaries' names and channels.

    One exchange at a time; after a fault the instrument is opened anew before the next one.
    """

    def __init__(self, auxiliary: Auxiliary, channels: Mapping[str, int]) -> None:
        self.channels = dict(channels)
        self._auxiliary = auxiliary
        self._listeners: list[tuple[Listener, frozenset[str]]] = []
        self._turn = asyncio.Lock()
        self._identity: Identity | None = None
        self._is_open = False
        self._holds = 0
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> Identity:
        """Connect and identify; refuse another instrument than before. Raises InstrumentError."""
        async with self._turn:
            return await self._opened()

    @contextlib.contextmanager
    def heard_by(self, listener: Listener, names: Iterable[str]) -> Iterator[None]:
        """While inside, what these auxiliaries show is told to the listener, who must not raise."""
        entry = listener, frozenset(names)
        self._listeners.append(entry)
        self._settle()
        try:
            yield
        finally:
            self._listeners.remove(entry)
            self._settle()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While inside, one listener needs nothing: in virtual time its clock is to stand still."""
        self._holds += 1
        self._settle()
        try:
            yield
        finally:
            self._holds -= 1
            self._settle()

    async def read(self) -> None:
        """Read once, and tell everybody; a fault is told as values that are unknown."""
        try:
            async with self._turn:
                await self._opened()
                scanned = await self._auxiliary.read()
        except asyncio.CancelledError:
            # half a scan may be under way
            self._is_open = False
            raise
        except Exception:
            # also a bug in a driver of somebody else's: it must not end what it only watches
            self._is_open = False
            self._tell({})
        else:
            self._tell(
                {
                    channel: found
                    for channel, found in scanned.items()
                    if isinstance(found, Temperature)
                }
            )

    async def set_temperature(self, name: str, temperature_K: float) -> float:
        """Set an auxiliary, and give what was read back, K. Raises InstrumentError."""
        async with self._turn:
            await self._opened()
            try:
                return await self._auxiliary.set_temperature(self.channels[name], temperature_K)
            except InstrumentError:
                self._is_open = False
                raise

    async def close(self) -> None:
        """Give the link back; the instrument goes on as it is."""
        self._is_open = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._auxiliary.close()

    async def _opened(self) -> Identity:
        if self._is_open and self._identity is not None:
            return self._identity
        found = await self._auxiliary.open()
        if self._identity is not None and found != self._identity:
            raise WrongInstrument(f"{found} answers where {self._identity} did")
        self._identity, self._is_open = found, True
        return found

    def _tell(self, found: Mapping[int, Temperature]) -> None:
        now = asyncio.get_running_loop().time()
        values = {
            name: found[channel].temperature_K if channel in found else None
            for name, channel in self.channels.items()
        }
        read_s = min((each.time_s for each in found.values()), default=now)
        for listener, names in self._listeners:
            listener(AuxRead(read_s, {name: values[name] for name in values if name in names}))

    def _settle(self) -> None:
        """Read again and again while somebody needs it, and at no other time."""
        needed = self._holds < len(self._listeners)
        if needed and self._task is None:
            self._task = asyncio.create_task(self._run(), name="auxiliary")
        elif not needed and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await self.read()
            await asyncio.sleep(self._auxiliary.every_s)
