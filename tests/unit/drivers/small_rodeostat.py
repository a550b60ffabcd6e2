"""A Rodeostat of a few lines: the settings, a resistive cell, and whatever a test makes it say."""

import json
from collections.abc import Callable
from typing import Any

EMF_V, OHMS = 0.3, 1000.0
RANGES_V = {"1V": 1.0, "2V": 2.0, "5V": 5.0, "10V": 10.0}
Reply = tuple[float, bytes]


class SmallRodeostat:
    """`commands` are the names as they came; `presented` is every voltage that drove the cell."""

    def __init__(self) -> None:
        self.variant = "10V_microAmpV0.2"
        self.connected = {"Ref": False, "Ctr": False, "Wrk": False}
        self.volt_range, self.fraction = "1V", 0.0
        self.curr_range = "10uA"
        self.commands: list[dict[str, Any]] = []
        self.presented: list[float] = []
        self.beside: Callable[[str, list[Reply]], list[Reply]] = lambda _command, replies: replies

    @property
    def set_V(self) -> float:
        return self.fraction * RANGES_V[self.volt_range]

    def cell_V(self) -> float:
        return self.set_V if self.connected["Ctr"] else EMF_V

    def feed(self, data: bytes, now: float) -> list[Reply]:
        """Whole lines in, one reply for each."""
        replies = []
        for line in data.split(b"\n"):
            if not line:
                continue
            message = json.loads(line)
            self.commands.append(message)
            command = message["command"]
            said = {"command": command, **self.said(command, message)}
            if self.connected["Ctr"]:
                self.presented.append(self.set_V)
            reply = json.dumps({"success": True, "response": said}).encode() + b"\r\n"
            replies += self.beside(command, [(now + 1e-3, reply)])
        return replies

    def said(self, command: str, message: dict[str, Any]) -> dict[str, Any]:
        fixed = {
            "getVersion": {"version": "FW0.1.0"},
            "getVariant": {"variant": self.variant},
            "getDeviceId": {"deviceId": 7},
            "getRefVolt": {"r": self.cell_V()},
            "getCurr": {"i": (self.cell_V() - EMF_V) / OHMS * 1e6},
            "getVolt": {"v": self.set_V},
            "setRefElectVoltRange": {"voltRange": message.get("voltRange")},
            "stopTest": {},
        }
        if command in fixed:
            return fixed[command]
        if command == "setVolt":
            full = RANGES_V[self.volt_range]
            steps = round(message["v"] / full * 2047)
            self.fraction = max(-1.0, min(1.0, steps / 2047))
            return {"v": self.set_V}
        if command.endswith("ElectConnected"):
            return {"connected": self.switch(command, message)}
        key = {"setVoltRange": "volt_range", "setCurrRange": "curr_range"}[command]
        name = "voltRange" if key == "volt_range" else "currRange"
        setattr(self, key, message[name])
        return {name: message[name]}

    def switch(self, command: str, message: dict[str, Any]) -> bool:
        which = command[3:].removesuffix("ElectConnected")
        if command.startswith("set"):
            for electrode in self.connected if which == "All" else (which,):
                self.connected[electrode] = message["connected"]
        return all(self.connected.values()) if which == "All" else self.connected[which]
