"""A wire and an instrument that fail, in front of any simulated instrument (design §7).

A fault strikes at a reply: with a probability, or at the first reply after a time. Each kind draws
from dice of its own, so that the same seed and the same talk meet the same faults, whatever other
kinds there are. At most one fault strikes a reply, in the order of `KINDS`; replies keep their
order on the wire. Times count from the first that the wrapper hears of.
"""

import random
import re
from collections import deque
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

from labctl_simulators.ports import Firmware

Reply = tuple[float, bytes]
NUMBER = re.compile(rb"(?<![\w.])[+-]?\d+\.\d+(?:[eE][+-]?\d+)?(?![\w.-])")
"""With a point, and not within a word: versions stay as they are."""
NOT_NUMBERS = (b"+9.910000E+37", b"9.9E+37", b"NAN")
"""What instruments send in place of a number (instruments.md §0)."""
KEPT = 1000
TIMERS_S = 1e-6
"""A timer may come early by less than this."""


@dataclass(frozen=True, slots=True)
class Fault:
    """When a fault strikes, and how long it lasts where that means something.

    `part` of the replies, those from `after_s` on; without `part`, the first of them. At most
    `times` times. Raises ValueError for what cannot be.
    """

    part: float | None = None
    after_s: float = 0.0
    times: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.part is not None and not 0.0 <= self.part <= 1.0:
            raise ValueError(f"part = {self.part:g} is outside 0 … 1")
        for name, value in (("after_s", self.after_s), ("seconds", self.seconds or 0.0)):
            if not 0.0 <= value < float("inf"):
                raise ValueError(f"{name} = {value:g}: it cannot be negative or endless")
        if self.times is not None and self.times < 1:
            raise ValueError(f"times = {self.times}: at least 1")


class Struck(NamedTuple):
    """A fault that came: at which time of the instrument's clock, and its kind."""

    at_s: float
    kind: str


class _Die:
    """Decides for one kind of fault whether it strikes."""

    def __init__(self, kind: str, fault: Fault, seed: int) -> None:
        self._dice = random.Random(f"{kind} {seed}")
        self._part = 1.0 if fault.part is None else fault.part
        self._after_s = fault.after_s
        once = 1 if fault.part is None else None
        self._left = fault.times if fault.times is not None else once

    def strikes(self, since_s: float) -> bool:
        """Whether it is due at a reply at this time; draws whether it is or not."""
        drawn = self._dice.random() < self._part
        return drawn and since_s >= self._after_s and self._left != 0

    def struck(self) -> None:
        """It has struck."""
        if self._left is not None:
            self._left -= 1


@dataclass(slots=True)
class _Common:
    """What all connections of one instrument share."""

    began_s: float | None = None
    dead_until_s: float = float("-inf")


class Faulty:
    """A firmware behind faults; everything else of it shows through. Raises ValueError.

    `.hang_up` is set when the connection is to be broken; the server or link that does it clears
    it. `.struck` keeps the last thousand faults.
    """

    hang_up = False

    def __init__(self, firmware: Firmware, faults: Mapping[str, Fault], seed: int = 0) -> None:
        unknown = set(faults) - set(KINDS)
        if unknown:
            raise ValueError(f"no fault {min(unknown)!r} here; known: {', '.join(KINDS)}")
        if "power_cycle" in faults and not hasattr(firmware, "power_cycle"):
            raise ValueError("power_cycle: this instrument cannot be switched off and on")
        if "wrong_identity" in faults and not getattr(firmware, "identity", ""):
            raise ValueError("wrong_identity: this instrument has no identity to change")
        self.firmware: Any = firmware
        self.faults = dict(faults)
        self.dice = random.Random(f"faults {seed}")
        self.struck: deque[Struck] = deque(maxlen=KEPT)
        self.last = b""
        self.held = b""
        self.common = _Common()
        self.forget()
        self._dies = {kind: _Die(kind, faults[kind], seed) for kind in KINDS if kind in faults}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the firmware has
        if name == "firmware":
            raise AttributeError(name)
        return getattr(self.firmware, name)

    def session(self) -> "Faulty":
        """What a further connection talks to, of a firmware that tells its connections apart.

        It has the same dice; what is under way on its wire is its own.
        """
        other = copy(self)
        other.firmware = self.firmware.session()
        other.last = other.held = b""
        other.forget()
        return other

    def forget(self) -> None:
        """Nothing is under way on the wire."""
        self._on_wire_s = float("-inf")

    @property
    def wake_at(self) -> float | None:
        """When the instrument has something to say by itself, and can; None where it has not."""
        inner: float | None = getattr(self.firmware, "wake_at", None)
        return None if inner is None else max(inner, self.common.dead_until_s)

    def feed(self, data: bytes, now: float) -> list[Reply]:
        """Take bytes at `now`; give what reaches the other end of the wire."""
        if self.common.began_s is None:
            self.common.began_s = now
        if now < self.common.dead_until_s - TIMERS_S:
            self.firmware.advance(now)
            return []
        found: list[Reply] = []
        for when, reply in self.firmware.feed(data, now):
            if when < self.common.dead_until_s or self.hang_up:
                continue
            found += self._in_order(self._suffer(when, reply, now))
        return found

    def advance(self, now: float) -> None:
        """Let time pass without traffic."""
        if self.common.began_s is None:
            self.common.began_s = now
        self.firmware.advance(now)

    def seconds(self, kind: str) -> float:
        """How long a fault lasts."""
        given = self.faults[kind].seconds
        return SECONDS[kind] if given is None else given

    def _suffer(self, when: float, reply: bytes, now: float) -> list[Reply]:
        reply, self.held = self.held + reply, b""
        before, self.last = self.last, reply
        since_s = now - (self.common.began_s or 0.0)
        due = [kind for kind, die in self._dies.items() if die.strikes(since_s)]
        for kind in due:
            changed = KINDS[kind](self, _Hit(when, reply, now, before))
            if changed is not None:
                self._dies[kind].struck()
                self.struck.append(Struck(now, kind))
                return changed
        return [(when, reply)]

    def _in_order(self, replies: list[Reply]) -> list[Reply]:
        """No reply overtakes the one before it."""
        found = []
        for when, reply in replies:
            self._on_wire_s = max(self._on_wire_s, when)
            found.append((self._on_wire_s, reply))
        return found


