"""The simulated instruments of runs on a bench in memory."""

from collections.abc import Mapping, Sequence

from labctl.auxiliary_twin import auxiliary_twins
from labctl.run.request import RunRequest
from labctl.twin import Placed, Twin, connect, make_cell
from labctl_protocols.plan import MAIN
from labctl_simulators.ports import Firmware


def twins_of(requests: Sequence[RunRequest]) -> list[dict[str, Twin]]:
    """The simulated instruments of a bench in memory, for each run by terminal; none of another."""
    if not requests[0].bench.is_in_memory(requests[0].channels[MAIN]):
        return [{} for _ in requests]
    return connect([_placed(request) for request in requests])


def _placed(request: RunRequest) -> Placed:
    bench = request.bench
    cell = make_cell(
        bench.instrument_of(request.channels[MAIN]),
        request.cell,
        model=request.model,
        parameters=request.model_parameters,
        seed=request.seed,
    )
    places = {
        role: (bench.instrument_of(name), bench.channels[name].channel)
        for role, name in request.channels.items()
    }
    return Placed(cell, places, request.model_parameters, request.seed)


def twins_beside(
    requests: Sequence[RunRequest], twins: Sequence[Mapping[str, Twin]]
) -> dict[str, Firmware]:
    """The simulated auxiliaries of a bench in memory, at the cells of these runs."""
    cells = {
        request.channels[role]: twin.cell
        for request, by_role in zip(requests, twins, strict=True)
        for role, twin in by_role.items()
    }
    bench = requests[0].bench
    return auxiliary_twins(bench, cells, requests[0].seed) if cells and bench.auxiliaries else {}
