"""Two simulated instruments on one cell: in memory, and as a bench file says it."""

import asyncio

import pytest
from helpers.twins import twin_of, twins_of

from labctl.bench import BenchError, Simulate, default_bench, default_channels, parse_bench
from labctl.bench.opening import make_channel
from labctl.twin import Twin
from labctl_drivers.vocabulary import Guard, Setpoint
from labctl_protocols.files import load_cell
from labctl_protocols.problems import ProtocolError
from labctl_simulators.clock import VirtualLoop

ROLES = ("main", "supply")
BENCH = """\
bench: b
instruments:
  smu: {driver: keithley-2450, resource: sim, simulate: {model: na-three-electrode}}
  smu2:
    driver: keithley-2400
    resource: TCPIP::127.0.0.1::5026::SOCKET
    simulate: {terminal: supply, shares: smu, port: 5026, parameters: {instrument_error: 0.5}}
channels:
  A1: {instrument: smu}
  A2: {instrument: smu2}
"""


def test_the_default_bench_has_an_instrument_for_each_role() -> None:
    bench = default_bench(roles=ROLES)
    assert list(bench.instruments) == ["smu", "smu2"]
    assert default_channels(ROLES) == {"main": "A1", "supply": "A2"}
    assert [bench.channels[name].instrument for name in ("A1", "A2")] == ["smu", "smu2"]
    assert all(bench.is_in_memory(name) for name in bench.channels)
    assert default_bench() == default_bench(roles=["main"])
    assert list(default_bench().instruments) == ["smu"]


async def supply_half_of_what_was_charged() -> dict[str, Twin]:
    """Half an hour of 1 mA out of the cathode on `main`, then a quarter into it on `supply`."""
    bench, cell = default_bench(roles=ROLES), load_cell("na-nvp-three-electrode")
    channels = default_channels(ROLES)
    twins = twins_of(
        {role: bench.instrument_of(name) for role, name in channels.items()},
        cell,
        parameters={"ce": 1.0, "instrument_error": 0.0},
    )
    drivers = {role: make_channel(bench, channels[role], twin=twins[role]) for role in ROLES}
    opened = {role: await driver.open() for role, driver in drivers.items()}
    assert len({each.identity.serial for each in opened.values()}) == 2
    guard = Guard(low_V=1.4, high_V=4.3, max_current_A=5e-3)
    await drivers["supply"].apply(Setpoint("rest"), guard)
    reading = await drivers["supply"].read()
    # a full host against sodium, below its plateau of 3.4 V
    assert 2.8 < reading.voltage_V < 3.4
    await drivers["supply"].safe()
    for role, current_A, seconds in (("main", 1e-3, 1800.0), ("supply", -1e-3, 900.0)):
        await drivers[role].apply(Setpoint("current", current_A=current_A), guard)
        await asyncio.sleep(seconds)
        await drivers[role].safe()
    for driver in drivers.values():
        await driver.close()
    return twins


def test_drivers_at_both_pairs_of_one_cell_move_metal_through_it() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        twins = runner.run(supply_half_of_what_was_charged())
    assert twins["main"].cell is twins["supply"].cell
    assert {twin.model for twin in twins.values()} == {"na-three-electrode"}
    ledger = twins["supply"].cell.ledger()
    assert ledger.plated_Ah == pytest.approx(1e-3 * 1800 / 3600, rel=2e-3)
    assert ledger.supplied_Ah == pytest.approx(1e-3 * 900 / 3600, rel=2e-3)


def test_a_cell_without_a_reservoir_has_no_supply() -> None:
    instruments = default_bench(roles=ROLES).instruments
    roles = dict(zip(ROLES, instruments.values(), strict=True))
    told = r"instrument smu2: the model na-anode-free has no terminal 'supply'; it has main"
    with pytest.raises(BenchError, match=told):
        twins_of(roles, load_cell("na-nvp-anode-free"))


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"set_deviation": -2.0}, "instrument smu: set_deviation = -2 is outside"),
        ({"frozen_at_h": -1.0}, "instrument smu: frozen_at_h = -1"),
        ({"resistance_jump_at_h": 1.0}, "instrument smu: resistance_jump_at_h does nothing"),
    ],
)
def test_flaws_and_troubles_that_cannot_be_are_the_benchs_fault(
    parameters: dict[str, float], told: str
) -> None:
    instrument = default_bench().instrument_of("A1")
    with pytest.raises(BenchError, match=told):
        twin_of(instrument, load_cell("na-cu-half"), parameters=parameters)


def test_a_bench_says_who_shares_whose_cell() -> None:
    bench = parse_bench(BENCH, "bench.yaml")
    assert bench.instruments["smu2"].simulate == Simulate(
        port=5026, parameters={"instrument_error": 0.5}, terminal="supply", shares="smu"
    )
    assert bench.instruments["smu"].simulate == Simulate("na-three-electrode")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "shares: smu",
            "shares: smv",
            "7:42: there is no instrument `smv` (known here: smu, smu2)",
        ),
        ("shares: smu", "shares: smu2", "7:42: `smu2` has no cell of its own"),
        ("terminal: supply", "terminal: third", "7:26: `terminal` cannot be `third`"),
        ("terminal: supply, ", "", "7:24: `smu2` and `smu` hold the same terminals of one cell"),
        (
            "{model: na-three-electrode}",
            "{terminal: supply, model: na-three-electrode}",
            "7:26: `smu2` and `smu` hold the same terminals of one cell",
        ),
        (
            "shares: smu",
            "shares: smu, model: na-half",
            "7:47: `model` is about the cell, which is that of `smu` (say it there, under `smu`)",
        ),
        (
            "shares: smu",
            "shares: smu, cell: na-cu-half",
            "7:47: `cell` is about the cell, which is that of `smu` (say it there, under `smu`)",
        ),
        (
            "instrument_error: 0.5",
            "ce: 0.9",
            "7:72: `ce` is about the cell, which is that of `smu` (say it there, under `smu`)",
        ),
        ("shares: smu", "shares: [smu]", "7:42: "),
    ],
)
def test_sharing_that_cannot_be_is_refused_at_its_place(old: str, new: str, told: str) -> None:
    assert BENCH.count(old) == 1
    with pytest.raises(ProtocolError) as caught:
        parse_bench(BENCH.replace(old, new), "bench.yaml")
    assert str(caught.value).startswith(f"bench.yaml:{told}")


def test_nobody_shares_the_cell_of_one_who_shares() -> None:
    third = """\
  smu3:
    driver: keithley-2400
    resource: sim
    simulate: {terminal: supply, shares: smu2}
channels:"""
    with pytest.raises(ProtocolError, match=r"11:42: `smu2` has no cell of its own"):
        parse_bench(BENCH.replace("channels:", third), "bench.yaml")
