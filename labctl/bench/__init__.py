"""What is connected to this PC: the bench file, and how its channels are opened."""

from labctl.bench.model import (
    Auxiliary,
    Bench,
    BenchError,
    Instrument,
    Mqtt,
    Simulate,
    Terminals,
    default_bench,
    default_channels,
)
from labctl.bench.parse import load_bench, parse_bench

__all__ = [
    "Auxiliary",
    "Bench",
    "BenchError",
    "Instrument",
    "Mqtt",
    "Simulate",
    "Terminals",
    "default_bench",
    "default_channels",
    "load_bench",
    "parse_bench",
]
