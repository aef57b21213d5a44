"""Look-ups of what a stack's emulated AWS holds: SSM parameters, hosted zones and their records, caches.

They work in a preview too. Where no endpoint runs yet nothing exists: a path has no parameters, no zone is found.
Each asks, answers and refuses as the provider's data source of that name (hashicorp/terraform-provider-aws).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.aws.base import GLOBAL_REGION, ApiError, Aws, tags_of
from pulumi_emulator.handlers.aws.dns import record_sets
from pulumi_emulator.handlers.aws.names import PARTITION
from pulumi_emulator.values import Secret

if TYPE_CHECKING:
    from pulumi_emulator.handlers.base import Cloud

SECURE: Final = "SecureString"
Given = Mapping[str, Any]
LookUp = Callable[["Cloud", Given, Given], dict[str, Any]]


def _region(configuration: Given, arguments: Given) -> str:
    region = arguments.get("region") or configuration.get("region")
    if not region:
        raise EmulatorError("region: missing; set it for the stack (aws:region), in the provider's arguments, or in the call")
    return str(region)


def _pages(aws: Aws, service: str, operation: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return all pages of an answer that SSM gives in pages."""
    pages = [aws.ask(service, operation, **parameters)]
    while pages[-1].get("NextToken"):
        pages.append(aws.ask(service, operation, **parameters, NextToken=pages[-1]["NextToken"]))
    return pages


def _value(parameter: Given) -> Any:
    return Secret(parameter["Value"]) if parameter["Type"] == SECURE else parameter["Value"]


def parameter(cloud: Cloud, configuration: Given, arguments: Given) -> dict[str, Any]:
    """Return one parameter; an error when there is none (internal/service/ssm/parameter_data_source.go)."""
    name, decrypted = str(arguments["name"]), arguments.get("withDecryption", True)
    region = _region(configuration, arguments)
    found = None
    if cloud.aws_running():
        found = Aws(cloud, region).find("ssm", "GetParameter", Name=name, WithDecryption=decrypted)
    if found is None:
        raise EmulatorError(f"reading SSM Parameter ({name}) in {region}: couldn't find resource")
    item = found["Parameter"]
    return {
        "id": name,
        "name": item["Name"],
        "arn": item["ARN"],
        "region": region,
        "type": item["Type"],
        "value": _value(item),
        "insecureValue": "" if item["Type"] == SECURE else item["Value"],
        "version": item["Version"],
        "withDecryption": decrypted,
    }


def parameters_by_path(cloud: Cloud, configuration: Given, arguments: Given) -> dict[str, Any]:
    """Return the parameters below a path, none when there are none (internal/service/ssm/parameters_by_path_data_source.go)."""
    path, region = str(arguments["path"]), _region(configuration, arguments)
    recursive, decrypted = arguments.get("recursive", False), arguments.get("withDecryption", True)
    found: list[dict[str, Any]] = []
    if cloud.aws_running():
        asked = {"Path": path, "Recursive": recursive, "WithDecryption": decrypted}
        for page in _pages(Aws(cloud, region), "ssm", "GetParametersByPath", **asked):
            found += page["Parameters"]
    return {
        "id": path,
        "path": path,
        "region": region,
        "recursive": recursive,
        "withDecryption": decrypted,
        "arns": [item["ARN"] for item in found],
        "names": [item["Name"] for item in found],
        "types": [item["Type"] for item in found],
        "values": [_value(item) for item in found],
    }


def _zones(aws: Aws) -> list[dict[str, Any]]:
    pages = [aws.ask("route53", "ListHostedZones")]
    while pages[-1].get("IsTruncated"):
        pages.append(aws.ask("route53", "ListHostedZones", Marker=pages[-1]["NextMarker"]))
    return [zone for page in pages for zone in page["HostedZones"]]


