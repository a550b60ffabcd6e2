"""How often the stated u(CE) (k = 2) holds the CE of the cell's own ledger.

    python benchmarks/coverage_of_uncertainty.py --seeds 200 --metals na
    python benchmarks/coverage_of_uncertainty.py --seeds 60 --metals k zn li

Each seed is another instrument (offset and gain errors within its specification) and another
cell. 90 to 99 % is wanted of 200 runs. z is the error over the stated standard uncertainty
(k = 1): its mean tells of a bias, its standard deviation is 1 where u(CE) is neither wide nor
narrow. The binomial 95 % interval (Wilson) says what the count of runs can show.
"""

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from labctl.bench import default_bench
from labctl.run.conduct import conduct
from labctl.run.request import RunRequest
from labctl_protocols.files import load_cell, load_protocol

WANTED = (0.90, 0.99)


class Found(NamedTuple):
    """One run's reservoir CE, its stated u (k = 2) and the ledger's CE, in percent."""

    seed: int
    ce: float
    u_ce: float
    ledger: float

    @property
    def z(self) -> float:
        """The error in units of the stated standard uncertainty."""
        return (self.ce - self.ledger) / (self.u_ce / 2.0)


def run_one(
    metal: str,
    driver: str,
    model: Mapping[str, float],
    parameters: Mapping[str, str],
    seed: int,
) -> Found:
    """The reservoir protocol of this metal on the instrument and cell of this seed."""
    with tempfile.TemporaryDirectory() as folder:
        request = RunRequest(
            protocol=load_protocol(f"{metal}-cu-reservoir-ce"),
            cell=load_cell(f"{metal}-cu-half"),
            bench=default_bench(driver),
            channels={"main": "A1"},
            parameters=parameters,
            data=Path(folder),
            model_parameters=model,
            seed=seed,
        )
        result = conduct(request)
    if result.outcome != "completed":
        raise RuntimeError(f"seed {seed}: {result.outcome}: {result.reason}")
    (figures,) = [each for each in result.groups if each["label"] == "reservoir"]
    (ledger,) = [each for each in result.model["groups"] if each["label"] == "reservoir"]
    return Found(seed, figures["ce_percent"], figures["u_ce_percent"], ledger["ce_percent"])


def wilson(hits: int, runs: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a binomial share."""
    share = hits / runs
    middle = (share + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z / (1 + z * z / runs) * math.sqrt(share * (1 - share) / runs + (z / (2 * runs)) ** 2)
    return middle - half, middle + half


def tell(metal: str, found: list[Found]) -> bool:
    """Print one line of the table; whether the share is as wanted."""
    held = sum(abs(each.z) <= 2.0 for each in found)
    low, high = wilson(held, len(found))
    zs = [each.z for each in found]
    worst = max(found, key=lambda each: abs(each.z))
    share = held / len(found)
    good = WANTED[0] <= share <= WANTED[1]
    print(
        f"{metal:<3} {len(found):>5} {100 * share:>7.1f}  {100 * low:5.1f} .. {100 * high:5.1f}"
        f"  {statistics.fmean(zs):>+6.2f} {statistics.stdev(zs):>5.2f}"
        f"  {statistics.fmean(e.u_ce for e in found):.4f}"
        f"  {worst.z:+.2f} (seed {worst.seed})  {'as wanted' if good else 'NOT as wanted'}",
        flush=True,
    )
    return good


def main() -> int:
    """Print the table; 1 where a share is out of 90 to 99 %."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--metals", nargs="+", default=["na", "k", "zn", "li"])
    parser.add_argument("--driver", default="keithley-2450")
    parser.add_argument("--ce", type=float, default=0.99, help="below 0: the model's own losses")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-p", action="append", default=[], help="name=value of the protocol")
    options = parser.parse_args()
    model = {} if options.ce < 0 else {"ce": options.ce}
    parameters = dict(pair.split("=", 1) for pair in options.p)
    seeds = range(options.first, options.first + options.seeds)
    print(f"{options.driver}, model {model}, parameters {parameters}")
    print("     runs  held %  95 % interval   mean z  sd z  u(CE) %  worst z")
    good = True
    with ProcessPoolExecutor(options.workers) as pool:
        for metal in options.metals:
            one = partial(run_one, metal, options.driver, model, parameters)
            good = tell(metal, list(pool.map(one, seeds))) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
