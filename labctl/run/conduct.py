"""Conducting a run: open, check, make the manifest durable, drive, bring to safety, tell."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from labctl import journal as journals
from labctl import mqtt
from labctl.bench import BenchError
from labctl.bench.auxiliaries import auxiliaries_of
from labctl.bench.opening import make_channel
from labctl.journal import Journal, StorageFault, Wall, host_wall, virtual_wall
from labctl.mqtt import MqttSettings
from labctl.run.amending import Amending, Bind
from labctl.run.auxiliaries import Beside, opened_beside
from labctl.run.capturing import capture_of, session_at
from labctl.run.claim import SIMULATED_FIRMWARE, claimed
from labctl.run.clock import host_speed, new_loop
from labctl.run.controlled import Control
from labctl.run.ending import broker_of, finish
from labctl.run.hearing import new_engine
from labctl.run.journalling import journal_writer
from labctl.run.loop import RunLoop
from labctl.run.manifest import manifest_of
from labctl.run.model import ModelWatch
from labctl.run.outcomes import Ended, outcome_of, told_where
from labctl.run.poller import Poller
from labctl.run.request import OnProgress, RunRequest, RunResult, Speed
from labctl.run.safe import safe_within_s
from labctl.run.stops import Stops
from labctl.run.twins import twins_beside, twins_of
from labctl.run.watch import ProgressWatch, Teller
from labctl.twin import Twin
from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError
from labctl_drivers.link import Link
from labctl_drivers.vocabulary import Identity, Opened
from labctl_protocols.checker import bind
from labctl_protocols.decisions import Answer
from labctl_protocols.files import ProtocolFile
from labctl_protocols.plan import MAIN, Plan

_NAMING = threading.Lock()
"""Held from finding a free name for a run until its folder is there."""


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
    beside: Mapping[str, tuple[Poller, Identity]]


def conduct(request: RunRequest, on_progress: OnProgress | None = None) -> RunResult:
    """Run one protocol to its end; nothing is driven before the manifest is durable (S1).

    Raises ProtocolError for what the checker refuses, BenchError, InstrumentError and StorageFault
    for what cannot be opened; then nothing was driven.
    """
    (result,) = conduct_all([request], [on_progress])
    if isinstance(result, BaseException):
        raise result
    return result


def conduct_all(
    requests: Sequence[RunRequest], on_progress: Sequence[OnProgress | None]
) -> list[RunResult | BaseException]:
    """Run many protocols at once on one bench, each with a journal of its own.

    A run that cannot begin, or that fails, leaves the others alone (S8): its error stands in its
    place. Raises BenchError for what concerns all.
    """
    speed = speed_of(requests)
    brokers = [broker_of(request) for request in requests]
    with asyncio.Runner(loop_factory=lambda: new_loop(speed)) as runner:
        return runner.run(_conduct_all(requests, speed, brokers, on_progress))


def speed_of(requests: Sequence[RunRequest]) -> Speed:
    """The pace of all runs of a bench. Raises BenchError where they cannot have one."""
    in_memory = {
        request.bench.is_in_memory(channel)
        for request in requests
        for channel in request.channels.values()
    }
    if len(in_memory) > 1:
        raise BenchError("some channels are in memory (`resource: sim`) and some are not")
    asked = {request.speed for request in requests}
    if len(asked) > 1:
        raise BenchError("runs on one bench have one speed")
    (virtual,) = in_memory
    speed = asked.pop() or ("max" if virtual else 1.0)
    if speed == "max" and not virtual:
        raise BenchError("only a bench in memory (`resource: sim`) can run at --speed max")
    return speed


async def _conduct_all(
    requests: Sequence[RunRequest],
    speed: Speed,
    brokers: Sequence[MqttSettings | None],
    on_progress: Sequence[OnProgress | None],
) -> list[RunResult | BaseException]:
    capture = capture_of(requests)
    stops = Stops(asyncio.get_running_loop())
    links: dict[str, Link] = {}
    twins = twins_of(requests)
    factor = 1.0 if speed == "max" else speed
    around = opened_beside(requests[0].bench, twins_beside(requests, twins), factor, capture)
    with stops.heard():
        async with around as beside:
            tasks = [
                asyncio.create_task(
                    _conduct(request, speed, broker, show, twin, links, stops, beside)
                )
                for request, broker, show, twin in zip(
                    requests, brokers, on_progress, twins, strict=True
                )
            ]
            await _all_ended(tasks)
    return [_result_of(task) for task in tasks]


async def _all_ended(tasks: Sequence["asyncio.Task[RunResult]"]) -> None:
    """Wait for all; being cancelled cancels them, and they are waited for none the less."""
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()


def _result_of(task: "asyncio.Task[RunResult]") -> RunResult | BaseException:
    if task.cancelled():
        return asyncio.CancelledError("cancelled before it had begun")
    return task.exception() or task.result()


async def _conduct(
    request: RunRequest,
    speed: Speed,
    broker: MqttSettings | None,
    on_progress: OnProgress | None,
    twins: Mapping[str, Twin],
    links: dict[str, Link],
    stops: Stops,
    beside: Beside,
) -> RunResult:
    factor = 1.0 if speed == "max" else speed
    channels = {
        role: make_channel(
            request.bench,
            name,
            twin=twins.get(role),
            speed=factor,
            transcript=request.transcript if role == MAIN else None,
            capture=session_at(request, role),
            links=links,
        )
        # main first: what is written down is what goes over its link
        for role, name in sorted(request.channels.items(), key=lambda each: each[0] != MAIN)
    }
    claims = contextlib.ExitStack()
    try:
        ready = await _open(request, channels, twins.get(MAIN), speed, beside, claims)
        return await _drive(request, ready, broker, stops, on_progress)
    finally:
        for channel in channels.values():
            with contextlib.suppress(Exception):
                # the run is over, its outputs off; a link that will not close changes neither
                await channel.close()
        claims.close()


async def _open(
    request: RunRequest,
    channels: Mapping[str, Channel],
    twin: Twin | None,
    speed: Speed,
    beside: Beside,
    claims: contextlib.ExitStack,
) -> _Ready:
    opened: dict[str, Opened] = {}
    simulated = twin is not None
    for role, channel in channels.items():
        name = request.channels[role]
        instrument = request.bench.instrument_of(name)
        with told_where(f"{instrument.name} at {instrument.resource}"):
            opened[role] = found = await channel.open()
            if twin is None:
                claims.enter_context(_claimed(request, name, found.identity))
        who = f"{found.identity.model} {found.identity.serial}"
        if found.output_was_on:
            raise CannotStart(f"the output of {who} is on already: switch it off by hand, then run")
        simulated = _is_simulated(found.identity, twin, speed) or simulated
    others = {role: channel.ratings for role, channel in channels.items() if role != MAIN}
    ratings = channels[MAIN].ratings
    auxiliaries = auxiliaries_of(request.bench, request.channels[MAIN])

    def bind_it(protocol: ProtocolFile, parameters: Mapping[str, str]) -> Plan:
        return bind(
            protocol, request.cell, ratings, parameters, others=others, auxiliaries=auxiliaries
        )

    plan = bind_it(request.protocol, request.parameters)
    found_beside = await beside.opened(plan.auxiliaries)
    for _, identity in found_beside.values():
        simulated = _is_simulated(identity, twin, speed) or simulated
    return _Ready(channels, opened, bind_it, plan, twin, simulated, speed, found_beside)


def _claimed(
    request: RunRequest, name: str, identity: Identity
) -> contextlib.AbstractContextManager[None]:
    bench = request.bench
    owner = f"a run of {request.protocol.name} at {name} of {bench.name}"
    resource = bench.instrument_of(name).resource
    return claimed(identity, bench.channels[name].channel, resource, owner)


def _is_simulated(identity: Identity, twin: Twin | None, speed: Speed) -> bool:
    """Whether an instrument is; a real one has no other pace than its own. Raises BenchError."""
    if twin is not None or identity.firmware.endswith(SIMULATED_FIRMWARE):
        return True
    if speed != 1.0:
        who = f"{identity.model} {identity.serial}".strip()
        raise BenchError(f"{who} is real: --speed is for simulated instruments")
    return False


async def _drive(
    request: RunRequest,
    ready: _Ready,
    broker: MqttSettings | None,
    stops: Stops,
    on_progress: OnProgress | None,
) -> RunResult:
    loop = asyncio.get_running_loop()
    start_unix, begin_s = time.time(), loop.time()
    real_time = ready.speed == 1.0 and ready.twin is None
    wall = host_wall(loop.time, begin_s) if real_time else virtual_wall(start_unix)
    begin = partial(_begin_journal, request, ready, broker, start_unix, wall)
    if ready.speed == "max":
        journal, follower = begin()
    else:
        # in a thread, for other runs of the bench may be driving already
        journal, follower = await loop.run_in_executor(None, begin)
    try:
        ended, account, progress, notes = await _heard_to_the_end(
            request, ready, journal, stops, on_progress, begin_s if real_time else None
        )
    except BaseException as error:
        # nothing was driven, or `RunLoop.run` has switched off already
        outcome, reason = outcome_of(error)
        with contextlib.suppress(StorageFault):
            journal.close(outcome, reason)
        if follower is not None:
            await loop.run_in_executor(None, follower.finish)
        raise
    # in a thread, for other runs of the bench may still be driving
    result = await loop.run_in_executor(
        None, finish, journal, journal.folder.name, ended, account, follower, progress
    )
    return replace(result, notes=[*notes, *result.notes])


def _begin_journal(
    request: RunRequest,
    ready: _Ready,
    broker: MqttSettings | None,
    start_unix: float,
    wall: Wall,
) -> tuple[Journal, mqtt.Follower | None]:
    """Make the manifest durable; who follows the journal begins, too."""
    with _NAMING:
        return _begin_named(request, ready, broker, start_unix, wall)


def _begin_named(
    request: RunRequest,
    ready: _Ready,
    broker: MqttSettings | None,
    start_unix: float,
    wall: Wall,
) -> tuple[Journal, mqtt.Follower | None]:
    run_id = _free_run_id(request.data, ready.plan.name, start_unix)
    manifest = manifest_of(
        request,
        ready.plan,
        ready.opened,
        {role: channel.ratings for role, channel in ready.channels.items()},
        run=run_id,
        start_unix=start_unix,
        simulated=ready.simulated,
        safe_within_s=max(safe_within_s(each.ratings) for each in ready.channels.values()),
        beside={name: identity for name, (_, identity) in ready.beside.items()},
    )
    journal = journals.create(request.data / run_id, manifest, wall)
    try:
        return journal, None if broker is None else mqtt.start(broker, journal)
    except Exception as error:
        journal.close("error", f"{type(error).__name__}: {error}")
        raise


async def _heard_to_the_end(
    request: RunRequest,
    ready: _Ready,
    journal: Journal,
    stops: Stops,
    on_progress: OnProgress | None,
    begin_s: float | None,
) -> tuple[Ended, Mapping[str, object] | None, ProgressWatch | None, list[str]]:
    """Drive, with everybody who hears of it; the twin's own account and notes come with the end."""
    loop = asyncio.get_running_loop()
    folder = journal.folder
    ratings = {role: channel.ratings for role, channel in ready.channels.items()}
    engine = new_engine(ready.plan, ratings)
    listeners = [journal_writer(journal, engine, waits=ready.speed == "max")]
    model = progress = None
    if ready.twin is not None:
        model = ModelWatch(ready.twin.ledger)
        listeners.append(model.hear)
    if on_progress is not None:
        progress = ProgressWatch(folder.name, folder, engine, Teller(on_progress))
        listeners.append(progress.hear)

    def on_answer(answer: Answer) -> None:
        for listener in listeners:
            listener(answer)

    amending = Amending(request.protocol, request.parameters, ready.bind)
    control = Control(engine, amending, yes=request.yes, keys=request.keys)
    listeners.append(control.hear)
    pollers = {name: poller for name, (poller, _) in ready.beside.items()}
    run = RunLoop(engine, ready.channels, on_answer, host_speed(ready.speed), pollers)
    journal.on_fault(lambda error: _soon(loop, run.fail, error))
    stops.to(run.request_stop)
    with control.opened(run, folder), contextlib.ExitStack() as listening:
        for poller in dict.fromkeys(pollers.values()):
            names = [name for name, each in pollers.items() if each is poller]
            listening.enter_context(poller.heard_by(run.hear_beside, names))
            # what is limited must have been seen before anything is driven
            await poller.read()
        ended = await run.run(begin_s)
    return ended, None if model is None else model.result(), progress, control.notes


def _free_run_id(data: Path, protocol: str, unix_s: float) -> str:
    while (data / (run_id := journals.new_run_id(protocol, unix_s))).exists():
        pass
    return run_id


def _soon(
    loop: asyncio.AbstractEventLoop, call: Callable[[Exception], None], error: Exception
) -> None:
    # the loop may have ended meanwhile; then the run has, too
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, error)
