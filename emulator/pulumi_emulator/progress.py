"""Showing what the engine does: a line a step as it happens, problems at the end, never a property's value."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from pulumi.automation import EngineEvent
from rich.console import Console
from rich.markup import escape

from pulumi_emulator.digest import shown
from pulumi_emulator.rules import PACKAGES
from pulumi_emulator.type_names import type_name

# The engine's words for a step, and ours; steps that are not listed (same, read) are not shown.
DONE: Final = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "created anew",
    "delete-replaced": "deleted the replaced",
    "import": "imported",
    "refresh": "refreshed",
    "discard": "forgotten",
}
PLANNED: Final = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "create anew",
    "delete-replaced": "delete the replaced",
    "import": "import",
}
STACK_TYPE: Final = "pulumi:pulumi:Stack"
INTERNAL_TYPES: Final = ("pulumi:pulumi:", "pulumi:providers:")
COLOURS: Final = {"create": "green", "update": "yellow", "delete": "red", "replace": "magenta"}
_COLOUR_TAG: Final = re.compile(r"<\{%[^%]*%\}>")
_INLINE_ERROR: Final = "python inline source runtime error: "
# A command that shows nothing for longer than this says how far it is.
SILENCE_SECONDS: Final = 2.0
_NO_PLUGIN: Final = re.compile(r"no resource plugin '(?:pulumi-resource-)?([\w-]+)")


def _now() -> float:
    return time.monotonic()


@dataclass
class Progress:
    """Receives the engine's events of one operation.

    planned: show what would be done, not what is done. quiet: show no steps. counting: after two seconds without a line, say
    how many resources were looked at.
    """

    console: Console
    planned: bool = False
    quiet: bool = False
    counting: bool = True
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    changes: dict[str, int] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    # The stack's outputs as the engine prints them: "[secret]" stands for a secret.
    outputs: dict[str, Any] = field(default_factory=dict)
    _began: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _shown: float = field(default_factory=_now)

    def on_event(self, event: EngineEvent) -> None:
        """Take one event; called from the event server's threads."""
        with self._lock:
            if event.resource_pre_event is not None:
                self._begin(event.resource_pre_event.metadata)
            elif event.res_outputs_event is not None:
                self._end(event.res_outputs_event.metadata)
            elif event.diagnostic_event is not None:
                self._diagnose(event.diagnostic_event)
            if self.counting and _now() - self._shown >= SILENCE_SECONDS:
                self._print(f"  [dim]{len(self._began)} resources so far[/dim]")

    def _print(self, text: str) -> None:
        self._shown = _now()
        self.console.print(text, highlight=False)

    def _begin(self, step: Any) -> None:
        # A provider itself may go without being asked (its last resource is gone); what counts is who answers for resources.
        if _is_custom(step) and not str(step.type).startswith(INTERNAL_TYPES):
            self.packages.add(str(step.type).partition(":")[0])
        self._began[step.urn] = time.monotonic()
        if self.planned:
            self._show(step, PLANNED, "")

    def _end(self, step: Any) -> None:
        operation = str(getattr(step.op, "value", step.op))
        if step.type == STACK_TYPE and getattr(step, "new", None) is not None:
            self.outputs = shown(dict(step.new.outputs))
        # The stack itself and the providers are resources of the engine's own; the halves of a replacement belong to it.
        if not str(step.type).startswith(INTERNAL_TYPES) and operation not in ("create-replacement", "delete-replaced"):
            self.changes[operation] = self.changes.get(operation, 0) + 1
        if not self.planned:
            seconds = time.monotonic() - self._began.get(step.urn, time.monotonic())
            self._show(step, DONE, f" [dim]({seconds:.1f} s)[/dim]" if seconds >= 0.1 else "")

    def _show(self, step: Any, words: dict[str, str], suffix: str) -> None:
        operation = str(getattr(step.op, "value", step.op))
        token = str(step.type)
        if self.quiet or operation not in words or token.startswith(INTERNAL_TYPES):
            return
        # A replacement is seen as create-replacement and delete-replaced; the step `replace` between them is only logical.
        if operation == "replace" and not self.planned:
            return
        if operation in ("create-replacement", "delete-replaced") and self.planned:
            return
        colour = next((COLOURS[key] for key in COLOURS if operation.startswith(key)), "cyan")
        name = escape(str(step.urn).rsplit("::", 1)[1])
        changed = ""
        if operation in ("update", "replace") and self.planned and getattr(step, "detailed_diff", None):
            changed = f" [dim]({', '.join(sorted(step.detailed_diff))})[/dim]"
        self.console.print(
            f"  [{colour}]{words[operation]}[/{colour}] {type_name(token)} [bold]{name}[/bold]{changed}{suffix}",
            highlight=False,
        )

    def _diagnose(self, event: Any) -> None:
        text = _COLOUR_TAG.sub("", event.message).strip()
        if not text:
            return
        if event.severity == "error":
            name = str(event.urn).rsplit("::", 1)[1] if event.urn else ""
            for message in readable(text):
                line = (
                    f"{name}: {message}"
                    if name and not _is_stack(event.urn) and not message.startswith(f"{name}:")
                    else message
                )
                if line not in self.errors:
                    self.errors.append(line)
        elif event.severity == "warning":
            if text not in self.warnings:
                self.warnings.append(text)
                if not self.quiet:
                    self._print(f"  [yellow]warning[/yellow] {escape(text)}")
        elif event.severity.startswith("info") and not event.ephemeral and not self.quiet:
            self._print(f"  {escape(text)}")


def _is_custom(step: Any) -> bool:
    new = getattr(step, "new", None) or getattr(step, "old", None)
    return bool(new is not None and getattr(new, "custom", False))


def _is_stack(urn: str | None) -> bool:
    return bool(urn) and "pulumi:pulumi:Stack" in str(urn)


def readable(text: str) -> list[str]:
    """Return the user's part of an engine's diagnostic; repetitions of what was said before are left out."""
    plugin = _NO_PLUGIN.search(text)
    if plugin:
        return [f"package {plugin[1]!r} is not emulated: the emulator has {', '.join(PACKAGES)}"]
    if text.startswith(_INLINE_ERROR):
        text = text.removeprefix(_INLINE_ERROR).split("\nTraceback (most recent call last)")[0]
    text = text.split("\nTraceback (most recent call last)")[0].strip()
    if text.startswith(("update failed", "preview failed", "destroy failed", "refresh failed")):
        return []
    text = text.removeprefix("rpc error: code = Unknown desc = ").removeprefix("error: ")
    property_error = re.fullmatch(r"(\S+) resource '([^']+)': property (\S+) value (?:.*) has a problem: (.*)", text, re.DOTALL)
    if property_error:
        return [f"{property_error[2]}: {property_error[3]}: {property_error[4]}"]
    return [" ".join(line.strip() for line in text.splitlines() if line.strip())]
