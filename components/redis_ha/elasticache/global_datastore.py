"""GlobalDatastore: one replication group that takes writes, and one or two in other regions that follow it."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.arguments import InvalidArgumentsError, camel_case
from redis_ha.guard import apart, guard
from redis_ha.inputs import as_input_errors, known_now, outputs_of

from .access import credentials
from .global_alarms import make_lag_alarms
from .global_changes import global_refusals
from .global_checks import GlobalPlan, inherited, make_global_plan, member_name, secondary_args, what
from .global_outputs import global_connection, promotion_policy, writing_endpoint, wrong_primary
from .global_secondary import Secondary, make_secondary
from .global_settings import GlobalLag, GlobalSecondary, GlobalWriter
from .group import ElastiCacheHaGroup, ElastiCacheHaGroupArgs
from .monitored import GROUP_TAG
from .notifications import followed
from .permissions import member_arn
from .settings import ElastiCacheUser

# Upgrading three members takes longer than the provider's own 60 minutes (global_replication_group.go).
TIMEOUTS = {"create": "60m", "update": "120m", "delete": "60m"}
# A promotion outside of the program changes it, and a change of it would replace the global object and detach all secondaries
# (hashicorp/terraform-provider-aws issue 46121).
WHO_IS_PRIMARY = "primaryReplicationGroupId"


class GlobalDatastoreArgs(TypedDict):
    """What a GlobalDatastore is made of.

    Needed are `secondaries`, and either `primary`, which makes the group here, or an existing group's
    `primary_replication_group_id`, `primary_region` and `primary_connection`, and what it is: `engine`, `engine_version`,
    `node_type`, with cluster mode `shards`.
    """

    secondaries: Mapping[str, GlobalSecondary]
    """One or two secondaries, by region, e.g. `eu-west-1`."""
    name_suffix: NotRequired[str]
    """Name of the global datastore; AWS puts five letters for the region before it. Default: the resource's name. A change
    would replace it."""
    description: NotRequired[str]
    """Description that the console shows. Default: says who made it."""
    primary: NotRequired[ElastiCacheHaGroupArgs]
    """The primary, made here: the arguments of an ElastiCacheHaGroup, but `engine`, `engine_version`, `node_type` and `shards`,
    which are the datastore's, and `multi_az`, which is `automatic_failover`. Default of its `group_id`: `<name>-<region>`."""
    primary_replication_group_id: NotRequired[pulumi.Input[str]]
    """Id of an existing group, e.g. output `group_id` of an ElastiCacheHaGroup with `global_member: true`. Used only when the
    datastore is made."""
    primary_region: NotRequired[str]
    """Region of that group."""
    primary_connection: NotRequired[pulumi.Input[Mapping[str, Any]]]
    """Output `connection` of that group."""
    engine: NotRequired[str]
    """`valkey` or `redis`, of all members. Default with `primary`: valkey. Redis becomes valkey in place, together with
    `engine_version`; there is no way back."""
    engine_version: NotRequired[str]
    """Version of all members, as major.minor. Default with `primary`: valkey 8.1, redis 7.1. There is no way back."""
    node_type: NotRequired[str]
    """Node type of all members, large or above of a family that AWS allows. Default with `primary`: `cache.r7g.large`."""
    shards: NotRequired[int]
    """Shards of all members; more than one with cluster mode enabled. Default: 1."""
    automatic_failover: NotRequired[bool]
    """Whether a lost primary node is replaced by a replica of its own region, in all members; then each needs a replica. There
    is no automatic failover from region to region. Default true."""
    parameter_group_name: NotRequired[pulumi.Input[str]]
    """Parameter group, in the primary's region, for the next major version: given in the update that upgrades, and kept.
    Default with `primary`: its own."""
    cluster_mode: NotRequired[str]
    """Cluster mode of an existing primary: `enabled` or `disabled` (default)."""
    tls: NotRequired[str]
    """TLS of an existing primary: `required` (default) or `off`."""
    auth: NotRequired[str]
    """How clients of an existing primary log in: `rbac` (default), `token` or `none`."""
    users: NotRequired[Mapping[str, ElastiCacheUser]]
    """Users of an existing primary (`auth: rbac`). They are made again in each secondary's region, because user groups are
    regional. The passwords of `application` are required (output `credentials`). A user that is not named, or has no password
    here, gets another password in each region."""
    user_engine: NotRequired[str]
    """Engine of the users made in secondaries' regions. Default: the datastore's."""
    auth_token: NotRequired[pulumi.Input[str]]
    """The AUTH token of an existing primary (`auth: token`)."""
    lag: NotRequired[GlobalLag]
    """The alarms on the replication lag between regions. Default: on."""
    writer: NotRequired[GlobalWriter]
    """Where clients read which region takes writes now. Default: none, they always write to the first primary."""
    tags: NotRequired[Mapping[str, str]]
    """More tags of all resources in all regions; the provider gives the global object itself none."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace the global object, the groups and their subnet groups. Default true."""


