"""The operations of the emulated ElastiCache API, and which members of their input each takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.faults import Fault
from pulumi_emulator.aws.elasticache.refusal import VALUE

# A handler takes the Region that was called and the input as botocore's model has it, and returns the output in that form.
Handler = Callable[[Region, dict[str, Any]], dict[str, Any]]
# Lists are cut into pages by the dispatcher, after the handler.
PAGING: Final = frozenset({"MaxRecords", "Marker", "MaxResults", "NextToken"})


@dataclass(frozen=True)
class Operation:
    """One operation of the API."""

    name: str
    members: frozenset[str]
    run: Handler

    def check(self, given: dict[str, Any]) -> None:
        """Refuse what the handler does not read: a property must never be dropped in silence."""
        foreign = sorted(name for name in given if name not in self.members | PAGING)
        if foreign:
            raise Fault(VALUE, f"the emulator does not know {', '.join(foreign)} of {self.name}")


OPERATIONS: Final[dict[str, Operation]] = {}


def operation(name: str, members: str = "") -> Callable[[Handler], Handler]:
    """Make a function the handler of an operation; `members` are the input members that it reads, apart by spaces."""

    def register(run: Handler) -> Handler:
        OPERATIONS[name] = Operation(name, frozenset(members.split()), run)
        return run

    return register
