"""An hour of the flagship at 60 times real time: in memory, over TCP (2450), over a pty (2400).

    python benchmarks/short_form_on_the_wire.py [--errors]

Both served runs go at the same time, each in a process of its own with its simulator in another;
each takes a minute. The figures agree when each differs from the CE that the model was given, and
any two from each other, by no more than the stated uncertainty (k = 2, of the difference).
"""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers import running, served

from labctl.bench import default_bench

CE = 0.99
MINUTES = 60


def in_memory(folder: Path, driver: str, model: dict[str, float]) -> served.Found:
    """The same parameters in virtual time."""
    result = running.run(
        served.PROTOCOL,
        served.CELL,
        folder,
        parameters=served.MINUTES[MINUTES],
        model=model,
        seed=7,
        bench=default_bench(driver),
    )
    figures = running.group(result.groups, "reservoir")
    return served.Found(figures["ce_percent"], figures["u_ce_percent"])


def on_the_wire(folder: Path, model: dict[str, float]) -> dict[str, served.Found]:
    """Both transports at once."""
    found = {}
    with ExitStack() as stack:
        started = {}
        for serve in served.DRIVERS:
            bench = stack.enter_context(served.served(folder, serve, model))
            words = served.run_words(bench, folder / serve, MINUTES)
            started[serve] = time.perf_counter(), running.start_labctl(*words)
        for serve, (since, process) in started.items():
            out, errors = process.communicate(timeout=600)
            if process.returncode != 0:
                raise RuntimeError(f"{serve}: {errors}")
            took_s = time.perf_counter() - since
            print(f"{serve:<5} {served.DRIVERS[serve]}: {took_s:.1f} s", flush=True)
            found[serve] = served.found_in(json.loads(out))
    return found


def main() -> int:
    """Print the table; 1 where two figures disagree."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--errors", action="store_true", help="instruments within specification")
    model = {"ce": CE} if parser.parse_args().errors else {"ce": CE, "instrument_error": 0.0}
    print(f"model {model}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            f"memory {driver}": in_memory(folder / "memory", driver, model)
            for driver in served.DRIVERS.values()
        }
        found |= on_the_wire(folder, model)
    truth = served.Found(100 * CE, 0.0)
    good = True
    for where, one in found.items():
        others = [name for name, other in found.items() if not one.agrees_with(other)]
        agrees = one.agrees_with(truth) and not others
        good = good and agrees
        said = "agrees" if agrees else f"DISAGREES with {', '.join(others) or 'the model'}"
        print(f"{where:<22} CE {one.ce:9.4f} % ± {one.u_ce:.4f} %  {said}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
