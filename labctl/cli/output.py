"""What a command says on standard output."""

import json
from collections.abc import Iterable, Mapping


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document; figures that are no numbers are a bug, not `NaN`."""
    print(json.dumps(document, allow_nan=False, ensure_ascii=False, indent=2))


def print_lines(lines: Iterable[str]) -> None:
    """Lines of text."""
    for line in lines:
        print(line)
