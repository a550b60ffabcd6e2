"""The page: one file that needs no other, runs nothing, and fetches nothing."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from labctl.report import tables
from labctl.report.canvas import MARK_LINE
from labctl.report.html import element, escaped
from labctl.report.picture import Missing, Picture
from labctl.report.record import Record
from labctl.show.run import (
    LIVE,
    doctor_words,
    flat,
    instrument_words,
    iso_time,
    lasted_s,
)
from labctl.show.values import number, part, parts, text
from labctl.show.words import duration_text


def page_of(
    record: Record, drawn: Sequence[tuple[Picture, Path]], missing: Sequence[Missing]
) -> str:
    """The page's HTML; `drawn` are the pictures with their SVG files."""
    style = (files("labctl.report") / "page.css").read_text(encoding="utf-8")
    name = text(part(record.manifest, "protocol"), "name")
    cell = text(part(record.manifest, "cell"), "id")
    mark = f"[{MARK_LINE}] " if record.simulated else ""
    body = [
        element("div", escaped(MARK_LINE), class_="simulated") if record.simulated else "",
        element("h1", escaped(f"{name} on {cell}")),
        element("p", escaped(text(part(record.manifest, "protocol"), "title")), class_="faint"),
        _outcome(record),
        _facts(record),
        element("h2", "Figures"),
        element("div", *(_figure(each, path, mark) for each, path in drawn), class_="figures"),
        *(_missing(each) for each in missing),
        element("h2", "Cycles"),
        tables.means_table(record),
        tables.cycles_table(record),
        tables.apart_table(record),
        element("h2", "Groups"),
        tables.groups_table(record),
        tables.pulses_tables(record),
        element("h2", "What ended each step"),
        tables.ends_summary(record),
        tables.ends_table(record),
        element("h2", "Protocol and cell"),
        *_sources(record),
    ]
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escaped(_policy(style))}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(mark + name + ' on ' + cell)}</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _policy(style: str) -> str:
    """Nothing but this very style sheet and pictures that are in the file."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _outcome(record: Record) -> str:
    good = record.outcome in ("completed", *LIVE)
    told = record.outcome + (f": {record.reason}" if record.reason else "")
    if record.outcome in LIVE:
        told += "; the figures are those at the time of this report"
    return element("p", escaped(told), class_="outcome" if good else "outcome bad")


def _facts(record: Record) -> str:
    told = (element("dt", escaped(name)) + element("dd", escaped(value))
            for name, value in _fact_pairs(record) if value)  # fmt: skip
    return element("dl", *told, id="facts")


def _fact_pairs(record: Record) -> Iterator[tuple[str, str]]:
    manifest, cell = record.manifest, part(record.manifest, "cell")
    yield "run", record.run
    yield "started", iso_time(number(manifest, "start_unix")) or ""
    lasted = lasted_s(float(record.t_s[-1]) if record.t_s.size else None, record.events)
    yield "lasted", "" if lasted is None else duration_text(lasted)
    yield "cell", " ".join(filter(None, (text(cell, "id"), record.kind, text(cell, "metal"))))
    yield "area", "" if record.area_cm2 is None else f"{record.area_cm2:g} cm²"
    yield "nominal capacity", _charge(number(cell, "nominal_Ah"))
    yield "inventory at start", _charge(number(cell, "inventory_Ah"))
    yield "channel", f"{text(manifest, 'bench')}/{text(manifest, 'channel')}"
    yield "instrument", instrument_words(part(manifest, "instrument"))
    yield "doctor", doctor_words(part(manifest, "instrument"))
    yield "limits", flat(part(manifest, "limits"))
    yield "parameters", flat(part(part(manifest, "protocol"), "parameters"))
    yield "program", flat(part(manifest, "program"))
    yield "recorded", f"{record.t_s.size} readings, {len(parts(record.figures, 'cycles'))} cycles"


def _charge(charge_Ah: float | None) -> str:
    return "" if charge_Ah is None else f"{1e3 * charge_Ah:.4g} mAh"


def _figure(picture: Picture, path: Path, mark: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    # an SVG in an image runs no script and reaches no network, whatever is in it
    source = f"data:image/svg+xml;base64,{data}"
    image = f'<img alt="{escaped(mark + picture.title)}" src="{source}">'
    caption = element(
        "figcaption", element("strong", escaped(picture.title)), escaped(picture.caption)
    )
    return element("figure", image, caption, id=picture.name)


def _missing(missing: Missing) -> str:
    told = escaped(f"{missing.title}: not drawn, {missing.reason}.")
    return element("p", told, class_="note", id=missing.name)


def _sources(record: Record) -> Iterator[str]:
    for name in ("protocol", "cell"):
        written = text(part(record.manifest, name), "text")
        if written:
            digest = hashlib.sha256(written.encode()).hexdigest()
            summary = element("summary", escaped(f"{name} as it was run (SHA-256 {digest[:16]}…)"))
            yield element("details", summary, element("pre", escaped(written)))
