"""Every detector on a simulated cell that triggers it and on one at 80 % of its threshold, and
false triggers over healthy cycles of four metals.

    python benchmarks/detectors.py [--cycles 1000]

Whole stack in virtual time, instruments with their errors and noise; a quarter of an hour for a
thousand cycles of each metal on one core. Exit 1 where a line is not as wanted.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.engine_bench import Bench, Metal
from helpers.engine_bench import run as run_engine
from helpers.instrument_faults import Deviates, Freezes
from helpers.plans import charge_As, make_plan, plate

from labctl.bench import default_bench
from labctl.journal import Reader
from labctl.run.conduct import conduct
from labctl.run.request import RunRequest
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.files import load_cell, load_protocol

HALF = """
name: healthy-half
cell: {{kind: half}}
parameters: {{j: {j} mA/cm2, charge: {charge} mAh/cm2, cut: 0.5 V, cycles: {cycles}, guard: 1.2}}
start: {{voltage: -0.1 V .. 3 V}}
limits: {{voltage: {low} V .. {high} V, current: 5 mA}}
record: every 10 s or 5 mV
detectors: {{{detectors}}}
steps:
  - rest: 10 min
  - group: formation
    class: formation
    steps:
      - plate: $j until $charge
      - strip: $j until $cut or 1.2 * deposit
  - repeat: $cycles
    steps:
      - plate: $j until $charge
      - rest: 2 min
      - strip: $j until $cut or $guard * deposit
"""
FULL = """
name: healthy-anode-free
cell: {{kind: anode-free}}
parameters: {{j: {j} mA/cm2, top: {top} V, bottom: {bottom} V, cycles: {cycles}}}
start: {{voltage: -0.2 V .. 4.5 V}}
record: every 10 s or 5 mV
detectors: {{{detectors}}}
steps:
  - rest: 10 min
  - group: formation
    class: formation
    steps:
      - charge: $j until $top or 4 h
      - discharge: $j until $bottom or 4 h
  - repeat: $cycles
    steps:
      - charge: $j until $top or 4 h
      - rest: 5 min
      - discharge: $j until $bottom or 4 h
"""
WIDE_CELL = """
id: wide-half
kind: half
metal: Na
area: 1.131 cm2
limits: {voltage: -4 V .. 4 V, current: 20 mA}
"""


@dataclass(frozen=True)
class Kind:
    """A kind of cell, how it is cycled, and how many cycles one cell makes."""

    cell: str
    text: str
    words: Mapping[str, object]
    cycles: int


def half(metal: str, j: float, high: float = 1.5) -> Kind:
    """A half cell of this metal."""
    return Kind(f"{metal}-cu-half", HALF, {"j": j, "charge": 0.2, "low": -0.5, "high": high}, 100)


HEALTHY = {
    "Na": (
        half("na", 1.0),
        Kind("na-nvp-anode-free", FULL, {"j": 4.0, "top": 3.8, "bottom": 2.0}, 50),
    ),
    "K": (
        half("k", 0.5),
        Kind("k-kfehcf-anode-free", FULL, {"j": 2.0, "top": 4.2, "bottom": 2.0}, 50),
    ),
    "Zn": (
        half("zn", 2.0, 1.2),
        Kind("zn-mno2-anode-free", FULL, {"j": 3.0, "top": 1.8, "bottom": 0.8}, 50),
    ),
    "Li": (
        half("li", 1.0),
        Kind("li-nmc-anode-free", FULL, {"j": 4.0, "top": 4.3, "bottom": 3.0}, 50),
    ),
}


@dataclass(frozen=True)
class Case:
    """One run: a kind of cell with what is wrong with it (`model`), or with the protocol."""

    kind: Kind
    model: Mapping[str, float] = field(default_factory=dict)
    cycles: int = 8
    parameters: Mapping[str, str] = field(default_factory=dict)
    detectors: str = ""
    wide: bool = False
    seed: int = 0


def told(case: Case) -> tuple[Counter[str], int]:
    """How often each detector was told of, and how many cycles there were."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = {**case.kind.words, "cycles": case.cycles, "detectors": case.detectors}
        if case.wide:
            words |= {"low": -3.5, "high": 3.5}
        (folder / "protocol.yaml").write_text(case.kind.text.format(**words))
        (folder / "wide.yaml").write_text(WIDE_CELL)
        cell = folder / "wide.yaml" if case.wide else case.kind.cell
        request = RunRequest(
            protocol=load_protocol(str(folder / "protocol.yaml")),
            cell=load_cell(str(cell)),
            bench=default_bench(),
            channels={"main": "A1"},
            parameters=case.parameters,
            data=folder,
            model_parameters=case.model,
            seed=case.seed,
        )
        result = conduct(request)
        with Reader(result.folder) as reader:
            names = [str(e.data["name"]) for e in reader.events() if e.kind == "detector"]
    if result.outcome not in ("completed", "detector"):
        raise RuntimeError(f"{case}: {result.outcome}: {result.reason}")
    return Counter(names), len(result.cycles)


