"""Lets replicas wait whose full syncs fail again and again (repl-diskless-sync-delay of their master)."""

import time
from collections.abc import Mapping

from .resp import Connection

WITHIN_S = 60.0
# More full syncs than this within a minute are no restart of a few replicas.
MANY_FULL_SYNCS = 4


def sync_delay_s(full_syncs: int) -> int:
    """Return repl-diskless-sync-delay of a master that began so many full syncs within the last minute.

    A replica whose disk is full, or that otherwise cannot load what it gets, asks anew at once, and each time is a fork of the
    master (redis/redis issues 6271, 12780, 13517).
    """
    return 0 if full_syncs < MANY_FULL_SYNCS else 5 if full_syncs < 2 * MANY_FULL_SYNCS else 30


class FullSyncs:
    """Counts the full syncs of one run of redis-server while it is master."""

    def __init__(self) -> None:
        """Begin."""
        self._seen: list[tuple[float, int]] = []
        self._delay = -1

    def look(self, connection: Connection, fields: Mapping[str, str]) -> None:
        """Take one look at INFO."""
        now = time.monotonic()
        if fields.get("role") != "master":
            self._seen = []
        self._seen = [one for one in self._seen if now - one[0] < WITHIN_S]
        self._seen.append((now, int(fields.get("sync_full", "0"))))
        wanted = sync_delay_s(self._seen[-1][1] - self._seen[0][1])
        if wanted != self._delay:
            connection.call("CONFIG", "SET", "repl-diskless-sync-delay", wanted)
            self._delay = wanted
            print(f"a full sync waits for {wanted} s", flush=True)
