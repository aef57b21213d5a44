"""Removing all of a stack from this machine, and the proof that it is gone."""

from __future__ import annotations

from pathlib import Path

from pulumi_emulator.machines import boot, keeper, network, processes
from pulumi_emulator.machines.commands import run
from pulumi_emulator.machines.fabric import Fabric
from pulumi_emulator.machines.state import StateStore


def destroy(store: StateStore, fabric: Fabric) -> None:
    """End the stack's processes, then remove mounts, namespaces, control groups and files. Under the stack's lock.

    Processes are found by command line and control group, not by record: a killed command may have started what nobody wrote
    down.
    """
    processes.end(_processes(store, fabric))
    for mounted in boot.mounts_below(store.folder):
        run(["umount", "--lazy", mounted])
    for namespace in network.namespaces(fabric.names.prefix):
        network.remove_namespace(namespace)
    for group in boot.groups_of(fabric.names.prefix):
        boot.remove_control_groups(group)
    store.remove()


def leftovers(store: StateStore, fabric: Fabric) -> list[str]:
    """Name what of the stack is still here: processes, mounts, devices, namespaces, control groups, files (the first ten)."""
    files = sorted(store.folder.rglob("*"))[:10] if store.folder.exists() else []
    return [
        *(f"process {entry.pid}" for entry in _processes(store, fabric)),
        *(f"mount {entry}" for entry in boot.mounts_below(store.folder)),
        *(f"loop device {entry}" for entry in boot.loop_devices(store.folder)),
        *(f"namespace {entry}" for entry in network.namespaces(fabric.names.prefix)),
        *(f"control group {entry}" for entry in boot.groups_of(fabric.names.prefix)),
        *(f"file {entry}" for entry in files),
    ]


def _processes(store: StateStore, fabric: Fabric) -> list[processes.Process]:
    containers = [process for process, root in keeper.containers() if Path(root).is_relative_to(store.folder)]
    inside = [process for group in boot.groups_of(fabric.names.prefix) for process in boot.group_processes(group)]
    return [*keeper.supervisors(store.folder), *fabric.metadata_services(), *containers, *inside]