NA, ANODE_FREE = HEALTHY["Na"]
AT_h = 2.85
"""In the sixth plate after the formation of the Na half cell."""
LAST_CHARGE_h = 3.228
"""When the anode-free Na cell's fourth charge after its formation begins."""


def soft(siemens: float, at_h: float = AT_h, **more: float) -> dict[str, float]:
    """A soft short from an hour on."""
    return {"soft_short_S": siemens, "soft_short_at_h": at_h, "spread": 0.0, **more}


def hard(siemens: float) -> dict[str, float]:
    """A hard short."""
    return {"hard_short_S": siemens, "hard_short_at_h": AT_h, "spread": 0.0}


def jump(ohm_cm2: float) -> dict[str, float]:
    """A resistance that jumps."""
    return {
        "resistance_jump_ohm_cm2": ohm_cm2,
        "resistance_jump_at_h": AT_h,
        "spread": 0.0,
    }


def guarded(times: float) -> Case:
    """Strips that may give back so many times what was plated."""
    return Case(NA, {"spread": 0.0}, cycles=3, parameters={"guard": str(times)})


TRIALS: dict[str, tuple[str, Case, Case]] = {
    "start": (
        "3.6 V (2.4 V) at rest, 3 V allowed",
        Case(NA, {"fresh_V": 3.6}),
        Case(NA, {"fresh_V": 2.4}),
    ),
    "contact_loss": (
        "600 (400) ohm cm2 more: 0.6 V (0.4 V) at once",
        Case(NA, jump(600.0), wide=True),
        Case(NA, jump(400.0), wide=True),
    ),
    "hard_short": (
        "0.68 S (0.45 S) across 1.131 cm2",
        Case(NA, hard(0.68)),
        Case(NA, hard(0.45)),
    ),
    "soft_short_step": (
        "7.7 mS (4.7 mS): 24 % (16 %) of the voltage",
        Case(NA, soft(7.7e-3)),
        Case(NA, soft(4.7e-3)),
    ),
    "soft_short_noise": (
        "0.1 mS flickering: 80 uV (50 uV), floor 13 uV",
        Case(NA, soft(1e-4, soft_short_noise=0.35)),
        Case(NA, soft(1e-4, soft_short_noise=0.2)),
    ),
    "soft_short_hysteresis": (
        "11 mS (6.2 mS): 36 % (24 %) of the gap",
        Case(NA, soft(11e-3)),
        Case(NA, soft(6.2e-3)),
    ),
    "soft_short_charge": (
        "0.25 mS (0.18 mS): 24 % (16 %) more charge",
        Case(ANODE_FREE, soft(2.5e-4, LAST_CHARGE_h), cycles=4),
        Case(ANODE_FREE, soft(1.78e-4, LAST_CHARGE_h), cycles=4),
    ),
    "soft_short_lasting": (
        "0.25 mS for three cycles (two)",
        Case(ANODE_FREE, soft(2.5e-4, 2.0), cycles=8),
        Case(ANODE_FREE, soft(2.5e-4, 2.0), cycles=4),
    ),
    "self_discharge": (
        "2.3 uS (1.4 uS): 131 (87) mV/h, was 22",
        Case(ANODE_FREE, soft(2.29e-6, 4.0)),
        Case(ANODE_FREE, soft(1.37e-6, 4.0)),
    ),
    "polarisation": (
        "68 (45) ohm cm2 more: gap 120 % (80 %) more",
        Case(NA, jump(68.0), cycles=9),
        Case(NA, jump(45.0), cycles=9),
    ),
    "voltage_divergence": (
        "1140 (740) ohm cm2 more: -1.2 V (-0.8 V)",
        Case(NA, jump(1140.0), wide=True, detectors="contact_loss: ignore"),
        Case(NA, jump(740.0), wide=True, detectors="contact_loss: ignore"),
    ),
    "inventory_exhausted": (
        "CE 16.7 % (25 %)",
        Case(NA, {"ce": 0.2 / 1.2}, cycles=3),
        Case(NA, {"ce": 0.2 / 0.8}, cycles=3),
    ),
    "not_stripped": (
        "strip ends at 0.8 (1.2) times the deposit",
        guarded(0.8),
        guarded(1.2),
    ),
}

