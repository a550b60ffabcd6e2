"""Whatever is sent to a simulated Maccor, and however time is advanced, its limits hold."""

from helpers.maccor_rows import Message, packet, say, send
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.firmware.maccor import Maccor
from labctl_simulators.terminals import Terminals

SAFE = {"VSafeMax": 1.0, "VSafeMin": -0.5, "ISafeChg": 20e-3, "ISafeDis": 20e-3,
        "PBatSafeChg": 1.0, "PBatSafeDis": 1.0}  # fmt: skip
# 1 mV, and what a mean current in a held sub-step may be above the one at its end: 4 % of 0.2 V
BEYOND_V = 1e-3 + 0.04 * 20e-3 * 10.0


class Capacitor:
    """A tenth of a farad behind 10 ohm: 10 mA moves it by 0.1 V/s."""

    def __init__(self) -> None:
        self.emf_V = 0.2
        self.low_V = self.high_V = self.emf_V

    def voltage(self, current_A: float) -> float:
        return self.emf_V + 10.0 * current_A

    def step(self, dt_s: float, current_A: float) -> None:
        self.emf_V += current_A * dt_s / 0.1
        at_V = self.voltage(current_A)
        self.low_V, self.high_V = min(self.low_V, at_V), max(self.high_V, at_V)


out_of_range = st.sampled_from([65536.0, -1.0])
amps = st.floats(0.0, 0.1) | out_of_range
volts = st.floats(-6.0, 6.0) | out_of_range
modes = st.sampled_from("CDR")
outputs = st.fixed_dictionaries(
    {"Current": amps, "Voltage": volts, "Power": st.floats(0.0, 0.1) | out_of_range,
     "Resistance": st.sampled_from([0.0, 50.0]), "CurrentRange": st.integers(1, 4),
     "ChMode": modes}
)  # fmt: skip
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(lambda o: say(6, 8, Chan=0, **o), outputs),
    st.builds(lambda o: say(6, 7, Chan=0, TestName="Random", **o), outputs),
    st.builds(lambda m, i: packet(m.encode(), 0.0, amps=i), modes, amps),
    st.just(say(6, 5, Chan=0)),
    st.just(say(4, 7, Chan=0)),
)
waits = st.sampled_from([0.05, 0.3, 1.0, 7.7, 60.0, 3600.0])


@settings(max_examples=60)
@given(steps=st.lists(st.tuples(waits, messages), max_size=12), fixed=st.booleans())
def test_a_channel_that_drives_is_inside_its_limits(steps, fixed):
    cell = Capacitor()
    cycler = Maccor(
        Terminals(cell), channels=1, instrument_error=0.0, start_fixes_limits=fixed, watchdog_s=20.0
    )
    now = 0.0
    send(cycler, say(6, 10, now, Chan=0, **SAFE))
    send(cycler, say(6, 7, now, Chan=0, TestName="Random", Current=5e-3, Voltage=2.0, Power=1.0,
                     Resistance=0, CurrentRange=3, ChMode="C"))  # fmt: skip
    for wait_s, message in steps:
        send(cycler, message._replace(at=now + 1e-3))
        driven_before = cycler.output_on
        for part in range(1, 6):
            cycler.advance(now + wait_s * part / 5)
            state = cycler.terminals.state()
            channel = cycler.channels[1]
            assert SAFE["VSafeMin"] - BEYOND_V <= cell.low_V
            assert cell.high_V <= SAFE["VSafeMax"] + BEYOND_V
            if not channel.output_on:
                assert state.current_A == 0.0
                continue
            sign = 1.0 if channel.output.mode == "C" else -1.0
            assert sign * state.current_A >= -1e-9
            assert abs(state.current_A) <= SAFE["ISafeChg"] * (1 + 1e-6)
        now += wait_s
        if wait_s > 21.0 and driven_before:
            assert not cycler.output_on, "the watchdog has not acted"
