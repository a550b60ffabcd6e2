"""One run: engine, channel and journal put together."""
