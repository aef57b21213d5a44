"""From arguments to a plan: everything that can be wrong with a GlobalDatastore is found here, at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis_ha.amazon import REGION, checked_tags
from redis_ha.arguments import Checks, InvalidArgumentsError, kind_of, shown

from . import global_rules, nodes, versions
from .access_rules import APPLICATION
from .checks import DESCRIPTION, GROUP_ID
from .global_alarms import Lag, checked_lag
from .global_settings import GlobalSecondary, GlobalWriter, GlobalWriterParameter
from .group import ElastiCacheHaGroupArgs, plan_and_checks
from .plan import Plan
from .records import HOST_NAME

# What the global object holds once it is there: given at the top, for a primary made here and for a brought one alike.
LIVES_ON_GLOBAL = ("engine", "engine_version", "node_type", "shards")
# What members take from the primary at their creation: a primary made here has it in its own arguments.
OF_THE_PRIMARY = ("cluster_mode", "tls", "auth", "users", "user_engine", "auth_token")
INHERITED = (*LIVES_ON_GLOBAL, *OF_THE_PRIMARY, "at_rest_encryption")
# The arguments that say which existing group is the primary.
BROUGHT = ("primary_replication_group_id", "primary_region", "primary_connection")
# Without these a default would change a living primary: nobody upgrades a cache by leaving an argument out.
NEEDED_OF_BROUGHT = ("engine", "engine_version", "node_type")


@dataclass(frozen=True)
class GlobalPlan:
    """One global datastore, as far as it is known before its resources are made."""

    name: str
    suffix: str
    description: str
    primary_region: str
    primary: Plan | None
    primary_args: Mapping[str, Any]
    engine: str
    engine_version: str
    node_type: str
    clustered: bool
    shards: int
    automatic_failover: bool
    tls: bool
    secondaries: Mapping[str, Plan]
    lag: Lag | None
    writer: Mapping[str, Any] | None
    protect: bool

    @property
    def regions(self) -> tuple[str, ...]:
        """Return all regions, the primary's first."""
        return (self.primary_region, *self.secondaries)


def make_global_plan(name: str, args: Mapping[str, Any], known: Sequence[str] = ()) -> GlobalPlan:
    """Check the plain arguments. Raises InvalidArgumentsError with everything that is wrong with them."""
    checks = Checks(args)
    if known:
        checks.known(known)
    given = args.get("primary")
    if given is not None and not isinstance(given, Mapping):
        raise InvalidArgumentsError(what(name), [("primary", f"{kind_of(given)} is no mapping of a group's arguments")])
    checked_tags(checks)
    automatic_failover = checks.switch("automatic_failover", default=True)
    primary, primary_args = _made_primary(checks, name, automatic_failover=automatic_failover) if given else (None, {})
    region = _brought_primary(checks) if primary is None else primary.region
    regions = [str(secondary) for secondary in checks.mapping("secondaries")]
    for secondary in regions:
        if not REGION.fullmatch(secondary):
            checks.refuse("secondaries", f"{secondary!r} is no region of AWS; name them by region, such as eu-west-1")
    wrong = global_rules.wrong_regions(region, regions)
    if wrong is not None and not checks.refused("secondaries"):
        checks.refuse("secondaries", wrong)
    from_primary = inherited(args, primary, primary_args)
    secondaries = {secondary: _secondary(checks, name, secondary, from_primary, primary) for secondary in regions}
    plans = [plan for plan in (primary, *secondaries.values()) if plan is not None]
    if plans:
        _check_hardware(checks, plans[0])
    _check_ids(checks, region, primary, secondaries)
    _check_failover(checks, primary, secondaries, automatic_failover=automatic_failover)
    _check_users(checks, primary, from_primary, secondaries)
    writer = _writer(checks)
    lag = checked_lag(checks)
    suffix = checks.text("name_suffix", name, GROUP_ID, "1 to 40 lower-case letters, digits and single hyphens, first a letter")
    description = checks.text(
        "description", f"{suffix}: made by redis-ha", DESCRIPTION, "one line of printable ASCII, at most 255"
    )
    protect = checks.switch("protect", default=True)
    if checks.problems or not plans:
        raise InvalidArgumentsError(what(name), list(dict.fromkeys(checks.problems)))
    one = plans[0]
    return GlobalPlan(
        name=name,
        suffix=suffix,
        description=description,
        primary_region=region,
        primary=primary,
        primary_args=primary_args,
        engine=one.engine,
        engine_version=one.engine_version,
        node_type=one.node_type,
        clustered=one.topology.clustered,
        shards=one.topology.shards,
        automatic_failover=automatic_failover,
        tls=one.tls != "off",
        secondaries=secondaries,
        lag=lag,
        writer=writer,
        protect=protect,
    )


def what(name: str) -> str:
    """Name the component in an error."""
    return f"GlobalDatastore {name!r}"


