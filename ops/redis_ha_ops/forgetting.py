"""Let the Sentinels forget the nodes that are not in the stack any more.

A Sentinel keeps every replica and every Sentinel that it has ever known. A removed Sentinel goes on counting where a majority
is needed: after 5 became 3, the loss of one more is the end of failovers. `SENTINEL RESET` is the only way; it finds the
living ones again within seconds (redis.io, "High availability with Redis Sentinel", adding or removing Sentinels).
"""

import time
from collections.abc import Callable, Sequence

from .asking import Dial, tell
from .errors import OpsError
from .findings import Finding
from .stack import Stack
from .status import Look, look
from .topology import SentinelNode

# Replicas come back with the first INFO, Sentinels with their hello, every 2 s (src/sentinel.c, sentinel_publish_period).
FIND_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 1.0
STRANGER = "dead-peer"  # what `findings` calls a node that a Sentinel knows and the stack does not have


def strangers(one: SentinelNode, stack: Stack) -> list[str]:
    """Return the addresses that a Sentinel knows and that are no slot of the stack, sorted."""
    slots = {slot.address for slot in stack.slots}
    return sorted({peer.address for peer in (*one.replicas, *one.sentinels)} - slots)


def obstacle(findings: Sequence[Finding]) -> Finding | None:
    """Return what has to be mended first: a Sentinel that was just reset does not fail over until it knows the others again."""
    return next((one for one in findings if one.severity != "note" and one.code != STRANGER), None)


def forget(stack: Stack, dial: Dial, say: Callable[[str], None]) -> int:
    """Reset each Sentinel that knows a stranger, one after the other; return how many were reset.

    Errors: OpsError when something else is wrong with the stack, or when a Sentinel does not find the living nodes again. Those
    that come after it were not touched, and it can run again.
    """
    seen = _fit(look(stack, dial), stack)
    reset = 0
    for one in seen.topology.sentinels:
        gone = strangers(one, stack)
        if gone:
            tell(one.slot, stack, dial, "SENTINEL", "RESET", stack.master_name)
            _wait(stack, dial, one.slot.name)
            say(f"{one.slot.name} has forgotten {', '.join(gone)}")
            reset += 1
    return reset


def _fit(seen: Look, stack: Stack) -> Look:
    found = obstacle(seen.findings)
    if found is not None:
        raise OpsError(
            f"stack {stack.name}: {found.subject} {found.text}; mend this first, `redis-ha status` tells more. "
            "No Sentinel was reset"
        )
    return seen


def _wait(stack: Stack, dial: Dial, name: str) -> None:
    end = time.monotonic() + FIND_SECONDS
    while True:
        seen = look(stack, dial)
        one = next(sentinel for sentinel in seen.topology.sentinels if sentinel.slot.name == name)
        back = strangers(one, stack)
        found = obstacle(seen.findings)
        if not back and found is None:
            return
        if time.monotonic() >= end:
            known = f"it knows {', '.join(back)} again, which still runs: end it first"
            why = known if found is None else f"{found.subject} {found.text}"
            told = f"{name} was reset, and after {FIND_SECONDS:g} s: {why}. The next were not touched"
            raise OpsError(f"stack {stack.name}: {told}")
        time.sleep(LOOK_AGAIN_SECONDS)
