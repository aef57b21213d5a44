"""What a library's worker process does with a client that its parent has taken apart. Imports little: it starts anew."""

from typing import Any

import redis


def write_again(kind: type, connection_class: type, arguments: dict[str, Any]) -> None:
    """Make the client again as rq 3.0 worker_pool.py does in run_worker, and write with it."""
    client = kind(connection_pool=redis.ConnectionPool(connection_class=connection_class, **arguments))
    client.set("{again}process", "here")
    client.close()
