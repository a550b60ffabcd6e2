"""A run that can be spoken to while it runs: its socket, its keys, and who hears what."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from labctl.control.server import Server
from labctl.run.amending import Amending
from labctl.run.answers import Answers
from labctl.run.commands import Commands
from labctl.run.loop import RunLoop
from labctl_protocols.decisions import Answer
from labctl_protocols.engine import Engine


class Control:
    """Everything by which an operator speaks to one run, beside the signals that end it."""

    def __init__(self, engine: Engine, amending: Amending, *, yes: bool, keys: bool) -> None:
        self.notes: list[str] = []
        self._engine = engine
        self._amending = amending
        self._yes = yes
        self._keys = keys
        self._hear: list[Callable[[Answer], None]] = []

    def hear(self, answer: Answer) -> None:
        """Take what the engine told; belongs to the run's loop. Never raises."""
        for hear in self._hear:
            hear(answer)

    @contextlib.contextmanager
    def opened(self, run: RunLoop, folder: Path) -> Iterator[None]:
        """While inside, the run can be spoken to. A socket that cannot be opened ends no run: it
        is told in `notes`."""
        loop = asyncio.get_running_loop()
        commands = Commands(loop, run, self._engine, self._amending)
        answers = Answers(loop, lambda by: run.operator("continue", by), yes=self._yes)
        self._hear += [commands.hear, answers.hear]
        with contextlib.ExitStack() as stack:
            try:
                server = Server(folder, commands.obey)
            except Exception as error:
                self.notes.append(f"no control socket, only Ctrl-C ends it: {error}")
            else:
                stack.callback(server.close)
            if self._keys:
                stack.enter_context(answers.keys())
            yield
