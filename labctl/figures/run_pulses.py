"""A run's readings as a recording whose stretches are its steps, and what its pulses give."""

from array import array
from collections.abc import Iterable
from itertools import groupby

from labctl.figures.pulses import Json, Stretch, pulses_json
from labctl.figures.recording import Recording
from labctl.journal import Reader, RecordedRow
from labctl_protocols.plan import MAIN

HELD = ("hold", "then_hold", "sweep", "impedance")


def pulses_of_run(reader: Reader) -> dict[str, list[Json]]:
    """DCIR, ICI and GITT of a run, each with the cycle and the step that it was in.

    What passes at another pair of terminals is no pulse, and no rest either: it is left out, and
    what comes before it is not joined with what comes after.
    """
    found: dict[str, list[Json]] = {"dcir": [], "ici": [], "gitt": []}
    for is_main, rows in groupby(reader.readings(), key=lambda row: row.terminal == MAIN):
        if not is_main:
            continue
        recording, stretches, where = _of_rows(rows)
        for kind, told in pulses_json(recording, stretches).items():
            found[kind] += [{**where[begun_of(each)], **each} for each in told]
    return found


def _of_rows(
    rows: Iterable[RecordedRow],
) -> tuple[Recording, list[Stretch], dict[float, Json]]:
    """Rows as a recording with a stretch for each step, and where in the run each began."""
    columns = [array("d") for _ in range(5)]
    stretches: list[Stretch] = []
    where: dict[float, Json] = {}
    step = 0
    for n, row in enumerate(rows):
        values = (row.t_s, row.voltage_V, row.current_A, row.charging_Ah, row.discharging_Ah)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
        if row.step_count == step:
            old = stretches[-1]
            stretches[-1] = Stretch(old.first, n, old.begun_s, old.held)
            continue
        step, begun_s = row.step_count, row.t_s - row.step_time_s
        stretches.append(Stretch(n, n, begun_s, row.step_type in HELD))
        where[begun_s] = {"cycle": row.cycle, "step_id": row.step_id}
    time_s, voltage_V, current_A, charging_Ah, discharging_Ah = columns
    recording = Recording(
        test_time_s=time_s,
        voltage_V=voltage_V,
        current_A=current_A,
        charging_Ah=charging_Ah,
        discharging_Ah=discharging_Ah,
    )
    return recording, stretches, where


def begun_of(told: Json) -> float:
    """When what is told of began: by this it is found again."""
    at_s = told["at_s"]
    if not isinstance(at_s, float):
        raise TypeError(f"{at_s!r} is no time")
    return at_s
