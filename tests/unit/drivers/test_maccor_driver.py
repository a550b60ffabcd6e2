"""A Maccor channel on a small tester: what is sent, in which order and when; what is believed."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from small_tester import EMF_V, OHMS, Reply, SmallTester

from labctl_drivers.errors import (
    InstrumentRefused,
    InvalidReading,
    OutOfRange,
    OutputLost,
    OutputUnknown,
    WrongInstrument,
)
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.maccor import Maccor
from labctl_drivers.vocabulary import Guard, Setpoint

pytestmark = pytest.mark.virtual_time
GUARD = Guard(-0.5, 1.5, 5e-3)
CHARGE = Setpoint("current", 2e-3, 1.0)
DISCHARGE = Setpoint("current", -1e-3, 0.0)
REST = Setpoint("rest")
BAND_V = 2 * 0.0005 * 5.0
"""Twice 0.05 % of 5 V: by which the tester's set and measured voltages may differ."""


@asynccontextmanager
async def on(tester: SmallTester, channels: int = 1, **options: Any) -> AsyncIterator[Any]:
    """Channels 1 and up of one tester on one link, opened."""
    link = Link(MemoryTransport(tester))
    made = [Maccor(link, channel=place, **options) for place in range(1, channels + 1)]
    try:
        for each in made:
            await each.open()
        yield made[0] if channels == 1 else made
    finally:
        for each in made:
            await each.close()


def functions(tester: SmallTester) -> list[tuple[int, int]]:
    return [function for _, function, _, _ in tester.requests if function != (4, 7)]


# ---- what is sent --------------------------------------------------------------------------


async def test_who_is_there() -> None:
    tester = SmallTester()
    channel = Maccor(Link(MemoryTransport(tester)), serial="Cell 7")
    opened = await channel.open()
    await channel.close()
    assert opened.identity.serial == "Cell 7"
    assert opened.identity.firmware == "MacTest32 3.2.18"
    assert not opened.output_was_on
    assert set(functions(tester)) == {(1, 1), (1, 2)}


@pytest.mark.parametrize("options", [{"serial": "Cell 8"}, {"channel": 9}])
async def test_what_is_not_there_is_refused(options: dict[str, Any]) -> None:
    tester = SmallTester()
    channel = Maccor(Link(MemoryTransport(tester)), **options)
    with pytest.raises(WrongInstrument):
        await channel.open()
    with pytest.raises(WrongInstrument):
        await channel.apply(CHARGE, GUARD)
    with pytest.raises(OutputUnknown):
        await channel.safe()
    await channel.close()
    assert set(functions(tester)) <= {(1, 1), (1, 2)}


async def test_limits_come_before_the_start_and_the_start_drives_nothing() -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(CHARGE, GUARD)
        # the start may have forgotten them
        assert functions(tester)[-4:] == [(6, 10), (6, 7), (6, 10), (6, 8)]
        (_, limits), _ = tester.of((6, 10))
        assert limits["VSafeMax"] == pytest.approx(1.5 + BAND_V)
        assert limits["VSafeMin"] == pytest.approx(-0.5 - BAND_V)
        # twice 0.05 % of the 5 mA range
        assert limits["ISafeChg"] == limits["ISafeDis"] == pytest.approx(5e-3 + 5e-6)
        assert limits["PBatSafeChg"] == limits["PBatSafeDis"] > 1.5 * 5e-3
        ((_, start),) = tester.of((6, 7))
        assert (start["Current"], start["ChMode"], start["TestName"]) == (0.0, "C", "Random")
        assert -5.0 <= start["Voltage"] <= 5.0
        ((_, output),) = tester.of((6, 8))
        assert (output["Current"], output["ChMode"]) == (2e-3, "C")
        assert output["Voltage"] == pytest.approx(1.0 + BAND_V)
        assert output["CurrentRange"] == 2
        assert (output["Power"], output["Resistance"]) == (65536.0, 0.0)
        assert await channel.limits_read_back() == {
            "voltage_max_V": limits["VSafeMax"],
            "voltage_min_V": limits["VSafeMin"],
            "charge_current_A": limits["ISafeChg"],
            "discharge_current_A": limits["ISafeDis"],
        }
        await channel.apply(DISCHARGE, GUARD)
        _, (_, output) = tester.of((6, 8))
        assert (output["Current"], output["ChMode"]) == (1e-3, "D")
        assert output["Voltage"] == pytest.approx(-BAND_V)
        # nothing about the limits has changed
        assert len(tester.of((6, 10))) == 3
        await channel.safe()


