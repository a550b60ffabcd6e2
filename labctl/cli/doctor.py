"""`labctl doctor`: whether a bench is wired as it should be, without driving a cell."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import ExitStack, aclosing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from labctl.bench import Bench, load_bench
from labctl.cli.exits import FAULT, Refused
from labctl.cli.inputs import find_cell
from labctl.cli.options import JsonOption
from labctl.cli.output import print_json
from labctl.cli.requests import default_data
from labctl.doctor.finding import Finding

if TYPE_CHECKING:
    from labctl.run.stops import Stops
    from labctl.twin import Twin
    from labctl_drivers.link import Link
    from labctl_drivers.vocabulary import Identity
    from labctl_protocols.cell_record import CellRecord

Found = tuple[str, Finding | Path]
"""Of a channel or auxiliary instrument: a finding, or the file with a record of all of them."""
Tell = Callable[[Found], None]
MARKS = {"good": "ok ", "odd": "?  ", "bad": "BAD"}


@dataclass(frozen=True, slots=True)
class _Look:
    """What is looked at: channels and, `beside`, auxiliary instruments; what the channels hold."""

    bench: Bench
    channels: Sequence[str]
    beside: Sequence[str]
    cell: "CellRecord | None"
    ohm: float | None
    data: Path

    @property
    def in_memory(self) -> bool:
        """Whether all of it is. Raises Refused where only some is."""
        found = {self.bench.is_in_memory(name) for name in self.channels}
        if len(found) > 1:
            raise Refused("some channels are in memory (`resource: sim`) and some are not")
        return found == {True}


def doctor(
    bench: Annotated[Path, Parameter(name="BENCH", help="The bench file.")],
    /,
    *,
    channel: Annotated[
        list[str] | None, Parameter(negative="", help="Only this channel; repeatable.")
    ] = None,
    cell: Annotated[
        str | None, Parameter(help="The record of the cells that are connected: a file or a name.")
    ] = None,
    dummy: Annotated[
        str | None, Parameter(help="A resistor is connected in the cell's place, as `1 kohm`.")
    ] = None,
    data: Annotated[
        Path | None,
        Parameter(help="Folder of the runs, for records [env var: LABCTL_DATA] [default: data]."),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Check instruments and wiring of a bench, channel by channel, without driving a cell.

    Who answers, its error queue, whether its output goes off and says so, what stands at its
    terminals at 0 A (with --cell against the cell's record) and which limits it holds. An output
    that is found on is told and left as it is. Of auxiliaries: who answers, and what they measure.

    With --dummy the channels hold a resistor instead: it is driven both ways and into a voltage
    limit, which shows polarity, sense leads and limits. A dated record is kept in the data
    folder, and the manifests of later runs on these terminals carry it. Nothing is driven at
    terminals that show a voltage of their own, and the full current only after small ones, step by
    step, have shown the resistor. The exit code is 4 if anything is bad.

    For example:

        labctl doctor bench.yaml --cell my-cell.yaml
        labctl doctor bench.yaml --channel A1 --dummy "1 kohm"
    """
    described = load_bench(bench)
    names = channel or list(described.channels)
    for name in names:
        described.instrument_of(name)
    auxiliaries = {each.instrument for each in described.auxiliaries.values()}
    look = _Look(
        described,
        names,
        beside=[] if channel else sorted(auxiliaries),
        cell=None if cell is None else find_cell(cell, described.folder),
        ohm=None if dummy is None else _ohm(dummy),
        data=default_data(described) if data is None else data,
    )
    return _look_and_tell(look, json=json)


def _ohm(text: str) -> float:
    from labctl_protocols.quantities import RESISTANCE, QuantityError, parse_quantity, to_si

    try:
        quantity = parse_quantity(text.strip())
        if quantity.dimensions != RESISTANCE or not to_si(quantity) > 0:
            raise Refused(f"--dummy {text}: a resistance is wanted, as `1 kohm`")
    except QuantityError as error:
        raise Refused(f"--dummy {text}: {error}") from error
    return to_si(quantity)


