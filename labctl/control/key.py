"""The key to a run's control socket: a file that only the run's owner can read.

Whoever has it may end the run. It is made when the run begins and goes away when it ends.
"""

import json
import os
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "control.json"
TOKEN_CHARACTERS = 64
"""32 random bytes in hexadecimal digits; the first line that a client sends."""
MOST_BYTES = 4096


class NoKey(Exception):
    """There is no key to this run, or none that this user can read."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where the run listens, on the loopback interface, and what opens it."""

    port: int
    token: str


def place(folder: Path) -> Path:
    """Where a run's key lies: in its folder; on Windows, where a file has no mode, in the profile
    of the user, which nobody else can read."""
    if sys.platform != "win32":
        return folder / FILE
    profile = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    return Path(profile) / "labctl" / "control" / f"{folder.resolve().name}.json"


def make(folder: Path, port: int) -> Key:
    """Write a new key, readable by its owner only. Raises OSError."""
    key = Key(port, secrets.token_hex(TOKEN_CHARACTERS // 2))
    path = place(folder)
    if sys.platform == "win32":
        path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    # it must never be there with a wider mode or half written, not even for a moment
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(asdict(key), file)
    draft.replace(path)
    return key


def remove(folder: Path) -> None:
    """Take the key away. Never raises: a key to a run that has ended opens nothing."""
    try:
        place(folder).unlink(missing_ok=True)
    except OSError:
        return


def read(folder: Path) -> Key:
    """The key to a run. Raises NoKey with the reason."""
    path = place(folder)
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(MOST_BYTES))
    except FileNotFoundError:
        raise NoKey("it takes no commands") from None
    except PermissionError:
        raise NoKey("only its owner may control it") from None
    except (OSError, ValueError, RecursionError):
        raise NoKey(f"{path} is no key") from None
    port, token = (told.get("port"), told.get("token")) if isinstance(told, dict) else (None, None)
    if type(port) is not int or not 0 < port < 65536:
        raise NoKey(f"{path} is no key")
    if not isinstance(token, str) or len(token) != TOKEN_CHARACTERS or not token.isascii():
        raise NoKey(f"{path} is no key")
    return Key(port, token)
