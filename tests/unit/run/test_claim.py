"""Whose a channel is: by the instrument's serial number, whatever the address."""

from pathlib import Path

import pytest

from labctl.run import claim
from labctl.run.claim import ChannelInUse, claimed
from labctl_drivers.vocabulary import Identity

REAL = Identity("KEITHLEY", "2602B", "4412345", "3.3.5")
TWIN = Identity("KEITHLEY", "2602B", "SIM-00000", "3.3.5-sim")
NAMELESS = Identity("PalmSens", "EmStat4", "", "1.3")
HERE, THERE = "TCPIP::192.168.1.20::5025::SOCKET", "GPIB0::26::INSTR"


@pytest.fixture(autouse=True)
def _claims_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim.tempfile, "gettempdir", lambda: str(tmp_path))


@pytest.mark.parametrize(
    ("identity", "resource"), [(REAL, THERE), (REAL, HERE), (TWIN, HERE), (NAMELESS, HERE)]
)
def test_the_same_channel_is_refused_with_its_owner(identity: Identity, resource: str) -> None:
    with claimed(identity, 1, HERE, "a run of ce at A1 of b"):
        with pytest.raises(ChannelInUse, match=r"channel 1 of .* in use by a run of ce at A1 of b"):
            with claimed(identity, 1, resource, "another"):
                raise AssertionError("both have it")
    with claimed(identity, 1, resource, "another"):
        pass


@pytest.mark.parametrize(
    ("identity", "channel", "resource"),
    [(REAL, 2, HERE), (TWIN, 1, THERE), (NAMELESS, 1, THERE), (TWIN, 2, HERE)],
)
def test_another_channel_or_instrument_is_free(
    identity: Identity, channel: int, resource: str
) -> None:
    with claimed(identity, 1, HERE, "a run"), claimed(identity, channel, resource, "another"):
        pass
