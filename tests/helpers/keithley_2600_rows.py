"""Every command and error of instruments.md §3, and what the simulated 2600B makes of it.

`python tests/helpers/keithley_2600_rows.py` writes docs/simulators/keithley-2600.md from what the
simulator does; a test checks each row against what is written here by hand, and the page.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from labctl_simulators.cells.plain import Resistor
from labctl_simulators.firmware.keithley_2600 import Keithley2600
from labctl_simulators.terminals import Terminals

PAGE = Path(__file__).parents[2] / "docs/simulators/keithley-2600.md"
NUMBER = r"-?\d\.\d{5}e[+-]\d\d"
ON = "smua.source.limiti=1e-2 smua.source.levelv=1 smua.source.output=1"


class Row(NamedTuple):
    """A command: what is sent before it, its lines, and what must come of it.

    `expected`: a pattern that the whole reply matches, '' for none, or the code of the refusal.
    """

    purpose: str
    lines: str
    expected: str | int
    before: str = ""
    options: tuple[tuple[str, object], ...] = ()


class Outcome(NamedTuple):
    """What came: the reply's lines, and the codes left in the error queue."""

    replies: tuple[str, ...]
    codes: tuple[int, ...]


def setting(purpose: str, name: str, value: str, shown: str | None = None) -> Row:
    """An attribute that is written and read back."""
    number = f"{float(value):.5e}" if shown is None else shown
    return Row(purpose, f"{name} = {value} print({name})", re.escape(number))


