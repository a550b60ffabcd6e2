"""The tutorial's driver on a small Rodeostat: order, switch, strictness."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from small_rodeostat import EMF_V, OHMS, Reply, SmallRodeostat

from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    InvalidReading,
    LinkLost,
    OutOfRange,
    OutputLost,
    OutputUnknown,
    WrongInstrument,
)
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Guard, Setpoint
from labctl_rodeostat.codec import request, response
from labctl_rodeostat.driver import Rodeostat

pytestmark = pytest.mark.virtual_time
GUARD = Guard(-0.5, 1.5, 1e-3)
HOLD = Setpoint("voltage", 0.5e-3, 0.5)
REST = Setpoint("rest")


@asynccontextmanager
async def on(device: SmallRodeostat, **options: Any) -> AsyncIterator[Rodeostat]:
    """Its driver, opened."""
    channel = Rodeostat(Link(MemoryTransport(device)), **options)
    try:
        await channel.open()
        yield channel
    finally:
        await channel.close()


def test_the_exchange_of_the_reference() -> None:
    assert json.loads(request("getVolt")) == {"command": "getVolt"}
    frame = b'{"success":true,"response":{"command":"getVolt","v":-0.000244}}'
    assert response(frame, "getVolt") == {"command": "getVolt", "v": -0.000244}
    assert response(frame, "getCurr") is None
    assert response(b"{}", "getVolt") is None
    assert response(b'{"t":10,"v":0.1,"i":-0.095238}', "getVolt") is None
    refused = b'{"success":false,"message":"command, X, not found","response":{"command":"X"}}'
    with pytest.raises(InstrumentRefused, match="not found"):
        response(refused, "X")
    for bad in (b"", b"[]", b'{"success":true}', b'{"success":1,"response":{}}', frame[:-1]):
        with pytest.raises(BadReply):
            response(bad, "getVolt")


async def test_who_is_there() -> None:
    device = SmallRodeostat()
    async with on(device, serial="7") as channel:
        opened = await channel.open()
        assert opened.identity.model == "Rodeostat 10V_microAmpV0.2"
        assert (opened.identity.serial, opened.identity.firmware) == ("7", "FW0.1.0")
        assert not opened.output_was_on
    assert all(each["command"].startswith("get") for each in device.commands)


@pytest.mark.parametrize(
    ("variant", "serial", "why"),
    [
        ("10V_microAmpV0.1", None, "no electrode switch"),
        ("10V_microAmpV0.2", "8", "device id 7"),
        ("something else", None, "no variant"),
    ],
)
async def test_what_is_refused_is_not_touched(variant: str, serial: str | None, why: str) -> None:
    device = SmallRodeostat()
    device.variant = variant
    device.connected = dict.fromkeys(device.connected, True)
    channel = Rodeostat(Link(MemoryTransport(device)), serial=serial)
    with pytest.raises(WrongInstrument, match=why):
        await channel.open()
    with pytest.raises(WrongInstrument):
        await channel.apply(HOLD, GUARD)
    with pytest.raises(OutputUnknown):
        await channel.safe()
    await channel.close()
    assert all(each["command"].startswith("get") for each in device.commands)
    assert device.connected["Ctr"]


def test_how_scan_knows_it() -> None:
    def frame(variant: str) -> bytes:
        said = {"command": "getVariant", "variant": variant}
        return json.dumps({"success": True, "response": said}).encode()

    assert Rodeostat.HELLO.line == request("getVariant")
    for variant, known in (("10V_24MilliAmpV0.2", True), ("10V_microAmpV0.1", False)):
        model = Rodeostat.HELLO.identity(frame(variant)).model
        assert (model in Rodeostat.MODELS) is known
    for other in (b"ACME,1,2,3", b"{}", b'{"success":false,"message":"no","response":{}}'):
        with pytest.raises(BadReply):
            Rodeostat.HELLO.identity(other)


async def test_a_hold_connects_the_counter_electrode_last() -> None:
    device = SmallRodeostat()
    async with on(device) as channel:
        await channel.apply(HOLD, GUARD)
        setting = [each for each in device.commands if each["command"].startswith("set")]
        assert [each["command"] for each in setting] == [
            "setCtrElectConnected",
            "setRefElectVoltRange",
            "setCurrRange",
            "setRefElectConnected",
            "setWrkElectConnected",
            "setVoltRange",
            "setVolt",
            "setCtrElectConnected",
        ]
        assert setting[5]["voltRange"] == "2V"
        assert setting[2]["currRange"] == "1000uA"
        reading = await channel.read()
        assert reading.voltage_V == pytest.approx(0.5, abs=2 * 2.0 / 4095)
        assert reading.current_A == pytest.approx((reading.voltage_V - EMF_V) / OHMS)
        assert reading.regulating == "voltage"
        await channel.safe()
        assert device.connected == {"Ref": False, "Ctr": False, "Wrk": False}


async def test_no_change_of_range_ever_multiplies_what_the_cell_feels() -> None:
    device = SmallRodeostat()
    async with on(device) as channel:
        for stop, guard in ((0.5, GUARD), (0.9, Guard(-1.0, 1.0, 1e-3)), (4.0, Guard(0, 5, 1e-3))):
            await channel.apply(Setpoint("voltage", 1e-3, stop), guard)
            assert device.set_V == pytest.approx(stop, abs=5e-3)
            assert guard.low_V <= min(device.presented) <= max(device.presented) <= stop + 5e-3
            device.presented.clear()
        await channel.safe()


async def test_rest_is_read_with_the_counter_electrode_off() -> None:
    device = SmallRodeostat()
    async with on(device) as channel:
        for setpoint in (REST, HOLD, REST):
            await channel.apply(setpoint, GUARD)
        assert device.connected == {"Ref": True, "Ctr": False, "Wrk": True}
        reading = await channel.read()
        assert (reading.voltage_V, reading.current_A) == (EMF_V, 0.0)
        assert (device.curr_range, reading.current_range_A) == ("1uA", 1e-6)
        await channel.safe()


async def test_a_connected_cell_is_told_and_left() -> None:
    device = SmallRodeostat()
    device.connected = dict.fromkeys(device.connected, True)
    async with on(device) as channel:
        assert (await channel.open()).output_was_on
        assert device.connected["Ctr"]
        # one electrode that is off makes `getAllElectConnected` say no
        device.connected["Ref"] = False
        assert (await channel.open()).output_was_on
        await channel.safe()
        assert not device.connected["Ctr"]


@pytest.mark.parametrize(
    "setpoint",
    [
        Setpoint("current", 1e-4),
        Setpoint("voltage", 1e-4),
        Setpoint("voltage", 1e-4, 1.6),
        Setpoint("voltage", 2e-3, 0.5),
        Setpoint("voltage", 0.0, 0.5),
        Setpoint("voltage", float("nan"), 0.5),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anything_is_sent(setpoint: Setpoint) -> None:
    device = SmallRodeostat()
    async with on(device) as channel:
        await channel.apply(HOLD, GUARD)
        sent = len(device.commands)
        with pytest.raises(OutOfRange):
            await channel.apply(setpoint, GUARD)
        assert len(device.commands) == sent
        await channel.read()
        await channel.safe()


def saying(command: str, key: str, value: Any) -> Callable[[str, list[Reply]], list[Reply]]:
    """Replies in which one value is another."""

    def answer(asked: str, replies: list[Reply]) -> list[Reply]:
        if asked != command:
            return replies
        ((when, data),) = replies
        reply = json.loads(data)
        reply["response"][key] = value
        return [(when, json.dumps(reply).encode() + b"\r\n")]

    return answer


@pytest.mark.parametrize(
    ("command", "key", "value"),
    [
        ("getRefVolt", "r", "0.5"),
        ("getRefVolt", "r", True),
        ("getRefVolt", "r", float("nan")),
        ("getRefVolt", "r", 10.0),
        ("getRefVolt", "r", -0.5),
        ("getCurr", "i", 1000.0),
        ("getCurr", "i", None),
        ("getCtrElectConnected", "connected", "yes"),
    ],
)
async def test_what_is_no_reading(command: str, key: str, value: Any) -> None:
    device = SmallRodeostat()
    async with on(device) as channel:
        await channel.apply(HOLD, GUARD)
        device.beside = saying(command, key, value)
        with pytest.raises(InvalidReading):
            await channel.read()
        device.beside = lambda _command, replies: replies
        await channel.read()
        await channel.safe()


async def test_lines_that_nobody_asked_for_are_passed_over() -> None:
    device = SmallRodeostat()
    async with on(device) as channel:
        await channel.apply(HOLD, GUARD)
        sample = b'{"t":10,"v":0.1,"i":-0.095238}\r\n'
        device.beside = lambda _command, replies: [(replies[0][0], sample + b"{}\r\n"), *replies]
        reading = await channel.read()
        assert reading.voltage_V == pytest.approx(0.5, abs=1e-3)
        await channel.safe()
        assert not device.connected["Ctr"]


async def test_a_switch_that_opened_by_itself_is_no_reading() -> None:
    device = SmallRodeostat()
    async with on(device) as channel:
        await channel.apply(HOLD, GUARD)
        device.connected["Ctr"] = False
        with pytest.raises(OutputLost):
            await channel.read()
        await channel.safe()


async def test_off_is_never_claimed_without_having_read_it() -> None:
    device = SmallRodeostat()
    async with on(device) as channel:
        await channel.apply(HOLD, GUARD)
        device.beside = saying("getCtrElectConnected", "connected", True)
        with pytest.raises(OutputUnknown):
            await channel.safe()
        device.beside = lambda _command, _replies: []
        with pytest.raises((OutputUnknown, LinkLost)):
            await channel.safe()
        # heard all the same
        assert not device.connected["Ctr"]
