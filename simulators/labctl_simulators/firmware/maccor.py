"""A Maccor cycler as MacNet on its PC shows it: JSON on one TCP port, packets on another.

Written from instruments.md §7.2 and §9; never from a driver. What the reference does not say about
the fields of replies is taken from `pymacnet` 1.1.3. Table of what is implemented and what is
refused: docs/simulators/maccor.md.

A channel is Available, and after `start` Starting for `ready_s`, then Active until it is reset, is
Suspended (watchdog, safety limit), or a procedure is Completed; from these only a reset leads back.
`watchdog_s` is `MacNetDirectModeWD`: a channel in direct mode that no accepted 6,8 has reached for
so long is suspended, its output off; reading its status does not count. It works without traffic.
Procedures are plain lists (`SIM-REST`, `SIM-CYCLE`, or the option `procedures`); a name that is not
there is refused in `Result`.

Where the reference leaves a choice, it is an option: `binary_channel_base` (the number of channel 1
in a packet [?]: 0 as in JSON and in the reference's bytes; `pymacnet` sends 2), `json_rest`
("refused", or "obeyed"), `results` ("text" as "OK" has it, or the "number"), `signed_current` (a
discharge is shown negative), `ranges_A`, `window_V`, `start_fixes_limits` (a limit that was
disabled in 6,7 stays so in 6,8, as the text in `pymacnet` says), `reply_s`, `ready_s`.
Assumed, and in no source: 100 ms between commands count per channel, from the last one obeyed; a
safety limit suspends (RF2 197); Step counts the changes of the output, and StepTime, Capacity (Ah)
and Energy (Wh) begin with it; a reset keeps safety limits and variables; -326xx are the codes of
JSON-RPC; `SystemID` is the serial number; the reply to a packet (maccor_ports.py).

Where evidence disagrees:
- `pymacnet` counts channels from 1 and asks for the status of all from Chan -1; that is taken as
  0. Its packet names the channel N + 1 where JSON has N - 1: with `binary_channel_base` 0 its rest
  goes to the channel two further on, and it does not read the reply's code. It sets the safety
  limits to within 1 mV and 1 mA, and reads replies until CR LF.
- It opens both ports for each channel, so several connections to a port are served.
- Two messages (4,2 and 4,3) and the numbers of RF1 and RF2 are from another public client
  (MacNet.py by C. Perera); its RF2 192 is "Suspend_Or_Pause", and the reference has it at Stat 2.
- A message with channel 65535 ("all selected", text in `pymacnet`) is refused: selecting is in
  neither source.
"""

from collections.abc import Mapping
from math import inf
from typing import Literal

from labctl_simulators.cells.plain import OPEN_OHM, Resistor
from labctl_simulators.firmware.maccor_channel import Channel
from labctl_simulators.firmware.maccor_parts import (
    PROCEDURES,
    RANGES_A,
    WINDOW_V,
    Errors,
    Procedure,
    Rating,
    refused,
)
from labctl_simulators.firmware.maccor_ports import BinaryPort, JsonPort, Reply
from labctl_simulators.firmware.smu import Flaws
from labctl_simulators.terminals import Terminals

SEED_STRIDE = 7919
MOST_CHANNELS = 128
BOOT_S = 60.0


