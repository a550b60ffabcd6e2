"""What a run came to when its journal could not be closed."""

from pathlib import Path

import pytest

from labctl.journal import StorageFault
from labctl.run.ending import finish
from labctl.run.outcomes import Ended


class Full:
    """A journal on a disk that is full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def close(self, outcome: str | None, reason: str = "") -> None:
        raise StorageFault("cannot write journal.sqlite: database or disk is full")


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (
            Ended("completed", "end of the protocol", None),
            "end of the protocol; cannot write journal.sqlite: database or disk is full",
        ),
        (
            Ended(
                "fault", "StorageFault: cannot write journal.sqlite: database or disk is full", None
            ),
            "StorageFault: cannot write journal.sqlite: database or disk is full",
        ),
    ],
)
def test_what_could_not_be_stored_is_told_once_as_the_reason(
    tmp_path: Path, ended: Ended, reason: str
) -> None:
    result = finish(Full(tmp_path), "r1", ended, None, None, None)
    assert (result.exit_code, result.reason) == (5, reason)
