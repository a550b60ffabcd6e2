"""Hearing a run again, bit for bit; and a protocol against a recording, open loop."""
