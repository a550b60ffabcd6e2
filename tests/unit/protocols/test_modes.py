"""What an instrument cannot drive is refused; what it cannot guard must be answered for (S2)."""

from dataclasses import replace

import pytest
from helpers.plans import RATINGS

from labctl_protocols.checker import check
from labctl_protocols.files import load_cell, protocol_from_text
from labctl_protocols.problems import ProtocolError

CELL = load_cell("na-cu-half")
TEXT = """\
name: p
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
%ssteps:
  - rest: 1 min
  - plate: 0.5 mA until 1 h
  - hold: 0.1 V until 1 min
  - sweep: {from: 0.1 V, to: [-0.1 V], rate: 1 mV/s}
"""


def problems_of(allow: str = "", **ratings: object) -> list[str]:
    with pytest.raises(ProtocolError) as caught:
        notes_of(allow, **ratings)
    return [f"{each.where.line} {each.rule}" for each in caught.value.problems]


def notes_of(allow: str = "", **ratings: object) -> list[str]:
    protocol = protocol_from_text(TEXT % allow, "p.yaml")
    return check(protocol, load_cell("na-cu-half"), replace(RATINGS, **ratings))[1]


def test_a_source_measure_unit_can_all_and_guards_all() -> None:
    assert notes_of() == []


def test_a_potentiostat_drives_no_current() -> None:
    assert problems_of(modes=frozenset({"rest", "voltage"})) == ["5 mode"]


def test_a_sweep_is_steps_of_voltage_unless_the_instrument_sweeps_by_itself() -> None:
    no_steps = frozenset({"rest", "current"})
    assert problems_of(modes=no_steps) == ["6 mode", "7 mode"]
    assert problems_of(modes=no_steps | {"sweep"}) == ["6 mode"]


def test_what_nothing_guards_is_refused_until_somebody_answers_for_it() -> None:
    unguarded = frozenset({"voltage"})
    assert problems_of(unguarded=unguarded) == ["6 unguarded", "7 unguarded"]
    notes = notes_of("allow_unguarded: true\n", unguarded=unguarded)
    assert [note.split(": ")[0] for note in notes] == ["p.yaml:7:5", "p.yaml:8:5"]


EIS = """\
name: p
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
%ssteps:
  - impedance: {from: 1 kHz, to: 1 Hz, amplitude: %s}
"""


@pytest.mark.parametrize(
    ("amplitude", "allow", "modes", "rules"),
    [
        ("5 mV", "", {"rest", "voltage"}, []),
        ("0.1 mA", "", {"rest", "voltage"}, ["mode"]),
        ("0.1 mA", "", {"rest", "voltage", "current"}, ["unguarded"]),
        ("0.1 mA", "allow_unguarded: true\n", {"rest", "voltage", "current"}, []),
    ],
)
def test_a_spectrum_by_a_current_is_a_galvanostats(
    amplitude: str, allow: str, modes: set[str], rules: list[str]
) -> None:
    ratings = replace(
        RATINGS,
        modes=frozenset(modes),
        abilities=frozenset({"impedance"}),
        unguarded=frozenset({"galvanostatic spectrum"}),
    )
    problems = []
    try:
        check(protocol_from_text(EIS % (allow, amplitude), "p.yaml"), CELL, ratings)
    except ProtocolError as error:
        problems = [each.rule for each in error.problems]
    assert problems == rules


@pytest.mark.parametrize("word", ["yes", "false", "1", "[true]"])
def test_only_the_word_itself_allows_it(word: str) -> None:
    found = problems_of(f"allow_unguarded: {word}\n", unguarded=frozenset({"voltage"}))
    assert any(each.startswith("3 ") for each in found)


def test_each_terminal_is_judged_by_its_own_instrument() -> None:
    text = (
        "name: p\nlimits: {voltage: 2 V .. 4 V, current: 5 mA}\nsteps:\n"
        "  - charge: 0.1 mA until 10 min\n    terminal: supply\n"
    )
    cell, protocol = load_cell("na-nvp-three-electrode"), protocol_from_text(text, "p.yaml")
    potentiostat = replace(RATINGS, modes=frozenset({"rest", "voltage"}))
    check(protocol, cell, potentiostat, others={"supply": RATINGS})
    with pytest.raises(ProtocolError, match="galvanostat"):
        check(protocol, cell, RATINGS, others={"supply": potentiostat})