SECTIONS: dict[str, list[Row]] = {
    "Identity and common commands": [
        Row("identity", "*IDN?", r"Keithley Instruments Inc\., Model 2602B, \d+, 3\.2\.2-sim"),
        Row("clear errors", "*CLS", ""),
        Row("defaults", "*RST", ""),
        Row("event enable", "*ESE 36\n*ESE?", "36"),
        Row("events", "*ESR?", "128"),
        Row("service enable", "*SRE 4\n*SRE?", "4"),
        Row("status byte", "*STB?", "0"),
        Row("operation complete", "*OPC", ""),
        Row("operation complete", "*OPC?", "1"),
        Row("self-test", "*TST?", "0"),
        Row("wait", "*WAI", ""),
        Row("trigger", "*TRG", ""),
        Row("an unknown one", "*FOO?", -113),
        Row("a register beyond 255", "*ESE 300", -222),
        Row("a register without value", "*SRE", -109),
    ],
    "Off state, output, sense": [
        setting("off state", "smua.source.offmode", "2"),
        Row("off state", "smua.source.offmode = smua.OUTPUT_HIGH_Z", ""),
        Row("off state", "smua.source.offmode = 3", -222),
        setting("off function", "smua.source.offfunc", "0"),
        Row("off limit by default", "print(smua.source.offlimiti)", "1.00000e-03"),
        setting("off limit", "smua.source.offlimiti", "1e-4"),
        setting("off limit", "smua.source.offlimitv", "5"),
        setting("output", "smua.source.output", "1"),
        setting("output and relay", "smua.source.output", "2"),
        Row("output", "smua.source.output = 7", -222),
        setting("4-wire", "smua.sense", "1"),
        Row("4-wire", "smua.sense = smua.SENSE_LOCAL", ""),
        Row("4-wire", "smua.sense = 5", -222),
    ],
    "Source": [
        setting("I-source", "smua.source.func", "0"),
        setting("V-source", "smua.source.func", "1"),
        setting("I range", "smua.source.rangei", "1e-3"),
        Row("I range: the one that holds it", "smua.source.rangei=2e-3 print(smua.source.rangei)",
            r"1\.00000e-02"),
        setting("I autorange", "smua.source.autorangei", "1"),
        setting("I level", "smua.source.leveli", "5e-4"),
        Row("I level too big", "smua.source.leveli = 4", 1101),
        setting("V limit", "smua.source.limitv", "4.25"),
        Row("V limit of 0", "smua.source.limitv = 0", 1102),
        setting("V range", "smua.source.rangev", "6"),
        setting("V autorange", "smua.source.autorangev", "0"),
        setting("V level", "smua.source.levelv", "4.2"),
        Row("V level too big", "smua.source.levelv = 41", 1101),
        Row("V level too small", "smua.source.levelv = -41", 1102),
        setting("I limit", "smua.source.limiti", "5e-4"),
        Row("I limit below 10 nA", "smua.source.limiti = 1e-9", 1102),
        Row("I limit too big", "smua.source.limiti = 3.1", 1101),
        setting("power limit", "smua.source.limitp", "0.5"),
        setting("lowest range", "smua.source.lowrangei", "1e-3"),
        setting("lowest range", "smua.source.lowrangev", "1"),
        setting("source delay", "smua.source.delay", "0.01"),
        setting("sink mode", "smua.source.sink", "1"),
        setting("high capacitance", "smua.source.highc", "1"),
        setting("settling", "smua.source.settling", "3"),
        Row("compliance", "print(smua.source.compliance)", "false", ON),
        Row("compliance", "print(smua.source.compliance)", "true",
            f"{ON} smua.source.limiti=1e-4"),
        Row("compliance cannot be set", "smua.source.compliance = 1", -286),
        Row("no such attribute", "smua.source.foo = 1", -286),
        Row("a level that is no number", "smua.source.levelv = 'x'", -104),
        Row("beyond a fixed range, at output on",
            "smua.source.rangev=1 smua.source.levelv=4 smua.source.output=1", -222),
        Row("outside the safe operating area",
            "smua.source.rangev=40 smua.source.limiti=3 smua.source.output=1", 5007),
        Row("200 V range without interlock", "smua.source.rangev=200 smua.source.output=1", 802,
            options=(("model", "2612B"), ("interlock", False))),
    ],
    "Measure": [
        Row("voltage", "print(smua.measure.v())", NUMBER, ON),
        Row("current", "print(smua.measure.i())", NUMBER, ON),
        Row("both, i first", "print(smua.measure.iv())", rf"9\.9\d{{4}}e-04\t{NUMBER}|"
            rf"1\.00\d{{3}}e-03\t{NUMBER}", ON),
        Row("resistance", "print(smua.measure.r())", r"(9\.9|1\.0)\d+e\+0[23]", ON),
        Row("power", "print(smua.measure.p())", r"(9\.9|1\.0)\d+e-0[34]", ON),
        Row("both channels", "print(smua.measure.iv()) print(smub.measure.iv())",
            rf"{NUMBER}\t{NUMBER}\n{NUMBER}\t{NUMBER}", ON),
        Row("current beyond a fixed range", "print(smua.measure.i())", r"9\.91000e\+37",
            f"{ON} smua.measure.rangei=1e-6"),
        setting("integration", "smua.measure.nplc", "0.001"),
        setting("integration", "smua.measure.nplc", "25"),
        Row("integration too short", "smua.measure.nplc = 0", 1102),
        Row("integration too long", "smua.measure.nplc = 30", 1101),
        setting("autorange", "smua.measure.autorangev", "1"),
        setting("autorange", "smua.measure.autorangei", "0"),
        setting("range of the other quantity", "smua.measure.rangei", "1e-3"),
        Row("range of the sourced quantity is the source's",
            "smua.source.rangev=1 smua.measure.rangev=6 print(smua.measure.rangev)",
            r"1\.00000e\+00"),
        setting("lowest range", "smua.measure.lowrangei", "1e-6"),
        setting("autozero", "smua.measure.autozero", "2"),
        setting("count", "smua.measure.count", "5"),
        setting("delay", "smua.measure.delay", "-1"),
        setting("interval", "smua.measure.interval", "0.5"),
        setting("filter", "smua.measure.filter.count", "10"),
        setting("filter", "smua.measure.filter.type", "1"),
        setting("filter", "smua.measure.filter.enable", "1"),
        setting("relative", "smua.measure.rel.leveli", "1e-3"),
        setting("relative", "smua.measure.rel.enablei", "1"),
        Row("while a sweep runs", "smua.measure.i()", 1100,
            "smua.measure.count=100 smua.measure.overlappedi(smua.nvbuffer1)"),
    ],
    "Buffers": [
        Row("into a buffer", "smua.measure.iv(smua.nvbuffer1, smua.nvbuffer2) "
            "print(smua.nvbuffer1.n)", r"1\.00000e\+00", ON),
        Row("times and source values", "smua.nvbuffer1.collectsourcevalues=1 "
            "smua.measure.i(smua.nvbuffer1) print(smua.nvbuffer1.timestamps[1], "
            "smua.nvbuffer1.sourcevalues[1])", r"0\.00000e\+00\t1\.00000e\+00", ON),
        Row("print a buffer", "printbuffer(1, 2, smua.nvbuffer1)", rf"{NUMBER}, {NUMBER}",
            f"{ON} smua.measure.count=2 smua.measure.i(smua.nvbuffer1)"),
        Row("from behind to before", "printbuffer(2, 1, smua.nvbuffer1)", 1103),
        Row("no buffer", "printbuffer(1, 2, 3)", -104),
        Row("empty it", "smua.nvbuffer1.clear() print(smua.nvbuffer1.n)", r"0\.00000e\+00", ON),
        setting("append", "smua.nvbuffer1.appendmode", "1"),
        setting("collect times", "smua.nvbuffer1.collecttimestamps", "0"),
        Row("room", "print(smua.nvbuffer1.capacity >= 50000)", "true"),
        Row("one's own", "b = smua.makebuffer(10) print(b.capacity)", r"1\.00000e\+01"),
        Row("too big", "b = smua.makebuffer(1e9)", 1101),
        Row("a full one", "smua.measure.count=3 smua.measure.i(b)", -225,
            "b = smua.makebuffer(2)"),
        Row("overlapped", "smua.measure.overlappediv(smua.nvbuffer1, smua.nvbuffer2) "
            "waitcomplete() print(smua.nvbuffer2.n)", r"1\.00000e\+00", ON),
    ],
    "Sweeps": [
        Row("list", "smua.trigger.source.listv({1, 2, 3})", ""),
        Row("a list that is none", "smua.trigger.source.listv(1)", -104),
        Row("linear sweep, to its end", "smua.trigger.initiate() waitcomplete() "
            "print(smua.nvbuffer1.n)", r"3\.00000e\+00",
            f"{ON} smua.trigger.source.linearv(0, 2, 3) smua.trigger.source.action=1 "
            "smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action=1 "
            "smua.trigger.count=3"),
        Row("without levels", "smua.trigger.initiate()", -221, "smua.trigger.source.action=1"),
        Row("a chain of events that is not followed", "smua.trigger.initiate()", -222,
            "smua.trigger.source.stimulus=smub.trigger.ARMED_EVENT_ID"),
        Row("sweeping?", "print(status.operation.sweeping.condition)", r"2\.00000e\+00",
            "smua.measure.count=100 smua.measure.overlappedi(smua.nvbuffer1)"),
        Row("abort", "smua.abort() print(status.operation.sweeping.condition)",
            r"0\.00000e\+00", "smua.measure.count=100 smua.measure.overlappedi(smua.nvbuffer1)"),
    ],
    "Errors": [
        Row("empty queue", "print(errorqueue.next())",
            r"0\.00000e\+00\tQueue Is Empty\t0\.00000e\+00\t1\.00000e\+00"),
        Row("how many", "print(errorqueue.count)", r"0\.00000e\+00"),
        Row("one entry", "print(errorqueue.next())",
            r"1\.10200e\+03\tParameter too small\t2\.00000e\+01\t1\.00000e\+00",
            "smua.source.limiti = 0"),
        Row("empty it", "errorqueue.clear() print(errorqueue.count)", r"0\.00000e\+00",
            "smua.source.limiti = 0"),
        Row("syntax", "x = = 1", -285),
        Row("SCPI", ":OUTP ON", -285),
        Row("run time", "foo.bar = 1", -286),
        Row("run time", "nosuchfunction()", -286),
        Row("missing parameter", "delay()", -109),
        Row("too many parameters", "smua.reset(1)", -108),
        Row("data type", "delay('x')", -104),
        Row("a negative delay", "delay(-1)", 1102),
        Row("overflow", "for i = 1, 200 do smua.source.limiti = 0 end "
            "while errorqueue.count > 1 do errorqueue.next() end", -350),
        Row("a line without end", "x" * 70_000, -363),
    ],
    "Scripts and Lua": [
        Row("load and call", "loadscript s()\nprint('ran')\nendscript\ns()", "ran"),
        Row("load and run", "loadandrunscript\nprint(1)\nendscript", r"1\.00000e\+00"),
        Row("the anonymous one", "loadscript\nprint(2)\nendscript\nrun()", r"2\.00000e\+00"),
        Row("from a string", "s = script.new('print(3)', 's') s.run()", r"3\.00000e\+00"),
        Row("a script with a fault", "loadscript s\nfor\nendscript", -285),
        Row("save", "s.save()", "", "s = script.new('print(3)', 's')"),
        Row("delay", "delay(0.1) print('later')", "later"),
        Row("stop a script", "while true do end\nabort\nprint('free')", "free"),
        Row("loop", "s = 0 for i = 1, 10 do s = s + i end print(s)", r"5\.50000e\+01"),
        Row("branch", "if 1 < 2 then print('yes') else print('no') end", "yes"),
        Row("function", "function f(a) return a * 2 end print(f(4))", r"8\.00000e\+00"),
        Row("several statements", "a = 1 b = 2 print(a + b)", r"3\.00000e\+00"),
        Row("text", "print('a' .. 1)", r"a1\.00000e\+00"),
        Row("bits", "print(bit.bitand(6, 3), bit.test(4, 3))", r"2\.00000e\+00\ttrue"),
        Row("caught", "print(pcall(error, 'x'))", r"false\tx"),
        Row("no end of memory", "s = 'a' while true do s = s .. s end", -286),
        Row("no end of calls", "function f() return f() + 1 end f()", -286),
    ],
    "Format, node, time, panel": [
        Row("precision", "format.asciiprecision = 10 print(1/3)", r"3\.333333333e-01"),
        Row("precision too big", "format.asciiprecision = 17", 1101),
        setting("data", "format.data", "1"),
        Row("binary", "format.data = format.REAL32 printnumber(1)", r"#0\x00\x00\x80\x3f"),
        setting("byte order", "format.byteorder", "0"),
        Row("numbers", "printnumber(1, 2)", r"1\.00000e\+00, 2\.00000e\+00"),
        Row("constants print as numbers", "print(smua.OUTPUT_HIGH_Z)", r"2\.00000e\+00"),
        Row("booleans", "print(true, false, nil)", "true\tfalse\tnil"),
        Row("prompts", "localnode.prompts = 1\nprint(1)", "TSP>\n1\\.00000e\\+00\nTSP>"),
        Row("prompt with errors", "localnode.prompts = 1\nsmua.source.limiti=0\nerrorqueue.clear()",
            "TSP>\nTSP\\?\nTSP>"),
        setting("shown errors", "localnode.showerrors", "0"),
        Row("shown errors", "localnode.showerrors = 1\nsmua.source.limiti = 0",
            r"1\.10200e\+03\tParameter too small\t2\.00000e\+01\t1\.00000e\+00"),
        setting("mains", "localnode.linefreq", "60"),
        Row("model", "print(localnode.model)", "2602B"),
        Row("timer", "timer.reset() delay(2) print(timer.measure.t())", r"2\.00000e\+00"),
        Row("beeper", "beeper.beep(0.1, 2400)", ""),
        Row("text on the panel", "display.clear() display.setcursor(1,1) display.settext('CC')",
            ""),
        setting("screen", "display.screen", "2"),
        setting("panel", "display.smua.measure.func", "0"),
        Row("reset of a channel", "smua.reset() print(smua.source.offmode)", r"0\.00000e\+00",
            "smua.source.offmode = 2"),
        Row("reset of both", "reset() print(smub.source.offmode)", r"0\.00000e\+00",
            "smub.source.offmode = 2"),
    ],
    "Not there": [
        Row("digital I/O", "digio.writebit(1, 1)", -286),
        Row("a further node", "node[2].reset()", -286),
        Row("TSP-Link", "tsplink.reset()", -286),
        Row("files", "fs.chdir('/usb1')", -286),
        Row("contact check", "smua.contact.check()", -286),
        Row("calibration", "smua.cal.unlock('KI0026XX')", -286),
        Row("measurement registers", "print(status.measurement.condition.x)", -286),
        Row("channel B of a 2601B", "print(smub.measure.i())", -286,
            options=(("model", "2601B"),)),
    ],
}  # fmt: skip


