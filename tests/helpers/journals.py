"""A small generator of runs: half-cell plating and stripping cycles, with exact figures."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from labctl import journal
from labctl_protocols.decisions import Event, Row

START_UNIX = 1_795_000_000.0
SHAPE = (("plate", -1.0, -0.05), ("strip", +1.0, 0.08))


def manifest(run: str = "20261118-120000-test-0001", simulated: bool = True) -> dict[str, object]:
    return {
        "run": run,
        "simulated": simulated,
        "start_unix": START_UNIX,
        "bench": "glovebox-3",
        "channel": "A1",
        "protocol": {"name": "na-cu-reservoir-ce", "title": "Reservoir CE"},
        "cell": {"id": "NaCu-017", "area_cm2": 1.131},
        "limits": {"low_V": -0.5, "high_V": 1.5, "current_A": 0.005},
    }


def create(folder: Path, simulated: bool = True) -> journal.Journal:
    described = manifest(folder.name, simulated)
    return journal.create(folder, described, journal.virtual_wall(START_UNIX))


def units(cycles: int, per_step: int = 20) -> Iterator[tuple[list[Row], list[Event]]]:
    """What the engine would answer, reading by reading: 1 mA, one reading every 10 s, CE 1."""
    charged = discharged = charged_Wh = discharged_Wh = 0.0
    t_s, step = 0.0, 0
    yield [], [Event(0.0, "run_started", {"protocol": "p", "simulated": True})]
    yield [], [Event(0.0, "output", {"on": True, "read_back": True})]
    for cycle in range(1, cycles + 1):
        for verb, sign, voltage_V in SHAPE:
            step += 1
            started = {
                "step_count": step,
                "step_id": f"cycle.{verb}",
                "step_type": verb,
                "cycle": cycle,
                "text": f"{verb}: 1 mA",
                "label": None,
                "class": "cycle",
                "set_current_A": sign * 1e-3,
                "set_voltage_V": None,
                "ends": [],
            }
            yield [], [Event(t_s, "step_started", started)]
            for n in range(per_step):
                if n:
                    t_s += 10.0
                    passed = 1e-3 * 10.0 / 3600.0
                    if sign > 0:
                        charged, charged_Wh = charged + passed, charged_Wh + passed * voltage_V
                    else:
                        discharged += passed
                        discharged_Wh += passed * voltage_V
                yield (
                    [
                        Row(
                            t_s=t_s,
                            voltage_V=voltage_V + 1e-4 * n,
                            current_A=sign * 1e-3,
                            step_count=step,
                            step_id=f"cycle.{verb}",
                            step_type=verb,
                            step_time_s=10.0 * n,
                            cycle=cycle,
                            charging_Ah=charged,
                            discharging_Ah=discharged,
                            charging_Wh=charged_Wh,
                            discharging_Wh=discharged_Wh,
                            set_current_A=sign * 1e-3,
                            set_voltage_V=None,
                            regulating="current",
                            current_range_A=0.01,
                            quality="ok",
                        )
                    ],
                    [],
                )
            yield (
                [],
                [
                    Event(
                        t_s,
                        "step_ended",
                        {
                            "step_count": step,
                            "ended": "charge",
                            "reason": "1 mAh",
                            "step_type": verb,
                        },
                    )
                ],
            )
        half = {
            "charge_Ah": (per_step - 1) / 360e3,
            "energy_Wh": 1e-6,
            "duration_s": 190.0,
            "mean_voltage_V": -0.05,
        }
        yield (
            [],
            [
                Event(
                    t_s,
                    "cycle",
                    {
                        "cycle": cycle,
                        "class": "cycle",
                        "group": None,
                        "complete": True,
                        "first": {"kind": "plate", **half},
                        "second": {"kind": "strip", **half},
                        "ce": 1.0,
                        "u_ce": 0.002,
                        "flags": [],
                    },
                )
            ],
        )
    yield [], [Event(t_s, "output", {"on": False, "read_back": True})]
    yield [], [Event(t_s, "run_ended", {"outcome": "completed", "reason": ""})]


def fill(target: journal.Journal, cycles: int, per_step: int = 20) -> int:
    """Write such a run into a journal; the number of its readings."""
    count = 0
    for rows, events in units(cycles, per_step):
        count += len(rows)
        target.write(rows, events, checkpoint=f'{{"rows": {count}}}')
    return count


def finished(folder: Path, cycles: int = 3, per_step: int = 20, simulated: bool = True) -> Path:
    """A completed run's folder."""
    target = create(folder, simulated)
    fill(target, cycles, per_step)
    target.close("completed")
    return folder


def with_step_id(row: Row, step_id: str) -> Row:
    """The row under another name of its step."""
    return replace(row, step_id=step_id)
