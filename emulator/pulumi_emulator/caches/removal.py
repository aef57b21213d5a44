"""Removing a stack's cache nodes by its folder alone, whoever started them, and the proof that they are gone."""

from __future__ import annotations

import shutil
from pathlib import Path

from pulumi_emulator.caches.site import Site
from pulumi_emulator.machines import network
from pulumi_emulator.machines.boot import mounts_below
from pulumi_emulator.machines.commands import run


def remove(folder: Path) -> None:
    """End the nodes whose files lie in `folder`, and remove their namespace and files; it is no error when there are none."""
    Site(folder).remove()
    for mounted in mounts_below(folder):
        run(["umount", "--lazy", mounted])
    remove_files(folder)


def leftovers(folder: Path) -> list[str]:
    """Name what is still here: processes, mounts, the namespace, files (the first ten)."""
    site = Site(folder)
    files = sorted(folder.rglob("*"))[:10] if folder.exists() else []
    return [
        *(f"process {process.pid}" for process in site.processes()),
        *(f"mount {entry}" for entry in mounts_below(folder)),
        *([f"namespace {site.namespace}"] if network.exists(site.namespace) else []),
        *(f"file {entry}" for entry in files),
    ]


def remove_files(folder: Path) -> None:
    """Remove a folder of nodes."""
    if folder.exists():
        shutil.rmtree(folder)
