"""What a scan finds: simulated instruments on sockets and pseudo-terminals, and who does not
answer. Nothing that it sends changes a setting."""

import json
import sys
from typing import Any

import pytest
from helpers.cli import labctl

from labctl.bench import scanning
from labctl.bench.scanning import Address
from labctl_drivers import maccor
from labctl_drivers.emstat import driver as emstat
from labctl_drivers.hello import IDN
from labctl_simulators.cells import open_circuit
from labctl_simulators.firmware.emstat import EmStat4
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.maccor import Maccor
from labctl_simulators.ports import CellSize
from labctl_simulators.servers.pty_port import serve_pty
from labctl_simulators.servers.tcp import serve_tcp
from labctl_simulators.terminals import Terminals


class Heard:
    """Passes on, and keeps what came."""

    def __init__(self, firmware: Any) -> None:
        self.firmware = firmware
        self.lines: list[bytes] = []

    def feed(self, data: bytes, now: float) -> Any:
        self.lines += data.splitlines()
        return self.firmware.feed(data, now)

    def advance(self, now: float) -> None:
        self.firmware.advance(now)

    @property
    def wake_at(self) -> float | None:
        return getattr(self.firmware, "wake_at", None)


def twin(make: Any) -> Heard:
    return Heard(make(Terminals(open_circuit(CellSize(kind="full"), {}, 0)), serial="123"))


async def test_who_answers_on_a_socket_is_told_with_the_driver_for_it() -> None:
    firmware = twin(Keithley2450)
    async with serve_tcp(firmware) as resource:
        (found,) = await scanning.identify_all([Address(resource)])
    assert found.identity is not None
    assert (found.identity.model, found.identity.serial) == ("2450", "123")
    assert found.drivers == ("keithley-2450",)
    assert firmware.lines == [b"*IDN?"]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
async def test_who_answers_on_a_serial_port_is_told() -> None:
    firmware = twin(Keithley2400)
    async with serve_pty(firmware) as resource:
        (found,) = await scanning.identify_all([Address(resource)])
    assert found.drivers == ("keithley-2400",)
    assert firmware.lines == [b"*IDN?"]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
async def test_an_instrument_without_idn_is_asked_what_its_driver_knows() -> None:
    firmware = twin(EmStat4)
    async with serve_pty(firmware) as resource:
        (found,) = await scanning.identify_all([Address(resource)])
    assert found.identity is not None
    assert found.identity.maker == "PalmSens"
    assert found.drivers == ("emstat4",)
    assert b"".join(firmware.lines).replace(b"*IDN?", b"").strip(b"t") == b""


@pytest.mark.parametrize(("make", "driver"), [(EmStat4, "emstat4"), (Maccor, "maccor")])
async def test_on_a_raw_socket_too(make: Any, driver: str) -> None:
    firmware = twin(make)
    async with serve_tcp(firmware) as resource:
        (found,) = await scanning.identify_all([Address(resource)])
    assert found.identity is not None
    assert found.drivers == (driver,)


def test_a_cycler_is_not_asked_for_on_serial_ports() -> None:
    asked = scanning.questions("ASRL/dev/ttyUSB0::INSTR")
    assert emstat.EmStat4.HELLO in asked
    assert maccor.Maccor.HELLO not in asked
    assert maccor.Maccor.HELLO in scanning.questions("TCPIP::10.0.0.1::57570::SOCKET")
    assert scanning.questions("GPIB0::24::INSTR") == [IDN]


async def test_who_does_not_answer_is_told_too_and_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scanning, "ANSWER_S", 0.1)

    class Dumb:
        def feed(self, data: bytes, now: float) -> Any:
            return []

        def advance(self, now: float) -> None:
            pass

    async with serve_tcp(Dumb()) as dumb, serve_tcp(twin(Keithley2450)) as resource:
        gone = Address("TCPIP::127.0.0.1::1::SOCKET")
        found = await scanning.identify_all([Address(dumb), gone, Address(resource)])
    assert [each.identity is not None for each in found] == [False, False, True]
    assert found[0].why == "does not answer"
    assert "cannot connect" in found[1].why


def test_nothing_is_asked_with_list_only() -> None:
    done = labctl("scan", "--list-only", "--json", "TCPIP::127.0.0.1::1::SOCKET")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["found"]
    assert found[-1]["resource"] == "TCPIP::127.0.0.1::1::SOCKET"
    assert {each["why"] for each in found} == {"not asked"}


def test_what_is_no_address_is_refused() -> None:
    done = labctl("scan", "nowhere")
    assert done.returncode == 2
    assert "no resource string" in done.stderr
