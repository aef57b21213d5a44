"""Reaching into a stack without changing it and without its lock: the host of its machines, commands there, AWS's API."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from pulumi_emulator import aws, state
from pulumi_emulator.environment import BLINDFOLD
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import Host
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
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # The endpoint listens there at the same address.
    environment = {**kept, **BLINDFOLD, **aws_environment(folder)}
    return subprocess.run(aws.command(folder.path, argv), check=False, env=environment).returncode


def aws_environment(folder: StackFolder) -> dict[str, str]:
    """Return the environment variables by which tools of AWS find a stack's emulated account, with its key.

    The region is that of the stack's default provider. EmulatorError when no emulated AWS runs.
    """
    regions = _regions(folder)
    region = {"AWS_REGION": regions[0], "AWS_DEFAULT_REGION": regions[0]} if regions else {}
    return {**aws.environment_of(_endpoint(folder)), **region}


def call_aws(folder: StackFolder, region: str | None, service: str, operation: str, parameters: Any) -> dict[str, Any]:
    """Call the API of a stack's emulated AWS; `operation` by its API name or botocore's ("TestFailover", "test_failover").

    Without a region in the only one that the stack's providers have. EmulatorError says what is refused.
    """
    import botocore.exceptions  # noqa: PLC0415 - commands in machines never load it

    endpoint = _endpoint(folder)
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


def _endpoint(folder: StackFolder) -> aws.Endpoint:
    endpoint = aws.running_endpoint(folder.path)
    if endpoint is None:
        raise EmulatorError(
            f"stack {folder.stack!r} has no emulated AWS that runs; bring it up with `up --stack {folder.stack}`"
        )
    return endpoint


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
