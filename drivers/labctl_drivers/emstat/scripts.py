"""Scripts for a cell at rest and at a held voltage, and what all scripts are made of. No I/O.

Every script says first, from its own variables, what it has been given; only then it drives. Its
loops measure every interval, send what they measured, and end themselves where they must.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labctl_drivers.emstat.models import Model
from labctl_drivers.errors import OutOfRange
from labctl_drivers.methodscript.numbers import literal, rounded
from labctl_drivers.setpoints import check_inside, check_numbers
from labctl_drivers.vocabulary import Guard, Setpoint

LONGEST_S = 3.6e6
"""No loop runs longer, whatever is forgotten."""
BEYOND = 1.005
"""The instrument's own charge and time bounds lie so far beyond the guard's (plus `_slack_s`), for
the step is to be ended by whoever asked for it."""
MAX_LINE = 127
FIRST_REST_S = 2.0
END = ("on_finished:", "cell_off")
OFF = ("cell_off",)
PACK = ("t", "p", "c")
PACK_AND_OVER = (*PACK, "s")


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a script measures: driven, at rest, and where a cut-off may come at any moment."""

    interval_s: float
    rest_interval_s: float
    cut_off_interval_s: float


@dataclass(frozen=True, slots=True)
class Program:
    """A script, and what is to be expected of it.

    `declared` is what it says first (name, type, value). `packed` are the types in its packages.
    `range_A` is the measuring range where a package names none; `most_A` what no current exceeds.
    In the loop `last`, a package whose fourth value is not 0 says that the script ends with it.
    """

    lines: tuple[str, ...]
    declared: tuple[tuple[str, str, float], ...]
    packed: tuple[frozenset[str], ...]
    drives: bool
    interval_s: float
    range_A: float
    most_A: float
    last: str = ""


TIME, VOLTAGE, CURRENT = frozenset({"eb"}), frozenset({"ab", "da"}), frozenset({"ba", "db"})
OVER = frozenset({"ja"})


class Script:
    """Lines under construction, with the variables that they declare."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.declared: list[tuple[str, str, float]] = []
        self.body: list[str] = []

    def var(self, *names: str) -> None:
        """Declare variables."""
        self.names += names

    def given(self, name: str, kind: str, value: float) -> None:
        """A variable with a value that the script says before it does anything."""
        self.declared.append((name, kind, rounded(value)))

    def add(self, *lines: str) -> None:
        """Lines of the body."""
        self.body += lines

    def lines(self) -> tuple[str, ...]:
        """All of it. Raises OutOfRange for a line that is too long."""
        names = [*self.names, *(name for name, *_ in self.declared)]
        found = (
            *(f"var {name}" for name in names),
            *(f"store_var {name} {literal(value)} {kind}" for name, kind, value in self.declared),
            *pack(name for name, *_ in self.declared),
            *self.body,
            *END,
        )
        if any(len(line) > MAX_LINE for line in found):
            raise OutOfRange("a line of the script is too long for the instrument")
        return found


def pack(names: Iterable[str]) -> list[str]:
    """Send these variables."""
    return ["pck_start", *(f"pck_add {name}" for name in names), "pck_end"]


def break_if(*conditions: str, first: Sequence[str] = ()) -> list[str]:
    """Leave the loop when one of these holds."""
    return [
        line
        for condition in conditions
        for line in (f"if {condition}", *first, "breakloop", "endif")
    ]


def check_setpoint(setpoint: Setpoint, guard: Guard, model: Model) -> None:
    """Raises OutOfRange for what no script could be made of."""
    check_numbers(setpoint, guard)
    if guard.low_V < model.low_V or guard.high_V > model.high_V:
        raise OutOfRange(
            f"{guard.low_V:g} V .. {guard.high_V:g} V is more than an {model.name} has "
            f"({model.low_V:g} V .. {model.high_V:g} V)"
        )


def check_current(setpoint: Setpoint, guard: Guard, model: Model) -> None:
    """Raises OutOfRange for a current outside the guard or the instrument's range."""
    limit = abs(setpoint.current_A)
    if not 0.0 < limit <= guard.max_current_A:
        raise OutOfRange(f"{limit:g} A is not above 0 and up to {guard.max_current_A:g} A")
    model.range_A(limit)


def potentiostat(
    model: Model, low_V: float, high_V: float, limit_A: float, hertz: float, fast: bool = False
) -> list[str]:
    """Set up to apply these potentials. Raises OutOfRange when it cannot."""
    return [
        "set_pgstat_chan 0",
        f"set_pgstat_mode {model.mode_for(low_V, high_V, fast)}",
        f"set_max_bandwidth {literal(rounded(hertz))}",
        f"set_range_minmax da {written(low_V)} {written(high_V)}",
        f"set_range ba {written(limit_A)}",
        f"set_autoranging ba {written(model.amps[0].full_scale)} {written(limit_A)}",
    ]


def galvanostat(range_V: float, current_A: float, hertz: float) -> list[str]:
    """Set up to apply this current."""
    scale, current = written(range_V), written(abs(current_A))
    return [
        "set_pgstat_chan 0",
        "set_pgstat_mode 6",
        f"set_max_bandwidth {literal(rounded(hertz))}",
        f"set_range ab {scale}",
        f"set_autoranging ab 100m {scale}",
        f"set_range db {current}",
        f"set_autoranging db {current} {current}",
        "set_i 0",
    ]