def _look_and_tell(look: _Look, *, json: bool) -> int:
    """Each finding as it is made, or all in one document; the exit code."""
    shown: dict[str, list[Finding]] = {name: [] for name in (*look.channels, *look.beside)}
    files: list[Path] = []

    def tell(what: Found) -> None:
        name, found = what
        if isinstance(found, Path):
            files.append(found)
            return
        shown[name].append(found)
        if not json:
            print(f"{MARKS[found.state]}  {name}  {found.check}: {found.text}", flush=True)

    _visit_all(look, tell)
    good = not any(finding.state == "bad" for found in shown.values() for finding in found)
    if json:
        channels = {name: [asdict(each) for each in found] for name, found in shown.items()}
        records = [str(path) for path in files]
        print_json({"good": good, "channels": channels, "records": records})
    else:
        for path in files:
            print(f"record {path}")
    return 0 if good else FAULT


def _visit_all(look: _Look, tell: Tell) -> None:
    """Visit everything. Raises KeyboardInterrupt for a signal, once what was on is off."""
    from labctl.run.clock import new_loop

    loop = new_loop("max" if look.in_memory else 1.0)
    twins = _twins(look)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        for visits in (_visits(look, twins), _visits_beside(look, twins)):
            if runner.run(_told(visits, tell)):
                raise KeyboardInterrupt


async def _told(visits: AsyncGenerator[Found, None], tell: Tell) -> bool:
    """Tell all findings, unless a signal asks for the end: a visit ends switched off either way.

    Gives whether one did.
    """
    from labctl.run.stops import Stops

    stops = Stops(asyncio.get_running_loop())
    telling = asyncio.create_task(_tell_all(visits, tell, stops))

    def stop(_: str) -> None:
        telling.cancel()

    with stops.heard():
        stops.to(stop)
        await asyncio.wait([telling])
    if not telling.cancelled():
        telling.result()
    return stops.asked is not None


async def _tell_all(visits: AsyncGenerator[Found, None], tell: Tell, stops: "Stops") -> None:
    async with aclosing(visits):
        async for found in visits:
            tell(found)
            if stops.asked:
                # while it was switching off, which nothing breaks off
                return


async def _visits(look: _Look, twins: "Mapping[str, Twin]") -> AsyncGenerator[Found, None]:
    from labctl.bench.opening import make_channel
    from labctl.doctor.records import write_record
    from labctl.doctor.visit import visit
    from labctl.run.claim import ChannelInUse, claimed

    links: dict[str, Link] = {}
    for name in look.channels:
        channel = make_channel(look.bench, name, twin=twins.get(name), links=links)
        number = look.bench.channels[name].channel
        resource = look.bench.instrument_of(name).resource
        identity: Identity | None = None
        findings: list[Finding] = []
        claim = ExitStack()
        try:
            async with aclosing(visit(channel, look.cell, look.ohm)) as visited:
                async for found in visited:
                    if isinstance(found, Finding):
                        findings.append(found)
                        yield name, found
                        continue
                    if not look.in_memory:
                        # nothing has been touched yet
                        claim.enter_context(claimed(found, number, resource, "labctl doctor"))
                    identity = found
        except ChannelInUse as error:
            yield name, Finding("output", "bad", str(error))
        finally:
            with suppress(Exception):
                await channel.close()
            claim.close()
        if identity is not None and look.ohm is not None:
            data, ohm, now = look.data, look.ohm, time.time()
            yield name, write_record(data, identity, name, number, ohm, findings, now)


async def _visits_beside(look: _Look, twins: "Mapping[str, Twin]") -> AsyncGenerator[Found, None]:
    from labctl.auxiliary_twin import auxiliary_twins
    from labctl.bench.auxiliaries import make_auxiliary
    from labctl.doctor.beside import look_beside

    bench, cells = look.bench, {name: twin.cell for name, twin in twins.items()}
    firmwares = auxiliary_twins(bench, cells) if cells and look.beside else {}
    for name in look.beside:
        auxiliary = make_auxiliary(bench, name, firmware=firmwares.get(name))
        names = {a.channel: n for n, a in bench.auxiliaries.items() if a.instrument == name}
        try:
            async for found in look_beside(auxiliary, names):
                yield name, found
        finally:
            with suppress(Exception):
                await auxiliary.close()


def _twins(look: _Look) -> "dict[str, Twin]":
    from labctl.twin import Placed, connect, make_cell

    if not look.in_memory:
        return {}
    placed = []
    for name in look.channels:
        instrument = look.bench.instrument_of(name)
        at = {"main": (instrument, look.bench.channels[name].channel)}
        placed.append(Placed(make_cell(instrument, look.cell), at, {}))
    twins = connect(placed)
    return {name: twin["main"] for name, twin in zip(look.channels, twins, strict=True)}
