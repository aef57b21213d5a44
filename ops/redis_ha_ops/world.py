"""One look at a Global Datastore: what AWS's API tells of its members, against the stack's own document and the writer's name.

A promotion happens outside the program, so the document's primary region is the one of creation: who is primary now, AWS says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from redis_ha_client import DocumentError
from redis_ha_client.documents import GlobalConnection, ParameterWriter, RecordWriter, read_credentials, read_global_connection
from redis_ha_client.errors import WriterUnknownError
from redis_ha_client.lookup import canonical_name
from redis_ha_client.world import hosts_of, region_of_name, region_of_parameter, source_of

from . import cloud
from .cloud import Ask, CloudError
from .drawing import JSON_VERSION, findings_text, print_whole
from .errors import OpsError
from .findings import Finding, healthy
from .status import COULD_NOT_LOOK, HEALTHY, UNHEALTHY

BLOCK = "global"  # the prefix of the outputs that `__main__.py` exports for a GlobalDatastore
# botocore, elasticache 2015-02-02, GlobalReplicationGroup.Status and GlobalReplicationGroupMember: roles and statuses.
AVAILABLE, PRIMARY_ONLY = "available", "primary-only"
PRIMARY, ASSOCIATED = "PRIMARY", "associated"
# docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html: seconds, published each minute.
NAMESPACE, LAG = "AWS/ElastiCache", "GlobalDatastoreReplicationLag"
LAG_PERIOD_SECONDS = 60
LAG_WINDOW = timedelta(minutes=10)  # a metric comes some minutes late


@dataclass(frozen=True)
class World:
    """A stack's Global Datastore: its id at AWS and the document as an application gets it, checked."""

    name: str
    emulated: bool
    global_id: str
    connection: GlobalConnection
    zone_id: str | None = None  # of the writer's record, where the stack has it too


@dataclass(frozen=True)
class Member:
    """A member as AWS tells of it; of a region that AWS does not tell of, `role` is "missing"."""

    region: str
    group_id: str
    role: str
    status: str
    lag_seconds: float | None = None  # of a secondary; None: no metric


@dataclass(frozen=True)
class WorldLook:
    """What one look gave. `writer_region`: to where the writer's name leads clients, None when that is not known."""

    status: str
    members: tuple[Member, ...]
    writer_region: str | None
    findings: list[Finding]

    @property
    def primary(self) -> str | None:
        """The region that takes writes now, as AWS says."""
        return next((one.region for one in self.members if one.role == PRIMARY), None)

    @property
    def healthy(self) -> bool:
        """Whether nothing but notes was found."""
        return healthy(self.findings)

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 degraded, 2 when AWS told nothing."""
        if not self.members:
            return COULD_NOT_LOOK
        return HEALTHY if self.healthy else UNHEALTHY


def world_of(name: str, outputs: Mapping[str, Any], *, emulated: bool) -> World:
    """Check the outputs of a stack's Global Datastore; an error names the key and never a value that may be secret."""
    documents = {key: outputs.get(f"{BLOCK}_{key}") for key in ("connection", "credentials")}
    missing = [f"{BLOCK}_{key}" for key, value in documents.items() if not isinstance(value, Mapping)]
    global_id = outputs.get(f"{BLOCK}_id")
    if not isinstance(global_id, str) or not global_id:
        missing.append(f"{BLOCK}_id")
    if missing:
        raise OpsError(f"stack {name}: output {', '.join(missing)} is missing; a stack with a GlobalDatastore exports it")
    try:
        connection = read_global_connection(documents["connection"] or {})
        read_credentials(documents["credentials"] or {}, "global")
    except DocumentError as error:
        raise OpsError(f"stack {name}: {BLOCK}: {error}") from None
    return World(name, emulated, str(global_id), connection, _zone_of_writer(connection, outputs.get("live_colour_record")))


def _zone_of_writer(connection: GlobalConnection, live: object) -> str | None:
    """Return the zone of the writer's record from the stack's own LiveColourRecord, where it is that."""
    if not isinstance(connection.writer, RecordWriter) or not isinstance(live, Mapping):
        return None
    names = [cloud.plain_name(str(row.get("name"))) for row in live.get("records") or []]
    return str(live.get("zone_id")) if cloud.plain_name(connection.writer.record) in names else None


def look(world: World, ask: Ask, now: datetime | None = None) -> WorldLook:
    """Ask AWS once and judge what it answers."""
    trouble: list[Finding] = []
    try:
        status, told = _told(world, ask)
    except CloudError as error:
        code = "missing" if error.code == "GlobalReplicationGroupNotFoundFault" else "unreachable"
        return WorldLook("unknown", (), None, [Finding("broken", code, world.global_id, str(error))])
    members = tuple(_with_lag(world, ask, told, now or datetime.now(UTC), trouble))
    writer_region = _writer_region(world, ask, trouble)
    return WorldLook(status, members, writer_region, [*trouble, *judge(world, status, members, writer_region)])


