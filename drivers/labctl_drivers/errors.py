"""Everything that can go wrong between labctl and an instrument, under one root."""


class InstrumentError(Exception):
    """Root of all errors of links and drivers."""


class LinkError(InstrumentError):
    """The bytes did not get through."""


class LinkLost(LinkError):
    """The other end is gone: unplugged, closed or reset."""


class LinkTimeout(LinkError):
    """No whole reply within the time allowed; the link has been resynchronised or marked lost."""


class BadReply(LinkError):
    """A whole reply that is not of the form that was asked for, or longer than any reply is."""


class WrongInstrument(InstrumentError):
    """Another model or serial number answers at the address. Nothing was changed on it."""


class InstrumentRefused(InstrumentError):
    """The instrument put an error in its queue."""

    def __init__(self, code: int, text: str, after: str) -> None:
        super().__init__(f"the instrument refused {after!r}: {code} {text}")
        self.code = code
        self.text = text


class InvalidReading(InstrumentError):
    """A reply that is no measurement: truncated, not a number, over-range or a sentinel."""


class OutputLost(InstrumentError):
    """The output went off by itself: interlock, protection, or a hand at the panel."""


class OutOfRange(InstrumentError):
    """The instrument cannot do what was asked. Its output has not changed."""


class OutputUnknown(InstrumentError):
    """Nobody can say whether the output is off."""
