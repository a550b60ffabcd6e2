"""labctl → unicycler → labctl: whatever both can say does the same thing, step for step.

What each step does is drawn first, as figures; the YAML and what is expected are made of these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from helpers.converting import BIG, value
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.convert import convert_text
from labctl.convert.to_unicycler import unicycler_document
from labctl.convert.vendor import vendor_text
from labctl_protocols.checker import bind
from labctl_protocols.files import protocol_from_text
from labctl_protocols.plan import Drive, End, Hold, Impedance, Mark, Node, Repeat, Rest, Sweep

pytest.importorskip("aurora_unicycler")
Act = tuple[str | float | None, ...]
"""One thing that is done to the cell: its word and its figures in SI, None for what is not set."""
CAPACITY_Ah = 5.0


@dataclass(frozen=True)
class Piece:
    """Lines of YAML, and what they do."""

    lines: list[str]
    acts: list[Act]


MILLIVOLTS = st.integers(-4900, 4900)
SECONDS = st.one_of(st.integers(1, 10**6), st.floats(0.1, 1e5).map(lambda s: round(s, 3)))
MICROAMPERES = st.integers(1, 10**7)
RATES = st.sampled_from([("C/3", 1 / 3), ("C/20", 0.05), ("1C", 1.0), ("0.7C", 0.7)])
CURRENTS = st.one_of(
    MICROAMPERES.map(lambda uA: (f"{uA} uA", uA / 1e6)),
    RATES.map(lambda rate: (rate[0], rate[1] * CAPACITY_Ah)),
)


@st.composite
def rests(draw: st.DrawFn) -> Piece:
    seconds = draw(SECONDS)
    return Piece([f"- rest: {seconds} s"], [("rest", seconds)])


@st.composite
def drives(draw: st.DrawFn) -> Piece:
    """A current until a voltage, a time, a charge, or some of them, and perhaps a hold."""
    verb, (text, amperes) = draw(st.sampled_from(["charge", "discharge"])), draw(CURRENTS)
    kinds = draw(st.sampled_from(["v", "t", "q", "vt", "vq", "tq", "vtq", "vh"]))
    mV, seconds, mAh = draw(MILLIVOLTS), draw(SECONDS), draw(st.integers(1, 5000))
    ends, times = [], []
    if "v" in kinds:
        ends.append(f"{mV} mV")
    if "t" in kinds:
        ends.append(f"{seconds} s")
        times.append(seconds)
    if "q" in kinds:
        ends.append(f"{mAh} mAh")
        times.append(mAh * 3.6 / amperes)
    row = f"- {verb}: {text} until {' or '.join(ends)}"
    sign = 1 if verb == "charge" else -1
    volts = mV / 1000 if "v" in kinds else None
    acts: list[Act] = [("current", sign * amperes, volts, min(times, default=None))]
    if "h" in kinds:
        until, final, time = draw(hold_ends())
        row += f" then hold until {until}"
        acts.append(("voltage", volts, final, time))
    return Piece([row], acts)


@st.composite
def hold_ends(draw: st.DrawFn) -> tuple[str, float | None, float | None]:
    (text, amperes), seconds = draw(CURRENTS), draw(SECONDS)
    return draw(
        st.sampled_from(
            [
                (text, amperes, None),
                (f"{seconds} s", None, seconds),
                (f"{text} or {seconds} s", amperes, seconds),
            ]
        )
    )


@st.composite
def holds(draw: st.DrawFn) -> Piece:
    mV, (until, final, time) = draw(MILLIVOLTS), draw(hold_ends())
    return Piece([f"- hold: {mV} mV until {until}"], [("voltage", mV / 1000, final, time)])


@st.composite
def sweeps(draw: st.DrawFn) -> Piece:
    start = draw(MILLIVOLTS)
    corner = st.one_of(MILLIVOLTS, st.just(start))
    corners = draw(
        st.lists(corner, min_size=1, max_size=3).filter(lambda found: set(found) != {start})
    )
    rate = draw(st.integers(1, 10**5))
    # a second cycle needs a way back
    cycles = draw(st.integers(1, 3)) if len(corners) > 1 else 1
    to = ", ".join(f"{mV} mV" for mV in corners)
    row = f"- sweep: {{from: {start} mV, to: [{to}], rate: {rate} uV/s, cycles: {cycles}}}"
    way = pairwise([start, *corners * cycles])
    return Piece([row], [("scan", a / 1e3, b / 1e3, rate / 1e6) for a, b in way if a != b])


@st.composite
def spectra(draw: st.DrawFn) -> Piece:
    first, last = draw(st.integers(1, 10**6)), draw(st.integers(1, 10**6))
    points, size = draw(st.integers(1, 20)), draw(st.integers(1, 1000))
    amplitude, acts = draw(
        st.sampled_from([(f"{size} mV", (size / 1e3, None)), (f"{size} uA", (None, size / 1e6))])
    )
    row = (
        f"- impedance: {{from: {first} Hz, to: {last} mHz, points_per_decade: {points}, "
        f"amplitude: {amplitude}}}"
    )
    return Piece([row], [("spectrum", first, last / 1e3, points, *acts)])


MARKS = st.sampled_from(["a", "b", "yes"]).map(lambda text: Piece([f'- mark: "{text}"'], []))
PLAIN = st.one_of(rests(), drives(), holds(), sweeps(), spectra())


def repeated(inner: st.SearchStrategy[Piece]) -> st.SearchStrategy[Piece]:
    body = st.tuples(st.lists(st.one_of(MARKS, inner), max_size=2), inner)
    return st.tuples(st.integers(1, 3), body).map(
        lambda drawn: loop(drawn[0], [*drawn[1][0], drawn[1][1]])
    )


def loop(times: int, pieces: list[Piece]) -> Piece:
    lines = [f"    {line}" for piece in pieces for line in piece.lines]
    acts = [act for piece in pieces for act in piece.acts]
    return Piece([f"- repeat: {times}", "  steps:", *lines], acts * times)


PIECES = st.recursive(PLAIN, repeated, max_leaves=6)
PROTOCOLS = st.lists(st.one_of(PIECES, MARKS), max_size=4).filter(
    lambda pieces: any(piece.acts for piece in pieces)
)


# ---- what a plan does ----------------------------------------------------------------------


def acts_of(nodes: tuple[Node, ...]) -> Iterator[Act]:
    for node in nodes:
        if isinstance(node, Repeat):
            for _ in range(int(value(node.times) or 0)):
                yield from acts_of(node.steps)
        elif isinstance(node, Rest):
            yield ("rest", target(node.until, "time"))
        elif isinstance(node, Drive):
            yield from drive_acts(node)
        elif isinstance(node, Hold):
            yield hold_act(node, value(node.voltage))
        elif isinstance(node, Sweep):
            way = [value(each) for each in (node.start, *node.corners * node.cycles)]
            yield from (("scan", a, b, node.rate_V_s) for a, b in pairwise(way) if a != b)
        elif isinstance(node, Impedance):
            sizes = (node.amplitude_V, node.amplitude_A)
            yield ("spectrum", node.from_Hz, node.to_Hz, node.points_per_decade, *sizes)
        else:
            assert isinstance(node, Mark), node


def drive_acts(node: Drive) -> Iterator[Act]:
    assert node.control == "current"
    volts = target(node.until, "voltage")
    amperes = node.sign * (value(node.at) or 0.0)
    yield ("current", amperes, volts, target(node.until, "time"))
    if node.then_hold is not None:
        yield hold_act(node.then_hold, volts)


def hold_act(node: Hold, volts: float | None) -> Act:
    return ("voltage", volts, target(node.until, "current"), target(node.until, "time"))


def target(ends: tuple[End, ...], kind: str) -> float | None:
    found = [value(end.expression) for end in ends if end.kind == kind]
    assert len(found) <= 1
    return found[0] if found else None


@given(pieces=PROTOCOLS)
@settings(max_examples=80)
def test_there_and_back_it_does_the_same(pieces: list[Piece]) -> None:
    lines = [line for piece in pieces for line in piece.lines]
    text = "\n".join(["name: x", "record: every 10 s", "steps:", *lines]) + "\n"
    plan = bind(protocol_from_text(text, "x.yaml"), BIG, None)
    document, _ = unicycler_document(plan, BIG.id)
    there = vendor_text(document, "unicycler")
    back = convert_text(there, "x.json", cell=BIG)
    assert back.plan is not None
    assert back.plan.limits == plan.limits
    assert back.plan.record == plan.record
    wanted = [act for piece in pieces for act in piece.acts]
    found = list(acts_of(back.plan.steps))
    assert [act[0] for act in found] == [act[0] for act in wanted], there
    for one, other in zip(found, wanted, strict=True):
        assert [figure is None for figure in one] == [figure is None for figure in other], there
        figures = [figure for figure in other[1:] if figure is not None]
        assert [figure for figure in one[1:] if figure is not None] == pytest.approx(
            figures, rel=1e-9, abs=1e-15
        )
