"""`labctl report` on whole runs: the page's numbers against the journal, asked in SQL."""

import json
import sqlite3
from pathlib import Path

import pytest
from helpers.cli import SHORT, labctl
from helpers.pages import Page, parsed
from helpers.pictures import png_chunks, svg_texts

FULL = (
    "run", "na-anode-free-formation-cycling", "--cell", "na-nvp-anode-free", "-p", "cycles=3",
    "-p", "formations=1", "-p", "wetting=1 min",
)  # fmt: skip

SYMMETRIC = (
    "run", "na-symmetric-cycling", "--cell", "na-symmetric", "-p", "cycles=2",
    "-p", "j=2 mA/cm2", "-p", "wetting=1 min",
)  # fmt: skip
SWEPT = (
    "run", "na-cu-voltammetry", "--cell", "na-cu-half", "-p", "cycles=2", "-p", "rate=20 mV/s",
    "-p", "step=10 mV", "-p", "wetting=1 min",
)  # fmt: skip


def reported(folder: Path, arguments: tuple[str, ...]) -> tuple[Path, Page, list[Path]]:
    ran = labctl(*arguments, "--data", str(folder), "--json")
    assert ran.returncode == 0, ran.stderr
    run = Path(json.loads(ran.stdout)["folder"])
    told = labctl("report", str(run))
    assert told.returncode == 0, told.stderr
    assert told.stderr == ""
    page, *pictures = map(Path, told.stdout.splitlines())
    return run, parsed(page.read_text(encoding="utf-8")), pictures


@pytest.fixture(scope="module")
def half_cell(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page, list[Path]]:
    return reported(tmp_path_factory.mktemp("half"), SHORT)


@pytest.fixture(scope="module")
def full_cell(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page, list[Path]]:
    return reported(tmp_path_factory.mktemp("full"), FULL)


