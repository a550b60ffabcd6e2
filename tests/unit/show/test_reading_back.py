"""Runs read back from their journals: outcomes, figures, reasons."""

from pathlib import Path

from helpers import journals

from labctl.journal import Journal, Reader
from labctl.show.figures import figures_of_run
from labctl.show.run import doctor_words, instrument_words, run_row, run_rows, summary
from labctl.show.why import why_document, why_lines
from labctl_protocols.decisions import Event

HALF = {"kind": "strip", "charge_Ah": 1e-3, "energy_Wh": 2e-4, "duration_s": 60.0,
        "mean_voltage_V": 0.05}  # fmt: skip


def with_events(folder: Path, *events: Event) -> Path:
    journal: Journal = journals.create(folder)
    journal.write([], events, None)
    journal.close("completed", "done")
    return folder


def test_a_run_is_running_then_lost_or_ended(tmp_path: Path) -> None:
    journal = journals.create(tmp_path / "live")
    assert run_row(tmp_path / "live")["outcome"] == "running"
    journal.close("stopped", "SIGINT")
    told = run_row(tmp_path / "live")
    assert (told["outcome"], told["reason"]) == ("stopped", "SIGINT")


def test_a_journal_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    journals.finished(tmp_path / "20261118-120000-good-0001")
    broken = tmp_path / "20261118-130000-bad-0002"
    broken.mkdir()
    (broken / "journal.sqlite").write_bytes(b"not a database" * 100)
    good, bad = run_rows(tmp_path)
    assert good["outcome"] == "completed"
    assert bad["outcome"] == "?"
    assert bad["reason"]


def test_a_summary_counts_what_was_recorded(tmp_path: Path) -> None:
    told = summary(journals.finished(tmp_path / "r", cycles=3, per_step=20))
    assert (told["readings"], told["steps"], told["cycles"]) == (120, 6, 3)
    assert told["elapsed_s"] == 2 * 3 * 19 * 10.0
    assert told["faults"] == []


def test_halves_without_a_partner_are_apart(tmp_path: Path) -> None:
    def half(role: str, group: str, charge_Ah: float) -> Event:
        data = {"role": role, "class": "cycle", "group": group, "half": HALF}
        return Event(1.0, "half", {**data, "half": {**HALF, "charge_Ah": charge_Ah}})

    run = with_events(
        tmp_path / "r",
        Event(0.0, "run_started", {"kind": "anode-free"}),
        half("lead_in", "a", 1e-3),
        half("open", "a", 2e-3),
        half("lead_in", "b", 3e-3),
        half("open", "b", 4e-3),
    )
    figures = figures_of_run(run)
    assert figures["sense"] == "charge-first"
    assert figures["cycles"] == []
    assert figures["lead_in"] is not None
    assert figures["lead_in"]["charge_mAh"] == 1.0
    assert figures["open"] is not None
    assert figures["open"]["charge_mAh"] == 4.0
    assert [half["group"] for half in figures["halves"]] == ["a", "a", "b", "b"]


def test_an_unknown_figure_stays_unknown(tmp_path: Path) -> None:
    data = {"label": "g", "class": "cycle", "path": "g", "pair": "total", "complete": False,
            "first": {**HALF, "mean_voltage_V": None}, "second": None,
            "ce": None, "u_ce": None}  # fmt: skip
    (group,) = figures_of_run(with_events(tmp_path / "r", Event(1.0, "group_left", data)))["groups"]
    assert group["ce_percent"] is None
    assert group["u_ce_percent"] is None
    assert group["second"] is None
    assert isinstance(group["first"], dict)
    assert group["first"]["mean_voltage_V"] is None


def test_why_shows_zero_volts_and_the_runners_up_with_units(tmp_path: Path) -> None:
    ends = [
        {"text": "0 V", "kind": "voltage", "target": 0.0},
        {"text": "2 mAh", "kind": "charge", "target": 2e-3},
    ]
    ended = {
        "step_count": 1, "step_id": "1.discharge", "step_type": "discharge", "label": None,
        "ended": "voltage", "reason": "0 V", "driven": True, "duration_s": 3600.0,
        "capacity_Ah": 1e-3, "energy_Wh": 0.0, "voltage_V": -0.002, "current_A": -1e-3,
        "at": {"voltage_V": 0.0, "current_A": -1e-3, "time_s": 3599.0, "capacity_Ah": 1e-3},
        "runners_up": [{"text": "2 mAh", "value": 1e-3, "target": 2e-3}],
    }  # fmt: skip
    run = with_events(
        tmp_path / "r",
        Event(0.0, "step_started", {"step_id": "1.discharge", "ends": ends}),
        Event(3600.0, "step_ended", ended),
        Event(3600.0, "fault", {"error": "LinkLost", "text": "gone"}),
        Event(3601.0, "run_ended", {"outcome": "fault", "reason": "gone"}),
    )
    with Reader(run) as reader:
        lines = [line for entry in why_document(reader.events()) for line in why_lines(entry)]
    assert lines == [
        "1:00:00  1.discharge: 0 V; after 1 h 0 min, 1.0000 mAh, at 0.0000 V, -1.0000 mA",
        "    not yet: 2 mAh (stood at 1 mAh, target 2 mAh)",
        "1:00:00  fault: gone",
        "1:00:01  run fault: gone",
    ]


def test_an_instrument_is_told_in_words_and_what_a_resistor_said_of_it_apart() -> None:
    found = {"when": "2026-11-26T21:09:37+00:00", "good": False, "dummy_ohm": 1000.0, "file": "f"}
    instrument = {"maker": "K", "model": "2602B", "serial": "", "resource": "sim", "doctor": found}
    assert instrument_words(instrument) == "K 2602B sim"
    assert doctor_words(instrument) == "BAD on 1000 ohm, 2026-11-26T21:09:37+00:00"
    assert doctor_words({**instrument, "doctor": None}) == ""
