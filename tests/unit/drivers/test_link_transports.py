"""Links over real sockets, pseudo-terminals and VISA sessions."""

import asyncio
import contextlib
import os
import sys
import threading

import pytest

from labctl_drivers.errors import LinkError, LinkLost, LinkTimeout
from labctl_drivers.link import Link, Probe, make_transport
from labctl_drivers.link.serial_port import SerialTransport
from labctl_drivers.link.tcp import TcpTransport
from labctl_drivers.link.visa import VisaTransport

posix = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals on Windows")
PROBE = Probe(b"WHO?", lambda frame: frame == b"ME", timeout_s=0.5)


class Server:
    """A TCP instrument: `answer(line)` gives the chunks to send, or None to hang up."""

    def __init__(self, answer):
        self.answer = answer
        self.heard = []
        self.connections = 0
        self._writers = []

    async def serve(self, reader, writer):
        self.connections += 1
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self.heard.append(line)
                chunks = await self.answer(line.strip())
                if chunks is None:
                    break
                for chunk in chunks:
                    writer.write(chunk)
                    await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def served(answer):
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    try:
        yield server, listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in server._writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def echo(line):
    if line == b"WHO?":
        return [b"ME\n"]
    return [line[:-1] + b"\n"] if line.endswith(b"?") else []


@contextlib.asynccontextmanager
async def linked(transport):
    link = Link(transport, probe=PROBE)
    try:
        await link.open()
        yield link
    finally:
        await link.close()


async def test_tcp_queries_in_split_and_merged_chunks():
    async def answer(line):
        if line == b"split?":
            return [b"sp", b"", b"lit\r", b"\n"]
        return await echo(line)

    async with served(answer) as (server, port), linked(TcpTransport("127.0.0.1", port)) as link:
        await link.write(b"quiet")
        assert await link.query(b"split?", 5.0) == b"split"
        assert await link.query(b"2?", 5.0) == b"2"
        assert server.heard[:2] == [b"WHO?\n", b"quiet\n"]


async def test_tcp_end_of_file_is_a_lost_link_at_once():
    async def answer(line):
        return None if line == b"bye?" else await echo(line)

    async with served(answer) as (_, port), linked(TcpTransport("127.0.0.1", port)) as link:
        with pytest.raises(LinkLost):
            await asyncio.wait_for(link.query(b"bye?", 60.0), 10)
        with pytest.raises(LinkLost):
            await link.query(b"1?", 1.0)
        await link.open()
        assert await link.query(b"2?", 5.0) == b"2"


async def test_tcp_ended_before_a_word_was_said_asks_who_else_is_connected():
    async def hang_up(line):
        return None

    async with served(hang_up) as (_, port):
        link = Link(TcpTransport("127.0.0.1", port), probe=PROBE)
        with pytest.raises(LinkLost, match="is another program connected"):
            await link.open()
        await link.close()


async def test_tcp_takes_a_new_connection_when_the_old_one_is_out_of_step():
    hold = asyncio.Event()
    probes = 0

    async def answer(line):
        nonlocal probes
        probes += line == b"WHO?"
        if line == b"slow?":
            await hold.wait()
        return await echo(line)

    async with served(answer) as (server, port), linked(TcpTransport("127.0.0.1", port)) as link:
        with pytest.raises(LinkTimeout):
            await link.query(b"slow?", 0.05)
        hold.set()
        assert await link.query(b"1?", 5.0) == b"1"
        assert server.connections == 2


async def test_tcp_where_nobody_listens():
    async with served(echo) as (_, port):
        pass
    link = Link(TcpTransport("127.0.0.1", port), probe=PROBE)
    with pytest.raises(LinkLost, match=str(port)):
        await link.open()
    await link.close()


@contextlib.contextmanager
def pty_peer(answer):
    """A pseudo-terminal whose other end is a thread; gives its name and the thread's end."""
    import pty
    import tty

    master, slave = pty.openpty()
    tty.setraw(slave)
    closed = threading.Event()

    def work():
        pending = b""
        with contextlib.suppress(OSError):
            while not closed.is_set():
                pending += os.read(master, 100)
                while b"\n" in pending:
                    line, pending = pending.split(b"\n", 1)
                    for chunk in answer(line):
                        os.write(master, chunk)

    thread = threading.Thread(target=work)
    thread.start()

    def unplug():
        closed.set()
        with contextlib.suppress(OSError):
            os.write(slave, b"\n")
        thread.join()
        for descriptor in (master, slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    try:
        yield os.ttyname(slave), unplug
    finally:
        unplug()


def serial_echo(line):
    if line == b"WHO?":
        return [b"ME\r"]
    if line == b"flow?":
        return [b"\x13fl\x11", b"\x11ow\x13\r\n"]
    if line == b"dumb?" or not line.endswith(b"?"):
        return []
    return [line[:-1] + b"\n\r"]


@posix
async def test_serial_takes_any_terminator_and_strips_flow_control():
    with pty_peer(serial_echo) as (name, _):
        async with linked(make_transport(f"ASRL{name}::INSTR")) as link:
            for n in range(5):
                assert await link.query(b"%d?" % n, 5.0) == b"%d" % n
                assert await link.query(b"flow?", 5.0) == b"flow"
            assert link.stale_bytes == 0


@posix
async def test_serial_late_reply_is_not_the_next_one_s():
    release = threading.Event()

    def answer(line):
        if line == b"slow?":
            release.wait()
            return [b"slow\n"]
        return serial_echo(line)

    with pty_peer(answer) as (name, _):
        async with linked(SerialTransport(name)) as link:
            asyncio.get_running_loop().call_later(0.2, release.set)
            with pytest.raises(LinkTimeout):
                await link.query(b"slow?", 0.05)
            assert await link.query(b"1?", 5.0) == b"1"


@posix
async def test_serial_port_is_ours_alone():
    with pty_peer(serial_echo) as (name, _):
        async with linked(SerialTransport(name)):
            other = Link(SerialTransport(name), probe=PROBE)
            with pytest.raises(LinkLost):
                await other.open()
            await other.close()


@posix
async def test_serial_unplugged_is_a_lost_link():
    with pty_peer(serial_echo) as (name, unplug):
        async with linked(SerialTransport(name)) as link:
            assert await link.query(b"1?", 5.0) == b"1"
            unplug()
            with pytest.raises(LinkLost):
                await link.query(b"2?", 5.0)


@posix
async def test_serial_close_interrupts_the_reader():
    with pty_peer(serial_echo) as (name, _):
        async with linked(SerialTransport(name)) as link:
            waiting = asyncio.create_task(link.query(b"dumb?", 3600.0))
            await asyncio.sleep(0.05)
            await asyncio.wait_for(link.close(), 10)
            with pytest.raises(LinkLost):
                await waiting
    assert not [t for t in threading.enumerate() if t.name.startswith("serial")]


async def test_serial_port_that_is_not_there():
    link = Link(SerialTransport("/dev/there-is-no-such-port"), probe=PROBE)
    with pytest.raises(LinkLost):
        await link.open()
    await link.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("serial")]


