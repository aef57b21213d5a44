"""Faults that are asked of the nodes themselves, by their ports: a planned switch, and a Sentinel that ends while it leads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from redis_ha_ops.asking import Dial, tell
from redis_ha_ops.errors import OpsError
from redis_ha_ops.kinds import DRILLS
from redis_ha_ops.runbook import running
from redis_ha_ops.runbook.desk import Desk
from redis_ha_ops.stack import Stack
from redis_ha_ops.switching import sentinel_group

from .run import Fault

LEADER = "kill-leader"
SWITCH = "switch"
SIMULATE = ("SENTINEL", "SIMULATE-FAILURE")
# Each call replaces what the one before has asked for; `help` asks for nothing (redis/redis src/sentinel.c, sentinelCommand).
NOTHING = (*SIMULATE, "help")


class Switch:
    """A planned switch in the place of a fault: nothing is broken, and nothing has to be mended."""

    kind = DRILLS[SWITCH]
    description = "redis-ha switch: writes held, SENTINEL FAILOVER, the old master made a replica at once"

    def __init__(self, stack: Stack, dial: Dial, desk: Desk) -> None:
        self.desk = desk
        self.subject = sentinel_group.Subject(stack, dial, 0.0, 0.0, measure=False)

    def cut(self, _: str) -> None:
        """Switch."""
        ended = running.start(sentinel_group.runbook(self.subject), self.desk)
        if ended.outcome != "done":
            raise OpsError(f"switch {ended.outcome}: {ended.why}")

    def restore(self, _: str) -> None:
        """Leave it: the old master is a replica."""

    def restore_command(self, _: str) -> str:
        """Return what goes on with a switch that has not ended."""
        return f"redis-ha switch --stack {self.subject.stack.name} --resume"


class LeaderEnds:
    """A fault, and every Sentinel told to end right after it has promoted somebody: only the one that leads does."""

    def __init__(self, fault: Fault, stack: Stack, dial: Dial) -> None:
        self.fault = fault
        self.kind = fault.kind
        self.description = fault.description
        self.stack = stack
        self.dial = dial

    def cut(self, machine: str) -> None:
        """Tell them, then break the machine."""
        for slot in self.stack.of_kind("sentinel"):
            tell(slot, self.stack, self.dial, *SIMULATE, "crash-after-promotion")
        self.fault.cut(machine)

    def restore(self, machine: str) -> None:
        """Take the word back, and mend the machine; the Sentinel that ended was started anew by systemd."""
        try:
            forgive(self.stack, self.dial)
        finally:
            self.fault.restore(machine)

    def restore_command(self, machine: str) -> str:
        """Return what a person types to mend it."""
        return self.fault.restore_command(machine)


def forgive(stack: Stack, dial: Dial, say: Callable[[str], None] = lambda _: None) -> None:
    """Take back from every Sentinel what it was told to fail at; one that is down has forgotten it."""
    for slot in stack.of_kind("sentinel"):
        with contextlib.suppress(OpsError):
            tell(slot, stack, dial, *NOTHING)
            say(f"{slot.name}: fails at nothing")


def asked(fault: Fault, stack: Stack, dial: Dial, desk: Desk) -> Fault:
    """Return a drill's fault with what is asked of the nodes: `fault` itself for most."""
    if fault.kind.name == SWITCH:
        return Switch(stack, dial, desk)
    return LeaderEnds(fault, stack, dial) if fault.kind.name == LEADER else fault
