"""Streams of EmStat packages over a wire that splits, loses, doubles and invents bytes."""

import asyncio

from helpers.canned_instrument import Canned
from hypothesis import given, settings
from hypothesis import strategies as st
from test_emstat_bytes import BEGUN, CHARGE, LI, OPENED, script

from labctl_drivers.emstat.driver import EmStat4
from labctl_drivers.errors import InvalidReading, LinkTimeout, OutputLost
from labctl_drivers.link import Link, MemoryTransport
from labctl_simulators.clock import VirtualLoop

OFFSET = 1 << 27
N = 12
TAIL = b",10,215,40;ja8000000 "
VOLTAGES = [3.7 + 0.01 * n for n in range(N)]


def line(n):
    """The n-th package, 0.2 s after the one before: 0.5 mA at 3.7 V and rising."""
    micro_s, micro_V = 200_000 * (n + 1), 3_700_000 + 10_000 * n
    return b"Peb%07Xu;ab%07Xu,10,206;ba807A120n%s\n" % (OFFSET + micro_s, OFFSET + micro_V, TAIL)


def times(n):
    """When the n-th package comes, after the script was heard."""
    return 0.035 + 0.2 * (n + 1)


def readings_of(said):
    """Everything that the driver makes of what the instrument says after the loop's beginning."""

    async def main():
        charged = (b"e\n" + script("charge_to_4v2") + b"\n", [*BEGUN, *said])
        canned = Canned([*OPENED, charged])
        channel = EmStat4(Link(MemoryTransport(canned)))
        found, invalid = [], 0
        try:
            await channel.open()
            await channel.apply(CHARGE, LI)
            while asyncio.get_running_loop().time() < 10.0:
                try:
                    found.append(await channel.read())
                except InvalidReading:
                    invalid += 1
                except (LinkTimeout, OutputLost):
                    break
        finally:
            await channel.close()
        return found, invalid

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


@settings(max_examples=8)
@given(st.data())
def test_how_the_bytes_are_cut_up_changes_nothing(data):
    said = []
    for n in range(N):
        left, after_s = line(n), times(n)
        while left:
            size = data.draw(st.integers(1, len(left)))
            said.append((after_s, left[:size]))
            left, after_s = left[size:], after_s + 0.001
    found, invalid = readings_of(said)
    assert invalid == 0
    assert [round(each.voltage_V, 6) for each in found] == [round(v, 6) for v in VOLTAGES]


FAULTS = {
    "lost": lambda text, at, byte: text[:at] + text[at + 1 :],
    "doubled": lambda text, at, byte: text[: at + 1] + text[at:],
    "invented": lambda text, at, byte: text[:at] + bytes([byte]) + text[at:],
    "cut short": lambda text, at, byte: text[:at] + b"\n",
    "lost line": lambda text, at, byte: b"",
}


@settings(max_examples=40)
@given(
    st.integers(0, N - 2), st.integers(0, 60), st.integers(0, 255), st.sampled_from(sorted(FAULTS))
)
def test_a_byte_too_many_or_too_few_never_makes_a_number(n, place, byte, name):
    said = []
    for k in range(N):
        text = line(k)
        if k == n:
            text = FAULTS[name](text, min(place, len(text) - 1), byte)
        said.append((times(k), text))
    found, _ = readings_of(said)
    sent = {(round(voltage, 6), 0.5e-3) for voltage in VOLTAGES}
    assert {(round(each.voltage_V, 6), each.current_A) for each in found} <= sent
    # the time of each is that of its own package
    for each in found:
        k = round((each.voltage_V - 3.7) / 0.01)
        assert (
            abs(
                each.time_s - found[0].time_s - 0.2 * (k - round((found[0].voltage_V - 3.7) / 0.01))
            )
            < 1e-3
        )


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, N - 1), st.binary(min_size=1, max_size=30)), max_size=5))
def test_noise_between_packages_is_never_a_reading(noise):
    said = [(times(n), line(n)) for n in range(N)]
    said += [(times(n) + 0.01, b"\x00" + junk.replace(b"\n", b"?") + b"\n") for n, junk in noise]
    found, invalid = readings_of(sorted(said))
    assert len(found) >= N - len(noise) - 1
    assert bool(invalid) == bool(noise)
    assert {round(each.voltage_V, 6) for each in found} <= {round(v, 6) for v in VOLTAGES}
