"""A bench file as values."""

from pathlib import Path

import pytest

from labctl.bench import BenchError, Simulate, default_bench, load_bench, parse_bench
from labctl_protocols.problems import ProtocolError

WHOLE = """\
bench: glovebox-3
data: ./data
mqtt: {url: mqtts://broker:8883, username: bench3, password: {env: LABCTL_MQTT_PASSWORD}}
instruments:
  smu:
    driver: keithley-2450
    serial: "04488850"
    resource: TCPIP::192.168.1.20::5025::SOCKET
    simulate: {model: na-half, serve: tcp, port: 5026, parameters: {ce: 0.99}, seed: 7}
  old:
    driver: keithley-2400
    resource: ASRL/dev/ttyUSB0::INSTR
    baud: 19200
    nplc: 0.1
    four_wire: false
    terminals: front
    simulate: {cell: cells/a.yaml, serve: pty}
channels:
  A1: {instrument: smu, channel: 1}
  A2: {instrument: old}
"""


def test_everything_in_a_bench_is_read() -> None:
    bench = parse_bench(WHOLE, "lab/bench.yaml")
    assert bench.name == "glovebox-3"
    assert bench.data == Path("lab/data")
    assert bench.mqtt is not None
    assert bench.mqtt.url == "mqtts://broker:8883"
    assert bench.mqtt.username == "bench3"
    assert bench.mqtt.password == {"env": "LABCTL_MQTT_PASSWORD"}
    assert bench.mqtt.prefix == "lab"
    smu = bench.instrument_of("A1")
    assert (smu.driver, smu.serial) == ("keithley-2450", "04488850")
    assert smu.resource == bench.resource_of("A1") == "TCPIP::192.168.1.20::5025::SOCKET"
    assert smu.simulate == Simulate("na-half", None, "tcp", 5026, {"ce": 0.99}, 7)
    old = bench.instrument_of("A2")
    assert old.simulate == Simulate(cell="cells/a.yaml", serve="pty")
    assert old.link_settings == {"baud": 19200}
    assert old.driver_settings == {"nplc": 0.1, "four_wire": False, "terminals": "front"}
    assert bench.channels["A2"].channel == 1
    assert not bench.is_in_memory("A1")


def test_a_twin_may_be_served_over_hislip_at_a_port() -> None:
    simulate = (
        parse_bench(WHOLE.replace("serve: tcp", "serve: hislip"), "b.yaml")
        .instruments["smu"]
        .simulate
    )
    assert simulate is not None
    assert (simulate.serve, simulate.port) == ("hislip", 5026)


def test_the_default_bench_is_in_memory() -> None:
    bench = default_bench()
    assert list(bench.channels) == ["A1"]
    assert bench.is_in_memory("A1")
    assert bench.driver_of("A1") == "keithley-2450"


def test_an_unknown_channel_names_the_known_ones() -> None:
    with pytest.raises(BenchError, match=r"no channel 'B7'; it has A1, A2"):
        parse_bench(WHOLE, "bench.yaml").instrument_of("B7")


def test_a_bench_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"none\.yaml:1:1: cannot be read"):
        load_bench(tmp_path / "none.yaml")


def test_a_password_never_shows_in_an_error() -> None:
    text = WHOLE.replace("mqtts://broker:8883", "mqtts://bench3:hunter2@broker:8883/x")
    with pytest.raises(ProtocolError) as caught:
        parse_bench(text, "bench.yaml")
    assert len(caught.value.problems) == 2
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "resource",
    [
        "sim",
        "TCPIP::192.168.1.20::5025::SOCKET",
        "TCPIP0::k2450.lab::5025::SOCKET",
        "TCPIP::192.168.1.20::INSTR",
        "TCPIP0::192.168.1.20::inst0::INSTR",
        "TCPIP::host::hislip0::INSTR",
        "TCPIP::127.0.0.1::hislip0,41703::INSTR",
        "USB0::0x05E6::0x2450::04488850::INSTR",
        "USB0::1510::9296::04488850::0::INSTR",
        "GPIB0::24::INSTR",
        "ASRL/dev/ttyUSB0::INSTR",
        "ASRL/dev/serial/by-id/usb-FTDI-if00-port0::INSTR",
        "ASRLCOM3::INSTR",
        "ASRL3::INSTR",
    ],
)
def test_every_form_of_address_is_taken(resource: str) -> None:
    text = WHOLE.replace("ASRL/dev/ttyUSB0", "GPIB0::1")
    text = text.replace("TCPIP::192.168.1.20::5025::SOCKET", resource)
    assert parse_bench(text, "bench.yaml").resource_of("A1") == resource
