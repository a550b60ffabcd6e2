"""From a bench to a driver on a twin in memory."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.twins import twin_of

from labctl.bench import BenchError, Terminals, default_bench
from labctl.bench.opening import make_channel
from labctl_drivers.link import Link


async def test_a_driver_opens_its_twin_and_the_wire_is_written_down(tmp_path: Path) -> None:
    bench = default_bench("keithley-2400")
    twin = twin_of(bench.instrument_of("A1"), None, model="resistor")
    transcript = tmp_path / "wire.txt"
    channel = make_channel(bench, "A1", twin=twin, transcript=transcript)
    opened = await channel.open()
    await channel.close()
    assert opened.identity.model == "2400"
    assert not opened.output_was_on
    lines = transcript.read_text(encoding="ascii").splitlines()
    sent = [line.split(" ", 2)[2] for line in lines if line.split(" ")[1] == ">"]
    received = [line.split(" ", 2)[2] for line in lines if line.split(" ")[1] == "<"]
    assert sent[0] == r"*IDN?\n"
    assert received[0].startswith("KEITHLEY INSTRUMENTS INC.,MODEL 2400,")


def test_what_the_driver_does_not_take_is_the_benchs_fault() -> None:
    bench = default_bench("keithley-2400")
    bench = replace(bench, channels={"A1": Terminals("A1", "smu", channel=2)})
    twin = twin_of(bench.instrument_of("A1"), None, model="open")
    with pytest.raises(BenchError, match=r"instrument smu: .*channel 1 only, not 2"):
        make_channel(bench, "A1", twin=twin)


def test_a_transcript_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    bench = default_bench()
    twin = twin_of(bench.instrument_of("A1"), None, model="open")
    with pytest.raises(BenchError, match=r"cannot write .*wire\.txt"):
        make_channel(bench, "A1", twin=twin, transcript=tmp_path / "none" / "wire.txt")


@pytest.mark.parametrize(
    ("model", "parameters", "told"),
    [
        ("na-haf", {}, "no cell model 'na-haf'"),
        ("na-half", {"cee": 1.0}, "no parameter 'cee'; it has .*ce"),
        ("na-half", {"ce": 1.5}, "ce = 1.5"),
        ("half", {}, "needs a metal"),
        ("na-half", {"instrument_error": -1.0}, "instrument_error = -1"),
        (None, {}, "nobody says which cell"),
    ],
)
def test_a_twin_refuses_what_nothing_knows(
    model: str | None, parameters: dict[str, float], told: str
) -> None:
    instrument = default_bench().instrument_of("A1")
    with pytest.raises(BenchError, match=told):
        twin_of(instrument, None, model=model, parameters=parameters)


def test_the_same_seed_gives_the_same_instrument_and_cell() -> None:
    instrument = default_bench().instrument_of("A1")

    def first_volts(seed: int) -> float:
        return twin_of(instrument, None, model="na-half", seed=seed).cell.voltage(0.0)

    assert first_volts(5) == first_volts(5)
    assert first_volts(5) != first_volts(6)


def test_what_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    bench = default_bench()
    twin = twin_of(bench.instrument_of("A1"), None, model="open")
    one, other = tmp_path / "a.txt", tmp_path / "b.txt"
    with pytest.raises(BenchError, match="not both"):
        make_channel(bench, "A1", twin=twin, transcript=one, capture=other)
    links: dict[str, Link] = {}
    make_channel(bench, "A1", twin=twin, links=links)
    with pytest.raises(BenchError, match="in use already"):
        make_channel(bench, "A1", twin=twin, links=links, capture=one)
