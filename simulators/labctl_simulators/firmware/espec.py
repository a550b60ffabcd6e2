"""ESPEC P300 chamber as its wire shows it: RS-232, RS-485 or TCP (port 10001), CR LF.

Written from instruments.md §8 and the maker's library that it names; never from a driver. Not
simulated: humidity, editing of programs, refrigeration, relays and timers (`NA:CMD ERR`), pausing
a program (`NA:INVALID REQ`).

What the reference leaves open is an option or said here:
- `too_fast`: commands closer than `gap_s` are served late, or refused with `NA:CONT NOT READY-1`.
- `constant_powers_on`: whether MODE,CONSTANT and PRGM,RUN start a chamber that is off, or get
  `NA:CHB NOT READY`. A chamber with an alarm does not start either: the same.
- `restart`: the mode in which it comes back when the mains do; the set point is kept.
- An order's reply is `OK:` and the order as it was sent, without the address.
- The step of a program lasts its hours from its beginning; then the chamber stands by.
- MODE? of a program is RUN, with DETAIL too.
"""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from labctl_simulators.chamber import Aim, Air, Inertia
from labctl_simulators.firmware.calibration import within
from labctl_simulators.firmware.espec_commands import Mode, Refusal, answer
from labctl_simulators.firmware.thermometry import ZERO_CELSIUS_K

Program = Sequence[tuple[float, float]]
MODELS = ("P300", "SCP220")
LIMIT_K = 0.3
INPUT_BYTES = 256
BITS_PER_BYTE = 10
BOOT_S = 10.0
_ADDRESS = re.compile(r"([0-9]{1,3}),(.*)", re.DOTALL)


