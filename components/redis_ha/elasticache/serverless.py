"""ServerlessCache: Amazon ElastiCache Serverless, which has no nodes to size, with its users and its limits."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import REGION, Place, checked_tags
from redis_ha.arguments import Checks, InvalidArgumentsError, kind_of
from redis_ha.arns import KEY, RDB_FILE, SNAPSHOT, check_arn, check_arns
from redis_ha.guard import Refusals, apart, guard, hooks_of
from redis_ha.inputs import as_input_errors, known_now, outputs_of

from .access import make_access
from .access_rules import APPLICATION, planned_users
from .checks import DEFAULT_RETENTION_DAYS, DESCRIPTION, GROUP_ID, MAX_RETENTION_DAYS, MIN_RETENTION_DAYS, NETWORK_TYPES
from .permissions import client_policy
from .plan import User
from .running import Asked, not_taken, running_cache
from .settings import ElastiCacheUser
from .versions import DEFAULT_ENGINE, ENGINES, KNOWN_VERSIONS, numbers

# Serverless runs Valkey from 7.2 and Redis from 7.1 on (docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Supported engines
# and versions"), named by the first number alone.
FIRST_MAJOR = 7
# Fixed: a newer one in the table of versions must not change live caches (serverless_cache.go: it replaces them).
DEFAULT_MAJORS = {"valkey": "8", "redis": "7"}
# docs.aws.amazon.com, cdk/api/v2, @aws-cdk/aws-elasticache-alpha, CacheUsageLimitsProperty: GB.
MIN_STORAGE_GB, MAX_STORAGE_GB = 1, 5_000
# hashicorp/terraform-provider-aws, internal/service/elasticache/serverless_cache.go; the API says the same (issue 35648).
MIN_ECPU, MAX_ECPU = 1_000, 15_000_000
# One zone alone would not be highly available. AWS names no upper bound that could be checked.
FEWEST_SUBNETS = 2
# A quiet hour in most of Europe, UTC.
DEFAULT_SNAPSHOT_TIME = "02:00"
SNAPSHOT_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
# AWS replicates every serverless cache over zones and does not say how often (docs.aws.amazon.com, AmazonElastiCache/latest/dg,
# WhatIs.corecomponents): at least once.
FAILOVER = {"automatic": True, "multi_az": True, "replicas": 1}


class ServerlessLimits(TypedDict):
    """Maximum and minimum of data and of processing units.

    A maximum bounds the bill: over it, data is evicted or writes fail, and requests are throttled. A minimum is paid for.
    """

    storage_min_gb: NotRequired[int]
    """Data that there is always room for, 1 to 5000 GB. Default: none."""
    storage_max_gb: NotRequired[int]
    """Data that the cache may hold, 1 to 5000 GB. Default: AWS's own limit."""
    ecpu_min: NotRequired[int]
    """Processing units a second that are always ready, 1000 to 15000000. Default: none."""
    ecpu_max: NotRequired[int]
    """Processing units a second that may be used, 1000 to 15000000. Default: AWS's own limit."""


class ServerlessCacheArgs(TypedDict):
    """What a ServerlessCache is made of. Needed are `region`, `subnet_ids` and `security_group_ids`."""

    region: str
    """AWS region, e.g. `eu-central-1`."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets of the cache's endpoints, in at least two zones. A change needs another `cache_name`."""
    security_group_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Security groups of the endpoints: let clients in on ports 6379 and, to read from replicas, 6380. AWS's default would be
    the VPC's default group."""
    cache_name: NotRequired[str]
    """Name, unique in account and region: 1 to 40 lower-case letters, digits, hyphens. Default: the resource's name. A change
    replaces the cache."""
    description: NotRequired[str]
    """Description that the console shows. Default: says who made it."""
    engine: NotRequired[str]
    """`valkey` (default) or `redis`. Redis becomes valkey in place; there is no way back."""
    major_engine_version: NotRequired[str]
    """First number of the version. Default: valkey 8, redis 7. AWS keeps the rest up to date."""
    limits: NotRequired[ServerlessLimits]
    """Bounds of data and of processing units. Default: AWS's."""
    auth: NotRequired[str]
    """`rbac` (default): users; `none`: no login, everybody who reaches the endpoint. There are no AUTH tokens here."""
    users: NotRequired[Mapping[str, ElastiCacheUser]]
    """More users by name, or changes of `application` and `monitoring`, as of an ElastiCacheHaGroup."""
    user_group_id: NotRequired[pulumi.Input[str]]
    """Id of an existing user group instead of made users. `credentials` then has no user and no password."""
    snapshot_time: NotRequired[str]
    """Time of the daily snapshot in UTC. Default `02:00`."""
    snapshot_retention_days: NotRequired[int]
    """Days that daily snapshots are kept, 1 to 35. Default 7. They are deleted with the cache."""
    restore_snapshot_arns: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Snapshots to fill the new cache from. Ignored later."""
    kms_key_id: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of data at rest, which is always encrypted. Default: AWS's own. A change needs another
    `cache_name`."""
    network_type: NotRequired[str]
    """`ipv4`, `ipv6` or `dual_stack`. Default: AWS's, ipv4. A change needs another `cache_name`."""
    tags: NotRequired[Mapping[str, str]]
    """More tags of all resources of the component."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace the cache. Default true: the provider takes no last snapshot."""


