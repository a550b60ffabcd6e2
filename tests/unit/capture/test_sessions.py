"""Every driver sends, byte for byte, what it sent in the sessions that are kept, and reads the
same out of the same replies."""

from pathlib import Path
from typing import Any

import pytest
from helpers import running, sessions

from labctl.bench import BenchError
from labctl.capture.again import Differs, play
from labctl.capture.recording import recording
from labctl.capture.text import read_session
from labctl_simulators.clock import VirtualLoop, run_in

FILES = sorted(sessions.FOLDER.glob("*.txt"))


def test_every_driver_has_a_session() -> None:
    assert {read_session(path).driver for path in FILES} == set(sessions.drivers())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_session_is_the_same_again(path: Path) -> None:
    session = read_session(path)
    assert run_in(VirtualLoop(), play(session)) > 10


def test_a_whole_run_can_be_captured_and_played_again(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    request = running.request_of(
        "na-cu-reservoir-ce",
        "na-cu-half",
        tmp_path,
        parameters={"portions": "1", "reservoir": "0.1 mAh/cm2", "portion": "0.05 mAh/cm2"},
        capture=path,
    )
    assert running.conduct(request).outcome == "completed"
    session = read_session(path)
    asked = sum(line.sign == "!" for line in session.lines)
    assert asked > 100
    assert run_in(VirtualLoop(), play(session)) == asked


def test_a_captured_session_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    path.write_text("somebody's\n")
    request = running.request_of("na-cu-reservoir-ce", "na-cu-half", tmp_path, capture=path)
    with pytest.raises(BenchError, match=r"session\.txt is there already: name a new file"):
        running.conduct(request)
    assert path.read_text() == "somebody's\n"


@pytest.mark.parametrize(
    ("driver", "old", "new"),
    [
        ("keithley-2450", "> :OUTP ON", "> :OUTP OFF"),
        ("keithley-2450", "+00,0.0000", "+00,9.9000"),
        ("keithley-2450", "! read\n", "! safe\n"),
        ("espec", "> TEMP, S40.0", "> TEMP, S40.1"),
        ("espec", "= CancelledError", '= {"1": {"temperature_K": 297.6}}'),
        ("daq6510", "E+01,0.000000", "E+00,0.000000"),
        ("daq6510", '"InvalidReading"', '{"temperature_K": 9.9e37}'),
    ],
)
def test_what_differs_in_a_byte_is_told(tmp_path: Path, driver: str, old: str, new: str) -> None:
    text = (sessions.FOLDER / f"{driver}.txt").read_text(encoding="ascii")
    assert old in text
    path = tmp_path / "session.txt"
    path.write_text(text.replace(old, new, 1), encoding="ascii")
    with pytest.raises(Differs):
        run_in(VirtualLoop(), play(read_session(path)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ":1: a session begins"),
        ("0.0 > *IDN?\n", ":1: a session begins"),
        ('# driver {"name": "x", "settings": {}}\n0.0 ? x\n', ":2: no line"),
        ('# driver {"name": "x", "settings": {}}\n0.0 > \\q\\x\n', ":2: no line"),
        ('# driver {"name": "x", "settings": {}}\nsoon > x\n', ":2: no line"),
    ],
)
def test_what_is_no_session_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "s.txt"
    path.write_text(text, encoding="ascii")
    with pytest.raises(ValueError, match=words):
        read_session(path)


class Switched:
    """A driver's channel, of which only `safe` is asked."""

    MATURITY = "simulated"

    def __init__(self) -> None:
        self.offs = 0

    async def safe(self) -> None:
        self.offs += 1


@pytest.mark.parametrize("works_for", [0, 1])
def test_a_full_disk_does_not_keep_the_output_on(works_for: int) -> None:
    told: list[str] = []

    def note(_time_s: float, sign: str, _data: bytes) -> None:
        if len(told) >= works_for:
            raise OSError(28, "No space left on device")
        told.append(sign)

    switched: Any = Switched()
    run_in(VirtualLoop(), recording(switched, note).safe())
    assert switched.offs == 1
    assert len(told) == works_for
