"""Every driver has what docs/drivers/quality.yaml asks for, where it says that it is."""

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE: dict[str, Any] = yaml.safe_load((ROOT / "docs/drivers/quality.yaml").read_text("utf-8"))
RULES: dict[str, str] = PAGE["rules"]
DRIVERS: dict[str, dict[str, Any]] = PAGE["drivers"]
LEAST_REASON = 12
SHARED = ("tests/contract", "tests/faults/test_pc_dies.py")
"""Where a test is for many drivers."""
PLACES = [(driver, rule) for driver in DRIVERS for rule in RULES]


def entry_of(driver: str, rule: str) -> str | dict[str, str] | None:
    own = DRIVERS[driver]
    found: str | dict[str, str] | None = own.get(rule, PAGE["kinds"][own["kind"]].get(rule))
    return found


def fault_of(entry: str | dict[str, str] | None) -> str | None:
    """What is wrong with an entry; None when nothing is."""
    if isinstance(entry, dict):
        reason = str(entry.get("exempt") or "")
        return None if len(reason) >= LEAST_REASON else "an exemption without a reason"
    if not entry:
        return "no entry"
    file, _, test = entry.partition("::")
    if not (ROOT / file).is_file():
        return f"there is no {file}"
    text = (ROOT / file).read_text(encoding="utf-8")
    if test and not re.search(rf"^(async )?def {re.escape(test)}\(", text, re.MULTILINE):
        return f"{file} has no {test}"
    return None


def test_every_driver_has_its_row() -> None:
    assert set(DRIVERS) == entry_points(group="labctl.drivers").names


def test_nothing_stands_there_that_is_no_rule() -> None:
    for row in (*DRIVERS.values(), *PAGE["kinds"].values()):
        assert set(row) - {"kind"} <= set(RULES)


@pytest.mark.parametrize(("driver", "rule"), PLACES)
def test_what_is_said_to_be_done_is_there(driver: str, rule: str) -> None:
    assert fault_of(entry_of(driver, rule)) is None


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """The contract's tests with their parameters, as pytest finds them."""
    words = ["-m", "pytest", "-q", "-n", "0", "-m", "not external", "--collect-only", *SHARED]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return {line for line in done.stdout.splitlines() if "::" in line}


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_all_share_is_really_run_on_it(driver: str, collected: set[str]) -> None:
    for rule in RULES:
        entry = entry_of(driver, rule)
        if isinstance(entry, str) and "::" in entry and entry.startswith(SHARED):
            ran = [line for line in collected if line.startswith(f"{entry}[")]
            assert any(_is_of(driver, line) for line in ran), (rule, entry)


def _is_of(driver: str, node: str) -> bool:
    """Whether the driver is among a test's parameters."""
    return re.search(rf"[\[-]{driver}[\]-]", node) is not None


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_readme_names_it(driver: str) -> None:
    assert driver in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("driver", DRIVERS)
def test_it_says_what_holds_when_the_pc_dies(driver: str) -> None:
    entry = entry_of(driver, "pc_dies_told")
    assert isinstance(entry, str)
    text = " ".join((ROOT / entry).read_text(encoding="utf-8").split())
    assert re.search(r"(When|if) the PC dies|the PC is dead|PC is dead", text, re.IGNORECASE)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "",
        "tests/nowhere.py",
        "tests/unit/test_quality.py::test_that_is_not_there",
        {"exempt": ""},
        {"exempt": None},
        {"done": "README.md"},
    ],
)
def test_a_bad_entry_is_found(entry: Any) -> None:
    assert fault_of(entry) is not None