def rows() -> Iterator[Row]:
    """All of them."""
    for each in SECTIONS.values():
        yield from each


@cache
def outcome(row: Row) -> Outcome:
    """Send a row to a fresh instrument on a kilohm."""
    options = dict(row.options)
    interlock = options.pop("interlock", True)
    device = Keithley2600(Terminals(Resistor(1000.0)), seed=3, **options)  # type: ignore[arg-type]
    device.interlock_closed = bool(interlock)
    now = 0.0
    for line in filter(None, row.before.split("\n")):
        assert device.feed(line.encode() + b"\n", now) == []
        now += 0.1
    said: list[bytes] = []
    for line in row.lines.split("\n"):
        said += [data for _, data in device.feed(line.encode() + b"\n", now)]
        now += 0.1
    for _ in range(60):
        if device.wake_at is None:
            break
        now = device.wake_at
        said += [data for _, data in device.feed(b"", now)]
    replies = [data.removesuffix(b"\n").decode("latin-1") for data in said]
    codes = []
    while (code := device.errors.take().code) != 0:
        codes.append(code)
    return Outcome(tuple(replies), tuple(codes))


def matches(row: Row, came: Outcome) -> bool:
    """Whether what came is what must come."""
    said = "\n".join(came.replies)
    if isinstance(row.expected, int):
        return came.codes == (row.expected,) and not said
    return not came.codes and re.fullmatch(row.expected, said) is not None


