"""Addresses, secrets, topics, places and the present: the parts of the follower that are values."""

import json
from pathlib import Path

import jsonschema
import pytest
from helpers import journals

from labctl import journal, mqtt
from labctl.journal import RecordedEvent
from labctl.mqtt import payloads, place, present
from labctl.mqtt.place import Place


def test_an_address_with_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABCTL_MQTT_PASSWORD", raising=False)
    plain = mqtt.parse_url("mqtt://broker")
    assert (plain.host, plain.port, plain.tls, plain.username) == ("broker", 1883, False, None)
    secure = mqtt.parse_url("mqtts://bench3@[::1]:999", prefix="site/lab")
    assert (secure.host, secure.port, secure.tls) == ("::1", 999, True)
    assert (secure.username, secure.password, secure.prefix) == ("bench3", None, "site/lab")
    monkeypatch.setenv("LABCTL_MQTT_PASSWORD", "s3cret")
    assert mqtt.parse_url("mqtts://bench3@broker").password == "s3cret"
    assert mqtt.parse_url("mqtt://broker").password is None
    assert "s3cret" not in repr(mqtt.parse_url("mqtts://bench3@broker"))


@pytest.mark.parametrize(
    "url",
    ["broker", "http://broker", "mqtt://", "mqtt://broker/topic", "mqtt://b:port", "mqtt://b?x=1"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(mqtt.BadSettings, match="mqtt"):
        mqtt.parse_url(url)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(mqtt.BadSettings, match="never holds a password") as refused:
        mqtt.parse_url("mqtt://bench3:s3cret@broker")
    assert "s3cret" not in str(refused.value)


def test_a_secret_comes_from_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    file.chmod(0o600)
    given = mqtt.parse_url("mqtt://b", username="u", password={"file": str(file)})
    assert given.password == "s3cret"
    file.chmod(0o644)
    with pytest.raises(mqtt.BadSettings, match="others can read"):
        mqtt.parse_url("mqtt://b", username="u", password={"file": str(file)})


@pytest.mark.parametrize(
    "place", [{}, {"env": "LABCTL_NO_SUCH"}, {"file": "/no/such"}, {"value": "x"}]
)
def test_a_secret_that_is_not_there_is_refused(place: dict[str, str]) -> None:
    with pytest.raises(mqtt.BadSettings):
        mqtt.parse_url("mqtt://b", username="u", password=place)


def test_topics_tell_simulated_from_real() -> None:
    assert mqtt.topics_of("lab", "b1", "A1", False).state == "lab/b1/A1/state"
    assert mqtt.topics_of("site/lab", "b1", "A1", True).online == "site/lab/sim/b1/A1/online"
    with pytest.raises(mqtt.BadTopic, match="real bench"):
        mqtt.topics_of("lab", "sim", "A1", False)


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a b", "ä", "x" * 65, "a\n", "$SYS", ".."])
def test_no_name_breaks_out_of_its_topic(name: str) -> None:
    for names in (("lab", name, "A1"), ("lab", "b1", name), (f"lab/{name}/x", "b1", "A1")):
        if name == "a/b" and names[0] != "lab":
            continue  # a prefix may have several segments
        with pytest.raises(mqtt.BadTopic):
            mqtt.topics_of(*names, simulated=False)


def test_a_break_goes_back_ten_seconds_and_no_further() -> None:
    trail = place.Trail(Place(5, 1))
    for second in range(100):
        trail.note(1000.0 + second, Place(100 + second, 1))
    assert trail.safe == Place(189, 1)
    assert trail.restart() == Place(189, 1)
    trail.note(2000.0, Place(300, 2))
    assert trail.safe == Place(189, 1)  # since the restart ten seconds have not passed
    trail.note(2010.0, Place(301, 2))
    assert trail.safe == Place(300, 2)
    assert place.from_json(trail.safe.to_json()) == Place(300, 2)
    assert place.from_json(None) == Place(0, 0)


def told(kind: str, **data: object) -> RecordedEvent:
    return RecordedEvent(1, 2.0, 3.0, 0, kind, data)


def test_the_present_says_off_only_of_what_was_read_back() -> None:
    state = present.at_start(journals.manifest())
    assert state.output == "unknown"
    state = present.after(state, told("output", on=True, read_back=True))
    assert state.output == "on"
    assert present.after(state, told("output", on=False, read_back=False)).output == "unknown"
    assert present.after(state, told("output", on=False, read_back=True)).output == "off"


@pytest.mark.parametrize(
    ("event", "alarm"),
    [
        (told("limit", quantity="voltage", value=1.6, limit=1.5, text="over 1.5 V"), "over 1.5 V"),
        (told("detector", name="hard short", text="0.2 mV at 5 mA"), "0.2 mV at 5 mA"),
        (told("fault", error="LinkLost", text="unplugged"), "unplugged"),
        (told("note", text="nothing"), None),
    ],
)
def test_what_went_wrong_is_the_alarm(event: RecordedEvent, alarm: str | None) -> None:
    state = present.after(present.at_start(journals.manifest()), event)
    assert state.alarm == alarm
    schema = mqtt.schema() | {"$ref": "#/$defs/state"}
    jsonschema.validate(json.loads(state.payload()), schema)


def test_the_schema_is_one_and_refuses_what_is_not_ours() -> None:
    jsonschema.Draft202012Validator.check_schema(mqtt.schema())
    bad = {"online": False, "output": "off"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, mqtt.schema() | {"$ref": "#/$defs/online"})
    for good in (payloads.ONLINE, payloads.OFFLINE):
        jsonschema.validate(json.loads(good), mqtt.schema() | {"$ref": "#/$defs/online"})


def test_a_full_batch_stays_under_64_kilobytes(tmp_path: Path) -> None:
    folder = journals.finished(tmp_path / "run", cycles=3)
    rows = list(journal.readings(folder, limit=payloads.READINGS_PER_MESSAGE))
    assert len(rows) == payloads.READINGS_PER_MESSAGE
    assert len(payloads.readings("x" * 80, True, rows)) < 64 * 1024
