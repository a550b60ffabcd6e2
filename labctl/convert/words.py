"""Numbers and units as the protocol language writes them."""

from decimal import Decimal


def number_text(value: float) -> str:
    """The shortest digits that give this number again, without an exponent."""
    text = format(Decimal(repr(float(value))), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def tidy(value: float) -> float:
    """Rounded to 12 digits: what multiplying by powers of ten leaves behind is gone."""
    return float(f"{value:.12g}")


def volts(value: float) -> str:
    """A voltage; to 1 nV, which is finer than any instrument."""
    return f"{number_text(round(value, 9))} V"


def milliamperes(value: float) -> str:
    """A current given in mA."""
    return f"{number_text(value)} mA"


def rate(value: float) -> str:
    """A C-rate above zero: `C/3` where that is the same number, else `0.7C`."""
    if 0 < value < 1:
        hours = round(1 / value)
        if 1 / hours == value:
            return f"C/{hours}"
    return f"{number_text(value)}C"


def duration(seconds: float) -> str:
    """A time in the largest of h, min and s that needs no fraction."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{number_text(seconds / size)} {unit}"
    return f"{number_text(seconds)} s"


def hertz(value: float) -> str:
    """A frequency; in kHz where that needs no fraction."""
    if value >= 1000 and value % 1000 == 0:
        return f"{number_text(value / 1000)} kHz"
    return f"{number_text(value)} Hz"
