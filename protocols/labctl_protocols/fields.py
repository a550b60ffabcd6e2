"""Reading typed fields from a YAML tree; what is not as it should be becomes a problem."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Broken, Entry, List, Mapping, Node, Scalar


def as_mapping(node: Node, what: str, problems: Problems) -> Mapping | None:
    """The node as a mapping; `what` names it in the message."""
    if isinstance(node, Mapping):
        return node
    if not isinstance(node, Broken):
        problems.add("type", node.where, f"{what} is {_kind(node)}, not keys with values")
    return None


def as_list(node: Node, what: str, problems: Problems) -> List | None:
    """The node as a list with at least one item."""
    if isinstance(node, List):
        if not node.items:
            problems.add("empty-list", node.where, f"{what} is empty")
            return None
        return node
    if not isinstance(node, Broken):
        problems.add("type", node.where, f"{what} is {_kind(node)}, not a list")
    return None


def as_scalar(node: Node, what: str, problems: Problems) -> Scalar | None:
    """The node as one value, whatever it may mean."""
    if isinstance(node, Scalar):
        return node
    if not isinstance(node, Broken):
        problems.add("type", node.where, f"{what} is {_kind(node)}, not one value")
    return None


def as_value(node: Node, what: str, problems: Problems) -> Scalar | None:
    """The node as one value of the language: not empty, and on its own line."""
    scalar = as_scalar(node, what, problems)
    if scalar is None:
        return None
    if scalar.style == "block" and problems.add(
        "block-text", scalar.where, f"{what} is a block text (`|` or `>`)", "quote it"
    ):
        return None
    if not scalar.text.strip():
        problems.add("null", scalar.where, f"{what} is empty")
        return None
    return scalar


def as_text(node: Node, what: str, problems: Problems) -> str | None:
    """The node as text that is not empty; refuses text of which YAML took a part for a comment."""
    scalar = as_scalar(node, what, problems)
    if scalar is None:
        return None
    eaten = scalar.comment[:2]
    if (
        len(eaten) == 2
        and eaten[1] not in " #!\t"
        and problems.add(
            "comment",
            scalar.where,
            f"YAML takes `{scalar.comment}` for a comment",
            "quote the text if that belongs to it, else put a space after the #",
        )
    ):
        return None
    if not scalar.text.strip():
        problems.add("null", scalar.where, f"{what} is empty")
        return None
    return scalar.text


def as_choice(node: Node, what: str, choices: Collection[str], problems: Problems) -> str | None:
    """The node as one of the given words."""
    scalar = as_scalar(node, what, problems)
    if scalar is None or scalar.text in choices:
        return None if scalar is None else scalar.text
    problems.add(
        "choice",
        scalar.where,
        f"{what} cannot be `{scalar.text}`",
        meant(scalar.text, choices) or "one of " + ", ".join(sorted(choices)),
    )
    return None


def refuse_unknown(entries: Iterable[Entry], known: Collection[str], problems: Problems) -> None:
    """Note every key that is not known here."""
    for entry in entries:
        if entry.key.text not in known and not isinstance(entry.value, Broken):
            problems.add(
                "unknown-key",
                entry.key.where,
                f"unknown key `{entry.key.text}`",
                meant(entry.key.text, known) or "known here: " + ", ".join(sorted(known)),
            )


def require(mapping: Mapping, names: Iterable[str], problems: Problems) -> None:
    """Note every key that is missing, at the mapping's first line."""
    for name in names:
        if mapping.get(name) is None:
            problems.add("missing-key", mapping.where, f"`{name}` is missing")


def meant(word: str, known: Collection[str]) -> str:
    """`did you mean …?` for a word that is close to a known one, else nothing."""
    lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return f"did you mean `{lower[close[0]]}`?" if close else ""


def _kind(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, List):
        return "a list"
    return f"`{node.text}`" if isinstance(node, Scalar) else "broken"
