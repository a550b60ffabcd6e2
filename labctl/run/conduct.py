"""Conducting a run: open, check, make the manifest durable, drive, bring to safety, tell."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from labctl import journal as journals
from labctl import mqtt
from labctl.bench import BenchError
from labctl.bench.opening import make_channel
from labctl.journal.clock import host_wall, virtual_wall
from labctl.mqtt import MqttSettings
from labctl.run.clock import host_speed, new_loop
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
from labctl.twin import Twin, make_twin
from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError
from labctl_drivers.vocabulary import Opened
from labctl_protocols.checker import bind
from labctl_protocols.decisions import Answer
from labctl_protocols.plan import Plan

SIMULATED_FIRMWARE = "-sim"


class CannotStart(InstrumentError):
    """The instrument is not in a state in which a run may begin. Nothing was changed on it."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """What a run stands on once everything is open."""

    channel: Channel
    opened: Opened
    plan: Plan
    twin: Twin | None
    simulated: bool
    speed: Speed


def conduct(request: RunRequest, on_progress: OnProgress | None = None) -> RunResult:
    """Run one protocol to its end; nothing is driven before the manifest is durable (S1).

    Raises ProtocolError for what the checker refuses, BenchError, InstrumentError and StorageFault
    for what cannot be opened; then nothing was driven.
    """
    in_memory = request.bench.is_in_memory(request.channels["main"])
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
    name = request.channels["main"]
    instrument = request.bench.instrument_of(name)
    loop = asyncio.get_running_loop()
    twin = None
    if request.bench.is_in_memory(name):
        twin = make_twin(
            instrument,
            request.cell,
            model=request.model,
            parameters=request.model_parameters,
            seed=request.seed,
        )
    factor = 1.0 if speed == "max" else speed
    channel = make_channel(
        request.bench, name, twin=twin, speed=factor, transcript=request.transcript
    )
    stops = Stops(loop)
    with stops.heard():
        try:
            ready = await _open(request, channel, twin, speed)
            return await _drive(request, ready, broker, stops, on_progress)
        finally:
            with contextlib.suppress(Exception):
                # the run is over and its output off; a link that will not close changes neither
                await channel.close()


async def _open(request: RunRequest, channel: Channel, twin: Twin | None, speed: Speed) -> _Ready:
    opened = await channel.open()
    who = f"{opened.identity.model} {opened.identity.serial}"
    simulated = twin is not None or opened.identity.firmware.endswith(SIMULATED_FIRMWARE)
    if opened.output_was_on:
        raise CannotStart(f"the output of {who} is on already: switch it off by hand, then run")
    if not simulated and speed != 1.0:
        raise BenchError(f"{who} is real: --speed is for simulated instruments")
    plan = bind(request.protocol, request.cell, channel.ratings, request.parameters)
    return _Ready(channel, opened, plan, twin, simulated, speed)


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
    manifest = manifest_of(
        request,
        ready.plan,
        ready.opened,
        ready.channel.ratings,
        run=run_id,
        start_unix=start_unix,
        simulated=ready.simulated,
        safe_within_s=safe_within_s(ready.channel.ratings),
    )
    real_time = ready.speed == 1.0 and ready.twin is None
    wall = host_wall(loop.time, begin_s) if real_time else virtual_wall(start_unix)
    engine = new_engine(ready.plan, ready.channel.ratings)
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

    run = RunLoop(engine, ready.channel, on_answer, host_speed(ready.speed))
    journal.on_fault(lambda error: _soon(loop, run.fail, error))
    stops.to(run.request_stop)
    ended = await run.run(begin_s if real_time else None)
    # host time may pass now: nothing is driven any more
    return finish(journal, run_id, ended, model, follower, progress)


def _soon(
    loop: asyncio.AbstractEventLoop, call: Callable[[Exception], None], error: Exception
) -> None:
    # the loop may have ended meanwhile; then the run has, too
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, error)
