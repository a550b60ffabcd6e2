"""Values of a bench file that more than one part of it has."""

import math
import re

from labctl_protocols.fields import as_scalar
from labctl_protocols.plan import Where
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Entry, Node

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Names of benches, instruments and channels become topics and file names."""
NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", re.ASCII)


def check_name(text: str, where: Where, what: str, problems: Problems) -> None:
    """Note a name that could not be a topic or a folder."""
    if not NAME.fullmatch(text):
        problems.add(
            "name",
            where,
            f"{what} cannot be `{text}`",
            "1 to 64 letters, digits, - and _: names become topics and folders",
        )


def read_integer(
    entry: Entry | None, what: str, bounds: tuple[int, int], problems: Problems, rule: str
) -> int | None:
    """A whole number within bounds; None with a problem noted, or where there is no entry."""
    scalar = None if entry is None else as_scalar(entry.value, f"`{what}`", problems)
    if scalar is None:
        return None
    low, high = bounds
    if re.fullmatch(r"[0-9]{1,18}", scalar.text, re.ASCII) and low <= int(scalar.text) <= high:
        return int(scalar.text)
    hint = f"a whole number, {low} to {high}"
    problems.add(rule, scalar.where, f"`{what}` cannot be `{scalar.text}`", hint)
    return None


def read_number(node: Node, what: str, problems: Problems, rule: str) -> float | None:
    """A finite number without a unit; None with a problem noted."""
    scalar = as_scalar(node, f"`{what}`", problems)
    if scalar is None:
        return None
    if NUMBER.fullmatch(scalar.text) and math.isfinite(float(scalar.text)):
        return float(scalar.text)
    problems.add(rule, scalar.where, f"`{what}` cannot be `{scalar.text}`", "a plain number")
    return None
