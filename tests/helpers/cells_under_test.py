"""The cells and the instrument that the tests of the language bind to."""

from labctl_drivers.vocabulary import Ratings
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.plan import Limits

RATINGS = Ratings(
    low_V=-20.0,
    high_V=20.0,
    max_current_A=1.0,
    current_ranges=(),
    voltage_ranges=(),
    bounds=frozenset(),
    readback=True,
    safe_within_s=1.0,
    reading_time_s=0.02,
)
WIDE = Limits(low_V=0.0, high_V=4.3, current_A=0.02)
CELLS = {
    "full": CellRecord(
        id="full",
        kind="full",
        metal="Na",
        area_cm2=2.0,
        capacity_Ah=0.004,
        active_mass_g=0.04,
        inventory_Ah=0.004,
        limits=WIDE,
    ),
    "half": CellRecord(
        id="half",
        kind="half",
        metal="Na",
        area_cm2=2.0,
        limits=Limits(low_V=-0.5, high_V=3.0, current_A=0.02),
    ),
    "anode-free": CellRecord(
        id="anode-free", kind="anode-free", metal="Na", area_cm2=2.0, capacity_Ah=0.004, limits=WIDE
    ),
    "bare": CellRecord(id="bare", kind="full", metal="Na", limits=WIDE),
    "symmetric": CellRecord(id="symmetric", kind="symmetric", metal="Na", limits=WIDE),
    "cathode": CellRecord(id="cathode", kind="cathode-half", metal="Na", limits=WIDE),
    "unlimited": CellRecord(
        id="unlimited", kind="full", metal="Na", limits=Limits(low_V=0.0, high_V=4.0)
    ),
}
