"""Being a member of a Global Datastore: what a new secondary inherits, its parameters, and its way in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache import events, parameters
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.engines import REDIS, numbers
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.jobs import CREATING, run
from pulumi_emulator.aws.elasticache.model import GlobalGroup, Group
from pulumi_emulator.caches.spec import GroupSpec

PRIMARY: Final = "PRIMARY"
SECONDARY: Final = "SECONDARY"
# A membership's statuses: docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastores-Console.html.
ASSOCIATING: Final = "associating"
ASSOCIATED: Final = "associated"
DISASSOCIATING: Final = "disassociating"
# A datastore's: hashicorp/terraform-provider-aws global_replication_group.go.
AVAILABLE: Final = "available"
DELETING: Final = "deleting"
MODIFYING: Final = "modifying"
PRIMARY_ONLY: Final = "primary-only"

# docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastores-CLI.html: the table of Regions and prefixes.
PREFIXES: Final = {
    "us-east-2": "fpkhr",
    "us-east-1": "ldgnf",
    "us-west-1": "virxk",
    "us-west-2": "sgaui",
    "ca-central-1": "bxodz",
    "ap-south-1": "erpgt",
    "ap-northeast-1": "quwsw",
    "ap-northeast-2": "lfqnh",
    "ap-northeast-3": "nlapn",
    "ap-southeast-1": "vlqxn",
    "ap-southeast-2": "vbgxd",
    "eu-central-1": "iudkw",
    "eu-west-1": "gxeiz",
    "eu-west-2": "okuqm",
    "eu-west-3": "fgjhi",
    "sa-east-1": "juxlw",
    "cn-north-1": "emvgo",
    "cn-northwest-1": "ckbem",
    "ap-east-1": "knjmp",
}
MOST_SECONDARIES: Final = 2  # Redis-Global-Datastores-Getting-Started.html: up to two other Regions
# Redis-Global-Datastores-Getting-Started.html: node families, size large and above.
FAMILIES: Final = frozenset({"m5", "m6g", "m7g", "m8g", "r5", "r6g", "r6gd", "r7g", "r8g", "c7gn", "c8gn"})
FIRST_REDIS: Final = (5, 0, 6)
# Redis-Global-Datastores-CLI.html: what must not be passed for a secondary; TransitEncryptionMode is refused by the provider.
# CacheParameterGroupName is taken and ignored (hashicorp/terraform-provider-aws#20893).
NOT_GIVEN: Final = frozenset(
    {
        "AutomaticFailoverEnabled",
        "NumNodeGroups",
        "CacheNodeType",
        "Engine",
        "EngineVersion",
        "TransitEncryptionEnabled",
        "TransitEncryptionMode",
        "AtRestEncryptionEnabled",
        "SnapshotArns",
        "SnapshotName",
    }
)


def find(region: Region, global_id: str) -> GlobalGroup:
    """Return a Global Datastore of any Region; GlobalReplicationGroupNotFoundFault when there is none."""
    found = region.account.globals.get(global_id.lower())
    if found is None:
        raise refuse("global-unknown", id=global_id)
    return found


def status(region: Region, found: GlobalGroup) -> str:
    """Return a Global Datastore's status."""
    if found.phase is not None:
        return found.phase
    if found.changes:
        return MODIFYING
    return AVAILABLE if len(region.account.members(found.global_id)) > 1 else PRIMARY_ONLY


def check_settled(region: Region, found: GlobalGroup, action: str) -> None:
    """Refuse a change while another one is under way."""
    now = status(region, found)
    if now not in {AVAILABLE, PRIMARY_ONLY}:
        raise refuse("global-state", action=action, status=now)


def check_node_type(node_type: str) -> None:
    """Refuse a node type that a Global Datastore cannot have."""
    if node_type.split(".")[1] not in FAMILIES:
        raise refuse("global-node-type")


def check_primary(group: Group) -> None:
    """Refuse a group that cannot become the primary of a Global Datastore."""
    if group.global_id is not None:
        raise refuse("global-member", id=group.group_id, global_id=group.global_id)
    check_node_type(group.node_type)
    if group.engine == REDIS and numbers(group.version) < FIRST_REDIS:
        raise refuse("global-version", version=group.version)
    if group.tls_mode == "preferred":
        raise refuse("global-tls-preferred")
    if group.network_type != "ipv4":
        raise refuse("global-ipv6", network=group.network_type)
    if group.durability in {"sync", "async"}:
        raise refuse("global-durability", durability=group.durability)


def joined(region: Region, given: dict[str, Any]) -> GlobalGroup | None:
    """Return the Global Datastore that a new group joins, None when it joins none; refused when it cannot."""
    if "GlobalReplicationGroupId" not in given:
        return None
    found = find(region, given["GlobalReplicationGroupId"])
    check_settled(region, found, "add a member to")
    forbidden = sorted(NOT_GIVEN & given.keys())
    if forbidden:
        raise refuse("global-secondary-given", given=", ".join(forbidden))
    places = [place.name for place, _ in region.account.members(found.global_id)]
    if region.name not in PREFIXES:
        raise refuse("global-region", region=region.name)
    if region.name in places or len(places) > MOST_SECONDARIES:
        raise refuse("global-secondary-count", id=found.global_id, regions=", ".join(places), most=MOST_SECONDARIES)
    return found