# --- judging: plain data ---


def judge(world: World, status: str, members: tuple[Member, ...], writer_region: str | None) -> list[Finding]:
    """Say what is not as the document promises, or keeps clients from writing."""
    primary = next((one.region for one in members if one.role == PRIMARY), None)
    return [
        *_primaries(world, primary, writer_region),
        *_members(world, status, members),
        *_lags(world, members),
    ]


def _primaries(world: World, primary: str | None, writer_region: str | None) -> Iterator[Finding]:
    if primary is None:
        text = "no member is the primary: no region takes writes; promote one"
        yield Finding("broken", "no-primary", world.global_id, text)
        return
    connection = world.connection
    if connection.writer is None:
        if primary != connection.primary_region:
            text = (
                f"{primary} takes writes now, and clients without a writer go to {connection.primary_region}: "
                "give the GlobalDatastore a writer, or hand out a new connection"
            )
            yield Finding("broken", "no-writer", "writer", text)
        return
    if primary != connection.primary_region:
        text = f"{primary} takes writes now, {connection.primary_region} at creation: somebody promoted it"
        yield Finding("note", "promoted", world.global_id, text)
    if writer_region is not None and writer_region != primary:
        text = f"{source_of(connection)} leads clients to {writer_region}, and {primary} takes writes: move it to {primary}"
        yield Finding("broken", "writer-differs", "writer", text)


def _members(world: World, status: str, members: tuple[Member, ...]) -> Iterator[Finding]:
    if status not in {AVAILABLE, PRIMARY_ONLY}:
        yield Finding("degraded", "status", world.global_id, f"status {status}: a change is under way, or it needs a hand")
    for one in members:
        if one.role == "missing":
            text = "a region of the document is no member: removed outside, or its `up` has not ended"
            yield Finding("degraded", "member-missing", one.region, text)
        elif one.region not in world.connection.regions:
            yield Finding("degraded", "member-stranger", one.region, f"member {one.group_id} is not in the document")
        elif one.status != ASSOCIATED:
            yield Finding("degraded", "member-status", one.region, f"member {one.group_id} is {one.status}")


def _lags(world: World, members: tuple[Member, ...]) -> Iterator[Finding]:
    bound = world.connection.stale_seconds
    for one in members:
        if one.role in {PRIMARY, "missing"}:
            continue
        if one.lag_seconds is None:
            yield Finding("note", "no-lag", one.region, f"CloudWatch has no {LAG} of the last minutes")
        elif bound is not None and one.lag_seconds > bound:
            text = f"{one.lag_seconds:g} s behind, and the connection promises an alarm above {bound:g} s"
            yield Finding("degraded", "lagging", one.region, text)


# --- asking ---


def _told(world: World, ask: Ask) -> tuple[str, list[Member]]:
    # The object can be read in each member's region (docs.aws.amazon.com, API_DescribeGlobalReplicationGroups); a lost region
    # does not answer.
    answer: Mapping[str, Any] = {}
    failed: CloudError | None = None
    for region in world.connection.regions:
        try:
            parameters = {"GlobalReplicationGroupId": world.global_id, "ShowMemberInfo": True}
            answer = ask("elasticache", "describe_global_replication_groups", parameters, region)
        except CloudError as error:
            failed = failed or error
            continue
        break
    else:
        raise failed or CloudError(f"stack {world.name}: the connection has no region")
    found = answer["GlobalReplicationGroups"][0]
    members = [
        Member(
            str(row.get("ReplicationGroupRegion")),
            str(row.get("ReplicationGroupId")),
            str(row.get("Role")).upper(),
            str(row.get("Status")),
        )
        for row in found.get("Members") or []
    ]
    present = {one.region for one in members}
    gone = [Member(region, "", "missing", "") for region in world.connection.regions if region not in present]
    return str(found.get("Status")), sorted([*members, *gone], key=lambda one: (one.role != PRIMARY, one.region))


def _with_lag(world: World, ask: Ask, members: list[Member], now: datetime, trouble: list[Finding]) -> Iterator[Member]:
    for one in members:
        if one.role in {PRIMARY, "missing"}:
            yield one
            continue
        try:
            seconds = lag_of(ask, one, world.global_id, now)
        except CloudError as error:
            trouble.append(Finding("note", "lag-unknown", one.region, str(error)))
            yield one
            continue
        yield Member(one.region, one.group_id, one.role, one.status, seconds)