def _made_primary(checks: Checks, name: str, *, automatic_failover: bool) -> tuple[Plan, dict[str, Any]]:
    """Return the plan of a primary that is made here, and the arguments of its ElastiCacheHaGroup."""
    args, given = checks.args, checks.args["primary"]
    for argument in LIVES_ON_GLOBAL:
        if given.get(argument) is not None:
            checks.refuse(f"primary.{argument}", f"lives on the global object: give {argument} of the datastore instead")
    for argument in (*OF_THE_PRIMARY, *BROUGHT):
        if args.get(argument) is not None:
            remedy = f"give primary.{argument}" if argument in OF_THE_PRIMARY else "leave one of them out"
            checks.refuse(argument, f"cannot be used with primary, which makes the group here: {remedy}")
    for argument, wanted in (("global_member", True), ("multi_az", automatic_failover)):
        if given.get(argument) not in (None, wanted):
            reason = f"{shown(given[argument])} cannot be: in this datastore it is {wanted}; leave it out"
            checks.refuse(f"primary.{argument}", reason)
    whole = {
        **given,
        **{argument: args[argument] for argument in LIVES_ON_GLOBAL if args.get(argument) is not None},
        "global_member": True,
        "multi_az": automatic_failover,
        "tags": {**checks.mapping("tags"), **Checks(given).mapping("tags")},
        "protect": args.get("protect", True) if given.get("protect") is None else given["protect"],
    }
    region = whole["region"] if isinstance(whole.get("region"), str) else ""
    adopted = Checks(given).mapping("adopt").get("replication_group")
    if whole.get("group_id") is None and adopted is None and region:
        whole["group_id"] = f"{name}-{region}"
    known = tuple(ElastiCacheHaGroupArgs.__annotations__)
    plan, found = plan_and_checks(member_name(name, region), whole, known)
    for argument, reason in found.problems:
        at_top = argument in LIVES_ON_GLOBAL or argument == "multi_az"
        checks.refuse(argument if at_top else f"primary.{argument}", reason)
    return plan, whole


def member_name(name: str, region: str) -> str:
    """Return the prefix of the names of what is made in a region."""
    return f"{name}-{region}"


def _brought_primary(checks: Checks) -> str:
    """Check what has to be said of a primary that exists; return its region."""
    args = checks.args
    for argument in BROUGHT:
        if args.get(argument) is None:
            remedy = "give the group's id, region and `connection`, or primary to make one here"
            checks.refuse(argument, f"is missing; {remedy}")
    for argument in NEEDED_OF_BROUGHT:
        if args.get(argument) is None:
            checks.refuse(argument, "is missing; say what the primary has now: from here on it is changed here")
    if args.get("cluster_mode") == "enabled" and args.get("shards") is None:
        checks.refuse("shards", "is missing; say how many the primary has now: from here on they are scaled here")
    if args.get("primary_region") is None:
        return ""
    return checks.text("primary_region", None, REGION, "a region of AWS such as eu-central-1")


