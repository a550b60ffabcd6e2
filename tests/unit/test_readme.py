"""What the README promises is what is there."""

import re
import tomllib
from pathlib import Path

import pytest

from labctl.bench import parse_bench
from labctl.bench.batch import parse_batch

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def test_both_commands_are_one_line_each() -> None:
    first, second, *_ = blocks("sh")
    assert first.count("\n") == second.count("\n") == 1
    assert "labctl run na-cu-reservoir-ce --cell na-cu-half" in first
    assert second.rstrip().endswith("-m pytest -q")


def test_ci_runs_the_readmes_own_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    pattern = re.search(r"grep -m1 -E '(.*?)' README.md", script)
    assert pattern is not None
    found = [line for line in README.splitlines() if re.search(pattern[1], line)]
    assert found == [blocks("sh")[1].strip()]


def test_the_bench_in_the_readme_is_a_bench() -> None:
    bench, batch = [block for block in blocks("yaml") if block.startswith("bench:")]
    assert parse_bench(bench, "README.md").driver_of("A1") == "keithley-2450"
    assert [run.channels for run in parse_batch(batch, "README.md").runs] == [
        {"main": "A1"},
        {"main": "B1"},
    ]


def test_the_protocol_in_the_readme_passes_the_checker() -> None:
    from labctl_protocols.checker import check
    from labctl_protocols.files import load_cell, protocol_from_text

    (text,) = [block for block in blocks("yaml") if block.startswith("name:")]
    plan, notes = check(protocol_from_text(text, "README.md"), load_cell("na-cu-half"), None, {})
    assert plan is not None
    assert plan.name == "na-cu-reservoir-ce"
    assert notes == ["without an instrument, its ratings are not checked"]


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_lock_knows_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(each for extra in extras for each in extra)]
    names = {re.split(r"[\[>=<;]", each)[0].strip().lower() for each in asked} - {project["name"]}
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert len(names) > 30
    assert names - set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)) == set()
