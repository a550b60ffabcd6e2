"""`auxiliaries` of a bench file: temperatures beside the cells, for `aux.<name>` and `set`."""

import re
from collections.abc import Mapping

from labctl.bench.model import Auxiliary, Instrument
from labctl.bench.settings import is_auxiliary
from labctl.bench.values import read_integer
from labctl_protocols.fields import as_mapping, as_scalar, meant, refuse_unknown, require
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Entry, Scalar

KEYS = ("instrument", "channel")
MOST_CHANNELS = 9999
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""What can stand behind `aux.` in a protocol."""


def parse_auxiliaries(
    entry: Entry | None, instruments: Mapping[str, Instrument], problems: Problems
) -> dict[str, Auxiliary]:
    """The auxiliaries by name; what is wrong with them is noted."""
    found: dict[str, Auxiliary] = {}
    taken: dict[tuple[str, int], str] = {}
    mapping = None if entry is None else as_mapping(entry.value, "`auxiliaries`", problems)
    if mapping is not None and not mapping.entries:
        problems.add("none", mapping.where, "`auxiliaries` names none")
    for each in () if mapping is None else mapping.entries:
        auxiliary = _auxiliary(each, instruments, problems)
        if auxiliary is None:
            continue
        place = (auxiliary.instrument, auxiliary.channel)
        if place in taken:
            problems.add(
                "same-auxiliary",
                each.key.where,
                f"`{auxiliary.name}` and `{taken[place]}` are the same channel",
                "one name for each",
            )
        taken[place] = auxiliary.name
        found[auxiliary.name] = auxiliary
    return found


def _auxiliary(
    each: Entry, instruments: Mapping[str, Instrument], problems: Problems
) -> Auxiliary | None:
    name = each.key.text
    if not NAME.fullmatch(name):
        problems.add(
            "auxiliary-name",
            each.key.where,
            f"the name of an auxiliary cannot be `{name}`",
            "a letter, then letters, digits and _: protocols write `aux.<name>`",
        )
    mapping = as_mapping(each.value, f"auxiliary `{name}`", problems)
    if mapping is None:
        return None
    refuse_unknown(mapping.entries, KEYS, problems)
    require(mapping, ("instrument",), problems)
    entry = mapping.get("instrument")
    instrument = None if entry is None else as_scalar(entry.value, "`instrument`", problems)
    if instrument is None:
        return None
    _check_instrument(instrument, instruments, problems)
    bounds = (1, MOST_CHANNELS)
    number = read_integer(mapping.get("channel"), "channel", bounds, problems, "channel")
    return Auxiliary(name, instrument.text, channel=1 if number is None else number)


def _check_instrument(
    named: Scalar, instruments: Mapping[str, Instrument], problems: Problems
) -> None:
    instrument = instruments.get(named.text)
    if instrument is None:
        problems.add(
            "no-such-instrument",
            named.where,
            f"there is no instrument `{named.text}`",
            "known here: " + (", ".join(instruments) or "none"),
        )
    elif _is_auxiliary(instrument) is False:
        problems.add(
            "no-auxiliary",
            named.where,
            f"`{named.text}` holds cells: a {instrument.driver} is no auxiliary",
            "name it under `channels`",
        )


def _is_auxiliary(instrument: Instrument) -> bool | None:
    """None where nobody knows: its driver is noted as unknown already."""
    try:
        return is_auxiliary(instrument.driver)
    except ImportError:
        return None


def check_holds_cell(instrument: Instrument, named: Scalar, problems: Problems) -> None:
    """Note a channel of an instrument that holds no cell."""
    if _is_auxiliary(instrument):
        problems.add(
            "holds-no-cell",
            named.where,
            f"`{named.text}` holds no cell: a {instrument.driver} is an auxiliary",
            "name it under `auxiliaries`",
        )


def read_temperature(
    entry: Entry | None, auxiliaries: Mapping[str, Auxiliary], problems: Problems
) -> str | None:
    """The auxiliary that measures a channel's cell; None where none is named."""
    scalar = None if entry is None else as_scalar(entry.value, "`temperature`", problems)
    if scalar is None:
        return None
    if scalar.text not in auxiliaries:
        hint = meant(scalar.text, auxiliaries) or "`auxiliaries` names " + (
            ", ".join(auxiliaries) or "none"
        )
        problems.add(
            "no-such-auxiliary", scalar.where, f"there is no auxiliary `{scalar.text}`", hint
        )
    return scalar.text
