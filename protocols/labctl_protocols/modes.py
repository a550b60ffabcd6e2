"""Whether an instrument can drive a step at all, and hold it safe when nobody is there (S2)."""

from collections.abc import Iterator, Mapping, Sequence

from labctl_drivers.vocabulary import Ratings, Unguarded
from labctl_protocols.plan import MAIN, Drive, Hold, Impedance, Node, Rest, Sweep, Timed
from labctl_protocols.problems import Problems

SPECTRUM: Unguarded = "galvanostatic spectrum"
_GALVANOSTATIC: Unguarded = "current"
WORDS: Mapping[Unguarded, str] = {
    "rest": "leave the cell at rest and read it",
    "current": "drive a constant current: it is no galvanostat",
    "voltage": "hold a voltage",
    "sweep": "sweep a voltage by itself",
    "galvanostatic spectrum": "excite the cell with a current: it is no galvanostat",
}


def check_modes(
    nodes: Sequence[Node],
    instruments: Mapping[str, Ratings],
    allow_unguarded: bool,
    problems: Problems,
) -> list[str]:
    """Note steps that their instrument cannot drive, or cannot bound unless that is allowed.

    `instruments` by terminal. Gives what the user answers for, in lines.
    """
    answered: list[str] = []
    for node in nodes:
        ratings = None
        if isinstance(node, Timed):
            ratings = instruments.get(node.terminal, instruments.get(MAIN))
        if ratings is None:
            continue
        for mode in modes_of(node, ratings):
            if (_GALVANOSTATIC if mode == SPECTRUM else mode) not in ratings.modes:
                problems.add(
                    "mode", node.where, f"the instrument on this channel cannot {WORDS[mode]}"
                )
            elif mode in ratings.unguarded and not allow_unguarded:
                problems.add(
                    "unguarded",
                    node.where,
                    "nothing holds the cell's limits in this step if the PC dies: the instrument "
                    "on this channel cannot",
                    "write `allow_unguarded: true` at the top if you answer for that",
                )
            elif mode in ratings.unguarded:
                answered.append(f"{node.where}: nothing holds the cell's limits if the PC dies")
    return list(dict.fromkeys(answered))


def modes_of(node: Node, ratings: Ratings) -> Iterator[Unguarded]:
    """How this instrument would drive the cell in this step."""
    if isinstance(node, Rest):
        yield "rest"
    elif isinstance(node, Hold):
        yield "voltage"
    elif isinstance(node, Sweep):
        yield "sweep" if "sweep" in ratings.modes else "voltage"
    elif isinstance(node, Impedance):
        if node.amplitude_A is not None:
            yield SPECTRUM
    elif isinstance(node, Drive):
        yield "current"
        if node.then_hold is not None:
            yield "voltage"
