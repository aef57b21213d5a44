"""Addresses of the loopback range that nobody else on this machine uses: a range for each process, a subnet for each topology.

Every 127.0.0.0/8 address can be bound on Linux without set-up. A process claims 127.N.0.0/16 with an abstract Unix socket that
has N in its name (unix(7)). The kernel gives a name to one process only and takes it back when the process ends, however it
ends. Such names belong to a network namespace, as the loopback range does.
"""

import atexit
import functools
import itertools
import os
import socket

_RANGES = range(20, 250)
_SUBNETS = itertools.count(1)
_LAST_SUBNET = 254


def next_subnet() -> str:
    """Return the first three numbers of addresses that no other topology has, in this process or in another one."""
    number = next(_SUBNETS)
    assert number <= _LAST_SUBNET, f"this process has used all {_LAST_SUBNET} subnets of its range"
    return f"127.{_own_range()[0]}.{number}"


def claim(number: int) -> socket.socket | None:
    """Claim 127.`number`.0.0/16 for as long as the socket is open; None when another process has it."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0redis-ha-tests-127.{number}")
    except OSError:
        name.close()
        return None
    return name


@functools.cache
def _own_range() -> tuple[int, socket.socket]:
    """Claim a range for the life of this process."""
    first = os.getpid() % len(_RANGES)  # processes that start together look at different ranges
    for number in [*_RANGES[first:], *_RANGES[:first]]:
        name = claim(number)
        if name is not None:
            atexit.register(name.close)
            return number, name
    raise AssertionError(f"all {len(_RANGES)} loopback ranges are in use by test processes: end some")
