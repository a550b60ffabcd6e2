"""`labctl convert` and `labctl export --to unicycler` as commands: output, notes, exit codes."""

import json
from pathlib import Path

import pytest
from helpers.cli import SHORT

from labctl.cli.app import run_command

CYCLING = {
    "record": {"time_s": 10},
    "safety": {"max_voltage_V": 3.8, "min_voltage_V": 2.0, "delay_s": 1},
    "method": [
        {"step": "tag", "tag": "cycling"},
        {"step": "constant_current", "rate_C": "C/2", "until_voltage_V": 3.65},
        {"step": "constant_voltage", "voltage_V": 3.65, "until_rate_C": 0.05},
        {"step": "constant_current", "rate_C": -0.5, "until_voltage_V": 2.5},
        {"step": "loop", "loop_to": "cycling", "cycle_count": 100},
    ],
}
DELAY = (
    "safety.delay_s 1: labctl's limits act at the first reading beyond them, without a delay "
    "(stricter)"
)
YAML = f"""\
# converted from cycling.json (aurora-unicycler) by labctl convert
# {DELAY}
name: cycling
limits: {{voltage: 2 V .. 3.8 V}}
record: every 10 s
steps:
  - repeat: 100
    steps:
      - mark: cycling
      - charge: C/2 until 3.65 V then hold until C/20
      - discharge: C/2 until 2.5 V
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LABCTL_DATA", raising=False)
    (tmp_path / "cycling.json").write_text(json.dumps(CYCLING), encoding="utf-8")


def test_a_converted_file_passes_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["convert", "cycling.json", "-o", "cycling.yaml"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "cycling.yaml\n"
    assert captured.err == f"labctl: note: {DELAY}\n"
    assert Path("cycling.yaml").read_text(encoding="utf-8") == YAML
    assert run_command(["check", "cycling.yaml", "--cell", "lfp-graphite"]) == 0


def test_a_spectrum_is_converted_and_the_check_tells_who_can_run_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spectrum = {
        "step": "impedance_spectroscopy",
        "amplitude_V": 0.01,
        "start_frequency_Hz": 1e5,
        "end_frequency_Hz": 0.1,
    }
    method = {"record": {"time_s": 10}, "method": [spectrum]}
    Path("eis.json").write_text(json.dumps(method), encoding="utf-8")
    assert run_command(["convert", "eis.json", "-o", "eis.yaml", "--cell", "lfp-graphite"]) == 0
    captured = capsys.readouterr()
    note = (
        "running `impedance` needs an instrument that measures it: `labctl check` with --bench and "
        "--channel tells whether yours does"
    )
    assert captured.err == f"labctl: note: {note}\n"
    assert f"\n# {note}\n" in Path("eis.yaml").read_text(encoding="utf-8")
    assert run_command(["check", "eis.yaml", "--cell", "lfp-graphite"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("eis.yaml:6:5: the instrument on this channel measures no impedance")


def test_a_power_and_other_detectors_do_not_go_out(capsys: pytest.CaptureFixture[str]) -> None:
    text = "name: x\ndetectors: {hard_short: flag}\nsteps:\n  - charge: 1 W until 1 h\n"
    Path("power.yaml").write_text(text, encoding="utf-8")
    arguments = ["export", "power.yaml", "--cell", "lfp-graphite", "--to", "unicycler"]
    assert run_command([*arguments, "-o", "out.json"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("power.yaml:1:1: unicycler has no `detectors`: hard_short: flag would")
    assert second.startswith("power.yaml:4:5: unicycler cannot say `charge: 1 W until 1 h`: it con")
    assert run_command([*arguments, "--without", "detectors", "-o", "out.json"]) == 2
    assert capsys.readouterr().err.splitlines() == [second]
    assert not Path("out.json").exists()


def test_without_a_file_it_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["convert", "cycling.json", "--cell", "lfp-graphite"]) == 0
    assert capsys.readouterr().out == YAML


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.json",), "none.json:1:1: cannot be read"),
        (("cycling.json", "--from", "battinfo"), "unknown key"),
        (("cycling.json", "--to", "unicycler"), "needs --cell"),
        (("cycling.json", "-p", "a=1"), "-p belongs to"),
        (("cycling.json", "--without", "method[9]"), "nothing was refused there"),
        (("cycling.json", "--cell", "na-cu-half"), "above what cell and instrument allow, 3.1 V"),
        (("bad.json",), "bad.json:1:13: method[0]: "),
    ],
)
def test_bad_input_is_told_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    Path("bad.json").write_text('{"method": [{"step": "voltage_scan"}]}', encoding="utf-8")
    assert run_command(["convert", *arguments, "-o", "out.yaml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err.splitlines()[0]
    assert not Path("out.yaml").exists()


@pytest.mark.parametrize("form", ["unicycler", "neware", "biologic", "pybamm"])
def test_a_protocol_goes_out_by_convert_and_by_export_alike(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    pytest.importorskip("aurora_unicycler")
    Path("cycling.yaml").write_text(YAML, encoding="utf-8")
    arguments = ["cycling.yaml", "--to", form, "--cell", "lfp-graphite"]
    assert run_command(["convert", *arguments, "-o", "by-convert"]) == 0
    assert run_command(["export", *arguments, "-o", "by-export"]) == 0
    one, other = Path("by-convert").read_bytes(), Path("by-export").read_bytes()
    if form == "neware":  # it carries the time of writing and a number of its own
        assert one.count(b"<Step") == other.count(b"<Step") > 4
    else:
        assert one == other
    capsys.readouterr()


def test_a_runs_protocol_goes_out_with_its_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("aurora_unicycler")
    Path("rest.yaml").write_text(
        "name: rest\nparameters: {wait: 1 h, j: 0.5 mA/cm2}\nrecord: every 10 s\n"
        "steps:\n  - rest: $wait\n  - plate: $j until 1 min\n",
        encoding="utf-8",
    )
    given = ["run", "rest.yaml", "--cell", "na-cu-half", "-p", "wait=2 min", "--json"]
    assert run_command(given) == 0
    run = json.loads(capsys.readouterr().out)["run"]
    assert run_command(["export", run, "--to", "unicycler"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert (path.parent.name, path.suffix) == (run, ".json")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["sample"]["name"] == "na-cu-half"
    rest, plate = document["method"]
    assert rest["until_time_s"] == 120.0
    assert plate["current_mA"] == pytest.approx(-0.5 * 1.131)
    assert run_command(["export", run, "--to", "csv", "--cell", "na-cu-half"]) == 2


def test_export_without_a_cell_names_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["export", "none", "--to", "unicycler"]) == 2
    assert "no run 'none'" in capsys.readouterr().err
    assert run_command([*("export", "none"), "--to", "unicycler", "-p", SHORT[-1]]) == 2
    assert "-p belongs to a protocol" in capsys.readouterr().err
