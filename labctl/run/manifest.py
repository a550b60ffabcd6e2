"""What a run's manifest says: what was asked, on what, with which limits, by which program."""

import hashlib
import os
import platform
import socket
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version

from labctl.bench.auxiliaries import auxiliaries_of
from labctl.doctor.records import latest_record
from labctl.run.request import RunRequest
from labctl.run.sources import sources_of
from labctl_drivers.vocabulary import Identity, Opened, Ratings
from labctl_protocols.plan import MAIN, Plan


def manifest_of(
    request: RunRequest,
    plan: Plan,
    opened: Mapping[str, Opened],
    ratings: Mapping[str, Ratings],
    *,
    run: str,
    start_unix: float,
    simulated: bool,
    safe_within_s: float,
    beside: Mapping[str, Identity],
) -> dict[str, object]:
    """The manifest as plain JSON; limits in V, A and K, times in UTC seconds.

    `safe_within_s`: so many host seconds after any fault the output is off, read back, or said to
    be unknown. `beside` says who answered as each auxiliary.
    """
    return {
        "run": run,
        "simulated": simulated,
        "start_unix": start_unix,
        "bench": request.bench.name,
        "channel": request.channels[MAIN],
        "protocol": protocol_of(request, plan),
        "cell": cell_of(request, plan),
        "sources": sources_of(
            request.protocol,
            request.cell,
            ratings,
            request.parameters,
            auxiliaries_of(request.bench, request.channels[MAIN]),
        ),
        "limits": asdict(plan.limits),
        "safe_within_s": safe_within_s,
        "instrument": instrument_of(request, MAIN, opened[MAIN]),
        "terminals": {
            role: {
                "channel": request.channels[role],
                "electrodes": plan.terminals.get(role),
                "instrument": instrument_of(request, role, found),
            }
            for role, found in opened.items()
        },
        "auxiliaries": {
            name: auxiliary_of(request, name, identity) for name, identity in beside.items()
        },
        "temperature": plan.temperature,
        "simulation": simulation_of(request) if simulated else None,
        "program": program(),
        "host": {"name": socket.gethostname(), "pid": os.getpid()},
    }


def instrument_of(request: RunRequest, role: str, opened: Opened) -> dict[str, object]:
    """Who answered at a terminal, how it is reached, and what a resistor last said of it."""
    channel = request.channels[role]
    return {
        **asdict(opened.identity),
        "driver": request.bench.driver_of(channel),
        "resource": request.bench.resource_of(channel),
        "doctor": latest_record(
            request.data, opened.identity, request.bench.channels[channel].channel
        ),
    }


def auxiliary_of(request: RunRequest, name: str, identity: Identity) -> dict[str, object]:
    """Who answered as an auxiliary, and how it is reached."""
    place = request.bench.auxiliaries[name]
    instrument = request.bench.instruments[place.instrument]
    return {
        **asdict(identity),
        "driver": instrument.driver,
        "resource": instrument.resource,
        "channel": place.channel,
    }


def protocol_of(request: RunRequest, plan: Plan) -> dict[str, object]:
    """The protocol as written, with the parameters that the plan was bound to."""
    text = request.protocol.text
    return {
        "name": plan.name,
        "title": plan.title,
        "text": text,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "parameters": dict(plan.parameters),
    }


def cell_of(request: RunRequest, plan: Plan) -> dict[str, object]:
    """The cell's record as written, with the figures that the plan was bound to."""
    cell = request.cell
    return {
        "id": cell.id,
        "kind": plan.kind,
        "metal": plan.metal,
        "area_cm2": plan.area_cm2,
        "nominal_Ah": plan.nominal_Ah,
        "inventory_Ah": plan.inventory_Ah,
        "text": cell.text,
    }


def simulation_of(request: RunRequest) -> Mapping[str, object]:
    """What the simulated bench was made of, so that the run can be had again."""
    return {
        "model": request.model,
        "parameters": dict(request.model_parameters),
        "seed": request.seed,
        "speed": request.speed,
    }


def program() -> dict[str, object]:
    """Which labctl, on what."""
    return {
        "labctl": version("labctl-bench"),
        "python": platform.python_version(),
        "system": platform.platform(),
    }