@dataclass(frozen=True)
class ServerlessPlan:
    """One serverless cache, as far as it is known before its resources are made."""

    cache_name: str
    region: str
    description: str
    engine: str
    major_engine_version: str
    limits: Mapping[str, int]
    auth: str
    users: tuple[User, ...]
    makes_user_group: bool
    snapshot_time: str
    snapshot_retention_days: int
    network_type: str | None
    tags: tuple[tuple[str, str], ...]
    protect: bool
    adopt_users: tuple[tuple[str, str], ...] = ()
    keep_as_found: bool = True

    @property
    def group_id(self) -> str:
        """Return the name under which users are filed."""
        return self.cache_name

    @property
    def user_engine(self) -> str:
        """Return the users' engine: the cache's."""
        return self.engine

    def adopted(self, part: str) -> str | None:  # noqa: ARG002  the same question as to a replication group
        """Return nothing: a serverless cache takes over no existing users."""
        return None


def make_serverless_plan(name: str, args: Mapping[str, Any], known: Sequence[str] = ()) -> tuple[ServerlessPlan, Checks]:
    """Check the plain arguments; return the plan and the checks with everything that is wrong."""
    checks = Checks(args)
    if known:
        checks.known(known)
    cache_name = checks.text(
        "cache_name", name, GROUP_ID, "1 to 40 lower-case letters, digits and single hyphens, first a letter"
    )
    engine = checks.one_of("engine", DEFAULT_ENGINE, ENGINES)
    auth = checks.one_of("auth", "rbac", ("rbac", "none"))
    for argument in ("users", "user_group_id"):
        if auth == "none" and args.get(argument) is not None:
            checks.refuse(argument, f"needs auth rbac, auth is none; set auth to rbac or leave {argument} out")
    if args.get("users") is not None and args.get("user_group_id") is not None:
        checks.refuse("users", "cannot be used with user_group_id: a brought group has its own users; drop one of them")
    _check_network(checks)
    plan = ServerlessPlan(
        cache_name=cache_name,
        region=checks.text("region", None, REGION, "a region of AWS such as eu-central-1"),
        description=checks.text(
            "description", f"{cache_name}: made by redis-ha", DESCRIPTION, "one line of printable ASCII, at most 255"
        ),
        engine=engine,
        major_engine_version=checks.one_of("major_engine_version", DEFAULT_MAJORS[engine], majors(engine)),
        limits=_limits(checks),
        auth=auth,
        # Every serverless cache speaks TLS and runs a version that knows IAM.
        users=planned_users(checks, cache_name, auth, engine, KNOWN_VERSIONS[engine][-1], "required"),
        makes_user_group=auth == "rbac" and args.get("user_group_id") is None,
        snapshot_time=checks.text("snapshot_time", DEFAULT_SNAPSHOT_TIME, SNAPSHOT_TIME, "a time such as 02:00, in UTC"),
        snapshot_retention_days=checks.whole(
            "snapshot_retention_days", DEFAULT_RETENTION_DAYS, MIN_RETENTION_DAYS, MAX_RETENTION_DAYS
        ),
        network_type=checks.one_of("network_type", "", NETWORK_TYPES) or None,
        tags=checked_tags(checks),
        protect=checks.switch("protect", default=True),
    )
    check_arn(checks, "kms_key_id", KEY, region=plan.region)
    check_arns(checks, "restore_snapshot_arns", SNAPSHOT, RDB_FILE)
    return plan, checks


def majors(engine: str) -> tuple[str, ...]:
    """Return the first numbers of an engine's known versions that are offered without nodes."""
    found = [numbers(version)[0] for version in KNOWN_VERSIONS[engine]]
    return tuple(str(major) for major in dict.fromkeys(found) if major >= FIRST_MAJOR)


