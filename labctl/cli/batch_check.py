"""Whether every run of a batch can begin: all mistakes at once, each at its place."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from labctl.bench import Bench, BenchError
from labctl.bench.auxiliaries import auxiliaries_of
from labctl.bench.batch import BatchRun
from labctl.cli.inputs import ratings_beside_main, ratings_of
from labctl.run.request import RunRequest
from labctl_protocols.checker import bind
from labctl_protocols.problems import Problem, ProtocolError

if TYPE_CHECKING:
    from labctl_protocols.plan import Where


def checked_requests(
    bench: Bench, runs: Sequence[BatchRun], make: Callable[[BatchRun], RunRequest]
) -> list[RunRequest]:
    """What `make` makes of each run. Raises ProtocolError with the mistakes of all of them."""
    requests: list[RunRequest] = []
    channels_with: dict[Problem, list[str]] = {}
    for run in runs:
        try:
            request = make(run)
            _bind(bench, request)
            requests.append(request)
        except ProtocolError as error:
            found = [_in_batch(problem, run) for problem in error.problems]
        except BenchError as error:
            found = [Problem(run.places["channel"], str(error), "bench")]
        else:
            found = []
        for problem in found:
            channels_with.setdefault(problem, []).append(", ".join(run.channels.values()))
    if channels_with:
        raise ProtocolError(tuple(_told(*each, runs) for each in channels_with.items()))
    return requests


def _bind(bench: Bench, request: RunRequest) -> None:
    channels = dict(request.channels)
    main = channels["main"]
    bind(
        request.protocol,
        request.cell,
        ratings_of(bench, main),
        request.parameters,
        others=ratings_beside_main(bench, channels),
        auxiliaries=auxiliaries_of(bench, main),
    )


def _in_batch(problem: Problem, run: BatchRun) -> Problem:
    """What is not in any file is at the word of the batch file that led there."""
    named: dict[str, Where] = run.places
    file = problem.where.file
    if file in named:
        return replace(problem, where=named[file])
    for key, name in (("cell", run.cell), ("protocol", run.protocol)):
        if problem.rule == "not-found" and file == name:
            return replace(problem, where=named[key], message=f"{name}: {problem.message}")
    return problem


def _told(problem: Problem, channels: Sequence[str], runs: Sequence[BatchRun]) -> Problem:
    """With the channels whose run it is about, where neither its place nor their number says it."""
    if problem.where.file == runs[0].where.file or len(channels) == len(runs):
        return problem
    return replace(problem, message=f"{problem.message} [channel {', '.join(channels)}]")
