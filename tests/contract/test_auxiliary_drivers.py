"""What every auxiliary's driver must do, tried on its simulated instrument, whoever made it.

In memory and in virtual time. The simulated sensors are exact (`instrument_error` 0).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

import pytest

from labctl_drivers.auxiliary import Auxiliary, Scanned, Temperature
from labctl_drivers.errors import (
    BadReply,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    LinkLost,
    LinkTimeout,
    OutOfRange,
    WrongInstrument,
)
from labctl_drivers.link import Link, MemoryTransport, make_transport

pytestmark = pytest.mark.virtual_time
Replies = list[tuple[float, bytes]]
ZERO_K = 273.15
ROOM_K = 298.15


@dataclass(frozen=True)
class Kind:
    """One driver: its channels, the query that measures, and how exactly it tells what it saw."""

    channels: tuple[int, ...]
    measures: bytes
    within_K: float


KINDS = {
    "daq6510": Kind((101, 104, 110), b"TRAC:DATA?", 0.005),
    "keysight-34970a": Kind((101, 104, 110), b"READ?", 0.005),
    "espec": Kind((1,), b"TEMP?", 0.051),
}
AUXILIARIES = sorted(
    found.name
    for found in entry_points(group="labctl.drivers")
    if getattr(found.load(), "PORT", "channel") == "auxiliary"
)
SCANNERS = [name for name in AUXILIARIES if name != "espec"]
NEVER_ON_THE_WIRE = (b"*RST", b"*TST", b"SYST:PRES", b"POWER", b"PRGM", b"MODE,OFF", b"ROUT:CLOS")


def load(group: str, name: str) -> Any:
    (found,) = entry_points(group=group, name=name)
    return found.load()


class Place:
    """Somewhere whose temperature a test sets; NaN: the sensor there is broken."""

    def __init__(self, kelvin: float = ROOM_K) -> None:
        self.kelvin = kelvin

    def temperature_K(self, _now: float) -> float:
        return self.kelvin


@dataclass
class Wire:
    """The instrument behind a wire; `change` makes of a line's replies what arrives."""

    firmware: Any
    change: Callable[[bytes, Replies], Replies] = lambda _line, replies: replies
    cut: bool = False
    written: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes, now: float) -> Replies:
        if self.cut:
            raise LinkLost("unplugged")
        self.written.append(data)
        return self.change(data, self.firmware.feed(data, now))


@dataclass
class Bench:
    """A driver on the wire of its instrument, and what there is to measure."""

    name: str
    aux: Auxiliary
    wire: Wire
    places: dict[int, Place]

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    def truth_K(self, channel: int) -> float:
        if self.name == "espec":
            now = asyncio.get_running_loop().time()
            return float(self.wire.firmware.air.temperature_K(now))
        return self.places[channel].kelvin

    def check(self, scanned: Scanned) -> None:
        """Each channel once, as it is now."""
        assert sorted(scanned) == sorted(self.kind.channels)
        for channel, found in scanned.items():
            assert isinstance(found, Temperature), found
            assert found.temperature_K == pytest.approx(
                self.truth_K(channel), abs=self.kind.within_K
            )


@asynccontextmanager
async def bench(name: str, **options: Any) -> AsyncIterator[Bench]:
    """Not opened yet; at the end the wire is searched for what must never be on it."""
    kind = KINDS[name]
    places = {channel: Place(ROOM_K + channel - 105) for channel in kind.channels}
    exact = {} if name == "espec" else {"probes": places}
    wire = Wire(load("labctl.simulators", name)(**exact, instrument_error=0.0))
    aux = load("labctl.drivers", name)(
        Link(MemoryTransport(wire)),
        **{"channels": kind.channels, **options},
    )
    try:
        yield Bench(name, aux, wire, places)
    finally:
        await aux.close()
        written = b"\n".join(wire.written).upper()
        assert not [word for word in NEVER_ON_THE_WIRE if word in written]