def asked(run: Path, query: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(f"{(run / 'journal.sqlite').as_uri()}?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def rounded_like(shown: str, value: float) -> bool:
    """Whether the text is the value to all the digits that it shows."""
    digits = len(shown.partition("e")[0].partition(".")[2])
    exponent = int(shown.partition("e")[2] or 0)
    return abs(float(shown) - value) <= 0.5000001 * 10.0 ** (exponent - digits)


@pytest.mark.parametrize("which", ["half_cell", "full_cell"])
def test_the_cycles_are_those_of_the_journal(which: str, request: pytest.FixtureRequest) -> None:
    run, page, _ = request.getfixturevalue(which)
    ((area,),) = asked(run, "SELECT data ->> '$.cell.area_cm2' FROM manifest ORDER BY seq LIMIT 1")
    wanted = asked(
        run,
        "SELECT data ->> '$.cycle', data ->> '$.first.charge_Ah', data ->> '$.second.charge_Ah',"
        " data ->> '$.ce', data ->> '$.u_ce' FROM events WHERE kind = 'cycle' ORDER BY seq",
    )
    head, *shown = page.tables["cycles"]
    _, *values = page.values["cycles"]
    assert len(wanted) == len(shown) > 1
    places = {name: place for place, name in enumerate(head)}
    charges = [place for name, place in places.items() if "mAh" in name]
    for row, texts, (cycle, first, second, ce, u_ce) in zip(values, shown, wanted, strict=True):
        expected = {
            places["cycle"]: cycle,
            charges[0]: 1e3 * first,
            charges[1]: 1e3 * first / area,
            charges[2]: 1e3 * second,
            charges[3]: 1e3 * second / area,
            places["CE (%)"]: 100 * ce,
            places["u(CE) (%)"]: 100 * u_ce,
        }
        for place, value in expected.items():
            assert float(row[place]) == pytest.approx(value, rel=1e-12)
            assert rounded_like(texts[place], value)


def test_the_efficiencies_follow_from_the_counters(
    full_cell: tuple[Path, Page, list[Path]],
) -> None:
    """By another route than the engine's: the counters' differences over each cycle's rows."""
    run, page, _ = full_cell
    counted = asked(
        run,
        "SELECT max(charging_Ah) - min(charging_Ah), max(discharging_Ah) - min(discharging_Ah)"
        " FROM readings WHERE cycle > 0 GROUP BY cycle ORDER BY cycle",
    )
    place = page.tables["cycles"][0].index("CE (%)")
    shown = [float(row[place]) for row in page.values["cycles"][1:]]
    assert shown == pytest.approx([100 * second / first for first, second in counted], abs=0.02)


def test_what_ended_each_step_is_all_there(half_cell: tuple[Path, Page, list[Path]]) -> None:
    run, page, _ = half_cell
    wanted = asked(
        run,
        "SELECT data ->> '$.step_id', data ->> '$.ended', data ->> '$.reason', count(*)"
        " FROM events WHERE kind = 'step_ended' GROUP BY 1, 2, 3",
    )
    shown = [(row[0], row[1], row[2], int(row[3])) for row in page.tables["ends-summary"][1:]]
    assert sorted(shown) == sorted(wanted)
    ended = [row for row in page.tables["ends"][1:] if len(row) == 8]
    assert len(ended) == sum(int(str(row[3])) for row in wanted)


def test_the_means_are_named_and_right(full_cell: tuple[Path, Page, list[Path]]) -> None:
    run, page, _ = full_cell
    rows = asked(
        run,
        "SELECT data ->> '$.ce', data ->> '$.first.charge_Ah', data ->> '$.second.charge_Ah'"
        " FROM events WHERE kind = 'cycle' AND data ->> '$.class' = 'cycle' ORDER BY seq",
    )
    ce = [float(str(row[0])) for row in rows]
    first, second = ([float(str(row[n])) for row in rows] for n in (1, 2))
    shown = {row[0]: value[1] for row, value in
             zip(page.tables["means"][1:], page.values["means"][1:], strict=True)}  # fmt: skip
    assert len(ce) == 3
    assert float(shown["mean CE, arithmetic"]) == pytest.approx(100 * sum(ce) / 3)
    geometric = 100 * (ce[0] * ce[1] * ce[2]) ** (1 / 3)
    assert float(shown["mean CE, geometric"]) == pytest.approx(geometric)
    assert float(shown["CE, charge-summed"]) == pytest.approx(100 * sum(second) / sum(first))
    assert float(shown["capacity retention"]) == pytest.approx(100 * second[-1] / second[0])
    place = [row[0] for row in page.tables["means"]].index("mean CE, arithmetic")
    (largest,) = asked(
        run,
        "SELECT max(data ->> '$.u_ce') FROM events"
        " WHERE kind = 'cycle' AND data ->> '$.class' = 'cycle'",
    )
    # alike cycles of one instrument: the mean is as uncertain as one of them
    u_mean = float(page.values["means"][place][2])
    assert u_mean == pytest.approx(100 * float(str(largest[0])), rel=0.02)


def test_each_kind_of_cell_gets_its_figures(
    half_cell: tuple[Path, Page, list[Path]], full_cell: tuple[Path, Page, list[Path]]
) -> None:
    for (_, page, pictures), own, missing in (
        (half_cell, "nucleation", "dqdv"),
        (full_cell, "dqdv", "nucleation"),
    ):
        names = {path.stem.rpartition("_")[2] for path in pictures}
        drawn = {"efficiency", "voltage-capacity", "time", "inventory", "polarisation", own}
        assert names == drawn
        assert sum(tag == "img" for tag, _ in page.tags) == len(drawn)
        assert ("p", missing) in {(tag, known.get("id")) for tag, known in page.tags}
        for path in pictures:
            assert "IDAT" in png_chunks(path) if path.suffix == ".png" else svg_texts(path)


def test_a_symmetric_cell_is_shown_without_efficiency(tmp_path: Path) -> None:
    run, page, pictures = reported(tmp_path, SYMMETRIC)
    names = {path.stem.rpartition("_")[2] for path in pictures}
    assert names == {"charge", "voltage-capacity", "time", "polarisation"}
    assert "CE" not in " ".join([*page.tables["cycles"][0], *page.tables.get("means", [[""]])[0]])
    place = page.tables["cycles"][0].index("η (mV)")
    means = asked(
        run,
        "SELECT data ->> '$.first.mean_voltage_V', data ->> '$.second.mean_voltage_V',"
        " data ->> '$.flags' FROM events WHERE kind = 'cycle' ORDER BY seq",
    )
    assert len(means) == 2
    for row, (up_V, down_V, flags) in zip(page.values["cycles"][1:], means, strict=True):
        assert float(row[place]) == pytest.approx(500 * (float(str(up_V)) - float(str(down_V))))
        assert flags == "[]"
    for command in ("cycles", "show", "why"):
        told = labctl(command, str(run))
        assert (told.returncode, "CE" in told.stdout) == (0, False), told.stdout


def test_a_sweep_is_shown_as_current_over_voltage(tmp_path: Path) -> None:
    _, _, pictures = reported(tmp_path, SWEPT)
    (svg,) = (path for path in pictures if path.name.endswith("_voltammogram.svg"))
    assert {"Voltage (V)", "Current (mA/cm²)", "Scan"} <= set(svg_texts(svg))
