"""The embedded broker serves this host, and others only with a password."""

import socket
from pathlib import Path

import pytest
from helpers import journals
from helpers.brokers import Embedded, free_port

from labctl import broker, mqtt


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.168.1.20", "example.org", ""])
async def test_it_refuses_the_network_without_passwords(bind: str) -> None:
    with pytest.raises(broker.BrokerRefused, match="password file"):
        async with broker.running(free_port(), bind):
            pytest.fail("it listens")


@pytest.mark.parametrize(
    ("bind", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("localhost.x", False),
    ],
)
def test_loopback_is_known(bind: str, is_local: bool) -> None:
    assert broker.is_loopback(bind) is is_local


async def test_a_port_in_use_is_said() -> None:
    with socket.socket() as taken:
        taken.bind((broker.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(broker.BrokerRefused, match=str(port)):
            async with broker.running(port):
                pytest.fail("it listens")


def test_passwords_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pwdlib import PasswordHash

    users = tmp_path / "users"
    users.write_text(f"bench3:{PasswordHash.recommended().hash('s3cret')}\n")
    server = Embedded(users)
    server.start()
    try:
        folder = journals.finished(tmp_path / "run", cycles=1)
        url = f"mqtt://bench3@127.0.0.1:{server.port}"
        monkeypatch.setenv("LABCTL_MQTT_PASSWORD", "wrong")
        assert not mqtt.publish_rest(mqtt.parse_url(url), folder, 3.0).finished
        monkeypatch.setenv("LABCTL_MQTT_PASSWORD", "s3cret")
        assert mqtt.publish_rest(mqtt.parse_url(url), folder, 30.0).finished
    finally:
        server.stop()
