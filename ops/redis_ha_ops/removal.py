"""What would stop the destruction of a whole stack half-way: found before anything is deleted. Reading only.

Each look is at what a real `pulumi destroy` meets: Pulumi's own protection, and what AWS refuses to delete.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .cloud import Ask, CloudError, plain_name
from .danger import BALANCER, GLOBAL, GROUP, RECORD, SECURITY_GROUP, SUBNET, VPC, ZONE
from .emulator import emulator_command
from .errors import OpsError
from .owner import last_words, run_owner

EXPORT_SECONDS = 120  # a real backend may be far away
LIFT = "set redis-ha:protect to false and run `up`"
# Every zone has them (docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html); they go with it.
OF_THE_ZONE = ("NS", "SOA")
# Network interfaces that ElastiCache and load balancers make, and take away with what they belong to.
OF_BALANCER, OF_CACHE = "ELB app/", "ElastiCache "
# Error codes of AWS that say that a resource is not there (LoadBalancerNotFound, NoSuchHostedZone, SnapshotNotFoundFault...).
GONE = re.compile(r"NotFound|^NoSuch")

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Obstacle:
    """One thing that stops a destroy: the resource's name, why, and what to do first."""

    name: str
    why: str
    remedy: str


def read_state(stack: str, program: Path, *, emulated: bool) -> list[Resource]:
    """Return the resources of a stack's state. Secrets stay encrypted."""
    real = ["pulumi", "stack", "export", "--stack", stack]
    command = emulator_command("export", stack, program) if emulated else real
    done = run_owner(command, stack, program, what="states", seconds=EXPORT_SECONDS)
    if done.returncode:
        raise OpsError(f"stack {stack}: its state cannot be read: {last_words(done)}")
    return list((json.loads(done.stdout).get("deployment") or {}).get("resources") or [])


def contents(resources: Sequence[Resource]) -> dict[str, int]:
    """Return how many resources of each type a destroy deletes."""
    return dict(sorted(Counter(str(one["type"]) for one in resources if one.get("custom") and not _is_provider(one)).items()))


def obstacles(resources: Sequence[Resource], ask: Ask) -> list[Obstacle]:
    """Look for everything that would stop a destroy of these resources. Raises CloudError when AWS cannot be asked."""
    found = [Obstacle(_name(one), f"is protected by Pulumi ({one['type']})", LIFT) for one in resources if one.get("protect")]
    looks: dict[str, Callable[[Resource, Sequence[Resource], Ask], Iterable[Obstacle]]] = {
        BALANCER: _balancer,
        ZONE: _zone,
        GLOBAL: _global,
        GROUP: _last_snapshot,
        VPC: _vpc,
    }
    for one in resources:
        look = looks.get(str(one["type"]))
        if look is not None and one.get("id"):
            found += _looked(partial(look, one, resources, ask))
    for zone_id in sorted({str(one["id"]) for one in resources if one["type"] == ZONE} | set(_zones_of_records(resources))):
        found += _looked(partial(_protected_records, zone_id, resources, ask))
    return found


def _looked(look: Callable[[], Iterable[Obstacle]]) -> list[Obstacle]:
    try:
        return list(look())
    except CloudError as error:
        if GONE.search(error.code):  # what is gone stops nothing
            return []
        raise


def _zones_of_records(resources: Sequence[Resource]) -> list[str]:
    return [str((one.get("outputs") or {}).get("zoneId")) for one in resources if one["type"] == RECORD]


def _is_provider(resource: Resource) -> bool:
    return str(resource["type"]).startswith("pulumi:")


def _names(resources: Sequence[Resource], kind: str, output: str) -> list[str]:
    return [str((one.get("outputs") or {}).get(output)) for one in resources if one["type"] == kind]


def _name(resource: Resource) -> str:
    return str(resource["urn"]).rsplit("::", 1)[1]


def _region(resource: Resource) -> str:
    return str((resource.get("outputs") or {}).get("region") or "us-east-1")  # Route 53 has none


def _balancer(balancer: Resource, _: Sequence[Resource], ask: Ask) -> Iterable[Obstacle]:
    answer = ask("elbv2", "describe_load_balancer_attributes", {"LoadBalancerArn": balancer["id"]}, _region(balancer))
    said = {entry["Key"]: entry["Value"] for entry in answer["Attributes"]}
    if said.get("deletion_protection.enabled") == "true":
        yield Obstacle(_name(balancer), "has deletion protection at AWS", f"{LIFT}; an adopted one keeps it: lift it by hand")


def _zone(zone: Resource, resources: Sequence[Resource], ask: Ask) -> Iterable[Obstacle]:
    if (zone.get("outputs") or {}).get("forceDestroy"):
        return
    apex = plain_name(str(zone["outputs"]["name"]))
    ours = {
        (plain_name(str(one["outputs"]["fqdn"])), one["outputs"]["type"], one["outputs"].get("setIdentifier") or "")
        for one in resources
        if one["type"] == RECORD and (one.get("outputs") or {}).get("zoneId") == zone["id"]
    }
    for row in _rows(str(zone["id"]), ask):
        key = (plain_name(str(row["Name"])), row["Type"], row.get("SetIdentifier") or "")
        if key not in ours and not (key[0] == apex and key[1] in OF_THE_ZONE):
            yield Obstacle(_name(zone), f"holds {key[0]} {key[1]}, which is not the stack's", "delete that record first")


