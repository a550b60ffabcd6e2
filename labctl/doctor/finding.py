"""What a check found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "odd", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one channel; `odd` is for somebody to look at, `bad` must be put right."""

    check: str
    state: State
    text: str
