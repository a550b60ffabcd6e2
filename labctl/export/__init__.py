"""Data out: BDF for other programs, plain tables for Origin and Excel, and a strict validator."""

from labctl.export.bdf import Exported, export_bdf_csv, export_bdf_parquet
from labctl.export.curves import export_dqdv_csv, export_pulses_csv
from labctl.export.cycles import export_cycles_csv
from labctl.export.plain import export_csv, export_origin_csv, export_steps_csv
from labctl.export.spectra import export_impedance_csv
from labctl.export.strict import Finding, validate

__all__ = [
    "Exported",
    "Finding",
    "export_bdf_csv",
    "export_bdf_parquet",
    "export_csv",
    "export_cycles_csv",
    "export_dqdv_csv",
    "export_impedance_csv",
    "export_origin_csv",
    "export_pulses_csv",
    "export_steps_csv",
    "validate",
]
