"""PalmSens EmStat4, EmStat Pico and Nexus as their wire shows them: MethodSCRIPT over serial.

Written from instruments.md §4, §0 and §9, for the arguments of the pulse techniques also from the
maker's example scripts; never from a driver. The table of what is implemented and what is refused
with which code: docs/simulators/emstat.md. A MultiEmStat4 is one of these for each channel.

A simulated one says so in the second line of its version, `R-sim*`, and in the serial number that
it has when none is given (`…SIM…`).

Not simulated, and refused as 001B when a script is loaded: fast CA and CV, multiplexers, GPIO, I2C,
files, hibernation, peaks and smoothing, the second channel of a Pico but for switching it off.
Options of EIS are refused as 4008. Registers are not documented: all are 0004. No CRC mode.

Where the reference leaves a choice, it is an option here: `deaf_s` (50 to 100 ms), `load_gap_s`
(lines of a script that come sooner after `e` are lost; 50 ms are asked for), `line_bytes` (128 or
255), `blank_after_error`, `script_version`, `critical_s` (what makes error 0032), `flow_bytes`
(XOFF and XON among the output). Assumed, and nowhere written down: `e` is answered
when the whole script is there; a column in an error is that of the word, or one past the end of a
line where something is missing; settings stay from one script to the next, a change of mode
disconnects the cell; the body of a measurement runs after its point; 10 µs for an operation; scans
count from C0000; output beyond 4096 bytes that XOFF holds back stops the script, not the cell.

Where clients and the reference disagree:
- labmcp-palmsens 0.1.3 sends lines of up to 255 bytes; the maker's example in C allows 128. After
  `!XXXX` it reads no further, waits 150 ms and throws away what is there: the empty line that
  follows here does not reach it.
- hardpotato 1.3.13, which holds the maker's example in Python, asks for one scan less than it is
  told: for `nscans(0)` where one is wanted, which is 4205 here. It takes the second line of the
  version for the last one.
"""

from collections import deque
from collections.abc import Mapping
from math import inf

from labctl_simulators.firmware.emstat_front import PgStat
from labctl_simulators.firmware.emstat_models import (
    EMSTAT4_MODELS,
    NEXUS_MODELS,
    PICO_MODELS,
    Device,
)
from labctl_simulators.firmware.smu import Flaws
from labctl_simulators.methodscript.compiler import Compiler
from labctl_simulators.methodscript.errors import LoadError, ScriptError
from labctl_simulators.methodscript.machine import Machine
from labctl_simulators.terminals import Terminals

XON, XOFF = 0x11, 0x13
BITS_PER_BYTE = 10
TURNROUND_S = 1e-3
BOOT_S = 2.0
HELD_BYTES = 4096
SCRIPT_BYTES = 65536
BUILD = "Sep 30 2025 12:00:00"
RELEASE = "R-sim*"
NEEDS_GALVANOSTAT = ("meas_loop_cp", "meas_loop_lsp", "meas_loop_geis")
NEVER = -inf

UNKNOWN_COMMAND, UNKNOWN_REGISTER, WRONG_STATE = 0x0003, 0x0004, 0x0006
BAD_ARGUMENT, LINE_TOO_LONG, NOTHING_LOADED = 0x0007, 0x0008, 0x000C
SCRIPT_TOO_LARGE = 0x4005
WHILE_RUNNING = ("t", "Z", "Y", "h", "H")

Reply = tuple[float, bytes]


