#!/bin/sh
# pulumi 3.272.0 (Python), pulumi.provider: errors of a hosted component's arguments.
#
# Guessed: an InputPropertyError that a component raises in its constructor reaches the engine as what it is, an invalid argument
# with the path of the property, as it does when the provider itself raises it.
# Seen: the component's host puts it into a ComponentInitError first, so the server no longer knows it. The engine gets a plain
# exception: the text, then a colon and the frames of the component's own files; code, path and reason are gone.
# Why it matters: a user of the component in YAML or TypeScript reads somebody else's Python frames below the message, and tools
# that look for the property find none. A host has to take the inner error out again.
#
# Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install pulumi==3.272.0
cat > "$folder/seen.py" <<'PYTHON'
import asyncio
from typing import TypedDict

import pulumi
from pulumi.provider import server
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime.proto import provider_pb2


class Args(TypedDict):
    replicas: int


class Cache(pulumi.ComponentResource):
    def __init__(self, name: str, args: Args, opts: pulumi.ResourceOptions | None = None) -> None:
        raise pulumi.InputPropertyError("replicas", "9 is out of range")


class Direct(ComponentProvider):
    def construct(self, name, resource_type, inputs, options=None):
        raise pulumi.InputPropertyError("replicas", "9 is out of range")


class Context:
    """What the server tells the engine by: a status with details, if it does."""

    status = None

    async def abort_with_status(self, status):
        self.status = status


async def told(provider) -> tuple[str, str]:
    servicer, context = server.ProviderServicer(provider, [], "127.0.0.1:1"), Context()
    request = provider_pb2.ConstructRequest(type="seen:index:Cache", name="cache")

    async def construct(request, context):  # what the server does after it has connected to an engine's monitor
        return provider.construct(request.name, request.type, {"replicas": 9})

    servicer._construct = construct
    try:
        await servicer.Construct(request, context)
    except Exception as error:
        return ("invalid arguments" if context.status else "an exception"), f"{type(error).__name__}: {error}"
    return "nothing", ""


async def main() -> None:
    by_component = await told(ComponentProvider([Cache], "seen"))
    by_provider = await told(Direct([Cache], "seen"))
    print("raised by the component:", *by_component)
    print("raised by the provider:", *by_provider)
    assert by_provider[0] == "invalid arguments", "this has changed"
    assert by_component[0] == "an exception", "this has changed: a host need not take the inner error out any more"
    assert "seen.py" in by_component[1], "this has changed: the frames are not shown any more"


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" "$folder/seen.py"
