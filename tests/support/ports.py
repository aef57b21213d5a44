"""A port that nobody listens at."""

import socket

ADDRESS = "127.0.0.1"


def free_port() -> int:
    """Give a port of the loopback address that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
