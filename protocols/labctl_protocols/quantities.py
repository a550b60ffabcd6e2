"""Quantities as a protocol writes them: a number, at most one space, a unit from a closed list.

Lexing is our own and the list is closed; Pint only gives each listed unit's factor to coherent
SI, once. Coulombs are no unit here: `C` is the C-rate.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import pint

Per = Literal["", "area", "mass", "capacity"]


class Dimensions(NamedTuple):
    """Powers of volt, ampere, second, kelvin, metre and kilogram."""

    V: int = 0
    A: int = 0
    s: int = 0
    K: int = 0
    m: int = 0
    kg: int = 0


NUMBER = Dimensions()
VOLTAGE = Dimensions(V=1)
CURRENT = Dimensions(A=1)
TIME = Dimensions(s=1)
CHARGE = Dimensions(A=1, s=1)
ENERGY = Dimensions(V=1, A=1, s=1)
POWER = Dimensions(V=1, A=1)
RESISTANCE = Dimensions(V=1, A=-1)
TEMPERATURE = Dimensions(K=1)
VOLTAGE_SLOPE = Dimensions(V=1, s=-1)
FREQUENCY = Dimensions(s=-1)
AREA = Dimensions(m=2)
LENGTH = Dimensions(m=1)
MASS = Dimensions(kg=1)

DIMENSION_WORDS = {
    NUMBER: "number",
    VOLTAGE: "voltage",
    CURRENT: "current",
    TIME: "time",
    CHARGE: "charge",
    ENERGY: "energy",
    POWER: "power",
    RESISTANCE: "resistance",
    TEMPERATURE: "temperature",
    VOLTAGE_SLOPE: "voltage per time",
    FREQUENCY: "frequency",
    AREA: "area",
    LENGTH: "length",
    MASS: "mass",
}
EXAMPLES = {
    "voltage": "`4.2 V`",
    "current": "`0.5 mA/cm2`, `C/10` or `1 mA`",
    "time": "`12 h` or `30 s`",
    "charge": "`1 mAh/cm2` or `2 mAh`",
    "temperature": "`25 degC`",
    "area": "`1.131 cm2`",
    "mass": "`5 mg`",
    "length": "`12 mm`",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of the closed list. `per` says which field of the cell record it is counted by."""

    text: str
    dimensions: Dimensions
    pint: str
    per: Per = ""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit as written; `unit` None is a plain number."""

    value: float
    unit: Unit | None

    @property
    def dimensions(self) -> Dimensions:
        """What it measures once the cell is known."""
        return NUMBER if self.unit is None else self.unit.dimensions


class QuantityError(ValueError):
    """A text that is no quantity: the rule that it breaks, where, and what would be right."""

    def __init__(self, rule: str, offset: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.rule = rule
        self.offset = offset
        self.message = message
        self.hint = hint


_PREFIX = {"": "", "n": "nano", "u": "micro", "m": "milli", "k": "kilo", "M": "mega"}


def _listed() -> dict[str, Unit]:
    """The closed list. Micro is `u` here; `µ` and `μ` are read as `u`."""
    units: dict[str, Unit] = {}

    def add(text: str, dimensions: Dimensions, pint: str, per: Per = "") -> None:
        units[text] = Unit(text, dimensions, pint, per)

    def family(symbol: str, name: str, dimensions: Dimensions, prefixes: str, *pers: Per) -> None:
        for prefix in ["", *prefixes]:
            pint = name.replace("~", _PREFIX[prefix])
            add(prefix + symbol, dimensions, pint)
            if "area" in pers:
                add(f"{prefix}{symbol}/cm2", dimensions, f"{pint} / centimeter**2", "area")
                add(f"{prefix}{symbol}/m2", dimensions, f"{pint} / meter**2", "area")
            if "mass" in pers:
                add(f"{prefix}{symbol}/g", dimensions, f"{pint} / gram", "mass")

    family("V", "~volt", VOLTAGE, "umk")
    family("A", "~ampere", CURRENT, "num", "area", "mass")
    family("Ah", "~ampere * hour", CHARGE, "num", "area", "mass")
    family("W", "~watt", POWER, "um", "area", "mass")
    family("Wh", "~watt * hour", ENERGY, "um", "area", "mass")
    family("ohm", "~ohm", RESISTANCE, "mkM")
    family("Hz", "~hertz", FREQUENCY, "mkM")
    for text, name in {"s": "second", "min": "minute", "h": "hour", "d": "day"}.items():
        add(text, TIME, name)
    add("ms", TIME, "millisecond")
    for prefix in ("", "u", "m"):
        for text, name in {"s": "second", "min": "minute", "h": "hour"}.items():
            add(f"{prefix}V/{text}", VOLTAGE_SLOPE, f"{_PREFIX[prefix]}volt / {name}")
    add("K", TEMPERATURE, "kelvin")
    add("degC", TEMPERATURE, "degree_Celsius")
    add("%", NUMBER, "percent")
    add("C", CURRENT, "1 / hour", "capacity")
    add("cm2", AREA, "centimeter**2")
    add("mm2", AREA, "millimeter**2")
    add("mm", LENGTH, "millimeter")
    add("cm", LENGTH, "centimeter")
    for prefix in ("", "u", "m"):
        add(f"{prefix}g", MASS, f"{_PREFIX[prefix]}gram")
    return units


UNITS = _listed()
NEVER_UNITS = frozenset(
    "or and not until then of as for over every hold cycle cycles if else".split()
)
_COULOMBS = frozenset(
    "As mAs uAs A.s A·s mC kC uC nC coulomb coulombs Coulomb C/cm2 mC/cm2 uC/cm2 C/g C/m2".split()
)
_WORDS = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "S": "s",
    "minute": "min", "minutes": "min", "mins": "min", "m": "min",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "H": "h",
    "day": "d", "days": "d", "volt": "V", "volts": "V", "amp": "A", "amps": "A",
    "°C": "degC", "℃": "degC", "celsius": "degC", "percent": "%", "c": "C",
}  # fmt: skip

_NUMBER = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+(?![A-Za-z]))?")
_SIGNS = {"\u00b5": "u", "\u03bc": "u", "\u03a9": "ohm", "\u2126": "ohm"}
_LETTER = "[A-Za-z\u00b5\u03bc\u03a9\u2126\u00b0\u2103]"
_RUN = re.compile(
    rf"(?:%|{_LETTER}+[0-9\u00b2\u00b3^]*)(?:[/\u00b7.](?:{_LETTER}|[$0-9(])[\w$\u00b2^]*)*"
)
_C_OVER = re.compile(r"C/(\d+(?:\.\d+)?)(?![\w./$])")


def canonical(unit: str) -> str:
    """The unit's text with either sign for micro as `u` and either for ohm as `ohm`."""
    for sign, plain in _SIGNS.items():
        unit = unit.replace(sign, plain)
    return unit


