"""Malformed benches: each is refused at its place by its rule, and by no other rule."""

from dataclasses import dataclass

import pytest

from labctl.bench import parse_bench
from labctl_protocols.problems import Problems, ProtocolError

GOOD = """\
bench: b
data: ./data
mqtt: {url: mqtt://localhost, username: u, password: {env: P}, prefix: lab}
instruments:
  smu:
    driver: keithley-2450
    resource: sim
    simulate: {model: na-half, serve: tcp, port: 5025, parameters: {ce: 0.9}, seed: 1}
  two:
    driver: keithley-2400
    serial: "1"
    resource: GPIB0::24::INSTR
  oven: {driver: espec, resource: ASRL/dev/ttyUSB0::INSTR}
auxiliaries:
  chamber: {instrument: oven}
channels:
  A1: {instrument: smu, channel: 1}
  A2: {instrument: two, temperature: chamber}
"""


@dataclass(frozen=True)
class Row:
    """What is changed in the good bench, where that is refused, by which rule."""

    rule: str
    old: str
    new: str
    place: str

    def text(self) -> str:
        assert GOOD.count(self.old) == 1, self.old
        return GOOD.replace(self.old, self.new)


TABLE = [
    Row("missing-key", "bench: b\n", "", "1:1"),
    Row("missing-key", "    resource: sim\n", "", "6:5"),
    Row("missing-key", "    driver: keithley-2400\n", "", "10:5"),
    Row("missing-key", "url: mqtt://localhost, ", "", "3:7"),
    Row("missing-key", "{instrument: two,", "{channel: 1,", "18:7"),
    Row("unknown-key", "data: ./data", "dat: ./data", "2:1"),
    Row("unknown-key", 'serial: "1"', 'seral: "1"', "11:5"),
    Row("unknown-key", "username: u", "username: u, user: v", "3:44"),
    Row("unknown-key", "seed: 1", "sead: 1", "8:79"),
    Row("unknown-key", "smu, channel: 1", "smu, chanel: 1", "17:25"),
    Row("unknown-key", "{env: P}", "{env: P, vault: Q}", "3:63"),
    Row("duplicate-key", "data: ./data", "data: ./data\ndata: ./other", "3:1"),
    Row(
        "type", "{url: mqtt://localhost, username: u, password: {env: P}, prefix: lab}", "x", "3:7"
    ),
    Row("type", "parameters: {ce: 0.9}", "parameters: 0.9", "8:68"),
    Row("type", "data: ./data", "data: [a]", "2:7"),
    Row("yaml-1.1", "prefix: lab", "prefix: on", "3:72"),
    Row("null", "data: ./data", "data:", "2:1"),
    Row("anchor", "data: ./data", "data: &here ./data", "2:7"),
    Row("name", "bench: b", "bench: glove box", "1:8"),
    Row("name", "bench: b", "bench: lab/#", "1:8"),
    Row("name", "  A2: {", "  A+2: {", "18:3"),
    Row("name", "bench: b", f"bench: {'x' * 65}", "1:8"),
    Row("driver", "keithley-2450", "keithly-2450", "6:13"),
    Row("resource", "resource: sim", "resource: simm", "7:15"),
    Row("resource", "GPIB0::24::INSTR", "GPIB0::x::INSTR", "12:15"),
    Row("resource", "GPIB0::24::INSTR", "COM3", "12:15"),
    Row("resource", "GPIB0::24::INSTR", "TCPIP::h::70000::SOCKET", "12:15"),
    Row("same-resource", "resource: sim", "resource: gpib0::24::instr", "12:15"),
    Row("choice", "serve: tcp, port: 5025", "serve: usb, port: 5025", "8:39"),
    Row("port", "port: 5025", "port: 65536", "8:50"),
    Row("port", "port: 5025", "port: -1", "8:50"),
    Row("port", "port: 5025", "port: 5025.0", "8:50"),
    Row("port", "port: 5025", "port: 5025, bin_port: 70000", "8:66"),
    Row("port-of-pty", "serve: tcp", "serve: pty", "8:44"),
    Row("port-of-pty", "serve: tcp, port: 5025", "serve: pty, bin_port: 5025", "8:44"),
    Row("model", "na-half", "na-haf", "8:23"),
    Row("model", "na-half", "Sodium", "8:23"),
    Row("number", "ce: 0.9", "ce: 90 %", "8:73"),
    Row("number", "ce: 0.9", "ce: 1.0e+999", "8:73"),
    Row("number", 'serial: "1"', "nplc: fast", "11:11"),
    Row("number", 'serial: "1"', "baud: 9600.5", "11:11"),
    Row("choice", 'serial: "1"', "terminals: side", "11:16"),
    Row("choice", 'serial: "1"', "four_wire: maybe", "11:16"),
    Row("seed", "seed: 1", "seed: one", "8:85"),
    Row("no-such-instrument", "{instrument: two,", "{instrument: too,", "18:20"),
    Row("channel", "smu, channel: 1", "smu, channel: 0", "17:34"),
    Row("channel", "smu, channel: 1", "smu, channel: 1.5", "17:34"),
    Row("model", "{instrument: two,", "{instrument: two, simulate: {model: na-haf},", "18:43"),
    Row("unknown-key", "{instrument: two,", "{instrument: two, simulate: {port: 1},", "18:36"),
    Row("same-terminals", "{instrument: two,", "{instrument: smu, channel: 1,", "18:3"),
    Row(
        "auxiliary-name",
        "USB0::INSTR}\nauxiliaries:\n",
        "USB0::INSTR}\n  kiln: {driver: espec, resource: sim}\nauxiliaries:\n"
        "  t-A1: {instrument: kiln}\n",
        "16:3",
    ),
    Row("no-auxiliary", "{instrument: oven}", "{instrument: smu}", "15:25"),
    Row("no-such-instrument", "{instrument: oven}", "{instrument: ofen}", "15:25"),
    Row("unknown-key", "{instrument: oven}", "{instrument: oven, chanel: 1}", "15:31"),
    Row("missing-key", "{instrument: oven}", "{instrument: oven}\n  t: {channel: 2}", "16:6"),
    Row("channel", "{instrument: oven}", "{instrument: oven, channel: 0}", "15:40"),
    Row(
        "same-auxiliary",
        "{instrument: oven}",
        "{instrument: oven}\n  air: {instrument: oven}",
        "16:3",
    ),
    Row("no-such-auxiliary", "temperature: chamber", "temperature: chambre", "18:38"),
    Row("holds-no-cell", "{instrument: two,", "{instrument: oven,", "18:20"),
    Row(
        "cell-of-auxiliary",
        "driver: espec,",
        "driver: espec, simulate: {model: na-half},",
        "13:36",
    ),
    Row(
        "choice",
        "espec, resource: ASRL/dev/ttyUSB0::INSTR}\nauxiliaries:\n  chamber: {instrument: oven}",
        "daq6510, sensor: X, resource: sim}\nauxiliaries:\n  "
        "chamber: {instrument: oven, channel: 101}",
        "13:35",
    ),
    Row("refused", "smu, channel: 1", "smu, channel: 2", "17:34"),
    Row(
        "refused",
        "smu, channel: 1}",
        "smu, channel: 1}\n  A3: {instrument: two, channel: 2}",
        "18:34",
    ),
    Row("refused", 'serial: "1"', "nplc: 400", "11:11"),
    Row("refused", "{instrument: oven}", "{instrument: oven, channel: 2}", "15:40"),
    Row("refused", "driver: espec,", "driver: espec, gap_s: 9,", "13:32"),
    Row("refused", "driver: espec,", "driver: daq6510,", "15:12"),
    Row("number", "driver: espec,", "driver: espec, every_s: often,", "13:34"),
    Row("unknown-key", "seed: 1", "instrument: {modle: 2450}", "8:92"),
    Row("unknown-key", "seed: 1", "instrument: {seed: 2}", "8:92"),
    Row("type", "seed: 1", "instrument: 2450", "8:91"),
    Row("number", "seed: 1", "instrument: {line_hz: 60 Hz}", "8:101"),
    Row("number", "seed: 1", "instrument: {baud: 9600.5}", "8:98"),
    Row("choice", "seed: 1", "instrument: {language: TPS}", "8:102"),
    Row(
        "said-twice",
        "ce: 0.9}, seed: 1",
        "set_deviation: 0.1}, instrument: {set_deviation: 0}",
        "8:103",
    ),
    Row("unknown-key", "seed: 1", "faults: {dorp: 0.1}", "8:88"),
    Row("unknown-key", "seed: 1", "faults: {drop: {part: 0.1, seconds: 2}}", "8:106"),
    Row("type", "seed: 1", "faults: 0.1", "8:87"),
    Row("fault", "seed: 1", "faults: {drop: 1.5}", "8:94"),
    Row("fault", "seed: 1", "faults: {drop: -0.1}", "8:94"),
    Row("fault", "seed: 1", "faults: {drop: often}", "8:94"),
    Row("fault", "seed: 1", "faults: {drop: [0.1]}", "8:94"),
    Row("fault", "seed: 1", "faults: {drop: {times: 2}}", "8:94"),
    Row("fault", "seed: 1", "faults: {drop: {part: 2}}", "8:101"),
    Row("fault", "seed: 1", "faults: {hang: {after: 1 h, seconds: -1}}", "8:116"),
    Row("fault", "seed: 1", "faults: {hang: {after: -1 h}}", "8:102"),
    Row("unit-missing", "seed: 1", "faults: {hang: {after: 3600}}", "8:102"),
    Row("dimension", "seed: 1", "faults: {hang: {after: 2 V}}", "8:102"),
    Row("times", "seed: 1", "faults: {hang: {after: 1 h, times: 0}}", "8:114"),
    Row("url", "mqtt://localhost", "http://localhost", "3:13"),
    Row("url", "mqtt://localhost", "mqtt://localhost/topic", "3:13"),
    Row("url", "mqtt://localhost", "mqtt://localhost:99999", "3:13"),
    Row("url-secret", "mqtt://localhost", '"mqtt://u:p@localhost"', "3:13"),
    Row("secret", "{env: P}", "hunter2", "3:54"),
    Row("secret-source", "{env: P}", "{env: P, file: f}", "3:54"),
    Row("username", "username: u, ", "", "3:31"),
    Row("prefix", "prefix: lab", "prefix: lab/#", "3:72"),
    Row("prefix", "prefix: lab", "prefix: lab//x", "3:72"),
    Row(
        "shares",
        "{model: na-half, serve: tcp, port: 5025, parameters: {ce: 0.9}, seed: 1}",
        "{shares: three}",
        "8:24",
    ),
    Row("shared-terminal", "::24::INSTR\n", "::24::INSTR\n    simulate: {shares: smu}\n", "13:24"),
    Row(
        "shared-cell",
        "::24::INSTR\n",
        "::24::INSTR\n    simulate: {terminal: supply, shares: smu, cell: na-cu-half}\n",
        "13:47",
    ),
]
RULES = sorted({row.rule for row in TABLE})


def test_the_bench_that_is_changed_is_good() -> None:
    assert parse_bench(GOOD, "b.yaml").name == "b"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.rule} {row.new.strip()[:24]}")
def test_refused_at_its_place_by_its_rule(row: Row) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_bench(row.text(), "b.yaml")
    told = [(problem.rule, str(problem.where)) for problem in caught.value.problems]
    assert told == [(row.rule, f"b.yaml:{row.place}")]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_exactly_its_rows_are_accepted(rule: str) -> None:
    accepted = []
    for row in TABLE:
        try:
            parse_bench(row.text(), "b.yaml", Problems(frozenset({rule})))
        except ProtocolError:
            continue
        accepted.append(row)
    assert accepted == [row for row in TABLE if row.rule == rule]