def _check_network(checks: Checks) -> None:
    for argument, fewest, what in (
        ("subnet_ids", FEWEST_SUBNETS, "subnets in two zones"),
        ("security_group_ids", 1, "one group"),
    ):
        value = checks.args.get(argument)
        if value is None:
            checks.refuse(argument, f"is missing; give at least {what}")
        elif isinstance(value, str):
            checks.refuse(argument, f"{kind_of(value)} is no list; give at least {what}")
        elif isinstance(value, list | tuple) and (count := _distinct(value)) < fewest:
            checks.refuse(argument, f"{count} of them; give at least {what}")


def _distinct(values: Sequence[Any]) -> int:
    """Count the values; those that are not known yet (Outputs) may all be different."""
    known = [value for value in values if isinstance(value, str)]
    return len(set(known)) + len(values) - len(known)


def _limits(checks: Checks) -> Mapping[str, int]:
    given = checks.mapping("limits")
    entries = Checks(given)
    entries.known(tuple(ServerlessLimits.__annotations__))
    found: dict[str, int] = {}
    for what, unit, low, high in (("storage", "_gb", MIN_STORAGE_GB, MAX_STORAGE_GB), ("ecpu", "", MIN_ECPU, MAX_ECPU)):
        least, most = f"{what}_min{unit}", f"{what}_max{unit}"
        for argument in (least, most):
            if given.get(argument) is not None:
                found[argument] = entries.whole(argument, low, low, high)
        if found.get(least, low) > found.get(most, high):
            entries.refuse(least, f"{found[least]} is more than {most}, {found[most]}; swap them")
    checks.problems += entries.under("limits")
    return found


def usage_limits(limits: Mapping[str, int]) -> dict[str, Any] | None:
    """Return the limits as the provider takes them; None when there are none."""
    found: dict[str, Any] = {}
    storage = {"minimum": limits.get("storage_min_gb"), "maximum": limits.get("storage_max_gb")}
    ecpu = {"minimum": limits.get("ecpu_min"), "maximum": limits.get("ecpu_max")}
    if any(storage.values()):
        found["data_storage"] = {"unit": "GB"} | {key: value for key, value in storage.items() if value}
    if any(ecpu.values()):
        found["ecpu_per_seconds"] = [{key: value for key, value in ecpu.items() if value}]
    return found or None


