"""The colours of cycles, dark to bright, and the bar that explains them."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def cycle_colours() -> Colormap:
    """Viridis without its yellow end, which does not show on white."""
    viridis = matplotlib.colormaps["viridis"]
    return LinearSegmentedColormap.from_list("cycles", viridis(np.linspace(0.0, 0.88, 128)))


def cycle_scale(numbers: Sequence[int]) -> Normalize:
    """From the lowest to the highest number."""
    low, high = (min(numbers), max(numbers)) if numbers else (1, 1)
    return Normalize(low, max(high, low + 1))


def cycle_bar(figure: Figure, panels: Sequence[Axes], numbers: Sequence[int], label: str) -> None:
    """The bar beside these panels; none where there is only one number."""
    if len(set(numbers)) < 2:
        return
    mapped = ScalarMappable(cycle_scale(numbers), cycle_colours())
    bar = figure.colorbar(mapped, ax=list(panels), pad=0.02, aspect=30)
    bar.set_label(label)
    bar.ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    bar.ax.minorticks_off()
