"""Conducting a run: open, check, make the manifest durable, drive, bring to safety, tell."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from labctl import journal as journals
from labctl import mqtt
from labctl.bench import BenchError
from labctl.bench.opening import make_channel
from labctl.journal.clock import host_wall, virtual_wall
from labctl.mqtt import MqttSettings
from labctl.run.amending import Amending, Bind
from labctl.run.clock import host_speed, new_loop
from labctl.run.controlled import Control
from labctl.run.ending import broker_of, finish
from labctl.run.hearing import new_engine
from labctl.run.journalling import journal_writer
from labctl.run.loop import RunLoop
from labctl.run.manifest import manifest_of
from labctl.run.model import ModelWatch
from labctl.run.request import OnProgress, RunRequest, RunResult, Speed
from labctl.run.safe import safe_within_s
from labctl.run.stops import Stops
from labctl.run.watch import ProgressWatch, Teller
from labctl.twin import Twin, make_twins
from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError
from labctl_drivers.link import Link
from labctl_drivers.vocabulary import Opened
from labctl_protocols.checker import bind
from labctl_protocols.decisions import Answer
from labctl_protocols.files import ProtocolFile
from labctl_protocols.plan import MAIN, Plan

SIMULATED_FIRMWARE = "-sim"


class CannotStart(InstrumentError):
    """The instrument is not in a state in which a run may begin. Nothing was changed on it."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """What a run stands on once everything is open; by terminal where there may be several."""

    channels: Mapping[str, Channel]
    opened: Mapping[str, Opened]
    bind: Bind
    plan: Plan
    twin: Twin | None
    simulated: bool
    speed: Speed


def conduct(request: RunRequest, on_progress: OnProgress | None = None) -> RunResult:
    """Run one protocol to its end; nothing is driven before the manifest is durable (S1).

    Raises ProtocolError for what the checker refuses, BenchError, InstrumentError and StorageFault
    for what cannot be opened; then nothing was driven.
    """
    in_memory = request.bench.is_in_memory(request.channels[MAIN])
    speed = request.speed or ("max" if in_memory else 1.0)
    if speed == "max" and not in_memory:
        raise BenchError("only a bench in memory (`resource: sim`) can run at --speed max")
    broker = broker_of(request)
    with asyncio.Runner(loop_factory=lambda: new_loop(speed)) as runner:
        return runner.run(_conduct(request, speed, broker, on_progress))


async def _conduct(
    request: RunRequest,
    speed: Speed,
    broker: MqttSettings | None,
    on_progress: OnProgress | None,
) -> RunResult:
    loop = asyncio.get_running_loop()
    twins = twins_of(request)
    factor = 1.0 if speed == "max" else speed
    links: dict[str, Link] = {}
    channels = {
        role: make_channel(
            request.bench,
            name,
            twin=twins.get(role),
            speed=factor,
            transcript=request.transcript if role == MAIN else None,
            links=links,
        )
        for role, name in request.channels.items()
    }
    stops = Stops(loop)
    with stops.heard():
        try:
            ready = await _open(request, channels, twins.get(MAIN), speed)
            return await _drive(request, ready, broker, stops, on_progress)
        finally:
            for channel in channels.values():
                with contextlib.suppress(Exception):
                    # the run is over, its outputs off; a link that will not close changes neither
                    await channel.close()


def twins_of(request: RunRequest) -> dict[str, Twin]:
    """The simulated instruments of a bench in memory, by terminal; none of another bench."""
    if not request.bench.is_in_memory(request.channels[MAIN]):
        return {}
    for role, name in request.channels.items():
        if not request.bench.is_in_memory(name):
            raise BenchError(f"{name} ({role}) is not in memory, as the main terminal's channel is")
    instruments = {
        role: request.bench.instrument_of(name) for role, name in request.channels.items()
    }
    return make_twins(
        instruments,
        request.cell,
        model=request.model,
        parameters=request.model_parameters,
        seed=request.seed,
        channels={
            role: request.bench.channels[name].channel for role, name in request.channels.items()
        },
    )


async def _open(
    request: RunRequest, channels: Mapping[str, Channel], twin: Twin | None, speed: Speed
) -> _Ready:
    opened: dict[str, Opened] = {}
    simulated = twin is not None
    for role, channel in channels.items():
        opened[role] = found = await channel.open()
        who = f"{found.identity.model} {found.identity.serial}"
        is_simulated = twin is not None or found.identity.firmware.endswith(SIMULATED_FIRMWARE)
        simulated = simulated or is_simulated
        if found.output_was_on:
            raise CannotStart(f"the output of {who} is on already: switch it off by hand, then run")
        if not is_simulated and speed != 1.0:
            raise BenchError(f"{who} is real: --speed is for simulated instruments")
    others = {role: channel.ratings for role, channel in channels.items() if role != MAIN}
    ratings = channels[MAIN].ratings

    def bind_it(protocol: ProtocolFile, parameters: Mapping[str, str]) -> Plan:
        return bind(protocol, request.cell, ratings, parameters, others=others)

    plan = bind_it(request.protocol, request.parameters)
    return _Ready(channels, opened, bind_it, plan, twin, simulated, speed)


async def _drive(
    request: RunRequest,
    ready: _Ready,
    broker: MqttSettings | None,
    stops: Stops,
    on_progress: OnProgress | None,
) -> RunResult:
    loop = asyncio.get_running_loop()
    start_unix, begin_s = time.time(), loop.time()
    run_id = journals.new_run_id(ready.plan.name, start_unix)
    folder = request.data / run_id
    ratings = {role: channel.ratings for role, channel in ready.channels.items()}
    manifest = manifest_of(
        request,
        ready.plan,
        ready.opened,
        ratings,
        run=run_id,
        start_unix=start_unix,
        simulated=ready.simulated,
        safe_within_s=max(safe_within_s(each.ratings) for each in ready.channels.values()),
    )
    real_time = ready.speed == 1.0 and ready.twin is None
    wall = host_wall(loop.time, begin_s) if real_time else virtual_wall(start_unix)
    engine = new_engine(ready.plan, ratings)
    journal = journals.create(folder, manifest, wall)
    try:
        follower = None if broker is None else mqtt.start(broker, journal)
    except Exception as error:
        journal.close("error", f"{type(error).__name__}: {error}")
        raise
    listeners = [journal_writer(journal, engine, waits=ready.speed == "max")]
    model = progress = None
    if ready.twin is not None:
        model = ModelWatch(ready.twin.ledger)
        listeners.append(model.hear)
    if on_progress is not None:
        progress = ProgressWatch(run_id, folder, engine, Teller(on_progress))
        listeners.append(progress.hear)

    def on_answer(answer: Answer) -> None:
        for listener in listeners:
            listener(answer)

    amending = Amending(request.protocol, request.parameters, ready.bind)
    control = Control(engine, amending, yes=request.yes)
    listeners.append(control.hear)
    run = RunLoop(engine, ready.channels, on_answer, host_speed(ready.speed))
    journal.on_fault(lambda error: _soon(loop, run.fail, error))
    stops.to(run.request_stop)
    with control.opened(run, folder):
        ended = await run.run(begin_s if real_time else None)
    # host time may pass now: nothing is driven any more
    result = finish(journal, run_id, ended, model, follower, progress)
    return replace(result, notes=[*control.notes, *result.notes])


def _soon(
    loop: asyncio.AbstractEventLoop, call: Callable[[Exception], None], error: Exception
) -> None:
    # the loop may have ended meanwhile; then the run has, too
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, error)