def lex_quantity(text: str, start: int) -> tuple[Quantity, int] | None:
    """The quantity or number that begins here and where it ends; None when none begins here.

    Raises QuantityError where something begins that looks like one and is not.
    """
    over = _C_OVER.match(text, start)
    if over is not None:
        hours = float(over[1])
        if hours == 0:
            raise QuantityError("number", start, "`C/0` is no current")
        return Quantity(1.0 / hours, UNITS["C"]), over.end()
    found = _NUMBER.match(text, start)
    if found is None:
        return None
    end = found.end()
    value = _number(found[0], text, start, end)
    space = 1 if text[end : end + 1] == " " else 0
    run = _RUN.match(text, end + space)
    if run is None:
        return _bare(value, text, end)
    word = run[0]
    if re.split(r"[/·.]", word)[0] in NEVER_UNITS:
        return Quantity(value, None), end
    unit = UNITS.get(canonical(word))
    if unit is None:
        raise _unknown_unit(word, value, run.start())
    return Quantity(value, unit), run.end()


def parse_quantity(text: str) -> Quantity:
    """A text that is one quantity or plain number, and nothing else. Raises QuantityError."""
    sign, start = 1.0, 0
    if text.startswith("-"):
        sign, start = -1.0, 1
    lexed = lex_quantity(text, start)
    if lexed is None:
        raise QuantityError("number", 0, f"`{text}` is no quantity", "write a number and its unit")
    quantity, end = lexed
    if end != len(text):
        raise QuantityError("expression", end, f"`{text[end:].strip()}` cannot stand here")
    return Quantity(sign * quantity.value, quantity.unit)


