"""pymacnet, unchanged, against the simulated Maccor over real sockets, JSON and packets."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from pymacnet import ChannelInterface
from pymacnet.cycler_interface import CyclerInterface

from labctl_simulators.cells.plain import Resistor
from labctl_simulators.firmware.maccor import Maccor
from labctl_simulators.servers.tcp_sessions import serve_two_ports
from labctl_simulators.terminals import Terminals

SPEED = 20.0
OHM = 1000.0


@contextlib.contextmanager
def served(speed=SPEED, **options) -> Iterator[tuple[Maccor, dict[str, object]]]:
    """A cycler on a kilohm each, in a thread of its own; gives it and pymacnet's addresses."""
    cycler = Maccor(
        Terminals(Resistor(OHM)),
        more={n: Terminals(Resistor(OHM)) for n in (2, 3, 4)},
        channels=4,
        **options,
    )
    ports: Future[tuple[str, int]] = Future()
    stop: Future[object] = Future()

    async def serve() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        stop.set_result(lambda: loop.call_soon_threadsafe(done.set))
        async with serve_two_ports(cycler, speed=speed) as found:
            ports.set_result(found)
            await done.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        resource, bin_port = ports.result(10)
        yield (
            cycler,
            {
                "server_ip": "127.0.0.1",
                "json_msg_port": int(resource.split("::")[2]),
                "bin_msg_port": bin_port,
                "msg_buffer_size_bytes": 4096,
            },
        )
    finally:
        stop.result(10)()
        thread.join(10)


CONFIG = {
    "test_name": "",
    "test_procedure": "SIM-CYCLE",
    "c_rate_ah": 1e-3,
    "v_max_safety_limit_v": 4.5,
    "v_min_safety_limit_v": -4.0,
    "i_max_safety_limit_a": 0.5,
    "i_min_safety_limit_a": 0.5,
    "power_safety_limit_chg_w": 25,
    "power_safety_limit_dsg_w": 25,
    "v_max_v": 4.2,
    "v_min_v": -3.0,
    "data_record_time_s": 1,
    "data_record_voltage_delta_vbys": 0,
    "data_record_current_delta_abys": 0,
}


@contextlib.contextmanager
def client(kind, config):
    """A client whose sockets are closed; it has no method for that."""
    made = kind(config)
    try:
        yield made
    finally:
        for name in ("json", "bin"):
            getattr(made, f"_CyclerInterface__{name}_msg_socket").close()


def settle(channel, stat, seconds=10.0):
    """Wait until a channel is in a state."""
    end = time.monotonic() + seconds
    while (status := channel.read_channel_status())["Stat"] != stat:
        assert time.monotonic() < end, status
        time.sleep(0.02)
    return status


def test_the_cycler_says_what_it_is():
    with served(serial="M4000") as (_, address), client(CyclerInterface, address) as cycler:
        assert cycler.get_num_channels() == 4
        assert cycler.read_general_info()["SystemID"] == "M4000"
        assert cycler.read_system_info()["APIVersion"] == 1
        assert [each["Stat"] for each in cycler.read_all_channel_statuses()] == [0, 0, 0, 0]
        assert cycler.read_channel_status(3)["Chan"] == 3


def test_direct_mode_with_rest_by_the_packet():
    """`binary_channel_base` 2 is how pymacnet numbers channels there."""
    options = {"binary_channel_base": 2, "watchdog_s": 0.0, "instrument_error": 0.0}
    with served(**options) as (cycler, address):
        config = CONFIG | address | {"channel": 2}
        with client(ChannelInterface, config) as channel:
            assert channel.start_test_with_direct_control()
            settle(channel, 2)
            assert channel.set_direct_mode_output(2e-3, 4.2)
            charging = settle(channel, 2)
            assert charging["Voltage"] == pytest.approx(2.0, abs=1e-3)
            assert charging["Current"] == pytest.approx(2e-3, abs=1e-6)
            settled(channel, lambda: channel.set_direct_mode_output(-1e-3))
            assert channel.read_channel_status()["Voltage"] == pytest.approx(-1.0, abs=1e-3)
            settled(channel, lambda: channel.set_direct_mode_output(0))
            wait_for(lambda: not cycler.channels[2].output_on)
            assert channel.read_channel_status()["RF1"] == 4
            assert channel.read_aux() == [25.0]
            assert channel.set_channel_variable(16, 2.5)
            assert cycler.channels[2].variables[15] == 2.5
            assert cycler.channels[2].safety.highest_V == 4.5
            assert channel.reset_channel()
            assert channel.read_channel_status()["Stat"] == 0


def settled(channel, command):
    """The command once 100 ms of the cycler's time have passed since the last one."""
    began = channel.read_channel_status()["TestTime"]
    wait_for(lambda: channel.read_channel_status()["TestTime"] > began + 0.2)
    assert command()


def wait_for(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_with_the_channels_of_json_its_rest_goes_two_channels_on():
    """Why the number in the packet is an option: channel 1 is told to rest, channel 3 does."""
    with (
        served(watchdog_s=0.0) as (cycler, address),
        client(ChannelInterface, CONFIG | address | {"channel": 1}) as first,
        client(ChannelInterface, CONFIG | address | {"channel": 3}) as third,
    ):
        for each in (first, third):
            assert each.start_test_with_direct_control()
            settle(each, 2)
            assert each.set_direct_mode_output(1e-3, 4.2)
        settled(third, lambda: first.set_direct_mode_output(0))
        wait_for(lambda: not cycler.channels[3].output_on)
        assert cycler.channels[1].output_on


def test_what_is_sent_too_fast_is_refused():
    with (
        served(speed=1.0, watchdog_s=0.0) as (_, address),
        client(ChannelInterface, CONFIG | address | {"channel": 1}) as channel,
    ):
        assert not channel.set_direct_mode_output(1e-3)
        assert channel.start_test_with_direct_control()
        settle(channel, 2)
        came = [channel.set_direct_mode_output(1e-3) for _ in range(30)]
        assert came[0]
        assert not all(came)


def test_a_procedure_and_the_watchdog():
    with served(watchdog_s=5.0) as (cycler, address):
        config = CONFIG | address
        with (
            client(ChannelInterface, config | {"channel": 1, "test_name": "one"}) as first,
            client(ChannelInterface, config | {"channel": 4}) as fourth,
        ):
            assert first.start_test_with_procedure()
            assert not first.start_test_with_procedure()
            assert fourth.start_test_with_direct_control()
            settle(fourth, 2)
            assert fourth.set_direct_mode_output(1e-3, 4.2)
            assert settle(fourth, 3)["Current"] == 0.0
            assert cycler.channels[4].terminals.source.kind == "open"
            assert first.read_channel_status()["Stat"] == 2


def test_a_client_that_leaves_in_the_middle_of_a_message_disturbs_nobody():
    with served() as (_, address), client(CyclerInterface, address) as cycler:
        port = address["json_msg_port"]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as other:
            other.sendall(b'{"jsonrpc": "2.0", "meth')
            assert cycler.read_channel_status(1)["Stat"] == 0
        assert cycler.read_channel_status(1)["Stat"] == 0


def test_a_procedure_that_is_not_there_is_refused():
    with (
        served() as (_, address),
        client(
            ChannelInterface, CONFIG | address | {"channel": 1, "test_procedure": "MINE"}
        ) as channel,
    ):
        assert not channel.start_test_with_procedure()
        assert channel.read_channel_status()["Stat"] == 0
