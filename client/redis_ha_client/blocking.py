"""How long a blocking command says that it may wait on the server."""

from collections.abc import Sequence

from .errors import DocumentError
from .words import text_of

# Command -> position of its waiting time, counted in the whole command, and what one unit is in seconds.
# Source: https://redis.io/docs/latest/commands/ (BLPOP "timeout" in seconds as the last argument, and so on).
_LAST_SECONDS = {"BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX"}
_FIRST_SECONDS = {"BLMPOP", "BZMPOP"}
_LAST_MILLISECONDS = {"WAIT", "WAITAOF"}
_BLOCK_OPTION = {"XREAD", "XREADGROUP"}  # BLOCK milliseconds, among the options before STREAMS


def block_seconds(args: Sequence[object]) -> float:
    """Return the seconds that a command may wait on the server; 0 for a command that does not wait.

    A waiting time of 0 ("for ever" to Redis) is refused with DocumentError: no budget can hold it, and a client that waits for
    ever on a master that lost its power learns of it from TCP's keepalive at best. Ask for some seconds, in a loop.
    """
    name = text_of(args[0]).upper()
    if name in _LAST_SECONDS:
        waits = _number(args[-1])
    elif name in _FIRST_SECONDS and len(args) > 1:
        waits = _number(args[1])
    elif name in _LAST_MILLISECONDS:
        waits = _number(args[-1], 1000)
    elif name in _BLOCK_OPTION:
        # XREADGROUP GROUP group consumer ...: these names may be anything, also words of the command.
        options = [text_of(word).upper() for word in (args[4:] if name == "XREADGROUP" else args[1:])]
        options = options[: options.index("STREAMS")] if "STREAMS" in options else options
        if "BLOCK" not in options[:-1]:
            return 0.0
        waits = _number(options[options.index("BLOCK") + 1], 1000)
    else:
        return 0.0
    if waits is None:
        return 0.0  # malformed: the server says so better
    if waits <= 0:
        raise DocumentError(
            f"{name} with a waiting time of 0 waits for ever, which no time budget can hold: give seconds, in a loop"
        )
    return waits


def _number(word: object, divisor: int = 1) -> float | None:
    try:
        return float(text_of(word)) / divisor
    except ValueError:
        return None
