"""docs/language.md is what the tables say, whole and up to date."""

import re
from pathlib import Path

import pytest

from labctl.bench.batch_reference import batch_section
from labctl.bench.reference import bench_section
from labctl_protocols import library
from labctl_protocols.checker import check
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.files import cell_from_text, load_cell, protocol_from_text
from labctl_protocols.quantities import UNITS
from labctl_protocols.reference.language import filled, language_text
from labctl_protocols.reference.verbs import VERBS
from labctl_protocols.rules import RULES

PAGE = Path(__file__).parents[3] / "docs" / "language.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == language_text(f"{bench_section()}\n\n{batch_section()}"), (
        "make it anew: labctl reference -o docs/language.md"
    )


def test_everything_is_on_it() -> None:
    text = PAGE.read_text("utf-8")
    for word in [*VERBS, *UNITS, *DETECTORS, *RULES, *library.names("routines")]:
        assert f"`{word}`" in text, word


def test_its_whole_files_pass_the_checker() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (protocol,) = [block for block in blocks if block.startswith("name:")]
    (cell,) = [block for block in blocks if block.startswith("id:")]
    plan, _ = check(protocol_from_text(protocol, "language.md"), load_cell("na-cu-half"), None)
    assert plan is not None
    assert cell_from_text(cell, "language.md").id == "Na-042"


def test_its_links_lead_to_its_headings() -> None:
    text = PAGE.read_text("utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    for link in re.findall(r"\]\(#([^)]+)\)", text):
        assert link in headings


def test_a_place_without_its_text_is_refused() -> None:
    with pytest.raises(ValueError, match="no text for"):
        filled("{{a}} {{b}}", {"a": "x"})
    with pytest.raises(ValueError, match="no place for"):
        filled("{{a}}", {"a": "x", "b": "y"})
