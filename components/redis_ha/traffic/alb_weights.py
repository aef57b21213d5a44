"""The weights of a living listener: what they are, and which change of them `up` refuses."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from redis_ha.guard import Judge, Refusals

from .alb_plan import AlbPlan
from .authority import COLOURS

# A colour's target group is found by its ARN, or, while that is not known, by nothing.
Found = Mapping[str, int]


def weights_by_arn(actions: Any) -> Found:
    """Return the weights in a listener's actions by target group; the groups of an action have no order.

    `actions` are an engine's inputs (in the schema's names) or the SDK's outputs. What is not known yet is left out.
    """
    found: dict[str, int] = {}
    for action in actions if isinstance(actions, list | tuple) else ():
        groups = _entry(_entry(action, "forward"), "target_groups", "targetGroups")
        for group in groups if isinstance(groups, list | tuple) else ():
            arn, weight = _entry(group, "arn"), _entry(group, "weight")
            if isinstance(arn, str) and isinstance(weight, int | float):
                found[arn] = int(weight)
    return found


def weights_by_colour(actions: Any, arns: Mapping[str, str]) -> dict[str, int]:
    """Return the weights in a listener's actions by colour."""
    found = weights_by_arn(actions)
    return {colour: found[arns[colour]] for colour in COLOURS if arns[colour] in found}


def weight_judge(plan: AlbPlan) -> Judge:
    """Return the update hook of an existing listener: it refuses a change of weights that `weight_authority` does not allow."""

    def judge(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
        reason = _reason(plan)
        before, after = weights_by_arn(old.get("defaultActions")), weights_by_arn(new.get("defaultActions"))
        changed = sorted(arn for arn in before if arn in after and before[arn] != after[arn])
        if reason is None or not changed:
            return []
        return [("weights", f"{', '.join(f'{before[arn]} -> {after[arn]}' for arn in changed)}: {reason}")]

    return judge


def _reason(plan: AlbPlan) -> str | None:
    """Return why the weights may not change in this update; None when they may."""
    if plan.weights is None or plan.weights.keep_recorded:
        return None
    if plan.authority == "runtime":
        if plan.plan_of_record:
            return None
        return (
            "weight_authority is runtime and no plan of record is there yet, so what the stack has is live; shift with a tool, "
            "or set weight_authority to stack for this update"
        )
    return None if pulumi.runtime.is_dry_run() else plan.weights.warning


def _entry(value: Any, *names: str) -> Any:
    """Return an entry of a mapping, or of the one mapping in a list."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if value else None
    if not isinstance(value, Mapping):
        return next((getattr(value, name) for name in names if hasattr(value, name)), None)
    return next((value[name] for name in names if name in value), None)