def zone(cloud: Cloud, configuration: Given, arguments: Given) -> dict[str, Any]:
    """Return the one zone that an id, or a name and more, means (internal/service/route53/zone_data_source.go)."""
    del configuration
    zone_id, name = arguments.get("zoneId"), arguments.get("name")
    if bool(zone_id) == bool(name):
        raise EmulatorError("exactly one of zoneId, name must be set")
    aws = Aws(cloud, GLOBAL_REGION)
    found = []
    if cloud.aws_running():
        asked = [zone_id] if zone_id else [item["Id"] for item in _zones(aws) if _plain(item["Name"]) == _plain(str(name))]
        described = [aws.find("route53", "GetHostedZone", Id=str(item).removeprefix("/hostedzone/")) for item in asked]
        found = [item for item in described if item and (zone_id or _matches(aws, item, arguments))]
    if not found:
        raise EmulatorError(f"reading Route 53 Hosted Zone ({zone_id or name}): no matching Route 53 Hosted Zone found")
    if len(found) > 1:
        raise EmulatorError(
            f"multiple Route 53 Hosted Zones match {name}: tell them apart by privateZone, vpcId, tags, or give the zoneId"
        )
    return _zone_properties(aws, found[0])


def _tags(aws: Aws, zone_id: str) -> dict[str, str]:
    answer = aws.ask("route53", "ListTagsForResource", ResourceId=zone_id, ResourceType="hostedzone")
    return tags_of(answer["ResourceTagSet"].get("Tags"))


def _matches(aws: Aws, found: Given, arguments: Given) -> bool:
    private = bool((found["HostedZone"].get("Config") or {}).get("PrivateZone"))
    vpc = arguments.get("vpcId")
    if private != bool(arguments.get("privateZone")):
        return False
    if vpc and vpc not in [item["VPCId"] for item in found.get("VPCs") or []]:
        return False
    wanted = arguments.get("tags") or {}
    return not wanted or wanted.items() <= _tags(aws, _bare(found["HostedZone"]["Id"])).items()


def _zone_properties(aws: Aws, found: Given) -> dict[str, Any]:
    described = found["HostedZone"]
    config, zone_id = described.get("Config") or {}, _bare(described["Id"])
    servers = (found.get("DelegationSet") or {}).get("NameServers") or []
    return {
        "id": zone_id,
        "zoneId": zone_id,
        "arn": f"arn:{PARTITION}:route53:::hostedzone/{zone_id}",
        "name": str(described["Name"]).removesuffix("."),
        "callerReference": described["CallerReference"],
        "comment": config.get("Comment", ""),
        "enableAcceleratedRecovery": False,
        "linkedServiceDescription": "",
        "linkedServicePrincipal": "",
        "nameServers": sorted(servers),
        "primaryNameServer": servers[0] if servers else "",
        "privateZone": bool(config.get("PrivateZone")),
        "resourceRecordSetCount": described.get("ResourceRecordSetCount", 0),
        "tags": _tags(aws, zone_id),
        "vpcId": next((item["VPCId"] for item in found.get("VPCs") or []), ""),
    }


def records(cloud: Cloud, configuration: Given, arguments: Given) -> dict[str, Any]:
    """Return a zone's records whose names a regular expression finds (internal/service/route53/records_data_source.go)."""
    del configuration
    zone_id = str(arguments["zoneId"])
    if not cloud.aws_running():
        raise EmulatorError(f"listing Route 53 Records ({zone_id}): NoSuchHostedZone: No hosted zone found with ID: {zone_id}")
    pattern = re.compile(str(arguments.get("nameRegex") or ""))
    try:
        found = record_sets(Aws(cloud, GLOBAL_REGION), zone_id)
    except ApiError as error:
        raise EmulatorError(f"listing Route 53 Records ({zone_id}): {error.code}: {error.message}") from None
    return {
        "zoneId": zone_id,
        "nameRegex": arguments.get("nameRegex"),
        "resourceRecordSets": [_record_properties(item) for item in found if pattern.search(item["Name"])],
    }


def _record_properties(found: Given) -> dict[str, Any]:
    alias, cidr = found.get("AliasTarget"), found.get("CidrRoutingConfig")
    return {
        "name": found["Name"],
        "type": found["Type"],
        "ttl": found.get("TTL"),
        "resourceRecords": [{"value": item["Value"]} for item in found.get("ResourceRecords") or []],
        "setIdentifier": found.get("SetIdentifier"),
        "weight": found.get("Weight"),
        "region": found.get("Region"),
        "failover": found.get("Failover"),
        "healthCheckId": found.get("HealthCheckId"),
        "multiValueAnswer": found.get("MultiValueAnswer"),
        "trafficPolicyInstanceId": found.get("TrafficPolicyInstanceId"),
        "aliasTarget": None
        if alias is None
        else {
            "dnsName": alias["DNSName"],
            "evaluateTargetHealth": alias["EvaluateTargetHealth"],
            "hostedZoneId": alias["HostedZoneId"],
        },
        "cidrRoutingConfig": None
        if cidr is None
        else {"collectionId": cidr["CollectionId"], "locationName": cidr["LocationName"]},
        "geolocation": _geolocation(found.get("GeoLocation")),
        "geoproximityLocation": _geoproximity(found.get("GeoProximityLocation")),
    }


