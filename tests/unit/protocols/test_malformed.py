"""Every rule refuses what it is for, at its place, and nothing else refuses that."""

from functools import cache
from unittest.mock import patch

import pytest
from helpers.cells_under_test import CELLS, RATINGS
from helpers.malformed import ROWS, Row

from labctl_protocols.checker import check
from labctl_protocols.context import NO_AUXILIARIES, Auxiliaries
from labctl_protocols.files import cell_from_text, protocol_from_text
from labctl_protocols.plan import Where
from labctl_protocols.problems import Problem, Problems, ProtocolError
from labctl_protocols.rules import RULES

WITH_OVEN = Auxiliaries({"t": False, "oven": True}, "t")
NAMES = [f"{number:03}-{row.rule}" for number, row in enumerate(ROWS)]


def place_of(marked: str) -> tuple[str, int, int]:
    """The text without its mark, and the mark's line and column."""
    before, mark, after = marked.partition("§")
    assert mark, "the row marks no place"
    return before + after, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def problems_of(row: Row, disabled: frozenset[str] = frozenset()) -> tuple[Problem, ...]:
    text, _, _ = place_of(row.text)
    problems = Problems(disabled)
    try:
        if row.kind == "cell":
            cell_from_text(text, "f.yaml", problems)
        else:
            cell, _, extra = row.cell.partition("+")
            auxiliaries = WITH_OVEN if extra == "T" else NO_AUXILIARIES
            protocol = protocol_from_text(text, "f.yaml", problems)
            check(protocol, CELLS[cell], RATINGS, {}, auxiliaries=auxiliaries)
    except ProtocolError as error:
        return error.problems
    return ()


@cache
def rules_asked(row: Row) -> frozenset[str]:
    """The rules that refuse something in the row: `add` is the only place where a rule acts."""
    asked: set[str] = set()
    add = Problems.add

    def spy(self: Problems, rule: str, where: Where, message: str, hint: str = "") -> bool:
        asked.add(rule)
        return add(self, rule, where, message, hint)

    with patch.object(Problems, "add", spy):
        problems_of(row)
    return frozenset(asked)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_each_malformed_file_is_refused_once_with_its_rule_and_place(row: Row) -> None:
    _, line, column = place_of(row.text)
    found = problems_of(row)
    assert [(p.rule, p.where.line, p.where.column) for p in found] == [(row.rule, line, column)], [
        str(problem) for problem in found
    ]
    assert row.says in str(found[0])
    assert str(found[0]).startswith(f"f.yaml:{line}:{column}: ")


@pytest.mark.parametrize("rule", sorted({row.rule for row in ROWS}))
def test_without_its_rule_exactly_the_rows_of_a_rule_are_no_longer_refused_by_it(rule: str) -> None:
    lost = []
    for row in ROWS:
        if rule not in rules_asked(row):
            continue
        _, line, column = place_of(row.text)
        found = problems_of(row, frozenset({rule}))
        places = [(p.rule, p.where.line, p.where.column) for p in found]
        if places != [(row.rule, line, column)]:
            lost.append(row)
    assert lost == [row for row in ROWS if row.rule == rule]


# what these rules refuse leaves nothing, or something else that is wrong
LEAVES_A_WRECK = frozenset(
    "empty type tab syntax colon leading-character merge-key character too-large duplicate-key "
    "null decimal-comma yaml-1.1 missing-key choice".split()
)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.rule not in LEAVES_A_WRECK], ids=lambda row: row.rule
)
def test_nothing_else_is_wrong_with_a_malformed_file(row: Row) -> None:
    assert problems_of(row, frozenset({row.rule})) == ()


def test_every_rule_has_a_row_or_a_test_of_its_own() -> None:
    own = {"encoding", "not-found", "recursion", "unusable", "mode", "unguarded"}
    assert {row.rule for row in ROWS} | own == set(RULES)


def test_the_table_is_as_long_as_promised() -> None:
    assert len(ROWS) >= 100
    assert len({row.text for row in ROWS}) == len(ROWS)


def test_without_libyaml_the_same_rules_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("yaml.CSafeLoader", raising=False)
    for row in ROWS:
        found = problems_of(row)
        _, line, column = place_of(row.text)
        assert [problem.rule for problem in found] == [row.rule], row
        if row.rule not in ("syntax", "leading-character"):
            assert (found[0].where.line, found[0].where.column) == (line, column), row