class _Hit(NamedTuple):
    """A reply that a fault strikes, when it would be on the wire, and the reply before it."""

    when: float
    reply: bytes
    now: float
    before: bytes


Strike = Callable[[Faulty, _Hit], list[Reply] | None]
"""What comes in the reply's place; None where this reply cannot have the fault."""


def _power_cycle(wire: Faulty, hit: _Hit) -> list[Reply]:
    """The mains blink: defaults return, what was under way is lost."""
    wire.firmware.power_cycle(hit.now)
    return []


def _reset(wire: Faulty, _hit: _Hit) -> list[Reply]:
    """The instrument breaks the connection; a new one can be made."""
    wire.hang_up = True
    return []


def _hang(wire: Faulty, hit: _Hit) -> list[Reply]:
    """It neither hears nor answers for a while; its output stays as it is."""
    wire.common.dead_until_s = hit.now + wire.seconds("hang")
    return []


def _wrong_identity(wire: Faulty, hit: _Hit) -> list[Reply] | None:
    """Another instrument of the kind answers: its serial number is another."""
    identity: bytes = str(wire.firmware.identity).encode("latin-1")
    if identity not in hit.reply:
        return None
    parts = identity.split(b",")
    if len(parts) > 2:
        parts[2] = re.sub(rb"\d", lambda digit: b"%d" % ((int(digit[0]) + 1) % 10), parts[2])
    other = b",".join(parts)
    return [(hit.when, hit.reply.replace(identity, other if other != identity else b"?"))]


def _nan(wire: Faulty, hit: _Hit) -> list[Reply] | None:
    """Numbers are none: overflow, not measured."""
    token = wire.dice.choice(NOT_NUMBERS)
    changed = NUMBER.sub(token, hit.reply)
    return None if changed == hit.reply else [(hit.when, changed)]


def _drop(_wire: Faulty, _hit: _Hit) -> list[Reply]:
    """It is lost."""
    return []


def _stale(_wire: Faulty, hit: _Hit) -> list[Reply] | None:
    """The reply before comes in its place."""
    return [(hit.when, hit.before)] if hit.before else None


def _duplicate(_wire: Faulty, hit: _Hit) -> list[Reply]:
    """It comes twice."""
    return [(hit.when, hit.reply), (hit.when, hit.reply)]


def _corrupt(wire: Faulty, hit: _Hit) -> list[Reply] | None:
    """One of its bits is turned, anywhere; a digit may become another digit."""
    if not hit.reply:
        return None
    changed = bytearray(hit.reply)
    changed[wire.dice.randrange(len(changed))] ^= 1 << wire.dice.randrange(8)
    return [(hit.when, bytes(changed))]


def _join(wire: Faulty, hit: _Hit) -> list[Reply]:
    """It waits, and comes in one piece with the next."""
    wire.held = hit.reply
    return []


def _split(wire: Faulty, hit: _Hit) -> list[Reply] | None:
    """It comes in two or more pieces, the last of them late."""
    size = len(hit.reply)
    if size < 2:
        return None
    cuts = sorted(wire.dice.sample(range(1, size), min(size - 1, wire.dice.randint(1, 3))))
    step_s = wire.seconds("split") / len(cuts)
    ends = [*cuts, size]
    return [
        (hit.when + place * step_s, hit.reply[start:end])
        for place, (start, end) in enumerate(zip([0, *cuts], ends, strict=True))
    ]


def _delay(wire: Faulty, hit: _Hit) -> list[Reply]:
    """It is late, and what follows waits for it."""
    return [(hit.when + wire.seconds("delay"), hit.reply)]


KINDS: Mapping[str, Strike] = {
    "power_cycle": _power_cycle,
    "reset": _reset,
    "hang": _hang,
    "wrong_identity": _wrong_identity,
    "nan": _nan,
    "drop": _drop,
    "stale": _stale,
    "duplicate": _duplicate,
    "corrupt": _corrupt,
    "join": _join,
    "split": _split,
    "delay": _delay,
}
SECONDS: Mapping[str, float] = {"hang": 5.0, "split": 0.02, "delay": 0.5}
"""The faults that last, and for how long unless it is said, s of the instrument's time."""
