"""What of a SentinelCluster's arguments would harm the Sentinels themselves."""

import fnmatch

# redis/redis src/sentinel.h, SENTINEL_HELLO_CHANNEL
HELLO_CHANNEL = "__sentinel__:hello"
# Classes and escapes mean one thing to Redis (src/util.c, stringmatchlen) and another to everybody else's patterns.
AMBIGUOUS = frozenset("[]\\")


def is_ambiguous(pattern: str) -> bool:
    """Tell whether a channel pattern has more than `*` and `?`, so that only Redis itself could say what it matches."""
    return not AMBIGUOUS.isdisjoint(pattern)


def forbidden_channel(pattern: str) -> bool:
    """Tell whether a channel pattern that is not ambiguous matches Sentinel's own channel."""
    return fnmatch.fnmatchcase(HELLO_CHANNEL, pattern)
