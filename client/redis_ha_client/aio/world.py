"""Looking up which region of a global datastore takes writes, beside the event loop."""

import asyncio

from redis_ha_client.budget import bounded
from redis_ha_client.world import Writer


async def look_up(writer: Writer) -> None:
    """Look up if it is due. One task does; the others go on with the region that is known, or wait for the first answer."""
    if not writer.due or (writer.region is not None and writer.turn.locked()):
        return
    left = bounded(None)
    try:
        async with asyncio.timeout(None if left == float("inf") else left), writer.turn:
            if writer.due:
                await asyncio.to_thread(writer.look_up)  # a resolver cannot be cut off; its thread ends by itself
    except TimeoutError:
        if writer.region is None:
            raise
