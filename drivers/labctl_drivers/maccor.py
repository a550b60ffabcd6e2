"""A channel of a Maccor cycler in direct mode, over MacNet; the channels share one link.

Wire facts: instruments.md §7.2. Options, most of them for what MacNet does not say [?]:
`serial` (the tester's SystemID, which stands for a serial number; another is refused),
`bin_port`, `first_packet_channel` (the index of channel 1 in binary packets: 0, 1 or 2),
`watchdog_s` (MacNetDirectModeWD of this tester's System.ini; 0 if it is not set there), `low_V`
and `high_V` of its channels, `range_1_A` to `range_4_A`, `current_accuracy_percent` and
`voltage_accuracy_percent` (of full scale), `status_current` (`signed`, or a `magnitude` whose
sign is that of the set-point).

**When the PC dies** the tester goes on with constant current into constant voltage at the stop
voltage, and its safety limits end the test a little outside the guard: voltage and current are
bounded without the watchdog. With it the channel is suspended after `watchdog_s`. The driver
keeps a channel from that by sending its set-point again, and vouches by that for whoever reads the
channel, not for the process: when nobody has read it for three of the engine's longest periods,
it stops, so that an engine that hangs in a living process is one that has died.

A channel that somebody else's test is active on is not touched. One whose test is over, or was
suspended, is reset by the first `apply`.
"""

import asyncio
import contextlib
from dataclasses import replace
from typing import Literal

from labctl_drivers import macnet
from labctl_drivers.channel import Maturity
from labctl_drivers.errors import (
    BadReply,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    OutputLost,
    WrongInstrument,
)
from labctl_drivers.hello import Hello
from labctl_drivers.link import Link
from labctl_drivers.maccor_regulation import (
    SAFE_WITHIN_S,
    Model,
    Program,
    Safety,
    check_plausible,
    check_voltage,
    other_side,
    program_for,
    regulating,
)
from labctl_drivers.maccor_wire import PROBE, MacnetChannel, hello
from labctl_drivers.macnet import Status
from labctl_drivers.switching_off import read_back_off
from labctl_drivers.vocabulary import (
    Changed,
    Guard,
    Identity,
    Opened,
    RangeAccuracy,
    Ratings,
    Reading,
    Setpoint,
)

SAFE_ATTEMPTS = 3
UPDATES_PER_WATCHDOG = 3
VOUCHED_DRIVEN_S, VOUCHED_REST_S = 30.0, 180.0
"""Three of the engine's longest periods (10 s driven, 60 s at rest)."""
AVAILABLE, SELECTED, SUSPENDED, COMPLETED, PROBLEM, RESET = 0, 1, 3, 4, 5, 7
OFF = frozenset({AVAILABLE, SELECTED, SUSPENDED, COMPLETED, PROBLEM})
"""States in which no test runs, so that the output is off."""
OVER = frozenset({SUSPENDED, COMPLETED, PROBLEM, RESET})
STARTING = frozenset({AVAILABLE, RESET, 8, 12, 14})
RESTED = 0.05
"""What may be left of the current when a rest has begun, as a part of it."""


