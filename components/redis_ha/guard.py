"""Stops an update of a living resource before anything is touched, already in preview: a hook that sees the old inputs."""

import inspect
import uuid
from collections.abc import Awaitable, Callable, Mapping
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


def guard(
    name: str, judge: Judge, *, unfinished: Judge | None = None, after: pulumi.Output[Any] | None = None
) -> pulumi.ResourceHookBinding:
    """Return the hook that asks `judge` before every update. Replacements are not updates: `protect` stops those.

    `unfinished` is asked instead where a component's last `up` failed: what it recorded is what was asked for then, and not
    what there is. The engine keeps no outputs of a component that was changed and has not registered them since. `after` is
    waited for before the judge is asked.
    """

    def check(update: pulumi.ResourceHookArgs) -> None:
        asked = judge if unfinished is None or update.old_outputs else unfinished
        found = asked(update.old_inputs or {}, update.new_inputs or {})
        if found:
            raise RefusedChangeError(update.name, found)

    async def check_after(update: pulumi.ResourceHookArgs) -> None:
        if after is not None:
            await after.future(with_unknowns=True)
        check(update)

    hook = pulumi.ResourceHook(name, check if after is None else check_after, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_update=[hook])


def before_creation(name: str, judge: Callable[[], Refusals | Awaitable[Refusals]]) -> pulumi.ResourceHookBinding:
    """Return the hook that asks `judge` before a resource is made, also when it replaces one: a replacement is a creation.

    The engine tells such a hook nothing of what is replaced. It has to come before the deletion: a resource that is deleted
    first is gone when its replacement is judged.
    """

    async def check(made: pulumi.ResourceHookArgs) -> None:
        asked = judge()
        found = await asked if inspect.isawaitable(asked) else asked
        if found:
            raise RefusedChangeError(made.name, found)

    hook = pulumi.ResourceHook(name, check, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_create=[hook])