def of_query(kind: Kind, change: Callable[[Replies], Replies]) -> Callable[[bytes, Replies], Any]:
    """What is done to the replies to the measuring query alone."""
    return lambda line, replies: change(replies) if line.startswith(kind.measures) else replies


# ---- open -------------------------------------------------------------------------------------


def test_every_auxiliary_is_here() -> None:
    assert sorted(KINDS) == AUXILIARIES


@pytest.mark.parametrize("name", AUXILIARIES)
async def test_opening_says_who_is_there(name: str) -> None:
    async with bench(name) as b:
        found = await b.aux.open()
        assert found.model in type(b.aux).MODELS
        assert found == await b.aux.open()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("daq6510", b"DAQ6510", b"DMM6500"),
        ("keysight-34970a", b"34970A", b"34980A"),
        ("espec", b",P300,", b","),
        ("espec", b"T,", b"K: "),
    ],
)
async def test_another_model_is_refused_and_nothing_was_changed_on_it(name, old, new) -> None:
    async with bench(name) as b:
        b.wire.change = lambda _, replies: [(t, data.replace(old, new)) for t, data in replies]
        with pytest.raises((WrongInstrument, BadReply, LinkError)):
            await b.aux.open()
        assert all(b"?" in line for line in b.wire.written), b.wire.written


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("daq6510", {"serial": "1"}),
        ("keysight-34970a", {"serial": "1"}),
        ("espec", {"controller": "SCP-220"}),
    ],
)
async def test_another_instrument_than_the_bench_names_is_refused(name, options) -> None:
    async with bench(name, **options) as b:
        with pytest.raises(WrongInstrument):
            await b.aux.open()
        assert all(b"?" in line for line in b.wire.written)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("daq6510", {"channels": ()}),
        ("daq6510", {"channels": (1,)}),
        ("daq6510", {"every_s": 60.0}),
        ("keysight-34970a", {"channels": (341,)}),
        ("espec", {"channels": (2,)}),
        ("espec", {"serial": "1"}),
        ("espec", {"address": 100}),
    ],
)
async def test_what_cannot_be_is_refused_before_a_link_is_opened(name, options) -> None:
    with pytest.raises(ValueError, match=r"channel|every_s|serial|address"):
        async with bench(name, **options):
            pass


# ---- read -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AUXILIARIES)
async def test_all_channels_in_one_go_as_they_are_and_when(name: str) -> None:
    async with bench(name) as b:
        await b.aux.open()
        for shift_K in (0.0, 30.0, -70.0):
            for place in b.places.values():
                place.kelvin += shift_K
            before_s = asyncio.get_running_loop().time()
            count = len(b.wire.written)
            scanned = await b.aux.read()
            after_s = asyncio.get_running_loop().time()
            b.check(scanned)
            assert sum(line.startswith(b.kind.measures) for line in b.wire.written[count:]) == 1
            for found in scanned.values():
                assert isinstance(found, Temperature)
                assert before_s <= found.time_s <= after_s
                assert found.time_error_s <= after_s - before_s


@pytest.mark.parametrize("name", SCANNERS)
async def test_a_broken_thermocouple_is_no_number_and_the_others_are(name: str) -> None:
    async with bench(name) as b:
        await b.aux.open()
        b.places[104].kelvin = float("nan")
        scanned = await b.aux.read()
        assert isinstance(scanned[104], InvalidReading)
        for channel in (101, 110):
            found = scanned[channel]
            assert isinstance(found, Temperature)
            assert found.temperature_K == pytest.approx(b.truth_K(channel), abs=b.kind.within_K)


