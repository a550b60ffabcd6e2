"""How a script fails: while it is read, with a place, or while it runs, with a line."""


class LoadError(Exception):
    """The script is refused. `code` as the manual lists it; line and column from 1."""

    def __init__(self, code: int, line: int, column: int) -> None:
        super().__init__(f"{code:04X} at line {line}, column {column}")
        self.code = code
        self.line = line
        self.column = column


class ScriptError(Exception):
    """A running script cannot go on. The instrument adds the line."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:04X}")
        self.code = code


INVALID_VARTYPE = 0x0002
BAD_POTENTIAL = 0x000F
NOT_A_NUMBER = 0x0010
BAD_FREQUENCY = 0x0011
OCP_WITH_CELL_ON = 0x0014
NOT_ON_THIS_DEVICE = 0x001B
STEP_TOO_SMALL = 0x001C
PULSE_TOO_SMALL = 0x001D
AMPLITUDE_TOO_SMALL = 0x001E
UNKNOWN_MODE = 0x0021
WRONG_MODE = 0x0023
TOO_MANY_VARS = 0x0024
DIVIDED_BY_ZERO = 0x0028
CRITICAL_OVERLOAD = 0x0032
OUT_OF_MEMORY = 0x000B
SYNTAX = 0x4000
UNKNOWN_COMMAND = 0x4001
BAD_ARGUMENT = 0x4002
UNEXPECTED_CHARACTER = 0x4004
BAD_VARTYPE = 0x4006
BAD_OPTION = 0x4008
NESTED_MEASUREMENT = 0x400B
WRONG_PLACE = 0x400C
UNEXPECTED_END = 0x4018
PACKAGE_ORDER = 0x401B
DECLARED_TWICE = 0x4026
NEEDS_CELL_ON = 0x4027
POTENTIAL_IN_LOOP = 0x4032
BAD_LITERAL = 0x4039
NEGATIVE = 0x4200
ZERO = 0x4202
NOT_POSITIVE = 0x4204
OUT_OF_BOUNDS = 0x4205
UNDECLARED = 0x420B
