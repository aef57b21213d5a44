"""Putting a stack right after a command that was killed: engine processes, locks, half-done steps, forgotten resources."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any, Final

import psutil
from pulumi import automation as auto

from pulumi_emulator import state
from pulumi_emulator.environment import COMMAND_MARKER
from pulumi_emulator.handlers import HANDLERS, Cloud
from pulumi_emulator.handlers.aws import AWS_HANDLERS
from pulumi_emulator.handlers.aws.global_group import TOKEN as GLOBAL_GROUP
from pulumi_emulator.handlers.tokens import DROPLET, FIREWALL, MONITOR_ALERT, PROJECT, PROJECT_RESOURCES, SSH_KEY, TAG, VPC
from pulumi_emulator.stacks import StackFolder
from pulumi_emulator.type_names import type_name

# Forgotten resources go in this order: what is inside before what it is in.
REMOVAL_ORDER: Final = (
    PROJECT_RESOURCES,
    PROJECT,
    MONITOR_ALERT,
    FIREWALL,
    DROPLET,
    SSH_KEY,
    TAG,
    VPC,
    *(handler.token for handler in reversed(AWS_HANDLERS)),
)
END_TIMEOUT_SECONDS: Final = 5


def end_leftover_engines(folder: StackFolder) -> int:
    """End engine processes that a killed command left behind, found by their environment; return how many there were."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "pulumi" and process.environ().get(COMMAND_MARKER) == str(folder.path):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    for process in found:
        process.kill()
    psutil.wait_procs(found, timeout=END_TIMEOUT_SECONDS)
    return len(found)


def remove_backend_locks(folder: StackFolder) -> bool:
    """Remove the engine's own lock of this stack; ours is held, so whoever held that one is dead."""
    locks = folder.backend / ".pulumi" / "locks" / "organization" / folder.project / folder.stack
    if not locks.exists():
        return False
    held = any(locks.iterdir())
    shutil.rmtree(locks)
    return held


def change_state(stack: auto.Stack, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the state's deployment through the engine's export and import; secrets in it stay encrypted."""
    exported = stack.export_stack()
    deployment: dict[str, Any] = dict(exported.deployment or {})
    change(deployment)
    stack.import_stack(auto.Deployment(version=exported.version, deployment=deployment))


def _without_pending(deployment: dict[str, Any]) -> None:
    deployment["pending_operations"] = []


def strip_pending_operations(folder: StackFolder, stack: auto.Stack) -> int:
    """Take half-done steps out of the state: what they made, if anything, is removed as forgotten."""
    pending = state.deployment(folder).get("pending_operations") or []
    if pending:
        change_state(stack, _without_pending)
    return len(pending)


def remove_forgotten(folder: StackFolder, cloud: Cloud) -> list[str]:
    """Delete what was made and is not in the state, by a killed command or a failed create; return what it was."""
    if not cloud.world.unconfirmed():
        return []
    known = state.known_ids(state.resources(folder))
    forgotten = [entry for entry in cloud.world.unconfirmed() if entry not in known]
    removed = []
    for token, resource_id in sorted(forgotten, key=lambda entry: _rank(cloud, *entry)):
        record = cloud.world.get(token, resource_id) or {}
        if _serves_known(token, resource_id, record, cloud, known):
            continue
        HANDLERS[token].delete(cloud, resource_id, {})
        removed.append(f"{type_name(token)} {record.get('name', resource_id)} ({resource_id})")
    cloud.world.confirm()
    return removed


def _rank(cloud: Cloud, token: str, resource_id: str) -> int:
    """Return when something goes: a secondary of a Global Datastore before that, which goes before its primary."""
    secondary = bool((cloud.world.get(token, resource_id) or {}).get("globalReplicationGroupId"))
    return 2 * REMOVAL_ORDER.index(GLOBAL_GROUP if secondary else token) - secondary


def clear_lost(folder: StackFolder, cloud: Cloud) -> None:
    """Forget what is gone and what the state has dropped in a refresh, and free what is left of droplets."""
    known = state.known_ids(state.resources(folder))
    if not cloud.aws_running():
        for handler in AWS_HANDLERS:
            for resource_id in cloud.world.all(handler.token):
                if (handler.token, resource_id) not in known:
                    cloud.world.delete(handler.token, resource_id)
    for droplet_id in cloud.world.all(DROPLET):
        machine = cloud.host.machine(droplet_id)
        if (DROPLET, droplet_id) not in known and (machine is None or machine.power == "lost"):
            HANDLERS[DROPLET].delete(cloud, droplet_id, {})


def _serves_known(token: str, resource_id: str, record: dict[str, Any], cloud: Cloud, known: set[tuple[str, str]]) -> bool:
    """Tell whether something that no program made is there for a droplet that the state knows."""
    droplets = [droplet for key, droplet in cloud.world.all(DROPLET).items() if (DROPLET, key) in known]
    if token == VPC and record.get("default"):
        return any(droplet["vpcUuid"] == resource_id for droplet in droplets)
    if token == TAG and record.get("by_droplet"):
        return any(resource_id in droplet["tags"] for droplet in droplets)
    return False


def recover(folder: StackFolder, stack: auto.Stack, cloud: Cloud, report: Callable[[str], None]) -> None:
    """Put an opened stack right before a command and report what was found; leftover engines and locks are gone by then."""
    pending = strip_pending_operations(folder, stack)
    if pending:
        report(f"an earlier command was ended in the middle of {pending} step(s); they are taken back")
    for what in remove_forgotten(folder, cloud):
        report(f"removed {what}: made by a command that was ended before it could note it")