@pytest.mark.parametrize(
    ("current_A", "number"), [(20e-6, 1), (150e-6, 1), (151e-6, 2), (5e-3, 2), (6e-3, 3), (0.2, 4)]
)
async def test_the_smallest_range_that_holds_the_current(current_A: float, number: int) -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(Setpoint("current", current_A, 1.0), Guard(-0.5, 1.5, 1.0))
        assert tester.of((6, 8))[-1][1]["CurrentRange"] == number
        await channel.safe()


@pytest.mark.parametrize("first", [0, 1, 2])
async def test_rest_is_a_packet_and_the_limits_of_a_rest_are_the_channels(first: int) -> None:
    tester = SmallTester()
    tester.first_packet_channel = first
    async with on(tester, channels=2, first_packet_channel=str(first)) as (_, channel):
        await channel.apply(REST, GUARD)
        ((_, packet),) = tester.packets
        assert packet[4] == 1 + first
        assert packet[-1:] == b"R"
        limits = tester.channels[1].limits
        assert (limits["VSafeMin"], limits["VSafeMax"]) == (-5.0, 5.0)
        reading = await channel.read()
        assert (reading.current_A, reading.voltage_V) == (0.0, EMF_V)
        await channel.safe()


async def test_a_rest_of_the_wrong_channel_is_noticed() -> None:
    tester = SmallTester()
    async with on(tester, channels=2) as (channel, _):
        await channel.apply(CHARGE, GUARD)
        tester.first_packet_channel = -1
        tester.channels[1].stat = 2
        with pytest.raises(InstrumentRefused, match="first_packet_channel"):
            await channel.apply(REST, GUARD)
        await channel.safe()
        assert tester.channels[0].stat == 0


async def test_a_narrower_limit_of_the_current_waits_for_a_rest() -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(CHARGE, GUARD)
        assert tester.packets == []
        changed = await channel.apply(Setpoint("current", 0.5e-3, 1.0), Guard(-0.5, 1.5, 1e-3))
        ((rested_s, _),) = tester.packets
        limited_s, limits = tester.of((6, 10))[-1]
        driven_s, _ = tester.of((6, 8))[-1]
        assert rested_s < limited_s < driven_s
        assert limits["ISafeChg"] == pytest.approx(1e-3 + 5e-6)
        assert changed.time_s - changed.time_error_s <= rested_s
        assert changed.time_s + changed.time_error_s >= driven_s
        await channel.safe()


async def test_a_cell_outside_its_limits_is_driven_back_without_a_trip() -> None:
    tester = SmallTester()
    low = Guard(-0.5, 0.2, 5e-3)  # the cell stands at 0.3 V
    async with on(tester) as channel:
        await channel.apply(Setpoint("current", -1e-3, 0.0), low)
        limits = tester.channels[0].limits
        assert limits["VSafeMax"] == 5.0
        assert limits["VSafeMin"] == pytest.approx(-0.5 - BAND_V)
        await channel.safe()


@pytest.mark.parametrize("voltage_V", [6.0, -9.9e37])
async def test_a_voltage_that_is_none_widens_no_limit(voltage_V: float) -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        tester.answer = changing("Voltage", voltage_V)
        with pytest.raises(InvalidReading):
            await channel.apply(CHARGE, GUARD)
        assert tester.of((6, 10)) == tester.of((6, 7)) == []


