"""ElastiCache's Global Datastores: the object over replication groups of several Regions.

Source: hashicorp/terraform-provider-aws internal/service/elasticache/global_replication_group.go; the engine as an argument
came with its #42636, and is taken here as pulumi_aws describes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.aws.base import EVERYWHERE, Aws, region_of
from pulumi_emulator.handlers.aws.elasticache import CacheThing
from pulumi_emulator.handlers.aws.replication_rules import shown_version, version_key
from pulumi_emulator.handlers.aws.translation import Call, Request
from pulumi_emulator.handlers.base import Cloud, Made, Properties
from pulumi_emulator.rules import Change, Failure

TOKEN: Final = "aws:elasticache/globalReplicationGroup:GlobalReplicationGroup"  # noqa: S105 - a type token
# globalReplicationGroupRegionPrefixFormat: what AWS puts before the suffix.
PREFIX: Final = re.compile(r"[A-Za-z]{5}-")
# emptyDescription: what AWS keeps when there is none.
NO_DESCRIPTION: Final = " "
SETTLED: Final = ("available", "primary-only")
# validRedisVersionString; pulumi_aws GlobalReplicationGroup engine_version.
VERSION: Final = re.compile(r"[1-5](\.\d+){2}|6\.x|[6-9]\.\d+")
LATEST_OF_MAJOR: Final = re.compile(r"[6-9]\.x")
# What makes a call of its own, in the order in which an update makes them.
FIELDS: Final = (
    frozenset({"cacheNodeType"}),
    frozenset({"automaticFailoverEnabled"}),
    frozenset({"engine", "engineVersion"}),
    frozenset({"globalReplicationGroupDescription"}),
    frozenset({"numNodeGroups"}),
)
INHERITED: Final = ("cacheNodeType", "automaticFailoverEnabled", "engine", "engineVersion", "numNodeGroups")


class GlobalReplicationGroup(CacheThing):
    """A primary group, and those of other Regions that follow it."""

    token = TOKEN
    noun = "GlobalReplicationGroup"
    id_member = "GlobalReplicationGroupId"
    creation = Call(
        "elasticache",
        "CreateGlobalReplicationGroup",
        {
            "globalReplicationGroupDescription": "GlobalReplicationGroupDescription",
            "globalReplicationGroupIdSuffix": "GlobalReplicationGroupIdSuffix",
            "primaryReplicationGroupId": "PrimaryReplicationGroupId",
        },
    )
    modification: ClassVar[Call] = Call(
        "elasticache",
        "ModifyGlobalReplicationGroup",
        {
            "automaticFailoverEnabled": "AutomaticFailoverEnabled",
            "cacheNodeType": "CacheNodeType",
            "engine": "Engine",
            "engineVersion": "EngineVersion",
            "globalReplicationGroupDescription": "GlobalReplicationGroupDescription",
            "parameterGroupName": "CacheParameterGroupName",
        },
        {"ApplyImmediately": True},
    )
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        version = inputs.get("engineVersion")
        if isinstance(version, str) and not VERSION.fullmatch(version):
            wanted = "<major>.<minor> from version 6 on (6.x is the newest 6), <major>.<minor>.<patch> before"
            return [Failure("engineVersion", f"{version!r} is not a version: {wanted}")]
        return []

    @override
    def diff(self, state: Properties, olds: Properties, news: Properties, found: list[Change]) -> list[Change]:
        kept = [change for change in found if not _same(change.property, state, news)]
        changed = {change.property for change in kept}
        old, new = str(state.get("engineVersion") or ""), news.get("engineVersion")
        known = isinstance(new, str) and VERSION.fullmatch(old) is not None
        higher = known and not LATEST_OF_MAJOR.fullmatch(str(new)) and version_key(str(new)) > version_key(old)
        same_engine = state.get("engine") == (news.get("engine") or state.get("engine"))
        if known and "engineVersion" in changed and same_engine and not higher:
            raise EmulatorError(
                f"global replication group: engine version {old} cannot become {new}: a downgrade needs the replacement of the "
                "global replication group and of all its members"
            )
        major = known and version_key(str(new))[0] > version_key(old)[0]
        if "parameterGroupName" in changed and known and not major:
            raise EmulatorError(
                "global replication group: parameter_group_name cannot be changed without a new major engine version"
            )
        return kept

    @override
    def uncertain(self, changed: Collection[str]) -> Collection[str]:
        return ("globalNodeGroups",) if "numNodeGroups" in changed else ()

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        """Make it of the primary as it is; then change what is wanted otherwise, a call at a time."""
        made = super().create(cloud, {name: value for name, value in inputs.items() if name not in INHERITED})
        aws = Aws(cloud, region_of(inputs))
        wanted = dict(inputs)
        if wanted.get("engineVersion") is not None:
            # pulumi_aws GlobalReplicationGroup engine: redis by default where a version is given.
            wanted.setdefault("engine", "redis")
        given = {name for name in INHERITED if wanted.get(name) is not None}
        other = {name for name in given if not _same(name, made.computed, wanted) and _text(made.computed, wanted, name)}
        state = made.computed
        for request in self.changes(made.id, state, wanted, other):
            aws.send(request)
            self.settle(aws, made.id)
        return Made(made.id, self._now(aws, made.id, inputs))

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        # As if the primary had everything otherwise; what it has already is not sent.
        return self.changes(resource_id, {}, inputs, {name for name in INHERITED if inputs.get(name) is not None})

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find(
            "elasticache", "DescribeGlobalReplicationGroups", GlobalReplicationGroupId=resource_id, ShowMemberInfo=True
        )
        found = next(iter((answer or {}).get("GlobalReplicationGroups") or ()), None)
        return None if found is None or found["Status"] == "deleting" else found

    @override
    def settle(self, aws: Aws, resource_id: str) -> None:
        def settled() -> bool:
            found = self.find(aws, resource_id)
            if found is None:
                raise EmulatorError(f"global replication group {resource_id} is gone while it was waited for")
            return found["Status"] in SETTLED

        aws.wait(f"global replication group {resource_id} becoming available", settled)
        for member in (self.find(aws, resource_id) or {}).get("Members") or []:
            failure = aws.cloud.cache_failure(member["ReplicationGroupId"], member["ReplicationGroupRegion"])
            if failure:
                raise EmulatorError(f"global replication group {resource_id}: {failure}")

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        members = found.get("Members") or []
        shards = [
            {"globalNodeGroupId": item["GlobalNodeGroupId"], "slots": item.get("Slots", "")}
            for item in found.get("GlobalNodeGroups") or []
        ]
        actual, description = str(found.get("EngineVersion") or ""), found.get("GlobalReplicationGroupDescription")
        told = description not in (None, "", NO_DESCRIPTION) or state.get("globalReplicationGroupDescription") is not None
        return {
            "arn": found["ARN"],
            "atRestEncryptionEnabled": bool(found.get("AtRestEncryptionEnabled")),
            "authTokenEnabled": bool(found.get("AuthTokenEnabled")),
            # The first member's stands for all.
            "automaticFailoverEnabled": bool(members) and members[0].get("AutomaticFailover") == "enabled",
            "cacheNodeType": found.get("CacheNodeType", ""),
            "clusterEnabled": bool(found.get("ClusterEnabled")),
            "engine": found.get("Engine", ""),
            "engineVersion": shown_version(actual, str(state.get("engineVersion") or "")),
            "engineVersionActual": actual,
            **({"globalReplicationGroupDescription": description} if told else {}),
            "globalNodeGroups": shards,
            "globalReplicationGroupId": found["GlobalReplicationGroupId"],
            "globalReplicationGroupIdSuffix": PREFIX.sub("", found["GlobalReplicationGroupId"], count=1),
            "numNodeGroups": len(shards),
            # Whoever is primary now: after a promotion this is drift that replaces (hashicorp/terraform-provider-aws#46121).
            "primaryReplicationGroupId": next(
                (member["ReplicationGroupId"] for member in members if member["Role"] == "PRIMARY"), ""
            ),
            "transitEncryptionEnabled": bool(found.get("TransitEncryptionEnabled")),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        for field in FIELDS:
            if not field & set(changed):
                continue
            if "numNodeGroups" in field:
                requests.append(_shards(resource_id, state, int(inputs.get("numNodeGroups") or 0)))
                continue
            values = {name: inputs.get(name) for name in field}
            if "engineVersion" in field:
                values["parameterGroupName"] = inputs.get("parameterGroupName") if _major(state, inputs) else None
            if "globalReplicationGroupDescription" in field:
                values["globalReplicationGroupDescription"] = values["globalReplicationGroupDescription"] or NO_DESCRIPTION
            requests.append(self.modification.request(values, GlobalReplicationGroupId=resource_id))
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        # The primary stays: it has a resource of its own.
        parameters = {"GlobalReplicationGroupId": resource_id, "RetainPrimaryReplicationGroup": True}
        return [Request("elasticache", "DeleteGlobalReplicationGroup", parameters)]

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        """Delete it once no change is under way.

        The provider asks again for an hour while the state forbids it. A secondary that is still there does not go by itself,
        so that is an error at once here.
        """
        known = state or cloud.world.get(self.token, resource_id) or {}
        aws = Aws(cloud, region_of(known))
        if cloud.aws_running():

            def settled() -> bool:
                found = self.find(aws, resource_id)
                return found is None or found["Status"] in SETTLED

            aws.wait(f"global replication group {resource_id} coming to rest", settled)
        super().delete(cloud, resource_id, state)

    @override
    def gone(self, aws: Aws, resource_id: str) -> None:
        def deleted() -> bool:
            return aws.find("elasticache", "DescribeGlobalReplicationGroups", GlobalReplicationGroupId=resource_id) is None

        aws.wait(f"global replication group {resource_id} being deleted", deleted)


def _same(name: str, state: Properties, news: Properties) -> bool:
    """Tell whether the provider takes a new value for the old one."""
    old, new = state.get(name), news.get(name)
    if name == "globalReplicationGroupDescription":
        return (old or NO_DESCRIPTION) == (new or NO_DESCRIPTION)
    if name == "engineVersion" and isinstance(new, str) and LATEST_OF_MAJOR.fullmatch(new):
        return bool(old) and version_key(str(old))[0] >= version_key(new)[0]
    return False


def _text(state: Properties, wanted: Properties, name: str) -> bool:
    """Tell whether a value is another one; numbers may come as text."""
    return str(state.get(name)) != str(wanted.get(name))


def _major(state: Properties, inputs: Properties) -> bool:
    """Tell whether the version goes to a higher major one: only then the provider sends a parameter group."""
    old, new = state.get("engineVersion"), inputs.get("engineVersion")
    return not old or (isinstance(new, str) and version_key(new)[0] > version_key(str(old))[0])


def _shards(resource_id: str, state: Properties, count: int) -> Request:
    parameters: dict[str, Any] = {
        "GlobalReplicationGroupId": resource_id,
        "NodeGroupCount": count,
        "ApplyImmediately": True,
    }
    present: list[Mapping[str, Any]] = list(state.get("globalNodeGroups") or [])
    if not present or count > len(present):
        return Request("elasticache", "IncreaseNodeGroupsInGlobalReplicationGroup", parameters)
    # The ones with the lowest numbers stay; numbers are the last four digits.
    names = sorted((str(item["globalNodeGroupId"]) for item in present), key=lambda name: name[-4:])
    parameters["GlobalNodeGroupsToRetain"] = names[:count]
    return Request("elasticache", "DecreaseNodeGroupsInGlobalReplicationGroup", parameters)
