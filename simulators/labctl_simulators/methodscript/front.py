"""What a script asks of the analogue side of its instrument."""

from typing import NamedTuple, Protocol


class Taken(NamedTuple):
    """A reading: the value, and its metadata as a package shows it."""

    value: float
    metadata: str


class Front(Protocol):
    """A potentiostat or galvanostat with a cell; all at the time to which it was advanced.

    Every method raises ScriptError for what the instrument refuses.
    """

    def advance(self, now: float) -> None:
        """Let the cell's time pass."""

    def set_channel(self, channel: int) -> None:
        """Which of its channels the settings are for."""

    def set_mode(self, mode: int) -> None:
        """What it is: 0 off, 2 … 4 potentiostats, 6 galvanostat."""

    def set_range(self, vartype: str, value: float) -> None:
        """The range that holds a value, fixed."""

    def set_autorange(self, vartype: str, low: float, high: float) -> None:
        """The ranges among which it may choose."""

    def set_window(self, vartype: str, low: float, high: float) -> None:
        """What the applied quantity will stay within."""

    def set_potential(self, volts: float) -> None:
        """The potential of a potentiostat, now or when the cell is switched on."""

    def set_current(self, amperes: float) -> None:
        """The current of a galvanostat, now or when the cell is switched on."""

    def cell_on(self, potential_V: float | None) -> None:
        """Connect the cell; a potentiostat begins at `potential_V` where it is given."""

    def cell_off(self) -> None:
        """Disconnect the cell."""

    def begin_open(self) -> None:
        """A measurement at open circuit begins."""

    def begin_potential(self, volts: float) -> None:
        """A measurement applies a potential."""

    def begin_current(self, amperes: float) -> None:
        """A measurement applies a current."""

    def check_potential(self, volts: float) -> None:
        """A measurement will apply this potential."""

    def check_step(self, volts: float, code: int) -> None:
        """A step, pulse or amplitude must be one step of its converter; `code` says which."""

    def check_frequency(self, hertz: float) -> None:
        """A measurement will apply this frequency."""

    def measure(self, vartype: str, late: bool) -> Taken:
        """Read a quantity; `late` when the time for it was not met."""

    def impedance(
        self, frequency_Hz: float, amplitude: float, late: bool
    ) -> tuple[Taken, Taken, float, float]:
        """Real and imaginary part in Ω, amplitude of the potential in V and current in A."""
