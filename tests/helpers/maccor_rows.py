"""Every message and code of instruments.md §7.2, and what the simulated Maccor makes of it.

`python tests/helpers/maccor_rows.py` writes docs/simulators/maccor.md from what the simulator
does; a test checks each row against what is written here by hand, and the page.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from labctl_simulators.cells.plain import Resistor
from labctl_simulators.firmware.maccor import Maccor
from labctl_simulators.terminals import Terminals

PAGE = Path(__file__).parents[2] / "docs/simulators/maccor.md"
OHM = 1000.0
OUT = {"Current": 0.001, "Voltage": 2.0, "Power": 65536, "Resistance": 0, "CurrentRange": 2}
CHARGE = {"Chan": 0, **OUT, "ChMode": "C"}
START = {**CHARGE, "Current": 0, "TestName": "Random", "DataTime": 1, "DataV": 0, "DataI": 0}
SAFE = {"VSafeMax": 4.5, "VSafeMin": -1, "ISafeChg": 1, "ISafeDis": 1,
        "PBatSafeChg": 25, "PBatSafeDis": 25}  # fmt: skip
PROCEDURE = {"Chan": 0, "TestName": "T1", "ProcName": "SIM-REST", "Comment": "", "Crate": 1}
OK = {"Result": "OK"}


class Message(NamedTuple):
    """A message at a time (s), on the JSON port or, as (Chan, length, body), on the binary one."""

    at: float
    function: tuple[int, int]
    params: Mapping[str, Any] | None = None
    packet: tuple[int, bytes] | None = None

    def shown(self) -> str:
        """As the page shows it."""
        name = ",".join(map(str, self.function))
        if self.packet is None:
            return f"{name} {json.dumps(self.params)}"
        return f"packet {name}, Chan {self.packet[0]}, {self.packet[1].hex(' ')}"


class Row(NamedTuple):
    """What is sent before it, the message, and what its reply must hold.

    `expected`: fields of the result; a number is the code of a JSON-RPC error or of a packet.
    """

    purpose: str
    message: Message
    expected: Mapping[str, Any] | int
    before: tuple[Message, ...] = ()
    options: Mapping[str, Any] = {}


def say(f_class: int, f_num: int, at: float = 0.0, **params: Any) -> Message:
    """A message on the JSON port."""
    return Message(at, (f_class, f_num), params)


def packet(mode: bytes, at: float, chan: int = 0, amps: float = 0.001, span: int = 2) -> Message:
    """A packet 6,8 as the reference gives it."""
    body = struct.pack("<ffffB", amps, 2.0, 65536.0, 0.0, span) + mode
    return Message(at, (6, 8), packet=(chan, body))


STARTED = (say(6, 7, **START),)
RUNNING = (*STARTED, say(6, 8, 1.0, **CHARGE))


def status(at: float) -> Message:
    """4,7 of the first channel."""
    return say(4, 7, at, Chan=0)


SECTIONS: dict[str, list[Row]] = {
    "System": [
        Row("system info", say(1, 1), {"FClass": 1, "FNum": 1, "APIVersion": 1}),
        Row("general info", say(1, 2), {"SystemID": "77", "TestChannels": 4, "AuxChannels": 4}),
    ],
    "Readings": [
        Row("status of many", say(4, 1, Chan=1, Len=3), {"Chan": 1, "Len": 3}),
        Row("all, as pymacnet asks", say(4, 1, Chan=-1, Len=4), {"Chan": -1, "Len": 4}),
        Row("more than 128", say(4, 1, Chan=0, Len=129), -32602),
        Row("more than there are", say(4, 1, Chan=0, Len=5), -32602),
        Row("voltages", say(4, 2, 2.0, Chan=0, Len=1), {"Voltage": [1.0]}, RUNNING),
        Row("currents", say(4, 3, 2.0, Chan=0, Len=1), {"Current": [0.001]}, RUNNING),
        Row("auxiliaries", say(4, 4, Chan=0), {"Chan": 0, "Len": 1, "AuxValues": [25.0]}),
        Row("full status", say(4, 7, Chan=0), {"Chan": 0, "Stat": 0, "Current": 0.0}),
        Row("no such channel", say(4, 7, Chan=4), -32602),
        Row("no channel", say(4, 7), -32602),
    ],
    "States": [
        Row("0 Available", status(0.0), {"Stat": 0}),
        Row("12 Starting", status(0.1), {"Stat": 12}, STARTED),
        Row("2 Active", status(2.0), {"Stat": 2, "RF1": 1, "Step": 2}, RUNNING),
        Row("3 Suspended, watchdog", status(40.0), {"Stat": 3, "RF2": 192}, RUNNING),
        Row(
            "3 Suspended, safety",
            status(2.0),
            {"Stat": 3, "RF2": 197, "Current": 0.0},
            (say(6, 10, Chan=0, **SAFE | {"VSafeMax": 0.9}), *RUNNING),
        ),
        Row("4 Completed", status(3601.0), {"Stat": 4, "RF2": 193}, (say(6, 2, **PROCEDURE),)),
    ],
    "Procedures": [
        Row("start", say(6, 2, **PROCEDURE), OK),
        Row("start a cycle", say(6, 2, **PROCEDURE | {"ProcName": "SIM-CYCLE"}), OK),
        Row(
            "unknown procedure",
            say(6, 2, **PROCEDURE | {"ProcName": "MINE"}),
            {"Result": "Procedure not found: MINE"},
        ),
        Row("name of 26 characters", say(6, 2, **PROCEDURE | {"TestName": "x" * 26}), -32602),
        Row("comment of 81", say(6, 2, **PROCEDURE | {"Comment": "x" * 81}), -32602),
        Row(
            "name that exists",
            say(6, 2, 1.0, **PROCEDURE | {"Chan": 1}),
            {"Result": "Test name exists: T1"},
            (say(6, 2, **PROCEDURE),),
        ),
        Row(
            "not available",
            say(6, 2, 1.0, **PROCEDURE),
            {"Result": "The channel is not available"},
            STARTED,
        ),
    ],
    "Reset, variables, safety limits": [
        Row("reset", say(6, 5, 2.0, Chan=0), OK, RUNNING),
        Row("is available then", status(3.0), {"Stat": 0}, (*RUNNING, say(6, 5, 2.0, Chan=0))),
        Row("variable", say(6, 9, Chan=0, VarNum=16, Value=2.5), OK),
        Row("variable 17", say(6, 9, Chan=0, VarNum=17, Value=2.5), -32602),
        Row("safety limits", say(6, 10, Chan=0, **SAFE), SAFE),
        Row("without one of them", say(6, 10, Chan=0, VSafeMax=4.5), -32602),
    ],
    "Direct mode": [
        Row("start", say(6, 7, **START), OK),
        Row("start without a name", say(6, 7, **CHARGE), OK),
        Row("set", say(6, 8, 1.0, **CHARGE), OK, STARTED),
        Row(
            "a limit out of range is none",
            status(2.0),
            {"Current": 0.001, "Voltage": 1.0},
            (*STARTED, say(6, 8, 1.0, **CHARGE | {"Voltage": 65536})),
        ),
        Row("discharge", say(6, 8, 1.0, **CHARGE | {"ChMode": "D"}), OK, STARTED),
        Row(
            "mode as a number",
            say(6, 8, 1.0, **CHARGE | {"ChMode": 67}),
            OK,
            STARTED,
        ),
        Row(
            "rest",
            say(6, 8, 1.0, **CHARGE | {"ChMode": "R"}),
            {"Result": "Rest cannot be set by a JSON message"},
            STARTED,
        ),
        Row(
            "1 illegal system type",
            say(6, 8, **CHARGE),
            {"Result": "Illegal system type"},
            (),
            {"system_type": 1},
        ),
        Row("2 not active", say(6, 8, **CHARGE), {"Result": "The channel is not active"}),
        Row(
            "3 too fast",
            say(6, 8, 1.099, **CHARGE),
            {"Result": "Command sent too fast"},
            RUNNING,
        ),
        Row("after 100 ms", say(6, 8, 1.1, **CHARGE), OK, RUNNING),
        Row(
            "4 not in direct mode",
            say(6, 8, 1.0, **CHARGE),
            {"Result": "Direct mode is not active"},
            (say(6, 2, **PROCEDURE),),
        ),
        Row(
            "5 not ready",
            say(6, 8, 0.1, **CHARGE),
            {"Result": "Direct mode is not ready yet"},
            STARTED,
        ),
        Row("the number for the text", say(6, 8, **CHARGE), {"Result": "2"}, (),
            {"results": "number"}),
        Row("range 5", say(6, 8, 1.0, **CHARGE | {"CurrentRange": 5}), -32602, STARTED),
        Row("mode X", say(6, 8, 1.0, **CHARGE | {"ChMode": "X"}), -32602, STARTED),
    ],
    "Packets": [
        Row("rest", packet(b"R", 2.0), 0, RUNNING),
        Row(
            "rests then",
            status(3.0),
            {"RF1": 4, "Current": 0.0},
            (*RUNNING, packet(b"R", 2.0)),
        ),
        Row("charge", packet(b"C", 1.0), 0, STARTED),
        Row("channel 1 is 1", packet(b"R", 2.0, 1), 0, RUNNING, {"binary_channel_base": 1}),
        Row("2 not active", packet(b"R", 1.0), 2),
        Row("3 too fast", packet(b"R", 1.05), 3, RUNNING),
        Row("4 not in direct mode", packet(b"R", 1.0), 4, (say(6, 2, **PROCEDURE),)),
        Row("5 not ready", packet(b"R", 0.1), 5, STARTED),
        Row("1 illegal system type", packet(b"R", 1.0), 1, (), {"system_type": 1}),
        Row("no such channel", packet(b"R", 1.0, 4), 255),
        Row("another function", Message(0.0, (6, 5), packet=(0, b"")), 255),
        Row("a limit that is no number", packet(b"C", 1.0, amps=float("nan")), 255, STARTED),
    ],
    "Not in the reference": [
        Row("another function", say(4, 6, Chan=0), -32601),
        Row("another class", say(7, 1, Chan=0), -32601),
        Row("a function without number", say(4, None), -32602),  # type: ignore[arg-type]
    ],
}  # fmt: skip


def rows() -> Iterator[Row]:
    """All of them."""
    for group in SECTIONS.values():
        yield from group


def outcome(row: Row) -> Any:
    """What came: the result, or the code of a refusal."""
    cycler = Maccor(
        Terminals(Resistor(OHM)), channels=4, serial="77", instrument_error=0.0, **row.options
    )
    for message in row.before:
        send(cycler, message)
    return send(cycler, row.message)


def send(cycler: Maccor, message: Message) -> Any:
    """Send one message; gives the result, or the code of a refusal."""
    f_class, f_num = message.function
    if message.packet is not None:
        chan, body = message.packet
        header = struct.pack("<HHHH", f_class, f_num, chan, len(body))
        ((_, reply),) = cycler.binary.feed(header + body, message.at)
        assert reply[:6] == header[:6]
        return struct.unpack("<HH", reply[6:])[1]
    params = {"FClass": f_class, "FNum": f_num, **(message.params or {})}
    request = {"jsonrpc": "2.0", "method": "MacNet", "params": params, "id": 1987}
    ((_, reply),) = cycler.feed(json.dumps(request).encode(), message.at)
    assert reply.endswith(b"\r\n")
    answer = json.loads(reply)
    assert answer["id"] == 1987
    return answer["result"] if "result" in answer else answer["error"]["code"]


def matches(row: Row, came: Any) -> bool:
    """Whether what came is what must come; readings to a step of the converter."""
    if isinstance(row.expected, int) or isinstance(came, int):
        return bool(came == row.expected)
    return all(name in came and _same(came[name], value) for name, value in row.expected.items())


def _same(came: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return len(came) == len(expected) and all(map(_same, came, expected))
    if isinstance(expected, float):
        return abs(came - expected) <= 4 * (10.0 if abs(expected) > 0.1 else 10e-3) / 65536
    return bool(came == expected)


HEAD = """# Maccor (MacNet): what the simulator does