async def test_a_hold_takes_the_side_that_the_cell_needs_and_changes_it() -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(Setpoint("voltage", 2e-3, 0.2), GUARD)
        assert tester.channels[0].mode == "D"
        assert (await channel.read()).current_A == pytest.approx(-1e-3)
        await channel.apply(Setpoint("voltage", 2e-3, 0.35), GUARD)
        assert tester.channels[0].mode == "C"
        # a channel that charges cannot hold a cell that has risen by itself
        tester.channels[0].emf_V = 0.4
        assert (await channel.read()).current_A == 0.0
        assert tester.channels[0].mode == "D"
        held = await channel.read()
        assert held.current_A == pytest.approx(-0.5e-3)
        assert (held.voltage_V, held.regulating) == (pytest.approx(0.35), "voltage")
        await channel.safe()


async def test_a_hold_after_a_drive_takes_the_side_that_the_cell_needs() -> None:
    """While 4 mA discharge it, the cell shows -0.1 V and seems to need a charge to 0.2 V."""
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(Setpoint("current", -4e-3), GUARD)
        assert (await channel.read()).voltage_V == pytest.approx(-0.1)
        changed = await channel.apply(Setpoint("voltage", 2e-3, 0.2), GUARD)
        reading = await channel.read()
        assert (reading.voltage_V, reading.current_A) == (pytest.approx(0.2), pytest.approx(-1e-3))
        (first_s, first), (last_s, last) = tester.of((6, 8))[-2:]
        assert (first["ChMode"], last["ChMode"]) == ("C", "D")
        assert changed.time_s - changed.time_error_s <= first_s
        assert changed.time_s + changed.time_error_s >= last_s
        await channel.safe()


# ---- what is believed ----------------------------------------------------------------------


def changing(key: str, value: Any) -> Callable[[Any, list[Reply]], list[Reply]]:
    """Replies in which one value of the result is another."""

    def answer(_message: Any, replies: list[Reply]) -> list[Reply]:
        ((when, data),) = replies
        reply = json.loads(data)
        if key in reply["result"]:
            reply["result"][key] = value
        return [(when, json.dumps(reply).encode() + b"\r\n")]

    return answer


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Voltage", "0.5"),
        ("Voltage", True),
        ("Voltage", None),
        ("Voltage", float("nan")),
        ("Voltage", float("inf")),
        ("Voltage", 5.6),
        ("Current", 2.3e-3),
        ("Current", -9.9e37),
        ("Chan", 1),
        ("FNum", 1),
        ("Stat", 99),
    ],
)
async def test_what_is_no_reading(key: str, value: Any) -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(CHARGE, GUARD)
        tester.answer = changing(key, value)
        with pytest.raises(InvalidReading):
            await channel.read()
        tester.answer = lambda _m, replies: replies
        assert (await channel.read()).current_A == 2e-3
        await channel.safe()


@pytest.mark.parametrize(
    ("stat", "name"), [(3, "Suspended by its watchdog"), (5, "Problem$"), (9, "Power failure$")]
)
async def test_a_test_that_the_tester_ended_is_no_reading(stat: int, name: str) -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(CHARGE, GUARD)
        tester.channels[0].stat = stat
        with pytest.raises(OutputLost, match=name):
            await channel.read()
        with pytest.raises(OutputLost, match=name):
            await channel.apply(DISCHARGE, GUARD)
        await channel.safe()


@pytest.mark.parametrize("key", ["VSafeMax", "VSafeMin", "ISafeChg", "ISafeDis", "PBatSafeDis"])
async def test_limits_that_come_back_otherwise_keep_the_output_off(key: str) -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        tester.answer = changing(key, 4.9)
        with pytest.raises(InstrumentRefused, match=key):
            await channel.apply(CHARGE, GUARD)
        assert tester.channels[0].stat == 0
        assert tester.of((6, 7)) == []


async def test_a_magnitude_gets_the_sign_of_what_was_set() -> None:
    tester = SmallTester()
    async with on(tester, status_current="magnitude") as channel:
        await channel.apply(DISCHARGE, GUARD)
        tester.answer = changing("Current", 1e-3)
        assert (await channel.read()).current_A == -1e-3
        await channel.safe()


