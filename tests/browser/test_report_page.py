"""The page in a real browser: it shows its pictures, and its policy forbids nothing that it has."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers import journals
from matplotlib.image import imread

from labctl.report.write import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--enable-logging=stderr", "--window-size=1200,2000",
)  # fmt: skip


def shot(page: Path, folder: Path) -> tuple[np.ndarray, str]:
    """A picture of the page, and what the browser complained of."""
    assert CHROMIUM is not None
    picture = folder / "page.png"
    run = subprocess.run(
        [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", f"--screenshot={picture}",
         page.absolute().as_uri()],
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert picture.is_file(), run.stderr
    complaints = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    return np.round(255 * imread(picture)[:, :, :3]).astype(int), "\n".join(complaints)


def share(pixels: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float((np.abs(pixels - np.array(colour)).max(axis=2) < 12).mean())


@pytest.mark.external
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_page_shows_its_pictures_and_breaks_no_rule(tmp_path: Path) -> None:
    written = write_report(journals.finished(tmp_path / "r", cycles=3))
    pixels, complaints = shot(written.page, tmp_path)
    assert complaints == ""
    assert share(pixels[:80], (0xB0, 0x00, 0x20)) > 0.2, "no band that says simulated"
    blue = pixels[:, :, 2] - pixels[:, :, 0] > 60
    assert int(blue.sum()) > 500, "no curve: the page's own colours have no blue"


@pytest.mark.external
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_script_that_got_in_would_not_run(tmp_path: Path) -> None:
    written = write_report(journals.finished(tmp_path / "r", cycles=1))
    source = written.page.read_text(encoding="utf-8")
    script = "<script>document.body.innerHTML = ''</script>"
    written.page.write_text(source.replace("</body>", f"{script}</body>"), encoding="utf-8")
    pixels, complaints = shot(written.page, tmp_path)
    assert "Content Security Policy" in complaints
    assert share(pixels[:80], (0xB0, 0x00, 0x20)) > 0.2
