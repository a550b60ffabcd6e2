"""The run loop passes on what the operator says, and waits for it where nothing is connected."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from helpers import running

from labctl.journal import events
from labctl.run import conduct
from labctl.run.loop import RunLoop

ASKING = """
name: asking
record: every 10 s
steps:
  - charge: C/2 until 60 s
  - ask: is the valve open?
    timeout: 1 h
  - charge: C/2 until 60 s
"""


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """What is to be said, each so many seconds of the loop after the run began (or, where the
    clock stands still, when it stands there)."""
    words: list[tuple[float, str]] = []
    run = RunLoop.run

    async def speaking(self: RunLoop, begin_s: float | None = None) -> Any:
        loop = asyncio.get_running_loop()
        for after_s, word in words:
            if after_s < 0:
                asked = self._on_answer

                def answer(told: Any, word: str = word, asked: Any = asked) -> None:
                    asked(told)
                    if told.waits:
                        loop.call_soon(self.operator, word, "test")

                self._on_answer = answer
            else:
                loop.call_at(loop.time() + after_s, self.operator, word, "test")
        return await run(self, begin_s)

    monkeypatch.setattr(RunLoop, "run", speaking)
    return words


def conducted(tmp_path: Path, text: str = ASKING) -> conduct.RunResult:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return running.run(path, "lfp-graphite", tmp_path / "data")


def kinds(result: conduct.RunResult) -> list[str]:
    told = [event.kind for event in events(result.folder)]
    return [kind for kind in told if kind in ("ask", "operator", "output", "step_resumed")]


def test_an_answer_lets_the_run_go_on(tmp_path: Path, spoken: list[tuple[float, str]]) -> None:
    spoken.append((-1.0, "continue"))
    result = conducted(tmp_path)
    assert result.outcome == "completed", result.reason
    assert kinds(result) == ["output", "output", "ask", "operator", "output", "output"]
    said = next(event for event in events(result.folder) if event.kind == "operator")
    assert said.data["by"] == "test"


def test_a_run_is_paused_and_goes_on(tmp_path: Path, spoken: list[tuple[float, str]]) -> None:
    spoken += [(40.0, "pause"), (-1.0, "continue")]
    result = conducted(tmp_path)
    assert result.outcome == "completed", result.reason
    assert "step_resumed" in kinds(result)
    ended = [event.data for event in events(result.folder) if event.kind == "step_ended"]
    assert [each["ended"] for each in ended] == ["time", "time"]
    assert float(str(ended[0]["duration_s"])) == pytest.approx(60.0, abs=0.5)


def test_a_step_is_skipped(tmp_path: Path, spoken: list[tuple[float, str]]) -> None:
    spoken += [(30.0, "skip"), (-1.0, "continue")]
    result = conducted(tmp_path)
    ended = [event.data for event in events(result.folder) if event.kind == "step_ended"]
    assert [each["ended"] for each in ended] == ["skipped", "time"]