def _protected_records(zone_id: str, resources: Sequence[Resource], ask: Ask) -> Iterable[Obstacle]:
    """Find record set protections: Route 53 deletes no such record, and no zone that has one (botocore 1.44)."""
    zone = next((_name(one) for one in resources if one["type"] == ZONE and one["id"] == zone_id), None)
    records = {
        (plain_name(str(one["outputs"]["fqdn"])), str(one["outputs"]["type"])): _name(one)
        for one in resources
        if one["type"] == RECORD and (one.get("outputs") or {}).get("zoneId") == zone_id
    }
    start: dict[str, Any] = {}
    while True:
        answer = ask("route53", "list_resource_record_set_protections", {"HostedZoneId": zone_id, **start}, "us-east-1")
        for row in answer["ResourceRecordSetProtections"]:
            name, kind = plain_name(str(row["RecordName"])), str(row["RecordType"])
            whose = records.get((name, kind), zone)
            if whose is not None:
                comment = f": {row['Comment']}" if row.get("Comment") else ""
                remedy = "take it away with `aws route53 delete-resource-record-set-protections`"
                yield Obstacle(whose, f"has a record set protection of {name} {kind}{comment}", remedy)
        if not answer.get("NextToken"):
            return
        start = {"NextToken": answer["NextToken"]}


def _rows(zone_id: str, ask: Ask) -> Iterable[Mapping[str, Any]]:
    start: dict[str, Any] = {}
    while True:
        answer = ask("route53", "list_resource_record_sets", {"HostedZoneId": zone_id, **start}, "us-east-1")
        yield from answer["ResourceRecordSets"]
        if not answer.get("IsTruncated"):
            return
        start = {
            f"Start{name}": answer[f"Next{name}"]
            for name in ("RecordName", "RecordType", "RecordIdentifier")
            if answer.get(f"Next{name}")
        }


def _global(datastore: Resource, resources: Sequence[Resource], ask: Ask) -> Iterable[Obstacle]:
    """Find a group that the program made as a secondary, and that leads now. The state's primary follows a promotion."""
    secondaries = {
        one["id"] for one in resources if one["type"] == GROUP and (one.get("inputs") or {}).get("globalReplicationGroupId")
    }
    wanted = {"GlobalReplicationGroupId": datastore["id"], "ShowMemberInfo": True}
    answer = ask("elasticache", "describe_global_replication_groups", wanted, _region(datastore))
    for group in answer["GlobalReplicationGroups"]:
        members = group.get("Members") or []
        first = [_place(one) for one in members if one["ReplicationGroupId"] not in secondaries]
        for one in members:
            if one["Role"] == "PRIMARY" and one["ReplicationGroupId"] in secondaries:
                reason = f"{_place(one)} leads, and AWS detaches no primary"
                yield Obstacle(_name(datastore), reason, f"promote {' or '.join(first)} again")


def _place(member: Mapping[str, Any]) -> str:
    return f"{member['ReplicationGroupId']} in {member['ReplicationGroupRegion']}"


def _last_snapshot(group: Resource, resources: Sequence[Resource], ask: Ask) -> Iterable[Obstacle]:
    name = (group.get("inputs") or {}).get("finalSnapshotIdentifier")
    if not isinstance(name, str):
        return
    answer = ask("elasticache", "describe_snapshots", {"SnapshotName": name}, _region(group))
    if answer["Snapshots"]:
        random = next(
            (str(one["urn"]) for one in resources if _name(one) == _name(group).removesuffix("-group") + "-final-snapshot"), ""
        )
        yield Obstacle(
            _name(group),
            f"its last snapshot would be {name}, which exists already",
            f"`pulumi up --replace '{random}'` gives another name",
        )


def _vpc(vpc: Resource, resources: Sequence[Resource], ask: Ask) -> Iterable[Obstacle]:
    """Find what others made in a VPC: AWS deletes none that is in use."""
    ours = {one.get("id") for one in resources if one["type"] in {SUBNET, SECURITY_GROUP}}
    services = (
        *(f"{OF_BALANCER}{name}/" for name in _names(resources, BALANCER, "name")),
        *(f"{OF_CACHE}{name}-" for name in _names(resources, GROUP, "replicationGroupId")),
    )
    inside = {"Filters": [{"Name": "vpc-id", "Values": [vpc["id"]]}]}
    region = _region(vpc)
    for one in ask("ec2", "describe_subnets", inside, region)["Subnets"]:
        if one["SubnetId"] not in ours:
            yield Obstacle(_name(vpc), f"holds subnet {one['SubnetId']}, which is not the stack's", "delete that subnet first")
    for one in ask("ec2", "describe_security_groups", inside, region)["SecurityGroups"]:
        if one["GroupId"] not in ours and one["GroupName"] != "default":  # that one goes with the VPC
            reason = f"holds security group {one['GroupId']} ({one['GroupName']}), which is not the stack's"
            yield Obstacle(_name(vpc), reason, "delete that group first")
    for one in ask("ec2", "describe_network_interfaces", inside, region)["NetworkInterfaces"]:
        if not str(one.get("Description") or "").startswith(services):
            reason = f"holds network interface {one['NetworkInterfaceId']} ({one.get('Description') or 'no description'})"
            yield Obstacle(_name(vpc), reason, "delete what it belongs to first")