@pytest.mark.parametrize(
    ("name", "reply", "valid"),
    [
        ("daq6510", b"2.5E+01,0,101,9.91E+37,1,104,2.5E+01,2,110\n", (101, 110)),
        ("daq6510", b"2.5E+01,0,101,-9.9E+37,1,104,1.5E+03,2,110\n", (101,)),
        (
            "keysight-34970a",
            b"+2.50000000E+01 C,0.1,101,-9.90000000E+37 C,0.2,104,+1.50000000E+03 C,0.3,110\n",
            (101,),
        ),
        ("espec", b"999.9,25.0,150.0,-40.0\r\n", ()),
        ("espec", b"-273.0,25.0,150.0,-40.0\r\n", ()),
    ],
)
async def test_a_sentinel_and_what_no_sensor_measures_are_no_numbers(name, reply, valid) -> None:
    async with bench(name) as b:
        await b.aux.open()
        b.wire.change = of_query(b.kind, lambda replies: [(replies[-1][0], reply)])
        scanned = await b.aux.read()
        assert tuple(c for c, found in scanned.items() if isinstance(found, Temperature)) == valid
        for channel in valid:
            found = scanned[channel]
            assert isinstance(found, Temperature)
            assert found.temperature_K == pytest.approx(ZERO_K + 25.0)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("daq6510", b"2.5E+01,0,101,2.5E+01,1,104\n"),
        ("daq6510", b"2.5E+01,0,101,2.5E+01,1,104,2.5E+01,2,111\n"),
        ("daq6510", b"2.5E+01,0,101,2.5E+01,1,104,2.5E+01,2,11\n"),
        ("daq6510", b"nan,0,101,2.5E+01,1,104,2.5E+01,2,110\n"),
        ("daq6510", b"KEITHLEY INSTRUMENTS,MODEL DAQ6510,1,1\n"),
        ("keysight-34970a", b"+2.50000000E+01,0.1,101,+2.5E+01,0.2,104,+2.5E+01,0.3,110\n"),
        (
            "keysight-34970a",
            b"+2.50000000E+01 C,0.1,101,+7.70000000E+01 F,0.2,104,+2.50000000E+01 C,0.3,110\n",
        ),
        ("keysight-34970a", b"+2.5000 C,0.1,101,+2.5000 C,0.2,104,+2.5000 C,0.3,110\n"),
        ("espec", b"25.0,25.0,150.0\r\n"),
        ("espec", b"25,25.0,150.0,-40.0\r\n"),
        ("espec", b"OK:TEMP\r\n"),
        ("espec", b"\xff\xfe25.0,25.0,150.0,-40.0\r\n"),
    ],
)
async def test_a_reply_of_another_form_is_no_reading_and_the_next_one_is(name, reply) -> None:
    async with bench(name) as b:
        await b.aux.open()
        b.wire.change = of_query(b.kind, lambda replies: [(replies[-1][0], reply)])
        with pytest.raises(BadReply):
            await b.aux.read()
        count = len(b.wire.written)
        b.wire.change = lambda _line, replies: replies
        b.check(await b.aux.read())
        # its place is found again before anything else is asked
        assert b.wire.written[count].rstrip() in (b"*IDN?", b"TYPE?")


@pytest.mark.parametrize("name", AUXILIARIES)
async def test_a_reply_cut_short_anywhere_is_no_reading(name: str) -> None:
    async with bench(name) as b:
        await b.aux.open()
        whole: list[bytes] = []

        def cut(replies: Replies) -> Replies:
            whole.append(b"".join(data for _, data in replies).rstrip())
            return [(replies[-1][0], whole[-1][:length] + b"\r\n")]

        b.wire.change = of_query(b.kind, cut)
        length = 10**6
        b.check(await b.aux.read())
        for short in range(1, len(whole[0]), 5):
            length = len(whole[-1]) - short
            with pytest.raises(InstrumentError):
                await b.aux.read()


# ---- links ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AUXILIARIES)
async def test_without_a_reply_the_read_fails_and_the_next_one_is_true(name: str) -> None:
    async with bench(name) as b:
        await b.aux.open()
        b.wire.change = of_query(b.kind, lambda _: [])
        with pytest.raises(LinkTimeout):
            await b.aux.read()
        b.wire.change = lambda _line, replies: replies
        b.check(await b.aux.read())


