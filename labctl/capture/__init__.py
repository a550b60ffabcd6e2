"""Sessions with an instrument as text: what was asked of the driver, and every byte of it."""
