"""Metal supplied through a third electrode, closed loop: how much, and never two at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from helpers import running

from labctl.journal import readings
from labctl.run import conduct
from labctl.twin import Twin

PROTOCOL = """
name: supply
cell: {kind: anode-free, metal: Na}
limits: {voltage: 1.7 V .. 4.0 V, current: 5 mA}
record: every 30 s or 5 mV
steps:
  - repeat: 4
    steps:
      - group: cycling
        steps:
          - charge: C/2 until 3.8 V or 12 h
          - discharge: C/2 until 2 V or 12 h
      - if: inventory < 80 % of nominal
        steps:
          - group: supply
            class: supply
            steps:
              - rest: until abs(dV/dt over 10 min) < 1 mV/h or 2 h
              - discharge: {at: (nominal - inventory) / 5 h, until: (nominal - inventory) or 10 h}
                label: top-up
                terminal: supply
"""
CELL = "na-nvp-three-electrode"
NOMINAL_mAh = 1.5 * 1.131


@dataclass
class Watch:
    """Looks at both instruments' outputs at every message on either wire."""

    twins: dict[str, Twin] = field(default_factory=dict)
    both: list[float] = field(default_factory=list)
    seen: set[tuple[str, ...]] = field(default_factory=set)
    deaf_from: int | None = None
    """The supply's n-th `:OUTP OFF` and all later ones are not heard by the instrument."""
    offs: int = 0
    begun: bool = False
    """From the first output on: before, each instrument is as its maker switches it on."""

    def take(self, twins: dict[str, Twin]) -> dict[str, Twin]:
        self.twins = twins
        for role, twin in twins.items():
            self._watch(role, twin.firmware)
        return twins

    def _watch(self, role: str, firmware: Any) -> None:
        feed = firmware.feed

        def watched(data: bytes, now: float) -> list[tuple[float, bytes]]:
            if role == "supply" and b":OUTP OFF" in data:
                self.offs += 1
                if self.deaf_from is not None and self.offs >= self.deaf_from:
                    data = data.replace(b":OUTP OFF", b"")
            replies: list[tuple[float, bytes]] = feed(data, now) if data.strip() else []
            self.begun = self.begun or b":OUTP ON" in data
            if not self.begun:
                return replies
            on = tuple(name for name, twin in self.twins.items() if is_on(twin))
            self.seen.add(on)
            if len(on) > 1:
                self.both.append(now)
            return replies

        firmware.feed = watched


def is_on(twin: Twin) -> bool:
    firmware: Any = twin.firmware
    return bool(firmware.terminals.source.kind != "open")


@contextmanager
def watched(**options: Any) -> Iterator[Watch]:
    watching = Watch(**options)
    made = conduct.twins_of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conduct, "twins_of", lambda runs: [watching.take(made(runs)[0])])
        yield watching


def run(folder: Path, ce: float) -> conduct.RunResult:
    path = folder / "supply.yaml"
    path.write_text(PROTOCOL, encoding="utf-8")
    return running.run(path, CELL, folder / "data", model={"ce": ce})


@pytest.fixture(scope="module")
def supplied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Watch, conduct.RunResult]:
    with watched() as watching:
        result = run(tmp_path_factory.mktemp("supplied"), ce=0.88)
    assert result.outcome == "completed", result.reason
    return watching, result


def test_at_no_message_do_both_terminals_drive(
    supplied: tuple[Watch, conduct.RunResult],
) -> None:
    watch, result = supplied
    assert watch.both == []
    assert watch.seen >= {("main",), ("supply",), ()}
    rows = list(readings(result.folder))
    assert {row.terminal for row in rows} == {"main", "supply"}
    assert all(row.current_A <= 1e-6 for row in rows if row.terminal == "supply")


def test_the_inventory_is_restored_within_one_percent_of_the_cells_own_ledger(
    supplied: tuple[Watch, conduct.RunResult],
) -> None:
    _, result = supplied
    assert result.model is not None
    groups: Any = result.model["groups"]
    lost_mAh = supplied_mAh = 0.0
    restored = []
    for each in groups:
        lost_mAh += each["lost_mAh"]
        supplied_mAh += each["supplied_mAh"]
        if each["label"] == "supply":
            restored.append(NOMINAL_mAh - lost_mAh + supplied_mAh)
            assert each["supplied_mAh"] > 0.18 * NOMINAL_mAh
    assert restored == [pytest.approx(NOMINAL_mAh, rel=0.01)] * 2


def test_what_was_supplied_is_told_where_figures_are(
    supplied: tuple[Watch, conduct.RunResult],
) -> None:
    _, result = supplied
    assert result.model is not None
    groups: Any = result.model["groups"]
    told, truth_mAh = running.document(running.labctl("cycles", result.folder, "--json")), 0.0
    for figures, model in zip(told["groups"], groups, strict=True):
        truth_mAh += model["supplied_mAh"]
        if truth_mAh == 0.0:
            assert figures["supplied_mAh"] is figures["u_supplied_mAh"] is None
        else:
            assert abs(figures["supplied_mAh"] - truth_mAh) <= figures["u_supplied_mAh"]
            assert figures["u_supplied_mAh"] < 2e-3 * truth_mAh
    assert told["totals"]["supplied_mAh"] == told["groups"][-1]["supplied_mAh"]
    shown = running.labctl("cycles", result.folder).stdout
    assert f"supplied in all: {told['totals']['supplied_mAh']:.4f} ±" in shown
    assert "Σsup/mAh" in shown


def test_capacity_comes_back_with_the_metal(
    supplied: tuple[Watch, conduct.RunResult],
) -> None:
    cycles: Any = supplied[1].cycles
    charges = [cycle["second"]["charge_mAh"] for cycle in cycles]
    # 0.88 of each; after two cycles 23 % are gone and are brought back
    assert charges[1] / charges[0] == pytest.approx(0.88, abs=0.01)
    assert charges[2] / charges[0] == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("deaf_from", [2, 3])
def test_a_supply_that_does_not_go_off_stops_the_run(tmp_path: Path, deaf_from: int) -> None:
    """Its first `off` is at opening, the second before it is driven, the third ends the supply."""
    with watched(deaf_from=deaf_from) as watch:
        result = run(tmp_path, ce=0.75)
    assert watch.offs > deaf_from
    assert (result.outcome, result.exit_code) == ("fault", 4)
    assert "UNKNOWN" in result.reason
    assert deaf_from == 2 or "supply terminal did not open" in result.reason
    # the main terminal is not connected while nobody knows whether the supply is open
    assert watch.both == []
    assert not is_on(watch.twins["main"])
    assert is_on(watch.twins["supply"])