def _geolocation(found: Given | None) -> dict[str, Any] | None:
    if found is None:
        return None
    names = {"continentCode": "ContinentCode", "countryCode": "CountryCode", "subdivisionCode": "SubdivisionCode"}
    return {name: found.get(api) for name, api in names.items()}


def _geoproximity(found: Given | None) -> dict[str, Any] | None:
    if found is None:
        return None
    place = found.get("Coordinates")
    return {
        "awsRegion": found.get("AWSRegion"),
        "bias": found.get("Bias"),
        "localZoneGroup": found.get("LocalZoneGroup"),
        "coordinates": None if place is None else {"latitude": place["Latitude"], "longitude": place["Longitude"]},
    }


def replication_group(cloud: Cloud, configuration: Given, arguments: Given) -> dict[str, Any]:
    """Return a replication group (internal/service/elasticache/replication_group_data_source.go)."""
    group_id, region = str(arguments["replicationGroupId"]), _region(configuration, arguments)
    found = _cache(cloud, region, "DescribeReplicationGroups", ReplicationGroupId=group_id)
    if found is None:
        raise EmulatorError(f"reading ElastiCache Replication Group ({group_id}): couldn't find resource")
    group = found["ReplicationGroups"][0]
    configuration_endpoint, shards = group.get("ConfigurationEndpoint"), group.get("NodeGroups") or [{}]
    primary, reader = (shards[0].get(name) or {} for name in ("PrimaryEndpoint", "ReaderEndpoint"))
    return {
        "id": group_id,
        "replicationGroupId": group_id,
        "region": region,
        "arn": group["ARN"],
        "authTokenEnabled": group["AuthTokenEnabled"],
        "automaticFailoverEnabled": group["AutomaticFailover"] in ("enabled", "enabling"),
        "clusterMode": group.get("ClusterMode"),
        "configurationEndpointAddress": (configuration_endpoint or {}).get("Address"),
        "description": group["Description"],
        "logDeliveryConfigurations": _logs(group),
        "memberClusters": group["MemberClusters"],
        "multiAzEnabled": group["MultiAZ"] == "enabled",
        "nodeType": group["CacheNodeType"],
        "numCacheClusters": len(group["MemberClusters"]),
        "numNodeGroups": len(shards),
        "port": (configuration_endpoint or primary).get("Port"),
        "primaryEndpointAddress": None if configuration_endpoint else primary.get("Address"),
        "readerEndpointAddress": None if configuration_endpoint else reader.get("Address"),
        "replicasPerNodeGroup": len(shards[0].get("NodeGroupMembers") or [{}]) - 1,
        "snapshotRetentionLimit": group["SnapshotRetentionLimit"],
        "snapshotWindow": group["SnapshotWindow"],
    }


def cluster(cloud: Cloud, configuration: Given, arguments: Given) -> dict[str, Any]:
    """Return a node of a replication group (internal/service/elasticache/cluster_data_source.go)."""
    cluster_id, region = str(arguments["clusterId"]), _region(configuration, arguments)
    found = _cache(cloud, region, "DescribeCacheClusters", CacheClusterId=cluster_id, ShowCacheNodeInfo=True)
    if found is None:
        raise EmulatorError("your query returned no results. Please change your search criteria and try again")
    node = found["CacheClusters"][0]
    topic = node.get("NotificationConfiguration") or {}
    tags = Aws(cloud, region).ask("elasticache", "ListTagsForResource", ResourceName=node["ARN"])
    return {
        "id": cluster_id,
        "clusterId": cluster_id,
        "region": region,
        "arn": node["ARN"],
        "availabilityZone": node["PreferredAvailabilityZone"],
        "cacheNodes": [
            {
                "id": item["CacheNodeId"],
                "address": item["Endpoint"]["Address"],
                "availabilityZone": item["CustomerAvailabilityZone"],
                "outpostArn": "",
                "port": item["Endpoint"]["Port"],
            }
            for item in node["CacheNodes"]
        ],
        "engine": node["Engine"],
        "engineVersion": node["EngineVersion"],
        "ipDiscovery": node["IpDiscovery"],
        "logDeliveryConfigurations": _logs(node),
        "maintenanceWindow": node["PreferredMaintenanceWindow"],
        "networkType": node["NetworkType"],
        "nodeType": node["CacheNodeType"],
        "notificationTopicArn": topic.get("TopicArn") if topic.get("TopicStatus") == "active" else None,
        "numCacheNodes": node["NumCacheNodes"],
        "parameterGroupName": node["CacheParameterGroup"]["CacheParameterGroupName"],
        "replicationGroupId": node["ReplicationGroupId"],
        "securityGroupIds": [item["SecurityGroupId"] for item in node["SecurityGroups"]],
        "snapshotRetentionLimit": node["SnapshotRetentionLimit"],
        "snapshotWindow": node["SnapshotWindow"],
        "subnetGroupName": node["CacheSubnetGroupName"],
        "tags": tags_of(tags.get("TagList")),
    }


