"""Each fault on one reply of an echo: what comes instead is written here by hand."""

import asyncio
import re

import pytest

from labctl_drivers.link.memory import MemoryTransport
from labctl_simulators.clock import VirtualLoop, run_in
from labctl_simulators.faults import KINDS, Fault, Faulty
from labctl_simulators.firmware.espec import Espec
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.terminals import Terminals

IDENTITY = "MAKER,MODEL 1,0190,1.0"


class Echo:
    """Says what it was told, 0.1 s later; `*IDN?` is answered with an identity."""

    identity = IDENTITY

    def __init__(self):
        self.heard, self.advanced_to, self.cycled_at = [], 0.0, None

    def feed(self, data, now):
        self.heard.append(data)
        reply = IDENTITY.encode() + b"\n" if data == b"*IDN?\n" else data
        return [(now + 0.1, reply)]

    def advance(self, now):
        self.advanced_to = now

    def power_cycle(self, now):
        self.cycled_at = now


def strike(kind, *lines, seed=0, **settings):
    """Lines a second apart; the fault strikes at the second (time 1 s)."""
    wire = Faulty(Echo(), {kind: Fault(after_s=1.0, **settings)}, seed)
    return wire, [wire.feed(line, float(n)) for n, line in enumerate(lines)]


def told(replies):
    return [(pytest.approx(when), data) for when, data in replies]


ABC = (b"a1\n", b"b2\n", b"c3\n")


def test_drop():
    _, (first, second, third) = strike("drop", *ABC)
    assert (first, second, third) == (told([(0.1, b"a1\n")]), [], told([(2.1, b"c3\n")]))


def test_delay_and_nothing_overtakes():
    _, (_, second, third) = strike("delay", *ABC, seconds=3.0)
    assert second == told([(4.1, b"b2\n")])
    assert third == told([(4.1, b"c3\n")])


def test_duplicate():
    assert strike("duplicate", *ABC)[1][1] == told([(1.1, b"b2\n"), (1.1, b"b2\n")])


def test_stale():
    assert strike("stale", *ABC)[1][1] == told([(1.1, b"a1\n")])


def test_join():
    _, (_, second, third) = strike("join", *ABC)
    assert (second, third) == ([], told([(2.1, b"b2\nc3\n")]))


def test_split():
    line = b"a longer line\n"
    for seed in range(20):
        _, (_, second) = strike("split", b"x\n", line, seed=seed, seconds=0.3)
        assert 2 <= len(second) <= 4
        assert b"".join(data for _, data in second) == line
        assert all(data for _, data in second)
        times = [when for when, _ in second]
        assert times == sorted(times)
        assert (times[0], times[-1]) == (pytest.approx(1.1), pytest.approx(1.4))


def test_corrupt_turns_one_bit():
    line = b"+1.234567E+00,+2.0E-03\n"
    seen = set()
    for seed in range(50):
        _, (_, ((when, data),)) = strike("corrupt", b"x\n", line, seed=seed)
        assert when == pytest.approx(1.1)
        turned = sum((a ^ b).bit_count() for a, b in zip(line, data, strict=True))
        assert turned == 1
        seen.add(data)
    assert len(seen) > 30


def test_nan_in_place_of_every_number():
    line = b"+1.234567E+00,-2.0E-03,3\n"
    _, (_, ((_, data),)) = strike("nan", b"x\n", line)
    assert re.fullmatch(rb"(\+9\.910000E\+37|9\.9E\+37|NAN),\1,3\n", data)


@pytest.mark.parametrize("line", [b"P3DT 2.10-sim\r\n", b"A,1.7.12b\n", b"x1.5\n", b"42\n"])
def test_what_is_no_number_stays(line):
    assert strike("nan", b"x\n", line)[1][1] == told([(1.1, line)])


def test_nan_without_exponents():
    _, (_, ((_, data),)) = strike("nan", b"x\n", b"25.0,60.0,150.0,-40.0\r\n")
    assert re.fullmatch(rb"(\+9\.910000E\+37|9\.9E\+37|NAN)(,\1){3}\r\n", data)


def test_nan_waits_for_a_reply_with_numbers():
    wire, (_, second, third) = strike("nan", b"x\n", b"text\n", b"1.0E+00\n")
    assert second == told([(1.1, b"text\n")])
    assert third != told([(2.1, b"1.0E+00\n")])
    assert [fault.kind for fault in wire.struck] == ["nan"]


def test_wrong_identity():
    wire, (_, second, third) = strike("wrong_identity", b"x\n", b"y\n", b"*IDN?\n")
    assert second == told([(1.1, b"y\n")])
    assert third == told([(2.1, b"MAKER,MODEL 1,1201,1.0\n")])
    assert len(wire.struck) == 1


