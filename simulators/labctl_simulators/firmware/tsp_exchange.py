"""Message exchange of an instrument with a test script processor: lines in, chunks executed.

Source: instruments.md §3; 2600BS-901-01 7-142 (prompts), 8-2 and appendices D, E; 2600S-901-01
2-43 (loading scripts), B-2 (which errors end a script).

Each line is a chunk of its own, except between `loadscript` or `loadandrunscript` and
`endscript`. A chunk that takes time keeps the following lines waiting, `abort` excepted. What is
executed runs ahead of the caller's clock by at most `LOOKAHEAD_S`, so that the replies of one
message can be given with their times; a script that goes on for hours is suspended and goes on as
time passes, whether anybody is there or not. `.wake_at` then says when to look again.
"""

import math
from collections import deque
from collections.abc import Generator

from labctl_simulators.firmware.events import Status
from labctl_simulators.firmware.exchange import BITS_PER_BYTE, NEVER, Reply
from labctl_simulators.firmware.on_bus import OnBus, Talk
from labctl_simulators.firmware.tsp_attributes import Refused
from labctl_simulators.firmware.tsp_common import SOURCE, common_command
from labctl_simulators.firmware.tsp_texts import text
from labctl_simulators.lua.lexer import LuaSyntaxError
from labctl_simulators.lua.library import spelled
from labctl_simulators.lua.parser import compile_chunk
from labctl_simulators.lua.steps import Statement, World
from labctl_simulators.lua.task import Task
from labctl_simulators.lua.values import Heap, Leave, LuaError, Table, Value, Values

LOOKAHEAD_S = 1.0
POLL_S = 0.5
STEP_S = 100e-6
INPUT_BYTES = 1 << 16
OUTPUT_BYTES = 1 << 16
SCRIPT_BYTES = 1 << 20
LOADS = ("loadscript", "loadandrunscript")
CONTINUES = ">>>>"


