"""Which broker, as whom: from a URL, with the password from the environment or a file only."""

import os
import ssl
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from labctl.mqtt.topics import check_segment

PORTS = {"mqtt": 1883, "mqtts": 8883}


class BadSettings(ValueError):
    """What was said about the broker cannot be used; the text never holds a secret."""


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """A broker and how to reach it. The password never shows in `repr`."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = "lab"
    ca_file: Path | None = None

    @property
    def address(self) -> str:
        """Where the broker is, for people."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext | None:
        """Certificates and host names are always checked; `ca_file` adds a laboratory's own CA."""
        return ssl.create_default_context(cafile=self.ca_file) if self.tls else None


def parse_url(
    url: str,
    *,
    username: str | None = None,
    password: Mapping[str, str] | None = None,
    prefix: str = "lab",
    ca_file: Path | None = None,
) -> MqttSettings:
    """Settings from `mqtt://[user@]host[:port]` or `mqtts://…`; the password as `{env: NAME}` or
    `{file: PATH}`. Raises BadSettings.

    A user name without a password given takes it from LABCTL_MQTT_PASSWORD if that is set.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadSettings("the MQTT address is no URL: mqtt://host:1883 is one") from None
    if parts.password is not None:
        raise BadSettings(
            "an MQTT address never holds a password: it comes from {env: NAME} or {file: PATH}, "
            "or from LABCTL_MQTT_PASSWORD"
        )
    if parts.scheme not in PORTS:
        raise BadSettings(f"{url!r}: an MQTT address begins with mqtt:// or mqtts://")
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BadSettings(f"{url!r}: an MQTT address is mqtt://host:port and nothing more")
    for segment in prefix.split("/"):
        check_segment("the MQTT prefix", segment)
    user = username or (unquote(parts.username) if parts.username else None)
    if password is None and user is not None and "LABCTL_MQTT_PASSWORD" in os.environ:
        password = {"env": "LABCTL_MQTT_PASSWORD"}
    return MqttSettings(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=user,
        password=None if password is None else read_secret(password),
        prefix=prefix,
        ca_file=ca_file,
    )


def read_secret(place: Mapping[str, str]) -> str:
    """The secret from `{env: NAME}` or `{file: PATH}`. Raises BadSettings."""
    if len(place) != 1 or not {"env", "file"} & set(place):
        raise BadSettings("a secret is given as {env: NAME} or as {file: PATH}")
    if "env" in place:
        secret = os.environ.get(place["env"])
        if not secret:
            raise BadSettings(f"the environment variable {place['env']} is not set")
        return secret
    path = Path(place["file"])
    try:
        mode = path.stat().st_mode
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"cannot read the secret in {path}: {type(error).__name__}") from None
    if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadSettings(f"others can read the secret in {path}: chmod 600 {path}")
    if not secret:
        raise BadSettings(f"the secret in {path} is empty")
    return secret