CLOSED_FORM = {
    "set_deviation": (
        "1.30 % (0.86 %) beyond what was set",
        lambda: Deviates(Metal(), times=1.01296),
        lambda: Deviates(Metal(), times=1.00864),
    ),
    "frozen_reading": (
        "24 (16) repeats",
        lambda: Freezes(Metal(), readings=24),
        lambda: Freezes(Metal(), readings=16),
    ),
}
"""What no simulated instrument does: the engine on a bench in closed form."""


def told_in_closed_form(bench: Bench) -> Counter[str]:
    """A plating of 5 A·s on the Na half cell in closed form."""
    trace = run_engine(make_plan(plate(1e-3, charge_As(5.0))), bench)
    return Counter(str(each["name"]) for each in trace.data("detector"))


def trial_line(name: str) -> tuple[str, bool]:
    """A detector's line of the table, and whether it is as wanted."""
    if name in CLOSED_FORM:
        what, above, below = CLOSED_FORM[name]
        fired, silent = (told_in_closed_form(make())[name] for make in (above, below))
    else:
        what, high, low = TRIALS[name]
        fired, silent = (told(case)[0][name] for case in (high, low))
    good = fired > 0 and silent == 0
    policy = DETECTORS[name].policy
    return f"{name:<22} {policy:<5} {what:<46} {fired:>5} {silent:>8}  {_wanted(good)}", good


def _wanted(good: bool) -> str:
    return "" if good else "NOT as wanted"


def healthy_lines(metal: str, cycles: int) -> tuple[list[str], bool]:
    """False triggers of a metal's cells: half of the cycles in half cells, half in anode-free."""
    lines, clean = [], True
    for kind in HEALTHY[metal]:
        names, done, cells = Counter[str](), 0, 0
        while done < cycles / 2:
            found, count = told(Case(kind, cycles=min(kind.cycles, cycles // 2), seed=cells))
            names, done, cells = names + found, done + count, cells + 1
        clean = clean and not names
        false = ", ".join(f"{name} {count}" for name, count in names.items()) or "0"
        lines.append(f"{metal:<3} {kind.cell:<24} {cells:>5} {done:>7}  {false}")
    return lines, clean


def main() -> int:
    """Print both tables; 1 where a line is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cycles", type=int, default=1000, help="healthy cycles of each metal")
    options = parser.parse_args()
    print(f"{'detector':<22} {'does':<5} {'triggered by (at 80 %)':<46} fired  at 80 %")
    good = True
    for name in DETECTORS:
        line, as_wanted = trial_line(name)
        print(line, flush=True)
        good = good and as_wanted
    print("\nhealthy cells                cells  cycles  false triggers")
    for metal in HEALTHY:
        lines, clean = healthy_lines(metal, options.cycles)
        print("\n".join(lines), flush=True)
        good = good and clean
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
