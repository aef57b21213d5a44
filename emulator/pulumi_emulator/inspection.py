"""What a stack has on this machine, for `status`: looking changes nothing and takes no lock."""

from __future__ import annotations

import time
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from pulumi_emulator import aws, state
from pulumi_emulator.inside import host_of
from pulumi_emulator.machines import Host, Machine
from pulumi_emulator.stacks import StackFolder


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
    host = host_of(folder) if (folder.path / "host").exists() else None
    return {
        "project": folder.project,
        "stack": folder.stack,
        "folder": str(folder.path),
        "engine": (deployment.get("manifest") or {}).get("version", ""),
        "resources": len(found),
        "pending_operations": len(deployment.get("pending_operations") or []),
        "caches": aws.groups(folder.path) if (folder.path / "aws").exists() else [],
        "aws_ahead_seconds": _ahead(folder),
        "global_datastores": aws.global_groups(folder.path) if (folder.path / "aws").exists() else [],
        "machines": [] if host is None else [_describe_machine(host, machine) for machine in host.machines()],
    }


def _ahead(folder: StackFolder) -> float:
    """Return by how much the time of a stack's emulated AWS is ahead of this computer's; 0 when it does not run."""
    if aws.running_endpoint(folder.path) is None:
        return 0.0
    return aws.account_time(folder.path)[1]


def _describe_machine(host: Host, machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "id": machine.machine_id,
        "image": machine.spec.image,
        "size": machine.spec.size,
        "private_ip": machine.private_ip,
        "public_ip": machine.public_ip,
        "power": machine.power,
        "links_down": list(machine.links_down),
        "faults": host.faults(machine.machine_id),
        "created_at": machine.created_at,
        "uptime_seconds": _uptime_seconds(machine),
    }


def show(description: dict[str, Any], console: Console) -> None:
    """Print a stack's description as text."""
    engine = description["engine"] or "not used yet"
    title = f"{description['project']} / {description['stack']}: {description['resources']} resources, engine {engine}"
    if description["pending_operations"]:
        title += f", {description['pending_operations']} steps were left half done (the next command takes them back)"
    console.print(title, highlight=False, markup=False)
    if round(description["aws_ahead_seconds"]):
        ahead = duration(round(description["aws_ahead_seconds"]))
        console.print(f"the emulated AWS is {ahead} ahead of this computer", highlight=False, markup=False)
    if description["caches"]:
        _show_caches(description["caches"], console)
    if description["global_datastores"]:
        _show_globals(description["global_datastores"], console)
    if description["machines"]:
        _show_machines(description["machines"], console)


def _show_caches(caches: list[dict[str, Any]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("cache", "region", "engine", "status", "node", "shard", "zone", "role"):
        table.add_column(heading, no_wrap=True)
    colours = {"primary": "green", "gone": "red"}
    for cache in caches:
        for node in cache["nodes"]:
            role = node["role"]
            shown = f"[{colours[role]}]{role}[/]" if role in colours else role
            about = (cache["id"], cache["region"], cache["engine"], cache["status"])
            table.add_row(*about, node["id"], node["shard"], node["zone"], shown)
    console.print(table)


def _show_globals(found: list[dict[str, Any]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("global datastore", "status", "cache", "region", "role", "member", "primary heard"):
        table.add_column(heading, no_wrap=True)
    for entry in found:
        for member in entry["members"]:
            role = member["role"].lower()
            shown = f"[green]{role}[/]" if role == "primary" else role
            heard = "-" if role == "primary" else "[red]no link[/]" if member["lag"] is None else f"{member['lag']:.1f} s ago"
            about = (entry["id"], entry["status"], member["id"], member["region"])
            table.add_row(*about, shown, member["status"], heard)
    console.print(table)


def _show_machines(machines: list[dict[str, Any]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "id", "image", "private", "public", "power", "links", "faults", "uptime"):
        table.add_column(heading, no_wrap=True)
    colours = {"on": "green", "off": "yellow", "lost": "red"}
    for machine in machines:
        links = "up" if not machine["links_down"] else f"[red]{', '.join(machine['links_down'])} down[/red]"
        table.add_row(
            machine["name"],
            machine["id"],
            machine["image"],
            machine["private_ip"],
            machine["public_ip"] or "-",
            f"[{colours[machine['power']]}]{machine['power']}[/]",
            links,
            f"[red]{', '.join(machine['faults'])}[/]" if machine["faults"] else "-",
            duration(machine["uptime_seconds"]),
        )
    console.print(table)


def duration(seconds: int | None) -> str:
    """Return a length of time in words; a dash for none."""
    if seconds is None:
        return "-"
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
