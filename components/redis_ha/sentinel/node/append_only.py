"""Ends an error of the append-only file that Redis does not end by itself.

A write that fails during the first rewrite of the file sets `aof_last_write_status` to err; what was to be written goes with
the rewrite's file. The next write that succeeds would end the error, but a master refuses every write while it stands
(MISCONF), and answers PING so, which makes Sentinels call it down. Redis forgets the error only when the file is begun anew
(redis/redis src/aof.c, startAppendOnly; seen with Redis 7.0.15 and 8.0.2).
"""

from collections.abc import Mapping

from .resp import Connection

DIRECTIVE = "appendonly"


def is_stuck(fields: Mapping[str, str]) -> bool:
    """Tell from INFO whether the error stands although nothing is left to write.

    A rewrite that ended well proves that the disk has room again, and that the file holds all that was acknowledged.
    """
    return (
        fields.get("aof_enabled") == "1"
        and fields.get("aof_last_write_status") == "err"
        and fields.get("aof_buffer_length") == "0"
        and rewrite_is_done(fields)
    )


def rewrite_is_done(fields: Mapping[str, str]) -> bool:
    """Tell from INFO whether no rewrite runs, waits or has failed: until the first one ends well, Redis loads an older file."""
    return (
        fields.get("aof_rewrite_in_progress") == "0"
        and fields.get("aof_rewrite_scheduled") == "0"
        and fields.get("aof_last_bgrewrite_status") == "ok"
    )


def free(connection: Connection, fields: Mapping[str, str]) -> None:
    """Begin the file anew when it is stuck; in one transaction, so that nothing is written without it."""
    if is_stuck(fields):
        connection.transaction([("CONFIG", "SET", DIRECTIVE, "no"), ("CONFIG", "SET", DIRECTIVE, "yes")])
        print("began the append-only file anew: a write had failed, and Redis refused all others since", flush=True)
