"""What the SCPI source-measure units have in common: how they are asked, and switched. No I/O."""

from collections.abc import Sequence

from labctl_drivers import scpi
from labctl_drivers.errors import BadReply
from labctl_drivers.smu_regulation import Function

OTHER: dict[Function, Function] = {"VOLT": "CURR", "CURR": "VOLT"}


class ScpiCommands:
    """Part of a dialect; those of a second channel have other names."""

    ON = ":OUTP ON"
    OFF = ":OUTP OFF"
    ABORT = ":ABOR"
    CLEAR = "*CLS"
    OUTPUT = ":OUTP?"
    ERROR = ":SYST:ERR?"
    FUNCTION = ":SOUR:FUNC?"

    def ask(self, queries: Sequence[str]) -> str:
        """One message for several queries."""
        return ";".join(queries)

    def answers(self, reply: bytes, count: int) -> list[str]:
        """What each of them was answered. Raises BadReply."""
        fields = scpi.text(reply).split(";")
        if len(fields) != count:
            raise BadReply(f"{count} values were asked for: {reply[:200]!r}")
        return fields

    def is_on(self, answer: str) -> bool:
        """What `OUTPUT` was answered. Raises BadReply."""
        return scpi.boolean(answer)

    def function(self, answer: str) -> Function:
        """What `FUNCTION` was answered. Raises BadReply."""
        word = answer.strip().upper()
        if word == "VOLT":
            return "VOLT"
        if word == "CURR":
            return "CURR"
        raise BadReply(f"no source function: {word!r}")

    def queue_entry(self, reply: bytes) -> scpi.QueueEntry:
        """What `ERROR` was answered. Raises BadReply."""
        return scpi.queue_entry(reply)


def on_off(value: bool) -> str:
    """As SCPI writes it."""
    return "ON" if value else "OFF"


def change(level: str, ranging: str, limit: str, *, raising: bool, ranged: bool) -> str:
    """The order of writes that never lets both a new direction and too large a current through.

    Upwards, the new level comes first and the old, smaller limit still holds. Downwards, the
    smaller limit comes first; a smaller range holds the current down until it is there.
    """
    if not raising:
        return ";".join([ranging, limit, level] if ranged else [limit, level])
    return ";".join([level, limit, ranging, limit] if ranged else [level, limit])
