"""A run's readings as a recording whose stretches are its steps, and what its pulses give."""

from array import array

from labctl.figures.pulses import Json, Stretch, pulses_json
from labctl.figures.recording import Recording
from labctl.journal import Reader

HELD = ("hold", "then_hold")


def pulses_of_run(reader: Reader) -> dict[str, list[Json]]:
    """DCIR, ICI and GITT of a run, each with the cycle and the step that it was in."""
    columns = [array("d") for _ in range(5)]
    stretches: list[Stretch] = []
    where: dict[float, Json] = {}
    step = 0
    for n, row in enumerate(reader.readings()):
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
    found = pulses_json(recording, stretches)
    return {
        kind: [{**where[begun_of(each)], **each} for each in rows] for kind, rows in found.items()
    }


def begun_of(told: Json) -> float:
    """When what is told of began: by this it is found again."""
    at_s = told["at_s"]
    if not isinstance(at_s, float):
        raise TypeError(f"{at_s!r} is no time")
    return at_s
