"""What a 2400 remembers: settings, buffer, acquisition; and the bits of its status words.

Source: instruments.md §1 (status word, `:STAT:MEAS`, `:STAT:OPER`).
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from labctl_simulators.firmware.smu import Channel

SENTINEL = 9.91e37
ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
BUFFER_MOST = 2500
TIME_WRAPS_S = 99999.999
OVERFLOW, FILTER, FRONT_TERMINALS, COMPLIANCE, PROTECTION = 1, 2, 4, 8, 16
AUTO_OHMS, V_MEASURED, I_MEASURED, R_MEASURED = 1 << 10, 1 << 11, 1 << 12, 1 << 13
V_SOURCED, I_SOURCED, RANGE_COMPLIANCE, REMOTE_SENSE = 1 << 14, 1 << 15, 1 << 16, 1 << 22
M_READING, M_OVERFLOW, M_AVAILABLE, M_FULL = 1 << 6, 1 << 7, 1 << 8, 1 << 9
M_ENABLE_LINE, M_HOT, M_PROTECTION, M_COMPLIANCE = 1 << 11, 1 << 12, 1 << 13, 1 << 14
O_SWEEPING, O_WAIT_TRIGGER, O_WAIT_ARM, O_IDLE = 1 << 3, 1 << 5, 1 << 6, 1 << 10
OHMS = ((20.0, 0.1), (200.0, 1e-2), (2e3, 1e-3), (2e4, 1e-4), (2e5, 1e-5), (2e6, 1e-6), (2e7, 1e-6))
AD_EXTRA_S = 185e-6
CYCLE_S = 2e-3
AUTO_DELAY_S = 1e-3


class Row(NamedTuple):
    """One reading: the five elements, NaN where there is none, infinite when over range."""

    volts: float
    amps: float
    ohms: float
    time_s: float
    status: float


@dataclass(slots=True)
class Setup:
    """Settings beyond the front end, with their values after `*RST`."""

    functions: frozenset[str] = frozenset({"CURR"})
    concurrent: bool = True
    elements: tuple[str, ...] = ELEMENTS
    auto_zero: bool = True
    clear_auto: bool = False
    range_sync: bool = False
    ohms_auto: bool = True
    ohms_range: int = 4
    ohms_range_auto: bool = True
    arm_count: int = 1
    arm_source: str = "IMM"
    arm_timer_s: float = 0.1
    trigger_count: int = 1
    trigger_source: str = "IMM"
    trigger_delay_s: float = 0.0
    words: dict[str, str] = field(default_factory=dict)
    data_format: Literal["ASC", "REAL"] = "ASC"
    swapped: bool = False


@dataclass(slots=True)
class Buffer:
    """The reading buffer (`TRACe`)."""

    points: int = 100
    rows: list[Row] = field(default_factory=list)
    filling: bool = False
    delta_times: bool = False


@dataclass(slots=True)
class Plan:
    """What a reading takes and how, until a setting changes."""

    delay_s: float
    window_s: float
    total_s: float
    volts: bool
    amps: bool
    ohms: bool
    status: int
    v_channel: Channel | None
    i_channel: Channel | None


@dataclass(slots=True)
class Job:
    """An acquisition started by INIT; `start_s` is None while it waits for a trigger."""

    left: int
    start_s: float | None