class Espec:
    """A chamber; `.air` is what its inside is like to a probe. `alarms`, `protected` are the
    world's to set.

    `programs`: number → its steps, °C and hours. `serial` is on no wire. Raises ValueError for an
    unknown model and for limits or times that cannot be.
    """

    boot_s = BOOT_S

    def __init__(
        self,
        *,
        serial: str | None = None,
        seed: int = 0,
        model: str | None = None,
        instrument_error: float = 1.0,
        inertia: Inertia | None = None,
        bottom_degC: float = -40.0,
        top_degC: float = 150.0,
        programs: Mapping[int, Program] | None = None,
        address: int | None = None,
        baud: int | None = None,
        gap_s: float = 0.3,
        turnround_s: float = 0.05,
        too_fast: Literal["late", "refuse"] = "late",
        constant_powers_on: bool = True,
        restart: Literal["OFF", "STANDBY", "CONSTANT"] = "OFF",
        now: float = 0.0,
    ) -> None:
        self.model = model or MODELS[0]
        if self.model not in MODELS:
            raise ValueError(f"no model {model!r} here; known: {', '.join(MODELS)}")
        if not bottom_degC < top_degC or gap_s < 0.0 or turnround_s < 0.0 or instrument_error < 0:
            raise ValueError("a chamber needs bottom_degC < top_degC, and no negative time")
        self.serial = serial
        self.version = "P3DT 2.10-sim"
        self.air = Air(inertia or Inertia(), now)
        self.bottom_degC, self.top_degC = bottom_degC, top_degC
        self.programs = dict(programs or {})
        self.alarms: list[int] = []
        self.protected = False
        self.generation = 0
        self.set_degC = min(max(25.0, bottom_degC), top_degC)
        self.upper_degC, self.lower_degC = top_degC, bottom_degC
        self.keys_locked = False
        self.mode: Mode = "OFF"
        self.running = 0
        self._steps: list[tuple[float, int]] = []
        self._error_K = instrument_error * within(random.Random(f"espec {seed}"), LIMIT_K)
        self._address, self._baud = address, baud
        self._gap_s, self._turnround_s = gap_s, turnround_s
        self._refuses_fast = too_fast == "refuse"
        self._constant_powers_on = constant_powers_on
        self._restart: Mode = restart
        self._input = bytearray()
        self._received_at = self._served_at = float("-inf")
        self._ready_at: float | None = None

    # Wire

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Take bytes at `now`; give the replies with the times at which each is on the wire."""
        self.advance(now)
        if self._ready_at is not None:
            return []
        arrived = max(self._received_at, now)
        if self._baud is not None:
            arrived += len(data) * BITS_PER_BYTE / self._baud
            self._received_at = arrived
        self._input += data
        replies = []
        while (end := self._input.find(b"\r\n")) >= 0:
            line = bytes(self._input[:end])
            del self._input[: end + 2]
            replies.append(self._serve(line, arrived))
        if len(self._input) > INPUT_BYTES:
            del self._input[:-1]  # what follows belongs to a command that has lost its beginning
        return replies

    def advance(self, now: float) -> None:
        """Let time pass without traffic."""
        if self._ready_at is not None and now >= self._ready_at:
            self._come_back(self._ready_at)
        if self.mode == "RUN" and now >= self._steps[-1][0]:
            self.mode = "STANDBY"

    def power_cycle(self, now: float) -> None:
        """The mains blink: nothing answers for `boot_s`, then the chamber is as `restart` says."""
        self.advance(now)
        self.generation += 1
        self._input.clear()
        self.mode = "OFF"
        self.follow(now)
        self._ready_at = now + self.boot_s

    def _come_back(self, now: float) -> None:
        self._ready_at = None
        self._served_at = self._received_at = now
        self.keys_locked = False
        self.mode = self._restart
        self.follow(now)

    def _serve(self, line: bytes, arrived: float) -> tuple[float, bytes]:
        early = arrived < self._served_at + self._gap_s
        if early and self._refuses_fast:
            reply, start = "NA:CONT NOT READY-1", arrived
        else:
            start = max(arrived, self._served_at + self._gap_s)
            self._served_at = start
            self.advance(start)
            reply = self._reply(line, start)
        done = start + self._turnround_s
        data = reply.encode("ascii") + b"\r\n"
        if self._baud is not None:
            done += len(data) * BITS_PER_BYTE / self._baud
        return done, data

    def _reply(self, line: bytes, now: float) -> str:
        text = line.decode("latin-1")
        try:
            if len(text) > INPUT_BYTES or not (text.isascii() and text.isprintable()):
                raise Refusal("CMD ERR")
            found = _ADDRESS.fullmatch(text)
            if found is not None:
                if self._address is not None and int(found[1]) != self._address:
                    raise Refusal("ADDR ERR")
                text = found[2]
            return answer(self, text.strip(), now)
        except Refusal as refusal:
            return f"NA:{refusal}"

    # Chamber

    def measured_degC(self, now: float) -> float:
        """The air as the chamber's own sensor shows it."""
        return self.air.temperature_K(now) - ZERO_CELSIUS_K + self._error_K

    def aimed_degC(self, now: float) -> float:
        """The set point in force: the program's while one runs, else that of constant operation."""
        target_K = self.air.target_K(now)
        if self.mode != "RUN" or target_K is None:
            return self.set_degC
        return target_K - ZERO_CELSIUS_K

    def step(self, now: float) -> int:
        """The running program's step."""
        return next((number for end, number in self._steps if now < end), self._steps[-1][1])

    def step_ends_s(self, now: float) -> float:
        """When the running program's step ends."""
        return next((end for end, _ in self._steps if now < end), self._steps[-1][0])

    def follow(self, now: float) -> None:
        """Drive the air as the mode says; a program goes on undisturbed."""
        if self.mode == "RUN":
            return
        on = self.mode == "CONSTANT"
        self.air.drive(now, Aim(now, self.set_degC + ZERO_CELSIUS_K if on else None))

    def turn(self, mode: Mode, now: float, *, powers: bool = False) -> None:
        """Change the mode. Raises Refusal."""
        if mode == "CONSTANT":
            self._check_start(powers)
        self.mode = mode
        self.follow(now)

    def run(self, number: int, first: int, now: float) -> None:
        """Run a program from a step on. Raises Refusal."""
        program = self.programs.get(number)
        if program is None:
            raise Refusal("DATA NOT READY")
        if not 1 <= first <= len(program):
            raise Refusal("DATA OUT OF RANGE")
        self._check_start(powers=False)
        aims, begin_s = [], now
        self._steps = []
        for place, (degC, hours) in enumerate(program[first - 1 :], first):
            aims.append(Aim(begin_s, degC + ZERO_CELSIUS_K))
            begin_s += hours * 3600.0
            self._steps.append((begin_s, place))
        self.mode, self.running = "RUN", number
        self.air.drive(now, *aims, Aim(begin_s, None))

    def _check_start(self, powers: bool) -> None:
        if self.alarms or (self.mode == "OFF" and not (powers or self._constant_powers_on)):
            raise Refusal("CHB NOT READY")