def serverless_cache(cloud: Cloud, configuration: Given, arguments: Given) -> dict[str, Any]:
    """Return a serverless cache (internal/service/elasticache/serverless_cache_data_source.go)."""
    name, region = str(arguments["name"]), _region(configuration, arguments)
    found = _cache(cloud, region, "DescribeServerlessCaches", ServerlessCacheName=name)
    if found is None:
        raise EmulatorError(f"reading ElastiCache Serverless Cache ({name}): couldn't find resource")
    cache = found["ServerlessCaches"][0]
    limits, endpoint, reader = (cache.get(key) or {} for key in ("CacheUsageLimits", "Endpoint", "ReaderEndpoint"))
    storage, units = limits.get("DataStorage"), limits.get("ECPUPerSecond")
    return {
        "name": name,
        "region": region,
        "arn": cache["ARN"],
        "cacheUsageLimits": {
            "dataStorage": None if storage is None else _lower(storage),
            "ecpuPerSecond": None if units is None else _lower(units),
        },
        "createTime": cache["CreateTime"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "dailySnapshotTime": cache.get("DailySnapshotTime"),
        "description": cache.get("Description"),
        "endpoint": _lower(endpoint),
        "engine": cache["Engine"],
        "fullEngineVersion": cache["FullEngineVersion"],
        "kmsKeyId": cache.get("KmsKeyId"),
        "majorEngineVersion": cache["MajorEngineVersion"],
        "readerEndpoint": _lower(reader),
        "securityGroupIds": cache["SecurityGroupIds"],
        "snapshotRetentionLimit": cache["SnapshotRetentionLimit"],
        "status": cache["Status"],
        "subnetIds": cache["SubnetIds"],
        "userGroupId": cache.get("UserGroupId"),
    }


def _cache(cloud: Cloud, region: str, operation: str, **asked: Any) -> Any:
    """Return ElastiCache's answer, None where it has no such thing; nothing exists where no endpoint runs."""
    return Aws(cloud, region).find("elasticache", operation, **asked) if cloud.aws_running() else None


def _logs(found: Given) -> list[dict[str, Any]]:
    logs = []
    for item in found.get("LogDeliveryConfigurations") or []:
        (details,) = item["DestinationDetails"].values()
        logs.append(
            {
                "destination": next(iter(details.values())),
                "destinationType": item["DestinationType"],
                "logFormat": item["LogFormat"],
                "logType": item["LogType"],
            }
        )
    return logs


def _lower(found: Given) -> dict[str, Any]:
    return {key.lower(): value for key, value in found.items()}


def _plain(name: str) -> str:
    return name.removesuffix(".").lower()


def _bare(zone_id: str) -> str:
    return str(zone_id).removeprefix("/hostedzone/")


LOOK_UPS: Final[dict[str, LookUp]] = {
    "aws:elasticache/getCluster:getCluster": cluster,
    "aws:elasticache/getReplicationGroup:getReplicationGroup": replication_group,
    "aws:elasticache/getServerlessCache:getServerlessCache": serverless_cache,
    "aws:route53/getRecords:getRecords": records,
    "aws:route53/getZone:getZone": zone,
    "aws:ssm/getParameter:getParameter": parameter,
    "aws:ssm/getParametersByPath:getParametersByPath": parameters_by_path,
}
