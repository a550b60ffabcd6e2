"""Cells with one-line physics, and a host that talks to a firmware and keeps its time."""

from collections.abc import Callable

from labctl_simulators.ports import Firmware, Ledger


class Resistor:
    """An electromotive force behind a resistance."""

    def __init__(self, ohms: float = 1000.0, emf_V: float = 0.0) -> None:
        self.ohms = ohms
        self.emf_V = emf_V
        self.elapsed_s = 0.0

    def voltage(self, current_A: float) -> float:
        return self.emf_V + self.ohms * current_A

    def step(self, dt_s: float, current_A: float) -> None:
        self.elapsed_s += dt_s

    def ledger(self) -> Ledger:
        return Ledger(0.0, 0.0, 0.0)

    def horizon_s(self, current_A: float) -> float:
        return 1e9


class Capacitor(Resistor):
    """A capacitor behind a resistance: V = V0 + Q / C + R · I."""

    def __init__(self, farads: float, emf_V: float, ohms: float = 10.0) -> None:
        super().__init__(ohms, emf_V)
        self.farads = farads

    def step(self, dt_s: float, current_A: float) -> None:
        self.emf_V += current_A * dt_s / self.farads

    def horizon_s(self, current_A: float) -> float:
        return 1e-3 * self.farads / abs(current_A) if current_A else 1e9


class Host:
    """Sends lines and waits for each reply before going on, as a good client does."""

    def __init__(self, firmware: Firmware, now: float = 0.0) -> None:
        self.firmware = firmware
        self.now = now
        self.took_s = 0.0

    def send(self, *lines: str) -> None:
        """Messages that have no reply."""
        for line in lines:
            assert self.firmware.feed(line.encode() + b"\n", self.now) == []
            self.now += 0.01

    def silent(self, line: str) -> bool:
        """Whether a message gets no reply."""
        replies = self.firmware.feed(line.encode() + b"\n", self.now)
        self.now += 1.0
        return replies == []

    def ask(self, line: str) -> str:
        """The reply to a message, once it is on the wire."""
        ((when, data),) = self.firmware.feed(line.encode() + b"\n", self.now)
        assert data.endswith(b"\n")
        self.took_s, self.now = when - self.now, when
        return data[:-1].decode("latin-1")

    def values(self, line: str) -> list[float]:
        """The numbers of a reply."""
        return [float(word) for word in self.ask(line).split(",")]

    def wait(self, seconds: float) -> None:
        """Let time pass without traffic."""
        self.now += seconds
        self.firmware.advance(self.now)

    def codes(self) -> list[int]:
        """Empty the error queue."""
        found = []
        while (code := int(self.ask("SYST:ERR?").split(",")[0])) != 0:
            found.append(code)
        return found


Make = Callable[..., Firmware]
