"""The colours of cycles, dark to bright."""

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap


def cycle_colours() -> Colormap:
    """Viridis without its yellow end, which does not show on white."""
    viridis = matplotlib.colormaps["viridis"]
    return LinearSegmentedColormap.from_list("cycles", viridis(np.linspace(0.0, 0.88, 128)))
