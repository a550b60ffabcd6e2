"""Simulated instruments that share one cell: `simulate: {terminal: supply, shares: smu}`."""

from collections.abc import Mapping, Sequence

from labctl.bench.model import INSTRUMENT_PARAMETERS, Instrument
from labctl_protocols import yaml12
from labctl_protocols.plan import MAIN, Where
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Entry


def check_shares(
    entries: Sequence[Entry], instruments: Mapping[str, Instrument], problems: Problems
) -> None:
    """Note who shares a cell that is not there, what only its holder can say, and collisions."""
    taken: dict[tuple[str, str], str] = {}
    for entry in entries:
        instrument = instruments.get(entry.key.text)
        if instrument is None or instrument.simulate is None:
            continue
        block, name = instrument.simulate, instrument.name
        holder = block.shares or name
        if block.shares is not None:
            _check_holder(entry, block.shares, instruments, problems)
            _check_own(entry, block.shares, problems)
        place = (holder, block.terminal)
        if place in taken:
            problems.add(
                "shared-terminal",
                _place(entry, "terminal" if block.terminal != MAIN else "shares"),
                f"`{name}` and `{taken[place]}` hold the same terminals of one cell",
                "`terminal: supply` is the other pair",
            )
        taken[place] = name


def _check_holder(
    entry: Entry, holder: str, instruments: Mapping[str, Instrument], problems: Problems
) -> None:
    where = _place(entry, "shares")
    if holder not in instruments:
        hint = "known here: " + ", ".join(instruments)
        problems.add("shares", where, f"there is no instrument `{holder}`", hint)
        return
    block = instruments[holder].simulate
    if holder == entry.key.text or (block is not None and block.shares is not None):
        hint = "name the instrument whose `simulate` block makes the cell"
        problems.add("shares", where, f"`{holder}` has no cell of its own", hint)


def _check_own(entry: Entry, holder: str, problems: Problems) -> None:
    """The holder's block alone says what the cell is."""
    block = _block(entry)
    parameters = None if block is None else block.get("parameters")
    said = [each for each in (block.entries if block else ()) if each.key.text in ("model", "cell")]
    if parameters is not None and isinstance(parameters.value, yaml12.Mapping):
        said += [e for e in parameters.value.entries if e.key.text not in INSTRUMENT_PARAMETERS]
    for each in said:
        message = f"`{each.key.text}` is about the cell, which is that of `{holder}`"
        problems.add("shared-cell", each.key.where, message, f"say it there, under `{holder}`")


def _block(entry: Entry) -> yaml12.Mapping | None:
    simulate = entry.value.get("simulate") if isinstance(entry.value, yaml12.Mapping) else None
    if simulate is None or not isinstance(simulate.value, yaml12.Mapping):
        return None
    return simulate.value


def _place(entry: Entry, key: str) -> Where:
    block = _block(entry)
    found = None if block is None else block.get(key)
    return entry.key.where if found is None else found.value.where
