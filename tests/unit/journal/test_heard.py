"""What the engine heard is kept whole: every kind, every bit, with the rows that it led to."""

import dataclasses
import math
import sqlite3
import struct
from pathlib import Path
from typing import Any, get_args

import pytest
from helpers.journals import create
from hypothesis import given
from hypothesis import strategies as st

from labctl.journal import JournalError, Reader, StorageFault
from labctl.journal.heard import KINDS, Begun, HeardLine, Revised, Told, recalled, stored
from labctl_drivers.vocabulary import ImpedancePoint, Reading
from labctl_protocols.decisions import (
    Applied,
    AuxRead,
    AuxSet,
    Event,
    Heard,
    Measured,
    Operator,
    Revision,
    Row,
    Safed,
    Stopping,
    Unsafe,
    Waited,
)

READING = Reading(12.5, -0.0213, 1.1e-3, "current", 0.06, 1e-2, 2.0, 8)
EVERY: tuple[Told, ...] = (
    Begun(0.1),
    READING,
    Applied(3.0, 0.002),
    Safed(4.0),
    Unsafe(5.0, "no answer"),
    Stopping(6.0, "fault", "µ «x»", {"error": "LinkLost", "gap_s": 1.5, "list": [1, None]}),
    Operator(7.0, "pause"),
    Revised(7.5, "ada@lab, pid 1", {"protocol_text": "name: µ", "given": {"j": "1 mA"}}),
    Waited(8.0),
    ImpedancePoint(9.0, 1e3, 25.0, -3.5),
    Measured(10.0),
    AuxRead(11.0, {"oven": 313.15000000000003, "t_A1": None}),
    AuxSet(12.0, "oven", 313.2),
)
ROW = Row(
    t_s=12.4, voltage_V=-0.0213, current_A=1.1e-3, step_count=1, step_id="1.plate",
    step_type="plate", step_time_s=2.4, cycle=1, charging_Ah=0.0, discharging_Ah=1e-6,
    charging_Wh=0.0, discharging_Wh=0.0, set_current_A=-1e-3, set_voltage_V=None,
    regulating="current", current_range_A=1e-2, quality="ok",
)  # fmt: skip


def bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) else value


def test_every_kind_is_tried() -> None:
    # of a revision it is kept what its plan was bound from
    kept = {Begun, Revised, *get_args(Heard)} - {Revision}
    assert {type(told) for told in EVERY} == kept == set(KINDS.values())


@pytest.mark.parametrize("told", EVERY, ids=lambda told: type(told).__name__)
def test_every_kind_comes_back(told: Told) -> None:
    again = recalled(stored(told))
    assert again == told
    assert type(again) is type(told)


@given(st.tuples(*[st.floats() for _ in range(6)]))
def test_every_bit_of_every_float_comes_back(values: tuple[float, ...]) -> None:
    time_s, voltage_V, current_A, error_s, range_A, range_V = values
    told = Reading(time_s, voltage_V, current_A, "unknown", error_s, range_A, range_V)
    again = recalled(stored(told))
    for field in dataclasses.fields(Reading):
        ours, theirs = getattr(again, field.name), getattr(told, field.name)
        if isinstance(theirs, float) and math.isnan(theirs):
            assert math.isnan(ours)
        else:
            assert bits(ours) == bits(theirs)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"data": stored(READING).data.replace("12.5", "12.6")}, "changed after it was stored"),
        ({"kind": "Applied"}, "changed after it was stored"),
        ({"crc": 1}, "changed after it was stored"),
    ],
)
def test_what_was_changed_is_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(JournalError, match=text):
        recalled(stored(READING)._replace(**change))


def test_what_another_version_stored_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    line = stored(READING)
    monkeypatch.delitem(KINDS, "Reading")  # type: ignore[arg-type]
    with pytest.raises(JournalError, match="does not know what 'Reading' is"):
        recalled(line)
    monkeypatch.setitem(KINDS, "Reading", Applied)  # type: ignore[misc]
    with pytest.raises(JournalError, match="stores Reading otherwise"):
        recalled(line)


def test_what_was_heard_is_read_in_order_and_over_several_commits(tmp_path: Path) -> None:
    journal = create(tmp_path / "run")
    for told in EVERY:
        journal.write(heard=[told])
        journal.commit().result()
    journal.close("completed")
    with Reader(tmp_path / "run") as reader:
        found = list(reader.heard())
    assert [seq for seq, _ in found] == [*range(1, len(EVERY) + 1)]
    assert [recalled(HeardLine(*line)) for _, line in found] == list(EVERY)


def test_what_was_heard_is_durable_with_what_it_led_to_or_not_at_all(tmp_path: Path) -> None:
    journal = create(tmp_path / "run")
    path = tmp_path / "run" / "journal.sqlite"
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON heard BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    database.close()
    journal.write([ROW], [Event(12.4, "note", {"text": "x"})], heard=[READING])
    with pytest.raises(StorageFault):
        journal.commit().result()
    with pytest.raises(StorageFault):
        journal.close("completed")
    with Reader(tmp_path / "run") as reader:
        assert reader.counts() == (0, 0)
        assert list(reader.heard()) == []
