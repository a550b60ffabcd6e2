"""Figures against what is true: the models' own ledgers, and the cyclers' own counters.

    python benchmarks/figures_against.py [--seed 0] [--cycles 5] [--data ../shared/data]

Every protocol of the library runs on the first cell of the library that it takes, on a simulated
instrument with errors of its own; loops of `cycles` are cut short. Prints each figure with its
stated uncertainty (k = 2) and its error; then the recordings' figures against `expected/`; then the
reservoir formula's own vector. 1 where an error is beyond what is stated, by more often than k = 2
allows, or beyond the recordings' tolerance.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from labctl.bench import default_bench
from labctl.figures.document import figures_of_recording
from labctl.figures.halves import half_cycles
from labctl.figures.reading import read_recording
from labctl.figures.recording import Recording
from labctl.figures.run_document import figures_of_run
from labctl.run.conduct import conduct
from labctl.run.request import RunRequest, RunResult
from labctl.show.values import Data, number, part, parts, text
from labctl_protocols import library
from labctl_protocols.files import load_cell, load_protocol
from labctl_protocols.problems import ProtocolError

MISSES_ALLOWED = 0.1
"""k = 2 leaves one in twenty outside; of a few dozen figures one in ten may be."""
TRANSITION_Ah = 1e-9
HERE = Path(__file__).resolve()

Figure = tuple[str, float, float, float]
"""Name, ours, its stated uncertainty, what is true."""


def run_of(name: str, options: argparse.Namespace, data: Path) -> tuple[str, RunResult] | str:
    """A library protocol on the first cell that it takes, or why on none."""
    protocol = load_protocol(name)
    given = yaml.safe_load(protocol.text).get("parameters", {})
    parameters = {"cycles": str(options.cycles)} if given.get("cycles", 0) > options.cycles else {}
    why = "no cell"
    for cell in library.names("cells"):
        request = RunRequest(
            protocol=protocol,
            cell=load_cell(cell),
            bench=default_bench(),
            channels={"main": "A1"},
            parameters=parameters,
            data=data,
            seed=options.seed,
        )
        try:
            return cell, conduct(request)
        except ProtocolError as error:
            why = str(error).splitlines()[0]
    return why


def against_ledger(result: RunResult) -> Iterator[Figure]:
    """The run's figures beside the model's."""
    document, model = figures_of_run(result.folder), result.model or {}
    for ours, ledger in zip(parts(document, "groups"), parts(model, "groups"), strict=True):
        ce, u_ce = number(ours, "ce_percent"), number(ours, "u_ce_percent")
        true = number(ledger, "ce_percent")
        counts = ours["complete"] and ours["class"] != "conditioning"
        if counts and ce is not None and u_ce is not None and true is not None:
            yield f"CE/% {text(ours, 'label')}", ce, u_ce, true
    totals, cycles = part(document, "totals"), parts(document, "cycles")
    if any(each["class"] == "conditioning" for each in cycles):
        return  # what conditioning passes is the interphase's charge, which no metal's ledger has
    plated_mAh, stripped_mAh = number(model, "plated_mAh"), number(model, "stripped_mAh")
    yield from _total("plated/mAh", totals, "plated", plated_mAh)
    summed = all(number(each, "cumulative_irreversible_mAh") is not None for each in cycles)
    if summed and not document["halves"] and plated_mAh is not None and stripped_mAh is not None:
        yield from _total("ΣQirr/mAh", totals, "irreversible", plated_mAh - stripped_mAh)


def _total(name: str, totals: Data, key: str, true: float | None) -> Iterator[Figure]:
    ours, u_ours = number(totals, f"{key}_mAh"), number(totals, f"u_{key}_mAh")
    if ours is not None and u_ours is not None and true is not None:
        yield name, ours, u_ours, true


def ledger_table(options: argparse.Namespace) -> bool:
    """All protocols of the library; whether the uncertainties hold."""
    print(f"{'protocol':32} {'cell':18} {'figure':22} {'ours':>10} {'± (k=2)':>8} "
          f"{'ledger':>10} {'error':>9} {'error/u':>7}")  # fmt: skip
    count = misses = 0
    for name in library.names("protocols"):
        with tempfile.TemporaryDirectory() as folder:
            ran = run_of(name, options, Path(folder))
            if isinstance(ran, str):
                print(f"{name:32} not run: {ran}")
                continue
            cell, result = ran
            if result.outcome != "completed":
                print(f"{name:32} {cell:18} {result.outcome}: {result.reason}")
            for figure, ours, u_ours, true in against_ledger(result):
                error = ours - true
                count, misses = count + 1, misses + (abs(error) > u_ours)
                part_of_u = error / u_ours if u_ours else 0.0
                print(f"{name:32} {cell:18} {figure:22} {ours:10.4f} {u_ours:8.4f} {true:10.4f} "
                      f"{error:+9.4f} {part_of_u:+7.2f}", flush=True)  # fmt: skip
    print(f"{misses} of {count} figures are further from the ledger than their uncertainty")
    return misses <= MISSES_ALLOWED * count


def recordings_table(data: Path) -> bool:
    """The recordings against the figures of their own counters."""
    good = True
    print(f"\n{'recording':32} {'halves':>6} {'worst > 1 h':>12} {'worst > 10 min':>15} "
          f"{'worst CE':>9} {'first CE/%':>11} {'last CE/%':>11}")  # fmt: skip
    for path in sorted(data.glob("*.csv")):
        recording = read_recording(path)
        expected = [
            row
            for row in _table(data, path.stem, "halfcycles")
            if float(row["q_instrument_Ah"]) > TRANSITION_Ah
        ]
        worst = {3600.0: 0.0, 600.0: 0.0}
        halves = half_cycles(recording).halves
        for half, row in zip(halves, expected, strict=True):
            lasted_s = half.end_s - half.start_s
            least_s = next((each for each in worst if lasted_s > each), None)
            if least_s is not None:
                off = abs(half.charge_Ah / float(row["q_instrument_Ah"]) - 1)
                worst[least_s] = max(worst[least_s], off)
        cycles = parts(figures_of_recording(recording, None), "cycles")
        pairs = [
            (number(cycle, "ce_percent") or 0.0, float(row["CE_pct"]))
            for cycle, row in zip(cycles, _table(data, path.stem, "ce"), strict=True)
        ]
        off_ce = max(abs(ours / theirs - 1) for ours, theirs in pairs)
        good = good and worst[3600.0] <= 1e-3 and worst[600.0] <= 3e-3
        print(f"{path.stem:32} {len(halves):6} {100 * worst[3600.0]:10.4f} % "
              f"{100 * worst[600.0]:13.4f} % {100 * off_ce:7.4f} % {pairs[0][0]:11.4f} "
              f"{pairs[-1][0]:11.4f}")  # fmt: skip
    print("tolerated: 0.1 % on half cycles over 1 h, 0.3 % over 10 min")
    return good


def _table(data: Path, name: str, kind: str) -> list[Mapping[str, str]]:
    with (data / "expected" / f"{name}.{kind}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def reservoir_vector() -> bool:
    """Q_T = 5, Q_C = 1, n = 10, Q_S = 4.85 mAh at 1 mA: (10 + 4.85) / (10 + 5) = 0.9900."""
    steps = [(-5.0, -0.03, -0.03), *[(1.0, 0.03, 0.03), (-1.0, -0.03, -0.03)] * 10]
    steps.append((4.85, 0.03, 1.0))
    time_s, voltage_V, current_A, step_s = [0.0], [-0.03], [0.0], [0.0]
    for charge_mAh, plateau_V, end_V in steps:
        begun_s, lasts_s = time_s[-1], abs(charge_mAh) * 3600.0
        for n in range(101):
            time_s.append(begun_s + lasts_s * n / 100)
            step_s.append(lasts_s * n / 100)
            voltage_V.append(end_V if n == 100 else plateau_V)
            current_A.append(1e-3 if charge_mAh > 0 else -1e-3)
    recording = Recording(time_s, voltage_V, current_A, step_time_s=step_s)
    (span,) = parts(figures_of_recording(recording, "plate-first"), "groups")
    ce = (number(span, "ce_percent") or 0.0) / 100
    print(f"\nreservoir, Q_T = 5, Q_C = 1, n = 10, Q_S = 4.85: CE = {ce:.4f} (0.9900)")
    return abs(ce - 0.99) < 5e-5


def main() -> int:
    """Print the tables; 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    options = parser.parse_args()
    good = ledger_table(options)
    if (options.data / "expected").is_dir():
        good = recordings_table(options.data) and good
    else:
        print(f"\nno recordings in {options.data}")
        good = False
    return 0 if reservoir_vector() and good else 1


if __name__ == "__main__":
    sys.exit(main())
