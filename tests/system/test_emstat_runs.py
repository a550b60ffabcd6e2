"""The flagship protocol on an EmStat4 finds the same Coulombic efficiency as on a 2450."""

from pathlib import Path

from helpers import running
from helpers.served import MINUTES

from labctl.bench import default_bench


def efficiency(driver: str, folder: Path) -> tuple[float, float]:
    request = running.request_of(
        "na-cu-reservoir-ce",
        "na-cu-half",
        folder / driver,
        parameters=MINUTES[8],
        bench=default_bench(driver),
    )
    result = running.conduct(request)
    assert result.outcome == "completed", result.reason
    group = running.group(result.groups, "reservoir")
    return float(group["ce_percent"]), float(group["u_ce_percent"])


def test_both_find_the_same_within_their_uncertainties(tmp_path: Path) -> None:
    ours, u_ours = efficiency("emstat4", tmp_path)
    other, u_other = efficiency("keithley-2450", tmp_path)
    assert 90.0 < ours < 100.0
    assert abs(ours - other) <= (u_ours**2 + u_other**2) ** 0.5
    # an instrument of 0.2 % of range is not believed to do better than it can
    assert u_ours > u_other
