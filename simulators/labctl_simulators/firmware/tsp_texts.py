"""Error messages of the Series 2600B, and how grave each is.

Sources: instruments.md §3; 2600S-901-01 B-2; 2600BS-901-01 9-245 (1102), 9-334. The list in the
reference is not complete (instruments.md §10).
"""

TEXTS = {
    0: "Queue Is Empty",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -211: "Trigger ignored",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -225: "Out of memory",
    -285: "TSP Syntax error {detail}",
    -286: "TSP Runtime error {detail}",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
    -430: "Query DEADLOCKED",
    802: "OUTPUT blocked by interlock",
    1100: "Command unavailable",
    1101: "Parameter too big",
    1102: "Parameter too small",
    1103: "Min greater than max",
    5007: "Operation would exceed safe operating area of the instrument",
}
NO_SEVERITY, RECOVERABLE = 0, 20


def text(code: int, detail: str = "") -> str:
    """The manual's words for a code; a bare number for one that an option has set."""
    return TEXTS.get(code, f"Error {code}").replace("{detail}", detail)


def severity(code: int) -> int:
    """`errorqueue.next()`'s third value."""
    return RECOVERABLE if code else NO_SEVERITY
