"""Looking up which region of a global datastore takes writes."""

import threading

from redis_ha_client.budget import bounded
from redis_ha_client.world import Writer


def look_up(writer: Writer) -> None:
    """Look up if it is due. One thread does; the others go on with the region that is known, or wait for the first answer."""
    if not writer.due:
        return
    waits = min(bounded(None), threading.TIMEOUT_MAX) if writer.region is None else 0
    if not writer.lock.acquire(timeout=waits):
        return
    try:
        if writer.due:
            writer.look_up()
    finally:
        writer.lock.release()
