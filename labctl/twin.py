"""Simulated twins of a bench's instruments: a firmware on its wire, a cell on its terminals."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from labctl.bench.model import INSTRUMENT_PARAMETERS, BenchError, Instrument, Simulate
from labctl_protocols.plan import MAIN
from labctl_simulators.faults import Faulty
from labctl_simulators.ports import Cell, CellSize, Firmware, Ledger

if TYPE_CHECKING:
    from labctl_protocols.cell_record import CellRecord
    from labctl_simulators.terminals import Terminals

Kind = Literal["half", "anode-free", "full", "symmetric"]
KINDS: Mapping[str, Kind] = {
    "half": "half",
    "anode-free": "anode-free",
    "symmetric": "symmetric",
}


@dataclass(frozen=True, slots=True)
class Twin:
    """A simulated instrument holding a simulated cell; `model` names the cell's model."""

    firmware: Firmware
    cell: Cell
    model: str

    def ledger(self) -> Ledger:
        """The cell's own account at the present moment of the event loop."""
        self.firmware.advance(_loop_time())
        return self.cell.ledger()


@dataclass(frozen=True, slots=True)
class SimulatedCell:
    """A cell without instruments yet: `model` names it, `terminals` are its pairs by role."""

    cell: Cell
    model: str
    terminals: "Mapping[str, Terminals]"


@dataclass(frozen=True, slots=True)
class Held:
    """What a channel of an instrument holds: the terminals of one role of a cell."""

    cell: SimulatedCell
    role: str = MAIN


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a cell hangs: the instrument and its channel at each role of its terminals.

    `parameters` is what a twin's parameters say; each instrument draws its errors from `seed`.
    """

    cell: SimulatedCell
    places: Mapping[str, tuple[Instrument, int]]
    parameters: Mapping[str, float]
    seed: int = 0


def connect(cells: Sequence[Placed]) -> list[dict[str, Twin]]:
    """The twins of all instruments at which the cells are, for each cell by role.

    Cells and roles at channels of one instrument have one firmware; what a cell's parameters say
    to its instrument, the first cell at it says. Raises BenchError.
    """
    held: dict[str, dict[int, Held]] = {}
    asked: dict[str, tuple[Instrument, Mapping[str, float], int]] = {}
    for placed in cells:
        new: list[str] = []
        for role, (instrument, channel) in placed.places.items():
            name = instrument.name
            if name not in asked:
                new.append(name)
                asked[name] = instrument, placed.parameters, placed.seed + new.index(name)
            others = held.setdefault(name, {})
            if channel in others:
                raise BenchError(
                    f"instrument {name}: channel {channel} is at {others[channel].role!r} "
                    f"and cannot be at {role!r} as well"
                )
            others[channel] = Held(placed.cell, role)
    firmware = {
        name: connect_channels(held[name], instrument, parameters=parameters, seed=seed)
        for name, (instrument, parameters, seed) in asked.items()
    }
    return [
        {
            role: Twin(firmware[instrument.name], placed.cell.cell, placed.cell.model)
            for role, (instrument, _) in placed.places.items()
        }
        for placed in cells
    ]


def make_cell(
    instrument: Instrument,
    cell: "CellRecord | None",
    *,
    model: str | None = None,
    parameters: Mapping[str, float] | None = None,
    seed: int = 0,
    now: float | None = None,
) -> SimulatedCell:
    """The cell of an instrument's `simulate` block, of the record's size. Raises BenchError."""
    from labctl_simulators.terminals import terminals_of

    simulate = instrument.simulate or Simulate()
    given = _given(instrument, parameters)
    to_cell = {name: given[name] for name in given if name not in INSTRUMENT_PARAMETERS}
    try:
        name, made = _make_cell(model or simulate.model, cell, to_cell, seed)
    except ValueError as error:
        raise BenchError(f"instrument {instrument.name}: {error}") from None
    start = _loop_time() if now is None else now
    return SimulatedCell(made, name, terminals_of(made, start))


def connect_channels(
    held: Mapping[int, Held],
    instrument: Instrument,
    *,
    parameters: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Firmware:
    """One instrument with a pair of terminals at each of the channels named; others are open.

    The pairs may belong to one cell or to several. Raises BenchError for a role that a cell has
    not, and for a channel that the instrument has not.
    """
    pairs = {channel: _terminals(each, instrument) for channel, each in sorted(held.items())}
    given = _given(instrument, parameters)
    options: dict[str, Any] = dict((instrument.simulate or Simulate()).instrument)
    options |= {n: given[n] for n in INSTRUMENT_PARAMETERS if n in given}
    name = instrument.driver
    maker = load_simulator(name)
    first = pairs.pop(1, None) or _open_terminals(next(iter(pairs.values())).now)
    if pairs:
        if "more" not in signature(maker).parameters:
            raise BenchError(
                f"instrument {instrument.name}: a {name} has one channel; "
                f"there is none of number {min(pairs)}"
            )
        options["more"] = pairs
    try:
        firmware: Firmware = maker(first, serial=instrument.serial, seed=seed, **options)
        return with_faults(firmware, instrument, seed)
    except ValueError as error:
        raise BenchError(f"instrument {instrument.name}: {error}") from None


def with_faults(firmware: Firmware, instrument: Instrument, seed: int) -> Firmware:
    """The firmware behind the faults of the instrument's `simulate` block. Raises ValueError."""
    faults = (instrument.simulate or Simulate()).faults
    return Faulty(firmware, faults, seed) if faults else firmware


