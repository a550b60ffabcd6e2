"""Instruments: links, codecs and one file per instrument family."""
