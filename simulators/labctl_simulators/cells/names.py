"""Names of cell models as users write them: a metal, a hyphen, an entry point's name."""

from labctl_simulators.cells.presets import METALS, MetalName
from labctl_simulators.ports import CellSize

_BY_PREFIX: dict[str, MetalName] = {metal.lower(): metal for metal in METALS}


def split_model(name: str) -> tuple[MetalName | None, str]:
    """`na-half` is (Na, half); without a metal's prefix, (None, the name itself)."""
    prefix, hyphen, kind = name.partition("-")
    metal = _BY_PREFIX.get(prefix.lower())
    return (metal, kind) if metal and hyphen and kind else (None, name)


def default_model(size: CellSize) -> str:
    """The model's name that fits a cell's record. Raises ValueError when the metal is missing."""
    if size.kind == "full":
        return "thevenin"
    if size.metal is None:
        raise ValueError(
            f"the cell's record names no metal, which a model of kind {size.kind} is of"
        )
    kind: str = "anode-free" if size.kind == "cathode-half" else size.kind
    if size.kind == "anode-free" and size.reservoir:
        kind = "three-electrode"
    return f"{size.metal.lower()}-{kind}"