def test_hang_hears_nothing_for_a_while():
    wire, (_, second) = strike("hang", b"a\n", b"b\n", seconds=5.0)
    assert second == []
    assert wire.feed(b"c\n", 3.0) == []
    assert wire.firmware.heard == [b"a\n", b"b\n"]
    assert wire.firmware.advanced_to == 3.0
    assert wire.feed(b"d\n", 6.5) == told([(6.6, b"d\n")])


def test_reset_asks_for_the_connection_to_be_broken():
    wire, (_, second) = strike("reset", b"a\n", b"b\n")
    assert second == []
    assert wire.hang_up


def test_power_cycle():
    wire, (_, second) = strike("power_cycle", b"a\n", b"b\n")
    assert (second, wire.firmware.cycled_at) == ([], 1.0)


def test_all_kinds_are_tried_above():
    tried = {name.split("_", 1)[1] for name in globals() if name.startswith("test_")}
    assert all(any(name.startswith(kind) for name in tried) for kind in KINDS)


class Ticking(Echo):
    """Says `tick` every second by itself."""

    def __init__(self):
        super().__init__()
        self.wake_at = 1.0

    def feed(self, data, now):
        said = [(now + 0.1, data)] if data else []
        while self.wake_at <= now + 1e-6:
            said.append((self.wake_at, b"tick\n"))
            self.wake_at += 1.0
        return said


def test_one_that_speaks_by_itself_is_silent_while_it_hangs():
    async def listen():
        link = MemoryTransport(Faulty(Ticking(), {"hang": Fault(after_s=2.0, seconds=3.5)}))
        await link.open()
        await link.write(b"x\n")
        heard = []
        while (now := asyncio.get_running_loop().time()) < 8.2:
            if data := await link.read(now + 10.0):
                heard.append((round(asyncio.get_running_loop().time(), 3), data))
        await link.close()
        return heard

    heard = run_in(VirtualLoop(), listen())
    ticks = [at for at, data in heard if b"tick" in data]
    # it hangs at the first reply from 2 s on, which is lost, to 5.5 s
    assert ticks == [1.0, 6.0, 7.0, 8.0, 9.0]


# When


def struck(seed, faults, lines=2000):
    wire = Faulty(Echo(), faults, seed)
    said = [wire.feed(b"%d\n" % n, float(n)) for n in range(lines)]
    return list(wire.struck), said


def test_the_same_seed_meets_the_same_faults():
    faults = {"drop": Fault(0.05), "corrupt": Fault(0.05), "split": Fault(0.05)}
    assert struck(7, faults) == struck(7, faults)
    assert struck(7, faults) != struck(8, faults)


def test_another_kind_beside_it_changes_nothing_of_a_kind():
    alone, _ = struck(7, {"drop": Fault(0.02)})
    both, _ = struck(7, {"drop": Fault(0.02), "delay": Fault(0.3)})
    assert [each for each in both if each.kind == "drop"] == alone


def test_a_part_of_the_replies_suffers():
    found, _ = struck(7, {"drop": Fault(0.1)})
    # binomial: 200 ± 13.4
    assert 150 < len(found) < 250


def test_not_before_its_time_and_not_more_often_than_said():
    found, _ = struck(7, {"drop": Fault(0.5, after_s=1000.0, times=3)})
    assert len(found) == 3
    assert all(each.at_s >= 1000.0 for each in found)
    once, _ = struck(7, {"drop": Fault(after_s=1000.0)})
    assert [each.at_s for each in once] == [1000.0]


def test_time_counts_from_the_first_that_is_heard():
    wire = Faulty(Echo(), {"drop": Fault(after_s=10.0)})
    assert wire.feed(b"a\n", 1e6) != []
    assert wire.feed(b"b\n", 1e6 + 9.0) != []
    assert wire.feed(b"c\n", 1e6 + 10.0) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault(1.5),
        lambda: Fault(-0.1),
        lambda: Fault(after_s=-1.0),
        lambda: Fault(seconds=-1.0),
        lambda: Fault(seconds=float("inf")),
        lambda: Fault(times=0),
        lambda: Faulty(Echo(), {"dorp": Fault(0.1)}),
        lambda: Faulty(Espec(), {"wrong_identity": Fault(0.1)}),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match=r"."):
        make()


def test_everything_else_shows_through():
    class Ohm:
        def voltage(self, current_A):
            return 1000.0 * current_A

        def step(self, dt_s, current_A):
            pass

    device = Keithley2450(Terminals(Ohm()))
    wire = Faulty(device, {"drop": Fault(0.1)})
    assert wire.terminals is device.terminals
    assert wire.output_on is False
    assert wire.generation == 0
    wire.power_cycle(1.0)
    assert wire.generation == device.generation == 1
    with pytest.raises(AttributeError):
        _ = wire.nosuch