def _number(digits: str, text: str, start: int, end: int) -> float:
    if re.match(r",\d", text[end:]):
        raise QuantityError(
            "decimal-comma",
            start,
            "a decimal comma",
            f"write `{digits}.{text[end + 1]}…`; between values a comma is followed by a space",
        )
    value = float(digits)
    if value > 1e300:
        raise QuantityError("number", start, f"`{digits}` is too large")
    return value


def _bare(value: float, text: str, end: int) -> tuple[Quantity, int]:
    gap = re.match(r"\s{2,}|\t", text[end:])
    if gap is not None:
        run = _RUN.match(text, end + gap.end())
        if run is not None and canonical(run[0]) in UNITS:
            raise QuantityError(
                "unit-space", end, "more than one space between number and unit", "leave one"
            )
    return Quantity(value, None), end


def _unknown_unit(word: str, value: float, offset: int) -> QuantityError:
    shown = f"{value:g}"
    unit = canonical(word)
    if word in _COULOMBS or unit in _COULOMBS:
        return QuantityError(
            "coulomb",
            offset,
            f"coulombs (`{word}`) are no unit here",
            "`C` is the C-rate only; write a charge in mAh or mAh/cm2 (1 C = 0.2778 mAh)",
        )
    first, slash, rest = word.partition("/")
    if slash and canonical(first) in UNITS:
        known = get_close_matches(unit, UNITS, n=1, cutoff=0.75)
        if first == "C":
            hint = f"a C-rate with a name is written `(1C / {rest})`"
        elif known and rest[:1].isalpha() and len(rest) > 1:
            hint = f"did you mean `{shown} {known[0]}`?"
        else:
            hint = f"after a space `/` divides: `{shown} {first} / {rest}`"
        return QuantityError("unit", offset, f"unknown unit `{word}`", hint)
    return QuantityError("unit", offset, f"unknown unit `{word}`", _meant(word, unit, shown))


def _meant(word: str, unit: str, shown: str) -> str:
    plain = unit.replace("^", "").replace("²", "2").replace("·", "")
    if plain in UNITS:
        return f"did you mean `{shown} {plain}`?"
    if word in _WORDS:
        return f"did you mean `{shown} {_WORDS[word]}`?"
    by_case = [known for known in UNITS if known.lower() == unit.lower()]
    close = by_case or get_close_matches(unit, UNITS, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{shown} {close[0]}`?"
    return "units are " + " ".join(u for u in UNITS if "/" not in u)


_DEFINITIONS = """
nano- = 1e-9
micro- = 1e-6
milli- = 1e-3
centi- = 1e-2
kilo- = 1e3
mega- = 1e6
volt = [potential]
ampere = [current]
second = [time]
kelvin = [temperature]; offset: 0
meter = [length]
kilogram = [mass]
gram = 1e-3 * kilogram
watt = volt * ampere
ohm = volt / ampere
hertz = 1 / second
minute = 60 * second
hour = 60 * minute
day = 24 * hour
percent = 0.01
degree_Celsius = kelvin; offset: 273.15
"""


@cache
def _registry() -> "pint.UnitRegistry[float]":
    """A registry of what the closed list needs: Pint's own takes forty times as long to read."""
    import pint

    registry: pint.UnitRegistry[float] = pint.UnitRegistry(None)
    for line in _DEFINITIONS.strip().splitlines():
        registry.define(line)
    return registry


@cache
def factor(unit: str) -> float:
    """Coherent SI per one of this listed unit (areal ones per m², specific ones per kg)."""
    if unit == "degC":
        return 1.0
    return float(_registry().Quantity(1.0, UNITS[unit].pint).to_base_units().magnitude)


def to_si(quantity: Quantity) -> float:
    """Coherent SI; areal units per m², specific ones per kg, C-rates in 1/s."""
    if quantity.unit is None:
        return quantity.value
    if quantity.unit.text == "degC":
        return float(_registry().Quantity(quantity.value, "degree_Celsius").to("kelvin").magnitude)
    return quantity.value * factor(quantity.unit.text)


def dimension_name(dimensions: Dimensions) -> str:
    """`voltage`, `charge`, … or the product of units, such as `V·s`."""
    word = DIMENSION_WORDS.get(dimensions)
    if word is not None:
        return word
    return "·".join(
        name if power == 1 else f"{name}^{power}"
        for name, power in zip(Dimensions._fields, dimensions, strict=True)
        if power
    )
