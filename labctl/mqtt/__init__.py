"""Streams runs over MQTT: publish-only, at least once, in order, never in the run's way."""

from labctl.mqtt.follower import Follower, FollowerStatus, publish_rest, start
from labctl.mqtt.payloads import schema
from labctl.mqtt.settings import BadSettings, MqttSettings, parse_url
from labctl.mqtt.topics import BadTopic, Topics, topics_of

__all__ = [
    "BadSettings",
    "BadTopic",
    "Follower",
    "FollowerStatus",
    "MqttSettings",
    "Topics",
    "parse_url",
    "publish_rest",
    "schema",
    "start",
    "topics_of",
]
