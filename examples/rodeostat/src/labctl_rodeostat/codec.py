"""A Rodeostat's lines: commands out, responses in. No I/O (instruments.md §5)."""

import json
from typing import Any

from labctl_drivers import strict_json
from labctl_drivers.errors import BadReply, InstrumentRefused


def request(command: str, **arguments: object) -> bytes:
    """One command as a line; the link adds the line feed."""
    return json.dumps({"command": command, **arguments}, allow_nan=False).encode()


def response(frame: bytes, command: str) -> dict[str, Any] | None:
    """The response to this command; None for a line that is not about it.

    Samples of a running test and the `{}` at its end come unasked, and a late reply names
    another command. Raises BadReply, InstrumentRefused.
    """
    reply = strict_json.parse(frame)
    said = reply.get("response")
    if not strict_json.is_object(said):
        if "success" in reply:
            raise BadReply(f"a reply without a response: {frame[:80]!r}")
        return None
    if not strict_json.boolean(reply, "success"):
        raise InstrumentRefused(0, strict_json.text(reply, "message"), command)
    return said if said.get("command") == command else None


VERSION, VARIANT = request("getVersion"), request("getVariant")


def is_version(frame: bytes) -> bool:
    """Whether this line is the reply to the link's probe."""
    try:
        return response(frame, "getVersion") is not None
    except (BadReply, InstrumentRefused):
        return False


def variant_of(frame: bytes) -> str:
    """The variant that a reply names. Raises BadReply for any other line."""
    try:
        said = response(frame, "getVariant")
    except InstrumentRefused as error:
        raise BadReply(str(error)) from error
    if said is None:
        raise BadReply(f"no variant: {frame[:80]!r}")
    return strict_json.text(said, "variant")
