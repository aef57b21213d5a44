"""A program that keeps a client between invocations, as a function does: a line on stdin is one, a line on stdout its result.

Its arguments: sync or asyncio, and the file of the two documents. It tells what an invocation's command met on its way: the
causes of failed attempts.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from redis_ha_client import aio, connect
from redis_ha_client.budget import Budget

causes: list[str] = []
judge = Budget.judge


def noted(budget: Budget, error: Exception) -> Exception | None:
    """Note why an attempt failed."""
    causes.append(str(error))
    return judge(budget, error)


async def settled(value: Awaitable[Any] | Any) -> Any:
    """Await what an asyncio client returns."""
    return await value if inspect.isawaitable(value) else value


async def main(half: str, documents: dict[str, Any]) -> None:
    """Serve invocations until stdin ends."""
    Budget.judge = noted  # type: ignore[assignment, method-assign]
    make: Any = connect if half == "sync" else aio.connect
    client = make(documents["connection"], documents["credentials"], policy=documents["policy"])
    while line := await asyncio.to_thread(sys.stdin.readline):
        causes.clear()
        try:
            told = bool(await settled(client.set("invocation", line.strip())))
        except Exception as error:  # noqa: BLE001 - it is told
            causes.append(repr(error))
            told = False
        sys.stdout.write(json.dumps({"executed": told, "causes": causes}) + "\n")
        sys.stdout.flush()
    await settled(client.aclose() if half == "asyncio" else client.close())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())))
