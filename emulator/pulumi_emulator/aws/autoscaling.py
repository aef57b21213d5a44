"""Application Auto Scaling of replication groups: moto keeps targets and policies, but does not know ElastiCache, nor tags.

Nothing is scaled by load here, for nothing measures it; a policy only brings the capacity into its target's limits, as AWS
does when one is made. Rules: docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoScaling.html and the pages under it.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, ClassVar, Final

import moto.applicationautoscaling.models as moto_models
import moto.applicationautoscaling.responses as moto_responses
import moto.applicationautoscaling.urls
from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.exceptions import JsonRESTError
from moto.core.utils import get_service_model

from pulumi_emulator.aws.elasticache.account import Account, Region
from pulumi_emulator.aws.elasticache.engines import REDIS, numbers
from pulumi_emulator.aws.elasticache.faults import Fault
from pulumi_emulator.aws.elasticache.model import Group
from pulumi_emulator.aws.elasticache.operations import OPERATIONS

NAMESPACE: Final = "elasticache"
SHARDS: Final = "elasticache:replication-group:NodeGroups"
REPLICAS: Final = "elasticache:replication-group:Replicas"
RESOURCE: Final = "replication-group/"
# AutoScaling.html: instance types and sizes; the eighth generation is in newer translations of the page.
FAMILIES: Final = frozenset({"r8g", "r7g", "r6g", "r6gd", "r5", "m8g", "m7g", "m6g", "m5", "c7gn", "c8gn"})
SIZES: Final = frozenset({"large", "xlarge", "2xlarge"})
FIRST_REDIS: Final = (6, 0)
# AutoScaling-Scaling-Policies-Target.html (shards) and AutoScaling-Scaling-Policies-Replicas-Replicas.html.
METRICS: Final = {
    SHARDS: frozenset(
        {
            "ElastiCachePrimaryEngineCPUUtilization",
            "ElastiCacheDatabaseMemoryUsageCountedForEvictPercentage",
            "ElastiCacheDatabaseCapacityUsageCountedForEvictPercentage",
        }
    ),
    REPLICAS: frozenset({"ElastiCacheReplicaEngineCPUUtilization"}),
}


class MissingError(JsonRESTError):
    """A target that is not there."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("ResourceNotFoundException", message)


class AutoScaling(ApplicationAutoScalingResponse):
    """The emulated service in the place of moto's."""

    account: ClassVar[Account]
    # By the target's ARN.
    tags: ClassVar[dict[str, dict[str, str]]] = {}

    def register_scalable_target(self) -> str:
        """Make a replication group's shards or replicas something that is scaled."""
        if self._get_param("ServiceNamespace") == NAMESPACE:
            with self.account.lock:
                check_group(find(self.account.region(self.region), self._get_param("ResourceId")))
            least, most = self._get_int_param("MinCapacity"), self._get_int_param("MaxCapacity")
            if least is not None and most is not None and least > most:
                raise AWSValidationException("Maximum capacity cannot be less than minimum capacity")
        answer: str = super().register_scalable_target()
        if self._get_param("Tags"):
            self._tags(json.loads(answer)["ScalableTargetARN"]).update(self._get_param("Tags"))
        return answer

    def deregister_scalable_target(self) -> str:
        """Remove a target, with its tags."""
        dimension, resource = self._get_param("ScalableDimension"), self._get_param("ResourceId")
        target = self.applicationautoscaling_backend.targets.get(dimension, {}).get(resource)
        answer: str = super().deregister_scalable_target()
        if target is not None:
            self.tags.pop(target.arn, None)
        return answer

    def tag_resource(self) -> str:
        """Add tags to a target."""
        self._tags(self._get_param("ResourceARN")).update(self._get_param("Tags"))
        return "{}"

    def untag_resource(self) -> str:
        """Remove tags of a target."""
        tags = self._tags(self._get_param("ResourceARN"))
        for key in self._get_param("TagKeys"):
            tags.pop(key, None)
        return "{}"

    def list_tags_for_resource(self) -> str:
        """Return the tags of a target."""
        return json.dumps({"Tags": self._tags(self._get_param("ResourceARN"))})

    def _tags(self, arn: str) -> dict[str, str]:
        """Return a target's tags, to be read or changed; ResourceNotFoundException when there is no such target."""
        targets = self.applicationautoscaling_backend.targets.values()
        if not any(target.arn == arn for by_resource in targets for target in by_resource.values()):
            raise MissingError(f"Resource not found: {arn}")
        return self.tags.setdefault(arn, {})

    def put_scaling_policy(self) -> str:
        """Make a policy; the capacity comes into its target's limits at once."""
        dimension, resource = self._get_param("ScalableDimension"), self._get_param("ResourceId")
        if self._get_param("ServiceNamespace") != NAMESPACE:
            plain: str = super().put_scaling_policy()
            return plain
        target = self.applicationautoscaling_backend.targets.get(dimension, {}).get(resource)
        if target is None:
            raise AWSValidationException(f"No scalable target registered for {resource} and {dimension}")
        configuration = self._get_param("TargetTrackingScalingPolicyConfiguration") or {}
        metric = configuration.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
        if metric is not None and metric not in METRICS[dimension]:
            raise AWSValidationException(f"The metric {metric} does not scale {dimension}")
        answer: str = super().put_scaling_policy()
        with self.account.lock:
            region = self.account.region(self.region)
            bring_into_limits(region, find(region, resource), dimension, target.min_capacity, target.max_capacity)
        return answer


