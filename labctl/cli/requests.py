"""From what is named on a command line, or in a batch file, to what is asked of a run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from labctl.bench import Bench, Simulate
from labctl.cli.exits import Refused
from labctl.cli.options import DEFAULT_DATA
from labctl.run.request import RunRequest, Speed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl_protocols.cell_record import CellRecord


def make_request(
    protocol: str,
    place: "tuple[Bench, CellRecord, Mapping[str, str]]",
    *,
    parameters: "Mapping[str, str]",
    data: Path | None,
    mqtt_url: str | None,
    speed: "float | str | None",
    yes: bool,
    model: str | None = None,
    model_parameters: "Mapping[str, float] | None" = None,
    seed: int | None = None,
    transcript: Path | None = None,
    capture: Path | None = None,
    keys: bool = True,
) -> RunRequest:
    """What is to be run, from what was named; a bench in memory has its twin's settings.

    Raises Refused, BenchError, ProtocolError.
    """
    from labctl_protocols.files import load_protocol

    bench, record, chosen = place
    block = bench.instrument_of(chosen["main"]).simulate or Simulate()
    model_parameters = model_parameters or {}
    if bench.is_in_memory(chosen["main"]):
        model = model or block.model
        model_parameters = {**block.parameters, **model_parameters}
        seed = seed if seed is not None else block.seed
    elif model is not None or model_parameters or seed is not None:
        raise Refused(
            f"--model, -m and --seed are for benches in memory; {chosen['main']} is at "
            f"{bench.resource_of(chosen['main'])} (a simulated one takes them in `labctl simulate`)"
        )
    return RunRequest(
        protocol=load_protocol(protocol),
        cell=record,
        bench=bench,
        channels=chosen,
        parameters=parameters,
        data=data or default_data(bench),
        mqtt_url=_checked_url(mqtt_url),
        speed=cast("Speed | None", speed),
        model=model,
        model_parameters=model_parameters,
        seed=seed or 0,
        transcript=transcript,
        yes=yes,
        keys=keys,
        capture=capture,
    )


def default_data(bench: Bench) -> Path:
    """LABCTL_DATA, else the bench's own folder, else `data` here."""
    given = os.environ.get("LABCTL_DATA")
    return Path(given) if given else bench.data or DEFAULT_DATA


def _checked_url(url: str | None) -> str | None:
    if url is None:
        return None
    from labctl.mqtt import BadSettings, parse_url

    try:
        parse_url(url)
    except BadSettings as error:
        raise Refused(f"--mqtt: {error}") from error
    return url
