"""From arguments to a plan: everything that can be wrong with an ElastiCacheHaGroup is found here, at once. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from redis_ha.adopting import checked_change
from redis_ha.amazon import MAX_RULES, REGION, checked_tags
from redis_ha.arguments import Checks, InvalidArgumentsError, shown
from redis_ha.arns import KEY, RDB_FILE, check_arn, check_arns

from . import nodes, versions, windows
from .access_rules import APPLICATION, checked_auth, checked_user_engine, planned_users
from .log_rules import log_retention, planned_logs
from .plan import Plan
from .settings import ElastiCacheAdopt
from .topology import CLUSTER_MODES, Topology

PORT = 6379  # Redis' and ElastiCache's default
# One replica: with it automatic failover and Multi-AZ are possible at all.
DEFAULT_REPLICAS = 1
# botocore, elasticache 2015-02-02, CreateReplicationGroupMessage.ReplicasPerNodeGroup; AWS quota of nodes a cluster: 500
# (docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Quotas", Valkey 7.2 and Redis 5.0.6 or newer; 90 without asking AWS).
MAX_REPLICAS = 5
MAX_NODES = 500
# The reason for the whole component: a group in one zone is lost with that zone.
MIN_ZONES = 2
# hashicorp/terraform-provider-aws, internal/service/elasticache/replication_group.go, snapshot_retention_limit: at most 35.
# 0 switches snapshots off, and on again only with a node whose name is guessed (issue 41567), so it starts at 1.
MIN_RETENTION_DAYS, MAX_RETENTION_DAYS = 1, 35
DEFAULT_RETENTION_DAYS = 7
TLS_MODES = ("required", "preferred", "off")
AUTH_TOKEN_STRATEGIES = ("SET", "ROTATE", "DELETE")
NETWORK_TYPES = ("ipv4", "ipv6", "dual_stack")
IP_DISCOVERY = ("ipv4", "ipv6")
DURABILITY = ("sync", "async", "disabled")
# Waits of the provider: 60, 40, 45 minutes (replication_group.go); adding shards and taking a final snapshot need longer.
DEFAULT_TIMEOUTS = {"create": "60m", "update": "120m", "delete": "60m"}

# botocore, elasticache 2015-02-02, CreateReplicationGroupMessage.ReplicationGroupId; AWS stores it in lower case.
GROUP_ID = re.compile(r"(?=.{1,40}$)[a-z](-?[a-z0-9])*")
ZONE = re.compile(r"[a-z]{2,3}(-[a-z0-9]+)+-\d{1,2}[a-z]")
PARAMETER = re.compile(r"[a-z][a-z0-9-]*")
DURATION = re.compile(r"([1-9]\d*)(s|m|h)")
# Everything CreateReplicationGroup and the children are named after; a long text is nobody's id.
DESCRIPTION = re.compile(r"[ -~]{1,255}")

CLIENT_ARGUMENTS = ("client_security_group_ids", "client_cidrs", "client_prefix_list_ids")
ADOPTED_BY_ID = frozenset(ElastiCacheAdopt.__annotations__) - {"change", "keep_as_found", "users"}
# What is made only when it is not brought, and by which argument it is.
BROUGHT_BY = {
    "subnet_group": "subnet_group_name",
    "security_group": "security_group_ids",
    "parameter_group": "parameter_group_name",
    "user_group": "user_group_id",
}


def make_plan(name: str, args: Mapping[str, Any], known: Sequence[str] = ()) -> tuple[Plan, Checks]:
    """Check the plain arguments; return the plan and the checks with everything that is wrong."""
    checks = Checks(args)
    if known:
        checks.known(known)
    region = checks.text("region", None, REGION, "a region of AWS such as eu-central-1")
    topology = _topology(checks, name)
    engine, engine_version = _engine(checks, topology)
    tls = checks.one_of("tls", "required", TLS_MODES)
    global_member = checks.switch("global_member", default=False)
    auth = checked_auth(checks, engine, engine_version, tls)
    maintenance_window, snapshot_window = _windows(checks)
    apply_immediately = checks.switch("apply_immediately", default=True)
    adopt, adopt_users, keep_as_found, adopt_change = _adopt(checks)
    plan = Plan(
        name=name,
        region=region,
        zones=_zones(checks, region),
        topology=topology,
        description=checks.text(
            "description", f"{topology.group_id}: made by redis-ha", DESCRIPTION, "one line of printable ASCII, at most 255"
        ),
        engine=engine,
        engine_version=engine_version,
        node_type=_node_type(checks),
        port=checks.whole("port", PORT, 1, 65535),
        client_cidrs=checks.networks("client_cidrs"),
        makes_subnet_group=_subnets(checks),
        makes_security_group=_security_group(checks),
        makes_parameter_group=_parameter_group(checks, engine, engine_version),
        parameters=_parameters(checks, topology),
        auth=auth,
        users=planned_users(checks, topology.group_id, auth, engine, engine_version, tls),
        makes_user_group=auth == "rbac" and args.get("user_group_id") is None,
        user_engine=checked_user_engine(checks, engine),
        auth_token_update_strategy=_auth_token(checks, auth, tls),
        tls=tls,
        at_rest_encryption=checks.switch("at_rest_encryption", default=True),
        maintenance_window=maintenance_window,
        snapshot_window=snapshot_window,
        snapshot_retention_days=checks.whole(
            "snapshot_retention_days", DEFAULT_RETENTION_DAYS, MIN_RETENTION_DAYS, MAX_RETENTION_DAYS
        ),
        final_snapshot=checks.switch("final_snapshot", default=True),
        durability=_optional(checks, "durability", DURABILITY),
        apply_immediately=apply_immediately,
        auto_minor_version_upgrade=_auto_upgrade(checks, engine, engine_version, global_member=global_member),
        network_type=_optional(checks, "network_type", NETWORK_TYPES),
        ip_discovery=_optional(checks, "ip_discovery", IP_DISCOVERY),
        logs=planned_logs(checks, engine, engine_version),
        log_retention_days=log_retention(checks),
        secrets_manager=checks.switch("secrets_manager", default=False),
        dashboard=checks.switch("dashboard", default=True),
        tags=checked_tags(checks),
        protect=checks.switch("protect", default=True),
        timeouts=_timeouts(checks),
        adopt=adopt,
        adopt_users=adopt_users,
        keep_as_found=keep_as_found,
        adopt_change=adopt_change,
        global_member=global_member,
    )
    _together(checks, plan)
    _adopted_secrets(checks, plan)
    return plan, checks


def refuse_all(name: str, checks: Checks) -> None:
    """Raise InvalidArgumentsError with everything that is wrong, if anything is."""
    if checks.problems:
        raise InvalidArgumentsError(f"ElastiCacheHaGroup {name!r}", checks.problems)


def _topology(checks: Checks, name: str) -> Topology:
    adopted = checks.mapping("adopt").get("replication_group")
    hint = "1 to 40 lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen"
    group_id = checks.text("group_id", adopted if isinstance(adopted, str) else name, GROUP_ID, hint)
    if isinstance(adopted, str) and adopted != group_id:
        checks.refuse("group_id", f"{group_id!r} is not the adopted replication group {adopted!r}; leave group_id out")
    cluster_mode = checks.one_of("cluster_mode", "disabled", CLUSTER_MODES)
    shards = checks.whole("shards", 1, 1, MAX_NODES)
    replicas = checks.whole("replicas", DEFAULT_REPLICAS, 0, MAX_REPLICAS)
    multi_az = checks.switch("multi_az", default=True)
    if shards > 1 and cluster_mode != "enabled":
        checks.refuse(
            "shards", f"{shards} shards need cluster_mode enabled, it is {cluster_mode}; use 1 or change cluster_mode"
        )
    if shards * (1 + replicas) > MAX_NODES:
        checks.refuse("shards", f"{shards} shards of {1 + replicas} nodes are more than {MAX_NODES} nodes; use fewer of either")
    if cluster_mode == "compatible" and replicas == 0:
        checks.refuse("replicas", "0 is too few for cluster_mode compatible, which needs automatic failover; use at least 1")
    if not multi_az and cluster_mode == "compatible":
        checks.refuse(
            "multi_az", "false is impossible with cluster_mode compatible, which needs automatic failover; leave it out"
        )
    node_ids = checks.texts("node_ids", re.compile(rf"{re.escape(group_id)}(-\d{{4}})?-\d{{3}}"), f"a node id of {group_id}")
    return Topology(group_id, cluster_mode, shards, replicas, node_ids, multi_az_off=not multi_az)


def _engine(checks: Checks, topology: Topology) -> tuple[str, str]:
    engine = checks.one_of("engine", versions.DEFAULT_ENGINE, versions.ENGINES)
    version = checks.args.get("engine_version")
    if version is None:
        return engine, versions.DEFAULT_VERSIONS[engine]
    wrong = versions.wrong_version(engine, version) if isinstance(version, str) else f"{shown(version)} is not text; quote it"
    if wrong is not None:
        checks.refuse("engine_version", wrong)
        return engine, versions.DEFAULT_VERSIONS[engine]
    first = versions.FIRST_REDIS_WITH_COMPATIBLE_MODE
    if topology.cluster_mode == "compatible" and not versions.at_least(engine, version, first):
        checks.refuse("cluster_mode", f"'compatible' needs redis 7.0 or valkey, it is {engine} {version}; upgrade first")
    return engine, str(version)


def _node_type(checks: Checks) -> str:
    node_type = checks.optional_text("node_type")
    if node_type is None:
        return nodes.DEFAULT_NODE_TYPE
    wrong = nodes.wrong_node_type(node_type)
    if wrong is not None and not checks.refused("node_type"):
        checks.refuse("node_type", wrong)
    return node_type


def _zones(checks: Checks, region: str) -> tuple[str, ...]:
    zones = checks.texts("zones", ZONE, "an availability zone such as eu-central-1a")
    for zone in zones:
        if not checks.refused("region") and not zone.startswith(region):
            checks.refuse("zones", f"{zone!r} is not in {region}; use zones such as {region}a, {region}b")
    if len(zones) < MIN_ZONES and not checks.refused("zones"):
        given = ", ".join(zones) or "none"
        checks.refuse("zones", f"{given}: a group in one zone is lost with it; name at least {MIN_ZONES} different zones")
    return zones


def _subnets(checks: Checks) -> bool:
    made = checks.args.get("subnet_ids") is not None
    brought = checks.args.get("subnet_group_name") is not None
    if made == brought:
        remedy = "give subnet_ids of at least two zones, or subnet_group_name of an existing group"
        checks.refuse("subnet_ids", f"{'both are' if made else 'neither is'} given; {remedy}")
    subnet_ids = checks.args.get("subnet_ids")
    if isinstance(subnet_ids, list | tuple) and len(subnet_ids) < MIN_ZONES:
        checks.refuse("subnet_ids", f"{len(subnet_ids)} is too few: a subnet lies in one zone; give one for each zone")
    return made


def _security_group(checks: Checks) -> bool:
    if checks.args.get("security_group_ids") is not None:
        for argument in CLIENT_ARGUMENTS:
            if checks.args.get(argument):
                checks.refuse(argument, "cannot be used with security_group_ids: brought groups have their own rules")
        return False
    if checks.args.get("vpc_id") is None:
        checks.refuse("vpc_id", "is missing; give the VPC of the security group to make, or security_group_ids to bring some")
    rules = 1  # the group's own
    for argument in CLIENT_ARGUMENTS:
        value = checks.args.get(argument)
        if value is None:
            continue
        if isinstance(value, str) or not isinstance(value, Sequence):
            if argument != "client_cidrs":
                checks.refuse(argument, "is no list; give the ids one by one (the list's length has to be known)")
            continue
        rules += len(value)
    if rules > MAX_RULES:
        checks.refuse("client_cidrs", f"{rules} rules; a security group takes {MAX_RULES}: use a prefix list or bring groups")
    return True


def _parameter_group(checks: Checks, engine: str, version: str) -> bool:
    name = checks.args.get("parameter_group_name")
    if name is None:
        return True
    if checks.args.get("parameters") is not None:
        checks.refuse("parameters", "cannot be used with parameter_group_name: a brought group has its own; drop one of them")
    wanted = versions.family(engine, version)
    found = versions.family_of_default_group(name) if isinstance(name, str) else None
    if found is not None and found != wanted:
        checks.refuse("parameter_group_name", f"{name!r} is of family {found}; {engine} {version} needs one of family {wanted}")
    return False


def _parameters(checks: Checks, topology: Topology) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for parameter, value in checks.mapping("parameters").items():
        if parameter == "cluster-enabled":
            checks.refuse("parameters", "'cluster-enabled' is the component's, by cluster_mode; leave it out")
        elif not PARAMETER.fullmatch(parameter):
            checks.refuse("parameters", f"{parameter!r} is no parameter; write it as in redis.conf, e.g. maxmemory-policy")
        elif not isinstance(value, str) or not value.isprintable():
            checks.refuse("parameters", f"the value of {parameter!r} has to be text on one line; quote it")
        elif parameter == "appendonly" and value == "yes" and topology.multi_az:
            # docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Minimizing downtime by using Multi-AZ".
            checks.refuse("parameters", "'appendonly' yes excludes Multi-AZ, which is on with replicas; leave it out")
        else:
            found.append((parameter, value))
    return tuple(sorted(found))


def _auth_token(checks: Checks, auth: str, tls: str) -> str | None:
    token = checks.args.get("auth_token")
    strategy = _optional(checks, "auth_token_update_strategy", AUTH_TOKEN_STRATEGIES)
    if token is not None and auth != "token":
        checks.refuse("auth_token", f"is given, but auth is {auth}; set auth to token or leave auth_token out")
    if auth == "token" and tls == "off":
        checks.refuse("auth", "'token' needs TLS; set tls to required, or auth to none")
    if strategy == "DELETE" and auth != "rbac":
        checks.refuse("auth_token_update_strategy", f"'DELETE' is for the move from a token to auth rbac, auth is {auth}")
    if strategy in {"SET", "ROTATE"} and auth != "token":
        checks.refuse("auth_token_update_strategy", f"{strategy!r} needs auth token, auth is {auth}; leave it out")
    return strategy


def _windows(checks: Checks) -> tuple[str, str]:
    maintenance = checks.optional_text("maintenance_window") or windows.DEFAULT_MAINTENANCE_WINDOW
    snapshot = checks.optional_text("snapshot_window") or windows.DEFAULT_SNAPSHOT_WINDOW
    weekly, daily = windows.maintenance(maintenance), windows.snapshot(snapshot)
    if weekly is None:
        checks.refuse(
            "maintenance_window", f"{maintenance!r} has another form than ddd:hh24:mi-ddd:hh24:mi, e.g. sun:04:30-sun:05:30"
        )
    if daily is None:
        checks.refuse("snapshot_window", f"{snapshot!r} has another form than hh24:mi-hh24:mi, e.g. 02:00-03:00")
    for argument, text, window in (("maintenance_window", maintenance, weekly), ("snapshot_window", snapshot, daily)):
        if window is not None and window[1] < windows.MIN_WINDOW_MINUTES:
            least = windows.MIN_WINDOW_MINUTES
            checks.refuse(argument, f"{text!r} is {window[1]} minutes long; ElastiCache needs {least} at least")
    if weekly and daily and windows.overlap(weekly, daily):
        checks.refuse("snapshot_window", f"{snapshot!r} meets the maintenance window {maintenance!r}; move one of them")
    return maintenance, snapshot


def _auto_upgrade(checks: Checks, engine: str, version: str, *, global_member: bool) -> bool | None:
    given = checks.args.get("auto_minor_version_upgrade")
    wanted = checks.switch("auto_minor_version_upgrade", default=True)
    if global_member:
        if given is not None:
            # hashicorp/terraform-provider-aws issue 24919: AWS sets it to false when a group joins, and refuses to change it.
            checks.refuse(
                "auto_minor_version_upgrade", "belongs to the global datastore once the group is a member; leave it out"
            )
        return None
    if not versions.at_least(engine, version, versions.FIRST_WITH_AUTO_UPGRADE):
        if given:
            checks.refuse("auto_minor_version_upgrade", f"true needs version 6.0 or newer, it is {engine} {version}")
        return None
    return wanted


def _timeouts(checks: Checks) -> tuple[tuple[str, str], ...]:
    given = Checks(checks.mapping("timeouts"))
    given.known(tuple(DEFAULT_TIMEOUTS))
    found = [
        (what, given.text(what, default, DURATION, "a duration such as 90m")) for what, default in DEFAULT_TIMEOUTS.items()
    ]
    checks.problems += given.under("timeouts")
    return tuple(found)


def _adopt(checks: Checks) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...], bool, tuple[str, ...]]:
    given = checks.mapping("adopt")
    entries = Checks(given)
    entries.known(tuple(ElastiCacheAdopt.__annotations__))
    for part, value in given.items():
        if part in ADOPTED_BY_ID and (not isinstance(value, str) or not value):
            entries.refuse(part, f"{shown(value)} is no id; give it as the account has it, or leave it out")
    keep_as_found = entries.switch("keep_as_found", default=True)
    change = checked_change(entries)
    users = entries.mapping("users")
    for key, value in users.items():
        if not isinstance(value, str) or not value:
            entries.refuse("users", f"{shown(value)} is no id of {key!r}; give it as the account has it, or leave it out")
    checks.problems += entries.under("adopt")
    for part, argument in BROUGHT_BY.items():
        if given.get(part) is not None and checks.args.get(argument) is not None:
            checks.refuse(f"adopt.{part}", f"cannot be used with {argument}: what is brought is not the component's to adopt")
    found = [(part, value) for part, value in given.items() if part in ADOPTED_BY_ID and isinstance(value, str)]
    return tuple(found), tuple(users.items()), keep_as_found, change


def _optional(checks: Checks, argument: str, allowed: Sequence[str]) -> str | None:
    return None if checks.args.get(argument) is None else checks.one_of(argument, allowed[0], allowed)


def _together(checks: Checks, plan: Plan) -> None:
    """Refuse what only two arguments together make wrong."""
    if not plan.at_rest_encryption and checks.args.get("kms_key_id") is not None:
        checks.refuse("kms_key_id", "is given, but at_rest_encryption is false; set it to true or leave the key out")
    check_arn(checks, "kms_key_id", KEY, region=plan.region)
    check_arns(checks, "restore_snapshot_arns", RDB_FILE)
    if plan.tls == "preferred" and not versions.at_least(plan.engine, plan.engine_version, versions.FIRST_REDIS_WITH_TLS_MODE):
        checks.refuse("tls", f"'preferred' needs redis 7.0 or valkey, it is {plan.engine_version}; use required or off")
    if plan.tls == "preferred" and plan.auth != "none":
        # cloudposse/terraform-aws-elasticache-redis issue 239, hashicorp/terraform-provider-aws issue 42966.
        checks.refuse(
            "auth", f"{plan.auth!r} needs tls required: AWS takes no users and no token while TLS is optional; set auth to none"
        )
    if plan.tls == "preferred" and plan.global_member:
        # terraform-aws-modules/terraform-aws-elasticache pull request 4.
        checks.refuse("tls", "'preferred' is impossible for the primary of a global datastore; use required")
    if plan.global_member and plan.network_type in {"ipv6", "dual_stack"}:
        # docs.aws.amazon.com, AmazonElastiCache, "Prerequisites and limitations" of global datastores: no IPv6.
        checks.refuse("network_type", f"{plan.network_type!r} is impossible in a global datastore, which has no IPv6; use ipv4")
    if plan.ip_discovery == "ipv6" and plan.network_type not in {"ipv6", "dual_stack"}:
        checks.refuse("ip_discovery", "'ipv6' needs network_type ipv6 or dual_stack")
    if plan.network_type in {"ipv6", "dual_stack"} and not versions.at_least(
        plan.engine, plan.engine_version, versions.FIRST_REDIS_WITH_IPV6
    ):
        checks.refuse("network_type", f"{plan.network_type!r} needs redis 6.2 or valkey, it is {plan.engine_version}")
    if plan.durable:
        _durable(checks, plan)
    if checks.args.get("restore_snapshot_name") is not None and checks.args.get("restore_snapshot_arns") is not None:
        checks.refuse("restore_snapshot_arns", "cannot be used with restore_snapshot_name: data come from one place; drop one")


def _durable(checks: Checks, plan: Plan) -> None:
    """Refuse what AWS's transactional log does not go with (docs.aws.amazon.com, AmazonElastiCache, Limitations)."""
    topology = plan.topology
    wanted: tuple[tuple[bool, str], ...] = (
        (
            plan.engine == "valkey" and versions.numbers(plan.engine_version) >= versions.FIRST_WITH_DURABILITY,
            f"valkey 9.0 or newer, it is {plan.engine} {plan.engine_version}; upgrade first",
        ),
        (topology.clustered, f"cluster_mode enabled, it is {topology.cluster_mode}"),
        (topology.multi_az, "Multi-AZ with at least one replica; set replicas to 1 or more and leave multi_az out"),
        (plan.tls == "required", f"tls required, it is {plan.tls}"),
        (plan.at_rest_encryption, "at_rest_encryption true; leave that out"),
        (
            checks.refused("node_type") or nodes.family_of(plan.node_type) in nodes.DURABLE_FAMILIES,
            f"a node type of {', '.join(nodes.DURABLE_FAMILIES)}, it is {plan.node_type}",
        ),
        (not plan.global_member, "a group that is no member of a global datastore"),
    )
    for holds, what in wanted:
        if not holds:
            checks.refuse("durability", f"{plan.durability!r} needs {what}")


def _adopted_secrets(checks: Checks, plan: Plan) -> None:
    """Ask for what `credentials` has to hold and AWS does not tell of what is adopted."""
    remedy = "give it, so that credentials hold it"
    application = next((user for user in plan.users if user.key == APPLICATION), None)
    if application is not None and APPLICATION in dict(plan.adopt_users):
        if application.authentication == "password" and not application.given_passwords:
            reason = f"is missing: AWS does not tell an adopted user's password; {remedy}"
            checks.refuse(f"users.{APPLICATION}.passwords", reason)
    elif plan.auth == "token" and plan.adopted("replication_group") and checks.args.get("auth_token") is None:
        checks.refuse("auth_token", f"is missing: AWS does not tell an adopted group's token; {remedy}")