def find(region: Region, resource: str) -> Group:
    """Return the replication group that a resource id means."""
    group = region.groups.get(resource.removeprefix(RESOURCE))
    if not resource.startswith(RESOURCE) or group is None:
        raise AWSValidationException(f"ElastiCache replication group does not exist: {resource}")
    return group


def check_group(group: Group) -> None:
    """Refuse a group that cannot be scaled."""
    if group.cluster_mode != "enabled":
        raise AWSValidationException(f"{group.group_id} has cluster mode disabled: it cannot be scaled")
    if group.global_id is not None:
        raise AWSValidationException(f"{group.group_id} is in a global datastore: it cannot be scaled")
    family, size = group.node_type.split(".")[1:]
    if family not in FAMILIES or size not in SIZES:
        raise AWSValidationException(f"{group.group_id} has nodes of type {group.node_type}: it cannot be scaled")
    if group.engine == REDIS and numbers(group.version) < FIRST_REDIS:
        raise AWSValidationException(f"{group.group_id} has engine version {group.version}: it cannot be scaled")


def bring_into_limits(region: Region, group: Group, dimension: str, least: int | None, most: int | None) -> None:
    """Scale a group whose capacity is outside its target's limits."""
    replicas = len(group.of_shard(group.shards[0])) - 1
    now = len(group.slots) if dimension == SHARDS else replicas
    wanted = max(now, least) if least is not None else now
    wanted = min(wanted, most) if most is not None else wanted
    if wanted == now:
        return
    given: dict[str, Any] = {"ReplicationGroupId": group.group_id, "ApplyImmediately": True}
    if dimension == SHARDS:
        operation = "ModifyReplicationGroupShardConfiguration"
        given |= {"NodeGroupCount": wanted} | ({"NodeGroupsToRetain": group.shards[:wanted]} if wanted < now else {})
    else:
        operation = "IncreaseReplicaCount" if wanted > now else "DecreaseReplicaCount"
        given |= {"NewReplicaCount": wanted}
    try:
        OPERATIONS[operation].run(region, given)
    except Fault as fault:
        raise AWSValidationException(f"The capacity cannot be brought into the target's limits: {fault.message}") from None


def install(account: Account) -> None:
    """Put this service into the place of moto's, with all of AWS's namespaces and dimensions; before the first request."""
    AutoScaling.account = account
    AutoScaling.tags = {}
    moto.applicationautoscaling.urls.url_paths["{0}/$"] = AutoScaling.dispatch
    model = get_service_model("application-autoscaling")
    for name, shape in (("ServiceNamespaceValueSet", "ServiceNamespace"), ("ScalableDimensionValueSet", "ScalableDimension")):
        values: list[str] = model.shape_for(shape).enum  # type: ignore[attr-defined]
        members = Enum(name, {value.upper().replace("-", "_").replace(":", "_"): value for value in values})  # type: ignore[misc]
        for module in (moto_models, moto_responses):
            setattr(module, name, members)
