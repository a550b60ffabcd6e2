"""Cell models and their factories; entry points in the group `labctl.cells` name the latter."""

from labctl_simulators.cells.make import anode_free, half, symmetric, three_electrode
from labctl_simulators.cells.names import default_model, split_model
from labctl_simulators.cells.plain import open_circuit, resistor, short_circuit, thevenin

__all__ = [
    "anode_free",
    "default_model",
    "half",
    "open_circuit",
    "resistor",
    "short_circuit",
    "split_model",
    "symmetric",
    "thevenin",
    "three_electrode",
]