class TspInstrument(OnBus):
    """The message exchange; `Firmware` for the links and servers.

    `.generation` grows when replies that are not yet on the wire are taken back.
    """

    errors_kept = 100
    turnround_s = 1e-3
    boot_s = 30.0
    identity = ""
    power_on_prompts = False

    def __init__(self, now: float, *, baud: int | None, talk: Talk) -> None:
        super().__init__(now, talk)
        self.baud = baud
        self.generation = 0
        self.wake_at: float | None = None
        self.scripts: dict[str, str] = {}
        self._input = bytearray()
        self._overrun = False
        self._lines: deque[tuple[float, str]] = deque()
        self._queued_bytes = 0
        self._loading: tuple[str, str] | None = None
        self._text: list[str] = []
        self._task: Task | None = None
        self._said: list[Reply] = []
        self._received_at = self._free_at = self._sent_at = NEVER
        self._ready_at: float | None = None
        self.new_world()

    # What the instrument supplies

    def new_world(self) -> None:
        """Memory and globals as after power-on."""
        self.heap = Heap()
        self.precision = 6
        self.prompts = self.power_on_prompts
        self.show_errors = False
        self.world = World(Table(self.heap), self.spell)
        self.jobs: dict[object, tuple[Generator[float, float, None], float]] = {}

    def start(self) -> None:
        """What the instrument does by itself when power comes on, at `.clock`."""
        raise NotImplementedError

    def disconnect(self, now: float) -> None:
        """Leave the cells alone, as without power."""
        raise NotImplementedError

    def pass_time(self, until: float) -> None:
        """Bring the cells to a time."""
        raise NotImplementedError

    def reset(self) -> None:
        """`*RST` and `reset()`."""
        raise NotImplementedError

    def bus_trigger(self) -> None:
        """`*TRG`."""
        raise NotImplementedError

    # Firmware

    def feed(self, data: bytes, now: float) -> list[Reply]:
        """Take bytes at `now`; give the replies with the times at which each is on the wire."""
        self.advance(now)
        if self._ready_at is not None:
            return []
        arrived = max(self._received_at, now)
        if self.baud is not None:
            arrived += len(data) * BITS_PER_BYTE / self.baud
            self._received_at = arrived
        self._input += data
        while (end := self._input.find(b"\n")) >= 0:
            line = self._input[:end].decode("latin-1").rstrip("\r")
            del self._input[: end + 1]
            self._admit(line, arrived)
        if len(self._input) > INPUT_BYTES:
            self._input.clear()
            if not self._overrun:
                self.fail(-363)
            self._overrun = True
        self._run(now + LOOKAHEAD_S, now)
        said, self._said = self._said, []
        self.wake_at = now + POLL_S if self._task or self._lines or self.jobs else None
        return said

    def advance(self, now: float) -> None:
        """Let time pass without traffic; what is said meanwhile comes with the next `feed`."""
        if self._ready_at is not None:
            if now < self._ready_at:
                self.pass_time(now)
                return
            self.pass_time(self._ready_at)
            self.clock = max(self.clock, self._ready_at)
            self._ready_at = None
            self.start()
        self._run(now, now)
        self.pass_time(now)

    def describe(self, code: int, detail: str) -> str:
        """The words that the error queue shows for a code."""
        return text(code, detail)

    def power_cycle(self, now: float) -> None:
        """Switch off and on again: settings and scripts lost, nothing answers for `boot_s`."""
        self.advance(now)
        self.clock = max(now, self.clock)
        self.disconnect(self.clock)
        self._forget()
        self.scripts.clear()
        self.errors.clear()
        self.status = Status()
        self.new_world()
        self._ready_at = self.clock + self.boot_s

    def device_clear(self, now: float) -> None:
        """Stop a script, discard what is in the input and output buffers."""
        self.advance(now)
        self._forget()
        self._free_at = now

    def interrupted(self, now: float) -> None:
        """A new message comes on a bus before the last reply was read: it is taken back, -410."""
        self.advance(now)
        self.generation += 1
        self._said.clear()
        self._sent_at = NEVER
        self.fail(-410)

    def say(self, line: str) -> None:
        """Put a line on the wire, when the one before it is through."""
        data = line.encode("latin-1", "replace") + b"\n"
        if self.talk == "bus" and len(data) > OUTPUT_BYTES and self._lines:
            self.fail(-430)
            return
        when = max(self.clock, self._sent_at)
        if self.baud is not None:
            when += len(data) * BITS_PER_BYTE / self.baud
        self._sent_at = when
        self._said.append((when, data))

    def spell(self, number: float) -> str:
        """A number as `print` shows it: so many significant digits."""
        if math.isnan(number):
            return "nan"
        if math.isinf(number):
            return "inf" if number > 0 else "-inf"
        return f"{number:.{self.precision - 1}e}"

    # Lines

    def _admit(self, line: str, arrived: float) -> None:
        if self._overrun:
            self._overrun = False
        elif self._task is not None and line.strip() == "abort":
            self.abort_script()
        elif self._queued_bytes + len(line) > INPUT_BYTES:
            self.fail(-363)
        else:
            self._queued_bytes += len(line)
            self._lines.append((arrived, line))

    def abort_script(self) -> None:
        """End the running script; outputs stay as they are."""
        if self._task is not None:
            self._task.end()
            self._task = None
            self._over()

    def _forget(self) -> None:
        self.generation += 1
        self.abort_script()
        self.jobs.clear()
        self._said.clear()
        self._input.clear()
        self._overrun = False
        self._lines.clear()
        self._queued_bytes = 0
        self._loading = None
        self._text.clear()
        self._received_at = self._free_at = self._sent_at = NEVER

    def _run(self, until: float, now: float) -> None:
        """Execute up to a time: the foreground and what runs beside it, in the order of time.

        What runs beside looks ahead only as far as the foreground needs it.
        """
        while True:
            beside = min((clock for _, clock in self.jobs.values()), default=math.inf)
            if self._task is not None:
                cut = self._cut(self._task)
                last = min(until, cut)
                if self._task.clock > cut <= until:
                    self._lines.popleft()
                    self.abort_script()
                    continue
                if beside <= min(self._task.clock, last):
                    self._step_jobs(min(self._task.clock, last))
                    continue
                if self._task.clock > last:
                    return
                self._advance_task(min(last, beside))
            elif self._lines:
                start = max(self._lines[0][0], self._free_at) + self.turnround_s
                if beside <= min(start, until):
                    self._step_jobs(min(start, until))
                    continue
                if start > until:
                    return
                self._begin(start)
            elif beside <= now:
                self._step_jobs(now)
            else:
                return

    def _cut(self, task: Task) -> float:
        """When an `abort` that is next in the input ends a chunk, if it still runs then."""
        if not self._lines or self._lines[0][1].strip() != "abort":
            return math.inf
        return max(self._lines[0][0], task.began)

    def _advance_task(self, until: float) -> None:
        task = self._task
        if task is None:
            return
        try:
            task.run(until)
        except LuaError as error:
            self.clock = task.clock
            self.fail(-286, f"at line {error.line or 1}: {error}")
            self._task = None
        except Leave:
            task.end()
        if task.done and self._task is task:
            self._task = None
        if self._task is None:
            self.clock = task.clock
            self._over()

    def _step_jobs(self, until: float) -> None:
        key, (waits, clock) = min(self.jobs.items(), key=lambda item: item[1][1])
        while clock <= until:
            self.clock = max(self.clock, clock) if self._task is None else clock
            at = self.resume_job(waits, clock)
            if at is None:
                self.jobs.pop(key, None)
                return
            clock = max(clock, at)
            self.jobs[key] = (waits, clock)

    def resume_job(self, waits: Generator[float, float, None], now: float) -> float | None:
        """Let something that runs beside the commands go on; None when it is over."""
        raise NotImplementedError

    def _begin(self, start: float) -> None:
        arrived, line = self._lines.popleft()
        self._queued_bytes -= len(line)
        self.clock = start
        if self.talk == "bus" and arrived < self._sent_at:
            self.generation += 1
            self._said.clear()
            self._sent_at = NEVER
            self.fail(-410)
        words = line.split()
        if self._loading is not None:
            self._load(line)
        elif words and words[0] in LOADS:
            self._loading = (words[0], words[1].removesuffix("()") if len(words) > 1 else "")
            self._free_at = self.clock
            self._prompt(CONTINUES)
        elif line.strip().startswith("*"):
            self._common(line.strip())
        elif not words or line.strip() == "abort":
            self._over()
        else:
            self.execute(line)

    def _load(self, line: str) -> None:
        if line.strip() != "endscript":
            if sum(map(len, self._text)) + len(line) > SCRIPT_BYTES:
                self.fail(-225)
            else:
                self._text.append(line)
            self._free_at = self.clock
            self._prompt(CONTINUES)
            return
        verb, name = self._loading or ("", "")
        source = "\n".join(self._text)
        self._loading = None
        self._text.clear()
        if self.keep_script(name, source) is not None and verb == "loadandrunscript":
            self.execute(source)
        else:
            self._over()

    def keep_script(self, name: str, source: str) -> Value:
        """A script has been loaded; '' is the anonymous one. None when it has faults (-285)."""
        raise NotImplementedError

    def compiled(self, source: str) -> Statement | None:
        """A chunk; None, and -285 in the queue, when it cannot be executed."""
        try:
            return compile_chunk(source)
        except LuaSyntaxError as error:
            self.fail(-285, str(error))
            return None

    def execute(self, source: str) -> None:
        """Begin a chunk at `.clock`."""
        chunk = self.compiled(source)
        if chunk is None:
            self._over()
            return
        self._task = Task(chunk, self.world, self, self.clock, STEP_S)

    def _over(self) -> None:
        self._free_at = self.clock
        if self.show_errors:
            while len(self.errors):
                self.say("\t".join(self.written(value) for value in self.next_error()))
        self._prompt("TSP?" if len(self.errors) else "TSP>")

    def _prompt(self, prompt: str) -> None:
        if self.prompts:
            self.say(prompt)

    def written(self, value: Value) -> str:
        """A value as `print` shows it."""
        return spelled(value, self.world)

    def next_error(self) -> Values:
        """The oldest error: code, message, severity, node."""
        raise NotImplementedError

    def _common(self, line: str) -> None:
        head, _, rest = line.partition(" ")
        try:
            reply = common_command(self, head.upper(), rest.strip())
        except Refused as refused:
            self.fail(refused.code)
            reply = ""
        if reply.startswith(SOURCE):
            self.execute(reply.removeprefix(SOURCE))
            return
        if reply:
            self.say(reply)
        self._over()
