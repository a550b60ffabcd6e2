"""`labctl stop`, `pause`, `continue`, `skip`, `amend`: control a run that is running."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from labctl.cli.exits import FAULT, Refused
from labctl.cli.options import DEFAULT_DATA, DataOption, JsonOption, Pairs, RunName, named_values
from labctl.cli.output import print_json, print_lines
from labctl.control import client
from labctl.control.request import BadRequest, Command, Reply, Request, asker
from labctl.journal import find_run

WAIT_S = 90.0
"""Longer than the run itself takes to give up; then it cannot even say that."""
Timeout = Annotated[
    float, Parameter(name="--timeout", help="Seconds to wait for the run's answer.")
]


def stop(
    run: RunName,
    /,
    *,
    data: DataOption = DEFAULT_DATA,
    timeout: Timeout = WAIT_S,
    json: JsonOption = False,
) -> int:
    """End a running run in order; returns when it has ended, and says how.

    The output goes off and is read back, the journal is closed, and the run's own command ends
    with exit code 130. Stopping a run that has ended already is refused and changes nothing.

    For example:

        labctl stop 20261123-1412
    """
    folder = find_run(data, run)
    reply = _asked(folder, Request("stop", asker()), timeout)
    closed = client.outcome_when_closed(folder) if "outcome" in reply.data else None
    if closed is None:
        raise Refused(f"the run {folder.name}: {reply.text}", exit_code=FAULT)
    outcome, reason = closed
    if json:
        print_json({"run": folder.name, "outcome": outcome, "reason": reason})
    else:
        print_lines([f"run {folder.name}", f"outcome {outcome}: {reason}"])
    # of a run that was to be stopped, anything but a fault is an end as good as asked for
    return FAULT if outcome in ("fault", "error", "lost") else 0


def pause(
    run: RunName,
    /,
    *,
    data: DataOption = DEFAULT_DATA,
    timeout: Timeout = WAIT_S,
    json: JsonOption = False,
) -> int:
    """Pause a running run: the output goes off, is read back, and stays off.

    `labctl continue` goes on in the same step, with the charge and the time that it had. The
    cycle in which it was paused is marked and left out of means.

    For example:

        labctl pause 20261123-1412
        labctl continue 20261123-1412
    """
    return _word("pause", run, data, timeout, json=json)


def go_on(
    run: RunName,
    /,
    *,
    data: DataOption = DEFAULT_DATA,
    timeout: Timeout = WAIT_S,
    json: JsonOption = False,
) -> int:
    """Go on with a paused run, or answer the question that its protocol asks.

    Enter in the terminal of `labctl run` answers a question, too, and `labctl run --yes` answers
    by itself.

    For example:

        labctl continue 20261123-1412
    """
    return _word("continue", run, data, timeout, json=json)


def skip(
    run: RunName,
    /,
    *,
    data: DataOption = DEFAULT_DATA,
    timeout: Timeout = WAIT_S,
    json: JsonOption = False,
) -> int:
    """End the running step now and go on with the next one.

    What has passed counts; the journal says that the step was skipped, and by whom.

    For example:

        labctl skip 20261123-1412
    """
    return _word("skip", run, data, timeout, json=json)


def amend(
    run: RunName,
    /,
    *,
    p: Annotated[
        Pairs,
        Parameter(name=["-p", "--parameter"], help="name=value of the protocol; repeatable."),
    ] = None,
    protocol: Annotated[
        Path | None, Parameter(name="--protocol", help="The edited protocol, a file.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
    timeout: Timeout = WAIT_S,
    json: JsonOption = False,
) -> int:
    """Change a running run: a cut-off, a loop count, a set-point, a limit within the cell's.

    Give new values of the protocol's parameters, or an edited copy of its file. It is checked like
    any protocol, against the same cell and instrument; its steps must be the same ones, only their
    values may differ. All of it holds at once, or nothing changes and each reason is told:

    - new limits go to the instrument at once;
    - a target of the running step that has been passed already ends the step;
    - a loop count below the present round ends the loop after this round;
    - a set-point or target that is made of figures of the run holds from its next execution on.

    The journal keeps who changed what and the whole new protocol; `labctl show` and `labctl why`
    tell it. Routines stay as they were when the run began.

    For example:

        labctl amend 20261123-1412 -p cut=0.9V -p portions=20
        labctl amend 20261123-1412 --protocol edited.yaml
    """
    parameters = named_values(p, "-p")
    if not parameters and protocol is None:
        raise Refused("nothing to change: give -p name=value or --protocol FILE")
    folder = find_run(data, run)
    text, file = (None, "protocol") if protocol is None else _protocol_text(protocol)
    request = Request("amend", asker(), parameters, text, file)
    reply = _asked(folder, request, timeout)
    if not reply.ok:
        raise Refused(*(reply.lines or (reply.text,)))
    if json:
        print_json({"run": folder.name, "changes": list(reply.lines)})
    else:
        print_lines([f"run {folder.name}", *reply.lines])
    return 0


def _word(command: Command, run: str, data: Path, timeout: float, *, json: bool) -> int:
    folder = find_run(data, run)
    reply = _asked(folder, Request(command, asker()), timeout)
    if not reply.ok:
        raise Refused(f"the run {folder.name}: {reply.text}")
    if json:
        print_json({"run": folder.name, "text": reply.text})
    else:
        print_lines([f"run {folder.name}", reply.text])
    return 0


def _asked(folder: Path, request: Request, timeout: float) -> Reply:
    if not 0.0 < timeout < 1e6:
        raise Refused(f"--timeout {timeout:g}: seconds, above 0")
    try:
        return client.ask(folder, request, timeout)
    except (client.NotRunning, BadRequest) as error:
        raise Refused(str(error)) from error
    except TimeoutError as error:
        raise Refused(f"{error}: look at the instrument", exit_code=FAULT) from error


def _protocol_text(path: Path) -> tuple[str, str]:
    from labctl_protocols.problems import Problems
    from labctl_protocols.yaml12 import read_text

    problems = Problems()
    text = read_text(path, problems)
    problems.raise_if_any()
    return text or "", path.as_posix()
