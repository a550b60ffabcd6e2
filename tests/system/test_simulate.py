"""`labctl simulate` and `labctl broker` as processes that serve until they are told to stop."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import pyvisa
from helpers.cli import SHORT, labctl, started

BENCH = """\
bench: t
instruments:
  smu:
    driver: keithley-2450
    serial: "04412345"
    resource: TCPIP::127.0.0.1::5025::SOCKET
    simulate: {cell: na-cu-half, serve: tcp, port: 0}
channels:
  A1: {instrument: smu}
"""
SHARED = """\
bench: t
instruments:
  supply:
    driver: keithley-2450
    resource: TCPIP::127.0.0.1::5025::SOCKET
    simulate: {terminal: supply, shares: main, port: 0}
  main:
    driver: keithley-2450
    resource: TCPIP::127.0.0.1::5026::SOCKET
    simulate: {cell: na-nvp-three-electrode, port: 0}
channels:
  A1: {instrument: main}
  A2: {instrument: supply}
"""
OVER_PTY = BENCH.replace("serve: tcp, port: 0", "serve: pty")

posix = pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM to another process")


def first_line(process) -> dict[str, str]:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@posix
def test_a_twin_over_tcp_says_who_it_is_and_runs_a_protocol(tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").write_text(BENCH, encoding="utf-8")
    server = started(["simulate", "bench.yaml", "--speed", "600x", "-m", "ce=0.9"], tmp_path)
    try:
        line = first_line(server)
        assert line["instrument"] == "smu"
        scheme, host, port, kind = line["resource"].split("::")
        assert (scheme, kind) == ("TCPIP", "SOCKET")
        with socket.create_connection((host, int(port)), timeout=10) as link:
            link.sendall(b"*IDN?\n")
            assert b"MODEL 2450,04412345," in link.makefile("rb").readline()
        real = BENCH.replace("5025", port)
        (tmp_path / "real.yaml").write_text(real, encoding="utf-8")
        arguments = (*SHORT, "--bench", "real.yaml", "--speed", "600x", "--json")
        result = labctl(*arguments, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        document = json.loads(result.stdout)
        assert document["model"] is None
        reservoir = document["groups"][1]
        assert abs(reservoir["ce_percent"] - 90.0) < 0.05 + 2 * reservoir["u_ce_percent"]
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 0, errors
    assert errors == ""


@posix
def test_a_twin_over_hislip_answers_to_visa(tmp_path: Path) -> None:
    bench = BENCH.replace("serve: tcp", "serve: hislip")
    (tmp_path / "bench.yaml").write_text(bench, encoding="utf-8")
    server = started(["simulate", "bench.yaml"], tmp_path)
    try:
        resource = first_line(server)["resource"]
        assert re.fullmatch(r"TCPIP::127\.0\.0\.1::hislip0,\d+::INSTR", resource)
        manager = pyvisa.ResourceManager("@py")
        with manager.open_resource(resource) as session:
            assert "MODEL 2450,04412345," in session.query("*IDN?")
        manager.close()
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 0, errors
    assert errors == ""


@posix
def test_two_twins_over_tcp_hold_one_cell(tmp_path: Path) -> None:
    """Metal that the one takes from the reservoir, the other sees in the cathode."""
    (tmp_path / "bench.yaml").write_text(SHARED, encoding="utf-8")
    server = started(["simulate", "bench.yaml", "--speed", "3600x"], tmp_path)
    try:
        lines = [first_line(server), first_line(server)]
        assert [line["instrument"] for line in lines] == ["supply", "main"]
        with contextlib.ExitStack() as links:
            asks = {line["instrument"]: asker(links, line["resource"]) for line in lines}
            for ask in asks.values():
                ask(":OUTP:VOLT:SMOD HIMP;:OUTP:CURR:SMOD HIMP;*OPC?")
            asks["supply"](':SENS:FUNC "VOLT";:SOUR:FUNC CURR;:SOUR:CURR:VLIM 5;*OPC?')
            # in an hour 0.1 mA takes the fresh host to its plateau, in 15 h to the plateau's end
            asks["supply"](":SOUR:CURR 1e-4;:OUTP ON;*OPC?")
            time.sleep(1.0)
            asks["supply"](":SOUR:CURR 0;*OPC?")
            supply_V = float(asks["supply"]("READ?"))
            asks["main"](':SENS:FUNC "VOLT";:SOUR:FUNC CURR;:SOUR:CURR:VLIM 5;*OPC?')
            asks["main"](":SOUR:CURR 0;:OUTP ON;*OPC?")
            main_V = float(asks["main"]("READ?"))
        assert 3.37 < supply_V < 3.41
        # a bare collector stands some 2 V above the reservoir
        assert 1.5 < supply_V - main_V < 2.8
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 0, errors


def asker(links: contextlib.ExitStack, resource: str) -> Callable[[str], str]:
    _, host, port, _ = resource.split("::")
    link = links.enter_context(socket.create_connection((host, int(port)), timeout=10))
    replies = links.enter_context(link.makefile("rb"))

    def ask(line: str) -> str:
        link.sendall(line.encode() + b"\n")
        return replies.readline().decode()

    return ask


@posix
def test_a_twin_over_a_pseudo_terminal_answers(tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").write_text(OVER_PTY, encoding="utf-8")
    server = started(["simulate", "bench.yaml"], tmp_path)
    try:
        resource = first_line(server)["resource"]
        assert resource.startswith("ASRL/dev/")
        port = os.open(resource.removeprefix("ASRL").removesuffix("::INSTR"), os.O_RDWR)
        try:
            os.write(port, b"*IDN?\n")
            reply = b""
            while not reply.endswith(b"\n"):
                ready, _, _ = select.select([port], [], [], 10)
                assert ready, reply
                reply += os.read(port, 100)
        finally:
            os.close(port)
        assert b"MODEL 2450,04412345," in reply
    finally:
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 0, errors


@posix
def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = BENCH.replace("port: 0", f"port: {port}")
        (tmp_path / "bench.yaml").write_text(text, encoding="utf-8")
        result = labctl("simulate", "bench.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert f"cannot serve smu on port {port}" in result.stderr
    assert result.stdout == ""


@posix
def test_the_embedded_broker_says_where_it_is_and_stops(tmp_path: Path) -> None:
    # amqtt leaves the transport of a client that vanished unclosed
    process = started(["broker", "--port", "0"], tmp_path, warnings="default")
    try:
        address = first_line(process)["broker"]
        host, port = address.removeprefix("mqtt://").split(":")
        socket.create_connection((host, int(port)), timeout=10).close()
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
