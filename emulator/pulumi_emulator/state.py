"""Looking into the engine's state file, without the engine: what it holds, what was left half done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulumi_emulator.errors import UnreadableError
from pulumi_emulator.stacks import StackFolder


def deployment(folder: StackFolder) -> dict[str, Any]:
    """Return the state's latest deployment, empty when there is none yet. Secrets in it are encrypted."""
    if not folder.state_file.exists():
        return {}
    try:
        content = json.loads(folder.state_file.read_text("utf-8"))
        return dict(content["checkpoint"].get("latest") or {})
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError(
            f"{folder.state_file} cannot be read ({error}); run `destroy` for this stack to start afresh"
        ) from error


def restore_cut_off(folder: StackFolder) -> bool:
    """Put the engine's own copy in the place of a state whose writing a kill cut off: the file is there, and empty.

    The engine copies the last state to `<name>.json.bak` before it writes the next (pulumi/pulumi pkg/backend/diy). What was
    made since is in the emulator's records, and what the state does not know is taken away as after every kill. Without a copy
    it was the first state, of nothing.
    """
    if not folder.state_file.exists() or folder.state_file.stat().st_size > 0:
        return False
    copy = folder.state_file.with_name(f"{folder.state_file.name}.bak")
    if copy.exists() and copy.stat().st_size > 0:
        copy.replace(folder.state_file)  # on a full disk a copy would be cut off too
    else:
        folder.state_file.unlink()
    return True


def resources(folder: StackFolder) -> list[Mapping[str, Any]]:
    """Return the state's resources."""
    return list(deployment(folder).get("resources") or [])


def known_ids(found: list[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return type and id of everything that a state knows in a provider."""
    return {(item["type"], item["id"]) for item in found if item.get("custom") and item.get("id")}
