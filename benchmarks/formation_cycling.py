"""100 cycles of the anode-free formation and cycling protocol in virtual time, whole stack.

    python benchmarks/formation_cycling.py [--cycles 100] [--ce 0.999] [--driver keithley-2450]

Prints wall and CPU seconds, the multiple of real time, rows in the journal, and the worst
difference between a cycle's CE and that of the cell's own ledger between the same borders. An
instrument costs what it has to say: an EmStat tells five times a second how the cell is, a Maccor
wants its set-point again every few seconds, a 2450 is asked when the engine wants to know.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from labctl.bench import default_bench
from labctl.journal import Reader
from labctl.run.conduct import conduct
from labctl.run.request import RunRequest
from labctl_protocols.files import load_cell, load_protocol


def main() -> int:
    """Run and print; 1 where a cycle's stated u(CE) does not hold the ledger's CE."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--ce", type=float, default=0.999)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--driver", default="keithley-2450")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        request = RunRequest(
            protocol=load_protocol("na-anode-free-formation-cycling"),
            cell=load_cell("na-nvp-anode-free"),
            bench=default_bench(options.driver),
            channels={"main": "A1"},
            parameters={"cycles": str(options.cycles)},
            data=Path(folder),
            model_parameters={"ce": options.ce, "instrument_error": 0.0},
            seed=options.seed,
        )
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        result = conduct(request)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        with Reader(result.folder) as reader:
            rows, _ = reader.counts()
            (last,) = reader.readings(after_seq=rows - 1)
            size_MB = sum(path.stat().st_size for path in result.folder.iterdir()) / 1e6
    print(f"{result.outcome}: {result.reason}; {len(result.cycles)} cycles")
    print(f"cell time {last.t_s / 3600:.1f} h, {rows} rows, {size_MB:.1f} MB in the run's folder")
    print(f"wall {wall_s:.1f} s, CPU {cpu_s:.1f} s: {last.t_s / wall_s:,.0f} times real time")
    groups = [each for each in result.groups if each["label"] == "cycling"]
    ledgers = [each for each in result.model["groups"] if each["label"] == "cycling"]
    worst = max(
        zip(groups, ledgers, strict=True),
        key=lambda pair: abs(pair[0]["ce_percent"] - pair[1]["ce_percent"]),
    )
    error = worst[0]["ce_percent"] - worst[1]["ce_percent"]
    stated = worst[0]["u_ce_percent"]
    print(f"worst CE error {error:+.4f} % (stated u {stated:.4f} %) over {len(groups)} cycles")
    return 0 if result.outcome == "completed" and abs(error) <= stated else 1


if __name__ == "__main__":
    sys.exit(main())
