"""Bad input to commands, in this process: one line on standard error, code 2, nothing driven."""

from pathlib import Path

import pytest
from helpers.cli import SHORT

from labctl.cli.app import COMMANDS, run_command

BENCH = """\
bench: t
instruments:
  smu: {driver: keithley-2450, resource: sim}
  far: {driver: keithley-2450, resource: "TCPIP::127.0.0.1::1::SOCKET"}
channels:
  A1: {instrument: smu}
  A2: {instrument: far}
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_each_commands_help_teaches_by_example(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run_command([command, "--help"]) == 0
    captured = capsys.readouterr()
    assert f"    labctl {command}" in captured.out
    assert "ARGS" not in captured.out
    assert captured.err == ""


def test_a_paragraph_of_help_fills_the_width_and_an_example_keeps_its_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    assert run_command(["batch", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (whole,) = [line for line in lines if line.startswith("A cell with several terminals")]
    assert whole.endswith("`resource: sim` in the bench.")
    assert "    bench: bench.yaml" in lines


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ruin",), "did you mean run?"),
        (("show",), "RUN"),
        (("show", "none"), "no run 'none'"),
        (("runs", "--fast"), "--fast"),
        (("export", "r", "--to", "xlsx"), "--to xlsx: there are bdf-csv, bdf-parquet, csv,"),
        (("schema", "cells"), "WHAT cells: there are protocol, routine, cell, bench, batch"),
        (("run", "na-cu-reservoir-ce"), "--cell"),
        (("run", "na-cu-reservoir-ce", "--cell", "none"), "none:1:1"),
        (("run", "none", "--cell", "na-cu-half"), "none:1:1"),
        ((*SHORT, "-p", "portions"), "name=value"),
        ((*SHORT, "-p", "portions=2"), "portions is given twice"),
        ((*SHORT, "-p", "cut=1"), "cut"),
        ((*SHORT, "-p", "nosuch=1 V"), "nosuch"),
        ((*SHORT, "-m", "ce=high"), "plain number"),
        ((*SHORT, "-m", "cee=1"), "no parameter 'cee'"),
        ((*SHORT, "--model", "na-haf"), "no cell model 'na-haf'"),
        ((*SHORT, "--speed", "fast"), "--speed"),
        ((*SHORT, "--speed", "0x"), "--speed"),
        ((*SHORT, "--mqtt", "http://localhost"), "mqtt://"),
        ((*SHORT, "--mqtt", "mqtt://u:p@localhost"), "never holds a password"),
        ((*SHORT, "--bench", "bench.yaml"), "several channels"),
        ((*SHORT, "--bench", "bench.yaml", "--channel", "B1"), "no channel 'B1'"),
        ((*SHORT, "--bench", "bench.yaml", "--channel", "supply=A1"), "no terminal 'supply'"),
        (
            (
                "run",
                "na-third-electrode",
                "--cell",
                "na-nvp-three-electrode",
                "--bench",
                "bench.yaml",
                "--channel",
                "supply=A1",
            ),
            "role main",
        ),
        ((*SHORT, "--bench", "bench.yaml", "--channel", "A2", "-m", "ce=1"), "in memory"),
        ((*SHORT, "--bench", "none.yaml"), "none.yaml:1:1: cannot be read"),
        (("simulate", "bench.yaml", "--speed", "max"), "own clock"),
        (("broker", "--bind", "0.0.0.0"), "password file"),
        (("export", "none", "--to", "xlsx"), "xlsx"),
        (("cycles", "foreign.csv"), "foreign.csv: No such file"),
    ],
    ids=lambda value: " ".join(value[-3:]) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_drives_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    (tmp_path / "bench.yaml").write_text(BENCH, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LABCTL_DATA", raising=False)
    assert run_command(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, lines
    assert told in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["bench.yaml"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("{model: 2601B}", "instrument smu: "),
        ("{model: 2699B}", "instrument smu: no model '2699B' here; known: "),
        ("{modle: 2601B}", "3:87: unknown key `modle` (did you mean `model`?)"),
    ],
)
def test_a_check_finds_what_the_simulated_instrument_has_not(
    options: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    block = f"simulate: {{model: na-half, instrument: {options}}}"
    bench = tmp_path / "b.yaml"
    bench.write_text(
        f"bench: b\ninstruments:\n  smu: {{driver: keithley-2600, resource: sim, {block}}}\n"
        "channels:\n  A2: {instrument: smu, channel: 2}\n"
    )
    asked = ["check", "na-cu-reservoir-ce", "--cell", "na-cu-half", "--bench", str(bench)]
    assert run_command(asked) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert told in line
