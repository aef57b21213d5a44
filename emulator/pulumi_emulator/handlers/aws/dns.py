"""Route 53: hosted zones and records."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, GLOBAL_REGION, TAGS_ALL, Aws, AwsHandler, tags_of
from pulumi_emulator.handlers.aws.names import PARTITION
from pulumi_emulator.handlers.aws.tagging import ROUTE53
from pulumi_emulator.handlers.aws.translation import Call, Request, Through, Within
from pulumi_emulator.handlers.base import Cloud, Properties

TAGGED: Final = {"ResourceType": "hostedzone"}
NEXT: Final = ("RecordName", "RecordType", "RecordIdentifier")
GEOLOCATION: Final = {"continent": "ContinentCode", "country": "CountryCode", "subdivision": "SubdivisionCode"}
GEOPROXIMITY: Final = {"awsRegion": "AWSRegion", "bias": "Bias", "localZoneGroup": "LocalZoneGroup"}
COORDINATES: Final = {"latitude": "Latitude", "longitude": "Longitude"}
CIDR: Final = {"collectionId": "CollectionId", "locationName": "LocationName"}


class Zone(AwsHandler):
    """A zone of the DNS, public or of VPCs."""

    token = "aws:route53/zone:Zone"  # noqa: S105 - a type token
    creation = Call(
        "route53",
        "CreateHostedZone",
        {
            "comment": "HostedZoneConfig.Comment",
            "delegationSetId": "DelegationSetId",
            "name": "Name",
            "vpcs": Within("VPC", {"vpcId": "VPCId", "vpcRegion": "VPCRegion"}),
        },
    )
    provider_only: ClassVar = {
        "forceDestroy": "whether the provider removes the records that are left before the zone",
        "tags": EVERYWHERE["tags"],
    }

    @override
    def first_request(self, inputs: Properties) -> Request:
        # The reference only has to be another one for every creation.
        request = self.creation.request(inputs, CallerReference=str(uuid.uuid4()))
        if inputs.get("vpcs"):
            request.parameters.setdefault("HostedZoneConfig", {})["PrivateZone"] = True
        return request

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        # The first VPC goes with the creation, each further one by a call of its own.
        requests = [self._vpc("AssociateVPCWithHostedZone", resource_id, vpc) for vpc in (inputs.get("vpcs") or [])[1:]]
        if inputs.get("enableAcceleratedRecovery"):
            requests.append(self._recovery(resource_id, inputs))
        return requests + ROUTE53.changes(resource_id, {}, inputs.get(TAGS_ALL) or {}, **TAGGED)

    @staticmethod
    def _vpc(operation: str, zone_id: str, vpc: Properties) -> Request:
        fields = {"vpcId": "VPC.VPCId", "vpcRegion": "VPC.VPCRegion"}
        given = {name: value for name, value in vpc.items() if value}
        return Call("route53", operation, fields).request(given, HostedZoneId=zone_id)

    @staticmethod
    def _recovery(zone_id: str, inputs: Properties) -> Request:
        wanted = {"EnableAcceleratedRecovery": bool(inputs.get("enableAcceleratedRecovery"))}
        return Request("route53", "UpdateHostedZoneFeatures", {"HostedZoneId": zone_id, **wanted})

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["HostedZone"]["Id"]).removeprefix("/hostedzone/")

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return aws.find("route53", "GetHostedZone", Id=resource_id)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        zone = found["HostedZone"]
        zone_id = str(zone["Id"]).removeprefix("/hostedzone/")
        servers = (found.get("DelegationSet") or {}).get("NameServers") or []
        tags = aws.ask("route53", "ListTagsForResource", ResourceId=zone_id, **TAGGED)["ResourceTagSet"].get("Tags")
        return {
            "arn": f"arn:{PARTITION}:route53:::hostedzone/{zone_id}",
            "zoneId": zone_id,
            "name": str(zone["Name"]).removesuffix("."),
            "comment": (zone.get("Config") or {}).get("Comment", ""),
            "enableAcceleratedRecovery": (zone.get("Features") or {}).get("AcceleratedRecoveryStatus") == "ENABLED",
            "nameServers": sorted(servers),
            "primaryNameServer": servers[0] if servers else "",
            "vpcs": [{"vpcId": vpc["VPCId"], "vpcRegion": vpc.get("VPCRegion", "")} for vpc in found.get("VPCs") or []],
            TAGS_ALL: tags_of(tags),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if "comment" in changed:
            comment = {"Id": resource_id, "Comment": inputs.get("comment") or ""}
            requests.append(Request("route53", "UpdateHostedZoneComment", comment))
        if "enableAcceleratedRecovery" in changed:
            requests.append(self._recovery(resource_id, inputs))
        if "vpcs" in changed:
            old = {vpc["vpcId"]: vpc for vpc in state.get("vpcs") or []}
            new = {vpc["vpcId"]: vpc for vpc in inputs.get("vpcs") or []}
            requests += [self._vpc("AssociateVPCWithHostedZone", resource_id, new[key]) for key in new if key not in old]
            requests += [self._vpc("DisassociateVPCFromHostedZone", resource_id, old[key]) for key in old if key not in new]
        if TAGS_ALL in changed:
            requests += ROUTE53.changes(resource_id, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {}, **TAGGED)
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("route53", "DeleteHostedZone", {"Id": resource_id})]

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        aws = Aws(cloud, GLOBAL_REGION)
        if state.get("forceDestroy") and cloud.aws_running() and self.find(aws, resource_id) is not None:
            _empty(aws, resource_id)
        super().delete(cloud, resource_id, state)


def _empty(aws: Aws, zone_id: str) -> None:
    """Remove the records that others have left in a zone; every zone keeps its name servers and its start of authority."""
    left = [one for one in record_sets(aws, zone_id) if one["Type"] not in ("NS", "SOA")]
    if left:
        changes = [{"Action": "DELETE", "ResourceRecordSet": one} for one in left]
        aws.ask("route53", "ChangeResourceRecordSets", HostedZoneId=zone_id, ChangeBatch={"Changes": changes})


def record_sets(aws: Aws, zone_id: str, **start: str) -> list[dict[str, Any]]:
    """Return a zone's record sets, from a place in it on; Route 53 gives them in pages."""
    page = aws.ask("route53", "ListResourceRecordSets", HostedZoneId=zone_id, **start)
    found: list[dict[str, Any]] = list(page["ResourceRecordSets"])
    while page.get("IsTruncated"):
        start = {f"Start{name}": page[f"Next{name}"] for name in NEXT if page.get(f"Next{name}")}
        page = aws.ask("route53", "ListResourceRecordSets", HostedZoneId=zone_id, **start)
        found += page["ResourceRecordSets"]
    return found


