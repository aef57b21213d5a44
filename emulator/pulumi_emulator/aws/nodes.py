"""The cache nodes of a stack as commands find them: their software, their network, what is left of them.

Commands load this; the endpoint's process alone loads what serves the nodes (plane.py), and moto with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pulumi_emulator.caches import removal, software
from pulumi_emulator.caches.site import Site

NODES: Final = "caches"  # the data plane's own folder below the endpoint's


def ensure_software(home: Path, report: Callable[[str], None]) -> None:
    """Build the cache engines' programs under the emulator's home, once for all stacks. Needs root."""
    for engine in software.SOFTWARE:
        software.ensure_engine(home, engine, report)


def node_command(folder: Path, argv: Sequence[str]) -> list[str]:
    """Return the command line that runs a command where the endpoint names resolve."""
    return Site(folder / NODES).command(argv)


def remove_nodes(folder: Path) -> None:
    """End the node processes that an ended endpoint left, with their network. `folder` is the endpoint's own."""
    if (folder / NODES).exists():
        removal.remove(folder / NODES)


def node_leftovers(folder: Path) -> list[str]:
    """Name what of the nodes is still here."""
    return removal.leftovers(folder / NODES)