async def test_a_reply_that_comes_late_answers_nothing_else() -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(CHARGE, GUARD)
        late: list[bytes] = []

        def hold_back(_message: Any, replies: list[Reply]) -> list[Reply]:
            late.append(replies[0][1])
            return []

        tester.answer = hold_back
        reading = asyncio.create_task(channel.read())
        await asyncio.sleep(0.5)
        reading.cancel()
        await asyncio.wait([reading])
        # now another current, and the old status comes just before the right one
        tester.channels[0].current_A = 1e-3
        tester.answer = lambda _m, replies: [(replies[0][0], late[0]), *replies]
        assert (await channel.read()).current_A == 1e-3
        await channel.safe()


# ---- time ----------------------------------------------------------------------------------


async def test_direct_commands_are_not_sent_too_fast() -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        for setpoint in (CHARGE, DISCHARGE, REST, CHARGE):
            await channel.apply(setpoint, GUARD)
        sent = sorted(
            [when for function in ((6, 7), (6, 8)) for when, _ in tester.of(function)]
            + [when for when, _ in tester.packets]
        )
        assert len(sent) == 5
        assert min(b - a for a, b in pairwise(sent)) >= 0.1
        await channel.safe()


async def test_a_tester_that_counts_for_all_its_channels_is_asked_again() -> None:
    tester = SmallTester()
    for each in tester.channels[1:]:
        each.__class__ = type("Shared", (type(each),), {"direct_s": _shared(tester)})
    async with on(tester, channels=8) as channels:
        await asyncio.gather(*(each.apply(CHARGE, GUARD) for each in channels))
        assert [each.flowing_A() for each in tester.channels] == [2e-3] * 8
        for each in channels:
            await each.safe()


def _shared(tester: SmallTester) -> property:
    first = tester.channels[0]
    return property(
        lambda _self: first.direct_s, lambda _self, when: setattr(first, "direct_s", when)
    )


async def test_eight_channels_at_once_through_one_link() -> None:
    tester = SmallTester()
    async with on(tester, channels=8) as channels:
        currents = [(-1) ** place * (place + 1) * 1e-4 for place in range(8)]
        setpoints = [Setpoint("current", current) for current in currents]
        await asyncio.gather(*(c.apply(s, GUARD) for c, s in zip(channels, setpoints, strict=True)))
        for _ in range(5):
            readings = await asyncio.gather(*(channel.read() for channel in channels))
            assert [each.current_A for each in readings] == pytest.approx(currents)
            assert [each.voltage_V for each in readings] == pytest.approx(
                [EMF_V + OHMS * current for current in currents]
            )
        await channels[3].safe()
        assert [each.stat for each in tester.channels] == [2, 2, 2, 0, 2, 2, 2, 2]
        for each in channels:
            await each.safe()
        assert [each.stat for each in tester.channels] == [0] * 8


@pytest.mark.parametrize("setpoint", [CHARGE, REST])
async def test_the_watchdog_is_fed_while_somebody_reads(setpoint: Setpoint) -> None:
    tester = SmallTester()
    async with on(tester, watchdog_s=6.0) as channel:
        await channel.apply(setpoint, GUARD)
        for _ in range(6):
            await asyncio.sleep(20.0)
            await channel.read()
        fed = [when for when, _ in (tester.packets if setpoint is REST else tester.of((6, 8)))]
        assert max(b - a for a, b in pairwise(fed)) <= 3.0
        assert fed[-1] - fed[0] > 115.0
        await channel.safe()
        after = len(tester.requests), len(tester.packets)
        await asyncio.sleep(100.0)
        assert (len(tester.requests), len(tester.packets)) == after


@pytest.mark.parametrize(("setpoint", "patience_s"), [(CHARGE, 30.0), (REST, 180.0)])
async def test_a_channel_that_nobody_reads_is_left_to_the_watchdog(
    setpoint: Setpoint, patience_s: float
) -> None:
    tester = SmallTester()
    async with on(tester, watchdog_s=6.0) as channel:
        await channel.apply(setpoint, GUARD)
        begin_s = asyncio.get_running_loop().time()
        await asyncio.sleep(1000.0)
        fed = [when for when, _ in (tester.packets if setpoint is REST else tester.of((6, 8)))]
        assert patience_s - 3.0 <= fed[-1] - begin_s <= patience_s
        # whoever comes back in time is vouched for again
        await channel.read()
        await asyncio.sleep(5.0)
        again = tester.packets if setpoint is REST else tester.of((6, 8))
        assert len(again) > len(fed)
        await channel.safe()