async def test_visa_session_over_a_socket():
    hold = asyncio.Event()

    async def answer(line):
        if line == b"slow?":
            await hold.wait()
        return await echo(line)

    async with served(answer) as (_, port):
        transport = VisaTransport(f"TCPIP::127.0.0.1::{port}::SOCKET", library="@py")
        async with linked(transport) as link:
            assert await link.query(b"1?", 5.0) == b"1"
            with pytest.raises(LinkTimeout):
                # a socket has no device clear, so the session is replaced
                await link.query(b"slow?", 0.05)
            hold.set()
            assert await link.query(b"2?", 5.0) == b"2"
    assert not [t for t in threading.enumerate() if t.name.startswith("visa")]


async def test_visa_resource_that_is_not_there():
    link = Link(VisaTransport("TCPIP::127.0.0.1::1::SOCKET", library="@py"), probe=PROBE)
    with pytest.raises(LinkLost):
        await link.open()
    await link.close()


@pytest.mark.parametrize(
    "error", [OSError("reset"), BrokenPipeError(), TypeError("argument must be an int")]
)
@pytest.mark.parametrize("where", ["read_raw", "write_raw"])
async def test_whatever_pyvisa_lets_out_is_a_lost_link(monkeypatch, error, where):
    async with served(echo) as (_, port):
        transport = VisaTransport(f"TCPIP::127.0.0.1::{port}::SOCKET", library="@py")
        async with linked(transport) as link:

            def broken(*_: object) -> None:
                raise error

            monkeypatch.setattr(transport._session, where, broken)
            with pytest.raises(LinkError):
                await link.query(b"1?", 1.0)
            assert link.lost


@pytest.mark.parametrize(
    ("resource", "kind", "where"),
    [
        ("TCPIP::192.168.1.20::5025::SOCKET", TcpTransport, ("192.168.1.20", 5025)),
        ("tcpip0::smu-1.lab::5025::socket", TcpTransport, ("smu-1.lab", 5025)),
        ("TCPIP::[::1]::5025::SOCKET", TcpTransport, ("::1", 5025)),
        ("ASRL/dev/ttyUSB0::INSTR", SerialTransport, "/dev/ttyUSB0"),
        ("ASRL/dev/pts/3::INSTR", SerialTransport, "/dev/pts/3"),
        ("ASRLCOM3::INSTR", SerialTransport, "COM3"),
        ("ASRL3::INSTR", SerialTransport, "COM3"),
        ("USB0::0x05E6::0x2450::04488850::INSTR", VisaTransport, None),
        ("GPIB0::24::INSTR", VisaTransport, None),
        ("TCPIP::192.168.1.20::INSTR", VisaTransport, None),
        ("TCPIP0::192.168.1.20::inst0::INSTR", VisaTransport, None),
        ("TCPIP::192.168.1.20::hislip0,4880::INSTR", VisaTransport, None),
    ],
)
def test_resources(resource, kind, where):
    transport = make_transport(resource, speed=60.0)
    assert type(transport) is kind
    assert transport.pace.speed == 60.0
    if kind is TcpTransport:
        assert (transport._host, transport._port) == where
    elif kind is SerialTransport:
        assert transport._name == where
    else:
        assert transport._resource == resource


@pytest.mark.parametrize(
    "resource",
    [
        "",
        "sim",
        "192.168.1.20:5025",
        "TCPIP::host::0::SOCKET",
        "TCPIP::host::65536::SOCKET",
        "TCPIP::host::port::SOCKET",
        "TCPIP::ho st::5025::SOCKET",
        "TCPIP::host::5025::SOCKET\n",
        "GPIB0::INSTR",
        "USB0::INSTR",
        "ASRL::INSTR",
        "/dev/ttyUSB0",
    ],
)
def test_what_is_no_resource(resource):
    with pytest.raises(ValueError, match="TCP"):
        make_transport(resource)
