"""What of a SentinelCluster's arguments would harm the Sentinels themselves."""

import fnmatch

# redis/redis src/sentinel.h, SENTINEL_HELLO_CHANNEL
HELLO_CHANNEL = "__sentinel__:hello"


def forbidden_channel(pattern: str) -> bool:
    """Tell whether a channel pattern of Redis matches Sentinel's own channel (Redis negates a class with ^, fnmatch with !)."""
    return fnmatch.fnmatchcase(HELLO_CHANNEL, pattern.replace("[^", "[!").replace("\\", ""))