class GlobalDatastore(pulumi.ComponentResource):
    """ElastiCache over regions: a primary that takes writes, and one or two secondaries that follow it and answer reads.

    Replication between regions is asynchronous. There is no automatic failover from region to region: a person or a tool
    promotes. Raw children: `global_group`, `primary` (the ElastiCacheHaGroup made here, or None), `secondaries` (by region:
    network, access, log_groups, notifications, replication_group, alarms, dashboard), `lag_alarms` of the primary made here.
    """

    global_id: pulumi.Output[str]
    """Id of the global datastore, with the prefix that AWS chose."""
    primary_region: pulumi.Output[str]
    """Region that takes writes when the datastore is made. A promotion outside of the program does not change this."""
    connection: pulumi.Output[dict[str, Any]]
    """How to connect: version, kind `global`, primary_region, stale_seconds, writer, and each region's own. Not secret."""
    credentials: pulumi.Output[dict[str, Any]]
    """The application's user and password, or token: the same in every region. Secret."""
    group_ids: pulumi.Output[dict[str, str]]
    """Ids of the replication groups, by region."""
    arns: pulumi.Output[dict[str, str]]
    """ARNs of the replication groups, by region."""
    endpoints: pulumi.Output[dict[str, str]]
    """Host names by region: the primary endpoint, or with cluster mode the configuration endpoint."""
    alarm_names: pulumi.Output[dict[str, list[str]]]
    """Names of the CloudWatch alarms made here, by region."""
    promotion_policy: pulumi.Output[str]
    """IAM policy (JSON) for those who promote another region: look, and FailoverGlobalReplicationGroup. Nothing else."""

    def __init__(self, name: str, args: GlobalDatastoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the datastore. Raises pulumi.InputPropertiesError, before anything is registered, when arguments are wrong."""
        plan = checked_global_plan(name, args)
        super().__init__("redis-ha:index:GlobalDatastore", name, {}, opts)
        self._args: Mapping[str, Any] = args
        self._plan = plan
        self._apart = apart(opts)
        self.primary = self._make_primary(plan)
        self.global_group = self._make_global_group(plan)
        self.global_id = self.global_group.global_replication_group_id
        self.secondaries = self._make_secondaries(plan)
        self.lag_alarms = self._make_primary_alarms(plan)
        self._make_outputs(plan)

    @staticmethod
    def check(name: str, args: GlobalDatastoreArgs) -> GlobalPlan:
        """Check arguments, and make nothing; return what follows from them. Raises what making it would raise."""
        return checked_global_plan(name, args)

    def as_watched(self, region: str) -> dict[str, Any]:
        """Return the arguments by which a FailoverAutomation of the same program follows the group of a region made here.

        A FailoverAutomation follows the groups of one region: make one for each region. A primary that was given is followed by
        `as_watched` of its own ElastiCacheHaGroup. Raises pulumi.InputPropertiesError for another region, and where the
        region's group has no topic of ElastiCache's events.
        """
        if self.primary is not None and region == self._plan.primary_region:
            return self.primary.as_watched()
        if not isinstance(region, str) or region not in self.secondaries:
            made = [*([] if self.primary is None else [self._plan.primary_region]), *self.secondaries]
            with as_input_errors():
                reason = f"{region!r} has no group that is made here; there is {', '.join(made)}"
                raise InvalidArgumentsError(what(self._plan.name), [("region", reason)])
        secondary = self.secondaries[region]
        return followed(f"{what(self._plan.name)}, secondaries.{region}", secondary.plan, secondary.notifications.arn)

    def _child(self, **options: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **options)

    def _make_primary(self, plan: GlobalPlan) -> ElastiCacheHaGroup | None:
        if plan.primary is None:
            return None
        given: Any = plan.primary_args
        return ElastiCacheHaGroup(member_name(plan.name, plan.primary_region), given, opts=self._child())

    def _make_global_group(self, plan: GlobalPlan) -> aws.elasticache.GlobalReplicationGroup:
        optional: dict[str, Any] = {
            "parameter_group_name": self._parameter_group_name(),
            "num_node_groups": plan.shards if plan.clustered else None,
        }
        return aws.elasticache.GlobalReplicationGroup(
            f"{plan.name}-global",
            global_replication_group_id_suffix=plan.suffix,
            global_replication_group_description=plan.description,
            primary_replication_group_id=self._primary_group_id(plan),
            engine=plan.engine,
            engine_version=plan.engine_version,
            cache_node_type=plan.node_type,
            automatic_failover_enabled=plan.automatic_failover,
            **{argument: value for argument, value in optional.items() if value is not None},
            region=plan.primary_region,
            opts=self._child(
                protect=plan.protect,
                ignore_changes=[WHO_IS_PRIMARY],
                custom_timeouts=pulumi.CustomTimeouts(**TIMEOUTS),
                hooks=guard(f"{plan.name}-global-changes{self._apart}", global_refusals),
            ),
        )

    def _parameter_group_name(self) -> pulumi.Input[str] | None:
        """Return what a major upgrade takes: a primary made here has a group of each version's family at the time."""
        given: pulumi.Input[str] | None = self._args.get("parameter_group_name")
        if given is not None or self.primary is None or self.primary.parameter_group is None:
            return given
        return self.primary.parameter_group.name

    def _primary_group_id(self, plan: GlobalPlan) -> pulumi.Output[str]:
        if self.primary is not None:
            return self.primary.group_id
        known = pulumi.Output.all(self._args["primary_replication_group_id"], self._args["primary_connection"])
        return known.apply(lambda found: checked_primary(plan, found[0], found[1]))

    def _make_secondaries(self, plan: GlobalPlan) -> dict[str, Secondary]:
        made: dict[str, Secondary] = {}
        from_primary = inherited(self._args, plan.primary, plan.primary_args) | self._shared_secrets(plan)
        for region, secondary in plan.secondaries.items():
            args = secondary_args(self._args, plan.name, region, from_primary, plan.primary)
            tags = {**dict(secondary.tags), GROUP_TAG: secondary.group_id}
            place = Place(member_name(plan.name, region), region, tags, self._child, self._apart)
            before = [other.replication_group for other in made.values()]
            made[region] = make_secondary(place, secondary, args, plan.lag, self.global_id, before)
        return made

    def _shared_secrets(self, plan: GlobalPlan) -> dict[str, Any]:
        """Return the passwords of a primary made here, as arguments: the same users log in everywhere."""
        if self.primary is None or plan.primary is None:
            return {}
        secrets = self.primary.access.secrets
        given: Mapping[str, Mapping[str, Any]] = plan.primary_args.get("users") or {}
        users: dict[str, Any] = {key: dict(user) for key, user in given.items()}
        for user in plan.primary.users:
            if user.authentication == "password" and not user.given_passwords:
                users.setdefault(user.key, {})["passwords"] = [secrets[user.key]]
        return {"users": users} | ({"auth_token": secrets["token"]} if "token" in secrets else {})

    def _make_primary_alarms(self, plan: GlobalPlan) -> dict[str, aws.cloudwatch.MetricAlarm]:
        """Make the lag alarm that a primary made here needs as soon as another region has been promoted."""
        if self.primary is None or plan.primary is None:
            return {}
        tags = {**dict(plan.primary.tags), GROUP_TAG: plan.primary.group_id}
        place = Place(member_name(plan.name, plan.primary_region), plan.primary_region, tags, self._child, self._apart)
        settings = plan.primary_args.get("alarms") or {}
        group = self.primary.replication_group
        return make_lag_alarms(place, plan.primary.topology, plan.lag, settings, self.global_id, group, secondary=False)

    def _make_outputs(self, plan: GlobalPlan) -> None:
        primary = self._args.get("primary_connection") if self.primary is None else self.primary.connection
        connections: dict[str, Any] = {plan.primary_region: primary}
        connections |= {region: secondary.connection for region, secondary in self.secondaries.items()}
        known = pulumi.Output.all(**connections)
        self.primary_region = pulumi.Output.from_input(plan.primary_region)
        self.connection = known.apply(lambda found: global_connection(plan, found))
        self.endpoints = known.apply(lambda found: {region: writing_endpoint(one) for region, one in found.items()})
        self.credentials = self._credentials()
        groups = {region: secondary.replication_group for region, secondary in self.secondaries.items()}
        brought = self._args.get("primary_replication_group_id")
        primary_id = brought if self.primary is None else self.primary.group_id
        ids: dict[str, Any] = {plan.primary_region: primary_id}
        self.group_ids = pulumi.Output.all(**ids, **{region: group.replication_group_id for region, group in groups.items()})
        first = next(iter(groups.values())).arn
        primary_arn = pulumi.Output.all(first, primary_id).apply(lambda one: member_arn(one[0], plan.primary_region, one[1]))
        arns = {plan.primary_region: primary_arn, **{region: group.arn for region, group in groups.items()}}
        self.arns = pulumi.Output.all(**arns)
        alarms = {region: secondary.alarms for region, secondary in self.secondaries.items()}
        if self.primary is not None:
            alarms = {plan.primary_region: self.primary.alarms | self.lag_alarms, **alarms}
        names = {
            region: pulumi.Output.all(*(alarm.name for alarm in made.values())).apply(sorted) for region, made in alarms.items()
        }
        self.alarm_names = pulumi.Output.all(**names)
        self.promotion_policy = promotion_policy(self.global_group.arn, self.arns)
        self.register_outputs(outputs_of(self))

    def _credentials(self) -> pulumi.Output[dict[str, Any]]:
        if self.primary is not None:
            return self.primary.credentials
        # Who brings a region's user group says nothing of passwords; any other region has the primary's.
        making = [one for one in self.secondaries.values() if one.access.secrets] or list(self.secondaries.values())
        return credentials(making[0].plan, making[0].access)


def checked_primary(plan: GlobalPlan, group_id: str, connection: Mapping[str, Any]) -> str:
    """Check what is known of a brought primary only now; return its id. Raises pulumi.InputPropertyError."""
    found = wrong_primary(plan, group_id, connection)
    if found:
        argument, reason = found[0]
        raise pulumi.InputPropertyError(camel_case(argument), f"{argument}: {reason}")
    return group_id


def checked_global_plan(name: str, args: Mapping[str, Any]) -> GlobalPlan:
    """Check the plain arguments. Raises pulumi.InputPropertiesError with all that is wrong with them."""
    with as_input_errors():
        known_now(what(name), args, GlobalDatastoreArgs)
        return make_global_plan(name, args, known=tuple(GlobalDatastoreArgs.__annotations__))