class MethodScriptInstrument:
    """One instrument on one cell. Raises ValueError for a model that this family has not.

    `.generation` grows when a power cycle takes back what is not yet on the wire.
    """

    models: Mapping[str, Device]
    line_baud: int | None = None
    """The serial line's speed where none is given; None where the line is not what limits."""

    def __init__(
        self,
        terminals: Terminals,
        *,
        model: str | None = None,
        serial: str | None = None,
        seed: int = 0,
        instrument_error: float = 1.0,
        frozen_at_h: float = inf,
        set_deviation: float = 0.0,
        baud: int | None = None,
        deaf_s: float = 0.1,
        load_gap_s: float = 0.0,
        line_bytes: int = 255,
        blank_after_error: bool = True,
        script_version: str = "0109",
        critical_s: float = 1.0,
        flow_bytes: bool = False,
    ) -> None:
        name = model or next(iter(self.models))
        if name not in self.models:
            raise ValueError(f"no model {name!r} here; known: {', '.join(self.models)}")
        self.device = self.models[name]
        self.terminals = terminals
        self.serial = serial or f"{self.device.type_code.upper()}SIM{seed % 100000:05d}"
        self.generation = 0
        self.baud = baud or self.line_baud
        self._deaf_s = deaf_s
        self._load_gap_s = load_gap_s
        self._line_bytes = line_bytes
        self._blank_after_error = blank_after_error
        self._script_version = script_version
        self._flow_bytes = flow_bytes
        flaws = Flaws(instrument_error, frozen_at_h, set_deviation)
        self._front = PgStat(terminals, self.device, seed, flaws, critical_s)
        self._refused = () if self.device.galvanostat else NEEDS_GALVANOSTAT
        self._flash: list[str] | None = None
        self._ready_at = NEVER
        self._sent_at = NEVER
        self._start()

    def _start(self) -> None:
        """Power-on: nothing loaded, nothing runs."""
        self._machine: Machine | None = None
        self._script: list[str] | None = None
        self._loading: list[str] | None = None
        self._run_when_loaded = False
        self._loads_from = NEVER
        self._input = bytearray()
        self._out: list[Reply] = []
        self._held: deque[bytes] | None = None
        self._held_bytes = 0
        self._deaf_until = NEVER

    @property
    def output_on(self) -> bool:
        """Whether the cell is connected."""
        return self._front.on

    @property
    def wake_at(self) -> float | None:
        """When the running script goes on; None when it does not by itself."""
        if self._out:
            return self._out[0][0]  # said while time passed without traffic
        if self._machine is None or self._stuck():
            return None
        return self._machine.due

    def feed(self, data: bytes, now: float) -> list[Reply]:
        """Take bytes at `now`; give what is said until then, with the times on the wire."""
        self.advance(now)
        if now >= max(self._ready_at, self._deaf_until):
            for byte in data:
                self._take(byte, now)
        said, self._out = self._out, []
        return said

    def advance(self, now: float) -> None:
        """Let time pass without traffic; what is said meanwhile is given by the next `feed`."""
        machine = self._machine
        if machine is not None:
            self._go_on(machine, now)
        self._front.advance(now)

    def power_cycle(self, now: float) -> None:
        """Off and on again: the script is gone, the cell disconnected, the flash kept."""
        self.advance(now)
        self.generation += 1
        self._front.power_off()
        self._start()
        self._ready_at = now + BOOT_S

    def _stuck(self) -> bool:
        return self._held is not None and self._held_bytes >= HELD_BYTES

    def _go_on(self, machine: Machine, now: float) -> None:
        try:
            over = machine.run(now, self._stuck)
        except ScriptError as error:
            machine.talks = True
            self._say_from_script(f"!{error.code:04X}: Line {machine.line}")
            self._deaf_until = machine.time + machine.shift + self._deaf_s
            self._machine = None
            if self._blank_after_error:
                self._say("", machine.time + machine.shift)
            return
        if over:
            self._machine = None
            self._say("", machine.time + machine.shift)

    def _say_from_script(self, line: str) -> None:
        machine = self._machine
        if machine is not None:
            self._say(line, machine.time + machine.shift)

    def _say(self, line: str, when: float) -> None:
        data = line.encode("latin-1") + b"\n"
        if self._flow_bytes:
            data = bytes((XOFF, XON)) + data
        if self._held is not None:
            self._held.append(data)
            self._held_bytes += len(data)
            return
        self._send(data, when)

    def _send(self, data: bytes, when: float) -> None:
        when = max(when, self._sent_at)
        if self.baud is not None:
            when += len(data) * BITS_PER_BYTE / self.baud
        self._sent_at = when
        self._out.append((when, data))

    def _take(self, byte: int, now: float) -> None:
        if byte == XOFF:
            self._held = self._held or deque()
        elif byte == XON:
            self._release(now)
        elif byte != 0x0A:
            if len(self._input) <= self._line_bytes:  # what is longer is too long all the same
                self._input.append(byte)
        else:
            line = self._input.decode("latin-1")
            self._input.clear()
            if now >= self._deaf_until:
                self._line(line, now + TURNROUND_S)

    def _release(self, now: float) -> None:
        held, self._held, self._held_bytes = self._held or deque(), None, 0
        for data in held:
            self._send(data, now)
        if self._machine is not None and held:
            self._machine.resume_at(now)

    def _line(self, line: str, at: float) -> None:
        if self._loading is not None:
            if at >= self._loads_from:
                self._load_line(self._loading, line, at)
        elif line == "":
            return  # what clients send to end a line that somebody else began
        elif len(line) > self._line_bytes:
            self._refuse(line[0], LINE_TOO_LONG, at)
        elif self._machine is not None:
            self._while_running(self._machine, line, at)
        else:
            self._idle(line, at)

    def _refuse(self, letter: str, code: int, at: float, place: str = "") -> None:
        self._say(f"{letter}!{code:04X}{place}", at)
        self._deaf_until = at + self._deaf_s

    def _while_running(self, machine: Machine, line: str, at: float) -> None:
        if line not in WHILE_RUNNING:
            self._refuse(line[0], WRONG_STATE, at)
            return
        if line == "t":
            self._version(at)
            return
        self._say(line, at)
        now = max(at, self.terminals.now)
        {
            "Z": machine.abort,
            "Y": machine.end_measurement,
            "h": machine.halt,
            "H": machine.unhalt,
        }[line](now)

    def _idle(self, line: str, at: float) -> None:
        if line in ("e", "l"):
            self._loading, self._run_when_loaded = [], line == "e"
            self._loads_from = at + self._load_gap_s
        elif line == "t":
            self._version(at)
        elif line == "i":
            self._say("i" + self.serial, at)
        elif line == "v":
            self._say("v" + self._script_version, at)
        elif line == "r":
            self._run_loaded(at)
        elif line[0] in "GS":
            self._register(line, at)
        elif line in ("Fmscr", "Lmscr"):
            self._store(line[0], at)
        elif line in ("Z", "Y", "h", "H"):
            self._refuse(line, WRONG_STATE, at)
        elif line[0] in "FL":
            self._refuse(line[0], BAD_ARGUMENT, at)
        else:
            self._refuse(line[0], UNKNOWN_COMMAND, at)

    def _version(self, at: float) -> None:
        self._say(f"t{self.device.type_code}{self.device.version}#{BUILD}", at)
        self._say(RELEASE, at)

    def _register(self, line: str, at: float) -> None:
        digits = line[1:3]
        hexadecimal = len(digits) == 2 and all(
            digit in "0123456789abcdefABCDEF" for digit in digits
        )
        self._refuse(line[0], UNKNOWN_REGISTER if hexadecimal else BAD_ARGUMENT, at)

    def _store(self, letter: str, at: float) -> None:
        kept = self._script if letter == "F" else self._flash
        if kept is None:
            self._refuse(letter, NOTHING_LOADED, at)
            return
        self._script = self._flash = kept
        self._say(letter, at)

    def _load_line(self, loading: list[str], line: str, at: float) -> None:
        if line:
            if len(loading) < SCRIPT_BYTES:
                loading.append(line)
            return
        self._loading = None
        letter = "e" if self._run_when_loaded else "l"
        try:
            machine = self._compiled(loading, at)
        except LoadError as error:
            place = f": Line {error.line}, Col {error.column}"
            self._refuse(letter, error.code, at, place)
            return
        self._script = loading
        self._say(letter, at)
        if letter == "e":
            self._machine = machine

    def _compiled(self, lines: list[str], at: float) -> Machine:
        size = 0
        for number, line in enumerate(lines, 1):
            size += len(line) + 1
            if len(line) > self._line_bytes:
                raise LoadError(LINE_TOO_LONG, number, self._line_bytes + 1)
            if size > SCRIPT_BYTES:
                raise LoadError(SCRIPT_TOO_LARGE, number, 1)
        machine = Machine(self._front, self._say_from_script, at)
        Compiler(machine, self._refused).read(lines)
        return machine

    def _run_loaded(self, at: float) -> None:
        if self._script is None:
            self._refuse("r", NOTHING_LOADED, at)
            return
        self._say("r", at)
        self._machine = self._compiled(self._script, at)


class EmStat4(MethodScriptInstrument):
    """EmStat4 HR (±6 V, ±200 mA) or LR (±3 V), alone or as a channel of a MultiEmStat4."""

    models = EMSTAT4_MODELS


class EmStatPico(MethodScriptInstrument):
    """EmStat Pico or Sensit Wearable: a potentiostat without galvanostat, ±3 mA."""

    models = PICO_MODELS
    line_baud = 230400


class Nexus(MethodScriptInstrument):
    """Nexus: ±10 V, 1 A."""

    models = NEXUS_MODELS
