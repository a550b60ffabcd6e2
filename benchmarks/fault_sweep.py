"""Every fault of the wire at every line of a short run; what became of each, counted.

    python benchmarks/fault_sweep.py [DRIVER ...]

Ends with an error if any run left the output on unsaid, recorded a number that the instrument did
not send, or drove the cell beyond its limits (tests/faults tries the same at some lines).
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from helpers import broken_wire  # noqa: E402 - the tests are no package that is installed

from labctl_drivers.errors import InstrumentError  # noqa: E402


def outcome_at(request: broken_wire.RunRequest, fault: broken_wire.Fault, k: int) -> str:
    """What a fault at this line led to; `WRONG …` for what must never be."""
    wires: list[broken_wire.Wire] = []
    try:
        with broken_wire.broken(fault, k) as wires, broken_wire.no_task_left() as left:
            result = broken_wire.conducting.conduct(request)
        broken_wire.check_never_wrong(broken_wire.Ran(result, wires[0], left))
    except InstrumentError:
        driven = any(source.kind != "open" for _, source in wires[0].sources)
        return "WRONG: driven, then not started" if driven else "refused to start"
    except Exception as error:
        return f"WRONG: line {k}: {type(error).__name__}: {str(error)[:200]}"
    return "UNKNOWN, said" if "UNKNOWN" in result.reason else result.outcome


def main(drivers: list[str]) -> int:
    """Sweep, and print a row for each fault."""
    wrong = 0
    folder = Path(tempfile.mkdtemp(prefix="fault-sweep-"))
    for driver in drivers or ["keithley-2450", "keithley-2400"]:
        request = broken_wire.short_request(folder, driver)
        lines = broken_wire.run_broken(request).wire.lines
        print(f"{driver}: {lines} lines")
        for name, fault in broken_wire.FAULTS.items():
            counts = Counter(outcome_at(request, fault, k) for k in range(lines))
            wrong += sum(n for what, n in counts.items() if what.startswith("WRONG"))
            told = ", ".join(f"{n} {what}" for what, n in counts.most_common())
            print(f"  {name:20} {told}", flush=True)
    print(f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
