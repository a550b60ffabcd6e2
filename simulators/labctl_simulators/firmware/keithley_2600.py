"""Keithley 2601B to 2636B as their wire shows them: TSP over LAN, USBTMC, GPIB or RS-232.

Written from instruments.md §0 and §3 and, where a page is named, 2600BS-901-01 Rev. B, C or F and
SPEC-2602B; never from a driver. What runs is a Lua 5.0 of our own (decision 25). The table of what
is implemented and what is refused with which code: docs/simulators/keithley-2600.md.

Not simulated: TSP-Link and further nodes, digital I/O, files, `tspnet`, `dataqueue`, calibration,
contact check, pulsing, the status registers beyond the standard events and the sweeping bits, the
factory scripts, pattern matching in `string`. They are nil, so that using them is -286.

Where the reference leaves a choice, it is an option here: `level_code` (a level beyond its fixed
range, found when the output goes on; 2-84 says that there is an error, not which), `area_code`
(5007 is [K?]), `power_on_prompts`. An unknown attribute reads as nil; writing one is -286. Not in
the reference and assumed: 100 entries in the error queue, 60 000 readings in a buffer, 100 µs for a
turn of a loop or a call, three conversions with automatic zeroing, whole numbers as replies to
common commands.

Where the reference and other evidence disagree:
- An empty error queue: "Queue Is Empty" in [S] and the 2606B's manual, "No Error" on page E-3;
  the former here, with code 0 in both.
- `keithley2600` 2.1.0 reads buffers by `readings.getreading(i)`, which the manual does not have;
  it is given. Its sweeps chain event blenders, of which only the chains that mean "go on at once"
  are followed; others are -222 when the sweep is initiated. It imports `xdrlib`, which Python 3.13
  no longer has.
- PyMeasure's `Keithley2600` limits all models to ±1.5 A and writes levels by `%f`: a current of
  0.4 µA arrives as 0. Its `measure_nplc` sends the place in its list of limits (1 for 25,
  0 for 0.001) and takes no other value; `measure_current(nplc=…)` sends the value.
- cyckei takes |I| > 1e10 A for 0 A; over range is not zero current.
"""

from collections.abc import Generator, Mapping
from math import inf

from labctl_simulators.cells.plain import OPEN_OHM, Resistor
from labctl_simulators.firmware import k2600_system as system
from labctl_simulators.firmware.k2600_models import SERIES_2600
from labctl_simulators.firmware.k2600_output import Output
from labctl_simulators.firmware.k2600_smu import Smu
from labctl_simulators.firmware.k2600_smu_table import SmuTable
from labctl_simulators.firmware.k2600_trigger import Waits
from labctl_simulators.firmware.k2600_trigger_table import SweepTable, TriggerTables
from labctl_simulators.firmware.on_bus import Talk
from labctl_simulators.firmware.smu import Flaws
from labctl_simulators.firmware.tsp_attributes import Refused
from labctl_simulators.firmware.tsp_exchange import TspInstrument
from labctl_simulators.firmware.tsp_texts import severity
from labctl_simulators.lua.library import install
from labctl_simulators.lua.values import Native, Value, Values
from labctl_simulators.terminals import Terminals

REVISION = "3.2.2-sim"
NODE = 1
LETTERS = ("smua", "smub")
SEED_STRIDE = 7919
FIRST_EVENTS = (1, 10)


