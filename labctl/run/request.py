"""What is asked of a run and what comes back: the border between the command line and the run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from labctl.bench import Bench
    from labctl_protocols.cell_record import CellRecord
    from labctl_protocols.decisions import Outcome
    from labctl_protocols.files import ProtocolFile

Speed = float | Literal["max"]
"""Cell seconds per host second of a simulated bench; `max` is virtual time."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One protocol on one cell on one bench, checked and ready to be conducted.

    `channels` maps roles to channel names (`main` alone for most cells). `speed` None is the
    bench's own pace: `max` where all is in memory, 1 on a real bench. `model` and
    `model_parameters` are for the twin of a simulated instrument: `instrument_error` goes to the
    instrument, the rest to the cell. `yes` answers every question of the protocol; `keys`: Enter
    does, in the run's terminal. `capture` gets the session at the cell's main terminals; those of
    all other instruments that the run needs stand beside it.
    """

    protocol: "ProtocolFile"
    cell: "CellRecord"
    bench: "Bench"
    channels: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    data: Path = Path("data")
    mqtt_url: str | None = None
    speed: Speed | None = None
    model: str | None = None
    model_parameters: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    transcript: Path | None = None
    capture: Path | None = None
    yes: bool = False
    keys: bool = True


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to; `cycles`, `groups` and `model` are the JSON of design §10.

    `notes` are lines for people: what followers and exports came to.
    """

    run: str
    folder: Path
    outcome: "Outcome"
    reason: str
    cycles: Sequence[Mapping[str, object]]
    groups: Sequence[Mapping[str, object]]
    model: Mapping[str, object] | None
    exit_code: int
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How the run stands, for people: never used to decide anything. None = not known (yet).

    `elapsed_s` is cell time since the run began, `left_s` an estimate of what remains of the step;
    `charge_Ah` has passed in the step, `area_cm2` is the record's; `ce` and `u_ce` (k = 2) are
    fractions, of the last complete cycle or group, where the cell has a CE; in a symmetric cell
    `overpotential_V` is that of both electrodes together in its last cycle; `inventory` is a
    fraction of nominal. `waiting` says what the run waits for, where it does. `told` are the newest
    of the `told_count` remarks, flags and faults so far; `outcome` is set in the last snapshot
    only.
    """

    run: str
    folder: Path
    elapsed_s: float
    step: str
    cycle: int
    charge_Ah: float | None = None
    voltage_V: float | None = None
    current_A: float | None = None
    area_cm2: float | None = None
    ce: float | None = None
    u_ce: float | None = None
    overpotential_V: float | None = None
    inventory: float | None = None
    left_s: float | None = None
    waiting: str = ""
    told: tuple[str, ...] = ()
    told_count: int = 0
    outcome: "Outcome | None" = None


OnProgress = Callable[[Snapshot], None]
"""Called at most 5 times per host second, in a thread of its own: it may block or raise."""