class Maccor:
    """A cycler with `channels` channels: the cell of channel n in `more[n]`, of 1 in `terminals`.

    It speaks JSON; `.binary` is its other port. A channel without terminals is open. `.channels`
    holds each by its number, with `.terminals` and `.output_on`. Raises ValueError for what cannot
    be.
    """

    port = 57570

    def __init__(
        self,
        terminals: Terminals,
        *,
        more: Mapping[int, Terminals] | None = None,
        serial: str | None = None,
        seed: int = 0,
        channels: int = 8,
        instrument_error: float = 1.0,
        frozen_at_h: float = inf,
        set_deviation: float = 0.0,
        watchdog_s: float = 30.0,
        ready_s: float = 0.2,
        reply_s: float = 0.005,
        ranges_A: tuple[float, ...] = RANGES_A,
        window_V: tuple[float, float] = WINDOW_V,
        binary_channel_base: int = 0,
        json_rest: Literal["refused", "obeyed"] = "refused",
        results: Literal["text", "number"] = "text",
        signed_current: bool = True,
        start_fixes_limits: bool = True,
        system_type: int = 0,
        procedures: Mapping[str, Procedure] = PROCEDURES,
    ) -> None:
        pairs = _pairs(terminals, more or {}, channels)
        for name, value in (("watchdog_s", watchdog_s), ("ready_s", ready_s), ("reply_s", reply_s)):
            if not 0.0 <= value < inf:
                raise ValueError(f"{name} = {value:g}: it cannot be negative or endless")
        flaws = Flaws(instrument_error, frozen_at_h, set_deviation)
        self.serial = serial or f"SIM-{seed % 100000:05d}"
        self.rating = Rating(tuple(ranges_A), *window_V)
        self.terminals = terminals
        self.channels = {
            number: Channel(
                pair,
                self.rating,
                Errors(self.rating, seed + number * SEED_STRIDE, instrument_error),
                flaws,
                watchdog_s=watchdog_s,
                ready_s=ready_s,
                start_fixes_limits=start_fixes_limits,
            )
            for number, pair in pairs.items()
        }
        self.count = channels
        self.reply_s = reply_s
        self.binary_channel_base = binary_channel_base
        self.json_rest = json_rest
        self.results = results
        self.signed_current = signed_current
        self.system_type = system_type
        self.procedures = procedures
        self.test_names: set[str] = set()
        self.generation = 0
        self._ready_at = -inf
        self._json = JsonPort(self)
        self.binary = BinaryPort(self)

    @property
    def output_on(self) -> bool:
        """Whether channel 1 drives its cell."""
        return self.channels[1].output_on

    def feed(self, data: bytes, now: float) -> list[Reply]:
        """Take bytes of the JSON port at `now`; give the timed replies."""
        return self._json.feed(data, now)

    def session(self) -> JsonPort:
        """Another connection to the JSON port."""
        return JsonPort(self)

    def advance(self, now: float) -> None:
        """Let time pass for all channels."""
        for channel in self.channels.values():
            channel.advance(now)

    def advance_one(self, place: int, now: float) -> None:
        """Let time pass for a channel by its number on the wire, and for those on the same cell.

        The others follow when they are asked for, or at the next `advance`.
        """
        channel = self.at(place)
        beside = channel.terminals.beside
        for each in self.channels.values() if beside else (channel,):
            if each is channel or each.terminals in beside:
                each.advance(now)

    def at(self, place: int) -> Channel:
        """A channel by its number on the wire, which counts from 0."""
        return self.channels[place + 1]

    def check_system_type(self) -> None:
        """Direct mode is for type 0. Raises Refused with code 1."""
        if self.system_type != 0:
            raise refused(1)

    def listens(self, now: float) -> bool:
        """Whether the PC is up."""
        return now >= self._ready_at

    def power_cycle(self, now: float) -> None:
        """The mains fail and return: outputs off, tests ended, nobody answers for a minute."""
        self.advance(now)
        for channel in self.channels.values():
            channel.lose_power()
        self.generation += 1
        self._ready_at = now + BOOT_S


def _pairs(first: Terminals, more: Mapping[int, Terminals], channels: int) -> dict[int, Terminals]:
    if not 1 <= channels <= MOST_CHANNELS:
        raise ValueError(f"channels = {channels}: from 1 to {MOST_CHANNELS}")
    if any(not 2 <= number <= channels for number in more):
        raise ValueError(
            f"a cycler of {channels} channel(s) has no channel {max(more)}: "
            "the option `channels` is how many it has"
        )
    opened = {n: Terminals(Resistor(OPEN_OHM), first.now) for n in range(2, channels + 1)}
    return {1: first, **opened, **more}
