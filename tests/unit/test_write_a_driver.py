"""The tutorial shows the code that is there, a protocol that passes, and what labctl says."""

import re
import tomllib
from pathlib import Path

import pytest

from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Ratings
from labctl_protocols.checker import check
from labctl_protocols.files import load_cell, protocol_from_text
from labctl_protocols.problems import ProtocolError
from labctl_rodeostat.driver import Rodeostat

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/write-a-driver.md").read_text(encoding="utf-8")
SOURCE = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "examples/rodeostat/src/labctl_rodeostat").glob("*.py"))
)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", blocks("python"))
def test_the_code_on_the_page_is_the_code_of_the_example(block: str) -> None:
    assert block in SOURCE


def test_there_is_code_on_the_page() -> None:
    assert len(blocks("python")) >= 8


def test_the_distribution_on_the_page_is_the_examples() -> None:
    (block,) = blocks("toml")
    whole = tomllib.loads((ROOT / "examples/rodeostat/pyproject.toml").read_text(encoding="utf-8"))
    shown = tomllib.loads(block)["project"]
    drivers = shown.pop("entry-points")["labctl.drivers"]
    assert drivers == whole["project"]["entry-points"]["labctl.drivers"]
    assert shown.items() <= whole["project"].items()


CELL = load_cell("na-cu-half")


def ratings() -> Ratings:
    return Rodeostat(Link(MemoryTransport(None))).ratings  # type: ignore[arg-type]


def protocol() -> str:
    (text,) = [block for block in blocks("yaml") if block.startswith("name:")]
    return text


def test_the_protocol_on_the_page_is_refused_until_somebody_answers_for_it() -> None:
    plan, notes = check(protocol_from_text(protocol(), "page"), CELL, ratings(), {})
    assert plan is not None
    assert any("nothing holds the cell's limits if the PC dies" in note for note in notes)
    without = protocol().replace("allow_unguarded: true\n", "")
    (said,) = blocks("text")
    with pytest.raises(ProtocolError, match=re.escape(said.strip())):
        check(protocol_from_text(without, "page"), CELL, ratings(), {})


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", PAGE))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()
