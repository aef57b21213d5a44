"""Stops an update of a living resource before anything is touched, already in preview: a hook that sees the old inputs."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pulumi

# Argument, and the reason with the values and the way that works.
Refusals = list[tuple[str, str]]
Judge = Callable[[Mapping[str, Any], Mapping[str, Any]], Refusals]


class RefusedChangeError(ValueError):
    """An update that must not be made like this. `problems` holds (argument, reason with the values and the way that works)."""

    def __init__(self, group: str, problems: Refusals) -> None:
        self.problems = problems
        listed = "; ".join(f"{argument}: {reason}" for argument, reason in problems)
        super().__init__(f"the update of {group} is refused: {listed}")


def all_of(*judges: Judge) -> Judge:
    """Return a judge that says what each of several says."""
    return lambda old, new: [problem for judge in judges for problem in judge(old, new)]


def hooks_of(*bindings: pulumi.ResourceHookBinding) -> pulumi.ResourceOptions:
    """Return the options of a resource with all hooks of several bindings."""
    found = pulumi.ResourceHookBinding(before_create=[], before_update=[])
    for binding in bindings:
        found.before_create = [*(found.before_create or []), *(binding.before_create or [])]
        found.before_update = [*(found.before_update or []), *(binding.before_update or [])]
    return pulumi.ResourceOptions(hooks=found)


def apart(opts: pulumi.ResourceOptions | None) -> str:
    """Return what tells a component's hooks from those of its namesake under another parent.

    A hook's name is unique in a program, a component's only below its parent. What stands below the stack needs nothing more.
    """
    return "" if opts is None or opts.parent is None else f"-{uuid.uuid4().hex[:8]}"


def guard(name: str, judge: Judge) -> pulumi.ResourceHookBinding:
    """Return the hook that asks `judge` before every update. Replacements are not updates: `protect` stops those."""

    def check(update: pulumi.ResourceHookArgs) -> None:
        found = judge(update.old_inputs or {}, update.new_inputs or {})
        if found:
            raise RefusedChangeError(update.name, found)

    hook = pulumi.ResourceHook(name, check, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_update=[hook])
