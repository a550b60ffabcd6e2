"""Numbers as MethodSCRIPT writes them: whole ones with an SI prefix. No I/O."""

import math
import re
from decimal import Decimal

from labctl_drivers.errors import InvalidReading, OutOfRange

OFFSET = 1 << 27
"""Added to what a package carries, so that seven hexadecimal digits need no sign."""
DIGITS = 7
"""What is set is rounded to so many; a float of the instrument has hardly more."""
_LARGEST = 1 << 31
_POWERS = {
    "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, " ": 0, "i": 0,
    "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_WRITTEN = ("", "m", "u", "n", "p", "f", "a", "k", "M", "G", "T")
_FIELD = re.compile(rb"([0-9A-F]{7})([afpnum kMGTPEi])")
_NAN = b"     nan"


def rounded(value: float) -> float:
    """To as many digits as are set, and to a whole number of 1e-18, the smallest there is.

    Raises OutOfRange for what is no finite number.
    """
    if not math.isfinite(value):
        raise OutOfRange(f"{value!r} is not a finite number")
    return float(f"{float(f'{value:.{DIGITS - 1}e}'):.18f}")


def literal(value: float) -> str:
    """A number of a script, exactly: 4.2 is `4200m`.

    Raises OutOfRange for one that no whole number with a prefix is.
    """
    if not math.isfinite(value):
        raise OutOfRange(f"{value!r} is not a finite number")
    # the shortest decimal that is this float: 0.1 means a tenth
    exact = Decimal(repr(value))
    for prefix in _WRITTEN:
        scaled = exact.scaleb(-_POWERS[prefix or " "])
        if scaled == scaled.to_integral_value() and abs(scaled) < _LARGEST:
            return f"{int(scaled)}{prefix}"
    raise OutOfRange(f"{value!r} cannot be written exactly for the instrument")


def value_of(field: bytes) -> float:
    """A value of a package: seven hexadecimal digits and a prefix. Raises InvalidReading."""
    found = _FIELD.fullmatch(field)
    if found is None:
        what = "not a number" if field == _NAN else "no value"
        raise InvalidReading(f"{what}: {field[:80]!r}")
    whole = int(found[1], 16) - OFFSET
    power = _POWERS[found[2].decode()]
    # a quotient of whole numbers is rounded once, so that 4.2 V is the float 4.2
    return float(whole * 10**power) if power >= 0 else whole / 10**-power
