"""The provider of the components for programs in other languages: it refuses what the SDK's mapping would drop unsaid.

The mapping (pulumi 3.272.0, provider/experimental/component.py) makes an empty block of an Output or a secret that stands where
a block belongs, takes no notice of names that there are not, and ends with a TypeError of its own for the Output of a number.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pulumi
from pulumi.output import Unknown
from pulumi.provider import ConstructResult
from pulumi.provider.experimental.analyzer import ComponentDefinition, PropertyDefinition, PropertyType
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.server import ComponentInitError

from .arguments import no_such_argument, shown

LATER = "is an Output or a secret, and what is in it would be lost: give the block plain, and Outputs and secrets inside it"
KNOWN = "is an Output, but it has to be known when the program runs: give a plain value"

TYPES = {
    PropertyType.STRING: "text; quote it",
    PropertyType.BOOLEAN: "true or false",
    PropertyType.INTEGER: "a whole number",
    PropertyType.NUMBER: "a number",
}

SECRET = re.compile(
    r"(^|\.)\w*([Pp]asswords?|[Tt]oken|[Ww]ebhookUrl|[Rr]outingKey)(\.|$)"
)  # a path that leads to a secret, wherever it stands

Problem = tuple[str, str]


class CheckedProvider(ComponentProvider):
    """A provider that judges the raw arguments before they are mapped, and tells wrong ones without a traceback."""

    def construct(
        self, name: str, resource_type: str, inputs: Any, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        """Make a component. Raises pulumi.InputPropertiesError, as the component itself does, when arguments are wrong.

        The SDK wraps everything that a component raises, and shows it with a traceback (pulumi 3.272.0, provider/server.py).
        """
        try:
            return super().construct(name, resource_type, inputs, options)
        except ComponentInitError as error:
            if isinstance(error.inner, pulumi.InputPropertiesError | pulumi.InputPropertyError):
                raise error.inner from None
            raise

    def map_inputs(self, inputs: Any, component_def: ComponentDefinition) -> Any:
        """Map the arguments. Raises pulumi.InputPropertiesError with everything that the mapping would lose."""
        found = list(self._problems(inputs, component_def.inputs, ""))
        if found:
            listed = "; ".join(f"{path}: {reason}" for path, reason in found)
            details: list[Any] = [{"property_path": path, "reason": reason} for path, reason in found]
            raise pulumi.InputPropertiesError(f"{component_def.name} cannot be made: {listed}", details)
        return super().map_inputs(inputs, component_def)

    def _problems(self, given: Mapping[str, Any], known: Mapping[str, PropertyDefinition], path: str) -> Iterator[Problem]:
        for name in sorted(given.keys() - known.keys()):
            yield f"{path}{name}", no_such_argument(name, known)
        for name, definition in known.items():
            if given.get(name) is not None:
                yield from self._of_value(given[name], definition, f"{path}{name}")

    def _of_value(self, value: Any, definition: PropertyDefinition, path: str) -> Iterator[Problem]:
        """Judge a value by its definition. What is in an Output nobody knows yet."""
        if definition.ref is not None:
            yield from self._of_block(value, definition, path)
        elif definition.items is not None:
            yield from self._of_many(value, list, definition.items, path)
        elif definition.additional_properties is not None:
            yield from self._of_many(value, dict, definition.additional_properties, path)
        elif definition.type == PropertyType.INTEGER and _is_later(value):
            yield path, KNOWN
        elif definition.type in TYPES and not _is_later(value) and not _is_of(value, definition.type):
            yield path, f"{_shown(value, path)} is not {TYPES[definition.type]}"

    def _of_many(
        self, value: Any, kind: type[list[Any] | dict[str, Any]], definition: PropertyDefinition, path: str
    ) -> Iterator[Problem]:
        if not isinstance(value, kind):
            if not _is_later(value):
                yield path, f"{_shown(value, path)} is not {'a list' if kind is list else 'a mapping of names to values'}"
            elif definition.ref is not None and self.get_type_definition(definition) is not None:
                yield path, LATER
            return
        entries: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in entries:
            yield from self._of_value(entry, definition, f"{path}.{key}")

    def _of_block(self, value: Any, definition: PropertyDefinition, path: str) -> Iterator[Problem]:
        block = self.get_type_definition(definition)
        if block is None or block.enum:
            return
        if isinstance(value, Mapping):
            yield from self._problems(value, block.properties, f"{path}.")
        else:
            yield path, LATER if _is_later(value) else f"{_shown(value, path)} is no block of arguments"


def _shown(value: Any, path: str) -> str:
    """Return a wrong value for a message: never a secret's, and nothing that could hold one."""
    return "the value" if SECRET.search(path) else shown(value)


def _is_of(value: Any, kind: PropertyType) -> bool:
    if kind == PropertyType.STRING:
        return isinstance(value, str)
    if kind == PropertyType.BOOLEAN:
        return isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_later(value: Any) -> bool:
    return isinstance(value, pulumi.Output | Unknown)
