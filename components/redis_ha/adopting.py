"""What exists already is taken over as it is: an adoption that would change it in the same `up` is refused in the preview.

The engine imports a resource and updates it at once where the program asks for something else. Weights of live traffic, or the
size of a cache's nodes, would then follow from what somebody left out. The component has an output of what it has adopted. It
registers it when all its children are made, so the engine keeps none of an `up` that failed: with `--skip-preview` the import
is in the state before the refusal, and the next `up` is refused as well.
"""

import inspect
import re
from collections.abc import Collection, Mapping
from typing import Any

import pulumi

from .arguments import Checks, did_you_mean, snake_case
from .guard import Judge, Refusals
from .inputs import holds_output

PROPERTY = re.compile(r"[a-z][a-z0-9_]*")
RECORD = "adopted"  # of the component's inputs: another adoption is an update of the component
TAKEN = "takenOver"  # of its outputs: what an `up` has finished
RESOURCE = "pulumi:pulumi:getResource"  # of the engine itself: what it holds of a resource that is registered
# What the engine and the provider keep in inputs beside the program's own.
NOT_ASKED = frozenset({"tagsAll"})
EMPTY: tuple[Any, ...] = (None, "", False, [], {})  # 0 among them, as False


class Adoption:
    """The adoptions of one component: `wanted` is part -> id, `change` names what an adoption may change at once.

    `change` None: the component has no argument for that.
    """

    def __init__(self, wanted: Mapping[str, str], change: Collection[str] | None = None) -> None:
        self.wanted = dict(wanted)
        self._change = frozenset(_bare(name) for name in change or ())
        self._way = WAY if change is None else f"{WAY}, or name it in adopt.change"
        self._new: frozenset[str] | None = None
        self.settled: pulumi.Output[None] | None = None  # waited for before a child is judged

    @property
    def record(self) -> dict[str, Any]:
        """Return what the component records of it."""
        return {RECORD: self.wanted} if self.wanted else {}

    def look(self, outputs: Mapping[str, Any] | None) -> None:
        """Note which adoptions are new, by the outputs that the component had (none, when it is new or its `up` failed)."""
        before = (outputs or {}).get(TAKEN) or {}
        self._new = frozenset(part for part, identifier in self.wanted.items() if before.get(part) != identifier)

    def settle(self, component: pulumi.ComponentResource) -> None:
        """Look also where the component is asked for the same as in the last `up`: it is not updated, and no hook runs."""

        async def same(urn: str) -> None:
            if self._new is None:
                # The engine leaves the outputs out of its answer to the registration of a component, but tells them.
                found = await pulumi.runtime.invoke_async(RESOURCE, {"urn": urn})
                self.look(found["state"])

        if self.wanted:
            self.settled = component.urn.apply(same)

    def outputs(self, component: pulumi.ComponentResource) -> dict[str, Any]:
        """Return what the component registers as soon as all its children are there."""
        if not self.wanted:
            return {}
        children = [child.urn for child in component._childResources]  # noqa: SLF001  the SDK has no other list of them
        return {TAKEN: pulumi.Output.all(*children).apply(lambda _: self.wanted)}

    def hooks(self, scope: str) -> pulumi.ResourceHookBinding:
        """Return the component's own hooks, which look. Nothing is looked at where nothing is adopted."""
        if not self.wanted:
            return pulumi.ResourceHookBinding()

        def check(made: pulumi.ResourceHookArgs) -> None:
            self.look(made.old_outputs)

        hook = pulumi.ResourceHook(f"{scope}-adoption", check, pulumi.ResourceHookOptions(on_dry_run=True))
        return pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])

    def judge(self, part: str, free: Collection[str] = ()) -> Judge:
        """Return what judges an update of an adopted child. `free`: properties that are the component's to bring into line."""

        def judged(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
            if part not in (self._new or ()):
                return []
            return [
                (snake_case(name), f"{_shown(old.get(name))!r} is live, {_shown(new[name])!r} is asked for; {self._way}")
                for name in differing(old, new)
                if name not in free and _bare(name) not in self._change
            ]

        return judged


WAY = "an adoption changes nothing unsaid: ask for what is live, and change it in the next `up`"
# For a name in adopt.change that is near no property.
WITHOUT_ONE = "; the refusal of a difference shows its name"


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the properties that are asked for otherwise than they are. What is secret or not known yet nobody can compare."""
    return [
        name
        for name, value in new.items()
        if not name.startswith("__")
        and name not in NOT_ASKED
        and not holds_output(value)
        and not holds_output(old.get(name))
        and not _same(old.get(name), value)
    ]


def checked_change(checks: Checks) -> tuple[str, ...]:
    """Read the names of properties that an adoption may change at once."""
    return checks.texts("change", PROPERTY, "the name of a property such as node_type")


def no_such_properties(change: Collection[str], kinds: Collection[type]) -> Refusals:
    """Return (argument, reason with the nearest name) for names that are no property of any kind that can be adopted.

    `kinds`: the classes of their arguments in the provider's SDK.
    """
    names = sorted({name for kind in kinds for name in list(inspect.signature(kind).parameters)})
    return [
        ("adopt.change", f"{name!r} is no property of what can be taken over{did_you_mean(name, names) or WITHOUT_ONE}")
        for name in change
        if name not in names
    ]


def _bare(name: str) -> str:
    """Return a property's name in no spelling: where `_` goes in `requestXAmznTls` the SDK knows, and no rule."""
    return name.replace("_", "").lower()


def _same(live: Any, asked: Any) -> bool:
    """Compare what is asked for with what is there; what is empty or off is as good as not there, and lists have no order."""
    if _nothing(asked) or _nothing(live):
        return _nothing(asked) and _nothing(live)
    if isinstance(asked, Mapping):
        return isinstance(live, Mapping) and all(_same(live.get(key), value) for key, value in asked.items())
    if isinstance(asked, list | tuple):
        left = list(live) if isinstance(live, list | tuple) else []
        for entry in asked:
            found = next((index for index, other in enumerate(left) if _same(other, entry)), None)
            if found is None:
                return False
            del left[found]
        return not left
    return bool(live == asked)


def _nothing(value: Any) -> bool:
    """Tell whether a value is empty or off; AWS keeps no duration of a stickiness that is off (pulumi/pulumi-aws#1824)."""
    return value in EMPTY or (isinstance(value, Mapping) and value.get("enabled") is False)


def _shown(value: Any) -> Any:
    """Return a value as people write it: the engine makes every number a float, and marks blocks for itself."""
    if isinstance(value, Mapping):
        return {key: _shown(entry) for key, entry in value.items() if not key.startswith("__")}
    if isinstance(value, list | tuple):
        return [_shown(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
