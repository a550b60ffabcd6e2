"""Texts of options."""

import pytest

from labctl.cli.exits import Refused
from labctl.cli.options import channels_by_role, named_numbers, named_values, read_speed


def test_values_are_kept_as_written() -> None:
    given = ["j=0.5 mA/cm2", "cut = -0.1 V", "text=a=b"]
    assert named_values(given, "-p") == {"j": "0.5 mA/cm2", "cut": "-0.1 V", "text": "a=b"}


def test_numbers_are_finite() -> None:
    assert named_numbers(["ce=9e-1"], "-m") == {"ce": 0.9}
    for text in ("ce=nan", "ce=inf", "ce=0,9", "ce=90 %"):
        with pytest.raises(Refused, match="plain number"):
            named_numbers([text], "-m")


@pytest.mark.parametrize(
    ("given", "channels"),
    [
        (None, {}),
        (["A1"], {"main": "A1"}),
        (["main=A1", "supply=A2"], {"main": "A1", "supply": "A2"}),
        (["A1,supply=A2"], {"main": "A1", "supply": "A2"}),
    ],
)
def test_channels_have_roles(given: list[str] | None, channels: dict[str, str]) -> None:
    assert channels_by_role(given) == channels


@pytest.mark.parametrize(
    "given", [["A1", "A2"], ["main=A1", "supply=A1"], ["=A1"], ["main="], [""]]
)
def test_channels_that_make_no_sense_are_refused(given: list[str]) -> None:
    with pytest.raises(Refused):
        channels_by_role(given)


@pytest.mark.parametrize(
    ("text", "speed"),
    [(None, None), ("max", "max"), ("real", 1.0), ("60x", 60.0), ("0.5x", 0.5), ("60", 60.0)],
)
def test_speeds(text: str | None, speed: float | str | None) -> None:
    assert read_speed(text) == speed


@pytest.mark.parametrize("text", ["0x", "-1x", "infx", "nanx", "fast", "x", ""])
def test_speeds_that_are_none(text: str) -> None:
    with pytest.raises(Refused):
        read_speed(text)
