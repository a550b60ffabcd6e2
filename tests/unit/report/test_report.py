"""A report of written journals: files, marks, hostile names, runs without much in them."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import journals
from helpers.pages import Page, parsed
from helpers.pictures import png_width_cm, svg_texts
from matplotlib.image import imread

from labctl.cli.app import run_command
from labctl.journal import Journal, create, virtual_wall
from labctl.report.canvas import MARK, MARK_LINE
from labctl.report.voltammogram import scans_of
from labctl.report.write import Written, write_report
from labctl_protocols.decisions import Event

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>$\\frac{$&amp;\u202e\x07"
HARMLESS = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>$\\frac{$&amp;\ufffd\ufffd"
MARK_RGB = (0xB0, 0x00, 0x20)


def page_of(written: Written) -> Page:
    return parsed(written.page.read_text(encoding="utf-8"))


def files(written: Written, suffix: str) -> list[Path]:
    return [path for path in written.pictures if path.suffix == suffix]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_report(journals.finished(tmp_path_factory.mktemp("data") / "s", cycles=3))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("data") / "m"
    return write_report(journals.finished(folder, cycles=3, simulated=False))


def test_every_picture_is_a_png_and_an_svg_one_column_wide(simulated: Written) -> None:
    pngs, svgs = files(simulated, ".png"), files(simulated, ".svg")
    assert [path.stem for path in pngs] == [path.stem for path in svgs]
    names = {path.stem.rpartition("_")[2] for path in pngs}
    assert {"efficiency", "voltage-capacity", "time", "inventory", "polarisation"} <= names
    for path in pngs:
        assert png_width_cm(path) == pytest.approx(8.5, abs=0.02)


def test_text_in_an_svg_is_text_with_units(simulated: Written) -> None:
    texts = {path.stem.rpartition("_")[2]: svg_texts(path) for path in files(simulated, ".svg")}
    assert "CE (%)" in texts["efficiency"]
    assert {"Voltage (V)", "Areal capacity (mAh/cm²)"} <= set(texts["voltage-capacity"])
    assert "Time (min)" in texts["time"]


def test_a_simulated_run_is_marked_in_every_picture(simulated: Written, measured: Written) -> None:
    for path in files(simulated, ".svg"):
        assert MARK_LINE in svg_texts(path)
        assert MARK in svg_texts(path)
    for path in files(simulated, ".png"):
        assert marked_pixels(path) > 2000
        assert path.name.startswith("labctl__SIMULATED-")
    for path in files(measured, ".svg"):
        assert "SIMULATED" not in "".join(svg_texts(path))
    for path in files(measured, ".png"):
        assert marked_pixels(path) == 0
        assert "SIMULATED" not in path.name


def marked_pixels(path: Path) -> int:
    pixels = np.round(255 * imread(path)[:, :, :3])
    return int((pixels == np.array(MARK_RGB)).all(axis=2).sum())


def test_the_mark_is_seen_where_curves_fill_the_plot(tmp_path: Path) -> None:
    written = write_report(journals.finished(tmp_path / "r", cycles=400, per_step=20))
    (path,) = (each for each in files(written, ".png") if each.stem.endswith("_time"))
    pixels = np.round(255 * imread(path)[:, :, :3]).astype(int)
    top = pixels[: pixels.shape[0] // 2]
    black = int((top.max(axis=2) < 40).sum())
    assert black > 0.3 * top.shape[0] * top.shape[1]
    reddish = (top[:, :, 0] > top[:, :, 1] + 15) & (top[:, :, 0] > 60) & (top[:, :, 0] < 160)
    assert int(reddish.sum()) > 0.02 * top.shape[0] * top.shape[1]


def test_a_simulated_run_is_marked_on_the_page(simulated: Written, measured: Written) -> None:
    page, other = page_of(simulated), page_of(measured)
    assert MARK_LINE in page.text
    assert MARK_LINE in page.title
    assert all(MARK_LINE in known["alt"] for tag, known in page.tags if tag == "img")
    assert "SIMULATED" not in other.text + other.title


def test_the_page_runs_and_fetches_nothing(simulated: Written) -> None:
    page = page_of(simulated)
    assert not {"script", "iframe", "link", "object", "embed", "form", "base"} & {
        tag for tag, _ in page.tags
    }
    (policy,) = (
        known["content"]
        for tag, known in page.tags
        if tag == "meta" and known.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for _, known in page.tags:
        assert "style" not in known
        for name, value in known.items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert value.startswith("data:image/svg+xml;base64,")


def hostile_run(folder: Path) -> Path:
    manifest = journals.manifest(folder.name) | {
        "protocol": {"name": HOSTILE, "title": HOSTILE, "text": f"</pre>{HOSTILE}",
                     "parameters": {HOSTILE: HOSTILE}},
        "cell": {"id": HOSTILE, "area_cm2": 1.131, "metal": HOSTILE, "text": HOSTILE},
        "bench": HOSTILE,
        "instrument": {"maker": HOSTILE},
    }  # fmt: skip
    journal: Journal = create(folder, manifest, virtual_wall(journals.START_UNIX))
    for rows, events in journals.units(2):
        told = [Event(e.t_s, e.kind, {**e.data, **spoilt(e.kind)}) for e in events]
        journal.write(rows, told, None)
    group = {"label": HOSTILE, "class": HOSTILE, "pair": HOSTILE, "complete": True}
    journal.write(
        [], [Event(0.0, "group_left", group), Event(0.0, "note", {"text": HOSTILE})], None
    )
    journal.close("stopped", HOSTILE)
    return folder


def spoilt(kind: str) -> dict[str, object]:
    if kind == "step_ended":
        return {"step_id": HOSTILE, "label": HOSTILE, "reason": HOSTILE, "ended": HOSTILE,
                "runners_up": [{"text": HOSTILE, "value": 1.0}]}  # fmt: skip
    if kind == "cycle":
        return {"class": HOSTILE, "group": HOSTILE, "flags": [HOSTILE]}
    return {"class": HOSTILE, "kind": HOSTILE}


def test_hostile_names_are_shown_and_do_nothing(tmp_path: Path) -> None:
    written = write_report(hostile_run(tmp_path / "r"))
    page = page_of(written)
    assert "script" not in {tag for tag, _ in page.tags}
    assert all("onerror" not in known for _, known in page.tags)
    assert page.title.count(HARMLESS) == 2
    for table in ("cycles", "groups", "ends-summary", "ends"):
        assert any(HARMLESS in cell for row in page.tables[table] for cell in row), table
    assert page.text.count(HARMLESS) > 15
    assert "\u202e" not in page.text
    for path in files(written, ".svg"):
        assert "script" not in "".join(svg_texts(path))
    assert {path.parent for path in written.pictures} == {tmp_path / "r" / "report"}


def test_a_run_with_nothing_in_it_has_a_page_that_says_so(tmp_path: Path) -> None:
    journals.create(tmp_path / "r").close("fault", "no instrument")
    written = write_report(tmp_path / "r")
    assert written.pictures == ()
    assert len(written.missing) == 9
    text = page_of(written).text
    assert "fault: no instrument" in text
    assert "no current was driven" in text


def test_without_an_area_the_axes_are_in_mAh(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    manifest = journals.manifest("r") | {"cell": {"id": "x", "area_cm2": None}}
    journal = create(folder, manifest, virtual_wall(journals.START_UNIX))
    journals.fill(journal, cycles=1)
    journal.close("completed")
    written = write_report(folder)
    told = [text for path in files(written, ".svg") for text in svg_texts(path)]
    assert "Capacity (mAh)" in told
    assert not any("cm²" in text for text in told)
    assert not any("cm²" in cell for row in page_of(written).tables["cycles"] for cell in row)


def test_the_same_journal_gives_the_same_page(tmp_path: Path) -> None:
    folder = journals.finished(tmp_path / "r", cycles=2)
    pages = [write_report(folder, tmp_path / name).page.read_bytes() for name in "ab"]
    assert pages[0] == pages[1]


def test_a_run_that_goes_on_is_reported_as_running(tmp_path: Path) -> None:
    journal = journals.create(tmp_path / "r")
    journals.fill(journal, cycles=2)
    journal.commit().result()
    text = page_of(write_report(tmp_path / "r", tmp_path / "out")).text
    journal.close("completed")
    assert "running; the figures are those at the time of this report" in text


def test_without_matplotlib_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run_command(["report", "r", "--data", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'labctl-bench[report]'" in line


def test_the_command_prints_where_everything_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journals.finished(tmp_path / "run-1", cycles=1)
    assert run_command(["report", "run", "--data", str(tmp_path), "-o", str(tmp_path / "o")]) == 0
    page, *pictures = map(Path, capsys.readouterr().out.splitlines())
    assert page.suffix == ".html"
    assert {path.suffix for path in pictures} == {".png", ".svg"}
    assert all(path.is_file() for path in (page, *pictures))


def test_a_file_is_no_folder_for_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journals.finished(tmp_path / "run-1", cycles=1)
    (tmp_path / "o").write_text("mine", encoding="utf-8")
    assert run_command(["report", "run", "--data", str(tmp_path), "-o", str(tmp_path / "o")]) == 2
    assert (tmp_path / "o").read_text(encoding="utf-8") == "mine"
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_scans_are_told_by_the_corners_of_the_voltage() -> None:
    down, up = np.linspace(1.0, -0.2, 61), np.linspace(-0.2, 1.0, 61)[1:]
    noise = 2e-3 * np.sin(7.0 * np.arange(241))
    thrice = np.concatenate([down, up, down[1:], up]) + noise[: 61 + 60 + 60 + 60]
    assert [(a, b - 1) for a, b in scans_of(down)] == [(0, 60)]
    first, second = scans_of(thrice)
    assert abs(first[1] - 1 - 120) <= 1
    assert second == (first[1] - 1, 241)
    half = scans_of(np.concatenate([down, up, down[1:]]))
    assert half == [(0, 121), (120, 181)]
