"""ElastiCacheHaGroup: a replication group of Amazon ElastiCache over several zones, with all that belongs to running it."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.adopting import Adoption, no_such_properties
from redis_ha.amazon import Place, adoption, imported
from redis_ha.arguments import Checks, InvalidArgumentsError
from redis_ha.guard import apart, guard, hooks_of
from redis_ha.inputs import as_input_errors, known_now, outputs_of

from .access import credentials, make_access, make_secrets
from .access_rules import APPLICATION, DEFAULT
from .alarms import AlarmSettings, check_alarms, make_alarms, wanted_alarms
from .autoscaling import AutoscalingSettings, check_autoscaling, ignored_for_autoscaling, make_autoscaling
from .changes import creation_refusals, of_creation, parameter_refusals, refusals
from .checks import make_plan, refuse_all
from .dashboard import make_dashboard
from .experiments import ExperimentSettings, check_experiments, make_experiments
from .global_changes import member_parameter_refusals, member_refusals
from .logs import make_log_groups
from .monitored import GROUP_TAG, Watched
from .network import Network, make_network
from .notifications import NotificationSettings, check_notifications, followed, make_notifications
from .outputs import connection_document
from .permissions import client_policy, operator_policy, read_policy
from .plan import Plan, User
from .records import RecordSettings, check_records, make_records
from .replication import AS_FOUND, group_arguments, ignored_changes, replacing
from .running import Asked, not_taken, running_group
from .settings import ElastiCacheAdopt, ElastiCacheLogs, ElastiCacheTimeouts, ElastiCacheUser
from .snapshots import final_snapshot_name
from .versions import KNOWN_VERSIONS

# What alarms and autoscaling depend on: when it is wrong itself, what follows from it is not told as well.
DECIDES_MONITORING = ("cluster_mode", "engine", "engine_version", "node_type", "replicas", "shards")

# Whose properties `adopt.change` may name.
ADOPTABLE = (
    aws.elasticache.ReplicationGroupArgs,
    aws.elasticache.SubnetGroupArgs,
    aws.elasticache.ParameterGroupArgs,
    aws.elasticache.UserGroupArgs,
    aws.elasticache.UserArgs,
    aws.ec2.SecurityGroupArgs,
    aws.cloudwatch.LogGroupArgs,
    aws.sns.TopicArgs,
)


class ElastiCacheHaGroupArgs(TypedDict):
    """What an ElastiCacheHaGroup is made of.

    Needed are `region`, `zones`, one of `subnet_ids` and `subnet_group_name`, and one of `vpc_id` and `security_group_ids`.
    """

    region: str
    """AWS region of all resources, e.g. `eu-central-1`."""
    zones: Sequence[str]
    """Availability zones, at least two of the region, e.g. `eu-central-1a`. Without cluster mode they are the nodes' zones in
    turn, the primary's first, when the group is made; shards are spread by ElastiCache over the zones of its subnets."""
    subnet_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Subnets of the subnet group to make, one for each zone. Either these or `subnet_group_name`."""
    subnet_group_name: NotRequired[pulumi.Input[str]]
    """Name of an existing subnet group. Another name replaces the cache and loses its data."""
    vpc_id: NotRequired[pulumi.Input[str]]
    """VPC of the security group to make. Either this or `security_group_ids`."""
    security_group_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Existing security groups of the cache instead of a made one."""
    client_security_group_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Security groups whose members may connect. Outputs are named by their place: append those to the list."""
    client_cidrs: NotRequired[Sequence[str]]
    """Networks whose machines may connect; never the whole internet. IPv4 or IPv6."""
    client_prefix_list_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Managed prefix lists whose networks may connect. The same holds."""
    group_id: NotRequired[str]
    """Id of the replication group, unique in account and region: 1 to 40 lower-case letters, digits, hyphens. Default: the
    resource's name. A change replaces the group."""
    description: NotRequired[str]
    """Description that the console shows. Default: says who made it."""
    engine: NotRequired[str]
    """`valkey` (default) or `redis`. Redis becomes valkey in place, together with `engine_version`; there is no way back."""
    engine_version: NotRequired[str]
    """A known version, as major.minor (redis up to 5: major.minor.patch). Default: valkey 8.1, redis 7.1. There is no way back
    to an older one."""
    node_type: NotRequired[str]
    """Node type. Default `cache.r7g.large`."""
    cluster_mode: NotRequired[str]
    """`disabled` (default), `compatible` (only as the step between) or `enabled`. Changes go one step at a time, alone."""
    shards: NotRequired[int]
    """Shards, 1 (default) to 500 nodes in all; more than one with cluster mode enabled."""
    replicas: NotRequired[int]
    """Replicas of each shard, 0 to 5. Default 1; with 0 there is no failover."""
    multi_az: NotRequired[bool]
    """Whether replicas are in other zones and (without cluster mode) fail over automatically. Default true where there are
    replicas; false is only the step before the last replica goes."""
    node_ids: NotRequired[Sequence[str]]
    """Ids of the nodes as the account has them, when they were replaced or the cluster mode was migrated: the alarms' nodes.
    Default: the ids that AWS gives to new groups."""
    port: NotRequired[int]
    """Port of the nodes. Default 6379. A change needs another `group_id`."""
    network_type: NotRequired[str]
    """`ipv4`, `ipv6` or `dual_stack`. Default: AWS's, ipv4. A change needs another `group_id`."""
    ip_discovery: NotRequired[str]
    """Addresses that the cluster protocol returns: `ipv4` or `ipv6`. Default: AWS's."""
    parameter_group_name: NotRequired[pulumi.Input[str]]
    """Name of an existing parameter group of the version's family. Default: one is made."""
    parameters: NotRequired[Mapping[str, str]]
    """Parameters of the made parameter group, e.g. `maxmemory-policy`. Default: AWS's values."""
    auth: NotRequired[str]
    """`rbac` (default): users; `token`: one AUTH token; `none`: no login, everybody who reaches the port."""
    users: NotRequired[Mapping[str, ElastiCacheUser]]
    """More users by name, or changes of `application` (default: everything but administration) and `monitoring`."""
    user_engine: NotRequired[str]
    """Engine of the users: `valkey` or `redis`. Default: the group's. A group that began as redis keeps its users when it
    becomes valkey; set this to `redis` then, so that new users have the same engine."""
    user_group_id: NotRequired[pulumi.Input[str]]
    """Id of an existing user group instead of made users. `credentials` then has no user and no password."""
    auth_token: NotRequired[pulumi.Input[str]]
    """The AUTH token (`auth: token`). Default: one is made. 16 to 128 letters, digits and ! & # $ ^ < > -."""
    auth_token_update_strategy: NotRequired[str]
    """How a changed token comes into force: `ROTATE` (both work), then `SET` with the same (only the new one); `SET` for a
    first token; `DELETE` in the update that goes from token to rbac. Default: AWS's, ROTATE."""
    tls: NotRequired[str]
    """`required` (default), `preferred` (clients with and without TLS, the step between) or `off`."""
    at_rest_encryption: NotRequired[bool]
    """Whether data on disk (snapshots, swap) are encrypted. Default true. A change needs another `group_id`."""
    kms_key_id: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key for that. Default: AWS's own. A change needs another `group_id`."""
    maintenance_window: NotRequired[str]
    """Weekly window in UTC, at least 60 minutes, not meeting the snapshots'. Default `sun:04:30-sun:05:30`."""
    snapshot_window: NotRequired[str]
    """Daily window of the snapshots in UTC, at least 60 minutes. Default `02:00-03:00`."""
    snapshot_retention_days: NotRequired[int]
    """Days that automatic snapshots are kept, 1 to 35. Default 7. They are deleted with the group."""
    durability: NotRequired[str]
    """What a failover may lose: `sync` no acknowledged write (writes take milliseconds more), `async` at most the last 10
    seconds, `disabled` what the replicas lacked. Default: AWS's, disabled. The first two need valkey 9.0 or newer, cluster mode
    enabled, TLS, at-rest encryption, Multi-AZ with a replica and a node type of families r6g to r8g, m6g to m8g, c7gn or c8gn;
    no global datastore. They bound the writes to 100 MiB/s a primary. A change is an update of its own; AWS says so since
    October 2026, older pages of it and CloudFormation's schema say that durability is switched on and off at creation only."""
    final_snapshot: NotRequired[bool]
    """Whether a deleted group leaves a last snapshot. Default true."""
    restore_snapshot_name: NotRequired[pulumi.Input[str]]
    """Snapshot to fill the new group from. Ignored later."""
    restore_snapshot_arns: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """RDB files in S3 to fill the new group from. Ignored later."""
    apply_immediately: NotRequired[bool]
    """Whether changes are made now (default true) or in the next maintenance window. Until then they show as a difference.
    Counts and tokens change at once in any case."""
    auto_minor_version_upgrade: NotRequired[bool]
    """Whether AWS upgrades minor versions by itself, such as 8.0 to 8.1 (botocore, ModifyReplicationGroup). Default true. Give
    the new version as `engine_version` then: after a refresh the older one is refused, for it would replace the group."""
    logs: NotRequired[ElastiCacheLogs]
    """Log delivery. Default: slow log and engine log into log groups that are made."""
    alarms: NotRequired[AlarmSettings]
    """CloudWatch alarms. Default: all, without a topic to notify."""
    dashboard: NotRequired[bool]
    """Whether a CloudWatch dashboard is made. Default true."""
    autoscaling: NotRequired[AutoscalingSettings]
    """Application Auto Scaling of shards or replicas. Default: none."""
    notifications: NotRequired[NotificationSettings]
    """The topic of ElastiCache's own events. Default: one is made."""
    record: NotRequired[RecordSettings]
    """Route 53 records for the endpoints. Default: none."""
    experiment: NotRequired[ExperimentSettings]
    """AWS Fault Injection Service templates for the loss of each zone. Default: none."""
    secrets_manager: NotRequired[bool]
    """Whether passwords or token are also kept in AWS Secrets Manager, one secret each. Default false."""
    tags: NotRequired[Mapping[str, str]]
    """More tags of all resources of the component. AWS puts the group's on its nodes too."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace replication group and subnet group. Default true."""
    timeouts: NotRequired[ElastiCacheTimeouts]
    """How long the provider waits for the replication group."""
    adopt: NotRequired[ElastiCacheAdopt]
    """Existing resources to take over without a change."""
    global_member: NotRequired[bool]
    """Whether the group is a member of a Global Datastore: what belongs to the global object is then ignored. Default false."""


