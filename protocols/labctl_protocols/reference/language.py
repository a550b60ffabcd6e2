"""docs/language.md: the template's prose, and the tables in its places."""

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files

from labctl_protocols.control import BESIDE as PARSED_BESIDE
from labctl_protocols.control import CLASSES
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.leaves import LIVE
from labctl_protocols.quantities import dimension_name
from labctl_protocols.reference import keys, records, words
from labctl_protocols.reference.schema import shipped_routines
from labctl_protocols.reference.takes import Keys
from labctl_protocols.reference.verbs import VERBS
from labctl_protocols.routines import KEYS as ROUTINE_KEYS
from labctl_protocols.routines import REQUIRED
from labctl_protocols.rules import RULES

OPERATORS = "`+ - * / ( )`, {functions}; `< <= > >= == !=`; `and`, `or`, `not`. `of` and `over` \
bind tighter than `* /`; comparisons are not chained."


def language_text(bench: str) -> str:
    """The reference as Markdown; `bench` is the section on bench files."""
    places = {
        "protocol": keys_table(keys.PROTOCOL),
        "cell": keys_table(keys.CELL),
        "limits": keys_table(keys.LIMITS_KEYS),
        "verbs": _verbs(),
        "beside": keys_table(keys.BESIDE),
        "neighbours": _neighbours(),
        "operators": OPERATORS.format(functions=" ".join(f"`{name}`" for name in words.FUNCTIONS)),
        "live": table(
            ("name", "kind", "meaning"),
            ((f"`{name}`", dimension_name(LIVE[name]), text) for name, text in words.LIVE.items()),
        ),
        "figures": _words(words.FIGURES, "figure"),
        "words": _words(words.WORDS, "word"),
        "units": table(
            ("kind", "units"),
            ((word, _spaced(listed)) for word, listed in words.units_by_dimension().items()),
        ),
        "classes": ", ".join(f"`{name}`" for name in CLASSES),
        "detectors": table(
            ("detector", "default", "fires when"),
            ((f"`{name}`", each.policy, each.meaning) for name, each in DETECTORS.items()),
        ),
        "routine_keys": ", ".join(f"`{name}`" for name in ROUTINE_KEYS),
        "routines": _routines(),
        "record": keys_table(records.RECORD),
        "record_parts": keys_table(
            {**records.LIMITS, **records.TERMINALS, **records.HISTORY},
        ),
        "bench": f"\n{bench}\n",
        "rules": _words(RULES, "rule", "refuses"),
    }
    template = files("labctl_protocols").joinpath("reference/language.md").read_text("utf-8")
    return filled(template, places)


def filled(template: str, places: Mapping[str, str]) -> str:
    """The template with each `{{name}}` replaced. Raises KeyError for a name without a text, and
    ValueError for a text without a place."""
    wanted = re.findall(r"\{\{(\w+)\}\}", template)
    if set(places) != set(wanted):
        raise ValueError(f"no place for {set(places) - set(wanted)}, no text for {set(wanted)}")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: places[found[1]], template)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def keys_table(listed: Keys) -> str:
    """Keys with what they take and mean; required ones are bold."""
    return table(
        ("key", "takes", "meaning"),
        (
            (f"**`{name}`**" if key.required else f"`{name}`", key.takes.words, key.meaning)
            for name, key in listed.items()
        ),
    )


def _words(listed: Mapping[str, str], what: str, meaning: str = "meaning") -> str:
    return table((what, meaning), ((f"`{name}`", text) for name, text in listed.items()))


def _spaced(listed: Iterable[str]) -> str:
    return " ".join(f"`{text}`" for text in listed)


def _verbs() -> str:
    parts, first = [], dict[str, str]()
    for name, verb in VERBS.items():
        part = f"### `{name}`\n\n{verb.meaning} Takes {verb.takes.words}.\n\n"
        part += f"```yaml\n{verb.example}\n```"
        told = first.setdefault(verb.keys, name)
        if verb.keys and told == name:
            part += f"\n\n{keys_table(keys.MAPPINGS[verb.keys])}"
        elif verb.keys:
            part += f"\n\nAs a mapping it has the keys of `{told}`."
        parts.append(part)
    return "\n\n".join(parts)


def _neighbours() -> str:
    """Which keys stand beside which verbs, verbs with the same keys together."""
    by_keys: dict[tuple[str, ...], list[str]] = {}
    for verb in VERBS:
        by_keys.setdefault(PARSED_BESIDE.get(verb, ()), []).append(verb)
    return table(
        ("verb", "beside it"),
        ((_spaced(verbs), _spaced(beside) or "nothing") for beside, verbs in by_keys.items()),
    )


def _routines() -> str:
    parts = []
    for each in shipped_routines():
        rows = (
            (f"**`{name}`**" if text == REQUIRED else f"`{name}`", "" if text == REQUIRED else text)
            for name, text in each.parameters.items()
        )
        parameters = table(("parameter", "own value"), rows)
        parts.append(f"### `{each.name}`\n\n{each.title}. Source: {each.source}.\n\n{parameters}")
    return "\n\n".join(parts)
