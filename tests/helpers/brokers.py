"""Brokers and a subscriber for tests, on real sockets."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from labctl import broker

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def wait_for_listener(port: int) -> None:
    """Return when somebody listens; pytest's timeout ends a vain wait."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        threading.Event().wait(0.02)


class Mosquitto:
    """A real Mosquitto; `start` and `stop` as often as wanted."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.port = free_port()
        folder.mkdir(exist_ok=True)
        # Started by root it would become the user mosquitto, who may not write here.
        user = ["user root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        lines = [f"listener {self.port} {LOOPBACK}", *user, *settings]
        if not any(line.startswith("allow_anonymous") for line in lines):
            lines.append("allow_anonymous true")
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = subprocess.Popen(
            [program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_listener(self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)


class Embedded:
    """labctl's own broker in a thread of its own."""

    def __init__(self, password_file: Path | None = None) -> None:
        self.port = free_port()
        self._password_file = password_file
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], None] = lambda: None

    def start(self) -> None:
        ready = threading.Event()

        async def main() -> None:
            over = asyncio.Event()
            loop = asyncio.get_running_loop()
            self._stop = lambda: loop.call_soon_threadsafe(over.set)  # type: ignore[assignment]
            async with broker.running(self.port, password_file=self._password_file):
                ready.set()
                await over.wait()

        self._thread = threading.Thread(target=lambda: asyncio.run(main()))
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        if self._thread is not None:
            self._stop()
            self._thread.join()
            self._thread = None


@dataclass
class Message:
    topic: str
    data: dict[str, object]
    retained: bool


@dataclass
class Subscriber:
    """Collects everything under a filter, in order of arrival."""

    port: int
    identifier: str = ""
    persistent: bool = False
    messages: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.identifier,
            protocol=paho.MQTTv5 if self.persistent else paho.MQTTv311,
        )
        self._client.on_message = self._on_message
        self._client.on_connect = lambda *_: self._client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.reconnect_delay_set(1, 1)
        options: dict[str, object] = {}
        if self.persistent:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 3600
            options = {"clean_start": False, "properties": properties}
        self._client.connect(LOOPBACK, self.port, **options)  # type: ignore[arg-type]
        self._client.loop_start()
        self._subscribed.wait()

    def _on_message(self, client: object, userdata: object, message: paho.MQTTMessage) -> None:
        if message.topic.startswith("$SYS"):
            return
        data = json.loads(message.payload)
        with self._changed:
            self.messages.append(Message(message.topic, data, bool(message.retain)))
            self._changed.notify_all()

    def wait_until(self, holds: Callable[["Subscriber"], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: holds(self))

    def of(self, leaf: str) -> list[dict[str, object]]:
        return [m.data for m in list(self.messages) if m.topic.rsplit("/", 1)[1] == leaf]

    def newest(self, leaf: str) -> dict[str, object] | None:
        found = self.of(leaf)
        return found[-1] if found else None

    def readings(self) -> list[int]:
        """The numbers of all readings as they came."""
        return [row["seq"] for data in self.of("readings") for row in data["readings"]]  # type: ignore[attr-defined, index]

    def events(self) -> list[int]:
        return [data["seq"] for data in self.of("events")]  # type: ignore[misc]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def first_times(numbers: list[int]) -> list[int]:
    """The numbers without their repetitions: at least once, in order, means 1, 2, 3, …"""
    return list(dict.fromkeys(numbers))
