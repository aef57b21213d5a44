"""A preview as data: the engine's events in the form that `pulumi preview --json` prints.

The Automation API gives events, not that form. What tools read of it is made here: steps, their reasons, diagnostics, counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi.automation import events

# pulumi/pulumi sdk/go/common/resource: the signature of a secret in an event, and what the engine prints in its place.
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker's name
SECRET_SHOWN: Final = "[secret]"  # noqa: S105
STATE_KEYS: Final = ("urn", "type", "id", "custom", "parent", "protect", "provider")


class Digest:
    """Collects the events of one preview; `document` returns what was planned."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.diagnostics: list[dict[str, Any]] = []
        self.changes: dict[str, int] = {}

    def on_event(self, event: events.EngineEvent) -> None:
        """Take note of one event."""
        if event.resource_pre_event is not None:
            # One step a resource: of a replacement's three steps, the logical one.
            if event.resource_pre_event.metadata.logical:
                self.steps.append(_step(event.resource_pre_event.metadata))
        elif event.diagnostic_event is not None:
            said = event.diagnostic_event
            if said.severity != "debug":
                self.diagnostics.append(
                    {**({"urn": said.urn} if said.urn else {}), "message": said.message, "severity": said.severity}
                )
        elif event.summary_event is not None:
            self.changes = {str(getattr(op, "value", op)): count for op, count in event.summary_event.resource_changes.items()}

    def document(self) -> dict[str, Any]:
        """Return the preview's digest."""
        return {"steps": self.steps, "diagnostics": self.diagnostics, "changeSummary": self.changes}


def _step(metadata: events.StepEventMetadata) -> dict[str, Any]:
    detailed = {
        name: {"kind": str(getattr(diff.diff_kind, "value", diff.diff_kind)), "inputDiff": bool(diff.input_diff)}
        for name, diff in (metadata.detailed_diff or {}).items()
    }
    return {
        "op": str(getattr(metadata.op, "value", metadata.op)),
        "urn": metadata.urn,
        "provider": metadata.provider,
        **{
            name: _state(state) for name, state in (("oldState", metadata.old), ("newState", metadata.new)) if state is not None
        },
        **{key: names for key, names in (("diffReasons", metadata.diffs), ("replaceReasons", metadata.keys)) if names},
        "detailedDiff": detailed or None,
    }


def _state(state: events.StepEventStateMetadata) -> dict[str, Any]:
    found = {key: getattr(state, key) for key in STATE_KEYS if getattr(state, key)}
    return {**found, "inputs": shown(state.inputs or {}), "outputs": shown(state.outputs or {})}


def shown(value: Any) -> Any:
    """Return a value as the engine prints it: a secret as one word."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return SECRET_SHOWN
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value
