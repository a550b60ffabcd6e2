"""Other programs' protocols as labctl's: exactly, or refused with the place and the reason."""

from labctl.convert.reading import FORMS, Converted, convert_text

__all__ = ["FORMS", "Converted", "convert_text"]
