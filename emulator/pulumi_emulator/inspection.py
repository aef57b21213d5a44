"""Looking at a stack without changing it and without its lock: status, outputs, the host of its machines."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any

import psutil
from pulumi.automation.errors import CommandError
from rich.console import Console
from rich.table import Table

from pulumi_emulator import aws, state
from pulumi_emulator.command import EngineCommand
from pulumi_emulator.engine import find_engine
from pulumi_emulator.environment import BLINDFOLD, PLACEHOLDER, engine_environment
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import Host, Machine
from pulumi_emulator.stacks import StackFolder


def host_of(folder: StackFolder) -> Host:
    """Return the host of a stack's machines; EmulatorError when the stack has none."""
    if not (folder.path / "host").exists():
        raise EmulatorError(f"stack {folder.stack!r} has no machines")
    return Host(folder.path / "host", folder.home)


def run_in(folder: StackFolder, where: str | None, argv: list[str]) -> int:
    """Run a command somewhere in a stack, by default where its machines are, else its caches; return its exit status."""
    if where is None:
        where = "client" if (folder.path / "host").exists() else "aws"
    if where != "aws":
        return host_of(folder).run_in(where, argv)
    endpoint = aws.running_endpoint(folder.path)
    if endpoint is None:
        raise EmulatorError(f"stack {folder.stack!r} has no machines, and no emulated AWS that runs")
    return subprocess.run(aws.command(folder.path, argv), check=False, env=_inside(folder, endpoint)).returncode


def _inside(folder: StackFolder, endpoint: str) -> dict[str, str]:
    """Return the environment of a command where the caches are: tools of AWS find the emulated account, and no other.

    The endpoint listens there at the same address, the region is that of the stack's default provider.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    regions = _regions(folder)
    region = {"AWS_REGION": regions[0], "AWS_DEFAULT_REGION": regions[0]} if regions else {}
    credentials = {"AWS_ACCESS_KEY_ID": PLACEHOLDER, "AWS_SECRET_ACCESS_KEY": PLACEHOLDER}
    return {**kept, **BLINDFOLD, **credentials, **region, "AWS_ENDPOINT_URL": endpoint}


def call_aws(folder: StackFolder, region: str | None, service: str, operation: str, parameters: Any) -> dict[str, Any]:
    """Call the API of a stack's emulated AWS; `operation` by its API name or botocore's ("TestFailover", "test_failover").

    Without a region in the only one that the stack's providers have. EmulatorError says what is refused.
    """
    import botocore.exceptions  # noqa: PLC0415 - looking at stacks without AWS never loads it

    endpoint = aws.running_endpoint(folder.path)
    if endpoint is None:
        raise EmulatorError(
            f"stack {folder.stack!r} has no emulated AWS that runs; bring it up with `up --stack {folder.stack}`"
        )
    if not isinstance(parameters, dict):
        raise EmulatorError("parameters must be a JSON object")
    try:
        client = aws.client(endpoint, service, region or _only_region(folder))
        names = {api: name for name, api in client.meta.method_to_api_mapping.items()}
        name = names.get(operation, operation)
        if name not in client.meta.method_to_api_mapping:
            raise EmulatorError(f"service {service!r} has no call {operation!r}")
        answer = getattr(client, name)(**parameters)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise EmulatorError(f"{service} {operation}: {error}") from None
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def _only_region(folder: StackFolder) -> str:
    regions = _regions(folder)
    if len(regions) != 1:
        raise EmulatorError(f"stack {folder.stack!r} has {' and '.join(regions) or 'no region'}: give --region")
    return regions[0]


def _regions(folder: StackFolder) -> list[str]:
    """Return the regions of the stack's providers, that of the default one first."""
    providers = [item for item in state.resources(folder) if item["type"] == "pulumi:providers:aws"]
    providers.sort(key=lambda item: (not str(item["urn"]).rsplit("::", 1)[-1].startswith("default"), str(item["urn"])))
    regions = [str(item["inputs"]["region"]) for item in providers if item.get("inputs", {}).get("region")]
    return list(dict.fromkeys(regions))


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
        "caches": aws.groups(folder.path) if (folder.path / "aws").exists() else [],
        "global_datastores": aws.global_groups(folder.path) if (folder.path / "aws").exists() else [],
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
    for heading in ("name", "id", "image", "private", "public", "power", "links", "uptime"):
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
