"""A whole run over a wire that breaks, at many points (`benchmarks/fault_sweep.py`: at every one).

Each time: the output is read back off and is off, or the run says UNKNOWN; nothing is recorded
that the instrument did not send; the cell is never driven beyond its limits.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import broken_wire
from helpers.broken_wire import FAULTS, Ran, Wire, check_never_wrong, check_sources, run_broken

from labctl.journal import list_runs
from labctl_drivers.errors import InstrumentError

DRIVERS = ("keithley-2450", "keithley-2400")
OPENING = 16
"""More lines than any driver needs to open; a fault among them may keep a run from starting."""
FIRST, STRIDE = 17, 19
ENDS = {
    "unplugged": "UNKNOWN",
    "deaf": "UNKNOWN",
    "dumb": "UNKNOWN",
    "stuck on": "UNKNOWN",
    "frozen": "InvalidReading",
    "overflow for good": "InvalidReading",
    "unplugged for 5 s": "LinkLost",
    "connection broken": "LinkLost",
}
"""What a lasting fault in the middle of a run must end it with."""


def lines_of_a_sound_run(folder: Path, driver: str) -> int:
    ran = run_broken(broken_wire.short_request(folder, driver))
    assert ran.result.outcome == "completed"
    check_never_wrong(ran)
    return ran.wire.lines


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    folder = tmp_path_factory.mktemp("sound")
    return {driver: lines_of_a_sound_run(folder, driver) for driver in DRIVERS}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("name", FAULTS)
def test_broken_at_some_lines(
    name: str, driver: str, lines: dict[str, int], tmp_path: Path
) -> None:
    request = broken_wire.short_request(tmp_path, driver)
    offset = sum(map(ord, name + driver)) % STRIDE
    for k in range(FIRST + offset, lines[driver] - 8, STRIDE):
        ran = run_broken(request, FAULTS[name], k)
        check_never_wrong(ran)
        if name in ENDS:
            assert (ran.result.outcome, ran.result.exit_code) == ("fault", 4), k
            assert ENDS[name] in ran.result.reason, k


@pytest.mark.parametrize("driver", DRIVERS)
def test_broken_while_opening_nothing_is_driven(driver: str, tmp_path: Path) -> None:
    request = broken_wire.short_request(tmp_path, driver)
    for k in range(OPENING):
        for name in ("reply dropped", "reply garbled", "connection broken", "unplugged"):
            made: list[Wire] = []
            try:
                with broken_wire.broken(FAULTS[name], k) as made:
                    result = broken_wire.conducting.conduct(request)
            except InstrumentError:
                assert all(source.kind == "open" for _, source in made[0].sources)
                assert b":OUTP ON\n" not in made[0].written
            else:
                check_never_wrong(Ran(result, made[0], ()))


def test_what_cannot_be_opened_leaves_no_run_behind(tmp_path: Path) -> None:
    request = broken_wire.short_request(tmp_path)
    with pytest.raises(InstrumentError), broken_wire.broken(FAULTS["deaf"], 0):
        broken_wire.conducting.conduct(request)
    assert list_runs(request.data) == []


def test_a_transcript_that_cannot_be_written_does_not_keep_the_output_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = 0

    def full_disk(*_: object) -> None:
        nonlocal told
        told += 1
        if told > 100:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("labctl.bench.opening.writing_to", lambda _path: full_disk)
    request = replace(broken_wire.short_request(tmp_path), transcript=tmp_path / "wire.txt")
    ran = run_broken(request)
    check_never_wrong(ran)
    assert ran.result.outcome == "completed"
    assert told == 101


def test_the_sweep_would_notice_a_cell_that_is_driven_too_far() -> None:
    from labctl_simulators.ports import Source

    ran = Wire.__new__(Wire)
    for source in (Source("voltage", 1.6, 1e-3), Source("voltage", 1.0, 0.1), Source("current", 1)):
        ran.sources = [(0.0, source)]
        with pytest.raises(AssertionError):
            check_sources(ran)
