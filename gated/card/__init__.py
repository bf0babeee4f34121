"""Conversations with media. Each is a generator: it yields a command and receives the response.

It knows no reader, so a recorded transcript is its test; whoever drives it sends the bytes.
"""