def _values(records: list[str]) -> list[dict[str, str]]:
    return [{"Value": record} for record in records]


PLACE: Final = "ChangeBatch.Changes[].ResourceRecordSet."


def _only(key: str) -> Any:
    """Return what takes the one value out of a routing policy that has no other."""

    def take(policies: Any) -> Any:
        policy = policies[0] if isinstance(policies, list) else policies
        return policy[key]

    return take


class Record(AwsHandler):
    """A record. One call makes, changes and removes: only its action differs."""

    token = "aws:route53/record:Record"  # noqa: S105 - a type token
    creation = Call(
        "route53",
        "ChangeResourceRecordSets",
        {
            "aliases": Within(
                f"{PLACE}AliasTarget",
                {"evaluateTargetHealth": "EvaluateTargetHealth", "name": "DNSName", "zoneId": "HostedZoneId"},
            ),
            "cidrRoutingPolicy": Within(f"{PLACE}CidrRoutingConfig", CIDR),
            "failoverRoutingPolicies": Through(f"{PLACE}Failover", _only("type")),
            "geolocationRoutingPolicies": Within(f"{PLACE}GeoLocation", GEOLOCATION),
            "geoproximityRoutingPolicy": Within(
                f"{PLACE}GeoProximityLocation", {**GEOPROXIMITY, "coordinates": Within("Coordinates", COORDINATES)}
            ),
            "healthCheckId": f"{PLACE}HealthCheckId",
            "latencyRoutingPolicies": Through(f"{PLACE}Region", _only("region")),
            "multivalueAnswerRoutingPolicy": f"{PLACE}MultiValueAnswer",
            "name": f"{PLACE}Name",
            "records": Through(f"{PLACE}ResourceRecords", _values),
            "setIdentifier": f"{PLACE}SetIdentifier",
            "ttl": f"{PLACE}TTL",
            "type": f"{PLACE}Type",
            "weightedRoutingPolicies": Through(f"{PLACE}Weight", lambda policies: int(_only("weight")(policies))),
            "zoneId": "HostedZoneId",
        },
    )

    def _request(self, *changes: tuple[str, Properties]) -> Request:
        """Return one call with one change for each pair of an action and the record's properties."""
        requests = [(action, self.creation.request(_given(properties))) for action, properties in changes]
        for action, request in requests:
            request.parameters["ChangeBatch"]["Changes"][0]["Action"] = action
        together = requests[0][1]
        together.parameters["ChangeBatch"]["Changes"] = [
            request.parameters["ChangeBatch"]["Changes"][0] for _, request in requests
        ]
        return together

    @override
    def first_request(self, inputs: Properties) -> Request:
        return self._request(("UPSERT" if inputs.get("allowOverwrite") else "CREATE", inputs))

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        # The name as the program writes it, with or without the zone's.
        words = [inputs["zoneId"], str(inputs["name"]).lower(), inputs["type"], inputs.get("setIdentifier")]
        return "_".join(str(word) for word in words if word)

    @override
    def prepared(self, aws: Aws, inputs: Properties) -> Properties:
        zone = aws.ask("route53", "GetHostedZone", Id=inputs["zoneId"])["HostedZone"]
        return {**inputs, "name": _absolute(str(inputs["name"]), str(zone["Name"]))}

    @override
    def seen(self, aws: Aws, resource_id: str, state: Properties) -> dict[str, Any] | None:
        # The id says which record it is when it is imported; later what the state has does, for some of that may change.
        if not state.get("type"):
            return self.find(aws, resource_id)
        return self._found(aws, *(str(state.get(name) or "") for name in ("zoneId", "name", "type", "setIdentifier")))

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        zone_id, name, kind, *rest = _parts(resource_id)
        return self._found(aws, zone_id, name, kind, rest[0] if rest else "")

    @staticmethod
    def _found(aws: Aws, zone_id: str, name: str, kind: str, identifier: str) -> dict[str, Any] | None:
        zone = aws.find("route53", "GetHostedZone", Id=zone_id)
        if zone is None:
            return None
        full = _absolute(name, str(zone["HostedZone"]["Name"]))
        sets = record_sets(aws, zone_id, StartRecordName=full, StartRecordType=kind)
        wanted = (full, kind, identifier)
        found = next(
            (item for item in sets if (_plain(item["Name"]), item["Type"], item.get("SetIdentifier", "")) == wanted), None
        )
        return None if found is None else {**found, "zone": zone_id}

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        alias, weight = found.get("AliasTarget"), found.get("Weight")
        full = _plain(found["Name"])
        properties = {
            "zoneId": found["zone"],
            "name": state.get("name") or full,
            "type": found["Type"],
            "fqdn": full,
            "ttl": found.get("TTL"),
            "records": [item["Value"] for item in found.get("ResourceRecords") or []] or None,
            "setIdentifier": found.get("SetIdentifier"),
            "healthCheckId": found.get("HealthCheckId"),
            "multivalueAnswerRoutingPolicy": found.get("MultiValueAnswer"),
            "weightedRoutingPolicies": None if weight is None else [{"weight": weight}],
            "failoverRoutingPolicies": [{"type": found["Failover"]}] if found.get("Failover") else None,
            "latencyRoutingPolicies": [{"region": found["Region"]}] if found.get("Region") else None,
            "geolocationRoutingPolicies": [_renamed(found["GeoLocation"], GEOLOCATION)] if found.get("GeoLocation") else None,
            "geoproximityRoutingPolicy": _geoproximity(found.get("GeoProximityLocation")),
            "cidrRoutingPolicy": _renamed(found["CidrRoutingConfig"], CIDR) if found.get("CidrRoutingConfig") else None,
            "aliases": [
                {
                    "evaluateTargetHealth": alias["EvaluateTargetHealth"],
                    "name": _plain(alias["DNSName"]),
                    "zoneId": alias["HostedZoneId"],
                }
            ]
            if alias
            else None,
        }
        return {name: value for name, value in properties.items() if value is not None}

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        if not set(changed) - {"allowOverwrite"}:
            return []
        if {"type", "setIdentifier"} & set(changed):
            # What tells records apart cannot be changed: in one batch the old one goes and the new one comes.
            old = {**state, "zoneId": inputs["zoneId"], "name": inputs["name"]}
            return [self._request(("DELETE", old), ("CREATE", inputs))]
        return [self._request(("UPSERT", inputs))]

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [self._request(("DELETE", state))]

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        # The provider removes the record as Route 53 has it now, for Route 53 takes nothing else.
        aws = Aws(cloud, GLOBAL_REGION)
        found = self.seen(aws, resource_id, state) if cloud.aws_running() else None
        if found is None:
            self._forget(cloud, resource_id, GLOBAL_REGION)
            return
        super().delete(cloud, resource_id, self.describe(aws, found, {}))


def _given(properties: Properties) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value not in ("", [], {}, False)}


def _renamed(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {name: found[api] for name, api in names.items() if found.get(api) is not None}


def _geoproximity(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    place = found.get("Coordinates")
    return _renamed(found, GEOPROXIMITY) | ({"coordinates": [_renamed(place, COORDINATES)]} if place else {})


def _parts(resource_id: str) -> list[str]:
    """Return zone, name, type and set identifier; a name may hold underscores, a type is in capitals."""
    words = resource_id.split("_")
    at = next(index for index, word in enumerate(words) if index > 1 and word.isupper())
    identifier = "_".join(words[at + 1 :])
    return [words[0], "_".join(words[1:at]), words[at], *([identifier] if identifier else [])]


def _plain(name: str) -> str:
    return name.replace("\\052", "*").removesuffix(".").lower()


def _absolute(name: str, zone: str) -> str:
    name, zone = _plain(name), _plain(zone)
    return name if name == zone or name.endswith(f".{zone}") else f"{name}.{zone}" if name else zone
