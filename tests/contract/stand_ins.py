"""What hangs at an instrument's terminals in the contract suite, and what befalls its replies."""

from collections.abc import Callable

from labctl_simulators.ports import Ledger

OHMS = 100.0
Replies = list[tuple[float, bytes]]
Fault = Callable[[float, bytes], Replies]


class Battery:
    """A constant voltage behind a resistance."""

    def __init__(self, emf_V: float = 0.3) -> None:
        self.emf_V = emf_V

    def voltage(self, current_A: float) -> float:
        return self.emf_V + OHMS * current_A

    def step(self, dt_s: float, current_A: float) -> None:
        pass

    def ledger(self) -> Ledger:
        return Ledger(0.0, 0.0, 0.0)

    def horizon_s(self, current_A: float) -> float:
        return 1e9


FAULTS: dict[str, Fault] = {
    "dropped": lambda when, reply: [],
    "late": lambda when, reply: [(when + 1.5, reply)],
    "very late": lambda when, reply: [(when + 30.0, reply)],
    "twice": lambda when, reply: [(when, reply), (when + 0.003, reply)],
    "cut": lambda when, reply: [(when, reply[: len(reply) // 2] + b"\n")],
    "beginning lost": lambda when, reply: [(when, reply[len(reply) // 2 :])],
    "garbled": lambda when, reply: [(when, reply[:1] + b"#" + reply[2:])],
    "not ASCII": lambda when, reply: [(when, b"\xff" + reply)],
    "without end": lambda when, reply: [(when, reply[:-1])],
    "split": lambda when, reply: [(when, reply[:1]), (when + 0.01, reply[1:])],
}
