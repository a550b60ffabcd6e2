"""The command line as a user meets it: exit codes, one line per error, JSON, help."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.cli import SHORT, labctl, refused, started

from labctl.cli.app import COMMANDS

BENCH = """\
bench: t
instruments:
  smu: {driver: keithley-2450, resource: sim}
  far: {driver: keithley-2450, resource: "TCPIP::127.0.0.1::1::SOCKET"}
channels:
  A1: {instrument: smu}
  A2: {instrument: far}
"""
LIMITED = """\
name: limited
limits: {voltage: -0.02 V .. 1.5 V, current: 5 mA}
steps:
  - plate: 2 mA until 1 mAh
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A folder with one run, and the document that the run gave."""
    folder = tmp_path_factory.mktemp("finished")
    result = labctl(*SHORT, "-m", "ce=0.95", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return folder, json.loads(result.stdout)


def test_help_names_every_command() -> None:
    result = labctl("--help")
    assert result.returncode == 0
    for name in COMMANDS:
        assert f"  {name}: " in result.stdout


def test_version_is_the_distributions() -> None:
    from importlib.metadata import version

    assert labctl("--version").stdout.strip() == version("labctl-bench")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ruin",), "did you mean run?"),
        (("show", "none"), "no run 'none'"),
        ((*SHORT, "-p", "portions=2"), "portions is given twice"),
        ((*SHORT, "--bench", "none.yaml"), "none.yaml:1:1: cannot be read"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    (line,) = refused(labctl(*arguments, cwd=tmp_path), 2)
    assert told in line
    assert list(tmp_path.iterdir()) == []


def test_every_mistake_in_a_protocol_is_told_at_its_place(tmp_path: Path) -> None:
    text = "name: bad\nsteps:\n  - plate: 1 mA\n  - rist: 1 h\n"
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    for command in ("check", "run"):
        result = labctl(command, "bad.yaml", "--cell", "na-cu-half", cwd=tmp_path)
        places = [line.split(": ")[0] for line in refused(result, 2)]
        assert places == ["bad.yaml:3:12", "bad.yaml:4:5"]
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_a_limit_ends_with_3_and_says_which(tmp_path: Path) -> None:
    (tmp_path / "limited.yaml").write_text(LIMITED, encoding="utf-8")
    result = labctl("run", "limited.yaml", "--cell", "na-cu-half", "--json", cwd=tmp_path)
    assert result.returncode == 3, result.stderr
    document = json.loads(result.stdout)
    assert document["outcome"] == "limit"
    assert result.stderr == f"labctl: limit: {document['reason']}\n"


def test_a_link_that_is_not_there_ends_with_4(tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").write_text(BENCH, encoding="utf-8")
    arguments = (*SHORT, "--bench", "bench.yaml", "--channel", "A2")
    (line,) = refused(labctl(*arguments, cwd=tmp_path), 4)
    assert line.startswith("labctl: far at TCPIP::127.0.0.1::1::SOCKET: LinkLost: cannot connect")
    assert not (tmp_path / "data").exists()


def test_data_that_cannot_be_kept_ends_with_5(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be", encoding="utf-8")
    (line,) = refused(labctl(*SHORT, cwd=tmp_path), 5)
    assert "data" in line


def test_a_runs_document_has_the_promised_shape(
    finished: tuple[Path, dict[str, object]],
) -> None:
    folder, document = finished
    assert list(document) == ["run", "folder", "outcome", "reason", "cycles", "groups", "model"]
    assert document["outcome"] == "completed"
    assert (folder / str(document["folder"]) / "journal.sqlite").is_file()
    groups, model = document["groups"], document["model"]
    assert isinstance(groups, list)
    assert isinstance(model, dict)
    assert [group["label"] for group in groups] == ["formation", "reservoir"]
    assert [group["label"] for group in model["groups"]] == ["formation", "reservoir"]
    # the model's own account is the independent route to the CE of the journal
    assert model["groups"][1]["ce_percent"] == pytest.approx(95.0, abs=0.05)
    difference = groups[1]["ce_percent"] - model["groups"][1]["ce_percent"]
    assert abs(difference) <= groups[1]["u_ce_percent"] * 2


def test_a_run_is_found_by_the_beginning_of_its_id_and_by_its_folder(
    finished: tuple[Path, dict[str, object]],
) -> None:
    folder, document = finished
    name = str(document["run"])
    for text in (name, name[:10], str(document["folder"])):
        told = json.loads(labctl("show", text, "--json", cwd=folder).stdout)
        assert told["run"] == name
        assert told["outcome"] == "completed"
        assert told["simulated"] is True


def test_cycles_gives_the_same_figures_as_the_run(
    finished: tuple[Path, dict[str, object]],
) -> None:
    folder, document = finished
    told = json.loads(labctl("cycles", str(document["run"]), "--json", cwd=folder).stdout)
    assert told["run"] == document["run"]
    assert told["sense"] == "plate-first"
    cycles = document["cycles"]
    assert isinstance(cycles, list)
    for one, other in zip(told["cycles"], cycles, strict=True):
        assert {name: one[name] for name in other} == other
    assert told["groups"] == document["groups"]
    assert told["lead_in"] is None
    assert told["open"] is None
    first = told["cycles"][0]
    assert first["first"]["kind"] == "plate"
    assert first["second"]["kind"] == "strip"
    ratio = first["second"]["charge_mAh"] / first["first"]["charge_mAh"]
    assert first["ce_percent"] == pytest.approx(100 * ratio)


def test_why_tells_each_steps_end(finished: tuple[Path, dict[str, object]]) -> None:
    folder, document = finished
    name = str(document["run"])
    told = json.loads(labctl("why", name, "--json", cwd=folder).stdout)
    steps = [end for end in told["ends"] if end["kind"] == "step"]
    assert [step["ended"] for step in steps][:3] == ["time", "charge", "voltage"]
    assert told["ends"][-1]["kind"] == "run"
    lines = labctl("why", name, cwd=folder).stdout.splitlines()
    assert any("formation.2.strip: 1 V" in line for line in lines)
    assert any("not yet: 1.2 * deposit" in line for line in lines)


def test_runs_lists_it(finished: tuple[Path, dict[str, object]]) -> None:
    folder, document = finished
    told = json.loads(labctl("runs", "--json", cwd=folder).stdout)
    assert [row["run"] for row in told["runs"]] == [document["run"]]
    shown = labctl("runs", cwd=folder).stdout
    assert str(document["run"]) in shown
    assert "simulated" in shown


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("bdf-csv", "a.bdf.csv"),
        ("bdf-parquet", "a.bdf.parquet"),
        ("csv", "a.txt"),
        ("cycles-csv", "a.csv"),
    ],
)
def test_export_says_where_the_file_is(
    finished: tuple[Path, dict[str, object]], tmp_path: Path, form: str, name: str
) -> None:
    folder, document = finished
    target = tmp_path / name
    result = labctl("export", str(document["run"]), "--to", form, "-o", str(target), cwd=folder)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(target)
    assert target.stat().st_size > 100


def test_export_refuses_a_name_that_lies_about_the_form(
    finished: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    folder, document = finished
    arguments = (
        "export",
        str(document["run"]),
        "--to",
        "bdf-parquet",
        "-o",
        str(tmp_path / "a.csv"),
    )
    (line,) = refused(labctl(*arguments, cwd=folder), 2)
    assert ".parquet" in line
    assert list(tmp_path.iterdir()) == []


def test_explain_resolves_units_and_bounds_time() -> None:
    result = labctl("explain", "na-cu-reservoir-ce", "--cell", "na-cu-half", "--json")
    told = json.loads(result.stdout)
    plate = told["steps"][1]["steps"][0]
    # 0.5 mA/cm2 and 4 mAh/cm2 on a 12 mm disc: pi/4 * 1.2^2 cm2
    area_cm2 = 3.14159265 / 4 * 1.2**2
    assert plate["current_A"] == pytest.approx(-0.5e-3 * area_cm2, rel=1e-3)
    assert plate["until"][0]["value"] == pytest.approx(4e-3 * area_cm2, rel=1e-3)
    assert plate["longest_s"] == pytest.approx(8 * 3600)
    # 12 h, 8 h + 1.2 * 8 h, 8 h + 10 * (2 h + 2 h) + 1.2 * 8 h
    assert told["worst_case"]["time_s"] == pytest.approx((12 + 17.6 + 57.6) * 3600)


def test_drivers_says_that_nobody_tried_them_on_hardware() -> None:
    told = json.loads(labctl("drivers", "--json").stdout)
    maturity = {row["driver"]: row["maturity"] for row in told["drivers"]}
    assert maturity["keithley-2450"] == "simulated"
    assert maturity["keithley-2400"] == "simulated"


def test_a_drivers_settings_are_told_with_what_they_are_otherwise_and_mean() -> None:
    lines = labctl("drivers", "maccor").stdout.splitlines()
    assert "  watchdog_s                a number (10)" in lines
    assert "  status_current            signed | magnitude (signed)" in lines
    assert any(line.startswith("**When the PC dies** the tester") for line in lines)
    of_simulator = lines[lines.index("  channels             a whole number (8)") :]
    assert "  signed_current       true | false (true)" in of_simulator


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_ctrl_c_ends_with_130_and_the_output_off(tmp_path: Path) -> None:
    process = started([*SHORT, "--speed", "100x"], tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if ".plate" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert len(errors.splitlines()) == 1
    assert "SIGINT" in errors
    (run,) = json.loads(labctl("runs", "--json", cwd=tmp_path).stdout)["runs"]
    assert run["outcome"] == "stopped"


def test_a_closed_output_is_no_bug(tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m labctl runs --data '{tmp_path}' >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
