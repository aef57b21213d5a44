"""What may not happen to attached targets in one update: judged from what the component recorded. No Pulumi resources.

To register a target twice is no error, and to deregister it goes by the target alone: an attachment under a new name would be
made first, and the deletion of the old one would take the target out (hashicorp/terraform-provider-aws issue 34605).
"""

from collections.abc import Mapping
from typing import Any

from redis_ha.guard import Refusals

from .alb_plan import Targets

RECORD = "targets"  # of the component's inputs
UNKNOWN = ""  # an Output: which target it is nobody can know


def recorded(targets: Mapping[str, Targets], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the component records of its attachments: colour -> name -> target, empty where it is an Output."""
    return {
        RECORD: {
            colour: {
                name: target if isinstance(target, str) else UNKNOWN
                for name, target in zip(one.names, given[colour][one.kind], strict=True)
            }
            for colour, one in targets.items()
            if one.names
        }
    }


def target_refusals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Return (argument, reason with the values and the way that works) for each target that changes its name."""
    found: Refusals = []
    before, after = old.get(RECORD) or {}, new.get(RECORD) or {}
    for colour, names in before.items():
        wanted = after.get(colour) or {}
        came = {name: target for name, target in wanted.items() if name not in names}
        for name, target in names.items():
            if name in wanted:
                continue
            again = [other for other, value in came.items() if UNKNOWN in {value, target} or value == target]
            if again:
                under = " or ".join(map(repr, again))
                reason = (
                    f"{target or 'the target'} is attached as {name!r} and would be attached as {under} too; the deletion of "
                    f"the first would take it out; keep {name!r} in names, or take it out in an `up` of its own"
                )
                found.append((f"targets.{colour}.names", reason))
    return found
