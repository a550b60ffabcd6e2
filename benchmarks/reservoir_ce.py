"""The reservoir protocols of all metals at several Coulombic efficiencies, against the ledger.

    python benchmarks/reservoir_ce.py

The instrument has no errors of its own: 0.05 % (absolute) is the most that sampling and noise
may add, and the model's ledger has the CE that was asked for to 1e-6.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from labctl.bench import default_bench
from labctl.journal import Reader
from labctl.run.conduct import conduct
from labctl.run.request import RunRequest
from labctl_protocols.files import load_cell, load_protocol

WITHIN_PERCENT = 0.05


def line(metal: str, ce: float, driver: str) -> tuple[str, bool]:
    """One run as a line of the table, and whether it is as wanted."""
    with tempfile.TemporaryDirectory() as folder:
        request = RunRequest(
            protocol=load_protocol(f"{metal}-cu-reservoir-ce"),
            cell=load_cell(f"{metal}-cu-half"),
            bench=default_bench(driver),
            channels={"main": "A1"},
            data=Path(folder),
            model_parameters={"ce": ce, "instrument_error": 0.0},
        )
        result = conduct(request)
        with Reader(result.folder) as reader:
            ends = [event.data for event in reader.events() if event.kind == "step_ended"]
    (figures,) = [each for each in result.groups if each["label"] == "reservoir"]
    (ledger,) = [each for each in result.model["groups"] if each["label"] == "reservoir"]
    portions = [
        each for each in ends if "repeat" in each["step_id"] and each["step_type"] == "strip"
    ]
    left = "left by exit" if portions[-1]["ended"] == "voltage" else "all portions"
    error = figures["ce_percent"] - ledger["ce_percent"]
    model_error = ledger["ce_percent"] / 100 - ce
    good = abs(error) <= WITHIN_PERCENT and abs(model_error) <= 1e-6
    good = good and result.outcome == "completed"
    return (
        f"{metal:<3} {ce:<5} {figures['ce_percent']:9.4f} {figures['u_ce_percent']:7.4f} "
        f"{ledger['ce_percent']:10.5f} {error:+8.4f} {model_error:+10.1e}  "
        f"{len(portions):>2} strips, {left:<13} {'' if good else 'NOT as wanted'}",
        good,
    )


def main() -> int:
    """Print the table; 1 where a line is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--driver", default="keithley-2450")
    options = parser.parse_args()
    print("     ce         CE %    u(CE)   ledger %    error  ledger-ce")
    good = True
    for metal in ("na", "zn", "k", "li"):
        for ce in (0.99, 0.90, 0.70):
            text, as_wanted = line(metal, ce, options.driver)
            print(text, flush=True)
            good = good and as_wanted
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
