"""What a family of source-measure units is asked to say and to understand. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from labctl_drivers import scpi
from labctl_drivers.smu_regulation import Function, Program
from labctl_drivers.vocabulary import Regulation

RESOLUTION = 1 / 5000
"""How far a setting may be read back from what was set, as a part of its range."""

Expected = Sequence[tuple[str, str | float, float]]
"""Queries with what they have to answer: a word, or a number and how far it may be off."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One reply to the reading query; `device_s` never goes back (a clock, or a count)."""

    voltage_V: float
    current_A: float
    device_s: float
    limited: bool
    protected: bool
    status: int


class Dialect(Protocol):
    """One channel's commands and replies, stateless."""

    ON: str
    OFF: str
    ABORT: str
    HIGH_IMPEDANCE: str
    CLEAR: str
    OUTPUT: str
    ERROR: str
    FUNCTION: str

    def ask(self, queries: Sequence[str]) -> str:
        """One message for several queries."""

    def answers(self, reply: bytes, count: int) -> list[str]:
        """What each of them was answered. Raises BadReply."""

    def is_on(self, answer: str) -> bool:
        """What `OUTPUT` was answered. Raises BadReply."""

    def function(self, answer: str) -> Function:
        """What `FUNCTION` was answered. Raises BadReply."""

    def queue_entry(self, reply: bytes) -> scpi.QueueEntry:
        """What `ERROR` was answered. Raises BadReply."""

    def configure(self) -> list[str]:
        """What is set once, with the output off."""

    def program(self, program: Program, most: float) -> list[str]:
        """All settings of a program, with the output off; `most` is the limit's largest value."""

    def change(self, old: Program, new: Program) -> str:
        """From one driven program to another on the same voltage range, with the output on."""

    def level_query(self, function: Function) -> str:
        """Asks for the source's level."""

    def limit_query(self, function: Function) -> str:
        """Asks for the limit."""

    def expected(self, program: Program) -> Expected:
        """What has to be read back before the output may go on."""

    def read(self, number: int) -> str:
        """The message that asks for the reading of that number."""

    def measured(self, reply: bytes, program: Program, number: int) -> Measured:
        """That reading. Raises InvalidReading, OutputLost."""


def regulating(program: Program, measured: Measured) -> Regulation:
    """What holds the cell: the source's own quantity, or the one that its limit holds."""
    if measured.protected:
        return "unknown"
    if program.function == "VOLT":
        return "current" if measured.limited else "voltage"
    return "voltage" if measured.limited else "current"


def differences(answers: Sequence[str], expected: Expected) -> list[str]:
    """What was read back otherwise than it was set. Raises BadReply for what is no number."""
    return [
        f"{query} {answer}"
        for answer, (query, value, tolerance) in zip(answers, expected, strict=True)
        if not _agrees(answer, value, tolerance)
    ]


def _agrees(answer: str, value: str | float, tolerance: float) -> bool:
    word = answer.strip().strip('"').upper()
    if isinstance(value, float):
        return abs(scpi.number(word) - value) <= tolerance
    # the 2450 answers CURR:DC to SENS:FUNC?
    return word == value or word == f"{value}:DC"
