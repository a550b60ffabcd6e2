"""What follows a run, and its end: nothing is driven any more."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import mqtt
from labctl.bench import BenchError
from labctl.journal import Journal, StorageFault
from labctl.run.outcomes import Ended
from labctl.run.request import RunRequest, RunResult
from labctl.run.watch import ProgressWatch
from labctl_drivers.errors import InstrumentError

if TYPE_CHECKING:
    from labctl.show.figures import Figures

EXIT_CODES = {"completed": 0, "limit": 3, "detector": 3, "fault": 4, "error": 70, "stopped": 130}
STORAGE_FAULT = 5


def broker_of(request: RunRequest) -> mqtt.MqttSettings | None:
    """The broker that is named: on the command line, else in the bench. Raises BenchError."""
    bench = request.bench.mqtt
    try:
        if request.mqtt_url is not None:
            prefix = "lab" if bench is None else bench.prefix
            return mqtt.parse_url(request.mqtt_url, prefix=prefix)
        if bench is None:
            return None
        return mqtt.parse_url(
            bench.url, username=bench.username, password=bench.password, prefix=bench.prefix
        )
    except mqtt.BadSettings as error:
        raise BenchError(f"mqtt: {error}") from error


def finish(
    journal: Journal,
    run_id: str,
    ended: Ended,
    model: Mapping[str, object] | None,
    follower: mqtt.Follower | None,
    progress: ProgressWatch | None,
) -> RunResult:
    """Close the journal, let the follower finish, export, and say what the run came to.

    Never raises: the run is over, and what became of it is told whatever else fails now.
    """
    exit_code, reason = exit_code_of(ended), ended.reason
    notes = [] if progress is None else progress.finish()
    try:
        journal.close(ended.outcome, ended.reason)
    except StorageFault as error:
        exit_code = STORAGE_FAULT
        if str(error) not in reason:
            reason = f"{reason}; {error}"
    if follower is not None:
        notes.append(str(follower.finish()))
    notes += _export(journal.folder)
    figures = _figures(journal.folder, notes)
    return RunResult(
        run=run_id,
        folder=journal.folder,
        outcome=ended.outcome,
        reason=reason,
        cycles=figures["cycles"],
        groups=figures["groups"],
        model=model,
        exit_code=exit_code,
        notes=notes,
    )


def exit_code_of(ended: Ended) -> int:
    """The exit code of design §10; an error after the run's end is one, too."""
    if isinstance(ended.error, StorageFault):
        return STORAGE_FAULT
    code = EXIT_CODES[ended.outcome]
    bug = isinstance(ended.error, Exception) and not isinstance(ended.error, InstrumentError)
    if code == 0 and bug:
        return EXIT_CODES["error"]
    return code


def _figures(folder: Path, notes: list[str]) -> "Figures":
    from labctl.show.figures import figures_of, figures_of_run

    try:
        return figures_of_run(folder)
    except Exception as error:
        # of a journal that broke down with the disk
        notes.append(f"no figures: {type(error).__name__}: {error}")
        return figures_of(())


def _export(folder: Path) -> list[str]:
    """The exports that stand in every closed run's folder; the journal stays the truth."""
    from labctl.export import export_bdf_csv, export_cycles_csv

    try:
        exported = export_bdf_csv(folder)
        odd = [f"{exported.path.name}: {finding}" for finding in exported.findings[:3]]
        return [f"data {exported.path.name}", f"cycles {export_cycles_csv(folder).name}", *odd]
    except Exception as error:
        # whatever is wrong with the exports, the run is what it is
        return [f"not exported: {error}; `labctl export {folder.name} --to bdf-csv` tries again"]