@pytest.mark.parametrize("name", AUXILIARIES)
async def test_a_late_reply_never_answers_the_next_query(name: str) -> None:
    async with bench(name) as b:
        await b.aux.open()
        for late_s in (2.0, 3.0, 3.2, 3.5, 3.8, 4.0, 5.0):
            until_s = 0.0

            def late(line: bytes, replies: Replies, late_s: float = late_s) -> Replies:
                nonlocal until_s
                if line.startswith(b.kind.measures):
                    until_s = replies[-1][0] + late_s
                # a wire keeps the order
                return [(max(when, until_s), data) for when, data in replies]

            b.wire.change = late
            with contextlib.suppress(LinkError):
                b.check(await b.aux.read())
            b.wire.change = lambda _line, replies: replies
            for place in b.places.values():
                place.kelvin += 1.0
            if b.aux.SETTABLE:
                await asyncio.sleep(1000)
            await b.aux.open()
            b.check(await b.aux.read())


@pytest.mark.parametrize("name", AUXILIARIES)
async def test_unplugged_and_plugged_in_again(name: str) -> None:
    async with bench(name) as b:
        await b.aux.open()
        b.wire.cut = True
        with pytest.raises(LinkLost):
            await b.aux.read()
        with pytest.raises(LinkLost):
            await b.aux.open()
        b.wire.cut = False
        await b.aux.open()
        b.check(await b.aux.read())


@pytest.mark.parametrize("name", AUXILIARIES)
async def test_cancelled_anywhere_it_can_be_opened_and_read_again(name: str) -> None:
    async with bench(name) as b:
        await b.aux.open()
        for turns in range(0, 40, 3):
            task = asyncio.create_task(_open_and_read(b.aux))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            await b.aux.open()
            b.check(await b.aux.read())


async def _open_and_read(aux: Auxiliary) -> Scanned:
    await aux.open()
    return await aux.read()


@pytest.mark.parametrize("name", AUXILIARIES)
async def test_an_instrument_that_was_off_for_a_while_is_set_up_again(name: str) -> None:
    async with bench(name) as b:
        await b.aux.open()
        exact = {} if name == "espec" else {"probes": b.places}
        b.wire.firmware = load("labctl.simulators", name)(**exact, instrument_error=0.0)
        if name in SCANNERS:
            with pytest.raises((InstrumentError, LinkError)):
                await b.aux.read()
        await b.aux.open()
        b.check(await b.aux.read())


@pytest.mark.parametrize("serve", ["tcp", "pty"])
@pytest.mark.parametrize("name", AUXILIARIES)
def test_over_a_socket_and_a_serial_port(name: str, serve: str) -> None:
    """On a clock that is real: what other processes would see."""
    if serve == "pty":
        pty_port = pytest.importorskip("labctl_simulators.servers.pty_port")
        serving = pty_port.serve_pty
    else:
        from labctl_simulators.servers.tcp import serve_tcp

        def serving(firmware: Any, speed: float) -> Any:
            return serve_tcp(firmware, "127.0.0.1", 0, speed)

    async def served() -> None:
        kind = KINDS[name]
        places = {channel: Place(ROOM_K + channel - 105) for channel in kind.channels}
        exact = {} if name == "espec" else {"probes": places}
        firmware = load("labctl.simulators", name)(**exact, instrument_error=0.0)
        driver = load("labctl.drivers", name)
        link = getattr(driver, "LINK_SETTINGS", {}) if serve == "pty" else {}
        async with serving(firmware, 1.0) as resource:
            aux = driver(Link(make_transport(resource, **link)), channels=kind.channels)
            try:
                await aux.open()
                scanned = await aux.read()
                for channel, found in scanned.items():
                    assert isinstance(found, Temperature)
                    if name != "espec":
                        truth_K = places[channel].kelvin
                        assert found.temperature_K == pytest.approx(truth_K, abs=kind.within_K)
            finally:
                await aux.close()

    asyncio.run(served())


# ---- set --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCANNERS)
async def test_a_scanner_sets_nothing(name: str) -> None:
    async with bench(name) as b:
        assert type(b.aux).SETTABLE is False
        await b.aux.open()
        before = len(b.wire.written)
        with pytest.raises(OutOfRange):
            await b.aux.set_temperature(101, ROOM_K)
        assert len(b.wire.written) == before