def lag_of(ask: Ask, member: Member, global_id: str, now: datetime) -> float | None:
    """Return the newest lag of a secondary in seconds, the longest of its shards; None where there is no metric.

    By which dimensions AWS publishes it is not documented: by the cache node in CDK's metrics, by the group elsewhere. So what
    there is is listed, and what names this member is taken.
    """
    listed = ask("cloudwatch", "list_metrics", {"Namespace": NAMESPACE, "MetricName": LAG}, member.region)
    own = [row["Dimensions"] for row in listed.get("Metrics") or [] if _is_of(row["Dimensions"], member.group_id, global_id)]
    newest: dict[str, float] = {}
    for dimensions in own:
        answer = ask(
            "cloudwatch",
            "get_metric_statistics",
            {
                "Namespace": NAMESPACE,
                "MetricName": LAG,
                "Dimensions": [{"Name": row["Name"], "Value": row["Value"]} for row in dimensions],
                "StartTime": (now - LAG_WINDOW).isoformat(),
                "EndTime": now.isoformat(),
                "Period": LAG_PERIOD_SECONDS,
                "Statistics": ["Maximum"],
            },
            member.region,
        )
        points = sorted((str(row["Timestamp"]), float(row["Maximum"])) for row in answer.get("Datapoints") or [])
        if points:
            newest[str(dimensions)] = points[-1][1]
    return max(newest.values(), default=None)


def _is_of(dimensions: list[Mapping[str, str]], group_id: str, global_id: str) -> bool:
    values = [row["Value"] for row in dimensions]
    return any(value in {group_id, global_id} or value.startswith(f"{group_id}-") for value in values)


def _writer_region(world: World, ask: Ask, trouble: list[Finding]) -> str | None:
    connection = world.connection
    try:
        if isinstance(connection.writer, RecordWriter):
            return region_of_name(_led_to(connection.writer.record, world.zone_id, ask, connection.primary_region), connection)
        if isinstance(connection.writer, ParameterWriter):
            text = cloud.parameter(ask, connection.writer.name, connection.writer.region)
            return region_of_parameter(text, connection)
    except (CloudError, WriterUnknownError) as error:
        trouble.append(Finding("broken", "writer-unknown", "writer", str(error)))
    return None


def _led_to(record: str, zone_id: str | None, ask: Ask, region: str) -> str:
    """Return a record's value: from the zone where this account has it, else as it resolves here."""
    zone_ids = [zone_id] if zone_id else cloud.zones_of(ask, record, region)
    for one in zone_ids:
        for row in cloud.record_sets(ask, one, record, region):
            if row.get("Type") == "CNAME" and row.get("ResourceRecords"):
                return str(row["ResourceRecords"][0]["Value"])
    if zone_ids:
        raise WriterUnknownError(
            f"record {record} is no CNAME in zone {zone_ids[0]}: make it one, of the writing region's endpoint"
        )
    return canonical_name(record)


# --- showing ---


def draw(world: World, seen: WorldLook, console: Console) -> None:
    """Print the members, the writer, the findings and the verdict."""
    where = "emulated on this machine" if world.emulated else "real"
    console.print(
        Text.assemble((f"stack {world.name}", "bold"), f" ({where}), Global Datastore {world.global_id}, {seen.status}"),
        highlight=False,
    )
    leads = f" leads to {seen.writer_region}" if seen.writer_region else ""
    console.print(f"  writer  {source_of(world.connection)}{leads}", highlight=False, markup=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("region", "role", "group", "status", "lag", "endpoint"):
        table.add_column(heading, no_wrap=True)
    for one in seen.members:
        known = world.connection.regions.get(one.region)
        lag = "" if one.lag_seconds is None else f"{one.lag_seconds:g} s"
        role = one.role if one.role == PRIMARY else one.role.lower()
        table.add_row(one.region, role, one.group_id, one.status, lag, next(hosts_of(known)) if known else "")
    if seen.members:
        print_whole(table, console)
    console.print(findings_text(seen.findings, "healthy: AWS, the document and the writer agree"))


def as_json(world: World, seen: WorldLook) -> dict[str, Any]:
    """Return the look for machines; no secrets."""
    return {
        "version": JSON_VERSION,
        "stack": world.name,
        "emulated": world.emulated,
        "kind": "global",
        "global_id": world.global_id,
        "status": seen.status,
        "primary_region": seen.primary,
        "primary_region_at_creation": world.connection.primary_region,
        "writer": source_of(world.connection),
        "writer_region": seen.writer_region,
        "stale_seconds": world.connection.stale_seconds,
        "healthy": seen.healthy,
        "members": [asdict(member) for member in seen.members],
        "findings": [asdict(finding) for finding in seen.findings],
    }
