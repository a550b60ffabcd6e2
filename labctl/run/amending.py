"""`labctl amend`: the changed protocol, bound again to the same cell and instrument."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from labctl.control.request import Request
from labctl_protocols.decisions import Event, Revision
from labctl_protocols.files import ProtocolFile, protocol_from_text
from labctl_protocols.plan import Plan

Bind = Callable[[ProtocolFile, Mapping[str, str]], Plan]
"""Checks a protocol with these parameters against the run's cell, instruments and ratings."""


class Amending:
    """Keeps which protocol a run follows now, and makes the next one of it."""

    def __init__(self, protocol: ProtocolFile, parameters: Mapping[str, str], bind: Bind) -> None:
        self._protocol = protocol
        self._parameters = dict(parameters)
        self._bind = bind
        self._asked: tuple[Revision, ProtocolFile, dict[str, str]] | None = None

    def revision_of(self, request: Request) -> Revision:
        """The revision that is asked for, checked like any protocol. Raises ProtocolError.

        A new protocol calls the routines that the run began with: nobody has sent others.
        """
        protocol = self._protocol
        if request.protocol is not None:
            read = protocol_from_text(request.protocol, request.file)
            protocol = replace(read, routines=protocol.routines)
        parameters = {**self._parameters, **request.parameters}
        plan = self._bind(protocol, parameters)
        text = protocol.text
        data = {
            "protocol_text": text,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "file": protocol.file,
            "given": parameters,
            "parameters": dict(plan.parameters),
        }
        revision = Revision(0.0, plan, request.by, data)
        self._asked = revision, protocol, parameters
        return revision

    def hear(self, event: Event) -> None:
        """Once the engine tells of the revision that was asked for, the next one starts from it."""
        if event.kind != "revision" or self._asked is None:
            return
        revision, protocol, parameters = self._asked
        if event.data["by"] == revision.by and event.data["sha256"] == revision.data["sha256"]:
            self._protocol, self._parameters = protocol, parameters
