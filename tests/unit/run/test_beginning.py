"""What comes before a run drives: it holds up no other run of the bench, and leaves no journal
open behind it when it fails."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import running

from labctl import journal as journals
from labctl.run import conduct as conducting
from labctl.run.request import RunRequest

SHORT = {"portions": "1", "reservoir": "0.02 mAh/cm2", "portion": "0.01 mAh/cm2"}


def short_run(data: Path) -> RunRequest:
    return running.request_of("na-cu-reservoir-ce", "na-cu-half", data, parameters=SHORT)


def test_the_loop_goes_on_while_a_journal_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another cell of the bench may be driven already, and somebody has to look at it."""
    loops: list[asyncio.AbstractEventLoop] = []
    turned: list[bool] = []
    new_loop = conducting.new_loop

    def loop_of(speed: Any) -> asyncio.AbstractEventLoop:
        loops.append(new_loop(speed))
        return loops[-1]

    def slowly(*arguments: Any) -> Any:
        looked = threading.Event()
        loops[-1].call_soon_threadsafe(looked.set)
        turned.append(looked.wait(5.0))
        raise journals.StorageFault("enough was seen")

    monkeypatch.setattr(conducting, "new_loop", loop_of)
    monkeypatch.setattr(journals, "create", slowly)
    with pytest.raises(journals.StorageFault, match="enough was seen"):
        conducting.conduct(replace(short_run(tmp_path), speed=60.0))
    assert turned == [True]


def test_a_run_that_fails_before_it_drives_closes_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no control")

    monkeypatch.setattr(conducting, "Control", broken)
    with pytest.raises(RuntimeError, match="no control"):
        conducting.conduct(short_run(tmp_path))
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    with journals.Reader(folder) as reader:
        closing = reader.closing()
    assert closing is not None
    assert closing.outcome == "error"
    assert "no control" in closing.reason
    assert not [each for each in threading.enumerate() if each.name == "journal"]
