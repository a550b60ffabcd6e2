"""Curves get the standing that the engine gave their charge."""

from labctl.figures.run_halves import Half, halves_of
from labctl.journal import RecordedEvent

SIGN = {"plate": -1e-3, "strip": 1e-3, "charge": 1e-3, "discharge": -1e-3, "rest": None}


class Told:
    """Events in a row, numbered."""

    def __init__(self) -> None:
        self.events: list[RecordedEvent] = []
        self.net: dict[int, float] = {}

    def tell(self, kind: str, **data: object) -> None:
        data = {key.rstrip("_"): value for key, value in data.items()}
        self.events.append(RecordedEvent(len(self.events) + 1, 0.0, 0.0, 0, kind, data))

    def step(self, kind: str, cycle: int, current_A: float | None = None) -> None:
        count = len(self.net) + 1
        current = SIGN.get(kind) if current_A is None else current_A
        self.net[count] = current or 0.0
        self.tell("step_started", step_count=count, step_type=kind, cycle=cycle,
                  set_current_A=current, class_="cycle")  # fmt: skip

    def halves(self, first: str = "plate") -> list[Half]:
        return halves_of(self.events, first, self.net)


def standings(halves: list[Half]) -> list[tuple[str, int, int, str]]:
    return [(half.kind, half.cycle, half.pair, half.standing) for half in halves]


def test_rests_inside_a_half_do_not_cut_it() -> None:
    told = Told()
    for kind in ("plate", "rest", "plate", "rest", "strip"):
        told.step(kind, 1)
    told.tell("cycle", cycle=1, complete=True)
    assert [half.steps for half in told.halves()] == [[1, 3], [5]]
    assert standings(told.halves()) == [
        ("plate", 1, 1, "complete"),
        ("strip", 1, 1, "complete"),
    ]


def test_lead_in_open_and_interrupted_halves_are_told_apart() -> None:
    told = Told()
    told.step("strip", 0)
    told.step("plate", 1)
    told.tell("half", role="lead_in")
    told.step("strip", 1)
    told.tell("cycle", cycle=1, complete=False)
    told.step("plate", 2)
    told.tell("half", role="open")
    told.tell("group_left")
    told.step("plate", 3)
    assert standings(told.halves()) == [
        ("strip", 0, 0, "lead-in"),
        ("plate", 1, 1, "interrupted"),
        ("strip", 1, 1, "interrupted"),
        ("plate", 2, 2, "open"),
        ("plate", 3, 3, "unfinished"),
    ]


def test_the_portions_of_a_reservoir_are_pairs_of_one_cycle() -> None:
    told = Told()
    told.tell("group_entered")
    for _ in range(3):
        told.step("plate", 1)
        told.step("strip", 1)
    told.tell("cycle", cycle=1, complete=True)
    told.tell("group_left")
    assert [half.pair for half in told.halves()] == [1, 1, 2, 2, 3, 3]
    assert {half.standing for half in told.halves()} == {"complete"}


def test_the_end_of_a_group_ends_a_half() -> None:
    told = Told()
    told.step("plate", 1)
    told.tell("group_left")
    told.step("plate", 2)
    assert [half.steps for half in told.halves()] == [[1], [2]]


def test_a_hold_goes_the_way_its_charge_went() -> None:
    told = Told()
    told.step("charge", 1)
    told.step("then_hold", 1, current_A=1e-3)
    told.step("hold", 1)
    told.net[3] = -2e-4
    first, second = told.halves("charge")
    assert (first.kind, first.steps, first.holds) == ("charge", [1, 2], {2})
    assert (second.kind, second.steps, second.holds) == ("discharge", [3], {3})
