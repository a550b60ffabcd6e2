"""Instruments as their wire shows them, written from the makers' manuals."""
