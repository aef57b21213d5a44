"""A secondary of a Global Datastore: everything that is made in its region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.guard import guard

from .access import Access, make_access
from .alarms import make_alarms, wanted_alarms
from .changes import refusals
from .dashboard import make_dashboard
from .global_alarms import Lag, make_lag_alarms
from .logs import LogGroups, make_log_groups
from .monitored import Watched
from .network import Network, make_network
from .notifications import Notifications, make_notifications
from .outputs import connection_document
from .plan import Plan
from .replication import GLOBAL, ONLY_AT_CREATION, secondary_arguments
from .snapshots import final_snapshot_name


@dataclass
class Secondary:
    """What was made in a secondary's region."""

    plan: Plan
    network: Network
    access: Access
    log_groups: LogGroups
    notifications: Notifications
    replication_group: aws.elasticache.ReplicationGroup
    alarms: dict[str, aws.cloudwatch.MetricAlarm]
    dashboard: aws.cloudwatch.Dashboard | None

    @property
    def connection(self) -> pulumi.Output[dict[str, Any]]:
        """Return how clients reach this region's group."""
        group, plan = self.replication_group, self.plan
        return pulumi.Output.all(
            primary=group.primary_endpoint_address,
            reader=group.reader_endpoint_address,
            configuration=group.configuration_endpoint_address,
            port=plan.port,
        ).apply(lambda known: connection_document(plan, known))


def make_secondary(
    place: Place,
    plan: Plan,
    args: Mapping[str, Any],
    lag: Lag | None,
    global_id: pulumi.Output[str],
    before: Sequence[pulumi.Resource],
) -> Secondary:
    """Make a secondary. `global_id` is the global object's output, so that secondaries go before it when all is destroyed."""
    network = make_network(place, plan, args)
    access = make_access(place, plan, args)
    log_groups = make_log_groups(place, plan, args.get("logs"))
    notifications = make_notifications(place, plan.topology, args.get("notifications"))
    optional: dict[str, Any] = {
        **network.group_arguments(args),
        **access.group_arguments(args),
        "kms_key_id": args.get("kms_key_id"),
        "notification_topic_arn": notifications.arn,
        "log_delivery_configurations": log_groups.deliveries or None,
    }
    optional = {argument: value for argument, value in optional.items() if value is not None}
    # A global datastore takes one change at a time: secondaries are made, and go, one after the other.
    after = [*notifications.before_group, *before]
    group = aws.elasticache.ReplicationGroup(
        f"{place.name}-group",
        global_replication_group_id=global_id,
        **secondary_arguments(plan),
        **optional,
        final_snapshot_identifier=final_snapshot_name(place, plan, {**optional, "global": global_id}, after),
        region=place.region,
        tags=place.tags,
        opts=place.child(
            depends_on=after,
            protect=plan.protect,
            ignore_changes=list(dict.fromkeys([*ONLY_AT_CREATION, *GLOBAL])),
            custom_timeouts=pulumi.CustomTimeouts(**dict(plan.timeouts)),
            hooks=guard(f"{place.name}-changes{place.apart}", refusals),
        ),
    )
    watched, settings = Watched(plan.topology, plan.node_type), args.get("alarms")
    alarms = make_alarms(place, watched, settings, group)
    rows = wanted_alarms(settings, watched)
    dashboard = make_dashboard(place, watched, rows, alarms) if plan.dashboard else None
    lag_alarms = make_lag_alarms(place, plan.topology, lag, settings or {}, global_id, group, secondary=True)
    return Secondary(plan, network, access, log_groups, notifications, group, alarms | lag_alarms, dashboard)
