"""The sans-IO engine: readings in, commands out; no I/O, no asyncio, no clock."""

from labctl_protocols.engine.engine import Engine

__all__ = ["Engine"]
