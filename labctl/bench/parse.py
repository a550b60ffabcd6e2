"""bench.yaml to a Bench, strictly: every mistake is a problem with its place and its rule."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from labctl.bench.check_makers import check_makers
from labctl.bench.model import Auxiliary, Bench, Instrument, Mqtt, Terminals
from labctl.bench.parse_auxiliaries import check_holds_cell, parse_auxiliaries, read_temperature
from labctl.bench.parse_instrument import parse_cell, parse_instrument
from labctl.bench.parse_mqtt import parse_mqtt
from labctl.bench.parse_shares import check_shares
from labctl.bench.values import check_name, read_integer
from labctl_protocols.fields import as_mapping, as_scalar, as_text, refuse_unknown, require
from labctl_protocols.plan import Where
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Entry, Mapping, compose, read_text

MOST_CHANNELS = 1024

KEYS = ("bench", "data", "mqtt", "instruments", "auxiliaries", "channels")
CHANNEL_KEYS = ("instrument", "channel", "simulate", "temperature")


def load_bench(path: Path) -> Bench:
    """Read a bench file. Raises ProtocolError with everything that is wrong in it."""
    problems = Problems()
    text = read_text(path, problems)
    problems.raise_if_any()
    return parse_bench(text or "", path.as_posix(), problems)


def parse_bench(text: str, file: str, problems: Problems | None = None) -> Bench:
    """A bench from its text. Raises ProtocolError with everything that is wrong in it."""
    problems = Problems() if problems is None else problems
    root = compose(text, file, problems)
    top = None if root is None else as_mapping(root, "a bench", problems)
    if top is None:
        problems.raise_if_any()
        top = Mapping(Where(file, 1, 1), ())
    refuse_unknown(top.entries, KEYS, problems)
    require(top, ("bench", "instruments", "channels"), problems)
    folder = Path(file).parent
    name = _name_at(top, "bench", "the bench's name", problems)
    instruments = _instruments(top.get("instruments"), problems)
    auxiliaries = parse_auxiliaries(top.get("auxiliaries"), instruments, problems)
    channels = _channels(top.get("channels"), instruments, auxiliaries, problems)
    bench = Bench(
        name=name,
        instruments=instruments,
        channels=channels,
        data=_data(top.get("data"), folder, problems),
        mqtt=_mqtt(top.get("mqtt"), folder, problems),
        folder=folder,
        auxiliaries=auxiliaries,
    )
    problems.raise_if_any()
    check_makers(bench, top, problems)
    problems.raise_if_any()
    return bench


def _name_at(top: Mapping, key: str, what: str, problems: Problems) -> str:
    entry = top.get(key)
    scalar = None if entry is None else as_scalar(entry.value, what, problems)
    if scalar is not None:
        check_name(scalar.text, scalar.where, what, problems)
    return "" if scalar is None else scalar.text


def _data(entry: Entry | None, folder: Path, problems: Problems) -> Path | None:
    text = None if entry is None else as_text(entry.value, "`data`", problems)
    return None if text is None else folder / Path(text).expanduser()


def _mqtt(entry: Entry | None, folder: Path, problems: Problems) -> Mqtt | None:
    return None if entry is None else parse_mqtt(entry.value, folder, problems)


def _named(
    entry: Entry | None, what: Literal["instruments", "channels"], problems: Problems
) -> Iterator[Entry]:
    mapping = None if entry is None else as_mapping(entry.value, f"`{what}`", problems)
    if mapping is None:
        return
    if not mapping.entries:
        problems.add("none", mapping.where, f"`{what}` names none")
    for each in mapping.entries:
        check_name(each.key.text, each.key.where, f"the name of {what[:-1]}", problems)
        yield each


def _instruments(entry: Entry | None, problems: Problems) -> dict[str, Instrument]:
    found: dict[str, Instrument] = {}
    taken: dict[str, str] = {}
    entries = list(_named(entry, "instruments", problems))
    for each in entries:
        instrument = parse_instrument(each, taken, problems)
        if instrument is not None:
            found[instrument.name] = instrument
    check_shares(entries, found, problems)
    return found


def _channels(
    entry: Entry | None,
    instruments: dict[str, Instrument],
    auxiliaries: dict[str, Auxiliary],
    problems: Problems,
) -> dict[str, Terminals]:
    found: dict[str, Terminals] = {}
    taken: dict[tuple[str, int], str] = {}
    for each in _named(entry, "channels", problems):
        terminals = _terminals(each, instruments, auxiliaries, problems)
        if terminals is None:
            continue
        place = (terminals.instrument, terminals.channel)
        if place in taken:
            problems.add(
                "same-terminals",
                each.key.where,
                f"`{terminals.name}` and `{taken[place]}` are the same terminals",
                "two cells cannot hang on one pair of terminals",
            )
        taken[place] = terminals.name
        found[terminals.name] = terminals
    return found


def _terminals(
    each: Entry,
    instruments: dict[str, Instrument],
    auxiliaries: dict[str, Auxiliary],
    problems: Problems,
) -> Terminals | None:
    mapping = as_mapping(each.value, f"channel `{each.key.text}`", problems)
    if mapping is None:
        return None
    refuse_unknown(mapping.entries, CHANNEL_KEYS, problems)
    require(mapping, ("instrument",), problems)
    entry = mapping.get("instrument")
    instrument = None if entry is None else as_scalar(entry.value, "`instrument`", problems)
    if instrument is None:
        return None
    if instrument.text not in instruments:
        problems.add(
            "no-such-instrument",
            instrument.where,
            f"there is no instrument `{instrument.text}`",
            "known here: " + (", ".join(instruments) or "none"),
        )
    else:
        check_holds_cell(instruments[instrument.text], instrument, problems)
    number = read_integer(
        mapping.get("channel"), "channel", (1, MOST_CHANNELS), problems, "channel"
    )
    block = mapping.get("simulate")
    return Terminals(
        each.key.text,
        instrument.text,
        channel=1 if number is None else number,
        simulate=None if block is None else parse_cell(block, problems),
        temperature=read_temperature(mapping.get("temperature"), auxiliaries, problems),
    )
