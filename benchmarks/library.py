"""Every protocol of the library through the whole stack, against stated duration and ledger.

    python benchmarks/library.py [--short] [--errors] [--durations] [protocol …]

At full length by default, which takes the better part of an hour; `--short` as the tests run them.
`--errors` gives the instrument errors within its specification. `--durations` runs engine and
cell alone (a minute or two). The table has each protocol's worst group, or all its cycles together.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import pytest
from helpers import quick, running, shelf

from labctl.journal import Reader
from labctl.run.request import RunResult

WITHIN = 0.2


class Worst(NamedTuple):
    """A CE with that of the ledger, %."""

    ce: float
    ledger: float
    u: float

    @property
    def error(self) -> float:
        """Measured less true."""
        return self.ce - self.ledger


def efficiencies(result: RunResult, strips_first: bool) -> Iterator[Worst]:
    """Each group's CE; where no group has one, that of all cycles together.

    `strips_first`: a symmetric cell's charge strips the electrode whose ledger it is.
    """
    model: Mapping[str, Any] = result.model or {}
    for figures, ledger in zip(result.groups, model["groups"], strict=True):
        if figures["ce_percent"] is not None and ledger["ce_percent"]:
            true = 1e4 / ledger["ce_percent"] if strips_first else ledger["ce_percent"]
            yield Worst(figures["ce_percent"], true, figures["u_ce_percent"])
    if not result.groups and result.cycles:
        first, second = (
            sum(cycle[half]["charge_mAh"] for cycle in result.cycles)
            for half in ("first", "second")
        )
        u = max(cycle["u_ce_percent"] or 0.0 for cycle in result.cycles)
        true = 1e4 / model["ce_percent"] if strips_first else model["ce_percent"]
        yield Worst(100.0 * second / first, true, u)


def line(protocol: str, options: argparse.Namespace) -> tuple[str, bool]:
    """One run as a line of the table, and whether it is as stated."""
    stated = shelf.stated(protocol)
    began = time.process_time()
    if options.durations:
        elapsed_s = quick.elapsed_s(protocol, stated.cell, pytest.MonkeyPatch())
        found, outcome = [], ""
    else:
        with tempfile.TemporaryDirectory() as folder:
            result = running.run(
                protocol,
                stated.cell,
                Path(folder),
                parameters=shelf.short(protocol) if options.short else {},
                model={
                    **(shelf.model(protocol) if options.short else {}),
                    "instrument_error": 1.0 if options.errors else 0.0,
                },
                yes=True,
            )
            with Reader(result.folder) as reader:
                elapsed_s = max(event.t_s for event in reader.events())
        found = list(efficiencies(result, "symmetric" in stated.cell))
        outcome = "" if result.outcome == "completed" else f"{result.outcome}: {result.reason}"
    worst = max(found, key=lambda each: abs(each.error) / max(each.u, 1e-9), default=None)
    away = elapsed_s / stated.duration_s - 1.0
    good = not outcome and (options.short or abs(away) <= WITHIN)
    text = f"{protocol:32} {stated.cell:24} {elapsed_s / 3600:8.1f} h {away:+6.0%} "
    if worst is not None:
        text += f"{worst.ce:9.4f} {worst.ledger:9.4f} {worst.error:+8.4f} {worst.u:7.4f}"
        good = good and abs(worst.error) <= worst.u
    cpu_s = time.process_time() - began
    return f"{text} {outcome} ({cpu_s:.0f} s){'' if good else '  NOT as wanted'}", good


def main() -> int:
    """Print the table; 1 where a line is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--durations", action="store_true")
    parser.add_argument("protocols", nargs="*", default=sorted(shelf.CELLS))
    options = parser.parse_args()
    print(f"{'protocol':32} {'cell':24} {'duration':>10} {'off':>6} {'CE %':>9} {'ledger %':>9}"
          f" {'error':>8} {'u':>7}")  # fmt: skip
    good = True
    for protocol in options.protocols:
        text, as_wanted = line(protocol, options)
        print(text, flush=True)
        good = good and as_wanted
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
