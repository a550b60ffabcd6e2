"""One connection to a broker: MQTT 5 or, where the broker cannot, 3.1.1; gone when it ends."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from labctl.mqtt.payloads import OFFLINE
from labctl.mqtt.settings import MqttSettings

ACKNOWLEDGE_S = 2.0
"""A broker that takes longer is treated as gone; aiomqtt's own ten seconds hide a dead one."""
KEEPALIVE_S = 10
"""Also bounds how long the last will waits when the host loses power or network."""
UNSUPPORTED = frozenset({1, 132})
"""CONNACK reasons for an unknown protocol version, in 3.1.1 and in 5."""

Version = aiomqtt.ProtocolVersion
_log = logging.getLogger("labctl.mqtt")
_log.addHandler(logging.NullHandler())


class Refused(aiomqtt.MqttError):
    """The broker is there and takes no messages from us."""


class Connection(aiomqtt.Client):
    """aiomqtt's client, which notices refused messages and can be cut without a farewell."""

    refusal: str | None = None

    def _on_publish(
        self,
        client: PahoClient,
        userdata: object,
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,
    ) -> None:
        # aiomqtt drops the reason: what an access list denies would count as delivered.
        if reason_code.is_failure:
            self.refusal = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self,
        client: PahoClient,
        userdata: object,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        # aiomqtt would wait out its time for a broker that has hung up on an unknown version.
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("the broker hung up"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    async def send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish at QoS 1 and wait for the acknowledgement. Raises MqttError."""
        if self._disconnected.done():
            raise aiomqtt.MqttError("the connection was lost")
        await self.publish(topic, payload, qos=1, retain=retain)
        if self.refusal is not None:
            raise Refused(f"the broker refuses messages to {topic}: {self.refusal}")

    def check(self) -> None:
        """Raise MqttError when the broker is gone."""
        if self._disconnected.done():
            raise aiomqtt.MqttError("the connection was lost")

    async def cut(self) -> None:
        """End the connection without a DISCONNECT, so that the broker publishes the last will."""
        raw = self._client.socket()
        if isinstance(raw, socket.socket):
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)
        # paho closes the socket when the loop tells it of the end of file.
        for _ in range(100):
            if self._client.socket() is None:
                break
            await asyncio.sleep(0.01)
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()


@contextlib.asynccontextmanager
async def connected(
    settings: MqttSettings, will_topic: str | None, identifier: str, versions: list[Version]
) -> AsyncIterator[Connection]:
    """A connection for the time of the block; versions that did not work leave the list.

    Left normally, it says goodbye and the last will is void; left by an exception, it is cut.
    Raises MqttError.
    """
    client = await _open(settings, will_topic, identifier, versions)
    try:
        yield client
    except BaseException:
        await client.cut()
        raise
    try:
        await client.__aexit__(None, None, None)
    finally:
        await client.cut()


async def _open(
    settings: MqttSettings, will_topic: str | None, identifier: str, versions: list[Version]
) -> Connection:
    for version in list(versions):
        client = _client(settings, will_topic, identifier, version)
        try:
            await client.__aenter__()
        except BaseException as error:
            await client.cut()
            if version is versions[-1] or not _may_be_the_version(error):
                raise
        else:
            versions[:] = versions[versions.index(version) :]
            return client
    raise AssertionError("unreachable: the last version returns or raises")


def _may_be_the_version(error: BaseException) -> bool:
    """Brokers of 3.1.1 answer a 5 with a refusal, with silence, or by hanging up."""
    if isinstance(error, MqttConnectError):
        return getattr(error.rc, "value", error.rc) in UNSUPPORTED
    return isinstance(error, aiomqtt.MqttError)


def _client(
    settings: MqttSettings, will_topic: str | None, identifier: str, version: Version
) -> Connection:
    return Connection(
        settings.host,
        settings.port,
        username=settings.username,
        password=settings.password,
        identifier=identifier,
        protocol=version,
        # Nagle's algorithm with delayed acknowledgements costs up to 40 ms a message.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        timeout=ACKNOWLEDGE_S,
        keepalive=KEEPALIVE_S,
        will=None if will_topic is None else aiomqtt.Will(will_topic, OFFLINE, 1, True),
        tls_context=settings.tls_context(),
        logger=_log,
    )
