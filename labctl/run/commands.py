"""What comes through the control socket, done on the run's loop; a reply when the run has done it.

Requests arrive in the control thread; everything that touches the run is called on its loop, and
what became of it is read from the engine's own events.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, cast

from labctl.control.request import Reply, Request
from labctl.run.amending import Amending
from labctl.run.loop import RunLoop
from labctl_protocols.decisions import Answer, Event
from labctl_protocols.engine import Engine
from labctl_protocols.problems import ProtocolError

WORD_S = 30.0
"""Host seconds for a word to be done: a reading on a slow link, then the output off, read back."""
STOP_S = 60.0
UNDONE = "the run was asked, but has not told within {:g} s that it is done: look at it"


@dataclass(slots=True)
class _Waiting:
    """Somebody who waits for what the engine tells; `seen` makes a reply of it, or None."""

    seen: Callable[[Event], Reply | None]
    reply: "Future[Reply]" = field(default_factory=Future)


class Commands:
    """Obeys requests for one run. `obey` belongs to the control thread, `hear` to the loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, run: RunLoop, engine: Engine, amending: Amending
    ) -> None:
        self._loop = loop
        self._run = run
        self._engine = engine
        self._amending = amending
        self._waiting: list[_Waiting] = []
        self._ended: Reply | None = None
        self._turn = asyncio.Lock()

    async def obey(self, request: Request) -> Reply:
        """Do what is asked; the reply says what came of it."""
        match request.command:
            case "status":
                return await self._status()
            case "stop":
                return await self._stop(request.by)
            case "amend":
                async with self._turn:
                    return await self._amend(request)
            case word:
                async with self._turn:
                    return await self._word(word, request.by)

    def hear(self, answer: Answer) -> None:
        """Take what the engine told; who waited for it gets a reply. Never raises."""
        for event in answer.events:
            self._amending.hear(event)
            for waiting in list(self._waiting):
                reply = waiting.seen(event)
                if reply is not None:
                    self._settle(waiting, reply)
        if answer.ended is not None:
            told = f"the run has ended: {answer.ended}: {answer.reason}"
            data = {"outcome": answer.ended, "reason": answer.reason}
            self._ended = Reply(False, told, data=data)
            for waiting in list(self._waiting):
                self._settle(waiting, self._ended)

    def _settle(self, waiting: _Waiting, reply: Reply) -> None:
        self._waiting.remove(waiting)
        waiting.reply.set_result(reply)

    async def _done(
        self, do: Callable[[], object], seen: Callable[[Event], Reply | None], within_s: float
    ) -> Reply:
        """Call on the run's loop, then wait until the engine tells what `seen` makes a reply of."""
        waiting = _Waiting(seen)
        # from now on the loop alone settles it: who stops waiting does not cancel it
        waiting.reply.set_running_or_notify_cancel()

        def begin() -> None:
            if self._ended is not None:
                waiting.reply.set_result(self._ended)
                return
            self._waiting.append(waiting)
            do()

        try:
            self._loop.call_soon_threadsafe(begin)
        except RuntimeError:
            return self._ended or Reply(False, "the run has ended")
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.wrap_future(waiting.reply)
        except TimeoutError:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._forget, waiting)
            return Reply(False, UNDONE.format(within_s))

    def _forget(self, waiting: _Waiting) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)

    async def _stop(self, by: str) -> Reply:
        def seen(event: Event) -> Reply | None:
            if event.kind != "run_ended":
                return None
            data = {name: event.data[name] for name in ("outcome", "reason")}
            return Reply(True, f"{data['outcome']}: {data['reason']}", data=data)

        reason = f"stopped by the operator ({by})"
        return await self._done(lambda: self._run.request_stop(reason), seen, STOP_S)

    async def _word(self, word: str, by: str) -> Reply:
        taken: list[str] = []

        def seen(event: Event) -> Reply | None:
            data = event.data
            if taken:
                return _off_after_pause(event, taken[0])
            if event.kind != "operator" or data.get("by") != by or data.get("word") != word:
                return None
            text = str(data["text"])
            if data.get("done") and word == "pause":
                taken.append(text)
                return None
            return Reply(bool(data.get("done")), text)

        spoken = cast("Literal['continue', 'pause', 'skip']", word)
        return await self._done(lambda: self._run.operator(spoken, by), seen, WORD_S)

    async def _amend(self, request: Request) -> Reply:
        try:
            # reading a protocol takes as long as it takes; who wants to stop does not wait for it
            revision = await asyncio.to_thread(self._amending.revision_of, request)
        except ProtocolError as error:
            lines = tuple(str(problem) for problem in error.problems)
            return Reply(False, "refused: nothing has changed", lines)

        def seen(event: Event) -> Reply | None:
            data = event.data
            if data.get("by") != request.by:
                return None
            if event.kind == "revision":
                return Reply(True, str(data["text"]), _lines(data, "changes"))
            if event.kind == "operator" and data.get("word") == "amend":
                return Reply(False, "refused: nothing has changed", _lines(data, "lines"))
            return None

        return await self._done(lambda: self._run.revise(revision), seen, WORD_S)

    async def _status(self) -> Reply:
        told: Future[Reply] = Future()
        try:
            self._loop.call_soon_threadsafe(lambda: told.set_result(self._standing()))
        except RuntimeError:
            return self._ended or Reply(False, "the run has ended")
        try:
            async with asyncio.timeout(WORD_S):
                return await asyncio.shield(asyncio.wrap_future(told))
        except TimeoutError:
            return Reply(False, UNDONE.format(WORD_S))

    def _standing(self) -> Reply:
        state = self._engine.state
        step, now = state.step, state.output.now
        data = {
            "phase": state.phase,
            "step": None if step is None else self._engine.nodes[step.node].path,
            "cycle": state.cycles.number,
            "elapsed_s": state.now_s - state.started_s,
            "voltage_V": None if now is None else now.voltage_V,
            "current_A": None if now is None else now.current_A,
        }
        return Reply(True, str(state.phase), data=data)


def _off_after_pause(event: Event, text: str) -> Reply | None:
    if event.kind != "output":
        return None
    if event.data.get("on") is False:
        return Reply(True, "paused: output off, read back")
    return Reply(False, f"{text}, but the output's state is UNKNOWN: look at the instrument")


def _lines(data: Mapping[str, object], name: str) -> tuple[str, ...]:
    lines = data.get(name)
    return tuple(map(str, lines)) if isinstance(lines, list | tuple) else ()
