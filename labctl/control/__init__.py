"""Talking to a running run: requests from other processes of its owner, and their answers."""