def inherited(args: Mapping[str, Any], primary: Plan | None, primary_args: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every secondary takes from the datastore, in the words of an ElastiCacheHaGroup."""
    source = args if primary is None else primary_args
    return {argument: source[argument] for argument in INHERITED if source.get(argument) is not None}


def _secondary(checks: Checks, name: str, region: str, taken: Mapping[str, Any], primary: Plan | None) -> Plan:
    """Return a secondary's plan: its own arguments and what it inherits, checked as those of a group."""
    path = f"secondaries.{region}"
    given = checks.mapping("secondaries")[region]
    if not isinstance(given, Mapping):
        checks.refuse(path, f"{kind_of(given)} is no mapping; give zones, subnets and a VPC or security groups")
        given = {}
    own = Checks(given)
    for argument in INHERITED:
        if given.get(argument) is not None:
            own.refuse(argument, "is inherited from the primary: AWS refuses or ignores it on a secondary; leave it out")
    own.known((*GlobalSecondary.__annotations__, *(argument for argument in INHERITED if argument in given)))
    plan, found = plan_and_checks(member_name(name, region), secondary_args(checks.args, name, region, taken, primary))
    checks.problems += own.under(path)
    for argument, reason in found.problems:
        if argument.split(".")[0] not in INHERITED:
            checks.refuse(f"{path}.{argument}", reason)
        elif primary is None:
            checks.refuse(argument, reason)
    return plan


def secondary_args(
    args: Mapping[str, Any], name: str, region: str, taken: Mapping[str, Any], primary: Plan | None
) -> dict[str, Any]:
    """Return a secondary's arguments in the words of an ElastiCacheHaGroup."""
    given = Checks(args).mapping("secondaries")[region]
    given = given if isinstance(given, Mapping) else {}
    without = {"users", "user_engine"} if given.get("user_group_id") is not None else set()
    return {
        **{argument: value for argument, value in taken.items() if argument not in without},
        **{argument: value for argument, value in given.items() if value is not None and argument not in INHERITED},
        "region": region,
        "group_id": given.get("group_id") or f"{name}-{region}",
        "port": given.get("port") or (None if primary is None else primary.port),
        "multi_az": args.get("automatic_failover") is not False,
        "global_member": True,
        "tags": {**Checks(args).mapping("tags"), **Checks(given).mapping("tags")},
        "protect": args.get("protect") if given.get("protect") is None else given["protect"],
    }


def _check_hardware(checks: Checks, one: Plan) -> None:
    if not checks.refused("node_type") and nodes.wrong_node_type(one.node_type) is None:
        wrong = global_rules.wrong_node_type(one.node_type)
        if wrong is not None:
            checks.refuse("node_type", wrong)
    if not checks.refused("engine_version") and one.engine_version in versions.KNOWN_VERSIONS[one.engine]:
        wrong = global_rules.wrong_version(one.engine, one.engine_version)
        if wrong is not None:
            checks.refuse("engine_version", wrong)
    if one.topology.cluster_mode not in global_rules.CLUSTER_MODES:
        argument = "cluster_mode" if checks.args.get("primary") is None else "primary.cluster_mode"
        checks.refuse(argument, "'compatible' is a step between; finish the migration before the group joins")


def _check_ids(checks: Checks, region: str, primary: Plan | None, secondaries: Mapping[str, Plan]) -> None:
    """Refuse equal ids: a provider that waits for a member by its id alone waits for the other one for ever.

    hashicorp/terraform-provider-aws issue 38919: destroying then hangs until the timeout.
    """
    brought = checks.args.get("primary_replication_group_id")
    seen: dict[str, str] = {}
    if primary is not None:
        seen[primary.group_id] = region
    elif isinstance(brought, str):
        seen[brought.lower()] = region
    for secondary, plan in secondaries.items():
        if plan.group_id in seen:
            reason = f"{plan.group_id!r} is the group's id in {seen[plan.group_id]} too; ids differ from region to region"
            checks.refuse(f"secondaries.{secondary}.group_id", f"{reason}, or destroying hangs")
        seen[plan.group_id] = secondary


def _check_failover(checks: Checks, primary: Plan | None, secondaries: Mapping[str, Plan], *, automatic_failover: bool) -> None:
    """Ask for a replica of each shard in every region with automatic failover, which secondaries inherit.

    docs.aws.amazon.com, AmazonElastiCache, "Prerequisites and limitations" of global datastores.
    """
    members = {f"secondaries.{region}": plan for region, plan in secondaries.items()}
    if primary is not None:
        members["primary"] = primary
    for path, plan in members.items():
        if automatic_failover and plan.topology.replicas == 0:
            checks.refuse(f"{path}.replicas", "0 is too few: automatic failover, in all regions alike, needs at least 1")
    if not automatic_failover and any(plan.topology.clustered for plan in members.values()):
        checks.refuse("automatic_failover", "false is impossible with cluster_mode enabled; leave it out")


def _check_users(checks: Checks, primary: Plan | None, taken: Mapping[str, Any], secondaries: Mapping[str, Plan]) -> None:
    """User groups are regional: the same users are made in every region, with the same passwords, so these have to be known."""
    top = "" if primary is not None else "users"
    making = [plan for plan in secondaries.values() if plan.users]
    auth = taken.get("auth", "rbac")
    if primary is not None:
        if primary.auth == "rbac" and not primary.users and making:
            reason = "is brought, and user groups are regional: give user_group_id in every secondary too"
            checks.refuse("primary.user_group_id", reason)
        top = "primary.users"
    application = next((user for plan in making for user in plan.users if user.key == APPLICATION), None)
    if application is not None and application.authentication == "iam":
        reason = "'iam' is for one region's group, and credentials are for all; use password, and IAM for other users"
        checks.refuse(f"{top}.{APPLICATION}.authentication", reason)
    elif application is not None and primary is None and not application.given_passwords:
        reason = "is missing: give the primary's (`credentials`), so that the same log in works in every region"
        checks.refuse(f"{top}.{APPLICATION}.passwords", reason)
    if primary is None and auth == "token" and checks.args.get("auth_token") is None:
        checks.refuse("auth_token", "is missing: give the primary's, members have one token")


def _writer(checks: Checks) -> Mapping[str, Any] | None:
    given = checks.args.get("writer")
    if given is None:
        return None
    inner = Checks(checks.mapping("writer"))
    inner.known(tuple(GlobalWriter.__annotations__))
    record, parameter = inner.args.get("record"), inner.args.get("parameter")
    if (record is None) == (parameter is None):
        inner.refuse("record", f"{'both are' if record else 'neither is'} given; give record or parameter")
    found: dict[str, Any] = {}
    if record is not None:
        found["record"] = inner.text("record", None, HOST_NAME, "a full host name such as writer.internal.example.com")
    if parameter is not None:
        entry = Checks(inner.mapping("parameter"))
        entry.known(tuple(GlobalWriterParameter.__annotations__))
        found["parameter"] = {
            "name": entry.text("name", None, global_rules.PARAMETER_NAME, "a full name such as /redis-ha/prod/global/writer"),
            "region": entry.text("region", None, REGION, "a region of AWS such as eu-central-1"),
        }
        inner.problems += entry.under("parameter")
    checks.problems += inner.under("writer")
    return found
