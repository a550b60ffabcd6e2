"""HTML from values: everything that anybody wrote is escaped here, and nowhere else."""

import html
import re
from collections.abc import Sequence
from itertools import zip_longest

from labctl.show.values import figure

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f]")
"""What XML forbids, and control characters that a terminal or browser might act on."""
OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
"""Marks that turn the direction of what follows."""


def plain(value: object) -> str:
    """A text without characters that could not be seen or would reorder its surroundings."""
    return OVERRIDES.sub("\ufffd", UNPRINTABLE.sub("\ufffd", str(value)))


def escaped(value: object) -> str:
    """A text as it stands in HTML, also inside a quoted attribute."""
    return html.escape(plain(value), quote=True)


def element(name: str, *inside: str, **attributes: str) -> str:
    """An element around finished HTML; attribute values are escaped."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{told}>{''.join(inside)}</{name}>"


def number_cell(value: float | None, form: str) -> str:
    """A figure: rounded for people, whole in its `value` for programs."""
    if value is None:
        return "<td>–</td>"
    shown = escaped(figure(value, form))
    return f'<td><data value="{value!r}">{shown}</data></td>'


def text_cell(value: object) -> str:
    """A text."""
    return f'<td class="text">{escaped(value)}</td>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], **attributes: str) -> str:
    """A table from finished cells; it scrolls by itself where it is wider than the page.

    A column's head stands as its first cell does.
    """
    kinds = [' class="text"' if cell.startswith('<td class="text"') else "" for cell in rows[0]]
    top = "".join(
        f'<th scope="col"{kind}>{escaped(name)}</th>'
        for name, kind in zip_longest(head, kinds[: len(head)], fillvalue="")
    )
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    inside = element("table", f"<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>")
    return element("div", inside, class_="wide", **attributes)
