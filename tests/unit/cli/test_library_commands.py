"""What is shipped can be listed, shown and copied."""

import json

import pytest

from labctl.cli.app import run_command
from labctl_protocols import library


def test_lists_have_every_name_with_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    for command, shelves in (("protocols", ("protocols", "routines")), ("cells", ("cells",))):
        assert run_command([command]) == 0
        text = capsys.readouterr().out
        assert run_command([command, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        for shelf in shelves:
            found = library.shipped(shelf)  # type: ignore[arg-type]
            assert [each["name"] for each in told[shelf]] == [each.name for each in found]
            for each in found:
                assert f"{each.name} " in text
                assert each.title in text


@pytest.mark.parametrize(
    ("command", "shelf", "name"),
    [
        ("protocols", "protocols", "cccv"),
        ("protocols", "routines", "formation"),
        ("cells", "cells", "na-cu-half"),
    ],
)
def test_what_is_shown_is_the_file(
    command: str, shelf: library.Shelf, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([command, "show", name]) == 0
    assert capsys.readouterr().out == library.text_of(shelf, name)[1]


def test_an_unknown_name_is_told_its_neighbour(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["cells", "show", "na-cu-hlaf"]) == 2
    assert capsys.readouterr().err == (
        "labctl: the library has no cell 'na-cu-hlaf' (did you mean `na-cu-half`?)\n"
    )
    assert run_command(["protocols", "show", "nothing-like-it"]) == 2
    assert "no protocol and no routine" in capsys.readouterr().err