Generated by `python tests/helpers/maccor_rows.py`; not to be edited. Each row is sent to a fresh
cycler of four channels with a resistor of 1 kΩ on the first. "Implemented" with the fields that
the test checks, or how it was refused: `Result` as it stands in the reply, the code of a JSON-RPC
error, or the code in the reply to a packet. Garbage, split and joined messages:
tests/unit/simulators/test_maccor.py. The states 1, 5 to 8, 10, 11 and 13 to 16 of the reference do
not occur; 9 does after the mains have failed.
"""


def page() -> str:
    """The page, from what the simulator does."""
    parts = [HEAD]
    for title, group in SECTIONS.items():
        parts.append(f"\n## {title}\n\n| what | message | after | outcome |\n|---|---|---|---|\n")
        for row in group:
            came = outcome(row)
            before = "; ".join(f"{m.function[0]},{m.function[1]}" for m in row.before)
            options = "".join(f" ({n}={v!r})" for n, v in row.options.items())
            message = f"`{row.message.shown()}` at {row.message.at:g} s"
            parts.append(
                f"| {row.purpose} | {message} | {before}{options} | {_said(row, came)} |\n"
            )
    return "".join(parts)


def _said(row: Row, came: Any) -> str:
    if isinstance(came, int):
        return "implemented: 0" if came == 0 else f"refused, {came}"
    if came.get("Result", "OK") != "OK":
        return f"refused, `{came['Result']}`"
    assert not isinstance(row.expected, int)
    checked = {
        name: row.expected[name] for name in row.expected if _same(came[name], row.expected[name])
    }
    return f"implemented: `{json.dumps(checked)}`"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
