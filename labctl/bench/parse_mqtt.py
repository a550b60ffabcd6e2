"""The `mqtt` part of a bench: a broker's address, and where its secret is."""

from pathlib import Path
from urllib.parse import urlsplit

from labctl.bench.model import DEFAULT_PREFIX, Mqtt
from labctl.bench.values import NAME
from labctl_protocols.fields import as_mapping, as_scalar, as_text, refuse_unknown, require
from labctl_protocols.plan import Where
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Broken, Entry, Mapping, Node

KEYS = ("url", "username", "password", "prefix")
SCHEMES = ("mqtt", "mqtts")
SECRET_HINT = "write `{env: NAME}` or `{file: PATH}`: secrets never stand in YAML"
NO_ADDRESS = "like mqtt://localhost:1883 or mqtts://broker:8883"


def parse_mqtt(node: Node, folder: Path, problems: Problems) -> Mqtt | None:
    """The broker; None where nothing can be made of it."""
    mapping = as_mapping(node, "`mqtt`", problems)
    if mapping is None:
        return None
    refuse_unknown(mapping.entries, KEYS, problems)
    require(mapping, ("url",), problems)
    username = mapping.get("username")
    password = mapping.get("password")
    if password is not None and username is None:
        problems.add("username", password.key.where, "a password without a `username`")
    return Mqtt(
        url=_url(mapping.get("url"), problems),
        username=None if username is None else as_text(username.value, "`username`", problems),
        password=None if password is None else _secret(password.value, folder, problems),
        prefix=_prefix(mapping.get("prefix"), problems),
    )


def _url(entry: Entry | None, problems: Problems) -> str:
    scalar = None if entry is None else as_scalar(entry.value, "`url`", problems)
    if scalar is None:
        return ""
    for rule, message, hint in url_faults(scalar.text):
        problems.add(rule, scalar.where, message, hint)
    return scalar.text


def url_faults(text: str) -> list[tuple[str, str, str]]:
    """What is wrong with a broker's address: rule, message and hint of each fault."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return [("url", "no address of a broker", NO_ADDRESS)]
    faults = []
    if parts.password is not None:
        faults.append(("url-secret", "the address holds a password", SECRET_HINT))
    is_address = parts.scheme in SCHEMES and parts.hostname and port != 0
    if not is_address or parts.path not in ("", "/") or parts.query or parts.fragment:
        shown = f"{parts.scheme}://…" if "@" in text else text
        faults.append(("url", f"`{shown}` is no address of a broker", NO_ADDRESS))
    return faults


def _secret(node: Node, folder: Path, problems: Problems) -> dict[str, str] | None:
    if isinstance(node, Broken):
        return None
    if not isinstance(node, Mapping):
        problems.add("secret", node.where, "a password written out", SECRET_HINT)
        return None
    refuse_unknown(node.entries, ("env", "file"), problems)
    entries = [entry for entry in node.entries if entry.key.text in ("env", "file")]
    if len(entries) != 1:
        problems.add("secret-source", node.where, "a password has one source", SECRET_HINT)
        return None
    text = as_text(entries[0].value, "the password's source", problems)
    if text is None:
        return None
    if entries[0].key.text == "env":
        return {"env": text}
    return {"file": str(folder / Path(text).expanduser())}


def _prefix(entry: Entry | None, problems: Problems) -> str:
    scalar = None if entry is None else as_scalar(entry.value, "`prefix`", problems)
    if scalar is None:
        return DEFAULT_PREFIX
    _check_prefix(scalar.text, scalar.where, problems)
    return scalar.text


def _check_prefix(text: str, where: Where, problems: Problems) -> None:
    if not all(NAME.fullmatch(part) for part in text.split("/")):
        problems.add(
            "prefix",
            where,
            f"`{text}` cannot begin a topic",
            "words of letters, digits, - and _ with / between them",
        )
