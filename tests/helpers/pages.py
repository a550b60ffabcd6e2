"""A report's page taken apart by the standard library's parser, which knows nothing of ours."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "link", "br", "hr", "input", "col"}


@dataclass
class Page:
    """Elements in order, tables as rows of cells by id, and what a browser would fetch or run."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    values: dict[str, list[list[str]]] = field(default_factory=dict)
    text: str = ""
    title: str = ""
    unclosed: list[str] = field(default_factory=list)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.table: str | None = None
        self.value = ""
        self.cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.page.tags.append((tag, known))
        if tag not in VOID:
            self.page.unclosed.append(tag)
        if tag == "div" and "id" in known:
            self.table = known["id"]
            self.page.tables[self.table], self.page.values[self.table] = [], []
        elif tag == "tr" and self.table:
            self.page.tables[self.table].append([])
            self.page.values[self.table].append([])
        elif tag in ("td", "th"):
            self.cell, self.value = [], ""
        elif tag == "data":
            self.value = known["value"]

    def handle_endtag(self, tag: str) -> None:
        assert self.page.unclosed, f"</{tag}> closes nothing"
        assert self.page.unclosed.pop() == tag
        if tag in ("td", "th") and self.table and self.cell is not None:
            self.page.tables[self.table][-1].append("".join(self.cell))
            self.page.values[self.table][-1].append(self.value)
            self.cell = None
        elif tag == "table":
            self.table = None

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)
        if self.page.unclosed[-1:] == ["title"]:
            self.page.title += data
        if "style" not in self.page.unclosed:
            self.page.text += data


def parsed(source: str) -> Page:
    """The page; raises AssertionError where its elements are not nested well."""
    parser = _Parser()
    parser.feed(source)
    parser.close()
    assert parser.page.unclosed == []
    return parser.page
