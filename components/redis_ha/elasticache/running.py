"""What AWS runs already under the id that a program asks for, and whether the program may ask for that.

A downgrade replaces a group, also one that nobody meant: AWS raised the minor version by itself, and a refresh noted it. The
engine tells the hook of a creation nothing of what is replaced (pulumi/pulumi pkg/resource/deploy/step.go, CreateStep), and
with a hook of its deletion a resource cannot be destroyed without the program (pkg/engine/destroy.go). So the hook asks AWS.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws._utilities import get_invoke_opts_defaults  # the version, so that the resources' provider is asked

from redis_ha.guard import Refusals, before_creation

from .versions import as_named, numbers


@dataclass(frozen=True)
class Asked:
    """What a program asks for, in the words of its component."""

    noun: str
    id_argument: str
    identifier: str
    version_argument: str
    engine: str
    version: str
    known: Collection[str]
    """Versions that this package takes."""
    otherwise: str
    """What to do where it is not in the stack's state."""


@dataclass(frozen=True)
class Running:
    """What AWS runs under that id. Empty: it exists, and nobody could tell what it is."""

    engine: str = ""
    version: str = ""


def taken(asked: Asked, running: Running | None) -> Refusals:
    """Return (argument, reason with the values and the way that works): why nothing can be made under an id that is taken."""
    if running is None:
        return []
    new = f"for a new, empty {asked.noun} give another {asked.id_argument}"
    runs = f"AWS runs {running.engine} {running.version}, and {asked.engine} {asked.version} is asked for"
    lost = f"no {asked.noun} goes back, an empty one would replace it"
    way = f"say {asked.version_argument}: {running.version!r}"
    if (running.engine, asked.engine) == ("valkey", "redis"):
        return [("engine", f"{runs}: {lost}; say engine: valkey, and {way}; {new}")]
    if running.engine == asked.engine and numbers(asked.version) < numbers(running.version):
        if running.version not in asked.known:
            way = f"take a release of redis-ha that knows {running.version}, and {way}"
        return [(asked.version_argument, f"{runs}: {lost}; {way}; {new}")]
    reason = f"{asked.identifier!r} exists, and AWS takes an id once"
    ours = f"if it is this stack's, an empty {asked.noun} would replace it: put back what replaces it"
    return [(asked.id_argument, f"{reason}; {ours}; {asked.otherwise}; {new}")]


def not_taken(name: str, asked: Asked, look: Callable[[], Awaitable[Running | None]]) -> pulumi.ResourceHookBinding:
    """Return the hook that refuses to make anything under an id that is taken. Only a creation looks."""

    async def judge() -> Refusals:
        return taken(asked, await look())

    return before_creation(name, judge)


async def running_group(group_id: str, region: str, parent: pulumi.Resource) -> Running | None:
    """Look at a replication group: one of its nodes knows the version."""
    group = await _found("getReplicationGroup", {"replicationGroupId": group_id, "region": region}, parent)
    if group is None:
        return None
    nodes = sorted(group.get("memberClusters") or [])
    node = await _found("getCluster", {"clusterId": nodes[0], "region": region}, parent) if nodes else None
    return Running() if node is None else Running(node["engine"], as_named(node["engine"], node["engineVersion"]))


async def running_cache(name: str, region: str, parent: pulumi.Resource) -> Running | None:
    """Look at a serverless cache."""
    cache = await _found("getServerlessCache", {"name": name, "region": region}, parent)
    return None if cache is None else Running(cache["engine"], cache["majorEngineVersion"])


async def _found(function: str, asked: Mapping[str, str], parent: pulumi.Resource) -> Mapping[str, Any] | None:
    """Return what a look-up found; None also where the provider may not look: AWS itself takes an id only once.

    The functions of the SDK do not serve: the one blocks, the other makes an Output, and one that fails ends the program.
    """
    opts = pulumi.InvokeOptions.merge(get_invoke_opts_defaults(), pulumi.InvokeOptions(parent=parent))
    try:
        found: Mapping[str, Any] | None = await pulumi.runtime.invoke_async(
            f"aws:elasticache/{function}:{function}", asked, opts
        )
    except Exception:  # noqa: BLE001  the SDK has no other for an answer of the provider, which has one for all that fails
        return None
    return found or None
