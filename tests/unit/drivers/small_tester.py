"""A tester of a few lines behind both ports, with one resistive cell per channel.

It takes and gives what instruments.md §7.2 says, keeps every request with its time, and does
whatever a test tells it to through `answer`.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

EMF_V, OHMS = 0.3, 100.0
Reply = tuple[float, bytes]


class SmallChannel:
    """What one channel was told last, and the safety limits that it has."""

    def __init__(self) -> None:
        self.stat = 0
        self.emf_V = EMF_V
        self.mode, self.current_A, self.voltage_V = "R", 0.0, 0.0
        self.limits: dict[str, float] = {}
        self.direct_s = float("-inf")

    def flowing_A(self) -> float:
        """By Ohm's law: the current that is set, or less where the voltage stops it."""
        if self.stat != 2 or self.mode == "R":
            return 0.0
        to_stop = (self.voltage_V - self.emf_V) / OHMS
        if self.mode == "C":
            return max(0.0, min(self.current_A, to_stop))
        return min(0.0, max(-self.current_A, to_stop))


class SmallTester:
    """`requests` are (time, function, channel, params) as they came; `packets` as bytes."""

    def __init__(self, channels: int = 8) -> None:
        self.channels = [SmallChannel() for _ in range(channels)]
        self.requests: list[tuple[float, tuple[int, int], int | None, dict[str, Any]]] = []
        self.packets: list[tuple[float, bytes]] = []
        self.answer: Callable[[dict[str, Any], list[Reply]], list[Reply]] = lambda _r, reply: reply
        self.binary = SmallBinary(self)
        self.first_packet_channel = 0

    def feed(self, data: bytes, now: float) -> list[Reply]:
        """One JSON request."""
        if not data:
            return []
        message = json.loads(data)
        params = message["params"]
        function = params["FClass"], params["FNum"]
        self.requests.append((now, function, params.get("Chan"), params))
        result = {key: params[key] for key in ("FClass", "FNum", "Chan") if key in params}
        result |= self.result(function, params, now)
        reply = {"jsonrpc": "2.0", "result": result, "id": message["id"]}
        return self.answer(message, [(now + 2e-3, json.dumps(reply).encode() + b"\r\n")])

    def result(self, function: tuple[int, int], params: dict[str, Any], now: float) -> Any:
        if function == (1, 1):
            version = {"Major": 3, "Minor": 2, "Build": 18}
            return {f"MacTest32EXEversion{part}": number for part, number in version.items()}
        if function == (1, 2):
            return {"SystemID": "Cell 7", "SystemType": 0, "TestChannels": len(self.channels)}
        channel = self.channels[params["Chan"]]
        if function == (4, 7):
            current = channel.flowing_A()
            return {
                "Stat": channel.stat,
                "Current": current,
                "Voltage": channel.emf_V + OHMS * current,
            }
        if function == (6, 10):
            channel.limits = {key: params[key] for key in params if "Safe" in key}
            return channel.limits
        if function == (6, 5):
            channel.stat = 0
            return {"Result": "OK"}
        return {"Result": self.direct(channel, params, now, starts=function == (6, 7))}

    def direct(self, channel: SmallChannel, params: Any, now: float, *, starts: bool) -> str:
        if now - channel.direct_s < 0.1:
            return "3"
        if not starts and channel.stat != 2:
            return "2"
        channel.direct_s = now
        channel.stat = 2
        channel.mode = params["ChMode"]
        channel.current_A, channel.voltage_V = params["Current"], params["Voltage"]
        return "OK"

    def of(self, function: tuple[int, int], channel: int = 0) -> list[tuple[float, dict[str, Any]]]:
        """When a channel's function was asked for, and with what."""
        return [(t, p) for t, f, c, p in self.requests if f == function and c == channel]


class SmallBinary:
    """The second port: nothing but rest."""

    def __init__(self, tester: SmallTester) -> None:
        self.tester = tester

    def feed(self, data: bytes, now: float) -> list[Reply]:
        """One packet; its header comes back with a result of one byte."""
        if not data:
            return []
        self.tester.packets.append((now, data))
        fclass, fnum, place, _, amps, volts, _, _, _, mode = struct.unpack("<HHHHffffBB", data)
        channel = self.tester.channels[place - self.tester.first_packet_channel]
        params = {"ChMode": chr(mode), "Current": amps, "Voltage": volts}
        said = self.tester.direct(channel, params, now, starts=False)
        code = 0 if said == "OK" else int(said)
        return [(now + 2e-3, struct.pack("<HHHHB", fclass, fnum, place, 1, code))]
