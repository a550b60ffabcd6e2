"""Other people's MethodSCRIPT clients, unchanged, against the simulated EmStats over real links.

`labmcp-palmsens` over a pseudo-terminal and TCP; `hardpotato`, which holds the maker's own Python
example, over a pseudo-terminal.
"""

import contextlib
import importlib
import os
import threading
import time

import pytest
from test_pymeasure import Resistor, served

from labctl_simulators.firmware.emstat import EmStat4, EmStatPico, Nexus
from labctl_simulators.terminals import Terminals

labmcp = pytest.importorskip("labmcp")
client = pytest.importorskip("labmcp_palmsens.driver")
transports = importlib.import_module("labmcp.transports")

posix = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
WAYS = ["tcp", pytest.param("pty", marks=posix)]


def emstat4():
    return EmStat4(Terminals(Resistor()), seed=3)


def pico():
    return EmStatPico(Terminals(Resistor()), seed=3, flow_bytes=True)


def nexus():
    return Nexus(Terminals(Resistor()), seed=3)


@contextlib.contextmanager
def connected(make, way):
    """A client's device on an instrument of ours with a kilohm; its time runs 20 times as fast."""
    with served(make, way) as resource:
        if way == "tcp":
            _, host, port, _ = resource.split("::")
            address = f"tcp://{host}:{port}"
        else:
            address = "serial://" + resource.removeprefix("ASRL").removesuffix("::INSTR")
        transport = transports.open_transport(
            address, baudrate=230400, read_termination="\n", write_termination="\n"
        )
        device = client.MethodScriptDevice(transport)
        try:
            yield device
        finally:
            device.close()


def settings(**given):
    return (
        dict(
            begin_potential_v=0.0,
            e_min=-0.5,
            e_max=0.5,
            pgstat_mode=2,
            bandwidth_hz=60.0,
            current_range_a=1e-3,
            autorange=True,
            equilibration_s=0.0,
        )
        | given
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("make", "model"), [(emstat4, "EmStat4 HR"), (pico, "EmStat Pico"), (nexus, "Nexus")]
)
def test_labmcp_finds_out_what_it_is_and_that_it_is_simulated(make, model, way):
    with connected(make, way) as device:
        info = device.identify()
        assert info["model"] == model
        assert info["release"] == "R-sim"
        assert "SIM" in info["serial"]
        assert device.abort()["was_running"] is False


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [emstat4, pico])
def test_labmcp_sweeps_a_kilohm(make, way):
    with connected(make, way) as device:
        script = client.build_script(
            "meas_loop_cv p c 0 500m -500m 50m 1 nscans(2)", with_timer=True, **settings()
        )
        result = device.execute(script, timeout_s=20.0)
    assert result.error is None
    assert result.malformed == []
    assert {scan for scan, _ in result.packets} == {0, 1}
    assert len(result.packets) == 2 * 41
    for _, (time_s, potential, current) in result.packets:
        assert (time_s.type, potential.type, current.type) == ("eb", "da", "ba")
        # 0.5 % of the value, 0.1 % of the range, and 1 mV: what the Pico is made to be within
        assert abs(current.value - potential.value / 1000.0) < 8e-6


def test_labmcp_gets_the_line_and_the_word_of_an_error():
    with connected(emstat4, "tcp") as device:
        with pytest.raises(
            labmcp.InstrumentProtocolError, match=r"line 2, column 1 \('meas_lop'\): error 0x4001"
        ):
            device.execute(["var p", "meas_lop"], timeout_s=5.0)
        result = device.execute(["var p", "set_e 7"], timeout_s=5.0)
    assert "0x000F at script line 2" in result.error
    assert result.cell_off_sent is True


def test_labmcp_aborts_a_long_measurement_and_the_cell_is_off():
    holder = []

    def make():
        holder.append(emstat4())
        return holder[0]

    with connected(make, "tcp") as device:
        script = client.build_script("meas_loop_ca p c 300m 1 36000", **settings())
        results = []
        runner = threading.Thread(
            target=lambda: results.append(device.execute(script, timeout_s=30.0))
        )
        runner.start()
        until = time.monotonic() + 10.0
        while not holder[0].output_on and time.monotonic() < until:
            time.sleep(0.02)
        assert holder[0].output_on
        told = device.abort()
        runner.join(15.0)
    assert told["stopped"] is True
    assert results[0].aborted
    assert holder[0].output_on is False


def test_a_script_goes_on_when_its_client_is_gone():
    holder = []

    def make():
        holder.append(emstat4())
        return holder[0]

    script = client.build_script("meas_loop_ca p c 300m 1 40", **settings())
    with served(make, "tcp") as resource:
        _, host, port, _ = resource.split("::")
        transport = transports.open_transport(
            f"tcp://{host}:{port}", read_termination="\n", write_termination="\n"
        )
        transport.write("e")
        for line in script:
            transport.write(line)
        transport.write("")
        assert transport.read(5.0) == "e"
        transport.close()
        device = holder[0]
        until = time.monotonic() + 15.0
        saw_on = False
        while time.monotonic() < until and not (saw_on and not device.output_on):
            saw_on = saw_on or device.output_on
            time.sleep(0.02)
        # 40 s of the instrument's time with nobody there, then its own cell_off
        assert saw_on
        assert device.output_on is False
        assert device.terminals.now > 40.0


@posix
def test_hardpotato_and_the_makers_example_measure(tmp_path, capsys):
    pytest.importorskip("hardpotato", reason="it is not installed here")
    with served(lambda: EmStatPico(Terminals(Resistor()), seed=3), "pty") as resource:
        potentiostat = importlib.import_module("hardpotato.potentiostat")
        port = resource.removeprefix("ASRL").removesuffix("::INSTR")
        potentiostat.Setup("emstatpico", ".", str(tmp_path), port=port)
        sweep = potentiostat.LSV(Eini=-0.3, Efin=0.3, sr=0.1, dE=0.01, fileName="lsv")
        sweep.port = port  # it looks for one by itself, or forgets the one that it was given
        sweep.plot = lambda: None
        sweep.run()
        instrument = importlib.import_module("hardpotato.pico_instrument")
        with importlib.import_module("hardpotato.pico_serial").Serial(port, 1) as comm:
            device = instrument.Instrument(comm)
            device.abort_and_sync()
            assert device.get_device_type() == "EmStat Pico"
            assert device.get_serial_number() == "ESPICOSIM00003"
            assert device.get_mscript_version() == 109
    rows = [
        [float(word) for word in line.split(",")]
        for line in (tmp_path / "lsv.txt").read_text().splitlines()
        if line[:1].isdigit()
    ]
    assert len(rows) == 61
    for _, potential, current in rows:
        assert abs(current - potential / 1000.0) < 8e-6
