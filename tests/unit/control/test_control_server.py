"""The control socket: who may speak, how long, and that nobody can hold it up."""

import asyncio
import json
import os
import shutil
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.control import client, key, server
from labctl.control.request import Reply, Request, read_reply, request_line
from labctl.control.server import Server
from labctl.journal import lock

STOP = Request("stop", "ada@lab, pid 1")


class Run:
    """Stands for a run: notes what it is asked, answers when it may."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    async def obey(self, request: Request) -> Reply:
        self.asked.append(request)
        await asyncio.to_thread(self.may_answer.wait, 20)
        if request.command == "skip":
            raise RuntimeError("a bug")
        return Reply(True, f"done: {request.command}")


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def folder(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "profile"))
    place = tmp_path / "run-1"
    place.mkdir()
    with lock.take(place):
        listening = Server(place, run.obey)
        try:
            yield place
        finally:
            run.may_answer.set()
            listening.close()


def connected(folder: Path) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", key.read(folder).port), 5)
    link.settimeout(10)
    return link


def said(link: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    got = b""
    try:
        while chunk := link.recv(65536):
            got += chunk
    except ConnectionResetError:
        pass
    return got


def token(folder: Path) -> bytes:
    return key.read(folder).token.encode() + b"\n"


# ---- who may speak ------------------------------------------------------------------------


def test_the_owner_is_obeyed(folder: Path, run: Run) -> None:
    assert client.ask(folder, STOP, 10) == Reply(True, "done: stop")
    assert run.asked == [STOP]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_only_the_owner_can_read_the_key(folder: Path) -> None:
    place = key.place(folder)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert place.parent == folder


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_the_key_is_never_wider_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key.make(tmp_path, 1234)
    finally:
        os.umask(before)
    assert stat.S_IMODE(key.place(tmp_path).stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [key.place(tmp_path)]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be somebody else"
)
def test_nobody_else_can_read_the_key() -> None:
    # where everybody may look
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    try:
        made = key.make(folder, 1234)
        os.seteuid(65534)
        try:
            with pytest.raises(key.NoKey, match="only its owner may control it"):
                key.read(folder)
        finally:
            os.seteuid(0)
        key.place(folder).chmod(0o644)
        os.seteuid(65534)
        try:
            # it was the mode, and nothing else, that kept others out
            assert key.read(folder) == made
        finally:
            os.seteuid(0)
    finally:
        shutil.rmtree(folder)


def test_every_run_has_another_key(tmp_path: Path) -> None:
    tokens = set()
    for n in range(5):
        (tmp_path / str(n)).mkdir()
        tokens.add(key.make(tmp_path / str(n), 1234).token)
    assert len(tokens) == 5


@pytest.mark.parametrize("shown", ["wrong", "none", "short", "cut off"])
def test_without_the_key_nobody_is_listened_to(shown: str, folder: Path, run: Run) -> None:
    right = token(folder)
    sent = {
        "wrong": right[:-2] + (b"0" if right[-2:-1] != b"0" else b"1") + b"\n",
        "none": b"",
        "short": right[:10] + b"\n",
        "cut off": right[:-1] + b" ",
    }[shown]
    with connected(folder) as link:
        link.sendall(sent + request_line(STOP))
        link.shutdown(socket.SHUT_WR)
        assert said(link) == b""
    assert run.asked == []


def test_it_listens_on_the_loopback_interface_only(folder: Path) -> None:
    port = key.read(folder).port
    for address in {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}:
        if not str(address).startswith("127."):
            with pytest.raises(OSError):  # noqa: PT011
                socket.create_connection((address, port), 1).close()


# ---- what may be said ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"not json\n",
        b"{}\n",
        b'{"command": "stop", "by": "a", "more": 1}\n',
        request_line(STOP) + request_line(STOP),
        b"\x00" * 70_000 + b"\n",
    ],
)
def test_what_is_no_request_is_answered_and_not_obeyed(sent: bytes, folder: Path, run: Run) -> None:
    with connected(folder) as link:
        link.sendall(token(folder) + sent)
        reply = read_reply(said(link))
    assert not reply.ok
    assert reply.text.startswith("not a request")
    assert run.asked == []


def test_a_request_may_come_in_pieces(folder: Path, run: Run) -> None:
    with connected(folder) as link:
        for byte in token(folder) + request_line(STOP):
            link.sendall(bytes([byte]))
        assert read_reply(said(link)).ok
    assert run.asked == [STOP]


def test_what_never_ends_is_cut_off(folder: Path, run: Run) -> None:
    with connected(folder) as link:
        link.sendall(token(folder))
        with pytest.raises(OSError):  # noqa: PT011  # reset or broken pipe
            link.sendall(b"x" * 32 * 1024 * 1024)
    assert run.asked == []
    assert client.ask(folder, STOP, 10).ok


def test_a_bug_behind_it_is_told_and_it_goes_on(folder: Path) -> None:
    reply = client.ask(folder, Request("skip", "ada@lab, pid 1"), 10)
    assert reply == Reply(False, "bug in labctl, RuntimeError: a bug")
    assert client.ask(folder, STOP, 10).ok


# ---- slow and hostile clients -------------------------------------------------------------


def test_two_clients_at_once_both_have_their_answers(folder: Path, run: Run) -> None:
    run.may_answer.clear()
    replies: dict[str, Reply] = {}

    def ask(by: str) -> None:
        replies[by] = client.ask(folder, Request("pause", by), 20)

    threads = [threading.Thread(target=ask, args=(by,)) for by in ("ada", "bo")]
    for thread in threads:
        thread.start()
    while len(run.asked) < 2:
        time.sleep(0.005)
    run.may_answer.set()
    for thread in threads:
        thread.join()
    assert replies == {"ada": Reply(True, "done: pause"), "bo": Reply(True, "done: pause")}


def test_who_waits_with_the_key_is_dropped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "KEY_S", 0.1)
    monkeypatch.setattr(server, "REQUEST_S", 0.1)
    with connected(folder) as silent, connected(folder) as slow:
        slow.sendall(token(folder) + b'{"comm')
        assert said(silent) == b""
        assert said(slow) == b""


def test_strangers_cannot_keep_the_owner_out(folder: Path, run: Run) -> None:
    strangers = [connected(folder) for _ in range(4 * server.MOST_CLIENTS)]
    try:
        assert client.ask(folder, STOP, 10).ok
    finally:
        for link in strangers:
            link.close()


def test_a_client_that_leaves_disturbs_nobody(folder: Path, run: Run) -> None:
    run.may_answer.clear()
    with connected(folder) as link:
        link.sendall(token(folder) + request_line(STOP))
        while not run.asked:
            time.sleep(0.005)
    run.may_answer.set()
    assert client.ask(folder, STOP, 10).ok


# ---- the end ------------------------------------------------------------------------------


def test_the_key_goes_away_with_the_run(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "profile"))
    place = tmp_path / "run-2"
    place.mkdir()
    listening = Server(place, run.obey)
    assert key.place(place).exists()
    listening.close()
    listening.close()
    assert not key.place(place).exists()
    assert not [t for t in threading.enumerate() if t.name == "control"]


def test_an_answer_under_way_still_arrives(folder: Path, run: Run) -> None:
    run.may_answer.clear()
    found: list[Reply] = []
    asking = threading.Thread(target=lambda: found.append(client.ask(folder, STOP, 20)))
    asking.start()
    while not run.asked:
        time.sleep(0.005)
    threading.Timer(0.2, run.may_answer.set).start()
    asking.join()
    assert found == [Reply(True, "done: stop")]


def test_a_place_where_no_key_can_lie_is_told(tmp_path: Path, run: Run) -> None:
    if sys.platform == "win32":
        pytest.skip("the key lies elsewhere")
    with pytest.raises(OSError, match="gone"):
        Server(tmp_path / "gone", run.obey)


# ---- keys that are none -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"port": "80", "token": "%s"}' % ("a" * 64),
        '{"port": true, "token": "%s"}' % ("a" * 64),
        '{"port": 70000, "token": "%s"}' % ("a" * 64),
        '{"port": 80, "token": "short"}',
        '{"port": 80, "token": "%s"}' % ("ä" * 64),
        "[" * 4000,
        "\x00\xff",
    ],
)
def test_what_is_no_key_is_told(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    place = key.place(tmp_path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode("latin-1"))
    with pytest.raises(key.NoKey, match="is no key"):
        key.read(tmp_path)


def test_no_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(key.NoKey, match="takes no commands"):
        key.read(tmp_path)


def test_the_key_is_json_that_says_port_and_token(folder: Path) -> None:
    told = json.loads(key.place(folder).read_text(encoding="utf-8"))
    assert told.keys() == {"port", "token"}
