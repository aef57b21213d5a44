"""Looking at a stack without changing it and without its lock: status, outputs, the host of its machines."""

from __future__ import annotations

import json
import time
from typing import Any

import psutil
from pulumi.automation.errors import CommandError
from rich.console import Console
from rich.table import Table

from pulumi_emulator import state
from pulumi_emulator.command import EngineCommand
from pulumi_emulator.engine import find_engine
from pulumi_emulator.environment import engine_environment
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import Host, Machine
from pulumi_emulator.stacks import StackFolder


def host_of(folder: StackFolder) -> Host:
    """Return the host of a stack's machines; EmulatorError when the stack has none."""
    if not (folder.path / "host").exists():
        raise EmulatorError(f"stack {folder.stack!r} has no machines")
    return Host(folder.path / "host", folder.home)


def _uptime_seconds(machine: Machine) -> int | None:
    if machine.init_pid is None:
        return None
    try:
        return int(time.time() - psutil.Process(machine.init_pid).create_time())
    except psutil.NoSuchProcess:
        return None


def describe_stack(folder: StackFolder) -> dict[str, Any]:
    """Return what `status --json` prints for a stack."""
    deployment = state.deployment(folder)
    found = [
        item for item in deployment.get("resources") or [] if item.get("custom") and "pulumi:providers:" not in item["type"]
    ]
    machines = host_of(folder).machines() if (folder.path / "host").exists() else []
    return {
        "project": folder.project,
        "stack": folder.stack,
        "folder": str(folder.path),
        "engine": (deployment.get("manifest") or {}).get("version", ""),
        "resources": len(found),
        "pending_operations": len(deployment.get("pending_operations") or []),
        "machines": [
            {
                "name": machine.name,
                "id": machine.machine_id,
                "image": machine.spec.image,
                "size": machine.spec.size,
                "private_ip": machine.private_ip,
                "public_ip": machine.public_ip,
                "power": machine.power,
                "links_down": list(machine.links_down),
                "created_at": machine.created_at,
                "uptime_seconds": _uptime_seconds(machine),
            }
            for machine in machines
        ],
    }


def show(description: dict[str, Any], console: Console) -> None:
    """Print a stack's description as text."""
    engine = description["engine"] or "not used yet"
    title = f"{description['project']} / {description['stack']}: {description['resources']} resources, engine {engine}"
    if description["pending_operations"]:
        title += f", {description['pending_operations']} steps were left half done (the next command takes them back)"
    console.print(title, highlight=False, markup=False)
    if not description["machines"]:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "id", "image", "private", "public", "power", "links", "uptime"):
        table.add_column(heading, no_wrap=True)
    colours = {"on": "green", "off": "yellow", "lost": "red"}
    for machine in description["machines"]:
        links = "up" if not machine["links_down"] else f"[red]{', '.join(machine['links_down'])} down[/red]"
        table.add_row(
            machine["name"],
            machine["id"],
            machine["image"],
            machine["private_ip"],
            machine["public_ip"] or "-",
            f"[{colours[machine['power']]}]{machine['power']}[/]",
            links,
            _duration(machine["uptime_seconds"]),
        )
    console.print(table)


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def outputs(folder: StackFolder, *, show_secrets: bool) -> dict[str, Any]:
    """Return a stack's outputs; secret ones as "[secret]" unless they are asked for."""
    if not folder.state_file.exists():
        raise EmulatorError(f"stack {folder.stack!r} has no state yet; bring it up with `up --stack {folder.stack}`")
    command = EngineCommand(find_engine(folder.home), engine_environment(folder, "", holds_lock=False))
    arguments = ["stack", "output", "--json", "--stack", folder.stack, *(["--show-secrets"] if show_secrets else [])]
    try:
        result = command.run(arguments, str(folder.workspace), {})
    except CommandError as error:
        raise EmulatorError(
            f"the outputs of stack {folder.stack!r} cannot be read: {str(error).strip().splitlines()[-1]}"
        ) from None
    return dict(json.loads(result.stdout))
