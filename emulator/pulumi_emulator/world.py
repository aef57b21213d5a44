"""The emulated cloud's own records of one stack: what exists there, whatever the engine's state says.

One JSON file in the stack's folder, written atomically. Only the command that holds the stack's lock writes it;
`status` and friends read it at any time. User data is never in it, only its SHA-1 (as in the real provider's state).
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pulumi_emulator.errors import UnreadableError
from pulumi_emulator.files import write_private

# DigitalOcean's numeric ids (droplets, ssh keys) look like this today; the first one given here is one above.
FIRST_NUMERIC_ID: Final = 500_000_000


class World:
    """The records by resource type and id.

    What a command makes is unconfirmed until the engine has ended by itself and so has noted it in its state; what is still
    unconfirmed when the next command begins was made by one that was killed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._next_id = FIRST_NUMERIC_ID
        self._records: dict[str, dict[str, dict[str, Any]]] = {}
        self._unconfirmed: list[tuple[str, str]] = []
        if path.exists():
            try:
                stored = json.loads(path.read_text("utf-8"))
                self._next_id = stored["next_id"]
                self._records = stored["records"]
                self._unconfirmed = [(token, resource_id) for token, resource_id in stored["unconfirmed"]]
            except (ValueError, KeyError, TypeError) as error:
                raise UnreadableError(
                    f"{path} cannot be read ({error}); run `destroy` for this stack to start afresh"
                ) from error

    def new_number(self) -> str:
        """Return a numeric id that this stack has never used."""
        with self._lock:
            self._next_id += 1
            self._save()
            return str(self._next_id)

    @staticmethod
    def new_uuid() -> str:
        """Return an id of the kind that VPCs, firewalls and projects have."""
        return str(uuid.uuid4())

    def get(self, token: str, resource_id: str) -> dict[str, Any] | None:
        """Return a copy of one record, or None."""
        with self._lock:
            record = self._records.get(token, {}).get(resource_id)
            return None if record is None else json.loads(json.dumps(record))

    def all(self, token: str) -> dict[str, dict[str, Any]]:
        """Return a copy of all records of a type by id."""
        with self._lock:
            return json.loads(json.dumps(self._records.get(token, {})))  # type: ignore[no-any-return]

    def put(self, token: str, resource_id: str, record: Mapping[str, Any]) -> None:
        """Store one record whole."""
        with self._lock:
            records = self._records.setdefault(token, {})
            if resource_id not in records:
                self._unconfirmed.append((token, resource_id))
            records[resource_id] = dict(record)
            self._save()

    def put_unless(self, token: str, resource_id: str, record: Mapping[str, Any], conflict: Any) -> str | None:
        """Store one record unless `conflict(records of the type)` names a reason, and return that reason; in one step."""
        with self._lock:
            reason = conflict(self.all(token))
            if reason is None:
                self.put(token, resource_id, record)
            return None if reason is None else str(reason)

    def delete(self, token: str, resource_id: str) -> None:
        """Forget one record; nothing happens when there is none."""
        with self._lock:
            if self._records.get(token, {}).pop(resource_id, None) is not None:
                self._save()

    def unconfirmed(self) -> list[tuple[str, str]]:
        """Return type and id of what exists and was made since the last confirmation."""
        with self._lock:
            return [
                (token, resource_id) for token, resource_id in self._unconfirmed if resource_id in self._records.get(token, {})
            ]

    def confirm(self) -> None:
        """Note that the engine's state is complete: nothing that exists now was forgotten."""
        with self._lock:
            if self._unconfirmed:
                self._unconfirmed = []
                self._save()

    def _save(self) -> None:
        content = {"next_id": self._next_id, "unconfirmed": self._unconfirmed, "records": self._records}
        write_private(self._path, json.dumps(content, indent=1))