def inherited(primary: Group, given: dict[str, Any]) -> dict[str, Any]:
    """Return a secondary's input with what it has from the primary."""
    alike: dict[str, Any] = {"ClusterMode": primary.cluster_mode, "DataTieringEnabled": primary.data_tiering}
    if primary.durability is not None:
        alike["Durability"] = primary.durability
    for name, value in alike.items():
        if given.get(name, value) != value:
            raise refuse("global-secondary-other", name=name, value=given[name], primary=value)
    taken = {
        "Engine": primary.engine,
        "EngineVersion": primary.version,
        "CacheNodeType": primary.node_type,
        "AutomaticFailoverEnabled": primary.automatic_failover,
        "TransitEncryptionEnabled": primary.tls,
        "AtRestEncryptionEnabled": primary.at_rest,
        **({"NumNodeGroups": len(primary.slots)} if primary.clustered else {}),
        **({"TransitEncryptionMode": primary.tls_mode} if primary.tls_mode else {}),
    }
    # Redis-Global-Datastores-Getting-Started.html: inherited too; other than the rest it can be given.
    return {"MultiAZEnabled": primary.multi_az, **given, **alike, **taken}


def copy_parameters(record: dict[str, Any], region: Region, found: GlobalGroup) -> str:
    """Copy a parameter group for a member in `region`; return the copy's name, made as AWS's look."""
    stem = f"{parameters.GLOBAL}{found.suffix}-{PREFIXES[region.name]}".lower()
    names = [stem, *(f"{stem}-{number}" for number in range(2, len(region.parameter_groups) + 3))]
    copy = next(candidate for candidate in names if candidate not in region.parameter_groups)
    region.parameter_groups[copy] = {
        "name": copy,
        "family": record["family"],
        "description": f"Parameter group of global datastore {found.global_id}",
        "values": dict(record["values"]),
    }
    region.put_tags(region.arn("parametergroup", copy), None)
    return copy


def drop_parameters(region: Region, name: str) -> None:
    """Take back a copy that is not used."""
    region.parameter_groups.pop(name, None)
    region.tags.pop(region.arn("parametergroup", name), None)


def enter(group: Group, found: GlobalGroup, role: str) -> None:
    """Make a group a member."""
    group.global_id, group.global_role, group.global_status = found.global_id, role, ASSOCIATING
    # AWS switches it off for members (hashicorp/terraform-provider-aws#24919).
    group.auto_minor_version_upgrade = False


def leave(group: Group) -> None:
    """Make a group stand alone."""
    group.global_id = group.global_role = group.global_status = None


def associate(region: Region, group: Group, found: GlobalGroup, spec: GroupSpec, created: Callable[[], None]) -> None:
    """Make a new secondary's nodes and let them follow the primary."""
    account = region.account
    enter(group, found, SECONDARY)
    found.changes += 1

    def work() -> None:
        account.plane.create(spec)
        account.plane.follow(group.group_id, account.members(found.global_id)[0][1].group_id)

    def done() -> None:
        found.changes -= 1
        found.failure = None
        group.global_status = ASSOCIATED
        created()
        message = f"Replication group {group.group_id} associated with global datastore {found.global_id}"
        events.record(region, "replication-group", group.group_id, message)

    def undo() -> None:
        found.changes -= 1
        found.failure = f"replication group {group.group_id} could not be made a secondary"
        leave(group)

    run(region, group, CREATING, work, done, undo)


def shape(region: Region, found: GlobalGroup, *, members: bool) -> dict[str, Any]:
    """Return a Global Datastore as the API answers it."""
    own = region.account.members(found.global_id)
    answer: dict[str, Any] = {
        "GlobalReplicationGroupId": found.global_id,
        "GlobalReplicationGroupDescription": found.description,
        "Status": status(region, found),
        "ARN": f"arn:aws:elasticache::{ACCOUNT_ID}:globalreplicationgroup:{found.global_id}",
    }
    if own:
        primary = own[0][1]
        answer |= {
            "CacheNodeType": primary.node_type,
            "Engine": primary.engine,
            "EngineVersion": primary.version,
            "ClusterEnabled": primary.clustered,
            "AuthTokenEnabled": bool(primary.token_hashes),
            "TransitEncryptionEnabled": primary.tls,
            "AtRestEncryptionEnabled": primary.at_rest,
        }
        if primary.clustered:
            answer["GlobalNodeGroups"] = [
                {"GlobalNodeGroupId": f"{found.global_id}-{shard}", "Slots": primary.slots[shard]} for shard in primary.shards
            ]
    if members:
        answer["Members"] = [
            {
                "ReplicationGroupId": group.group_id,
                "ReplicationGroupRegion": place.name,
                "Role": group.global_role,
                "AutomaticFailover": "enabled" if group.automatic_failover else "disabled",
                "Status": group.global_status,
            }
            for place, group in own
        ]
    return answer