def _terminals(held: Held, instrument: Instrument) -> "Terminals":
    if held.role not in held.cell.terminals:
        raise BenchError(
            f"instrument {instrument.name}: the model {held.cell.model} has no terminal "
            f"{held.role!r}; it has {', '.join(held.cell.terminals)}"
        )
    return held.cell.terminals[held.role]


def _open_terminals(now: float) -> "Terminals":
    from labctl_simulators.cells import open_circuit
    from labctl_simulators.terminals import Terminals

    return Terminals(open_circuit(CellSize(kind="full"), {}, 0), now)


def _given(instrument: Instrument, parameters: Mapping[str, float] | None) -> dict[str, float]:
    return {**(instrument.simulate or Simulate()).parameters, **(parameters or {})}


def _make_cell(
    model: str | None, cell: "CellRecord | None", parameters: Mapping[str, float], seed: int
) -> tuple[str, Cell]:
    from labctl_simulators.cells.names import default_model, split_model

    size = size_of(cell)
    if model is None:
        if size is None:
            raise ValueError(
                "nobody says which cell it holds: write `simulate: {model: na-half}` in the bench "
                "file, or give --cell"
            )
        model = default_model(size)
    metal, kind = split_model(model)
    factory = _load("labctl.cells", kind, f"cell model {model!r}")
    if size is None:
        size = CellSize(kind=KINDS.get(kind, "full"))
    if metal is not None:
        size = _with_metal(size, metal)
    made: Cell = factory(size, parameters, seed)
    return model, made


def size_of(cell: "CellRecord | None") -> CellSize | None:
    """What a cell's record tells its model; where the record is silent, the model's own size."""
    if cell is None:
        return None
    in_cathode_Ah = cell.inventory_Ah
    if in_cathode_Ah is not None and cell.inventory_from == "pre-plated":
        # the record's inventory is all the metal; what lies on the collector is not in the cathode
        in_cathode_Ah = max(0.0, in_cathode_Ah - cell.preplated_Ah)
    sizes: dict[str, Any] = {
        "metal": cell.metal,
        "capacity_Ah": cell.capacity_Ah,
        "inventory_Ah": in_cathode_Ah,
        "preplated_Ah": cell.preplated_Ah,
        "collector": cell.collector,
        "cathode": cell.cathode,
        "reservoir": "supply" in cell.terminals,
    }
    if cell.area_cm2 is not None:
        sizes["area_cm2"] = cell.area_cm2
    return CellSize(kind=cell.kind, **sizes)


def _with_metal(size: CellSize, metal: Any) -> CellSize:  # noqa: ANN401 - a Literal of theirs
    from dataclasses import replace

    return replace(size, metal=metal)


def load_simulator(driver: str) -> Any:  # noqa: ANN401 - whatever a plug-in offers
    """The simulator of a driver's instrument. Raises BenchError."""
    return _load("labctl.simulators", driver, f"simulator for the driver {driver!r}")


def _load(group: str, name: str, what: str) -> Any:  # noqa: ANN401 - whatever a plug-in offers
    for found in entry_points(group=group, name=name):
        return found.load()
    known = ", ".join(sorted({found.name for found in entry_points(group=group)}))
    raise BenchError(f"there is no {what}; there are {known}")


def _loop_time() -> float:
    """The event loop's time; 0 where none runs."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return 0.0