class ElastiCacheHaGroup(pulumi.ComponentResource):
    """Highly available Redis or Valkey by Amazon ElastiCache: replicas in several zones, failover, TLS, users, alarms.

    Raw children: `replication_group`, `subnet_group`, `security_group`, `rules`, `parameter_group`, `access` (users, user
    group, made passwords), `secrets`, `log_groups`, `notifications`, `alarms`, `dashboard`, `autoscaling`, `records`,
    `experiments`; None or empty where brought or not wanted.
    """

    connection: pulumi.Output[dict[str, Any]]
    """How to connect: version, kind (primary or cluster), endpoints, tls, engine, failover, and a durability of sync or async
    (version 2). Not secret."""
    credentials: pulumi.Output[dict[str, Any]]
    """The application's user and password, or token, or IAM user. Secret."""
    arn: pulumi.Output[str]
    """ARN of the replication group."""
    group_id: pulumi.Output[str]
    """Id of the replication group."""
    member_clusters: pulumi.Output[list[str]]
    """Ids of the nodes, in no order."""
    primary_endpoint: pulumi.Output[str]
    """Host name of the primary; empty with cluster mode."""
    reader_endpoint: pulumi.Output[str]
    """Host name of the reader endpoint, which leads to one replica after the other; empty with cluster mode."""
    configuration_endpoint: pulumi.Output[str]
    """Host name of the configuration endpoint; empty without cluster mode."""
    port: pulumi.Output[int]
    """Port of all endpoints."""
    alarm_names: pulumi.Output[list[str]]
    """Names of the CloudWatch alarms."""
    security_group_id: pulumi.Output[str]
    """Id of the made security group; empty when groups were brought."""
    notification_topic_arn: pulumi.Output[str]
    """ARN of the topic of ElastiCache's events; empty without one."""
    secret_arns: pulumi.Output[dict[str, str]]
    """ARNs of the secrets in Secrets Manager, by user (or `token`)."""
    client_policy: pulumi.Output[str]
    """IAM policy (JSON) for applications: look the group up, log in as its IAM users, read the application's secret."""
    read_policy: pulumi.Output[str]
    """IAM policy (JSON) for those who watch the group."""
    operator_policy: pulumi.Output[str]
    """IAM policy (JSON) for those who run it: test failovers, scaling, changes; no deletion."""

    def __init__(self, name: str, args: ElastiCacheHaGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the group. Raises pulumi.InputPropertiesError, before anything is registered, when arguments are wrong."""
        plan = checked_plan(name, args)
        scope = f"{name}{apart(opts)}"
        self._adoption = adopting = Adoption(plan.all_adopted, plan.adopt_change)
        own = hooks_of(guard(f"{scope}-creation", creation_refusals), adopting.hooks(scope))
        recorded = {
            **of_creation(plan.parameters, replacing(plan), brought=not plan.makes_parameter_group),
            **adopting.record,
        }
        super().__init__("redis-ha:index:ElastiCacheHaGroup", name, recorded, pulumi.ResourceOptions.merge(opts, own))
        adopting.settle(self)
        self._args: Mapping[str, Any] = args
        self._plan = plan
        tags = {**dict(plan.tags), GROUP_TAG: plan.group_id}
        self._place = Place(name, plan.region, tags, self._child, apart(opts), adopting)
        self._watched = watched(plan, args)
        network = make_network(self._place, plan, args)
        self.subnet_group, self.security_group, self.rules = network.subnet_group, network.security_group, network.rules
        self.parameter_group = self._make_parameter_group(plan)
        self.access = make_access(self._place, plan, args)
        self.secrets = make_secrets(self._place, plan, self.access) if plan.secrets_manager else {}
        self.log_groups = make_log_groups(self._place, plan, args.get("logs"))
        self.notifications = make_notifications(
            self._place,
            plan.topology,
            args.get("notifications"),
            plan.adopted("notification_topic"),
            protect=plan.protect,
        )
        self.replication_group = self._make_group(plan, network)
        self._make_monitoring(plan)
        self._make_outputs(plan)

    @staticmethod
    def check(name: str, args: ElastiCacheHaGroupArgs) -> Plan:
        """Check arguments, and make nothing; return what follows from them. Raises what making it would raise."""
        return checked_plan(name, args)

    def as_primary(self) -> dict[str, Any]:
        """Return the arguments by which the group becomes the primary of a GlobalDatastore of the same program.

        Engine, version, node type, shards, cluster mode and TLS are the group's, and its users have their access in every
        region. Of the passwords that are made here only the application's is handed on: others differ from region to region.
        """
        plan = self._plan
        problems = not_global(plan)
        if problems:
            with as_input_errors():
                raise InvalidArgumentsError(f"ElastiCacheHaGroup {plan.name!r}", problems)
        found: dict[str, Any] = {
            "primary_replication_group_id": self.group_id,
            "primary_region": plan.region,
            "primary_connection": self.connection,
            "engine": plan.engine,
            "engine_version": plan.engine_version,
            "node_type": plan.node_type,
            "cluster_mode": plan.topology.cluster_mode,
            "tls": plan.tls,
            "auth": plan.auth,
        }
        if plan.topology.clustered:
            found["shards"] = plan.topology.shards
        if plan.auth == "token":
            found["auth_token"] = self.access.secrets["token"]
        if plan.users:
            found["user_engine"] = plan.user_engine
            found["users"] = {user.key: self._as_everywhere(user) for user in plan.users if user.key != DEFAULT}
        return found

    def as_watched(self) -> dict[str, Any]:
        """Return the arguments by which a FailoverAutomation of the same program follows the group: region and groups.

        Raises pulumi.InputPropertiesError where the group has no topic of ElastiCache's events. With autoscaling the nodes are
        not named, because they come and go.
        """
        # By the arguments, and not by the topic: in a rehearsal nothing is made (stages.py).
        enabled = (self._args.get("notifications") or {}).get("enabled") is not False
        what, same_nodes = f"ElastiCacheHaGroup {self._plan.name!r}", self._args.get("autoscaling") is None
        return followed(what, self._plan, self.notification_topic_arn, enabled=enabled, same_nodes=same_nodes)

    def _as_everywhere(self, user: User) -> dict[str, Any]:
        found: dict[str, Any] = {"access": user.access, "authentication": user.authentication}
        given = (self._args.get("users") or {}).get(user.key) or {}
        if user.given_passwords:
            found["passwords"] = given["passwords"]
        elif user.key == APPLICATION and user.authentication == "password":
            found["passwords"] = [self.access.secrets[APPLICATION]]
        return found

    def _child(self, **options: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **options)

    def _make_parameter_group(self, plan: Plan) -> aws.elasticache.ParameterGroup | None:
        """Make a group whose name says family and mode: the next one stands beside it until the cache has moved."""
        if not plan.makes_parameter_group:
            return None
        parameters = dict(plan.parameters) | ({"cluster-enabled": "yes"} if plan.cluster_parameters else {})
        adopted = plan.adopted("parameter_group")
        return aws.elasticache.ParameterGroup(
            f"{self._place.name}-parameter-group",
            name=adopted or plan.parameter_group_name,
            family=plan.family,
            # Another description would replace the group under the same name, which fails.
            description=f"Parameters of {adopted or plan.parameter_group_name}",
            parameters=[{"name": name, "value": value} for name, value in sorted(parameters.items())],
            region=plan.region,
            tags=self._place.tags,
            opts=self._child(
                # The next version's group stands beside it: that is a replacement.
                **{**adoption(adopted, plan.region), "protect": False},
                # Under a name of ours the provider would delete first, and AWS deletes no group that is in use
                # (pulumi-terraform-bridge pkg/tfbridge/schema.go, nameRequiresDeleteBeforeReplace).
                delete_before_replace=False,
                ignore_changes=["description", "tags"] if adopted and plan.keep_as_found else ["description"],
                **self._place.judged(
                    "parameter_group",
                    ("description", "tags"),
                    member_parameter_refusals if plan.global_member else parameter_refusals,
                    hook="parameters",
                ),
            ),
        )

    def _make_group(self, plan: Plan, network: Network) -> aws.elasticache.ReplicationGroup:
        args = self._args
        optional: dict[str, Any] = {
            **network.group_arguments(args),
            **self.access.group_arguments(args),
            "parameter_group_name": (
                args.get("parameter_group_name") if self.parameter_group is None else self.parameter_group.name
            ),
            "kms_key_id": args.get("kms_key_id"),
            "snapshot_name": args.get("restore_snapshot_name"),
            "snapshot_arns": args.get("restore_snapshot_arns"),
            "notification_topic_arn": self.notifications.arn,
            "log_delivery_configurations": self.log_groups.deliveries or None,
        }
        optional = {argument: value for argument, value in optional.items() if value is not None}
        final_snapshot = final_snapshot_name(self._place, plan, optional, self.notifications.before_group)
        timeouts = dict(plan.timeouts)
        judged = self._place.judged(
            "replication_group", AS_FOUND, member_refusals if plan.global_member else refusals, hook="changes"
        )
        return aws.elasticache.ReplicationGroup(
            f"{self._place.name}-group",
            **group_arguments(plan),
            **optional,
            final_snapshot_identifier=final_snapshot,
            region=plan.region,
            tags=self._place.tags,
            opts=self._child(
                depends_on=self.notifications.before_group,
                protect=plan.protect,
                **imported(plan.adopted("replication_group"), plan.region),
                ignore_changes=ignored_changes(plan, ignored_for_autoscaling(args.get("autoscaling"))),
                custom_timeouts=pulumi.CustomTimeouts(**timeouts),
                # Under a name of ours the provider would delete first, and the hook would be asked when the data is gone.
                delete_before_replace=False,
                hooks=hooks_of(self._not_taken(plan), judged["hooks"]).hooks,
            ),
        )

    def _not_taken(self, plan: Plan) -> pulumi.ResourceHookBinding:
        asked = Asked(
            noun="group",
            id_argument="group_id",
            identifier=plan.group_id,
            version_argument="engine_version",
            engine=plan.engine,
            version=plan.engine_version,
            known=KNOWN_VERSIONS[plan.engine],
            otherwise="if not, take it over with adopt.replication_group",
        )
        name = f"{self._place.name}-taken{self._place.apart}"
        return not_taken(name, asked, lambda: running_group(plan.group_id, plan.region, self))

    def _make_monitoring(self, plan: Plan) -> None:
        args = self._args
        self.alarms = make_alarms(self._place, self._watched, args.get("alarms"), self.replication_group)
        rows = wanted_alarms(args.get("alarms"), self._watched)
        self.dashboard = make_dashboard(self._place, self._watched, rows, self.alarms) if plan.dashboard else None
        settings = args.get("autoscaling")
        self.autoscaling = None if settings is None else make_autoscaling(self._place, settings, self.replication_group)
        record, experiment = args.get("record"), args.get("experiment")
        self.records = {} if record is None else make_records(self._place, record, self.replication_group)
        self.experiments = (
            None
            if experiment is None
            else make_experiments(self._place, plan.topology, plan.zones, experiment, self.replication_group)
        )

    def _make_outputs(self, plan: Plan) -> None:
        group = self.replication_group
        # The provider leaves out what a group does not have.
        self.primary_endpoint = group.primary_endpoint_address.apply(lambda host: host or "")
        self.reader_endpoint = group.reader_endpoint_address.apply(lambda host: host or "")
        self.configuration_endpoint = group.configuration_endpoint_address.apply(lambda host: host or "")
        self.port = pulumi.Output.from_input(plan.port)
        self.connection = pulumi.Output.all(
            primary=self.primary_endpoint,
            reader=self.reader_endpoint,
            configuration=self.configuration_endpoint,
            port=plan.port,
        ).apply(lambda known: connection_document(plan, known))
        self.credentials = credentials(plan, self.access)
        self.arn = group.arn
        self.group_id = group.replication_group_id
        self.member_clusters = group.member_clusters.apply(lambda members: sorted(members or []))
        self.alarm_names = pulumi.Output.all(*(alarm.name for alarm in self.alarms.values())).apply(sorted)
        made = self.security_group
        self.security_group_id = pulumi.Output.from_input("" if made is None else made.id)
        topic = self.notifications.arn
        self.notification_topic_arn = pulumi.Output.from_input("") if topic is None else topic
        arns: dict[str, pulumi.Output[str]] = {key: secret.arn for key, secret in self.secrets.items()}
        self.secret_arns = pulumi.Output.all(**arns) if arns else pulumi.Output.from_input({})
        iam_users = [self.access.users[user.key].arn for user in plan.users if user.authentication == "iam"]
        secret = self.secrets.get("token" if plan.auth == "token" else APPLICATION)
        self.client_policy = client_policy(group.arn, iam_users, None if secret is None else secret.arn)
        self.read_policy, self.operator_policy = read_policy(group.arn), operator_policy(group.arn)
        self.register_outputs(outputs_of(self) | self._adoption.outputs(self))


def not_global(plan: Plan) -> list[tuple[str, str]]:
    """Return what keeps a group that stands alone from becoming the primary of a global datastore."""
    found = []
    if plan.durable:
        # docs.aws.amazon.com, AmazonElastiCache, "Durability", Limitations.
        way = "set it to disabled first, in an update of its own"
        found.append(("durability", f"{plan.durability!r} is impossible in a global datastore; {way}"))
    if plan.network_type in {"ipv6", "dual_stack"}:
        # docs.aws.amazon.com, AmazonElastiCache, "Prerequisites and limitations" of global datastores: no IPv6.
        way = "make a second group of ipv4, move the data and the clients"
        found.append(("network_type", f"{plan.network_type!r} is impossible in a global datastore; {way}"))
    return found


def watched(plan: Plan, args: Mapping[str, Any]) -> Watched:
    """Return what monitoring has to know."""
    scaling = Checks(args).mapping("autoscaling")
    scaled = scaling.get("scale") if isinstance(scaling.get("scale"), str) else None
    least = int(scaling["min"]) if scaled == "shards" and isinstance(scaling.get("min"), int | float) else None
    return Watched(plan.topology, plan.node_type, scaled, least, plan.durability)


def checked_plan(name: str, args: Mapping[str, Any]) -> Plan:
    """Check the plain arguments. Raises pulumi.InputPropertiesError with all that is wrong with them."""
    with as_input_errors():
        known_now(f"ElastiCacheHaGroup {name!r}", args, ElastiCacheHaGroupArgs)
        plan, checks = plan_and_checks(name, args, known=tuple(ElastiCacheHaGroupArgs.__annotations__))
        refuse_all(name, checks)
    return plan


def plan_and_checks(name: str, args: Mapping[str, Any], known: Sequence[str] = ()) -> tuple[Plan, Checks]:
    """Check the plain arguments of a group and of all that belongs to it; return the plan and what is wrong."""
    plan, checks = make_plan(name, args, known)
    checks.problems += no_such_properties(plan.adopt_change, ADOPTABLE)
    checks.problems += check_notifications(args.get("notifications"))
    if not any(checks.refused(argument) for argument in DECIDES_MONITORING):
        checks.problems += check_autoscaling(
            args.get("autoscaling"),
            plan.topology,
            node_type=plan.node_type,
            engine=plan.engine,
            engine_version=plan.engine_version,
            global_member=plan.global_member,
        )
        checks.problems += check_alarms(args.get("alarms"), watched(plan, args))
        checks.problems += check_records(args.get("record"), plan.topology)
        if not checks.refused("zones"):
            checks.problems += check_experiments(args.get("experiment"), plan.topology, plan.zones)
    return plan, checks
