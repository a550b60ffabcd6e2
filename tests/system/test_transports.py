"""One short reservoir test in memory, over TCP and HiSLIP (2450), over a pty (2400): one figure."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from helpers import running, served

from labctl.bench import default_bench

CE = 0.99
EXACT, SPECIFIED = {"ce": CE, "instrument_error": 0.0}, {"ce": CE}
SERVED = {"tcp": EXACT, "hislip": SPECIFIED, "pty": SPECIFIED}
"""One instrument without errors of its own, two with errors within their specification."""
LEDGER = served.Found(100 * CE, 0.0)


def in_memory(tmp_path: Path, driver: str, model: dict[str, float]) -> served.Found:
    result = running.run(
        served.PROTOCOL,
        served.CELL,
        tmp_path / "memory",
        parameters=served.MINUTES[8],
        model=model,
        seed=7,
        bench=default_bench(driver),
    )
    assert result.outcome == "completed", result.reason
    ledger = running.model_group(result, "reservoir")
    # of so short a strip, some nAh stay on the collector beyond a group's border
    assert ledger["ce_percent"] == pytest.approx(100 * CE, abs=0.005)
    assert ledger["lost_mAh"] == pytest.approx((1 - CE) * ledger["plated_mAh"], rel=1e-9)
    figures = running.group(result.groups, "reservoir")
    return served.Found(figures["ce_percent"], figures["u_ce_percent"])


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_the_same_ce_on_every_transport(tmp_path: Path) -> None:
    """The cell's CE is what was asked for; each figure holds it, and any two agree."""
    with ExitStack() as stack:
        runs: dict[str, subprocess.Popen[str]] = {}
        for serve, model in SERVED.items():
            bench = stack.enter_context(served.served(tmp_path, serve, model))
            runs[serve] = running.start_labctl(*served.run_words(bench, tmp_path / serve, 8))
        found = {
            f"{driver}, {model}": in_memory(tmp_path, driver, model)
            for driver in sorted(set(served.DRIVERS.values()))
            for model in (EXACT, SPECIFIED)
        }
        for serve, process in runs.items():
            out, errors = process.communicate(timeout=100)
            assert process.returncode == 0, errors
            document = json.loads(out)
            assert document["model"] is None
            found[serve] = served.found_in(document)
    for name, one in found.items():
        assert one.agrees_with(LEDGER), f"{name}: {one}"
        for other in found.values():
            assert one.agrees_with(other), f"{name}: {one}, {other}"
