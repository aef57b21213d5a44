"""The program runs twice over the same settings: once in rehearsal, which only checks, and then in earnest.

Each component checks its own arguments before it registers anything. In a stack of several, the first would stand, and cost,
by the time the last one is refused. In the rehearsal, what one part would tell another is not known yet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any, Protocol, TypeVar, cast

import pulumi

Made = TypeVar("Made")


class Stage(Protocol):
    """Takes the parts of a stack."""

    def component(self, made: Callable[[str, Any], Made], name: str, args: Any) -> Made:
        """Return a component of these arguments."""

    def resource(self, make: Callable[[], Made]) -> Made:
        """Return a resource that belongs to no component."""

    def export(self, name: str, value: Any) -> None:
        """Make an output of the stack."""


class Earnest:
    """Makes them."""

    def component(self, made: Callable[[str, Any], Made], name: str, args: Any) -> Made:
        """Return the component."""
        return made(name, args)

    def resource(self, make: Callable[[], Made]) -> Made:
        """Return the resource."""
        return make()

    def export(self, name: str, value: Any) -> None:
        """Export the output."""
        pulumi.export(name, value)


class Rehearsal:
    """Checks them, and makes nothing."""

    def component(self, made: Callable[[str, Any], Made], name: str, args: Any) -> Made:
        """Check the arguments; return what stands in for the component. Raises what making it would raise."""
        component = cast("Any", made)
        return cast("Made", NotMade(component, _plan=component.check(name, args), _args=args))

    def resource(self, make: Callable[[], Made]) -> Made:  # noqa: ARG002 - it makes none
        """Return what stands in for the resource."""
        return cast("Made", NotMade(None))

    def export(self, name: str, value: Any) -> None:
        """Export nothing."""


class NotMade:
    """Stands in for a part of the stack: it has the component's methods, and outputs to come."""

    def __init__(self, component: type | None, **known: Any) -> None:
        self._component = component
        vars(self).update(known)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._component, name, None)
        return partial(method, self) if isinstance(method, FunctionType) else later()


def later() -> pulumi.Output[Any]:
    """Return an output whose value is not known yet."""
    return pulumi.Output.from_input(None).apply(lambda _: pulumi.UNKNOWN)
