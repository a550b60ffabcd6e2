"""Every command and error of instruments.md §4, and what the simulated EmStats make of it.

`python tests/helpers/emstat_rows.py` writes docs/simulators/emstat.md from what the simulator does;
a test checks each row against what is written here by hand, and the page.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from labctl_simulators.cells.plain import Resistor
from labctl_simulators.firmware.emstat import EmStat4, EmStatPico, MethodScriptInstrument, Nexus
from labctl_simulators.methodscript.commands import COMMANDS, NOT_SIMULATED
from labctl_simulators.methodscript.compiler import KEYWORDS
from labctl_simulators.methodscript.loops import LOOPS
from labctl_simulators.terminals import Terminals

PAGE = Path(__file__).parents[2] / "docs/simulators/emstat.md"
MODELS: dict[str, type[MethodScriptInstrument]] = {
    "emstat4": EmStat4, "emstat-pico": EmStatPico, "nexus": Nexus,
}  # fmt: skip
SET_UP = "var p|var c|set_pgstat_mode 3|set_range ba 1m|set_e 0|cell_on|"
GALVANOSTAT = "var p|var c|set_pgstat_mode 6|set_range db 1m|set_i 0|cell_on|"
SHOW = "|pck_start|pck_add p|pck_add c|pck_end|endloop"
NUMBER = "[0-9A-F]{7}[afpnum kMGTPEi]"
CURRENT = rf"ba{NUMBER},10,2[0-9A-F]{{2}},40"
DA = f"Pda{NUMBER};{CURRENT}\n"
AB = f"Pab{NUMBER},10,206;{CURRENT}\n"


class Row(NamedTuple):
    """What is sent: a command, or a script of lines joined by `|`; and what must come of it.

    `expected`: a pattern that all that is said matches, lines joined by line ends and without the
    `e` of a script; or the code of the refusal.
    """

    purpose: str
    sent: str
    expected: str | int
    script: bool = True
    model: str = "emstat4"
    before: str = ""


def ask(purpose: str, sent: str, expected: str | int, **more: str) -> Row:
    """A command outside scripts."""
    return Row(purpose, sent, expected, False, **more)  # type: ignore[arg-type]


def stores(purpose: str, script: str, shown: str) -> Row:
    """A script that ends with showing `a`."""
    return Row(purpose, f"var a|{script}|pck_start|pck_add a|pck_end", f"P{shown}\n")


RUNNING = "e\nwait 100\n\n"
LOADED = 'l\nsend_string "x"\n\n'
SECTIONS: dict[str, list[Row]] = {
    "Commands while nothing runs": [
        ask("firmware", "t", "tes4_hr1300#Sep 30 2025 12:00:00\nR-sim\\*"),
        ask("firmware", "t", "tespico1600#Sep 30 2025 12:00:00\nR-sim\\*", model="emstat-pico"),
        ask("firmware", "t", "tnexus11101#Sep 30 2025 12:00:00\nR-sim\\*", model="nexus"),
        ask("serial number", "i", "iES4_HRSIM00001"),
        ask("MethodSCRIPT version", "v", "v0109"),
        ask("get a register", "G01", 0x0004),
        ask("set a register", "S0112", 0x0004),
        ask("get a register", "Gxx", 0x0007),
        ask("load and run", "e\nsend_string \"x\"\n", "e\nTx\n"),
        ask("load", "l\nsend_string \"x\"\n", "l"),
        ask("run what is loaded", "r", "r\nTx\n", before=LOADED),
        ask("run without a script", "r", 0x000C),
        ask("store to flash", "Fmscr", "F", before=LOADED),
        ask("store to flash without a script", "Fmscr", 0x000C),
        ask("load from flash", "Lmscr", "L", before=LOADED + "Fmscr\n"),
        ask("load from an empty flash", "Lmscr", 0x000C),
        ask("store something else", "Ffoo", 0x0007),
        ask("abort", "Z", 0x0006),
        ask("end the measurement", "Y", 0x0006),
        ask("halt", "h", 0x0006),
        ask("resume", "H", 0x0006),
        ask("an unknown one", "x", 0x0003),
        ask("a line of more than 255 bytes", "t" * 256, 0x0008),
        ask("an empty line", "", ""),
    ],
    "Commands while a script runs": [
        ask("firmware", "t", "tes4_hr1300#Sep 30 2025 12:00:00\nR-sim\\*", before=RUNNING),
        ask("abort", "Z", "Z\n", before=RUNNING),
        ask("end the measurement", "Y", "Y", before=RUNNING),
        ask("halt", "h", "h", before=RUNNING),
        ask("resume", "H", "H", before=RUNNING),
        ask("another", "i", 0x0006, before=RUNNING),
        ask("another script", "e", 0x0006, before=RUNNING),
    ],
    "Variables": [
        stores("literals", "store_var a 4200m ab", "ab8401640u"),
        stores("literals", "store_var a 3i ja", "ja8000003i"),
        stores("literals", "store_var a 0x1F ja", "ja800001Fi"),
        stores("literals", "store_var a 0b101 ja", "ja8000005i"),
        stores("copy", "var b|store_var b 500u ba|copy_var b a", "ba807A120n"),
        stores("add", "store_var a 1i ja|add_var a 2i", "ja8000003i"),
        stores("subtract", "store_var a 1i ja|sub_var a 2i", "ja7FFFFFFi"),
        stores("multiply", "store_var a 3i ja|mul_var a 2i", "ja8000006i"),
        stores("divide", "store_var a 7i ja|div_var a 2i", "ja8000003i"),
        stores("remainder", "store_var a 7i ja|mod_var a 2i", "ja8000001i"),
        stores("power", "store_var a 2i ja|pow_var a 3i", "ja8000008i"),
        stores("logarithm", "store_var a 100 ja|log_var a", "ja81E8480u"),
        stores("integer to float", "store_var a 2i ja|int_to_float a", "ja81E8480u"),
        stores("float to integer", "store_var a 2700m ja|float_to_int a", "ja8000002i"),
        stores("type", "store_var a 20 ja|alter_vartype a ed", "ed9312D00u"),
        stores("array", "array b 3i|store_var b[2] 5i ja|copy_var b[2] a", "ja8000005i"),
    ],
    "Flow": [
        Row("branches", 'var a|if a == 1|send_string "1"|elseif a < 1|send_string "2"|else|'
            'send_string "3"|endif', "T2\n"),
        Row("loop", "var a|loop a < 2|add_var a 1|endloop", r"L\n\+\n"),
        Row("leave a loop", "var a|loop a < 2|breakloop|endloop", r"L\n\+\n"),
        Row("abort", 'abort|send_string "x"|on_finished:|send_string "y"', "Ty\n"),
        Row("end", 'on_finished:|send_string "y"', "Ty\n"),
        Row("wait", "wait 5", ""),
        stores("timer", "timer_start|wait 100m|timer_get a", "eb8[0-9A-F]{6}u"),
        Row("interval", "set_int 1|await_int", ""),
        Row("text", 'send_string "x"', "Tx\n"),
        Row("text with a variable", 'var a|store_var a 2500m ja|send_string f"a={a}"', "Ta=2.5\n"),
        Row("output off and on",
            'set_script_output 0|send_string "x"|set_script_output 1|send_string "y"', "Ty\n"),
        Row("a comment", "# nothing", ""),
    ],
    "Setting up": [
        Row("channel", "set_pgstat_chan 0", ""),
        Row("channel", "set_pgstat_chan 1", 0x4205),
        Row("channel", "set_pgstat_chan 1|set_pgstat_mode 0", "", model="emstat-pico"),
        Row("the second channel in use", "set_pgstat_chan 1|set_pgstat_mode 5", 0x001B,
            model="emstat-pico"),
        *[Row("mode", f"set_pgstat_mode {mode}", "") for mode in (0, 2, 3, 4, 6)],
        Row("mode", "set_pgstat_mode 5", 0x0021),
        Row("galvanostat", "set_pgstat_mode 6", 0x0021, model="emstat-pico"),
        Row("bandwidth", "set_max_bandwidth 60", ""),
        Row("share of acquisition", "set_acquisition_frac_autoadjust 50", ""),
        Row("synchronisation", "set_channel_sync 0", ""),
        *[Row("range", f"set_range {vartype} 1m", "") for vartype in ("ba", "ab", "db", "da")],
        Row("range", "set_range eb 1", 0x0002),
        *[Row("ranges", f"set_autoranging {vartype} 1u 1m", "") for vartype in ("ba", "ab", "db")],
        Row("window", "set_pgstat_mode 3|set_range_minmax da 0 4200m", ""),
        Row("window", "set_pgstat_mode 3|set_range_minmax da 0 1300m", 0x000F,
            model="emstat-pico"),
        Row("potential", "set_pgstat_mode 3|set_e 4200m", ""),
        Row("potential", "set_pgstat_mode 3|set_e 6100m", 0x000F),
        Row("current", "set_pgstat_mode 6|set_i 1m", ""),
        Row("current beyond the range", "set_pgstat_mode 6|set_range db 1m|set_i 2m", 0x4205),
        Row("current", "set_i 1m", 0x001B, model="emstat-pico"),
        Row("cell on", "set_pgstat_mode 3|cell_on", ""),
        Row("cell on at a potential",
            "var p|set_pgstat_mode 3|meas 1m p ab|cell_on ocp(p)", ""),
        Row("cell on without a mode", "cell_on", 0x0023),
        Row("cell off", "cell_off", ""),
        Row("one reading", "var p|meas 100m p ab|pck_start|pck_add p|pck_end",
            f"Pab{NUMBER},10,2..\n"),
        Row("one reading of something else", "var p|meas 100m p ea", 0x001B),
    ],
    "Measurement loops": [
        Row("open circuit", "var p|meas_loop_ocp p 1 2|pck_start|pck_add p|pck_end|endloop",
            rf"M000B\n(Pab{NUMBER},10,206\n){{2}}\*\n"),
        Row("open circuit with the cell on", SET_UP + "meas_loop_ocp p 1 2|endloop", 0x0014),
        Row("constant current", GALVANOSTAT + "meas_loop_cp p c 500u 1 2" + SHOW,
            rf"M000A\n({AB}){{2}}\*\n"),
        Row("constant potential", SET_UP + "meas_loop_ca p c 500m 1 2" + SHOW,
            rf"M0007\n({DA}){{2}}\*\n"),
        Row("cyclic voltammetry",
            SET_UP + "meas_loop_cv p c 200m 400m 200m 100m 1 nscans(2)" + SHOW,
            rf"M0005\nC0000\n({DA}){{5}}-\nC0001\n({DA}){{5}}-\n\*\n"),
        Row("linear sweep", SET_UP + "meas_loop_lsv p c 200m 400m 100m 1" + SHOW,
            rf"M0000\n({DA}){{3}}\*\n"),
        Row("differential pulses", SET_UP + "meas_loop_dpv p c 0 200m 100m 500m 10m 1" + SHOW,
            rf"M0001\n({DA}){{3}}\*\n"),
        Row("square wave",
            "var f|var r|" + SET_UP + "meas_loop_swv p c f r 500m 600m 100m 50m 10" + SHOW,
            rf"M0002\n({DA}){{2}}\*\n"),
        Row("normal pulses", SET_UP + "meas_loop_npv p c 200m 400m 100m 10m 1" + SHOW,
            rf"M0003\n({DA}){{3}}\*\n"),
        Row("alternating current", "var e|var a|var z|var y|" + SET_UP
            + "meas_loop_acv p c e a z y 200m 300m 100m 1 10m 15|pck_start|pck_add z|pck_add y|"
            "pck_end|endloop",
            rf"M0004\n(Pcc{NUMBER},10,2..;cd{NUMBER},10,206\n){{2}}\*\n"),
        Row("pulsed detection", SET_UP + "meas_loop_pad p c 200m 300m 10m 50m 100m 1" + SHOW,
            rf"M0008\n({DA}){{2}}\*\n"),
        Row("sweep of the current", GALVANOSTAT + "meas_loop_lsp p c 200u 400u 100u 1m" + SHOW,
            rf"M000F\n({AB}){{3}}\*\n"),
        Row("impedance", "var f|var r|var i|" + SET_UP + "meas_loop_eis f r i 10m 1k 1 4i 0|"
            "pck_start|pck_add f|pck_add r|pck_add i|pck_end|endloop",
            rf"M000D\n(Pdc{NUMBER};cc{NUMBER},10,2..;cd{NUMBER},10,206\n){{4}}\*\n"),
        Row("impedance by a current", "var f|var r|var i|" + GALVANOSTAT
            + "meas_loop_geis f r i 100u 1k 1 4i 0|pck_start|pck_add f|pck_add r|pck_add i|"
            "pck_end|endloop",
            rf"M000E\n(Pdc{NUMBER};cc{NUMBER},10,2..;cd{NUMBER},10,206\n){{4}}\*\n"),
        Row("impedance with an option", "var f|var r|var i|" + SET_UP
            + "meas_loop_eis f r i 10m 1k 1 4i 0 eis_tdd(1)|endloop", 0x4008),
        Row("constant current", "var p|var c|meas_loop_cp p c 1m 1 2|endloop", 0x001B,
            model="emstat-pico"),
    ],
    "The reference's templates": [
        Row("open circuit", "var p|var t|set_pgstat_chan 0|set_pgstat_mode 3|set_max_bandwidth 60|"
            "set_range ab 4|set_autoranging ab 4 4|cell_off|timer_start|meas_loop_ocp p 1 2|"
            "timer_get t|pck_start|pck_add t|pck_add p|pck_end|endloop|on_finished:|cell_off",
            rf"M000B\n(Peb{NUMBER};ab{NUMBER},10,206\n){{2}}\*\n"),
        Row("constant current with a cut-off", "var p|var c|var t|set_pgstat_chan 0|"
            "set_pgstat_mode 6|set_max_bandwidth 10|set_range ab 4200m|"
            "set_autoranging ab 100m 4200m|set_range db 1m|set_autoranging db 1m 1m|"
            "meas 100m p ab|set_i 0|cell_on|timer_start|meas_loop_cp p c 500u 1 36000|timer_get t|"
            "pck_start|pck_add t|pck_add p|pck_add c|pck_end|if p >= 400m|breakloop|endif|endloop|"
            "on_finished:|cell_off",
            rf"M000A\nPeb{NUMBER};ab{NUMBER},10,20[3-6];{CURRENT}\n\*\n"),
        Row("constant potential with a cut-off", "var p|var c|set_pgstat_mode 3|"
            "set_range_minmax da 4200m 4200m|set_range ba 1m|set_autoranging ba 10u 1m|"
            "set_e 4200m|cell_on|meas_loop_ca p c 4200m 1 7200|if c <= 10m|breakloop|endif|endloop|"
            "on_finished:|cell_off", r"M0007\n\*\n"),
        Row("pulses and rests", "var k|var p|var c|set_pgstat_mode 6|set_range db 1m|loop k < 2i|"
            "cell_on|meas_loop_cp p c 500u 1 2|endloop|cell_off|meas_loop_ocp p 1 2|endloop|"
            "add_var k 1i|endloop|on_finished:|cell_off",
            r"L\n(M000A\n\*\nM000B\n\*\n){2}\+\n"),
    ],
    "Not simulated": [
        Row("not simulated", name, 0x001B) for name in sorted(NOT_SIMULATED)
    ],
}  # fmt: skip

ERRORS: dict[int, Row | str] = {
    0x0001: "unspecified: nothing here is",
    0x0002: Row("invalid type", "set_range eb 1", 0x0002),
    0x0003: ask("unknown command", "x", 0x0003),
    0x0004: ask("unknown register", "G01", 0x0004),
    0x0005: "read-only register: none is known",
    0x0006: ask("wrong mode", "Z", 0x0006),
    0x0007: ask("bad argument", "Gxx", 0x0007),
    0x0008: ask("line too long", "t" * 256, 0x0008),
    0x0009: "time-out: no command that is simulated waits for the host",
    0x000A: "variable identifier: an undeclared variable is 420B",
    0x000B: Row("memory", "array a 900000i", 0x000B),
    0x000C: ask("no script loaded", "r", 0x000C),
    0x000D: "invalid time: a time that is not positive is 4204, a negative one 4200",
    0x000E: "overflow while averaging: readings are clipped and say overload",
    0x000F: Row("invalid potential", "set_pgstat_mode 3|set_e 7", 0x000F),
    0x0010: Row("not a number", "var a|store_var a 1M ja|pow_var a 1k", 0x0010),
    0x0011: Row("frequency", "var f|var r|var i|" + SET_UP
                + "meas_loop_eis f r i 10m 1M 1 4i 0|endloop", 0x0011),
    0x0012: "amplitude: one that is too small is 001E",
    0x0014: Row("open circuit with the cell on", SET_UP + "meas_loop_ocp p 1 2|endloop", 0x0014),
    0x0015: "CRC: the mode is not documented",
    0x0016: "flash: it does not fail here",
    0x0017: "settings: none are stored",
    0x0018: "settings: none are stored",
    0x001B: Row("not on this device", "set_gpio 1", 0x001B),
    0x001C: Row("step below a step of the converter",
                SET_UP + "meas_loop_lsv p c 0 1 100u 1|endloop", 0x001C),
    0x001D: Row("pulse below a step of the converter",
                SET_UP + "meas_loop_dpv p c 0 1 100m 100u 10m 1|endloop", 0x001D),
    0x001E: Row("amplitude below a step of the converter",
                "var f|var r|" + SET_UP + "meas_loop_swv p c f r 0 1 100m 100u 10|endloop", 0x001E),
    0x001F: "licence: there are none",
    0x0020: "several high-speed modes: a second channel can only be off",
    0x0021: Row("unknown mode", "set_pgstat_mode 9", 0x0021),
    0x0023: Row("wrong mode", GALVANOSTAT + "meas_loop_ca p c 1 1 2|endloop", 0x0023),
    0x0024: Row("too many variables", "|".join(["var a|pck_start", *["pck_add a"] * 101]), 0x0024),
    0x0026: "files: not simulated",
    0x0027: "files: not simulated",
    0x0028: Row("division by zero", "var a|div_var a 0", 0x0028),
    0x0032: Row("critical overload", SET_UP + "meas_loop_ca p c 5 1 60|endloop", 0x0032),
    0x0058: "fast measurements: not simulated",
    0x005A: "timing: a point that comes late has status bit 0",
    0x0080: "oscillation: the control loop is not simulated",
    0x4000: Row("syntax", "var a|if a 2 3|endif", 0x4000),
    0x4001: Row("unknown command", "foo", 0x4001),
    0x4002: Row("bad argument", "var a|add_var 5 2", 0x4002),
    0x4003: "out of range: 4205",
    0x4004: Row("unexpected character", "var a|if a ~ 2|endif", 0x4004),
    0x4005: Row("script too large", "|".join(["# " + "x" * 200] * 400), 0x4005),
    0x4006: Row("type", "var a|store_var a 1 zz", 0x4006),
    0x4007: "undefined variable of old firmware: 420B",
    0x4008: Row("option", "cell_on foo(1)", 0x4008),
    0x400B: Row("nested measurement",
                "var p|meas_loop_ocp p 1 5|meas_loop_ocp p 1 5|endloop|endloop", 0x400B),
    0x400C: Row("wrong place", "endloop", 0x400C),
    0x4018: Row("unexpected end", "var a|if a < 1", 0x4018),
    0x401B: Row("package order", "pck_end", 0x401B),
    0x4026: Row("declared twice", "var a|var a", 0x4026),
    0x4027: Row("needs the cell on", "var p|var c|set_pgstat_mode 3|meas_loop_ca p c 1 1 2|endloop",
                0x4027),
    0x4028: "needs the cell off: for a measurement at open circuit it is 0014",
    0x4032: Row("potential in a measurement", "var p|meas_loop_ocp p 1 5|set_e 1|endloop", 0x4032),
    0x4039: Row("bad literal", "wait 5q", 0x4039),
    0x4200: Row("negative", "wait -1", 0x4200),
    0x4202: Row("zero", SET_UP + "meas_loop_dpv p c 0 1 100m 0 10m 1|endloop", 0x4202),
    0x4204: Row("not positive", "var p|meas_loop_ocp p 0 5", 0x4204),
    0x4205: Row("out of bounds", "var a|array b 2i|copy_var b[2] a", 0x4205),
    0x4206: "not for this instrument: 001B",
    0x420B: Row("undeclared", "add_var a 1", 0x420B),
    0x7FFF: "fatal: nothing here is",
}  # fmt: skip

REFERENCE_CODES = (
    "0001-000F 0010-0012 0014-0018 001B-001F 0020 0021 0023 0024 0026-0028 0032 0058 005A 0080"
    " 4000-4008 400B 400C 4018 401B 4026-4028 4032 4039 4200 4202 4204-4206 420B 7FFF"
)


def reference_codes() -> set[int]:
    """The codes that the reference lists."""
    found: set[int] = set()
    for part in REFERENCE_CODES.split():
        first, _, last = part.partition("-")
        found |= set(range(int(first, 16), int(last or first, 16) + 1))
    return found


def rows() -> Iterator[Row]:
    """All of them."""
    for group in SECTIONS.values():
        yield from group
    yield from (row for row in ERRORS.values() if isinstance(row, Row))


def commands() -> set[str]:
    """The commands of scripts that the simulator knows."""
    return {*COMMANDS, *LOOPS, *KEYWORDS}


def outcome(row: Row) -> str:
    """Send a row to a fresh instrument on a kilohm, 0.1 Ω for the overload; what it says."""
    ohm = 0.1 if row.expected == 0x0032 else 1000.0
    cell = Terminals(Resistor(ohm))
    device = MODELS[row.model](cell, seed=1, instrument_error=0.0)
    now = 0.0
    device.feed(row.before.encode(), now)
    now += 0.5
    lines = row.sent.replace("|", "\n")
    sent = f"e\n{lines}\n\n" if row.script else lines + "\n"
    said = [data for _, data in device.feed(sent.encode("latin-1"), now)]
    limit = math.inf if row.script or row.before != RUNNING else now + 0.1
    while (due := device.wake_at) is not None and due <= limit:
        now = max(now, due)
        said += [data for _, data in device.feed(b"", now)]
    text = b"".join(said).decode("latin-1")
    return text.removeprefix("e\n").removesuffix("\n") if row.script else text.removesuffix("\n")


def refusal(text: str) -> int | None:
    """The code with which something was refused, None when it was not."""
    found = re.search(r"(?:^|\n)[A-Za-z]?!([0-9A-F]{4})", text)
    return int(found[1], 16) if found else None


def matches(row: Row, came: str) -> bool:
    """Whether what came is what must come."""
    if isinstance(row.expected, int):
        return refusal(came) == row.expected
    return refusal(came) is None and re.fullmatch(row.expected, came) is not None


HEAD = """# EmStat4, EmStat Pico and Nexus: what the simulator does

