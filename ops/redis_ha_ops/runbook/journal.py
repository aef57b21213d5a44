"""What is written down of a run, before and after each step: enough to go on with it from anywhere."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from redis_ha_ops.errors import OpsError

from .records import Record

NAME = "run"
VERSION = 1
# begun: written down before a step; whether it happened is not known. done, undone: written down after it.
State = Literal["begun", "done", "undone"]
Outcome = Literal["done", "undone", "paused", "failed"]


@dataclass
class Journal:
    """One run. steps: name -> state and time (UTC), in the order in which they were begun. facts: what steps keep for later."""

    id: str
    runbook: str
    stack: str
    given: dict[str, Any]
    operator: str
    began: str
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def state(self, step: str) -> str | None:
        """Return a step's state; None: not begun."""
        return self.steps.get(step, {}).get("state")

    def text(self) -> str:
        """Return it as it is written."""
        return json.dumps({"version": VERSION, **asdict(self)}, separators=(",", ":"))


def read_journal(found: Record, where: str) -> Journal:
    """Read a run. OpsError for what is none, or of another version."""
    try:
        document = dict(json.loads(found.text))
        version = document.pop("version")
        if version == VERSION:
            return Journal(**document)
    except (ValueError, TypeError, KeyError):
        version = None
    why = "is no run" if version is None else f"is of version {version}, this release reads {VERSION}"
    raise OpsError(f"{where}/{NAME} {why}: use the release that wrote it, or delete it when no run is under way")
