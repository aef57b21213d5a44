"""Cache parameter groups."""

from __future__ import annotations

import re
from typing import Any, Final

from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.engines import FAMILIES
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.operations import operation
from pulumi_emulator.aws.elasticache.parameter_table import Parameter, parameters_of

DEFAULT: Final = "default."
# What AWS calls the copies that members of a Global Datastore use (terraform-provider-aws replication_group.go knows it).
GLOBAL: Final = "global-datastore-"
CLUSTER_ON: Final = ".cluster.on"
CLUSTER_ENABLED: Final = "cluster-enabled"
DATABASES: Final = "databases"
# botocore CreateCacheParameterGroup CacheParameterGroupName: letters, digits and hyphens; a name is stored in lower case.
NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME: Final = 255


@operation("CreateCacheParameterGroup", "CacheParameterGroupName CacheParameterGroupFamily Description Tags")
def create(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Make a parameter group with its family's defaults."""
    name, family = given["CacheParameterGroupName"].lower(), given["CacheParameterGroupFamily"]
    if family not in FAMILIES:
        raise refuse("family", family=family)
    if NAME.fullmatch(name) is None or len(name) > LONGEST_NAME:
        raise refuse("parameter-group-name", name=name)
    if name in region.parameter_groups:
        raise refuse("parameter-group-exists", name=name)
    record = {"name": name, "family": family, "description": given["Description"], "values": {}}
    region.parameter_groups[name] = record
    region.put_tags(region.arn("parametergroup", name), given.get("Tags"))
    return {"CacheParameterGroup": _shape(region, record)}


@operation("DescribeCacheParameterGroups", "CacheParameterGroupName")
def describe(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return one parameter group or all, the default ones included."""
    if "CacheParameterGroupName" in given:
        return {"CacheParameterGroups": [_shape(region, find(region, given["CacheParameterGroupName"]))]}
    defaults = [_default(f"{DEFAULT}{family}{suffix}") for family in FAMILIES for suffix in ("", CLUSTER_ON)]
    present = [record for record in defaults if record is not None]
    return {"CacheParameterGroups": [_shape(region, record) for record in [*present, *region.parameter_groups.values()]]}


@operation("DescribeCacheParameters", "CacheParameterGroupName Source")
def describe_parameters(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a group: all, or those that the user set."""
    record = find(region, given["CacheParameterGroupName"])
    rows = [_row(record, parameter) for parameter in parameters_of(record["family"]).values()]
    return {"Parameters": [row for row in rows if given.get("Source") in (None, row["Source"])]}


@operation("DescribeEngineDefaultParameters", "CacheParameterGroupFamily")
def describe_defaults(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return a family's parameters."""
    del region
    family = given["CacheParameterGroupFamily"]
    if family not in FAMILIES:
        raise refuse("family", family=family)
    record = {"name": "", "family": family, "values": {}}
    rows = [_row(record, parameter) for parameter in parameters_of(family).values()]
    return {"EngineDefaults": {"CacheParameterGroupFamily": family, "Parameters": rows}}


@operation("ModifyCacheParameterGroup", "CacheParameterGroupName ParameterNameValues")
def modify(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Set parameters; groups that use them are told."""
    record = _own(region, given["CacheParameterGroupName"])
    known = parameters_of(record["family"])
    new: dict[str, str] = {}
    for entry in given["ParameterNameValues"]:
        name, value = entry["ParameterName"], entry.get("ParameterValue", "")
        parameter = known.get(name)
        if parameter is None:
            raise refuse("parameter-unknown", name=name, family=record["family"])
        if not parameter.modifiable:
            raise refuse("parameter-fixed", name=name)
        if not parameter.allows(value):
            raise refuse("parameter-value", name=name, allowed=parameter.allowed, value=value)
        if name == CLUSTER_ENABLED and users(region, record["name"]):
            raise refuse("parameter-cluster-enabled", name=record["name"])
        new[name] = value
    for copy in _in_common(region, record):
        copy["values"].update(new)
    return {"CacheParameterGroupName": record["name"]}


@operation("ResetCacheParameterGroup", "CacheParameterGroupName ResetAllParameters ParameterNameValues")
def reset(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Take parameters back to their family's defaults."""
    record = _own(region, given["CacheParameterGroupName"])
    names = list(record["values"]) if given.get("ResetAllParameters") else []
    names += [entry["ParameterName"] for entry in given.get("ParameterNameValues", [])]
    for name in names:
        if name not in parameters_of(record["family"]):
            raise refuse("parameter-unknown", name=name, family=record["family"])
        if name == CLUSTER_ENABLED and name in record["values"] and users(region, record["name"]):
            raise refuse("parameter-cluster-enabled", name=record["name"])
    for copy in _in_common(region, record):
        for name in names:
            copy["values"].pop(name, None)
    return {"CacheParameterGroupName": record["name"]}


@operation("DeleteCacheParameterGroup", "CacheParameterGroupName")
def delete(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a parameter group that nothing uses."""
    record = _own(region, given["CacheParameterGroupName"])
    used_by = users(region, record["name"])
    if used_by:
        raise refuse("parameter-group-in-use", name=record["name"], users=", ".join(used_by))
    del region.parameter_groups[record["name"]]
    region.tags.pop(region.arn("parametergroup", record["name"]), None)
    return {}


def find(region: Region, name: str) -> dict[str, Any]:
    """Return a parameter group, own or default; CacheParameterGroupNotFoundFault when there is none."""
    record = region.parameter_groups.get(name.lower()) or _default(name.lower())
    if record is None:
        raise refuse("parameter-group-unknown", name=name)
    return record


def default_name(family: str, *, clustered: bool) -> str:
    """Return the name of the group that is used when none is named."""
    return f"{DEFAULT}{family}{CLUSTER_ON if clustered else ''}"


def has_cluster_enabled(record: dict[str, Any]) -> bool:
    """Tell whether a group makes clusters of cluster mode enabled."""
    return bool(record["values"].get(CLUSTER_ENABLED) == "yes")


def databases(record: dict[str, Any]) -> str:
    """Return how many databases a group says: a cache keeps the number that it was made with."""
    return str(record["values"].get(DATABASES) or parameters_of(record["family"])[DATABASES].default)


def values(record: dict[str, Any]) -> dict[str, str]:
    """Return what differs from the family's defaults, by name, as redis-server understands it."""
    return {name: value for name, value in record["values"].items() if name != CLUSTER_ENABLED}


def users(region: Region, name: str) -> list[str]:
    """Return the replication groups that use a parameter group."""
    return [group.group_id for group in region.groups.values() if group.parameter_group == name]


def _in_common(region: Region, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the group with those that are changed with it: the copies that members of a Global Datastore use.

    docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastores-Console.html: an edit of one applies to all members.
    """
    ids = {group.global_id for group in region.groups.values() if group.parameter_group == record["name"]} - {None}
    members = [member for global_id in ids if global_id for member in region.account.members(global_id)]
    copies = [find(place, group.parameter_group) for place, group in members]
    return [record, *(copy for copy in copies if copy is not record)]


def _default(name: str) -> dict[str, Any] | None:
    family = name.removeprefix(DEFAULT).removesuffix(CLUSTER_ON)
    if not name.startswith(DEFAULT) or family not in FAMILIES:
        return None
    on = {CLUSTER_ENABLED: "yes"} if name.endswith(CLUSTER_ON) else {}
    mode = " with cluster mode on" if on else ""
    return {"name": name, "family": family, "description": f"Default parameter group for {family}{mode}", "values": on}


def _own(region: Region, name: str) -> dict[str, Any]:
    record = find(region, name)
    if record["name"].startswith(DEFAULT):
        raise refuse("parameter-group-default", name=record["name"])
    return record


def _shape(region: Region, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "CacheParameterGroupName": record["name"],
        "CacheParameterGroupFamily": record["family"],
        "Description": record["description"],
        "IsGlobal": record["name"].startswith(GLOBAL),
        "ARN": region.arn("parametergroup", record["name"]),
    }


def _row(record: dict[str, Any], parameter: Parameter) -> dict[str, Any]:
    own = record["values"].get(parameter.name)
    return {
        "ParameterName": parameter.name,
        "ParameterValue": parameter.default if own is None else own,
        "Description": parameter.name.replace("-", " "),
        "Source": "system" if own is None else "user",
        "DataType": parameter.data_type,
        "AllowedValues": parameter.allowed,
        "IsModifiable": parameter.modifiable,
        "ChangeType": "requires-reboot" if parameter.reboot else "immediate",
        "MinimumEngineVersion": f"{FAMILIES[record['family']][1]}.0.0",
    }
