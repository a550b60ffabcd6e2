"""A host of a simulated EmStat: sends lines and scripts, and follows what it says in time."""

from labctl_simulators.firmware.emstat import EmStat4, MethodScriptInstrument
from labctl_simulators.terminals import Terminals

OFFSET = 1 << 27
SCALE = dict(zip("afpnum kMGTPE", range(-18, 19, 3), strict=True))


def decoded(text):
    """The value of 8 characters, by the rule of instruments.md §4."""
    if text == "     nan":
        return float("nan")
    whole = int(text[:7], 16) - OFFSET
    return whole if text[7] == "i" else float(f"{whole}e{SCALE[text[7]]}")


class Host:
    def __init__(self, cell, make=EmStat4, now=0.0, **options):
        options = {"instrument_error": 0.0, "seed": 1} | options
        self.device: MethodScriptInstrument = make(Terminals(cell, now), **options)
        self.now = now
        self.times: list[float] = []

    def feed(self, data):
        """What comes at once, as lines; time goes on by 10 ms."""
        replies = self.device.feed(data, self.now)
        self.now += 0.01
        return self._lines(replies)

    def _lines(self, replies):
        self.times += [when for when, _ in replies]
        return [data.decode("latin-1").removesuffix("\n") for _, data in replies]

    def ask(self, line):
        """The lines that answer a command; what it is deaf for afterwards has passed."""
        said = self.feed(line.encode("latin-1") + b"\n")
        self.now += 0.2
        return said

    def follow(self, seconds=1e9, most=100_000):
        """What is said by itself within a time, or until nothing more comes."""
        said = []
        end = self.now + seconds
        for _ in range(most):
            due = self.device.wake_at
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            said += self._lines(self.device.feed(b"", self.now))
        if seconds < 1e9:
            self.now = end
            said += self._lines(self.device.feed(b"", self.now))
        else:
            self.now += 0.01
        return said

    def load(self, script, letter="e"):
        """What answers a script; its lines are separated by `|` or line ends."""
        given = script.split("\n" if "\n" in script else "|")
        lines = [line for line in given if line.strip()]  # an empty one would end the script
        return self.feed("\n".join([letter, *lines, "", ""]).encode("latin-1"))

    def run(self, script):
        """All that a script says until it is over, without the `e`."""
        said = self.load(script)
        assert said[:1] == ["e"], said
        said += self.follow()
        self.now += 0.2
        return said[1:]

    def packages(self, script):
        """The decoded packages of a script, each a list of (type, value, metadata)."""
        return [package(line) for line in self.run(script) if line.startswith("P")]


def package(line):
    found = []
    for part in line[1:].split(";"):
        head, *metadata = part.split(",")
        assert len(head) == 10, part
        found.append((head[:2], decoded(head[2:]), tuple(metadata)))
    return found


CP = """
var p
var c
var t
set_pgstat_chan 0
set_pgstat_mode 6
set_max_bandwidth 10
set_range ab 4200m
set_autoranging ab 100m 4200m
set_range db 1m
set_autoranging db 1m 1m
meas 100m p ab
set_i 0
cell_on
timer_start
meas_loop_cp p c {current} {interval} {run}
timer_get t
pck_start
pck_add t
pck_add p
pck_add c
pck_end
if p {compare} {limit}
breakloop
endif
endloop
on_finished:
cell_off
"""


def cp(current="500u", interval="1", run="36000", compare=">=", limit="4200m"):
    return CP.format(current=current, interval=interval, run=run, compare=compare, limit=limit)


def ca(volts="1", interval="1", run="10", body="", extra=""):
    return f"""
var p
var c
set_pgstat_mode 3
set_range_minmax da {volts} {volts}
set_range ba 1m
set_autoranging ba 10u 1m
{extra}
set_e {volts}
cell_on
meas_loop_ca p c {volts} {interval} {run}
pck_start
pck_add p
pck_add c
pck_end
{body}
endloop
on_finished:
cell_off
"""
