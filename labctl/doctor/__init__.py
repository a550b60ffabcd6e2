"""Whether a bench is wired as it should be: looked at without driving a cell, or on a resistor."""
