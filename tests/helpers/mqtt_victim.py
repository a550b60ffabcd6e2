"""A program that writes a journal and follows it over MQTT, until it is killed."""

import sys
import threading
from pathlib import Path

from helpers import journals
from labctl import mqtt


def main(folder: Path, port: int) -> None:
    target = journals.create(folder)
    mqtt.start(mqtt.parse_url(f"mqtt://127.0.0.1:{port}"), target)
    for rows, events in journals.units(1):
        target.write(rows, [event for event in events if event.kind not in ("output", "run_ended")])
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
