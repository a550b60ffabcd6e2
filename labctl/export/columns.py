"""BDF's columns (ontology 1.3.0, preferred labels) and ours beside them, out of recorded rows."""

from collections.abc import Iterator, Mapping
from typing import Literal

from labctl.journal import Reader, RecordedRow
from labctl.journal.clock import STEP_S
from labctl_protocols.engine.state import RESUMED

Kind = Literal["number", "counter", "text"]
Value = float | int | str | None

REQUIRED = ("Test Time / s", "Voltage / V", "Current / A")
COLUMNS: Mapping[str, Kind] = {
    "Test Time / s": "number",
    "Voltage / V": "number",
    "Current / A": "number",
    "Unix Time / s": "number",
    "Cycle Count / 1": "counter",
    "Step Count / 1": "counter",
    "Step ID": "text",
    "Step Type": "text",
    "Step Time / s": "number",
    "Record Index / 1": "counter",
    "Charging Capacity / Ah": "number",
    "Discharging Capacity / Ah": "number",
    "Charging Energy / Wh": "number",
    "Discharging Energy / Wh": "number",
    "Set Current / A": "number",
    "Set Voltage / V": "number",
    "Compliance / 1": "counter",
    "Surface Temperature T1 / degC": "number",
    "Quality": "text",
    "Terminal": "text",
    "Simulated / 1": "counter",
}
"""What labctl writes. `Compliance`: 1 while the instrument is held by its limit instead of by its
set-point. Energies are signed by the voltage: a cell plated below 0 V takes up energy while it
discharges. Counters and energies are since the test began and never reset, and count what passed
at every `Terminal`. `Surface Temperature T1` is that of the cell, where its channel names who
measures it."""

MAY_BE_EMPTY = frozenset(
    {"Set Current / A", "Set Voltage / V", "Compliance / 1", "Surface Temperature T1 / degC"}
)
STEP_TYPES = ("CC_CHG", "CC_DCH", "CV_CHG", "CV_DCH", "CCCV_CHG", "CCCV_DCH", "REST", "OCV", "EIS")

HELD = ("hold", "then_hold", "sweep")
"""Steps in which the voltage is set."""

ZERO_CELSIUS_K = 273.15
CLOCK_STEP = "clock_step"
SKIPPED = "skipped"
QUALITIES = frozenset(
    {"ok", "stale", "overflow", "interpolated", "recovered", CLOCK_STEP, SKIPPED, RESUMED}
)
"""Words of `Quality`, joined by `+`. `clock_step`: the wall clock was set since the row before.
`skipped`: steps numbered between this row's and the one before were passed over, not driven.
`resumed`: the step was paused before this row, and its time stood still meanwhile."""


def bdf_rows(reader: Reader, simulated: bool) -> Iterator[tuple[Value, ...]]:
    """A run's readings as values in the order of COLUMNS."""
    net_Ah = reader.net_charge_by_step()
    before: RecordedRow | None = None
    for row in reader.readings():
        yield (
            row.t_s,
            row.voltage_V,
            row.current_A,
            row.unix_s,
            row.cycle,
            row.step_count,
            row.step_id,
            step_type(row, net_Ah.get(row.step_count, 0.0)),
            row.step_time_s,
            row.seq,
            row.charging_Ah,
            row.discharging_Ah,
            row.charging_Wh,
            row.discharging_Wh,
            row.set_current_A,
            row.set_voltage_V,
            compliance(row),
            degC(row.temperature_K),
            quality(before, row),
            row.terminal,
            int(simulated),
        )
        before = row


def degC(temperature_K: float | None) -> float | None:
    """A temperature as files have it, in 1e-5 °C; None where it is not known."""
    return None if temperature_K is None else round(temperature_K - ZERO_CELSIUS_K, 5)


def step_type(row: RecordedRow, net_Ah: float) -> str:
    """BDF's word for the step: its direction is the commanded one, else the one that it took."""
    if row.step_type == "rest":
        return "REST"
    kind = "CV" if row.step_type in HELD else "CC"
    commanded = row.set_current_A if kind == "CC" else None
    return f"{kind}_CHG" if (commanded or net_Ah or row.current_A) >= 0 else f"{kind}_DCH"


def compliance(row: RecordedRow) -> int | None:
    """1 while the limit holds instead of the set-point, 0 while not, None when nobody knows."""
    if row.regulating == "unknown":
        return None
    meant = "voltage" if row.step_type in HELD else "current"
    return int(row.regulating != meant)


def quality(before: RecordedRow | None, row: RecordedRow) -> str:
    """The row's own word, and what it must say of the gap since the row before."""
    words = [] if row.quality == "ok" else [row.quality]
    if before is not None:
        if clock_stepped(row.unix_s - before.unix_s, row.t_s - before.t_s):
            words.append(CLOCK_STEP)
        if row.step_count > before.step_count + 1:
            words.append(SKIPPED)
    elif row.step_count > 1:
        words.append(SKIPPED)
    return "+".join(words) or "ok"


def clock_stepped(unix_s: float, test_s: float) -> bool:
    """Whether the wall clock and the test time disagree about an interval."""
    return abs(unix_s - test_s) > STEP_S + 1e-3 * abs(test_s)
