"""The MQTT follower against real brokers: all of it, in order, and never in the run's way."""

import gc
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest
from helpers import brokers, journals
from helpers.brokers import Embedded, Mosquitto, Subscriber, first_times

from labctl import journal, mqtt

TESTS = Path(__file__).parents[1]
BASE = "lab/sim/glovebox-3/A1/"
Broker = Embedded | Mosquitto
Subscribe = Callable[..., Subscriber]


@pytest.fixture(params=["embedded", pytest.param("mosquitto", marks=pytest.mark.external)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    made: Broker = Embedded() if request.param == "embedded" else Mosquitto(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    made: list[Mosquitto] = []

    def make(*settings: str) -> Mosquitto:
        made.append(Mosquitto(tmp_path / "broker", *settings))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def subscribe() -> Iterator[Subscribe]:
    made: list[Subscriber] = []

    def make(*args: object, **options: object) -> Subscriber:
        made.append(Subscriber(*args, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


def settings(port: int) -> mqtt.MqttSettings:
    return mqtt.parse_url(f"mqtt://127.0.0.1:{port}")


def all_of(folder: Path) -> tuple[list[int], list[int]]:
    with journal.Reader(folder) as reader:
        readings, events = reader.counts()
    return list(range(1, readings + 1)), list(range(1, events + 1))


def test_everything_arrives_in_order_and_the_state_stays(
    broker: Broker, tmp_path: Path, subscribe: Subscribe
) -> None:
    live = subscribe(broker.port)
    target = journals.create(tmp_path / "run")
    follower = mqtt.start(settings(broker.port), target)
    journals.fill(target, 8)
    target.commit().result()
    status = follower.finish(30.0)
    target.close("completed")
    assert status.finished, status
    assert (status.left_readings, status.left_events) == (0, 0)
    live.wait_until(lambda s: s.newest("online") == {"online": False, "output": "unknown"})
    readings, events = all_of(tmp_path / "run")
    assert live.readings() == readings
    assert live.events() == events
    recorded = {row.seq: row._asdict() for row in journal.readings(tmp_path / "run")}
    for data in live.of("readings"):
        rows = data["readings"]
        assert data["first_seq"] == rows[0]["seq"]  # type: ignore[index]
        for row in rows:  # type: ignore[attr-defined]
            assert row == recorded[row["seq"]]

    late = subscribe(broker.port)
    late.wait_until(lambda s: len({m.topic for m in s.messages}) == 3)
    assert all(message.retained for message in late.messages)
    state = late.newest("state")
    assert state is not None
    assert (state["outcome"], state["output"], state["step"]) == ("completed", "off", None)
    assert late.newest("cycles")["cycle"] == 8  # type: ignore[index]
    assert late.newest("online") == {"online": False, "output": "unknown"}
    for message in live.messages + late.messages:
        assert message.topic.startswith(BASE)
        leaf = message.topic.removeprefix(BASE)
        jsonschema.validate(message.data, mqtt.schema() | {"$ref": f"#/$defs/{leaf}"})
        assert message.data.get("simulated", True) is True
    with journal.Reader(tmp_path / "run") as reader:
        assert reader.cursor("mqtt") == f'{{"reading": {readings[-1]}, "event": {events[-1]}}}'


def test_a_killed_program_leaves_its_last_will(
    broker: Broker, tmp_path: Path, subscribe: Subscribe
) -> None:
    live = subscribe(broker.port)
    with subprocess.Popen(
        [sys.executable, "-m", "helpers.mqtt_victim", str(tmp_path / "run"), str(broker.port)],
        cwd=TESTS,
    ) as victim:
        live.wait_until(lambda s: len(first_times(s.readings())) == 40)
        assert live.newest("online") == {"online": True}
        victim.kill()
    live.wait_until(lambda s: s.newest("online") == {"online": False, "output": "unknown"})
    late = subscribe(broker.port)
    late.wait_until(lambda s: s.newest("online") is not None)
    assert late.newest("online") == {"online": False, "output": "unknown"}
    assert late.newest("state")["outcome"] is None  # type: ignore[index]

    # What the dead program's follower left is published from its cursor, the present left alone.
    before = len(live.messages)
    status = mqtt.publish_rest(settings(broker.port), tmp_path / "run")
    assert status.finished, status
    readings, events = all_of(tmp_path / "run")
    live.wait_until(lambda s: s.events()[-1] == events[-1])
    assert first_times(live.readings()) == readings
    rest = {message.topic.removeprefix(BASE) for message in live.messages[before:]}
    assert rest <= {"readings", "events"}


def test_a_broker_that_is_away_costs_nothing_and_loses_nothing(
    broker: Broker, tmp_path: Path, subscribe: Subscribe
) -> None:
    broker.stop()
    target = journals.create(tmp_path / "run")
    follower = mqtt.start(settings(broker.port), target)
    journals.fill(target, 3)
    target.commit().result()
    status = follower.finish(0.5)
    target.close("completed")
    readings, events = all_of(tmp_path / "run")
    assert not status.finished
    assert (status.left_readings, status.left_events) == (len(readings), len(events))
    assert status.error
    assert f"120 readings and {len(events)} events are not published" in str(status)

    broker.start()
    live = subscribe(broker.port)
    assert mqtt.publish_rest(settings(broker.port), tmp_path / "run", 30.0).finished
    live.wait_until(lambda s: s.events() != [] and s.events()[-1] == events[-1])
    assert (live.readings(), live.events()) == (readings, events)
    again = len(live.messages)
    assert mqtt.publish_rest(settings(broker.port), tmp_path / "run", 30.0).finished
    assert len(live.messages) == again


def test_after_a_break_the_last_seconds_come_again_and_the_present_is_shown(
    broker: Broker, tmp_path: Path, subscribe: Subscribe
) -> None:
    target = journals.create(tmp_path / "run")
    first = subscribe(broker.port)
    follower = mqtt.start(settings(broker.port), target)
    journals.fill(target, 1)
    first.wait_until(lambda s: len(s.readings()) == 40)
    broker.stop()
    journals.fill(target, 2)
    broker.start()
    second = subscribe(broker.port)
    second.wait_until(lambda s: len(first_times(s.readings())) == 120)
    status = follower.finish(30.0)
    target.close("completed")
    assert status.finished, status
    assert status.breaks >= 1
    readings, events = all_of(tmp_path / "run")
    # All of it lies within ten seconds before the break: all of it comes again, in order.
    assert first_times(second.readings()) == readings
    second.wait_until(lambda s: first_times(s.events()) == events)
    assert second.newest("state")["outcome"] == "completed"  # type: ignore[index]


@pytest.mark.external
def test_restarted_mosquitto_with_persistence_loses_nothing(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path, subscribe: Subscribe
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    server = mosquitto(
        "persistence true", f"persistence_location {store}/", "autosave_on_changes true",
        "autosave_interval 1",
    )  # fmt: skip
    server.start()
    historian = subscribe(server.port, "historian", True)
    target = journals.create(tmp_path / "run")
    follower = mqtt.start(settings(server.port), target)
    for cycles in (5, 5, 5):
        journals.fill(target, cycles)
        seen = len(historian.readings())
        historian.wait_until(lambda s, seen=seen: len(s.readings()) > seen)  # type: ignore[misc]
        server.stop()
        journals.fill(target, cycles)
        server.start()
    target.commit().result()
    status = follower.finish(60.0)
    target.close("completed")
    assert status.finished, status
    readings, events = all_of(tmp_path / "run")
    assert len(readings) == 30 * 40
    historian.wait_until(lambda s: sorted(first_times(s.events())) == events)
    assert first_times(historian.readings()) == readings
    assert first_times(historian.events()) == events


@pytest.mark.external
def test_a_frozen_broker_holds_nobody_up(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path, subscribe: Subscribe
) -> None:
    server = mosquitto()
    server.start()
    live = subscribe(server.port)
    target = journals.create(tmp_path / "run")
    follower = mqtt.start(settings(server.port), target)
    journals.fill(target, 1)
    live.wait_until(lambda s: len(s.readings()) == 40)
    with server.frozen():
        journals.fill(target, 50)
        target.commit().result()  # the run goes on
        assert not follower.finish(1.0).finished
        target.close("completed")
    live.wait_until(lambda s: s.newest("online") == {"online": False, "output": "unknown"})
    assert mqtt.publish_rest(settings(server.port), tmp_path / "run", 30.0).finished
    readings, events = all_of(tmp_path / "run")
    live.wait_until(lambda s: s.events()[-1] == events[-1])
    assert first_times(live.readings()) == readings


def test_a_port_that_accepts_and_never_answers_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        target = journals.create(tmp_path / "run")
        follower = mqtt.start(settings(silent.getsockname()[1]), target)
        journals.fill(target, 5)
        target.commit().result()
        connection, _ = silent.accept()
        status = follower.finish(0.5)
        connection.close()
    target.close("completed")
    assert not status.finished
    assert status.left_readings == 200


@pytest.mark.external
def test_what_an_access_list_denies_is_noticed_and_kept(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic write lab/+/+/+/online\ntopic write lab/+/+/+/state\n")
    rules.chmod(0o600)
    server = mosquitto(f"acl_file {rules}")
    server.start()
    target = journals.create(tmp_path / "run")
    follower = mqtt.start(settings(server.port), target)
    journals.fill(target, 1)
    target.commit().result()
    status = follower.finish(1.0)
    target.close("completed")
    assert not status.finished
    assert "refuses" in str(status)
    assert "Not authorized" in str(status)
    with journal.Reader(tmp_path / "run") as reader:
        assert reader.cursor("mqtt") in (None, '{"reading": 0, "event": 0}')


@pytest.mark.external
# paho drops the socket of a failed handshake without closing it.
@pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_tls_and_password(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate, users = (tmp_path / name for name in ("key.pem", "cert.pem", "users"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    secret = "correct horse"
    maker = shutil.which("mosquitto_passwd")
    assert maker is not None
    subprocess.run([maker, "-b", "-c", str(users), "bench3", secret], check=True)
    server = mosquitto(
        "allow_anonymous false", f"password_file {users}", f"certfile {certificate}",
        f"keyfile {key}",
    )  # fmt: skip
    server.start()
    folder = journals.finished(tmp_path / "run", cycles=1)
    monkeypatch.setenv("LABCTL_MQTT_PASSWORD", secret)
    url = f"mqtts://bench3@127.0.0.1:{server.port}"
    good = mqtt.parse_url(url, ca_file=certificate)
    assert mqtt.publish_rest(good, folder).finished
    untrusting = mqtt.publish_rest(mqtt.parse_url(url), folder, 0.5)
    assert not untrusting.finished
    assert "certificate" in str(untrusting).lower()
    monkeypatch.setenv("LABCTL_MQTT_PASSWORD", "wrong")
    refused = mqtt.publish_rest(mqtt.parse_url(url, ca_file=certificate), folder, 0.5)
    assert not refused.finished
    assert "authori" in str(refused).lower()
    for text in (repr(good), str(refused), repr(refused)):
        assert secret not in text
        assert "wrong" not in text
    gc.collect()


def test_the_journal_outlives_a_follower_that_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S7: a bug in the follower is the follower's alone."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("labctl.mqtt.follower.Publisher", broken)
    target = journals.create(tmp_path / "run")
    follower = mqtt.start(settings(brokers.free_port()), target)
    count = journals.fill(target, 1)
    status = follower.finish(5.0)
    target.close("completed")
    assert status.error == "a bug"
    assert len(list(journal.readings(tmp_path / "run"))) == count
