"""HiSLIP frames written by hand, after IVI-6.1: sound ones, and such as must be refused."""

import contextlib
import random
import socket
import struct
import time

import pytest
from helpers.served_firmware import served
from test_hislip import make_2450, sessions

DATA, DATA_END, TRIGGER, CLEAR_COMPLETE, CLEAR_ACKNOWLEDGE = 6, 7, 12, 8, 9
LOCK, LOCK_RESPONSE, MAX_SIZE, ASYNC_CLEAR, STATUS, STATUS_RESPONSE = 4, 5, 15, 19, 21, 22
FATAL, ERROR, INTERRUPTED, ASYNC_INTERRUPTED = 2, 3, 13, 14
RESTORES = 0xFFFF_FF00


def port_of(resource):
    return int(resource.split(",")[1].split("::")[0])


def frame(kind, control=0, parameter=0, payload=b""):
    return b"HS" + struct.pack("!BBIQ", kind, control, parameter, len(payload)) + payload


class Wire:
    """One channel of a client that knows no better."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            got = self.socket.recv(count - len(data))
            if not got:
                return None
            data += got
        return data

    def hear(self):
        """(kind, control, parameter, payload), or None at the end."""
        head = self.exactly(16)
        if head is None:
            return None
        kind, control, parameter, length = struct.unpack("!2xBBIQ", head)
        return kind, control, parameter, self.exactly(length) if length else b""


@contextlib.contextmanager
def by_hand(port, both=True):
    """Both channels of a session (the second is None when not wanted)."""
    sync = Wire(port)
    beside = None
    try:
        sync.send(frame(0, 0, 0x0100_7878, b"hislip0"))
        kind, control, parameter, _ = sync.hear()
        assert (kind, control, parameter >> 16) == (1, 0, 0x0100)
        if both:
            beside = Wire(port)
            beside.send(frame(17, 0, parameter & 0xFFFF))
            assert beside.hear()[0] == 18
        yield sync, beside
    finally:
        sync.socket.close()
        if beside is not None:
            beside.socket.close()


@pytest.fixture
def port():
    with served(make_2450, "hislip") as resource:
        yield port_of(resource)
        # whatever was done to it, it still serves
        with sessions(resource) as (session,):
            assert "2450" in session.query("*IDN?")


FIRST_FRAMES = [
    (b"GET / HTTP/1.1\r\n\r\n", 1),
    (frame(DATA_END, 0, RESTORES, b"*IDN?"), 3),
    (frame(17, 0, 999), 3),
    (frame(0, 0, 0x0100_7878, b"vxi-11"), 0),
    (frame(99), 3),
]


@pytest.mark.parametrize(("sent", "code"), FIRST_FRAMES)
def test_a_channel_that_does_not_begin_with_initialize_is_refused(port, sent, code):
    wire = Wire(port)
    wire.send(sent)
    assert wire.hear()[:2] == (FATAL, code)
    assert wire.hear() is None
    wire.socket.close()


@pytest.mark.parametrize(
    ("sent", "code"),
    [(b"XX" + bytes(14), 1), (frame(0, 0, 0x0100_7878, b"hislip0"), 3)],
)
def test_a_session_ends_at_a_fatal_error(port, sent, code):
    with by_hand(port) as (sync, beside):
        sync.send(sent)
        assert sync.hear()[:2] == (FATAL, code)
        assert sync.hear() is None
        assert beside.hear() is None


def test_data_before_the_second_channel_is_fatal(port):
    with by_hand(port, both=False) as (sync, _):
        sync.send(frame(DATA_END, 0, RESTORES, b"*IDN?"))
        assert sync.hear()[:2] == (FATAL, 2)


def test_a_second_asynchronous_channel_is_refused(port):
    with by_hand(port) as (sync, beside):
        sync.send(frame(DATA_END, 0, RESTORES, b"OUTP?"))
        assert sync.hear()[3] == b"0\n"
        other = Wire(port)
        other.send(frame(17, 0, 1))
        assert other.hear()[:2] == (FATAL, 3)
        other.socket.close()
        beside.send(frame(STATUS, 1, RESTORES))
        assert beside.hear()[0] == STATUS_RESPONSE


MISTAKES = [
    (frame(1), 1),
    (frame(77, 1, 2, b"what?"), 1),
    (frame(200, 0, 0, b"ours"), 3),
    (frame(DATA_END, 0x82, RESTORES, b"*IDN?"), 2),
    (b"HS" + struct.pack("!BBIQ", DATA_END, 0, RESTORES, (1 << 20) + 1) + bytes((1 << 20) + 1), 4),
    (frame(DATA, 0, RESTORES, bytes(1 << 20)) + frame(DATA, 0, RESTORES, b"more"), 4),
]


@pytest.mark.parametrize(("sent", "code"), MISTAKES, ids=lambda v: str(v)[:20])
def test_a_session_goes_on_after_an_error(port, sent, code):
    with by_hand(port) as (sync, _):
        sync.send(sent)
        assert sync.hear()[:2] == (ERROR, code)
        sync.send(frame(DATA_END, 0, RESTORES + 2, b""))
        sync.send(frame(DATA_END, 0, RESTORES + 4, b"OUTP?"))
        assert sync.hear() == (DATA_END, 0, RESTORES + 4, b"0\n")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(33), 1),
        (frame(130), 3),
        (frame(10, 9), 2),
        (frame(LOCK, 5), 2),
        (frame(MAX_SIZE, 0, 0, b"12"), 4),
    ],
)
def test_the_asynchronous_channel_goes_on_after_an_error(port, sent, code):
    with by_hand(port) as (_, beside):
        beside.send(sent)
        assert beside.hear()[:2] == (ERROR, code)
        beside.send(frame(10, 1))
        assert beside.hear()[0] == 11
        beside.send(frame(STATUS, 0, RESTORES))
        assert beside.hear() == (STATUS_RESPONSE, 0, 0, b"")


def test_replies_carry_the_number_of_their_message(port):
    with by_hand(port) as (sync, _):
        for number in (RESTORES, 12, 0xFFFF_FFFE):
            sync.send(frame(DATA, 1, number, b"OU"), frame(DATA_END, 0, number, b"TP?"))
            assert sync.hear() == (DATA_END, 0, number, b"0\n")


def test_an_interruption_is_said_on_both_channels(port):
    with by_hand(port) as (sync, beside):
        sync.send(frame(DATA_END, 0, RESTORES, b"*IDN?"))
        assert sync.hear()[0] == DATA_END
        sync.send(frame(DATA_END, 0, RESTORES + 2, b"OUTP?"))
        assert sync.hear()[:3] == (INTERRUPTED, 0, RESTORES + 2)
        assert beside.hear()[:3] == (ASYNC_INTERRUPTED, 0, RESTORES + 2)
        assert sync.hear() == (DATA_END, 0, RESTORES + 2, b"0\n")
        sync.send(frame(DATA_END, 1, RESTORES + 4, b"SYST:ERR?"))
        assert sync.hear()[3].startswith(b"-410")


def test_in_overlap_mode_replies_wait_for_their_reader(port):
    with by_hand(port) as (sync, beside):
        beside.send(frame(ASYNC_CLEAR))
        assert beside.hear()[:2] == (23, 0)
        sync.send(frame(DATA_END, 0, RESTORES, b"*IDN?"))  # abandoned: the clear is not complete
        sync.send(frame(CLEAR_COMPLETE, 1))
        assert sync.hear()[:2] == (CLEAR_ACKNOWLEDGE, 1)
        asked = [b"OUTP?", b"SENS:COUN?", b"SYST:ERR?"]
        sync.send(*(frame(DATA_END, 0, RESTORES + 2 * n, q) for n, q in enumerate(asked)))
        heard = [sync.hear() for _ in asked]
        assert [each[3][:2] for each in heard] == [b"0\n", b"1\n", b"0,"]
        assert [each[2] for each in heard] == [RESTORES, RESTORES + 2, RESTORES + 4]


def test_many_clients_are_too_many(port):
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(by_hand(port))
        wire = Wire(port)
        wire.send(frame(0, 0, 0x0100_7878, b"hislip0"))
        assert wire.hear()[:2] == (FATAL, 4)
        wire.socket.close()
    # the server needs a moment to see that they have gone
    until = time.monotonic() + 5.0
    while time.monotonic() < until:
        with contextlib.suppress(AssertionError), by_hand(port):
            return
    pytest.fail("the sixteen are still there")


def test_noise_ends_in_errors_and_never_in_silence_of_the_server(port):
    dice = random.Random(7)
    for _ in range(40):
        with by_hand(port) as channels:
            for wire in channels:
                kind, control = dice.randrange(256), dice.randrange(4)
                payload = dice.randbytes(dice.randrange(40))
                wire.send(frame(kind, control, dice.randrange(1 << 32), payload))
                with contextlib.suppress(OSError):
                    wire.send(dice.randbytes(dice.randrange(30)))
