"""From a picture to its files: one style, the mark of a simulated run, PNG and SVG."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from labctl.export.files import written_whole
from labctl.report.picture import Picture

WIDTH_CM = 8.5
CM = 1 / 2.54
MARK = "SIMULATED"
MARK_LINE = "SIMULATED CELL, NOT A MEASUREMENT"
MARK_COLOUR = "#B00020"

FIRST, SECOND = "#0072B2", "#D55E00"
"""Colours of a cycle's first and second half."""
MARKERS = {"conditioning": "D", "formation": "s", "supply": "^", "cycle": "o", "diagnostic": "v"}
"""A class is told by its marker, so that colour is free for the half."""


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's settings for all pictures, and nothing of the user's own."""
    with as_file(files("labctl.report") / "style.mplstyle") as path:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            with matplotlib.rc_context(fname=str(path)):
                yield


def save(picture: Picture, stem: Path, simulated: bool, title: str) -> tuple[Path, Path]:
    """Draw it once and write `<stem>.png` and `<stem>.svg`; the title goes into their metadata."""
    with house_style():
        figure = Figure(figsize=(WIDTH_CM * CM, picture.height_cm * CM))
        if simulated:  # before the drawing, so that the layout leaves room for the line
            figure.suptitle(MARK_LINE, color=MARK_COLOUR, fontsize=7, fontweight="bold")
        picture.draw(figure)
        if simulated:
            for axes in figure.axes:
                _mark(axes)
        png, svg = (stem.with_name(f"{stem.name}.{form}") for form in ("png", "svg"))
        with written_whole(png) as path:
            figure.savefig(path, format="png", metadata={"Title": title})
        # it is laid out already, which takes longer than to draw it
        figure.set_layout_engine("none")
        with written_whole(svg) as path:
            figure.savefig(path, format="svg", metadata={"Title": title, "Date": None})
    return png, svg


def _mark(axes: Axes) -> None:
    """Across each plot, so that a picture that is cropped still tells."""
    if axes.get_label() == "<colorbar>":
        return
    # the white one below lets the red one be seen where the plot is black with curves
    for colour, alpha in (("white", 0.4), (MARK_COLOUR, 0.2)):
        axes.text(
            0.5,
            0.5,
            MARK,
            transform=axes.transAxes,
            ha="center",
            va="center",
            rotation=20,
            fontsize=20,
            fontweight="bold",
            color=colour,
            alpha=alpha,
            zorder=10,
        )


def count_axis(axes: Axes, first: int, last: int, label: str = "Cycle") -> None:
    """An x axis of whole numbers with room at its ends."""
    room = max(0.04 * (last - first), 0.5)
    axes.set_xlim(first - room, last + room)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
    axes.xaxis.minorticks_off()
    axes.set_xlabel(label)


def per_area(area_cm2: float | None) -> tuple[float, str]:
    """By what a charge in mAh is divided, and the unit that it then has."""
    return (1.0, "mAh") if area_cm2 is None else (area_cm2, "mAh/cm²")


def capacity_word(area_cm2: float | None) -> str:
    """The name of a charge on an axis, with its unit."""
    return "Capacity (mAh)" if area_cm2 is None else "Areal capacity (mAh/cm²)"
