#!/bin/sh
# pulumi 3.272.0 (Python), pulumi.provider.experimental: arguments of a hosted component.
#
# Guessed: an Output where a component's argument is a block of arguments (a TypedDict) reaches the component as an Output, or is
# refused, as it is at the top of a plain Python program; and a name that the schema does not have is refused.
# Seen: the Output becomes an empty block, a secret likewise, and the unknown name is passed over. Nothing is said. A program in
# YAML or TypeScript that takes a whole block from another resource, or marks it as secret, gets the defaults instead.
# Why it matters: alarms without topics, adoption without ids, access rules without their limits, after a clean preview.
# A component's host has to judge the raw arguments before this mapping.
#
# Fails when one of these changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install pulumi==3.272.0
cat > "$folder/seen.py" <<'PYTHON'
import asyncio
from typing import NotRequired, TypedDict

import pulumi
from pulumi.provider.experimental.component import ComponentProvider


class Alarms(TypedDict):
    topics: NotRequired[list[str]]
    limit: NotRequired[int]


class Args(TypedDict):
    alarms: NotRequired[Alarms]


class Cache(pulumi.ComponentResource):
    def __init__(self, name: str, args: Args, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("seen:index:Cache", name, {}, opts)


async def main() -> None:
    provider = ComponentProvider([Cache], "seen")
    definition = provider._component_defs["Cache"]
    block = {"topics": ["arn"]}
    inputs = {
        "a plain block": {"alarms": block},
        "an Output": {"alarms": pulumi.Output.from_input(block)},
        "a secret": {"alarms": pulumi.Output.secret(block)},
        "an unknown name": {"alarms": {**block, "topic": "arn"}, "alarm": block},
    }
    seen = {what: provider.map_inputs(given, definition) for what, given in inputs.items()}
    for what, mapped in seen.items():
        print(f"{what}: {mapped}")
    assert seen == {
        "a plain block": {"alarms": block},
        "an Output": {"alarms": {}},
        "a secret": {"alarms": {}},
        "an unknown name": {"alarms": block},
    }, "this has changed: see what a host has to check itself now"


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" "$folder/seen.py"
