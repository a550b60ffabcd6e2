"""Every command and message of instruments.md §5, and what the simulated Rodeostat makes of it.

`python examples/rodeostat/tests/rodeostat_rows.py` writes examples/rodeostat/simulator.md from
what the simulator does; a test checks each row against what is written here by hand, and the page.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from labctl_rodeostat.simulator import Rodeostat
from labctl_simulators.cells.plain import Resistor
from labctl_simulators.terminals import Terminals

PAGE = Path(__file__).parents[1] / "simulator.md"


class Row(NamedTuple):
    """A request, as an object or as it stands on the wire, and what its reply must hold.

    `expected`: fields of the response, or the message of a refusal. `before`: requests before it.
    """

    request: Mapping[str, Any] | str
    expected: Mapping[str, Any] | str
    before: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = {}


def say(command: str, **arguments: Any) -> dict[str, Any]:
    """A request."""
    return {"command": command, **arguments}


def both(name: str, key: str, value: object, **options: Any) -> list[Row]:
    """A setting that is written, and read back."""
    wanted = say(f"set{name}", **{key: value})
    shown = {key: value}
    return [Row(wanted, shown, (), options), Row(say(f"get{name}"), shown, (wanted,), options)]


MUX = {"mux": True}
MUX_ON = say("setMuxEnabled", muxEnabled=True)
CHANNELS = say("setEnabledMuxChannels", muxChannel=[1, 3])
TESTS = ["cyclic", "sinusoid", "constant", "squareWave", "linearSweep", "chronoamp", "multiStep",
         "differentialPulse"]  # fmt: skip
PARAMETERS: dict[str, dict[str, Any]] = {
    "cyclic": {"quietValue": 0.1, "quietTime": 5, "amplitude": 0.2, "offset": 0.0, "period": 100,
               "numCycles": 2, "shift": 0.25},
    "sinusoid": {"quietValue": 0.1, "quietTime": 5, "amplitude": 0.2, "offset": 0.0, "period": 100,
                 "numCycles": 2, "shift": 0.25},
    "constant": {"quietValue": 0.1, "quietTime": 5, "value": 0.3, "duration": 200},
    "linearSweep": {"quietValue": 0.1, "quietTime": 5, "startValue": 0.0, "finalValue": 0.5,
                    "duration": 200},
    "squareWave": {"quietValue": 0.1, "quietTime": 5, "amplitude": 0.02, "startValue": 0.0,
                   "finalValue": 0.5, "stepValue": 0.1, "window": 0.5},
    "chronoamp": {"quietValue": 0.1, "quietTime": 5, "step": [[100, 0.1], [100, -0.1]]},
    "multiStep": {"quietValue": 0.1, "quietTime": 5, "step": [[100, 0.1], [50, 0.2], [50, 0.0]]},
    "differentialPulse": {"quietValue": 0.1, "quietTime": 5, "amplitude": 0.02, "startValue": 0.0,
                          "finalValue": 0.5, "stepValue": 0.1, "window": 0.5},
}  # fmt: skip
DONE_MS = {"squareWave": 55, "differentialPulse": 65}
"""Done after quietTime + 200 ms, but pulses: 5 of 10 ms; and (0.5 / 0.1) + 1 of them."""

SECTIONS: dict[str, list[Row]] = {
    "Identity": [
        Row(say("getVersion"), {"version": "FW0.1.0"}),
        Row(say("getVariant"), {"variant": "10V_microAmpV0.2"}, (), {"model": "10V_microAmpV0.2"}),
        Row(say("getHardwareVersion"), {"version": "V0.2"}),
        *both("DeviceId", "deviceId", 12),
        Row(say("setDeviceId", deviceId=-1), "deviceId not uint32"),
    ],
    "Output and readings": [
        Row(say("getVolt"), {"v": -0.000244}),
        Row(say("setVolt", v=0.5), {"v": 0.499878}),
        Row(say("setVolt", v=1), {"v": 1.0}),
        Row(say("setVolt"), "json does not contain key: v"),
        Row(say("setVolt", v="1"), "unable to convert volt to float"),
        Row(say("getCurr"), {"i": 0.0}),
        Row(say("getRefVolt"), {"r": 0.0}),
    ],
    "Ranges and sampling": [
        *(row for name in ("1V", "2V", "5V", "10V")
          for row in both("VoltRange", "voltRange", name)),
        *(row for name in ("4V", "8V")
          for row in both("VoltRange", "voltRange", name, model="8V_microAmpV0.2")),
        Row(say("setVoltRange", voltRange="3V"), "voltRange, 3V, not found"),
        *both("RefElectVoltRange", "voltRange", "2V"),
        *(row for name in ("10uA", "100uA", "1000uA", "10000uA")
          for row in both("CurrRange", "currRange", name)),
        *(row for name in ("1uA", "10uA", "60nA", "100nA")
          for row in both("CurrRange", "currRange", name, model="10V_nanoAmpV0.2")),
        *(row for name in ("1uA", "10uA", "100uA", "1000uA")
          for row in both("CurrRange", "currRange", name, model="10V_microAmpV0.2")),
        *(row for name in ("100uA", "1000uA", "12000uA", "24000uA")
          for row in both("CurrRange", "currRange", name, model="10V_24MilliAmpV0.2")),
        Row(say("setCurrRange", currRange="1A"), "currRange, 1A, not found"),
        Row(say("getSamplePeriod"), {"samplePeriod": 10}),
        *both("SamplePeriod", "samplePeriod", 1),
        *both("SamplePeriod", "samplePeriod", 1000),
        Row(say("setSamplePeriod", samplePeriod=1001), "json samplePeriod value is too large"),
        Row(say("setSamplePeriod", samplePeriod=0), "json samplePeriod value is too small"),
    ],
    "Tests": [
        Row(say("getTestNames"), {"testNames": TESTS}),
        *(Row(say("setParam", test=name, param=PARAMETERS[name]),
              {"test": name, "param": PARAMETERS[name]}) for name in TESTS),
        *(Row(say("getParam", test=name), {"test": name, "param": PARAMETERS[name]},
              (say("setParam", test=name, param=PARAMETERS[name]),)) for name in TESTS),
        *(Row(say("getTestDoneTime", test=name),
              {"test": name, "testDoneTime": DONE_MS.get(name, 205)},
              (say("setParam", test=name, param=PARAMETERS[name]),)) for name in TESTS),
        *(Row(say("runTest", test=name), {"test": name}) for name in TESTS),
        Row(say("stopTest"), {}),
        Row(say("runTest", test="x"), "test not found"),
        Row(say("runTest"), "json does not contain key: test"),
        Row(say("setParam", test="cyclic"), "key param missing"),
        Row(say("setParam", test="cyclic", param=1), "param not JsonObject"),
        Row(say("setParam", test="multiStep", param={"step": [[1, 0.0]] * 51}),
            "step array too large"),
    ],
    "Electrode switch": [
        *(row for name in ("Ref", "Ctr", "Wrk", "All")
          for row in both(f"{name}ElectConnected", "connected", True)),
        *both("ElectAutoConnect", "autoConnect", False),
        Row(say("getAllElectConnected"), "command, getAllElectConnected, not found", (),
            {"model": "10V_microAmpV0.1"}),
    ],
    "Multiplexer": [
        Row(MUX_ON, "multiplexer hardware not supported"),
        *both("MuxEnabled", "muxEnabled", True, **MUX),
        *both("EnabledMuxChannels", "muxChannel", [1, 3], **MUX),
        Row(say("getMuxTestNames"),
            {"testNames": [n for n in TESTS if n not in ("squareWave", "differentialPulse")]},
            (), MUX),
        *(Row(say(f"setMux{name}ElectConnected", connected=True), {"connected": True},
              (MUX_ON,), MUX) for name in ("Ref", "Ctr")),
        *(Row(say(f"getMux{name}ElectConnected"), {"connected": False}, (MUX_ON,), MUX)
          for name in ("Ref", "Ctr", "Wrk")),
        Row(say("setMuxWrkElectConnected", connected=3), {"connected": 3}, (MUX_ON, CHANNELS), MUX),
        Row(say("disconnectAllMuxElect"), {}, (MUX_ON,), MUX),
        Row(say("runTest", test="squareWave"), "test, squareWave, is not mux compatible",
            (MUX_ON, CHANNELS), MUX),
    ],
    "What is no command": [
        Row("*IDN?", "unable to parse json"),
        Row(say("foo"), "command, foo, not found"),
        Row({"v": 1}, "CommandTable: command not found"),
    ],
}  # fmt: skip


def rows() -> Iterator[Row]:
    """All of them."""
    for group in SECTIONS.values():
        yield from group


def shown(request: Mapping[str, Any] | str) -> str:
    """A request as it stands on the wire."""
    return request if isinstance(request, str) else json.dumps(request, separators=(",", ":"))


def outcome(row: Row) -> dict[str, Any]:
    """The reply."""
    options = {"instrument_error": 0.0, "seed": 1, **row.options}
    device = Rodeostat(Terminals(Resistor(1000.0)), **options)
    for request in row.before:
        assert b'"success":true' in device.feed(shown(request).encode() + b"\n", 0.0)[0][1]
    replies = device.feed(shown(row.request).encode() + b"\n", 1.0)
    found: dict[str, Any] = json.loads(replies[0][1])
    return found


def matches(row: Row, came: Mapping[str, Any]) -> bool:
    """Whether what came is what must come; a current to two steps of its converter."""
    if isinstance(row.expected, str):
        return came["success"] is False and came["message"] == row.expected
    response = dict(came["response"])
    assert isinstance(row.request, Mapping)
    if "i" in row.expected:
        assert abs(response["i"]) < 2 * 2000.0 / 65535
        response["i"] = row.expected["i"]
    return came["success"] is True and response == {
        "command": row.request["command"], **row.expected
    }  # fmt: skip


HEAD = """# Rodeostat: what the simulator does

Generated by `python examples/rodeostat/tests/rodeostat_rows.py`; not to be edited. Each row is sent
to a fresh instrument (variant 10V_10MilliAmpV0.2 unless it says otherwise) on a resistor of 1 kΩ.
"""


def page() -> str:
    """The page, from what the simulator does."""
    parts = [HEAD]
    for title, group in SECTIONS.items():
        parts.append(f"\n## {title}\n\n| request | after | outcome |\n|---|---|---|\n")
        for row in group:
            came = outcome(row)
            before = "; ".join(f"`{_short(shown(each))}`" for each in row.before)
            options = "".join(f" ({n}={v!r})" for n, v in row.options.items())
            said = f"refused: `{came.get('message')}`"
            if came["success"]:
                answer = dict(row.expected) if isinstance(row.expected, Mapping) else {}
                said = f"implemented: `{_short(shown(answer))}`"
            parts.append(f"| `{_short(shown(row.request))}` | {before}{options} | {said} |\n")
    return "".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:150]}…"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
