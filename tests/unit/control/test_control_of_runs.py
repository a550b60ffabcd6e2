"""What a run does with what it is told, without the socket."""

import asyncio
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from helpers import journals, running
from helpers.replaying import assert_identical

from labctl.control import client, key
from labctl.control.request import Request
from labctl.journal import Reader, StorageFault, list_runs
from labctl.run import controlled, journalling
from labctl.run.answers import Answers
from labctl.run.conduct import conduct
from labctl_protocols.decisions import Answer, Event

REVISION = Answer(events=(Event(1.0, "revision", {"by": "ada", "text": "x"}),), boundary=True)
ASK = Answer(events=(Event(1.0, "ask", {"question": "?", "timeout_s": None}),))
SAID = Answer(events=(Event(1.0, "operator", {"word": "continue", "by": "ada", "done": True}),))


# ---- a revision and the disk --------------------------------------------------------------


class Engine:
    state = None


def test_a_revision_is_on_the_disk_before_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journalling, "to_json", lambda _: "{}")
    journal = journals.create(tmp_path / "run")
    try:
        journalling.journal_writer(journal, Engine(), waits=False)(REVISION)
        with Reader(tmp_path / "run") as reader:
            assert [event.kind for event in reader.events()] == ["revision"]
    finally:
        journal.close("stopped")


def test_a_disk_that_does_not_take_a_revision_is_a_storage_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stuck:
        backlog = 0

        def write(self, *_: object) -> None:
            pass

        def commit(self) -> "Future[None]":
            return Future()

    monkeypatch.setattr(journalling, "to_json", lambda _: "{}")
    monkeypatch.setattr(journalling, "REVISION_S", 0.05)
    stuck: Any = Stuck()
    with pytest.raises(StorageFault, match="revision"):
        journalling.journal_writer(stuck, Engine(), waits=False)(REVISION)


# ---- a socket that cannot be opened --------------------------------------------------------


def test_a_run_without_a_socket_runs_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no sockets here")

    monkeypatch.setattr(controlled, "Server", refuse)
    protocol = tmp_path / "p.yaml"
    protocol.write_text("name: p\nlimits: {current: 5 mA}\nsteps:\n  - rest: 1 min\n")
    result = conduct(running.request_of(protocol, "na-cu-half", tmp_path / "data"))
    assert result.outcome == "completed"
    assert any("no control socket" in note and "no sockets here" in note for note in result.notes)


# ---- a run that is spoken to by many -------------------------------------------------------


def test_ten_who_pause_and_go_on_at_once_all_have_an_answer_and_the_run_ends_in_order(
    tmp_path: Path,
) -> None:
    protocol = tmp_path / "p.yaml"
    protocol.write_text(
        "name: p\ncell: {kind: half, metal: Na}\nlimits: {current: 5 mA}\n"
        "steps:\n  - repeat: 1000000\n    steps:\n      - plate: 1 mA/cm2 until 5 s\n"
        "      - strip: 1 mA/cm2 until 4 s or 1 V\n"
    )
    results: list[Any] = []
    request = running.request_of(protocol, "na-cu-half", tmp_path / "data")
    conducting = threading.Thread(target=lambda: results.append(conduct(request)))
    conducting.start()
    while not list((tmp_path / "data").glob(f"*/{key.FILE}")):
        time.sleep(0.01)
    (folder,) = list_runs(tmp_path / "data")
    told: list[tuple[str, bool, str]] = []

    def speak(who: str) -> None:
        for word in ("pause", "continue", "skip", "status"):
            reply = client.ask(folder, Request(word, who), 30)  # type: ignore[arg-type]
            told.append((word, reply.ok, reply.text))

    speakers = [threading.Thread(target=speak, args=(f"speaker {n}",)) for n in range(5)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    assert len(told) == 20
    assert not [each for each in told if "bug" in each[2] or "has not told" in each[2]]
    # it may stand paused now: a stop ends that, too
    assert client.ask(folder, Request("stop", "ada"), 30).ok
    conducting.join(30)
    (result,) = results
    assert (result.outcome, result.exit_code) == ("stopped", 130)
    with Reader(folder) as reader:
        events = list(reader.events())
    said = [e.data for e in events if e.kind == "operator"]
    assert len(said) == 15
    assert sum(bool(data["done"]) for data in said) == sum(
        ok for word, ok, _ in told if word != "status"
    )
    assert [e.data for e in events if e.kind == "output"][-1] == {"on": False, "read_back": True}


def test_a_run_that_was_paused_amended_and_skipped_is_heard_again_bit_for_bit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol = tmp_path / "p.yaml"
    protocol.write_text(
        "name: p\ncell: {kind: half, metal: Na}\nparameters: {j: 1 mA/cm2, rounds: 100000000}\n"
        "limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}\nrecord: all\n"
        "steps:\n  - repeat: $rounds\n    steps:\n      - plate: $j until 60 s\n"
        "      - strip: $j until 50 s or 1 V\n"
    )
    results: list[Any] = []
    request = running.request_of(protocol, "na-cu-half", tmp_path / "data")
    conducting = threading.Thread(target=lambda: results.append(conduct(request)))
    conducting.start()
    while not list((tmp_path / "data").glob(f"*/{key.FILE}")):
        time.sleep(0.01)
    (folder,) = list_runs(tmp_path / "data")
    wanted = [
        Request("pause", "ada"),
        Request("amend", "ada", {"j": "2 mA/cm2"}),
        Request("continue", "ada"),
        Request("amend", "ada", {}, protocol.read_text().replace("60 s", "70 s"), "edited.yaml"),
        Request("amend", "ada", {"rounds": "1"}),
    ]
    for request_ in wanted:
        assert client.ask(folder, request_, 30).ok
    conducting.join(30)
    assert results[0].outcome == "completed"
    with Reader(folder) as reader:
        revisions = [event for event in reader.events() if event.kind == "revision"]
    assert len(revisions) == 3
    assert_identical(folder, capsys)


# ---- answers ------------------------------------------------------------------------------


async def test_yes_answers_each_question_once() -> None:
    said: list[str] = []
    answers = Answers(asyncio.get_running_loop(), said.append, yes=True)
    answers.hear(ASK)
    assert said == []  # not while the engine is still telling
    await asyncio.sleep(0)
    assert said == ["--yes"]
    answers.hear(SAID)
    answers.hear(ASK)
    await asyncio.sleep(0)
    assert said == ["--yes", "--yes"]


async def test_a_question_that_is_answered_already_is_not_answered_again() -> None:
    said: list[str] = []
    answers = Answers(asyncio.get_running_loop(), said.append, yes=True)
    answers.hear(ASK)
    answers.hear(SAID)
    await asyncio.sleep(0)
    assert said == []
