"""Whatever is sent to a simulated EmStat, it answers or refuses, and its cell stays within it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells.plain import Thevenin
from labctl_simulators.firmware.emstat import EmStat4, EmStatPico
from labctl_simulators.methodscript.commands import COMMANDS
from labctl_simulators.methodscript.compiler import KEYWORDS
from labctl_simulators.methodscript.loops import LOOPS
from labctl_simulators.terminals import Terminals

VALUES = st.sampled_from(
    [
        "a",
        "b",
        "t[1i]",
        "0",
        "1",
        "-1",
        "2",
        "3",
        "6",
        "5m",
        "4200m",
        "1k",
        "1E",
        "3i",
        "0x1F",
        "9q",
    ]
)
WORDS = st.one_of(VALUES, st.sampled_from(["ab", "ba", "da", "db", "<", "==", "nscans(2)", '"x"']))
PLAIN = sorted({*COMMANDS, *KEYWORDS})


@st.composite
def measurements(draw):
    """A measurement loop with as many arguments as it takes."""
    name = draw(st.sampled_from(sorted(LOOPS)))
    loop = LOOPS[name]
    outs = ["a", "b", "c", "d", "e", "f"][: loop.outs]
    values = [draw(st.sampled_from(["1", "2", "10m", "100m", "3i"])) for _ in loop.kinds]
    return " ".join([name, *outs, *values])


LINES = st.one_of(
    st.builds(
        lambda name, rest: " ".join([name, *rest]),
        st.sampled_from(PLAIN),
        st.lists(WORDS, max_size=4),
    ),
    measurements(),
    st.sampled_from(
        ["cell_on", "set_pgstat_mode 3", "set_pgstat_mode 6", "endloop", "pck_start", "pck_add a"]
    ),
)
DECLARED = [*(f"var {name}" for name in "abcdef"), "array t 4i"]


def run(device, data):
    """Send, follow for a while, abort; what is at the cell never passes the device."""
    now, most_A = 0.0, device.device.max_A * 1.01
    device.feed(data, now)
    for _ in range(60):
        due = device.wake_at
        if due is None or due > 1e6:
            break
        now = max(now, due)
        device.feed(b"", now)
        state = device.terminals.state()
        assert abs(state.current_A) <= most_A
        assert device.output_on or abs(state.current_A) == 0.0
    now += 1.0
    device.feed(b"\nZ\n", now)
    for _ in range(60):
        if (due := device.wake_at) is None or due > 1e6:
            break
        now = max(now, due)
        device.feed(b"", now)


@settings(max_examples=150)
@given(st.lists(LINES, max_size=12), st.sampled_from([EmStat4, EmStatPico]))
def test_any_script_runs_or_is_refused(lines, make):
    device = make(Terminals(Thevenin(2e-3, 10.0, 5.0, 12.0, 0.3)))
    run(device, "\n".join(["e", *DECLARED, *lines, "", ""]).encode())


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(data):
    run(EmStat4(Terminals(Thevenin(2e-3, 10.0, 5.0, 12.0, 0.3))), data)
