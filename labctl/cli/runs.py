"""`labctl runs`, `labctl show`, `labctl why`: what was run, how it went, why steps ended."""

from collections.abc import Sequence

from labctl.cli.options import DEFAULT_DATA, DataOption, JsonOption, RunName
from labctl.cli.output import print_json, print_lines
from labctl.journal import Reader, find_run
from labctl.show.columns import in_columns
from labctl.show.run import doctor_words, flat, instrument_words, run_rows, summary
from labctl.show.values import Data, figure, is_interrupted, number, part, parts, strings, text
from labctl.show.why import why_document, why_lines
from labctl.show.words import clock_text, duration_text

ROW_KEYS = ("run", "started", "protocol", "cell", "channel", "outcome")


def runs(*, data: DataOption = DEFAULT_DATA, json: JsonOption = False) -> int:
    """List the runs in the data folder, oldest first.

    A run without an end is `running`, `paused` or `asking` while its program lives, else `lost`.
    Runs on simulated benches are marked.

    For example:

        labctl runs
        labctl runs --data /srv/cells --json
    """
    rows = run_rows(data)
    if json:
        print_json({"data": str(data), "runs": rows})
        return 0
    if not rows:
        print_lines([f"no runs in {data}"])
        return 0
    told = [[*(text(row, key) for key in ROW_KEYS), _simulated(row)] for row in rows]
    print_lines(in_columns([*ROW_KEYS, ""], told))
    return 0


def show(run: RunName, /, *, data: DataOption = DEFAULT_DATA, json: JsonOption = False) -> int:
    """Summarise a run: what was run on what, how it ended, the figures of its groups.

    For example:

        labctl show 20261123-1412
        labctl show data/20261123-141200-na-cu-reservoir-ce-5f2a --json
    """
    told = summary(find_run(data, run))
    if json:
        print_json(told)
        return 0
    print_lines(_summary_lines(told))
    return 0


def why(run: RunName, /, *, data: DataOption = DEFAULT_DATA, json: JsonOption = False) -> int:
    """Say why each step of a run ended: the condition that fired, and those that had not yet.

    For example:

        labctl why 20261123-1412
        labctl why 20261123-1412 --json
    """
    with Reader(find_run(data, run)) as reader:
        name = text(reader.manifest(), "run")
        entries = why_document(reader.events())
    if json:
        print_json({"run": name, "ends": entries})
        return 0
    print_lines(line for entry in entries for line in why_lines(entry))
    return 0


def _simulated(row: Data) -> str:
    return "simulated" if row.get("simulated") is True else ""


def _summary_lines(told: Data) -> list[str]:
    protocol, cell = part(told, "protocol"), part(told, "cell")
    instrument = part(told, "instrument")
    elapsed = number(told, "elapsed_s")
    lines = [
        f"run        {text(told, 'run')}" + ("  (simulated)" if told.get("simulated") else ""),
        f"folder     {text(told, 'folder')}",
        f"started    {text(told, 'started')}",
        f"protocol   {text(protocol, 'name')}  {text(protocol, 'title')}".rstrip(),
        f"cell       {text(cell, 'id')}  {text(cell, 'kind')} {text(cell, 'metal')}".rstrip(),
        f"channel    {text(told, 'bench')}/{text(told, 'channel')}",
        f"instrument {instrument_words(instrument)}",
        *([f"doctor     {doctor_words(instrument)}"] if doctor_words(instrument) else []),
        f"limits     {flat(part(told, 'limits'))}",
        f"outcome    {text(told, 'outcome')}: {text(told, 'reason')}",
        f"elapsed    {'–' if elapsed is None else duration_text(elapsed)}",
        f"recorded   {told['readings']} readings, {told['steps']} steps, {told['cycles']} cycles",
    ]
    lines += [f"{text(each, 'kind'):10} {text(each, 'text')}" for each in parts(told, "faults")]
    for revision in parts(told, "revisions"):
        lines += [f"amended    {line}" for line in revision_lines(revision)]
    return lines + group_lines(parts(told, "groups"))


def revision_lines(revision: Data) -> list[str]:
    """When and by whom a running run was amended, then each change."""
    when = clock_text(number(revision, "t_s") or 0.0)
    return [f"{when} by {text(revision, 'by')}", *strings(revision, "changes")]


def group_lines(groups: Sequence[Data]) -> list[str]:
    """The groups' figures as a table, the CE where one has it; nothing without groups.

    Σsup is the metal that another electrode had supplied by the end of the group.
    """
    has_ce = any(number(group, "ce_percent") is not None for group in groups)
    is_supplied = any(number(group, "supplied_mAh") is not None for group in groups)
    rows = [
        [
            text(group, "label"),
            text(group, "class"),
            figure(number(part(group, "first"), "charge_mAh"), ".4f"),
            figure(number(part(group, "second"), "charge_mAh"), ".4f"),
            *(_ce_cells(group) if has_ce else ()),
            *(_supplied_cells(group) if is_supplied else ()),
            "interrupted" if is_interrupted(group) else "",
        ]
        for group in groups
    ]
    ce_heads = ["CE/%", "±/%"] if has_ce else []
    supplied_heads = ["Σsup/mAh", "±/mAh"] if is_supplied else []
    head = ["group", "class", "first/mAh", "second/mAh", *ce_heads, *supplied_heads, ""]
    return in_columns(head, rows) if rows else []


def _ce_cells(group: Data) -> list[str]:
    return [figure(number(group, name), ".3f") for name in ("ce_percent", "u_ce_percent")]


def _supplied_cells(group: Data) -> list[str]:
    return [figure(number(group, name), ".4f") for name in ("supplied_mAh", "u_supplied_mAh")]