def serverless_connection(engine: str, endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return how applications connect: a serverless cache speaks the cluster protocol, by TLS only."""
    address = {"host": endpoint["address"], "port": int(endpoint["port"])}
    return {
        "version": 1,
        "kind": "cluster",
        "configuration": address,
        "tls": True,
        "engine": engine,
        "failover": dict(FAILOVER),
    }


def serverless_credentials(plan: ServerlessPlan, secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return who the application is; `secrets` holds passwords by user."""
    user = next((user for user in plan.users if user.key == APPLICATION), None)
    if user is None:  # no users, or a brought user group: whose they are is not known here
        return {"version": 1}
    if user.authentication == "iam":
        resource = {"region": plan.region, "resource": plan.cache_name, "serverless": True}
        return {"version": 1, "username": user.user_name, "iam": resource}
    return {"version": 1, "username": user.user_name, "password": secrets[user.key]}


def serverless_refusals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Return (argument, reason with the values and the way that works) for each change of a living cache that AWS refuses.

    A major version rises in place, redis becomes valkey in place; there is no way back (docs.aws.amazon.com,
    AmazonElastiCache/latest/APIReference, ModifyServerlessCache: Engine, MajorEngineVersion).
    """
    before, after = (_engine_and_major(inputs) for inputs in (old, new))
    way = "make a second cache beside it from a snapshot, move the clients, then remove this one"
    if before is None or after is None:
        return []
    if (before[0], after[0]) == ("valkey", "redis"):
        return [("engine", f"valkey cannot become redis; {way}")]
    if before[0] == after[0] and after[1] < before[1]:
        way = f"say major_engine_version: '{before[1]}', or {way}"
        return [("major_engine_version", f"{before[1]} -> {after[1]} is a downgrade, which AWS refuses; {way}")]
    return []


def _engine_and_major(inputs: Mapping[str, Any]) -> tuple[str, int] | None:
    engine, major = inputs.get("engine"), inputs.get("majorEngineVersion")
    return (engine, int(major)) if isinstance(engine, str) and isinstance(major, str) and major.isdigit() else None


class ServerlessCache(pulumi.ComponentResource):
    """Redis or Valkey by ElastiCache Serverless: over several zones, with TLS, users and limits; AWS sizes it.

    Raw children: `cache`, `access` (users, user group, made passwords).
    """

    connection: pulumi.Output[dict[str, Any]]
    """How to connect: version, kind `cluster`, configuration, tls, engine, failover. Not secret."""
    credentials: pulumi.Output[dict[str, Any]]
    """The application's user and password. Secret."""
    arn: pulumi.Output[str]
    """ARN of the cache."""
    cache_name: pulumi.Output[str]
    """Name of the cache."""
    endpoint: pulumi.Output[str]
    """Host name of the endpoint."""
    reader_endpoint: pulumi.Output[str]
    """Host name of the endpoint that reads from replicas."""
    port: pulumi.Output[int]
    """Port of the endpoint."""
    client_policy: pulumi.Output[str]
    """IAM policy (JSON) for applications: looking the cache up, and logging in as its IAM users."""

    def __init__(self, name: str, args: ServerlessCacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the cache. Raises pulumi.InputPropertiesError, before anything is registered, when arguments are wrong."""
        plan = checked_serverless_plan(name, args)
        super().__init__("redis-ha:index:ServerlessCache", name, {}, opts)
        place = Place(name, plan.region, dict(plan.tags), self._child, apart(opts))
        self.access = make_access(place, plan, args)
        self.cache = self._make_cache(place, plan, args)
        self._make_outputs(plan)

    @staticmethod
    def check(name: str, args: ServerlessCacheArgs) -> ServerlessPlan:
        """Check arguments, and make nothing; return what follows from them. Raises what making it would raise."""
        return checked_serverless_plan(name, args)

    def _child(self, **options: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **options)

    def _make_cache(self, place: Place, plan: ServerlessPlan, args: Mapping[str, Any]) -> aws.elasticache.ServerlessCache:
        group = self.access.user_group
        optional: dict[str, Any] = {
            "user_group_id": args.get("user_group_id") if group is None else group.user_group_id,
            "kms_key_id": args.get("kms_key_id"),
            "snapshot_arns_to_restores": args.get("restore_snapshot_arns"),
            "cache_usage_limits": usage_limits(plan.limits),
            "network_type": plan.network_type,
        }
        asked = Asked(
            noun="cache",
            id_argument="cache_name",
            identifier=plan.cache_name,
            version_argument="major_engine_version",
            engine=plan.engine,
            version=plan.major_engine_version,
            known=majors(plan.engine),
            otherwise="if not, delete it at AWS",
        )
        return aws.elasticache.ServerlessCache(
            f"{place.name}-cache",
            name=plan.cache_name,
            description=plan.description,
            engine=plan.engine,
            major_engine_version=plan.major_engine_version,
            subnet_ids=args["subnet_ids"],
            security_group_ids=args["security_group_ids"],
            daily_snapshot_time=plan.snapshot_time,
            snapshot_retention_limit=plan.snapshot_retention_days,
            **{argument: value for argument, value in optional.items() if value is not None},
            region=place.region,
            tags=place.tags,
            # What a cache was filled from matters once; dropping it later would replace the cache (serverless_cache.go).
            opts=self._child(
                protect=plan.protect,
                # Deleted first, it would be gone with its data when the hook is asked.
                delete_before_replace=False,
                ignore_changes=["snapshot_arns_to_restores"],
                hooks=hooks_of(
                    not_taken(
                        f"{place.name}-taken{place.apart}",
                        asked,
                        lambda: running_cache(plan.cache_name, plan.region, self),
                    ),
                    guard(f"{place.name}-changes{place.apart}", serverless_refusals),
                ).hooks,
            ),
        )

    def _make_outputs(self, plan: ServerlessPlan) -> None:
        cache = self.cache
        self.connection = cache.endpoints.apply(
            lambda found: serverless_connection(plan.engine, {"address": found[0].address, "port": found[0].port})
        )
        secrets = pulumi.Output.all(**self.access.secrets) if self.access.secrets else pulumi.Output.from_input({})
        self.credentials = pulumi.Output.secret(secrets.apply(lambda known: serverless_credentials(plan, known)))
        self.arn, self.cache_name = cache.arn, cache.name
        self.endpoint = cache.endpoints.apply(lambda found: str(found[0].address))
        self.reader_endpoint = cache.reader_endpoints.apply(lambda found: str(found[0].address))
        self.port = cache.endpoints.apply(lambda found: int(found[0].port))
        iam_users = [self.access.users[user.key].arn for user in plan.users if user.authentication == "iam"]
        self.client_policy = client_policy(cache.arn, iam_users)
        self.register_outputs(outputs_of(self))


def checked_serverless_plan(name: str, args: Mapping[str, Any]) -> ServerlessPlan:
    """Check the plain arguments. Raises pulumi.InputPropertiesError with all that is wrong with them."""
    what = f"ServerlessCache {name!r}"
    with as_input_errors():
        known_now(what, args, ServerlessCacheArgs)
        plan, checks = make_serverless_plan(name, args, known=tuple(ServerlessCacheArgs.__annotations__))
        if checks.problems:
            raise InvalidArgumentsError(what, checks.problems)
    return plan
