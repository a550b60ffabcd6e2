"""Text in columns, for terminals and logs alike."""

from collections.abc import Sequence


def in_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table with a head; columns of figures are flush right, the last is not padded."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    right = [bool(rows) and all(_is_figure(row[i]) for row in rows) for i in range(len(head))]
    return [_line(row, widths, right) for row in (head, *rows)]


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = [
        text.rjust(width) if flush else text.ljust(width)
        for text, width, flush in zip(row, widths, right, strict=True)
    ]
    return "  ".join(cells).rstrip()


def _is_figure(text: str) -> bool:
    if text in ("", "–"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
