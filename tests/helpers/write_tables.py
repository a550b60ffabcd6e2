"""`python -m helpers.write_tables`, from tests/: write docs/simulators/ from what they do."""

from helpers import keithley_2400_rows, keithley_2450_rows, keithley_2600_rows, keysight_b2900_rows
from helpers.command_tables import page

SHEETS = (
    keithley_2400_rows.SHEET,
    keithley_2450_rows.SHEET,
    keithley_2600_rows.SHEET,
    keysight_b2900_rows.SHEET,
)

if __name__ == "__main__":
    for sheet in SHEETS:
        sheet.path.write_text(page(sheet), encoding="utf-8")
