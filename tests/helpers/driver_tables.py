"""What was shown of which driver, as tables: `python tests/helpers/driver_tables.py [TABLE…]`.

Tables: `contract`, `transports`, `clients` (these run the tests that they tell of), `ce` (one
library protocol on every driver) and `alone` (ten hours after the PC died). Without a name, all of
them. A number is how many tests passed; a failure is told as one.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

TESTS = Path(__file__).parents[1]
DRIVERS = sorted(entry_points(group="labctl.drivers").names)
CONTRACT = ("contract", "faults/test_pc_dies.py")
TRANSPORTS = {"pty": "pty", "tcp": "TCP", "hislip": "HiSLIP", "two tcp ports": "TCP"}
CLIENTS = {
    "test_pymeasure": "PyMeasure",
    "test_keysight_clients": "PyMeasure",
    "test_pymacnet": "pymacnet",
    "pymeasure": "PyMeasure",
    "keithley2600": "keithley2600",
    "labmcp": "labmcp-palmsens",
    "hardpotato": "hardpotato",
    "daqmon": "daqmon",
}
"""What a client's tests have in their name, or else their file."""
OF_FILE = {
    "test_keithley_2600_clients": ("keithley-2600",),
    "test_keysight_clients": ("keysight-b2900",),
    "test_pymacnet": ("maccor",),
    "test_emstat_clients": ("emstat4",),
}
OF_WORD = {
    "2400": "keithley-2400",
    "2450": "keithley-2450",
    "daq6510": "daq6510",
    "dmm6500": "daq6510",
    "34970a": "keysight-34970a",
}


class Ran(NamedTuple):
    """One test as it ran."""

    file: str
    test: str
    parameters: str
    passed: bool


@cache
def ran(*paths: str) -> list[Ran]:
    """Run these tests."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        files = [str(TESTS / path) for path in paths]
        words = ["-m", "pytest", "-q", "-m", "not external", "-p", "no:cacheprovider"]
        words += [f"--junitxml={report}", *files]
        subprocess.run([sys.executable, *words], cwd=TESTS.parent, stdout=sys.stderr, check=False)
        return list(_read(report))


def _read(report: Path) -> Iterator[Ran]:
    for case in ElementTree.parse(report).iter("testcase"):
        test, _, parameters = case.get("name", "").partition("[")
        if case.find("skipped") is None:
            failed = case.find("failure") is not None or case.find("error") is not None
            file = case.get("classname", "").rpartition(".")[2]
            yield Ran(file, test, parameters.removesuffix("]"), not failed)


def drivers_of(one: Ran) -> list[str]:
    """Those that a test's parameters name."""
    return [name for name in DRIVERS if re.search(rf"(^|-){name}($|-)", one.parameters)]


def table(rows: Iterable[tuple[str, str, bool]], columns: Sequence[str], head: str) -> None:
    """(row, column, passed) of each test, counted."""
    passed: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    names: dict[str, None] = {}
    for row, column, is_passed in rows:
        names[row] = None
        (passed if is_passed else failed)[row, column] += 1
    print(f"| {head} | {' | '.join(columns)} |")
    print(f"|---|{'---|' * len(columns)}")
    for name in names:
        cells = [_cell(passed[name, column], failed[name, column]) for column in columns]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\n{sum(passed.values())} passed, {sum(failed.values())} failed\n")


def _cell(passed: int, failed: int) -> str:
    if failed:
        return f"{failed} FAILED of {passed + failed}"
    return str(passed) if passed else "–"


def contract() -> None:
    """Driver × contract test."""
    rows = [
        (one.test.removeprefix("test_").replace("_", " "), driver, one.passed)
        for one in ran(*CONTRACT)
        for driver in drivers_of(one)
    ]
    table(rows, DRIVERS, "contract test")


def transports() -> None:
    """Driver × transport that its tests went through."""
    rows = [
        (driver, _transport(one), one.passed)
        for one in ran(*CONTRACT)
        for driver in drivers_of(one)
        if one.file != "test_pc_dies"
    ]
    table(rows, ["memory", *dict.fromkeys(TRANSPORTS.values())], "driver")


def _transport(one: Ran) -> str:
    for word, name in TRANSPORTS.items():
        if re.search(rf"(^|-){word}($|-)", one.parameters):
            return name
    return "memory"


def clients() -> None:
    """Driver × somebody else's client, on the driver's simulator."""
    files = ("pymeasure", "keithley_2600_clients", "keysight_clients", "emstat_clients")
    paths = [f"wire/test_{name}.py" for name in (*files, "pymacnet", "auxiliary_clients")]
    rows = [
        (driver, client, one.passed)
        for one in ran(*paths)
        for driver in _driver_of_client(one)
        if (client := _client(one)) is not None
    ]
    table(rows, list(dict.fromkeys(CLIENTS.values())), "driver")


def _client(one: Ran) -> str | None:
    named = [name for word, name in CLIENTS.items() if word in one.test]
    return named[0] if named else CLIENTS.get(one.file)


def _driver_of_client(one: Ran) -> Sequence[str]:
    is_pico = "pico" in one.parameters
    found = ["emstat-pico"] if is_pico else drivers_of(one) or OF_FILE.get(one.file, ())
    return found or [driver for word, driver in OF_WORD.items() if word in one.test]


def ce() -> None:
    """The same library protocol on every driver that can run it."""
    from helpers import every_driver

    print("| driver | CE / % | u(CE), k = 2 / % | the cell's ledger / % |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for driver in every_driver.CAN:
            same = every_driver.run_on(driver, Path(folder))
            print(f"| {driver} | {same.ce:.3f} | {same.u_ce:.3f} | {same.ledger_ce:.3f} |")
    print()


def alone() -> None:
    """What the cell was exposed to: `labctl` killed in mid-step, then ten hours."""
    from helpers import pc_dies

    print("| driver | step | lowest V | highest V | most mA | mAh | ms beyond V | ms beyond A |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for (driver, name), seen in pc_dies.ten_hours_alone(Path(folder)).items():
            cells = (
                f"{seen['low_V']:.4f} | {seen['high_V']:.4f} | {seen['most_A'] * 1e3:.3f} | "
                f"{seen['charge_Ah'] * 1e3:.4f} | {seen['beyond_V_s'] * 1e3:.1f} | "
                f"{seen['beyond_A_s'] * 1e3:.1f}"
            )
            print(f"| {driver} | {name} | {cells} |")
    print()


ALL: Mapping[str, Callable[[], None]] = {
    "contract": contract, "transports": transports, "clients": clients, "ce": ce, "alone": alone,
}  # fmt: skip

if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))
    for name in sys.argv[1:] or ALL:
        ALL[name]()
