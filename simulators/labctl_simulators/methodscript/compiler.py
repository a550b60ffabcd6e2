"""A script read and checked, line by line, to the program of a machine."""

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from labctl_simulators.methodscript import errors
from labctl_simulators.methodscript.arguments import Names, Option
from labctl_simulators.methodscript.commands import COMMANDS, NOT_SIMULATED
from labctl_simulators.methodscript.errors import LoadError
from labctl_simulators.methodscript.lexer import Word, words
from labctl_simulators.methodscript.loops import LOOPS, Loop
from labctl_simulators.methodscript.machine import Label, Machine, OpenLoop, Operation
from labctl_simulators.methodscript.values import literal

KEYWORDS = (
    "var", "array", "if", "elseif", "else", "endif", "loop", "endloop", "breakloop", "on_finished:",
)  # fmt: skip
EXHAUSTED = float("inf")
COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "&": lambda a, b: int(a) & int(b),
    "|": lambda a, b: int(a) | int(b),
}


class Block(NamedTuple):
    """An open `if`, `loop` or measurement: where it goes on, and where it is left."""

    kind: str
    again: Label
    exit: Label


class Compiler:
    """Fills a machine's program from a script's lines. `refused`: commands the device has not."""

    def __init__(self, machine: Machine, refused: Collection[str]) -> None:
        self._machine = machine
        self._refused = refused
        self._names = Names()
        self._blocks: list[Block] = []
        self._finishing = False
        self._line = 0
        self._end = 1
        methods = (
            self._var, self._array, self._if, self._elseif, self._else, self._endif, self._loop,
            self._endloop, self._breakloop, self._on_finished,
        )  # fmt: skip
        self._keywords = dict(zip(KEYWORDS, methods, strict=True))

    def read(self, lines: Sequence[str]) -> None:
        """Read the whole script. Raises LoadError."""
        for number, line in enumerate(lines, 1):
            self._line, self._end = number, len(line) + 1
            found = words(line, number)
            if found:
                self._command(found[0], found[1:])
        if self._blocks:
            raise self._error(errors.UNEXPECTED_END)
        if not self._finishing:
            self._put_label(self._machine.on_finished)

    def _error(self, code: int, word: Word | None = None) -> LoadError:
        return LoadError(code, self._line, self._end if word is None else word.column)

    def _add(self, *operations: Operation) -> None:
        self._machine.program.extend(operations)
        self._machine.lines.extend([self._line] * len(operations))

    def _put_label(self, label: Label) -> None:
        label.at = len(self._machine.program)

    def _command(self, first: Word, rest: list[Word]) -> None:
        name = first.text
        if first.kind != "name":
            raise self._error(errors.SYNTAX, first)
        if name in self._refused or name in NOT_SIMULATED:
            raise self._error(errors.NOT_ON_THIS_DEVICE, first)
        if name in self._keywords:
            self._keywords[name](first, rest)
        elif name in LOOPS:
            self._measurement(LOOPS[name], first, rest)
        elif name in COMMANDS:
            self._plain(name, first, rest)
        else:
            raise self._error(errors.UNKNOWN_COMMAND, first)

    def _plain(self, name: str, first: Word, rest: list[Word]) -> None:
        command = COMMANDS[name]
        if command.in_measurement and any(block.kind == "measurement" for block in self._blocks):
            raise self._error(command.in_measurement, first)
        plain, options = self._options(command.options, rest)
        arguments = self._arguments(command.kinds, plain, command.needed)
        self._add(*command.make(self._machine, arguments, options))

    def _options(
        self, known: Collection[str], given: list[Word]
    ) -> tuple[list[Word], list[Option]]:
        """What is plain among the arguments of a command, and the options."""
        options = []
        for word in given:
            if word.kind == "call":
                option = self._names.option(word, self._line)
                if option.name not in known:
                    raise self._error(errors.BAD_OPTION, word)
                options.append(option)
        return [word for word in given if word.kind != "call"], options

    def _arguments(self, kinds: Sequence[str], given: list[Word], needed: int = -1) -> list[Any]:
        if len(given) < (len(kinds) if needed < 0 else needed):
            raise self._error(errors.UNEXPECTED_END)
        if len(given) > len(kinds):
            raise self._error(errors.BAD_ARGUMENT, given[len(kinds)])
        return [
            self._names.argument(kind, word, self._line)
            for kind, word in zip(kinds, given, strict=False)
        ]

    def _measurement(self, loop: Loop, first: Word, rest: list[Word]) -> None:
        if any(block.kind == "measurement" for block in self._blocks):
            raise self._error(errors.NESTED_MEASUREMENT, first)
        plain, options = self._options(loop.options, rest)
        outs = self._arguments(("out",) * loop.outs, plain[: loop.outs])
        values = self._arguments(loop.kinds, plain[loop.outs :])
        machine, block = self._machine, Block("measurement", Label(), Label())

        def begin() -> None:
            points = loop.points(
                machine,
                [target() for target in outs],
                [value() for value in values],
                {option.name: option.value() for option in options},
            )
            due = next(points)  # what is refused is refused before the loop begins
            machine.say(f"M{loop.technique:04X}")
            machine.loops.append(OpenLoop(block.exit, "*", points))
            if due is not None:
                machine.time = max(machine.time, due)

        self._open(block, begin, lambda: _next_point(machine, block))

    def _open(self, block: Block, begin: Operation, go_on: Operation) -> None:
        self._add(begin)
        self._put_label(block.again)
        self._add(go_on)
        self._blocks.append(block)

    def _var(self, first: Word, rest: list[Word]) -> None:
        if not rest:
            raise self._error(errors.UNEXPECTED_END)
        if len(rest) > 1:
            raise self._error(errors.BAD_ARGUMENT, rest[1])
        self._names.declare(rest[0], self._line)

    def _array(self, first: Word, rest: list[Word]) -> None:
        if len(rest) < 2:
            raise self._error(errors.UNEXPECTED_END)
        size = literal(rest[1].text)
        if not isinstance(size, int):
            raise self._error(errors.BAD_ARGUMENT, rest[1])
        if size < 1:
            raise self._error(errors.NOT_POSITIVE, rest[1])
        self._names.declare(rest[0], self._line, size)

    def _condition(self, rest: list[Word]) -> Callable[[], bool]:
        if len(rest) < 3:
            raise self._error(errors.UNEXPECTED_END)
        if len(rest) > 3:
            raise self._error(errors.SYNTAX, rest[3])
        left = self._names.value(rest[0], self._line)
        right = self._names.value(rest[2], self._line)
        compare = COMPARISONS.get(rest[1].text)
        if compare is None:
            raise self._error(errors.SYNTAX, rest[1])
        return lambda: bool(compare(left(), right()))

    def _test(self, rest: list[Word], otherwise: Label) -> None:
        condition = self._condition(rest)
        self._add(lambda: None if condition() else otherwise.at)

    def _if(self, first: Word, rest: list[Word]) -> None:
        block = Block("if", Label(), Label())
        self._blocks.append(block)
        self._test(rest, block.again)

    def _elseif(self, first: Word, rest: list[Word]) -> None:
        self._other_branch(first)
        block = Block("if", Label(), self._blocks.pop().exit)
        self._blocks.append(block)
        self._test(rest, block.again)

    def _else(self, first: Word, rest: list[Word]) -> None:
        self._nothing_more(rest)
        self._other_branch(first)
        self._blocks.append(Block("else", Label(), self._blocks.pop().exit))

    def _other_branch(self, first: Word) -> None:
        block = self._innermost(first, "if")
        self._add(lambda: block.exit.at)
        self._put_label(block.again)

    def _endif(self, first: Word, rest: list[Word]) -> None:
        self._nothing_more(rest)
        block = self._innermost(first, "if", "else")
        self._blocks.pop()
        if block.kind == "if":
            self._put_label(block.again)
        self._put_label(block.exit)

    def _innermost(self, first: Word, *kinds: str) -> Block:
        if not self._blocks or self._blocks[-1].kind not in kinds:
            raise self._error(errors.WRONG_PLACE, first)
        return self._blocks[-1]

    def _nothing_more(self, rest: list[Word]) -> None:
        if rest:
            raise self._error(errors.BAD_ARGUMENT, rest[0])

    def _loop(self, first: Word, rest: list[Word]) -> None:
        machine, block = self._machine, Block("loop", Label(), Label())
        condition = self._condition(rest)

        def begin() -> None:
            machine.say("L")
            machine.loops.append(OpenLoop(block.exit, "+", None))

        self._open(block, begin, lambda: None if condition() else block.exit.at)

    def _endloop(self, first: Word, rest: list[Word]) -> None:
        self._nothing_more(rest)
        block = self._innermost(first, "loop", "measurement")
        self._blocks.pop()
        self._add(lambda: block.again.at)
        self._put_label(block.exit)
        self._add(self._machine.leave)

    def _breakloop(self, first: Word, rest: list[Word]) -> None:
        self._nothing_more(rest)
        exits = [b.exit for b in self._blocks if b.kind in ("loop", "measurement")]
        if not exits:
            raise self._error(errors.WRONG_PLACE, first)
        self._add(lambda: exits[-1].at)

    def _on_finished(self, first: Word, rest: list[Word]) -> None:
        self._nothing_more(rest)
        if self._blocks or self._finishing:
            raise self._error(errors.WRONG_PLACE, first)
        self._finishing = True
        self._put_label(self._machine.on_finished)


def _next_point(machine: Machine, block: Block) -> int:
    """Take a measurement's next point, or wait for it; gives where the script goes on."""
    points = machine.loops[-1].points
    while points is not None:
        due = next(points, EXHAUSTED)
        if due is EXHAUSTED:
            break
        if due is None:
            return block.again.at + 1
        if due > machine.time:
            machine.time = due
            return block.again.at
    return block.exit.at
