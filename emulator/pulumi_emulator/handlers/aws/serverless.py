"""ElastiCache Serverless: a cache without nodes to choose."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws
from pulumi_emulator.handlers.aws.elasticache import CacheThing
from pulumi_emulator.handlers.aws.translation import Call, Pairs, Request, Target, Within
from pulumi_emulator.handlers.base import Properties
from pulumi_emulator.rules import Change

LIMITS = Within(
    "CacheUsageLimits",
    {
        "dataStorage": Within("DataStorage", {"maximum": "Maximum", "minimum": "Minimum", "unit": "Unit"}),
        "ecpuPerSeconds": Within("ECPUPerSecond", {"maximum": "Maximum", "minimum": "Minimum"}),
    },
)
SHARED: dict[str, Target] = {
    "cacheUsageLimits": LIMITS,
    "dailySnapshotTime": "DailySnapshotTime",
    "description": "Description",
    "engine": "Engine",
    "majorEngineVersion": "MajorEngineVersion",
    "securityGroupIds": "SecurityGroupIds",
    "snapshotRetentionLimit": "SnapshotRetentionLimit",
    "userGroupId": "UserGroupId",
}
# A request for each, in the provider's order (serverless_cache.go, Update; hashicorp/terraform-provider-aws#47918).
ONE_BY_ONE: Final = (
    ("description",),
    ("dailySnapshotTime",),
    ("snapshotRetentionLimit",),
    ("cacheUsageLimits",),
    ("securityGroupIds",),
    ("userGroupId",),
    ("engine", "majorEngineVersion"),
)
# By which the provider takes limits away.
NO_LIMITS: Final = {
    "dataStorage": {"maximum": 0, "minimum": 0, "unit": "GB"},
    "ecpuPerSeconds": [{"maximum": 0, "minimum": 0}],
}


class ServerlessCache(CacheThing):
    """A serverless cache."""

    token = "aws:elasticache/serverlessCache:ServerlessCache"  # noqa: S105 - a type token
    noun = "ServerlessCache"
    id_member = "ServerlessCacheName"
    creation = Call(
        "elasticache",
        "CreateServerlessCache",
        {
            **SHARED,
            "kmsKeyId": "KmsKeyId",
            "name": "ServerlessCacheName",
            "networkType": "NetworkType",
            "snapshotArnsToRestores": "SnapshotArnsToRestore",
            "subnetIds": "SubnetIds",
            TAGS_ALL: Pairs("Tags"),
        },
    )
    change: ClassVar[Call] = Call("elasticache", "ModifyServerlessCache", SHARED)
    provider_only: ClassVar = {
        **EVERYWHERE,
        "timeouts.create": "how long the provider waits",
        "timeouts.delete": "how long the provider waits",
        "timeouts.update": "how long the provider waits",
    }

    @override
    def diff(self, state: Properties, olds: Properties, news: Properties, found: list[Change]) -> list[Change]:
        # Only from Redis to Valkey can the engine change in place (API_ModifyServerlessCache, Engine).
        forward = str(olds.get("engine")).lower() == "redis" and str(news.get("engine")).lower() == "valkey"
        return [replace(change, replaces=True) if change.property == "engine" and not forward else change for change in found]

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        found = super().find(aws, resource_id)
        return None if found is None or found["Status"] == "deleting" else found

    @override
    def settle(self, aws: Aws, resource_id: str) -> None:
        def ready() -> bool:
            found = self.find(aws, resource_id)
            if found is None or found["Status"] == "create-failed":
                raise EmulatorError(f"serverless cache {resource_id} could not be made: see its events")
            return bool(found["Status"] == "available")

        aws.wait(f"serverless cache {resource_id} becoming available", ready)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        endpoint, reader = found.get("Endpoint") or {}, found.get("ReaderEndpoint") or {}
        properties = {
            "arn": found["ARN"],
            "name": found["ServerlessCacheName"],
            "cacheUsageLimits": _limits(found.get("CacheUsageLimits") or {}),
            "createTime": found["CreateTime"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "dailySnapshotTime": found.get("DailySnapshotTime"),
            "description": found.get("Description"),
            "endpoints": [{"address": endpoint["Address"], "port": endpoint["Port"]}] if endpoint else [],
            "engine": found.get("Engine"),
            "fullEngineVersion": found.get("FullEngineVersion"),
            "kmsKeyId": found.get("KmsKeyId"),
            "majorEngineVersion": found.get("MajorEngineVersion"),
            "networkType": found.get("NetworkType"),
            "readerEndpoints": [{"address": reader["Address"], "port": reader["Port"]}] if reader else [],
            "securityGroupIds": found.get("SecurityGroupIds"),
            "snapshotRetentionLimit": found.get("SnapshotRetentionLimit"),
            "status": found["Status"],
            "subnetIds": found.get("SubnetIds"),
            "userGroupId": found.get("UserGroupId"),
        }
        return {
            **{name: value for name, value in properties.items() if value is not None and value != {}},
            TAGS_ALL: self.tags(aws, found["ARN"]),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        for names in ONE_BY_ONE:
            values = {name: inputs.get(name) for name in names if name in changed}
            if not values:
                continue
            more: dict[str, Any] = {}
            if "userGroupId" in values and not values["userGroupId"]:
                more["RemoveUserGroup"] = True
            if "cacheUsageLimits" in values and not values["cacheUsageLimits"]:
                values["cacheUsageLimits"] = NO_LIMITS
            if "engine" in values:
                values["majorEngineVersion"] = inputs.get("majorEngineVersion") or state.get("majorEngineVersion")
            requests.append(self.change.request(values, ServerlessCacheName=resource_id, **more))
        return requests + self.tag_changes(state, inputs, changed)

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("elasticache", "DeleteServerlessCache", {"ServerlessCacheName": resource_id})]

    @override
    def gone(self, aws: Aws, resource_id: str) -> None:
        def deleted() -> bool:
            return aws.find("elasticache", "DescribeServerlessCaches", ServerlessCacheName=resource_id) is None

        aws.wait(f"serverless cache {resource_id} being deleted", deleted)


def _limits(found: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    storage, units = found.get("DataStorage") or {}, found.get("ECPUPerSecond") or {}
    if storage:
        made["dataStorage"] = {key.lower(): value for key, value in storage.items()}
    if units:
        made["ecpuPerSeconds"] = [{key.lower(): value for key, value in units.items()}]
    return made
