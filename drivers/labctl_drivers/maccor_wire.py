"""One channel's exchanges with a Maccor tester, over the two links that all its channels share."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from labctl_drivers import macnet, strict_json
from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    LinkError,
    LinkTimeout,
    WrongInstrument,
)
from labctl_drivers.link import Answer, Link, Probe
from labctl_drivers.maccor_regulation import Program, Safety
from labctl_drivers.macnet import Result, Status
from labctl_drivers.vocabulary import Changed, Identity

TIMEOUT_S = 1.0
SLOW_S = 3.0
"""For what begins or ends a test: how long a tester takes over that is not known [?]."""
SLOW = frozenset({macnet.START_DIRECT, macnet.RESET})
BETWEEN_DIRECT_S = 0.11
"""The tester refuses direct commands of a channel that are less than 0.1 s apart."""
TAKES_S = 3.0
"""How long a change of state or a busy tester is waited for, host seconds."""
LATE_REPLIES = 8
PROBE_NUMBER = 2**31 - 1
PROBE = macnet.request(PROBE_NUMBER, macnet.GENERAL_INFO)


class MacnetChannel:
    """The functions of MacNet for one channel; `channel` and `packet_channel` as on the wire."""

    def __init__(self, link: Link, channel: int, packet_channel: int, bin_port: int) -> None:
        link.framing = macnet.OBJECTS
        self.link = link
        self._channel = channel
        self._packet_channel = packet_channel
        self._bin_port = bin_port
        self._packets: Link | None = None
        # no two channels of a link ever use one number
        self._numbers = itertools.count(channel + 1, 1 << 16)
        self._direct_s = float("-inf")

    async def identify(self, serial: str | None) -> Identity:
        """Who is there; from then on the link takes nobody else's answers.

        Raises WrongInstrument and the link's errors.
        """
        self.link.probe = Probe(PROBE, lambda frame: _general(frame) is not None)
        await self.link.open(self)
        general, _ = await self._ask(macnet.GENERAL_INFO)
        system, _ = await self._ask(macnet.SYSTEM_INFO)
        name = strict_json.text(general, "SystemID")
        if serial is not None and name != serial:
            raise WrongInstrument(f"the tester {name!r} answers, not {serial!r}")
        kind, channels = (strict_json.whole(general, key) for key in ("SystemType", "TestChannels"))
        if kind != 0:
            raise WrongInstrument(f"{name!r} is of system type {kind}, which has no direct mode")
        if self._channel >= channels:
            raise WrongInstrument(f"{name!r} has {channels} channels: no {self._channel + 1}")
        self.link.probe = Probe(PROBE, lambda frame: _general(frame) == (name, channels))
        version = ".".join(
            str(strict_json.whole(system, f"MacTest32EXEversion{part}"))
            for part in ("Major", "Minor", "Build")
        )
        # simulated ones say so in the date of their program
        dated = str(system.get("MacTest32ExeDT", ""))
        return Identity("Maccor", "MacNet", name, f"MacTest32 {version} {dated}".strip())

    async def open_packets(self) -> Link:
        """The link to the binary port; connects again after it was lost. Raises LinkLost."""
        if self._packets is None:
            self._packets = self.link.beside(self._bin_port)
            self._packets.framing = macnet.PACKETS
        await self._packets.open(self)
        return self._packets

    async def close(self) -> None:
        """Give both links back."""
        if self._packets is not None:
            await self._packets.close(self)
        await self.link.close(self)

    async def status(self) -> tuple[Status, Answer]:
        """The channel's full status. Raises BadReply and the link's errors."""
        result, answer = await self._ask_channel(macnet.STATUS)
        return macnet.status_of(result), answer

    async def status_once(self, reached: Callable[[Status], bool]) -> Status:
        """The status once it is so, or the last one when that takes too long."""
        loop = asyncio.get_running_loop()
        give_up_s = self.link.deadline(TAKES_S)
        while True:
            status, _ = await self.status()
            if reached(status) or loop.time() >= give_up_s:
                return status
            await asyncio.sleep(BETWEEN_DIRECT_S)

    async def reset(self) -> None:
        """End the channel's test. Raises InstrumentRefused."""
        await self._command(macnet.RESET, {})

    async def shout_reset(self) -> None:
        """End the channel's test even if the tester has stopped answering."""
        line = macnet.request(next(self._numbers), macnet.RESET, Chan=self._channel)
        with contextlib.suppress(LinkError):
            await self.link.shout(line)

    async def protect(self, safety: Safety) -> dict[str, float]:
        """Set the safety limits; gives them as read back.

        Raises InstrumentRefused when the echo is not what was sent.
        """
        result, _ = await self._ask_channel(macnet.SAFETY_LIMITS, safety.params)
        echo = {key: strict_json.number(result, key) for key in safety.params}
        wrong = [
            f"{key} {echo[key]:g} instead of {value:g}"
            for key, value in safety.params.items()
            if abs(echo[key] - value) > 1e-5 * abs(value)
        ]
        if wrong:
            raise InstrumentRefused(0, f"read back otherwise: {', '.join(wrong)}", "safety limits")
        return echo

    async def start(self, program: Program) -> None:
        """Direct mode, charging with no current: rest cannot be asked for here."""
        settings = {
            "TestName": "Random",
            "Current": 0.0,
            # a limit that is not on when direct mode starts cannot be set in it
            "Voltage": program.safety.high_V,
            "Power": macnet.NO_LIMIT,
            "Resistance": 0.0,
            "CurrentRange": program.range_number,
            "ChMode": "C",
            "DataTime": 0.0,
            "DataV": 0.0,
            "DataI": 0.0,
        }
        await self._direct(lambda: self._command(macnet.START_DIRECT, settings))

    async def drive(self, program: Program) -> Changed:
        """Charge or discharge so from now on. Raises InstrumentRefused."""
        settings = {
            "Current": program.current_A,
            "Voltage": program.voltage_V,
            "Power": macnet.NO_LIMIT,
            "Resistance": 0.0,
            "CurrentRange": program.range_number,
            "ChMode": program.mode,
        }
        return await self._direct(lambda: self._command(macnet.SET_OUTPUT, settings))

    async def rest(self, range_number: int) -> Changed:
        """No current from now on. Raises InstrumentRefused."""
        packet = macnet.rest_packet(self._packet_channel, range_number)

        async def send() -> Changed:
            packets = await self.open_packets()
            answer = await packets.timed_query(packet, TIMEOUT_S)
            macnet.check_packet(answer.data, packet)
            return Changed.between(answer.sent_s, answer.received_s)

        return await self._direct(send)

    async def _direct(self, send: Callable[[], Awaitable[Changed]]) -> Changed:
        """A command of direct mode, not too soon after the last; again while the tester is busy.

        Whether the tester counts per channel or for all of them is not known [?]: if it refuses
        one as too fast after another channel's, that one comes again too.
        """
        loop = asyncio.get_running_loop()
        give_up_s = self.link.deadline(TAKES_S)
        while True:
            await asyncio.sleep(max(0.0, self._direct_s - loop.time()))
            try:
                return await send()
            except InstrumentRefused as error:
                is_busy = error.code in (macnet.TOO_FAST, macnet.NOT_READY)
                if not is_busy or loop.time() >= give_up_s:
                    raise
            finally:
                self._direct_s = loop.time() + BETWEEN_DIRECT_S

    async def _command(self, function: macnet.Function, settings: Mapping[str, object]) -> Changed:
        result, answer = await self._ask_channel(function, settings)
        macnet.check_accepted(result, function)
        return Changed.between(answer.sent_s, answer.received_s)

    async def _ask_channel(
        self, function: macnet.Function, params: Mapping[str, object] | None = None
    ) -> tuple[Result, Answer]:
        return await self._ask(function, {"Chan": self._channel, **(params or {})})

    async def _ask(
        self, function: macnet.Function, params: Mapping[str, object] | None = None
    ) -> tuple[Result, Answer]:
        """One function's result. Raises BadReply, InstrumentRefused and the link's errors."""
        number = next(self._numbers)
        line = macnet.request(number, function, **(params or {}))
        async with self.link.turn:
            try:
                timeout_s = SLOW_S if function in SLOW else TIMEOUT_S
                answer, reply = await self._exchange(line, number, timeout_s)
                channel = None if params is None else self._channel
                return macnet.result_of(reply, function, channel), answer
            except BadReply:
                self.link.distrust()
                raise

    async def _exchange(
        self, line: bytes, number: int, timeout_s: float
    ) -> tuple[Answer, dict[str, Any]]:
        """The reply that has this number; late ones to other requests are passed over."""
        answer = await self.link.timed_query(line, timeout_s)
        sent_s = answer.sent_s
        for _ in range(LATE_REPLIES):
            reply = macnet.reply_of(answer.data)
            if macnet.answers(reply, number):
                return Answer(answer.data, sent_s, answer.received_s), reply
            try:
                answer = await self.link.receive(timeout_s)
            except LinkTimeout:
                self.link.distrust()
                raise
        raise BadReply(f"{LATE_REPLIES} replies, and none to {line[:120]!r}")


def hello(frame: bytes) -> Identity:
    """Who answers to the probe; for `labctl scan`. Raises BadReply for any other reply."""
    found = _general(frame)
    if found is None:
        raise BadReply(f"no MacNet: {frame[:80]!r}")
    return Identity("Maccor", "MacNet", found[0], "")


def _general(frame: bytes) -> tuple[str, int] | None:
    """Name and size of the tester whose reply to the probe this is; None for any other reply."""
    try:
        reply = macnet.reply_of(frame)
        if not macnet.answers(reply, PROBE_NUMBER):
            return None
        result = macnet.result_of(reply, macnet.GENERAL_INFO)
        return strict_json.text(result, "SystemID"), strict_json.whole(result, "TestChannels")
    except (BadReply, InstrumentRefused):
        return None
