"""The endpoint document: what an application has to know about a group, made of how the group is and of the document before.

A failover inside a region changes no endpoint's name. What moves is the generation: a number that only ever grows, and at which
a reader makes its connections anew. It grows when

- the endpoints or their encryption changed,
- the member that is primary changed (AWS reports it with cluster mode disabled alone),
- the role in a Global Datastore changed,
- ElastiCache told of a failover that came after the last look for which it grew.

The last rule makes duplicates and messages that are late or out of order harmless: the look was at the group as it is, after
whatever they tell of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from .events import Event
from .table import FOLLOW, row_of

VERSION: Final = 1
# docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html: 4 KB for a standard parameter.
MOST_BYTES: Final = 4096
AVAILABLE: Final = "available"
GONE: Final = "not-found"  # our word; AWS has no status for a group that is not there
# Of these a change raises the generation, each with the reason that the document then names.
MOVES: Final = {
    "endpoints": "endpoints-changed",
    "tls": "endpoints-changed",
    "primary_member": "primary-changed",
    "global_role": "global-role-changed",
}
# What a document says about the group; the rest says when and why it was written.
FACTS: Final = ("state", "endpoints", "tls", "engine", "primary_member", "global_id", "global_role")


class DocumentTooLargeError(Exception):
    """The document does not fit into a standard parameter."""


def facts_of(group: Mapping[str, Any] | None, previous: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what an answer of DescribeReplicationGroups says about a group; None while nobody could connect to it.

    `group` is None for a group that is not there: the document keeps what it said, with another state. Endpoints that AWS does
    not name at the moment are kept too, and so is the primary while no member has that role.
    """
    if group is None:
        return None if previous is None else {**{name: previous[name] for name in FACTS}, "state": GONE}
    before: Mapping[str, Any] = previous or {}
    endpoints = _endpoints(group) or before.get("endpoints")
    if endpoints is None:
        return None
    data_store = group.get("GlobalReplicationGroupInfo") or {}
    return {
        "state": group["Status"],
        "endpoints": endpoints,
        "tls": bool(group.get("TransitEncryptionEnabled")),
        "engine": group.get("Engine", "redis"),
        "primary_member": _primary(group, before.get("primary_member")),
        "global_id": data_store.get("GlobalReplicationGroupId"),
        "global_role": (data_store.get("GlobalReplicationGroupMemberRole") or "").lower() or None,
    }


def next_document(
    facts: Mapping[str, Any],
    previous: Mapping[str, Any] | None,
    event: Event,
    *,
    group_id: str,
    region: str,
    looked: datetime,
    overwrote: bool = False,
    version: int = 0,
) -> dict[str, Any] | None:
    """Return the document to write, None when there is nothing to tell.

    `looked` is when the group was asked about. `overwrote` says that the last write went over one of somebody else, whose
    readers have to come back. `version` is that of the parameter: it grows at least as fast as the generation, so that a
    document which cannot be read any more is followed by one whose generation is above it.
    """
    failover = row_of(event.name).action == FOLLOW
    reason = _reason(facts, previous, event, failover=failover, overwrote=overwrote)
    if reason is None and previous is not None and all(previous[name] == facts[name] for name in FACTS):
        return None
    if reason is None and previous is not None:
        generation, raised = previous["generation"], previous["raised"]
    else:
        generation = (previous["generation"] if previous is not None else version) + 1
        raised = stamp(max(looked, event.time) if failover else looked)
    return {
        "version": VERSION,
        "group_id": group_id,
        "region": region,
        "generation": generation,
        "raised": raised,
        "written": stamp(looked),
        "reason": reason or "state-changed",
        "event_name": event.name,
        "event_id": event.id,
        "event_time": stamp(event.time),
        **facts,
    }


def _reason(
    facts: Mapping[str, Any], previous: Mapping[str, Any] | None, event: Event, *, failover: bool, overwrote: bool
) -> str | None:
    """Return why the generation grows, None when it does not."""
    if previous is None:
        return "created"
    if overwrote:
        return "overwrote"
    if failover and event.time > since(previous):
        return "failover-complete"
    return next((reason for name, reason in MOVES.items() if previous[name] != facts[name]), None)


def since(document: Mapping[str, Any]) -> datetime:
    """Return up to when a document's generation answers for failovers."""
    return datetime.fromisoformat(document["raised"])


def read_document(text: str | None) -> dict[str, Any] | None:
    """Read a parameter that this function wrote; None when it is not there, or was made unreadable by somebody."""
    try:
        document = json.loads(text or "")
        since(document)
        known = document["version"] == VERSION and isinstance(document["generation"], int) and document.keys() >= set(FACTS)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return document if known else None


def text_of(document: Mapping[str, Any]) -> str:
    """Return the parameter's text. Raises DocumentTooLargeError before AWS would refuse it."""
    text = json.dumps(document, separators=(",", ":"))  # ASCII: a character is a byte
    if len(text) > MOST_BYTES:
        raise DocumentTooLargeError(
            f"the endpoint document of {document['group_id']} has {len(text)} bytes, and a standard parameter takes "
            f"{MOST_BYTES}: report this with the group's description"
        )
    return text


def host_and_port(document: Mapping[str, Any]) -> str:
    """Return host:port for readers that take no JSON: where writes go, or the configuration endpoint with cluster mode."""
    endpoint = document["endpoints"].get("primary") or document["endpoints"]["configuration"]
    return f"{endpoint['host']}:{endpoint['port']}"


def stamp(time: datetime) -> str:
    """Return a time in UTC to the millisecond, as SNS writes it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _endpoints(group: Mapping[str, Any]) -> dict[str, Any] | None:
    shards = group.get("NodeGroups") or [{}]
    named = {
        "primary": shards[0].get("PrimaryEndpoint"),
        "reader": shards[0].get("ReaderEndpoint"),
        "configuration": group.get("ConfigurationEndpoint"),
    }
    found = {
        name: {"host": endpoint["Address"], "port": endpoint["Port"]}
        for name, endpoint in named.items()
        if endpoint and endpoint.get("Address")
    }
    return found if "primary" in found or "configuration" in found else None


def _primary(group: Mapping[str, Any], before: str | None) -> str | None:
    """Return the member that is primary.

    CurrentRole is reported with cluster mode disabled alone (botocore, elasticache 2015-02-02, NodeGroupMember); there is one
    shard then. While no member has the role, in the middle of a failover, it is who had it last.
    """
    members = [member for shard in group.get("NodeGroups") or () for member in shard.get("NodeGroupMembers") or ()]
    roles = {member["CacheClusterId"]: member["CurrentRole"] for member in members if member.get("CurrentRole")}
    if members and not roles:
        return None
    return next((name for name, role in roles.items() if role == "primary"), before)
