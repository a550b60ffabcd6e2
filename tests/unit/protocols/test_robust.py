"""Whatever is done to a file, the answer is a plan or a list of places: never a traceback."""

import subprocess
import sys

from helpers.cells_under_test import CELLS, RATINGS
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_protocols import library
from labctl_protocols.checker import check
from labctl_protocols.files import cell_from_text, protocol_from_text
from labctl_protocols.problems import Problem, ProtocolError
from labctl_protocols.rules import RULES

TEXTS = [library.text_of("protocols", name)[1] for name in library.names("protocols")]
CELL_TEXTS = [library.text_of("cells", name)[1] for name in library.names("cells")]
SCRAPS = st.sampled_from(
    "$ $j ( ) - .. , : # > | @ % * & ! 1 -1 0 1e9 1e400 C C/0 mA mAh/cm2 % of for over until then "
    "hold or and not last(a).ce dV/dt ended k as every voltage deposit [ ] { } ' \" ~ null yes 012 "
    "\t \n \u00b5 \u2212 \u0000 \ufeff \U0001f50b rest charge strip repeat exit".split(" ")
)


@st.composite
def damaged(draw: st.DrawFn, texts: list[str]) -> str:
    """One of the texts with a few places cut, doubled or filled with scraps."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        scrap = draw(st.one_of(SCRAPS, st.text(max_size=3), st.just(text[start:end] * 2)))
        text = text[:start] + scrap + text[end:]
    return text


def tried(text: str, cell: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        plan, _ = check(protocol_from_text(text, "f.yaml"), CELLS[cell], RATINGS)
        assert plan is not None
    except ProtocolError as error:
        problems = error.problems
        assert problems, "refused without a problem"
    for problem in problems:
        assert problem.rule in RULES
        assert min(problem.where.line, problem.where.column) >= 1
        assert "\n" not in str(problem)


@settings(max_examples=300)
@given(text=damaged(TEXTS), cell=st.sampled_from(sorted(CELLS)))
def test_damaged_protocols(text: str, cell: str) -> None:
    tried(text, cell)


@settings(max_examples=200)
@given(text=damaged(CELL_TEXTS))
def test_damaged_cells(text: str) -> None:
    try:
        cell = cell_from_text(text, "f.yaml")
    except ProtocolError as error:
        assert error.problems  # noqa: PT017 - a record is as good
    else:
        assert cell.id
        if cell.limits.low_V is not None and cell.limits.high_V is not None:
            assert cell.limits.low_V < cell.limits.high_V


@settings(max_examples=200)
@given(value=st.text(max_size=30).filter(lambda text: "'" not in text))
def test_any_text_as_a_value(value: str) -> None:
    tried(f"name: x\nsteps:\n  - charge: '{value}'\n", "full")


def test_units_are_read_only_when_one_is_needed() -> None:
    code = "import sys, labctl_protocols.checker; sys.exit('pint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