class Maccor:
    """One channel of a tester, number 1 and up."""

    MATURITY: Maturity = "simulated"
    MODELS = ("MacNet",)
    HELLO = Hello(PROBE, hello, serial=False)

    def __init__(
        self,
        link: Link,
        *,
        channel: int = 1,
        serial: str | None = None,
        bin_port: int = 57560,
        first_packet_channel: Literal["0", "1", "2"] = "0",
        watchdog_s: float = 10.0,
        low_V: float = -5.0,
        high_V: float = 5.0,
        range_1_A: float = 150e-6,
        range_2_A: float = 5e-3,
        range_3_A: float = 150e-3,
        range_4_A: float = 5.0,
        current_accuracy_percent: float = 0.05,
        voltage_accuracy_percent: float = 0.05,
        status_current: Literal["signed", "magnitude"] = "signed",
    ) -> None:
        if channel < 1:
            raise ValueError(f"channels are numbered from 1, not {channel}")
        if not 0 < bin_port < 65536:
            raise ValueError(f"bin_port is from 1 to 65535, not {bin_port}")
        if not (watchdog_s == 0 or watchdog_s >= 1):
            raise ValueError(f"watchdog_s is 0 (none) or at least 1 s, not {watchdog_s:g}")
        amps = (range_1_A, range_2_A, range_3_A, range_4_A)
        if not 0 < amps[0] < amps[1] < amps[2] < amps[3] or not low_V < high_V:
            raise ValueError("range_1_A to range_4_A ascend from above 0, low_V is below high_V")
        part = current_accuracy_percent / 100
        full_V = max(abs(low_V), abs(high_V))
        self._model = Model(
            low_V,
            high_V,
            tuple(RangeAccuracy(full, 0.0, part * full) for full in amps),
            RangeAccuracy(full_V, 0.0, voltage_accuracy_percent / 100 * full_V),
        )
        index = channel - 1
        self._wire = MacnetChannel(link, index, index + int(first_packet_channel), bin_port)
        self._serial = serial
        self._watchdog_s = watchdog_s
        self._signed = status_current == "signed"
        self._identity: Identity | None = None
        self._ours = self._theirs = self._was_off = False
        self._program: Program | None = None
        self._safety: Safety | None = None
        self._seen_V = 0.0
        self._changing = asyncio.Lock()
        self._asked_s = self._updated_s = float("-inf")
        self._keeper: asyncio.Task[None] | None = None

    @property
    def ratings(self) -> Ratings:
        """As the options say."""
        return self._model.ratings

    async def open(self) -> Opened:
        """Identify, refuse a wrong tester; the channel is looked at and left as it is.

        Raises WrongInstrument and the link's errors.
        """
        await self._stop_keeping()
        self._identity = self._program = self._safety = None
        self._ours = self._theirs = False
        self._identity = identity = await self._wire.identify(self._serial)
        await self._wire.open_packets()
        status, _ = await self._wire.status()
        self._was_off = status.stat in OFF
        return Opened(identity, not self._was_off)

    async def apply(self, setpoint: Setpoint, guard: Guard) -> Changed:
        """Drive the cell so from the returned time on.

        Raises OutOfRange before anything was sent, WrongInstrument unless opened,
        InstrumentRefused when the tester said no or did not do it, OutputLost when it has ended
        the test by itself, InvalidReading when the cell's voltage before it is none; then, and
        after any other error, `safe` is due.
        """
        if self._identity is None:
            raise WrongInstrument("nobody knows which tester this is: it was not opened")
        program_for(setpoint, guard, self._model, self._seen_V)
        async with self._changing:
            self._program = None
            status, _ = await self._wire.status()
            check_voltage(self._model, status.voltage_V)
            self._seen_V = status.voltage_V
            new = program_for(setpoint, guard, self._model, status.voltage_V)
            if not self._ours:
                await self._start(status, new)
            elif status.stat != macnet.ACTIVE:
                raise _lost(status)
            changed = await self._change(new, abs(status.current_A))
            if new.held:
                # which side it needs does not show while another current flows
                status, _ = await self._wire.status()
                new, turned = await self._turned(new, status.voltage_V, status.current_A)
                changed = changed if turned is None else _from_to(changed, turned)
            self._program = new
            self._asked_s = asyncio.get_running_loop().time()
        self._keep()
        return changed

    async def read(self) -> Reading:
        """The channel's voltage and current.

        Raises InvalidReading, OutputLost when the channel is not active, and the link's errors.
        """
        program = self._program
        if program is None:
            raise InvalidReading("nothing has been applied, so there is nothing to read")
        self._asked_s = asyncio.get_running_loop().time()
        self._keep()
        try:
            status, answer = await self._wire.status()
        except BadReply as error:
            raise InvalidReading(str(error)) from error
        if status.stat != macnet.ACTIVE:
            raise _lost(status)
        voltage = status.voltage_V
        current = status.current_A if self._signed else program.sign * abs(status.current_A)
        check_plausible(program, self._model, voltage, current)
        self._seen_V = voltage
        if program.held:
            await self._hold(program, voltage, current)
        return Reading(
            time_s=(answer.sent_s + answer.received_s) / 2,
            voltage_V=voltage,
            current_A=current,
            regulating=regulating(program, self._model, voltage, current),
            time_error_s=(answer.received_s - answer.sent_s) / 2,
            current_range_A=program.amps.full_scale,
            voltage_range_V=self._model.volts.full_scale,
            status=status.stat,
        )

    async def limits_read_back(self) -> dict[str, float]:
        """The safety limits, as the tester repeats them when they are sent again."""
        if self._safety is None:
            return {}
        held = await self._wire.protect(self._safety)
        return {
            "voltage_max_V": held["VSafeMax"],
            "voltage_min_V": held["VSafeMin"],
            "charge_current_A": held["ISafeChg"],
            "discharge_current_A": held["ISafeDis"],
        }

    async def safe(self) -> None:
        """End the test and read back that none runs; connects again if it must. Idempotent.

        A test that somebody else has begun since `open`, and for which `apply` was refused, goes
        on. Raises OutputUnknown, then too, at the latest after `Ratings.safe_within_s`.
        """
        self._program = None
        await self._stop_keeping()
        await read_back_off(
            self._switch_off, self._wire.link, attempts=SAFE_ATTEMPTS, within_s=SAFE_WITHIN_S
        )
        self._ours = self._theirs = False

    async def close(self) -> None:
        """Give the link back. Leaves the output as it is; a watchdog ends it in its time."""
        self._program = None
        await self._stop_keeping()
        await self._wire.close()

    # ---- driving ---------------------------------------------------------------------------

    async def _start(self, status: Status, new: Program) -> None:
        """Direct mode, at no current; the safety limits are there before it and after it."""
        if status.stat in OVER:
            await self._wire.reset()
            status = await self._wire.status_once(lambda each: each.stat not in OVER)
        if status.stat != AVAILABLE:
            # who found it on and wants it off may switch it off; here somebody has come between
            self._theirs = self._was_off
            raise InstrumentRefused(0, f"the channel is {status.name}, not by labctl", "start")
        self._safety = None
        await self._wire.protect(new.safety)
        self._ours = True
        await self._wire.start(new)
        status = await self._wire.status_once(lambda each: each.stat not in STARTING)
        if status.stat != macnet.ACTIVE:
            raise _lost(status)
        # whether a start keeps them is not known [?]
        await self._protect(new.safety)

    async def _protect(self, safety: Safety) -> None:
        if safety != self._safety:
            self._safety = None
            await self._wire.protect(safety)
            self._safety = safety

    async def _change(self, new: Program, flowing_A: float) -> Changed:
        """The new output, under its own safety limits.

        Limits that what flows now would cross are set when nothing flows.
        """
        if new.mode == "R":
            changed = await self._rest(new, flowing_A)
            await self._protect(new.safety)
            return changed
        off = None
        if flowing_A > new.safety.current_A:
            off = await self._rest(new, flowing_A)
        await self._protect(new.safety)
        on = await self._send(new)
        return on if off is None else _from_to(off, on)

    async def _rest(self, program: Program, flowing_A: float) -> Changed:
        """No current, and the status says so. Raises InstrumentRefused when current still flows."""
        changed = await self._send(replace(program, mode="R"))
        left_A = max(RESTED * flowing_A, self._model.error_A(flowing_A))
        status = await self._wire.status_once(lambda each: abs(each.current_A) <= left_A)
        if abs(status.current_A) > left_A:
            text = f"{status.current_A:g} A still flows: is first_packet_channel right?"
            raise InstrumentRefused(0, text, "rest")
        return changed

    async def _send(self, program: Program) -> Changed:
        if program.mode == "R":
            changed = await self._wire.rest(program.range_number)
        else:
            changed = await self._wire.drive(program)
        self._updated_s = changed.time_s
        return changed

    async def _hold(self, program: Program, voltage_V: float, current_A: float) -> None:
        """Go on holding when the cell has gone past the held voltage by itself."""
        async with self._changing:
            if self._program is program:
                self._program, _ = await self._turned(program, voltage_V, current_A)

    async def _turned(
        self, program: Program, voltage_V: float, current_A: float
    ) -> tuple[Program, Changed | None]:
        """The program that holds from the side that the cell needs, and when it was sent, if it
        is another.
        """
        mode = other_side(program, self._model, voltage_V, current_A)
        if mode is None:
            return program, None
        turned = replace(program, mode=mode)
        return turned, await self._send(turned)

    # ---- off -------------------------------------------------------------------------------

    async def _switch_off(self) -> str:
        """End the test, also over a link that does not answer; what the channel is, unless off."""
        if self._identity is None:
            self._identity = await self._wire.identify(self._serial)
        if self._theirs:
            status, _ = await self._wire.status()
            alone = f"the channel is {status.name}, not by labctl, and is left alone"
            return "" if status.stat in OFF else alone
        if not self._ours:
            with contextlib.suppress(LinkError):
                if (await self._wire.status())[0].stat in OFF:
                    return ""
        await self._wire.shout_reset()
        if self._wire.link.lost:
            await self._wire.link.open(self._wire)
            await self._wire.shout_reset()
        status = await self._wire.status_once(lambda each: each.stat in OFF)
        return "" if status.stat in OFF else f"the channel is {status.name}"

    # ---- the watchdog ----------------------------------------------------------------------

    def _keep(self) -> None:
        if self._watchdog_s and (self._keeper is None or self._keeper.done()):
            self._keeper = asyncio.create_task(self._keep_alive(), name="maccor watchdog")

    async def _stop_keeping(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])

    async def _keep_alive(self) -> None:
        """Send the set-point again in time, as long as somebody looks at the channel."""
        loop = asyncio.get_running_loop()
        period_s = self._watchdog_s / UPDATES_PER_WATCHDOG
        due_s = self._updated_s + period_s
        while True:
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            async with self._changing:
                program = self._program
                if program is None or not self._is_vouched_for(program, loop.time()):
                    return
                if self._updated_s + period_s <= loop.time():
                    # what is wrong, `read` finds out for whoever is there to hear it
                    with contextlib.suppress(InstrumentError):
                        await self._send(program)
            due_s = max(self._updated_s + period_s, loop.time() + period_s / UPDATES_PER_WATCHDOG)

    def _is_vouched_for(self, program: Program, now_s: float) -> bool:
        patience_s = VOUCHED_REST_S if program.mode == "R" else VOUCHED_DRIVEN_S
        return now_s - self._asked_s <= patience_s


def _lost(status: Status) -> OutputLost:
    by = " by its watchdog, a safety limit or a hand" if status.stat == SUSPENDED else ""
    return OutputLost(f"the output went off: the channel is {status.name}{by}")


def _from_to(off: Changed, on: Changed) -> Changed:
    return Changed.between(off.time_s - off.time_error_s, on.time_s + on.time_error_s)
