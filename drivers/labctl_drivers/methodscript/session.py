"""One conversation with a MethodSCRIPT instrument: what is asked of it, what it answers.

The instrument speaks unasked while a script runs, is deaf for a while after each error, and takes
whatever follows a half-sent script for more of it. A line that no script may hold (`Z`, `t`) is
therefore always sent before the empty line that would run one.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence

from labctl_drivers.errors import BadReply, InstrumentRefused, LinkError, LinkTimeout
from labctl_drivers.link import BARE_LINES, Answer, Link
from labctl_drivers.methodscript.errors import WRONG_MODE
from labctl_drivers.methodscript.output import FLOW_CONTROL, Refusal, broken_off, refusal
from labctl_drivers.vocabulary import Identity

TIMEOUT_S = 1.0
END_TIMEOUT_S = 5.0
DEAF_S = 0.15
ATTEMPTS = 3
_FIRMWARE = re.compile(rb"t([a-z0-9_]{6})(\w+)#(.*)")


def hello(frame: bytes) -> Identity:
    """Who answers to `t`; for `labctl scan`. Raises BadReply."""
    found = _FIRMWARE.fullmatch(frame.rstrip(b"\r"))
    if found is None:
        raise BadReply(f"no firmware: {frame[:80]!r}")
    return Identity("PalmSens", found[1].decode(), "", found[2].decode("ascii", "replace"))


class Session:
    """`is_idle` is whether no script runs and none has been begun, as far as anybody knows."""

    def __init__(self, link: Link, pause_s: float) -> None:
        self.is_idle = False
        self._link = link
        self._link.framing = BARE_LINES
        self._pause_s = pause_s
        self._deaf_until_s = 0.0

    async def line(self, timeout_s: float) -> Answer:
        """The next line, without flow control. Raises LinkTimeout and the link's errors."""
        data, sent_s, received_s = await self._link.receive(timeout_s)
        data = data.translate(None, FLOW_CONTROL)
        if refusal(data) is not None:
            self._deaf_until_s = self._link.deadline(DEAF_S)
        return Answer(data, sent_s, received_s)

    async def send(self, line: bytes) -> float:
        """Send a line once the instrument can hear it. Gives when that was."""
        await self._hearing()
        return await self._link.write(line)

    async def firmware(self) -> tuple[str, str]:
        """The instrument's type and version; a running script goes on. Raises BadReply."""
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._end_half_a_script()
            await self.send(b"t")
            head = await self._until(lambda line: line[:1] == b"t")
            if head is None:
                continue
            found = _FIRMWARE.fullmatch(head.data)
            if found is None:
                raise BadReply(f"no firmware: {head.data[:80]!r}")
            tail = await self._until(lambda line: line[-1:] == b"*" and len(line) > 1)
            words = [found[2], found[3], b"" if tail is None else tail.data[:-1]]
            return found[1].decode(), b" ".join(words).decode("ascii", "replace").strip()
        raise LinkTimeout("the instrument does not say what it is")

    async def ask(self, command: bytes) -> bytes:
        """The reply to a command of one letter, without the letter.

        Raises InstrumentRefused, LinkTimeout.
        """
        for _ in range(ATTEMPTS):
            await self.send(command)
            answer = await self._until(lambda line: line[:1] == command)
            if answer is None:
                continue
            refused = refusal(answer.data)
            if refused is not None:
                raise _refused(refused, command.decode())
            return answer.data[1:]
        raise LinkTimeout(f"no reply to {command!r}")

    async def is_running(self) -> bool:
        """Whether a script runs; it goes on. Only an idle instrument tells its version."""
        try:
            await self.ask(b"v")
        except InstrumentRefused as error:
            if error.code != WRONG_MODE:
                raise
            self.is_idle = False
            return True
        self.is_idle = True
        return False

    async def stop(self) -> None:
        """Abort whatever runs, up to its `on_finished:`, and wait until it has ended.

        Raises LinkTimeout when it does not.
        """
        for _ in range(ATTEMPTS):
            self.is_idle = False
            await self.send(b"Z")
            answer = await self._until(lambda line: line[:1] == b"Z")
            if answer is None:
                await self._end_half_a_script()
                continue
            if answer.data == b"Z":
                await self._until(lambda line: not line, END_TIMEOUT_S)
            if not await self.is_running():
                return
        raise LinkTimeout("the script that runs does not end")

    async def start(self, script: Sequence[str]) -> float:
        """Have a script taken and begun. Gives when the last of it was sent.

        Raises InstrumentRefused when it is not taken: then nothing of it has been done.
        """
        self.is_idle = False
        await self.send(b"e")
        await asyncio.sleep(self._pause_s)
        # in one piece: half a script must never be left behind because somebody was cancelled
        sent_s = await self._link.write("\n".join((*script, "")).encode("ascii"))
        answer = await self._until(lambda line: line[:1] == b"e")
        if answer is None:
            raise LinkTimeout("the instrument does not say that it has taken the script")
        refused = refusal(answer.data)
        if refused is None and answer.data != b"e":
            raise BadReply(f"neither taken nor refused: {answer.data[:80]!r}")
        if refused is not None:
            self.is_idle = True
            raise _refused(refused, _line_of(script, refused))
        return sent_s

    async def shout(self, script: Sequence[str]) -> None:
        """Send a script to an instrument that does not answer; for switching off."""
        self.is_idle = False
        with contextlib.suppress(LinkError):
            await self._link.shout(b"e")
            await asyncio.sleep(self._pause_s)
            await self._link.shout("\n".join((*script, "")).encode("ascii"))

    async def run(self, script: Sequence[str]) -> list[bytes]:
        """Run a short script to its end. Gives what it said.

        Raises InstrumentRefused for an error on the way.
        """
        await self.start(script)
        said: list[bytes] = []
        while line := (await self.line(TIMEOUT_S)).data:
            refused = broken_off(line)
            if refused is not None:
                self.is_idle = True
                raise _refused(refused, _line_of(script, refused))
            said.append(line)
        self.is_idle = True
        return said

    async def _end_half_a_script(self) -> None:
        """An empty line ends what somebody left half sent; the line before makes it be refused."""
        await self.send(b"")
        await self._until(lambda line: refusal(line) is not None, DEAF_S)

    async def _hearing(self) -> None:
        left_s = self._deaf_until_s - asyncio.get_running_loop().time()
        if left_s > 0.0:
            await asyncio.sleep(left_s)

    async def _until(
        self, wanted: Callable[[bytes], bool], timeout_s: float = TIMEOUT_S
    ) -> Answer | None:
        """The first such line, None without one in time; what comes before it is nobody's."""
        deadline = self._link.deadline(timeout_s)
        loop = asyncio.get_running_loop()
        while loop.time() < deadline:
            try:
                answer = await self.line(timeout_s)
            except LinkTimeout:
                return None
            if wanted(answer.data):
                return answer
        return None


def _line_of(script: Sequence[str], refused: Refusal) -> str:
    number = refused.line
    return script[number - 1] if number and number <= len(script) else "script"


def _refused(refused: Refusal, after: str) -> InstrumentRefused:
    return InstrumentRefused(refused.code, refused.text, after)