def bandwidth_Hz(interval_s: float) -> float:
    """Six times the rate of points, as in PalmSens' examples."""
    return 6.0 / interval_s


def ocp_script(model: Model) -> tuple[str, ...]:
    """Measures the cell's voltage once; refused with 0x0014 unless the cell is off."""
    return ("var p", *_at_rest(model), "meas_loop_ocp p 100m 100m", *pack("p"), "endloop", *END)


OCP_AS_IT_STANDS = ("var p", "meas_loop_ocp p 100m 100m", *pack("p"), "endloop")
"""As `ocp_script`, but sets nothing: for an instrument whose cell may be on."""


def written(value: float) -> str:
    """A number as it is set, rounded and then exact."""
    return literal(rounded(value))


def _slack_s(interval_s: float) -> float:
    return 1.0 + 2.0 * interval_s


def longest_s(guard: Guard, interval_s: float, current_A: float | None = None) -> float:
    """How long a loop may run; at a constant current its charge bounds it too."""
    longest = LONGEST_S
    if guard.time_s is not None:
        longest = min(longest, BEYOND * guard.time_s + _slack_s(interval_s))
    if guard.charge_Ah is not None and current_A:
        seconds = guard.charge_Ah * 3600.0 / abs(current_A)
        longest = min(longest, BEYOND * seconds + _slack_s(interval_s))
    return longest


def _at_rest(model: Model) -> list[str]:
    return [
        "set_pgstat_chan 0",
        f"set_pgstat_mode {model.windows[-1].mode}",
        "set_max_bandwidth 60",
        f"set_range ab {model.ocp_range}",
        f"set_autoranging ab {model.ocp_range} {model.ocp_range}",
    ]


def rest_program(guard: Guard, model: Model, timing: Timing) -> Program:
    """The script that leaves the cell off and measures its voltage."""
    script = Script()
    script.var("p", "t")
    script.given("w", "eb", longest_s(guard, timing.rest_interval_s))
    sample = ["timer_get t", *pack("tp"), "endloop"]
    script.add(*_at_rest(model), "cell_off", "timer_start")
    if timing.interval_s < timing.rest_interval_s:
        # whoever looks at the cell before driving it does not want to wait
        first = f"{written(timing.interval_s)} {written(FIRST_REST_S)}"
        script.add(f"meas_loop_ocp p {first}", *sample)
    script.add(f"meas_loop_ocp p {written(timing.rest_interval_s)} w", *sample)
    return Program(
        script.lines(),
        tuple(script.declared),
        (TIME, VOLTAGE),
        drives=False,
        interval_s=timing.rest_interval_s,
        range_A=model.amps[0].full_scale,
        most_A=0.0,
    )


def hold_program(setpoint: Setpoint, guard: Guard, model: Model, timing: Timing) -> Program:
    """The script that holds a voltage, until a current beyond the setpoint's. Raises OutOfRange."""
    level, limit, interval = setpoint.stop_voltage_V, abs(setpoint.current_A), timing.interval_s
    if level is None:
        raise OutOfRange("a voltage is to be held, but which one was not said")
    check_inside(level, guard)
    script = Script()
    script.var("p", "c", "t")
    script.given("v", "ab", level)
    script.given("m", "ba", limit)
    script.given("n", "ba", -limit)
    script.given("d", "eb", interval)
    script.given("w", "eb", longest_s(guard, interval))
    script.given("s", "ja", 0.0)
    counting = _counting(script, guard, limit, interval)
    script.add(
        *potentiostat(model, level, level, limit, bandwidth_Hz(interval)),
        "set_e v",
        "cell_on",
        "timer_start",
        "meas_loop_ca p c v d w",
        *counting,
        *sample_until("c >= m", "c <= n", *(["q >= x", "q <= y"] if counting else [])),
        "endloop",
    )
    return program_of(script, interval, model, model.max_current_A, limit, last="voltage")


def _counting(script: Script, guard: Guard, limit_A: float, interval_s: float) -> list[str]:
    """Lines that count the charge in a loop, where the guard bounds it."""
    if guard.charge_Ah is None:
        return []
    bound = BEYOND * guard.charge_Ah * 3600.0 + limit_A * _slack_s(interval_s)
    script.var("k")
    script.given("q", "ja", 0.0)
    script.given("x", "ja", bound)
    script.given("y", "ja", -bound)
    return ["copy_var c k", "mul_var k d", "add_var q k"]


def sample_until(*conditions: str) -> list[str]:
    """Send time, voltage, current, and whether one of these holds; then leave the loop."""
    noted = [
        line
        for condition in conditions
        for line in (f"if {condition}", "store_var s 1 ja", "endif")
    ]
    return ["timer_get t", *noted, *pack(PACK_AND_OVER), *break_if("s >= 1")]


def program_of(
    script: Script,
    interval_s: float,
    model: Model,
    most_A: float,
    range_A: float,
    last: str = "",
) -> Program:
    """A finished script that drives the cell and sends time, voltage and current."""
    measured = (TIME, VOLTAGE, CURRENT)
    return Program(
        script.lines(),
        tuple(script.declared),
        (*measured, OVER) if last else measured,
        drives=True,
        interval_s=interval_s,
        range_A=model.range_A(range_A),
        most_A=most_A,
        last=last,
    )
