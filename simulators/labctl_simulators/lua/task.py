"""A chunk that is being executed: it can stop wherever it takes time, and go on later."""

from typing import Protocol

from labctl_simulators.lua.steps import Scope, Statement, World, enter
from labctl_simulators.lua.values import Call, Closure, LuaError, Request, Steps, Values

DEEPEST = 190


class HasClock(Protocol):
    """Who is told what time it is while a piece runs."""

    clock: float


class Task:
    """One chunk on its way, `clock` seconds into the time of its host.

    `step_s` is what each turn of a loop and each call takes. Functions written in Lua stand on the
    task's own stack, so that their depth is bounded by it and not by Python's.
    """

    def __init__(
        self, chunk: Statement, world: World, host: HasClock, clock: float, step_s: float
    ) -> None:
        self._host = host
        self.clock = self.began = clock
        self._step_s = step_s
        main = Closure((), False, chunk, Scope(world))
        self._stack: list[tuple[Steps, bool]] = [(enter(main, []), False)]
        self._answer: Values | None = None
        self._error: LuaError | None = None

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""
        return not self._stack

    def run(self, until: float) -> None:
        """Go on while the clock has not passed `until`. Raises LuaError, which ends it."""
        while self._stack and self.clock <= until:
            steps, protected = self._stack[-1]
            self._host.clock = self.clock
            try:
                request = self._resume(steps)
            except StopIteration as stop:
                self._stack.pop()
                self._answer = [True, *stop.value] if protected else stop.value
            except LuaError as error:
                self._unwind(error)
            except RecursionError:
                self._unwind(LuaError("stack overflow"))
            else:
                self._answer = None
                self._serve(request)

    def end(self) -> None:
        """Give it up where it stands."""
        while self._stack:
            self._stack.pop()[0].close()

    def _resume(self, steps: Steps) -> Request:
        error, self._error = self._error, None
        if error is not None:
            return steps.throw(error)
        return next(steps) if self._answer is None else steps.send(self._answer)

    def _serve(self, request: Request) -> None:
        if isinstance(request, Call):
            self.clock += self._step_s
            if len(self._stack) >= DEEPEST:
                self._error = LuaError("stack overflow")
            else:
                body = enter(request.function, request.arguments)
                self._stack.append((body, request.protected))
        elif request is None:
            self.clock += self._step_s
        else:
            self.clock = max(self.clock, request)

    def _unwind(self, error: LuaError) -> None:
        while self._stack:
            steps, protected = self._stack.pop()
            steps.close()
            if protected:
                self._answer = [False, str(error)]
                return
        raise error
