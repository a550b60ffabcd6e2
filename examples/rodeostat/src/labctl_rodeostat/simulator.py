"""IO Rodeo's Rodeostat as its serial port shows it: JSON lines, tests that run on the device.

Written from instruments.md §5 and, where it is silent, from IO Rodeo's published firmware
(github.com/iorodeo/potentiostat, FW0.0.7 and before), which says so below; never from a driver.

A potentiostat only. It goes on driving its cell when the PC dies: a test to its end, a voltage for
ever; there is no watchdog. With hardware 0.1 the cell is always connected, and at power-on it is at
0 V, a short circuit; hardware 0.2 has relays, which by default close for a test only.

Options, where the sources leave a choice or disagree:
- `after_test`: what the output does when a test ends. "set" (the last `setVolt`, as the reference
  says), "last" (where the test ended, another reading of its sentence), "zero" (what FW0.0.7 does).
- `end_first`: whether `{}` comes before the reply to `stopTest`; either happens.
- `mux`: whether there is a multiplexer. The cell is at its channel 1, nothing at the others.
- `current_sign`: 1 where a current into the cell at a positive voltage is positive. The reference's
  example has -0.095 µA at 0.1 V and does not say why.
- `drive_A`, the accuracy, the parameters of tests that nobody has set, the reply's delay: assumed.

From the firmware, and not in the reference: a change of the voltage range keeps the DAC's code, so
the output jumps; a test takes the smallest range that holds it and leaves it so; "test key not
found" (and not "json does not contain key: test") from `setParam` and `getTestDoneTime`; the
messages about single parameters; the multiplexer's replies. The words when a line is longer than
the 2000 bytes of the serial buffer are assumed to be those for what is no JSON.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Literal

from labctl_rodeostat.sim_analog import VOLT_RANGES, Analog, CURR_RANGES_uA, draw_errors
from labctl_rodeostat.sim_commands import COMMANDS, Refused, Reply
from labctl_rodeostat.sim_run import Run
from labctl_rodeostat.sim_waves import fresh_parameters, wave
from labctl_simulators.terminals import Terminals

INPUT_BYTES = 2000
KEPT_LINES = 100_000
LATE_S = 2e-3
BOOT_S = 1.0
MODELS = tuple(
    f"{volts}_{amps}V{hardware}"
    for volts in VOLT_RANGES
    for amps in CURR_RANGES_uA
    for hardware in ("0.1", "0.2")
)


class Rodeostat:
    """A Rodeostat on a cell. `model` is what `getVariant` says, `serial` its device id.

    `.wake_at` is when the running test has its next sample. Raises ValueError for a model that
    there is not, a serial that is no number, and for options that cannot be.
    """

    model: str
    hardware: str
    device_id: int
    period_us: int
    auto_connect: bool
    mux_on: bool
    mux_channels: list[int]

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
        after_test: Literal["set", "last", "zero"] = "set",
        end_first: bool = False,
        mux: bool = False,
        current_sign: Literal[1, -1] = 1,
        drive_A: float = 0.025,
    ) -> None:
        self.model = model or "10V_10MilliAmpV0.2"
        if self.model not in MODELS:
            raise ValueError(f"no model {self.model!r} here; known: {', '.join(MODELS)}")
        if serial is not None and not serial.isdecimal():
            raise ValueError(f"serial {serial!r}: the device id of a Rodeostat is a number")
        if set_deviation:
            raise ValueError("set_deviation: a potentiostat sets no current")
        if instrument_error < 0.0 or drive_A <= 0.0 or frozen_at_h < 0.0:
            raise ValueError("instrument_error, frozen_at_h, drive_A: none of them is negative")
        self.terminals = terminals
        self.device_id = int(serial) if serial is not None else seed
        self.has_mux = mux
        volts, _, rest = self.model.partition("_")
        self.hardware = rest[-4:]
        self.analog = Analog(
            terminals, volts, rest[:-4], switched=self.hardware == "V0.2",
            errors=draw_errors(seed, instrument_error), drive_A=drive_A,
            current_sign=current_sign, frozen_at_h=frozen_at_h, seed=seed,
        )  # fmt: skip
        self.clock = terminals.now
        self.generation = 0
        self._after_test = after_test
        self._end_first = end_first
        self._ready_at = -inf
        self._start()

    def _start(self) -> None:
        self.parameters = fresh_parameters()
        self.period_us = 10_000
        self.auto_connect = True
        self.mux_on = False
        self.mux_channels = []
        self.mux_connected: dict[str, int] = dict.fromkeys(("Ref", "Ctr", "Wrk"), 0)
        self.set_V = 0.0
        self._run: Run | None = None
        self._began = self.clock
        self._said: deque[tuple[float, bytes]] = deque()
        self._input = bytearray()
        self._too_long = False
        self.analog.start()
        self.switch()

    @property
    def output_on(self) -> bool:
        """Whether the cell is driven."""
        return self.analog.connected

    @property
    def wake_at(self) -> float | None:
        """When it has something to say by itself: the next tick of a test."""
        if self._said:
            return self._said[0][0]
        return None if self._run is None else self._began + self._run.next_us / 1e6

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Take bytes at `now`; give what is said with the times at which it is on the wire."""
        self.advance(now)
        if now < self._ready_at:
            return []
        self._input += data
        while (end := self._input.find(b"\n")) >= 0:
            line = bytes(self._input[:end])
            del self._input[: end + 1]
            self._line(line, len(line) > INPUT_BYTES or self._too_long)
            self._too_long = False
        if len(self._input) > INPUT_BYTES:
            self._too_long = True
            self._input.clear()
        said, self._said = list(self._said), deque()
        return said

    def advance(self, now: float) -> None:
        """Let time pass; what a test says meanwhile is kept for the next `feed`."""
        if self._ready_at > self.clock:
            self.clock = min(now, self._ready_at)
            if now < self._ready_at:
                self.terminals.advance(max(now, self.terminals.now))
                return
        while self._run is not None and self._began + self._run.next_us / 1e6 <= now:
            self._tick(self._run)
        self.clock = max(self.clock, now)
        self.analog.present(self.clock)

    def power_cycle(self, now: float) -> None:
        """Unplug it and plug it in again: everything as at power-on, after a second."""
        self.advance(now)
        self.generation += 1
        self._start()
        self._ready_at = now + BOOT_S

    # What the commands do

    def start_test(self, name: str) -> None:
        """Begin a test; one that runs is replaced without a word."""
        made = wave(name, self.parameters[name], self.period_us)
        if self.auto_connect and self.analog.switched:
            self.analog.relays = dict.fromkeys(self.analog.relays, True)
        self.analog.auto_range(made.low_V, made.high_V)
        channels = self.mux_channels if self.mux_on else []
        if channels:
            self.mux_connected = {"Ref": 1, "Ctr": 1, "Wrk": channels[0]}
        self._run = Run(made, self.period_us, channels)
        self._began = self.clock + LATE_S

    def stop_test(self) -> None:
        """End a test, or none; the `{}` that says so follows."""
        self._run = None
        if self._after_test != "last":
            self.analog.quantised(self.set_V if self._after_test == "set" else 0.0)
        if self.auto_connect and self.analog.switched:
            self.analog.relays = dict.fromkeys(self.analog.relays, False)
        if self.mux_on:
            self.mux_connected = dict.fromkeys(self.mux_connected, 0)
        self.switch()

    def switch(self) -> None:
        """Let the cell see what output, relays and multiplexer say now."""
        at = self.mux_connected
        reached = bool(at["Ref"] and at["Ctr"] and at["Wrk"] == 1)
        self.analog.multiplexed = reached or not self.mux_on
        self.analog.present(self.clock)

    def _tick(self, run: Run) -> None:
        self.clock = max(self.clock, self._began + run.next_us / 1e6)
        self.analog.present(self.clock)
        sample = run.act(self.analog)
        if sample is not None:
            self._say(sample)
        if run.channel:
            self.mux_connected["Wrk"] = run.channel
        self.switch()
        if run.is_done():
            self.stop_test()
            self._say({})

    # The line

    def _line(self, line: bytes, too_long: bool) -> None:
        stops = False
        try:
            request = None if too_long else json.loads(line.decode(), parse_constant=_refuse)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            reply: Reply = {}
            message = "unable to parse json"
        else:
            reply, message = self._obey(request)
            stops = request.get("command") == "stopTest"
        answer: dict[str, Any] = {"success": not message}
        if message:
            answer["message"] = message
        answer["response"] = reply
        for each in ([{}, answer] if self._end_first else [answer, {}]) if stops else [answer]:
            self._say(each, LATE_S)
        self._said = deque(sorted(self._said, key=lambda said: said[0]))

    def _obey(self, request: Mapping[str, Any]) -> tuple[Reply, str]:
        if "command" not in request:
            return {}, "CommandTable: command not found"
        name = request["command"]
        command = self._command(name)
        reply: Reply = {"command": name}
        if command is None:
            return reply, f"command, {name}, not found"
        try:
            reply.update(command(self, request))
        except Refused as refused:
            reply.update(refused.reply)
            return reply, refused.message
        self.switch()
        return reply, ""

    def _command(self, name: object) -> Callable[["Rodeostat", Mapping[str, Any]], Reply] | None:
        if not isinstance(name, str) or name not in COMMANDS:
            return None
        hardware, command = COMMANDS[name]
        return command if hardware <= self.hardware else None

    def _say(self, what: Mapping[str, Any], late_s: float = 0.0) -> None:
        if len(self._said) >= KEPT_LINES and what:
            return  # nobody reads, and its memory is full
        text = json.dumps(what, separators=(",", ":")) + "\r\n"
        self._said.append((self.clock + late_s, text.encode()))


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")
