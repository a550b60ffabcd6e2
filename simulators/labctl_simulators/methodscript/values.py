"""Numbers of MethodSCRIPT: literals, variables, and how a package shows them (instruments.md §4).

A float is shown by 7 hexadecimal digits offset by 2**27 and an SI prefix. Which prefix the
firmware takes is not written down; here it is the one with which the digits are 1e5 to 1e8, which
gives all examples of the reference but `800000Am` for 0.01 (here `8989680n`, the same value).
"""

import re
from math import floor, isfinite, log10

from labctl_simulators.methodscript.errors import NOT_A_NUMBER, ScriptError

Number = int | float

OFFSET = 1 << 27
LARGEST_INTEGER = 1 << 31
PREFIXES = "afpnum kMGTPE"
SCALES = {prefix: 10.0 ** (3 * place - 18) for place, prefix in enumerate(PREFIXES)}
COARSEST = len(PREFIXES) - 1
MOST_DIGITS = 8
NAN = "     nan"

LITERAL = re.compile(r"([+-]?)(?:0x([0-9A-Fa-f]+)|0b([01]+)|(\d+))([afpnumkMGTPEi]?)")

VARTYPES = frozenset(
    "aa ab ac ad ae af ag as at au av aw ax ay az ba bb ca cb cc cd ce cf cg ch ci cj ck"
    " da db dc dd ea eb ec ed ee ef ha hb hc hd ia ib ic id ja jb jc jd".split()
)
DEFAULT_TYPE = "ja"


class Variable:
    """A variable: a float or an integer, its type, and the metadata of the reading in it."""

    __slots__ = ("metadata", "value", "vartype")

    def __init__(self) -> None:
        self.value: Number = 0.0
        self.vartype = DEFAULT_TYPE
        self.metadata = ""

    def hold(self, value: Number, vartype: str, metadata: str = "") -> None:
        """Take a reading."""
        self.value = value
        self.vartype = vartype
        self.metadata = metadata

    def calculate(self, value: Number) -> None:
        """Take the result of a calculation. Raises ScriptError when it is none that fits."""
        if not -LARGEST_INTEGER <= value < LARGEST_INTEGER and not _fits(value):
            raise ScriptError(NOT_A_NUMBER)
        self.value = value
        self.metadata = ""

    def package(self) -> str:
        """As a data package shows it."""
        return self.vartype + encode(self.value) + self.metadata

    def text(self) -> str:
        """As an f-string shows it; the firmware's own format is not documented."""
        return str(self.value) if isinstance(self.value, int) else f"{self.value:.6g}"


def _fits(value: Number) -> bool:
    return isinstance(value, float) and isfinite(value)


def encode(value: Number) -> str:
    """The 8 characters of a value in a package; a number that does not fit is `nan`."""
    if isinstance(value, int):
        return f"{value + OFFSET:07X}i" if -OFFSET <= value < OFFSET else NAN
    if value == 0.0:
        return f"{OFFSET:07X} "
    if not isfinite(value):
        return NAN
    place = max(0, floor((log10(abs(value)) - MOST_DIGITS) / 3.0) + 7)
    if place > COARSEST:
        return NAN
    prefix = PREFIXES[place]
    return f"{round(value / SCALES[prefix]) + OFFSET:07X}{prefix}"


def literal(word: str) -> Number | None:
    """The value of an integer with SI prefix (`500m`), `i`, `0x` or `0b`; None when it is none."""
    found = LITERAL.fullmatch(word)
    if found is None:
        return None
    sign, hexadecimal, binary, decimal, prefix = found.groups()
    whole = int(decimal) if decimal else int(hexadecimal, 16) if hexadecimal else int(binary, 2)
    whole = -whole if sign == "-" else whole
    if prefix == "i" or decimal is None:
        return whole
    return _scaled(whole, prefix)


def _scaled(whole: int, prefix: str) -> float:
    exponent = 3 * PREFIXES.index(prefix or " ") - 18
    return float(f"{whole}e{exponent}")  # the nearest float, which a product would miss
