"""Cache subnet groups, checked against the emulated VPC."""

from __future__ import annotations

import re
from typing import Any, Final

from moto.ec2.models import ec2_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.operations import operation

# botocore CreateCacheSubnetGroup: up to 255 alphanumeric characters or hyphens; stored in lower case.
NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,254}")
DEFAULT: Final = "default"  # what a group without one uses: the subnets of the default VPC


@operation("CreateCacheSubnetGroup", "CacheSubnetGroupName CacheSubnetGroupDescription SubnetIds Tags")
def create(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Make a subnet group."""
    name = given["CacheSubnetGroupName"].lower()
    if NAME.fullmatch(name) is None:
        raise refuse("subnet-group-name", name=name)
    if name in region.subnet_groups or name == DEFAULT:
        raise refuse("subnet-group-exists", name=name)
    region.subnet_groups[name] = {
        "CacheSubnetGroupName": name,
        "CacheSubnetGroupDescription": given["CacheSubnetGroupDescription"],
        "ARN": region.arn("subnetgroup", name),
        **_subnets(region, given["SubnetIds"]),
    }
    region.put_tags(region.arn("subnetgroup", name), given.get("Tags"))
    return {"CacheSubnetGroup": region.subnet_groups[name]}


@operation("DescribeCacheSubnetGroups", "CacheSubnetGroupName")
def describe(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return one subnet group or all."""
    if "CacheSubnetGroupName" in given:
        return {"CacheSubnetGroups": [find(region, given["CacheSubnetGroupName"])]}
    return {"CacheSubnetGroups": list(region.subnet_groups.values())}


@operation("ModifyCacheSubnetGroup", "CacheSubnetGroupName CacheSubnetGroupDescription SubnetIds")
def modify(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Change the description or the subnets; a subnet that a node is in stays."""
    record = find(region, given["CacheSubnetGroupName"])
    if "SubnetIds" in given:
        new = _subnets(region, given["SubnetIds"])
        kept = {zone["SubnetAvailabilityZone"]["Name"] for zone in new["Subnets"]}
        for group in region.groups.values():
            needed = {node.zone for node in group.nodes} - kept
            if group.subnet_group == record["CacheSubnetGroupName"] and needed:
                gone = [entry for entry in record["Subnets"] if entry["SubnetAvailabilityZone"]["Name"] in needed]
                raise refuse("subnet-in-use", id=gone[0]["SubnetIdentifier"], users=group.group_id)
        record.update(new)
    record["CacheSubnetGroupDescription"] = given.get("CacheSubnetGroupDescription", record["CacheSubnetGroupDescription"])
    return {"CacheSubnetGroup": record}


@operation("DeleteCacheSubnetGroup", "CacheSubnetGroupName")
def delete(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a subnet group that no replication group uses."""
    record = find(region, given["CacheSubnetGroupName"])
    name = record["CacheSubnetGroupName"]
    users = [group.group_id for group in region.groups.values() if group.subnet_group == name]
    if users:
        raise refuse("subnet-group-in-use", name=name, users=", ".join(users))
    del region.subnet_groups[name]
    region.tags.pop(record["ARN"], None)
    return {}


def find(region: Region, name: str) -> dict[str, Any]:
    """Return a subnet group; CacheSubnetGroupNotFoundFault when there is none."""
    record = region.subnet_groups.get(name.lower())
    if record is None:
        raise refuse("subnet-group-unknown", name=name)
    return record


def default_name(region: Region) -> str:
    """Return the name of the default VPC's subnet group, which the service makes when it is first needed."""
    if DEFAULT not in region.subnet_groups:
        backend = ec2_backends[ACCOUNT_ID][region.name]
        subnets = [subnet.id for subnet in backend.get_default_subnets().values()]
        region.subnet_groups[DEFAULT] = {
            "CacheSubnetGroupName": DEFAULT,
            "CacheSubnetGroupDescription": "Default CacheSubnetGroup",
            "ARN": region.arn("subnetgroup", DEFAULT),
            **_subnets(region, subnets),
        }
        region.put_tags(region.arn("subnetgroup", DEFAULT), None)
    return DEFAULT


def zones(region: Region, name: str) -> list[str]:
    """Return the availability zones of a subnet group, in the order of its subnets."""
    record = find(region, name)
    return list(dict.fromkeys(subnet["SubnetAvailabilityZone"]["Name"] for subnet in record["Subnets"]))


def check_subnets(region: Region, ids: list[str]) -> None:
    """Refuse subnets that are not there or not in one VPC."""
    _subnets(region, ids)


def check_security_groups(region: Region, ids: list[str]) -> None:
    """Refuse security groups that are not there."""
    backend = ec2_backends[ACCOUNT_ID][region.name]
    for group_id in ids:
        if backend.get_security_group_from_id(group_id) is None:
            raise refuse("security-group", id=group_id)


def _subnets(region: Region, ids: list[str]) -> dict[str, Any]:
    backend = ec2_backends[ACCOUNT_ID][region.name]
    present = {subnet.id: subnet for zone in backend.subnets.values() for subnet in zone.values()}
    for subnet_id in ids:
        if subnet_id not in present:
            raise refuse("subnet", id=subnet_id)
    vpcs = {present[subnet_id].vpc_id for subnet_id in ids}
    if len(vpcs) != 1:
        raise refuse("subnet-vpc", ids=", ".join(ids))
    return {
        "VpcId": vpcs.pop(),
        "Subnets": [
            {
                "SubnetIdentifier": subnet_id,
                "SubnetAvailabilityZone": {"Name": present[subnet_id].availability_zone},
                "SupportedNetworkTypes": ["ipv4"],
            }
            for subnet_id in dict.fromkeys(ids)
        ],
        "SupportedNetworkTypes": ["ipv4"],
    }