HEAD = """# Keithley 2600B: what the simulator does

Generated by `python tests/helpers/keithley_2600_rows.py`; not to be edited. Each row is sent to a
fresh 2602B (another model where it says so) on a resistor of 1 kΩ. "Implemented" with the reply
that came, or the code with which it was refused. Lines of one command are joined by ⏎. The query
errors of a bus (-410, -420, -430) are tested in tests/unit/simulators/test_keithley_2600.py.
"""


def page() -> str:
    """The page, from what the simulator does."""
    parts = [HEAD]
    for title, group in SECTIONS.items():
        parts.append(
            f"\n## {title}\n\n| what | command | before it | outcome |\n|---|---|---|---|\n"
        )
        for row in group:
            came = outcome(row)
            refused = ", ".join(map(str, came.codes))
            reply = _shown("\n".join(came.replies))
            said = (
                f"refused, {refused}" if refused else "implemented" + (f": {reply}" * bool(reply))
            )
            model = dict(row.options).get("model")
            before = _shown(row.before) + (f" ({model})" if model else "")
            parts.append(f"| {row.purpose} | {_shown(row.lines)} | {before} | {said} |\n")
    return "".join(parts)


def _shown(text: str) -> str:
    if not text:
        return ""
    text = text if len(text) <= 300 else f"{text[:8]}… ({len(text)} bytes)"
    plain = "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)
    return "`" + plain.replace("\n", " ⏎ ").replace("\t", "→").replace("|", "\\|") + "`"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
