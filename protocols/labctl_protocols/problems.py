"""What is wrong with a user's file: place, rule, message and advice, collected and never lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from labctl_protocols.plan import Where


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong at one place. `rule` names the rule that it breaks."""

    where: Where
    message: str
    rule: str
    hint: str = ""

    def __str__(self) -> str:
        advice = f" ({self.hint})" if self.hint else ""
        return f"{self.where}: {self.message}{advice}"


class ProtocolError(Exception):
    """A protocol, cell record or bench that cannot be used; `problems` in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Problems:
    """Collects problems; a disabled rule refuses nothing (only tests disable rules).

    While a routine is being expanded, what is wrong in its file is reported at the call.
    """

    def __init__(self, disabled: frozenset[str] = frozenset()) -> None:
        self.disabled = disabled
        self._found: list[Problem] = []
        self._call: tuple[Where, str] | None = None

    def add(self, rule: str, where: Where, message: str, hint: str = "") -> bool:
        """Note a problem; False where its rule is disabled and nothing was noted."""
        if rule in self.disabled:
            return False
        if self._call is not None and where.file != self._call[0].file:
            call, routine = self._call
            message = f"in routine {routine}, {where.line}:{where.column}: {message}"
            where = call
        problem = Problem(where, message, rule, hint)
        if problem not in self._found:
            self._found.append(problem)
        return True

    def extend(self, problems: tuple[Problem, ...]) -> None:
        """Take over problems found before."""
        self._found.extend(problems)

    @contextmanager
    def inside(self, call: Where, routine: str) -> Iterator[None]:
        """Report what is wrong in the routine's own file at the outermost call."""
        before = self._call
        if before is None:
            self._call = (call, routine)
        try:
            yield
        finally:
            self._call = before

    @property
    def found(self) -> tuple[Problem, ...]:
        """All problems in file order."""
        return tuple(
            sorted(self._found, key=lambda p: (p.where.file, p.where.line, p.where.column))
        )

    def raise_if_any(self) -> None:
        """Raise ProtocolError with everything found so far; nothing if there is nothing."""
        if self._found:
            raise ProtocolError(self.found)
