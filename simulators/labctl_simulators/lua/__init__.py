"""The subset of Lua 5.0 that runs on instruments with a test script processor."""