def changes(lines: Sequence[bytes]) -> list[bytes]:
    """What was sent beside queries."""
    return [line for line in lines if b"?" not in line]


async def test_a_chamber_takes_a_temperature_reads_it_back_and_goes_there() -> None:
    async with bench("espec", start=True) as b:
        await b.aux.open()
        assert await b.aux.set_temperature(1, ZERO_K + 40.04) == pytest.approx(ZERO_K + 40.0)
        assert changes(b.wire.written) == [b"TEMP, S40.0\r\n", b"MODE,CONSTANT\r\n"]
        await asyncio.sleep(4 * 3600)
        scanned = await b.aux.read()
        b.check(scanned)
        assert b.truth_K(1) == pytest.approx(ZERO_K + 40.0, abs=0.5)
        assert await b.aux.set_temperature(1, ZERO_K - 10.0) == pytest.approx(ZERO_K - 10.0)
        assert changes(b.wire.written)[2:] == [b"TEMP, S-10.0\r\n"]


async def test_a_chamber_that_nobody_started_is_left_alone() -> None:
    async with bench("espec") as b:
        await b.aux.open()
        with pytest.raises(InstrumentRefused, match="start"):
            await b.aux.set_temperature(1, ZERO_K + 40.0)
        assert changes(b.wire.written) == []


@pytest.mark.parametrize("degC", [150.1, -40.1, 1000.0])
async def test_what_is_out_of_the_chamber_s_range_is_never_sent(degC: float) -> None:
    async with bench("espec", start=True) as b:
        await b.aux.open()
        with pytest.raises(OutOfRange):
            await b.aux.set_temperature(1, ZERO_K + degC)
        assert changes(b.wire.written) == []


async def test_a_program_that_runs_is_not_disturbed() -> None:
    async with bench("espec", start=True) as b:
        await b.aux.open()
        b.wire.change = lambda line, replies: (
            [(replies[-1][0], b"RUN\r\n")] if line == b"MODE?\r\n" else replies
        )
        with pytest.raises(InstrumentRefused, match="program"):
            await b.aux.set_temperature(1, ZERO_K + 40.0)
        assert changes(b.wire.written) == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"NA:DATA OUT OF RANGE\r\n", InstrumentRefused),
        (b"NA:PROTECT ON\r\n", InstrumentRefused),
        (b"40.0,40.0,150.0,-40.0\r\n", BadReply),
    ],
)
async def test_a_refusal_to_take_a_temperature_is_told(reply: bytes, error: type) -> None:
    async with bench("espec", start=True) as b:
        await b.aux.open()
        b.wire.change = lambda line, replies: (
            [(replies[-1][0], reply)] if line.startswith(b"TEMP, S") else replies
        )
        with pytest.raises(error):
            await b.aux.set_temperature(1, ZERO_K + 40.0)


async def test_a_temperature_that_reads_back_otherwise_was_not_set() -> None:
    async with bench("espec", start=True) as b:
        await b.aux.open()
        b.wire.change = lambda line, replies: (
            [(replies[-1][0], b"25.0,39.0,150.0,-40.0\r\n")]
            if line.startswith(b"TEMP?")
            else replies
        )
        with pytest.raises(InstrumentRefused, match="reads back"):
            await b.aux.set_temperature(1, ZERO_K + 40.0)


async def test_a_chamber_on_a_bus_is_spoken_to_by_its_address() -> None:
    firmware = load("labctl.simulators", "espec")(instrument_error=0.0, address=3)
    wire = Wire(firmware)
    aux = load("labctl.drivers", "espec")(Link(MemoryTransport(wire)), address=3)
    try:
        await aux.open()
        (found,) = (await aux.read()).values()
        assert isinstance(found, Temperature)
        assert all(line.startswith(b"3,") for line in wire.written)
    finally:
        await aux.close()