async def test_without_a_watchdog_nothing_is_repeated() -> None:
    tester = SmallTester()
    async with on(tester, watchdog_s=0.0) as channel:
        await channel.apply(CHARGE, GUARD)
        await asyncio.sleep(100.0)
        assert len(tester.of((6, 8))) == 1
        await channel.safe()


# ---- off -----------------------------------------------------------------------------------


async def test_a_test_of_somebody_else_is_told_and_not_touched() -> None:
    tester = SmallTester()
    tester.channels[0].stat = 2
    async with on(tester) as channel:
        assert (await channel.open()).output_was_on
        with pytest.raises(InstrumentRefused, match="Active, not by labctl"):
            await channel.apply(CHARGE, GUARD)
        assert tester.channels[0].stat == 2
        assert tester.of((6, 5)) == []
        await channel.safe()
        assert tester.channels[0].stat == 0


async def test_a_test_that_somebody_began_meanwhile_is_left_alone() -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        assert not (await channel.open()).output_was_on
        await channel.apply(CHARGE, GUARD)
        await channel.safe()
        resets = len(tester.of((6, 5)))
        tester.channels[0].stat = 2
        with pytest.raises(InstrumentRefused, match="Active, not by labctl"):
            await channel.apply(CHARGE, GUARD)
        with pytest.raises(OutputUnknown, match="Active, not by labctl, and is left alone"):
            await channel.safe()
        assert (tester.channels[0].stat, len(tester.of((6, 5)))) == (2, resets)
        tester.channels[0].stat = 4
        await channel.safe()


@pytest.mark.parametrize("stat", [0, 1, 3, 4, 5])
async def test_safe_leaves_alone_what_is_off(stat: int) -> None:
    tester = SmallTester()
    tester.channels[0].stat = stat
    async with on(tester) as channel:
        for _ in range(2):
            await channel.safe()
        assert tester.of((6, 5)) == []
        assert tester.channels[0].stat == stat


@pytest.mark.parametrize("stat", [2, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16])
async def test_a_state_that_is_not_off_is_never_called_off(stat: int) -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(CHARGE, GUARD)
        tester.answer = changing("Stat", stat)
        with pytest.raises(OutputUnknown):
            await channel.safe()
        tester.answer = lambda _m, replies: replies
        await channel.safe()


async def test_a_suspended_test_is_reset_by_the_first_step() -> None:
    tester = SmallTester()
    tester.channels[0].stat = 3
    async with on(tester) as channel:
        await channel.apply(CHARGE, GUARD)
        assert len(tester.of((6, 5))) == 1
        assert tester.channels[0].flowing_A() == 2e-3
        await channel.safe()


@pytest.mark.parametrize(
    ("setpoint", "guard"),
    [
        (Setpoint("current", 10e-3), GUARD),
        (Setpoint("current", 0.0), GUARD),
        (Setpoint("current", 2e-3, 1.6), GUARD),
        (Setpoint("current", float("nan")), GUARD),
        (Setpoint("voltage", 1e-3), GUARD),
        (Setpoint("sweep", 1e-3), GUARD),
        (Setpoint("current", 6.0), Guard(-0.5, 1.5, 7.0)),
        (REST, Guard(-6.0, 1.0, 1e-3)),
        (REST, Guard(1.0, -1.0, 1e-3)),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anything_is_sent(
    setpoint: Setpoint, guard: Guard
) -> None:
    tester = SmallTester()
    async with on(tester) as channel:
        await channel.apply(CHARGE, GUARD)
        sent = len(tester.requests)
        with pytest.raises(OutOfRange):
            await channel.apply(setpoint, guard)
        assert len(tester.requests) == sent
        assert (await channel.read()).current_A == 2e-3
        await channel.safe()