Generated by `python tests/helpers/emstat_rows.py`; not to be edited. Each row is sent to a fresh
EmStat4 HR (another model where it says so) on a resistor of 1 kΩ; a script between `e` and an empty
line. "Implemented" with what was said, without the `e` and the last empty line, or the code with
which it was refused. Lines are joined by ⏎. How streams, ranges, limits and timing behave is tested
in tests/unit/simulators: test_emstat_firmware.py, _measurements.py and _language.py.
"""


def page() -> str:
    """The page, from what the simulator does."""
    parts = [HEAD]
    for title, group in SECTIONS.items():
        parts.append(f"\n## {title}\n\n| what | sent | before it | outcome |\n|---|---|---|---|\n")
        parts += [_line(row) for row in group]
    parts.append("\n## Error codes\n\n| code | what | sent | outcome |\n|---|---|---|---|\n")
    for code, row in ERRORS.items():
        if isinstance(row, str):
            parts.append(f"| {code:04X} | not raised; {row} |  |  |\n")
            continue
        outcome_text = _shown(outcome(row))
        parts.append(f"| {code:04X} | {row.purpose} | {_shown(row.sent)} | {outcome_text} |\n")
    return "".join(parts)


def _line(row: Row) -> str:
    came = outcome(row)
    code = refusal(came)
    said = f"refused, {code:04X}" if code else "implemented" + (f": {_shown(came)}" * bool(came))
    before = _shown(row.before.strip()) + f" ({row.model})" * (row.model != "emstat4")
    return f"| {row.purpose} | {_shown(row.sent)} | {before} | {said} |\n"


def _shown(text: str) -> str:
    if not text.strip():
        return ""
    text = text.removesuffix("\n")
    text = text if len(text) <= 240 else f"{text[:16]}… ({len(text)} bytes)"
    return "`" + text.replace("|", "\n").replace("\n", " ⏎ ") + "`"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