class Keithley2600(TspInstrument):
    """A 2600B on one cell or two: `more` holds the terminals of channel 2.

    A channel without terminals is open. `lead_ohm` is what two-wire sensing sees beside the cell.
    Raises ValueError for an unknown model, or terminals that the model has not.
    """

    def __init__(
        self,
        terminals: Terminals,
        *,
        more: Mapping[int, Terminals] | None = None,
        model: str | None = None,
        serial: str | None = None,
        seed: int = 0,
        instrument_error: float = 1.0,
        frozen_at_h: float = inf,
        set_deviation: float = 0.0,
        baud: int | None = None,
        line_hz: float = 50.0,
        lead_ohm: float = 0.0,
        talk: Talk = "stream",
        power_on_prompts: bool = False,
        level_code: int = -222,
        area_code: int = 5007,
    ) -> None:
        name = model or "2602B"
        if name not in SERIES_2600:
            raise ValueError(f"no model {name!r} here; known: {', '.join(SERIES_2600)}")
        if lead_ohm < 0.0:
            raise ValueError(f"lead_ohm = {lead_ohm:g}: it cannot be negative")
        self.model = SERIES_2600[name]
        pairs = _pairs(terminals, more or {}, self.model.channels, name)
        flaws = Flaws(instrument_error, frozen_at_h, set_deviation)
        self.terminals = terminals
        self._line_hz = line_hz
        self.serial = serial or f"{4300000 + seed % 100000}"
        self.revision = REVISION
        self.identity = f"Keithley Instruments Inc., Model {name}, {self.serial}, {REVISION}"
        self.saved: dict[str, str] = {}
        self.channels = {
            letter: Smu(
                pair,
                self.model,
                seed=seed + place * SEED_STRIDE,
                flaws=flaws,
                line_hz=line_hz,
                lead_ohm=lead_ohm,
                level_code=level_code,
                area_code=area_code,
            )
            for place, (letter, pair) in enumerate(zip(LETTERS, pairs, strict=False))
        }
        self._seed = seed
        self.power_on_prompts = power_on_prompts
        super().__init__(max(pair.now for pair in pairs), baud=baud, talk=talk)
        self.start()

    def new_world(self) -> None:
        """Memory and globals as after power-on."""
        super().new_world()
        self.anonymous: Native | None = None
        install(self.world, self._seed)
        table = self.world.table
        self._output = Output(self, table)
        table.set("format", self._output.table)
        self._triggers = TriggerTables(self)
        table.set("trigger", self._triggers.table)
        self._tables: list[SmuTable] = []
        self._sweeps: list[SweepTable] = []
        for (letter, smu), first in zip(self.channels.items(), FIRST_EVENTS, strict=False):
            made = SmuTable(self, smu)
            sweep = SweepTable(self, smu, self._triggers, first)
            made.table.objects["trigger"] = sweep.table
            table.set(letter, made.table)
            self._tables.append(made)
            self._sweeps.append(sweep)
        system.install(self)

    @property
    def line_hz(self) -> float:
        """The mains frequency."""
        return self._line_hz

    @line_hz.setter
    def line_hz(self, value: float) -> None:
        self._line_hz = value
        for smu in self.channels.values():
            smu.line_hz = value

    @property
    def interlock_closed(self) -> bool:
        """The interlock, which both channels share; the world's to set."""
        return all(smu.interlock_closed for smu in self.channels.values())

    @interlock_closed.setter
    def interlock_closed(self, closed: bool) -> None:
        for smu in self.channels.values():
            smu.interlock_closed = closed

    @property
    def output_on(self) -> bool:
        """Whether an output is on."""
        return any(smu.source.output == 1 for smu in self.channels.values())

    def start(self) -> None:
        """Power-on: defaults, the off state NORMAL at the cells, saved scripts loaded."""
        for smu in self.channels.values():
            smu.defaults()
            for buffer in smu.buffers.values():
                buffer.clear()
            smu.present(self.clock)
        for name, source in self.saved.items():
            self.keep_script(name, source)

    def disconnect(self, now: float) -> None:
        """Leave the cells alone, as without power."""
        for smu in self.channels.values():
            smu.disconnect(now)

    def pass_time(self, until: float) -> None:
        """Bring the cells to a time; nothing happens to one that is already there."""
        for smu in self.channels.values():
            if until > smu.terminals.now:
                smu.terminals.advance(until)

    def reset(self) -> None:
        """`reset()`, `*RST`: both channels off and at their defaults; errors and scripts stay."""
        for made, sweep in zip(self._tables, self._sweeps, strict=True):
            made.reset()
            sweep.reset()
        self._output.reset()

    def bus_trigger(self) -> None:
        """`*TRG`: what waits for it goes on; kept for what will."""
        self._triggers.pending = True

    # What the tables ask

    def busy(self, smu: Smu) -> bool:
        """Whether a sweep or an overlapped measurement runs on a channel."""
        return smu in self.jobs

    def begin(self, smu: Smu, waits: Waits) -> None:
        """Let something run beside the commands."""
        until = next(waits, None)
        if until is not None:
            self.jobs[smu] = (waits, max(until, self.clock))

    def end(self, smu: Smu) -> None:
        """End what runs beside the commands."""
        job = self.jobs.pop(smu, None)
        if job is not None:
            job[0].close()

    def sweeping(self) -> float:
        """The sweeping register: 2 for channel A, 4 for channel B."""
        running = enumerate(self.channels.values(), 1)
        return float(sum(1 << place for place, smu in running if smu in self.jobs))

    def resume_job(self, waits: Generator[float, float, None], now: float) -> float | None:
        """Let something that runs beside the commands go on; None when it is over."""
        try:
            return waits.send(now)
        except StopIteration:
            return None
        except Refused as refused:
            self.fail(refused.code)
            return None

    def next_error(self) -> Values:
        """The oldest error: code, message, severity, node."""
        entry = self.errors.take()
        words = entry.text if entry.code else "Queue Is Empty"
        return [float(entry.code), words, float(severity(entry.code)), float(NODE)]

    def keep_script(self, name: str, source: str) -> Value:
        """A script has been loaded: a global of its name, or the anonymous one."""
        chunk = self.compiled(source)
        if chunk is None:
            return None
        made = system.script_table(self, name, source, chunk)
        if name:
            self.world.table.set(name, made)
        else:
            self.anonymous = made
        return made


def _pairs(
    first: Terminals, more: Mapping[int, Terminals], channels: int, model: str
) -> list[Terminals]:
    if any(not 2 <= number <= channels for number in more):
        raise ValueError(
            f"a {model} has {channels} channel(s), and none of number {max(more)}: "
            "the option `model` is another one"
        )
    return [first] + [
        more.get(number) or Terminals(Resistor(OPEN_OHM), first.now)
        for number in range(2, channels + 1)
    ]
