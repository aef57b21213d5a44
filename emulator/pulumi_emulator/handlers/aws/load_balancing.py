"""Elastic Load Balancing: balancers, and what all of the service have in common.

What the provider sends, and when: hashicorp/terraform-provider-aws internal/service/elbv2/load_balancer.go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, present, tags_of
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.translation import Call, Each, Pairs, Request, Through, Within
from pulumi_emulator.handlers.base import Properties
from pulumi_emulator.rules import Change

SERVICE: Final = "elbv2"
TAGS: Final = {TAGS_ALL: Pairs("Tags")}
APPLICATION, NETWORK, GATEWAY = "application", "network", "gateway"
# The key of the attribute that each property of a balancer is, and the types of balancers that have it.
BALANCER: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "clientKeepAlive": ("client_keep_alive.seconds", (APPLICATION,)),
    "desyncMitigationMode": ("routing.http.desync_mitigation_mode", (APPLICATION,)),
    "dnsRecordClientRoutingPolicy": ("dns_record.client_routing_policy", (NETWORK,)),
    "dropInvalidHeaderFields": ("routing.http.drop_invalid_header_fields.enabled", (APPLICATION,)),
    "enableCrossZoneLoadBalancing": ("load_balancing.cross_zone.enabled", (NETWORK, GATEWAY)),
    "enableDeletionProtection": ("deletion_protection.enabled", (APPLICATION, NETWORK, GATEWAY)),
    "enableHttp2": ("routing.http2.enabled", (APPLICATION,)),
    "enableTlsVersionAndCipherSuiteHeaders": ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", (APPLICATION,)),
    "enableWafFailOpen": ("waf.fail_open.enabled", (APPLICATION,)),
    "enableXffClientPort": ("routing.http.xff_client_port.enabled", (APPLICATION,)),
    "enableZonalShift": ("zonal_shift.config.enabled", (APPLICATION, NETWORK)),
    "idleTimeout": ("idle_timeout.timeout_seconds", (APPLICATION,)),
    "preserveHostHeader": ("routing.http.preserve_host_header.enabled", (APPLICATION,)),
    "secondaryIpsAutoAssignedPerSubnet": ("secondary_ips.auto_assigned.per_subnet", (NETWORK,)),
    "xffHeaderProcessingMode": ("routing.http.xff_header_processing.mode", (APPLICATION,)),
}
LOGS: Final = {"accessLogs": "access_logs", "connectionLogs": "connection_logs", "healthCheckLogs": "health_check_logs"}
# Logs that network balancers have too.
LOGS_OF_ALL: Final = frozenset({"accessLogs"})
MAPPING: Final = {
    "allocationId": "AllocationId",
    "ipv6Address": "IPv6Address",
    "privateIpv4Address": "PrivateIPv4Address",
    "subnetId": "SubnetId",
}
POOLS: Final = Within("IpamPools", {"ipv4IpamPoolId": "Ipv4IpamPoolId"})


def described(aws: Aws, operation: str, key: str, **parameters: Any) -> dict[str, Any] | None:
    """Return the one thing that a Describe... call finds, None when there is none."""
    answer = aws.find(SERVICE, operation, **parameters)
    return next(iter(answer[key]), None) if answer else None


def tags_found(aws: Aws, arn: str) -> dict[str, str]:
    """Return what something of this service is tagged with."""
    found = aws.ask(SERVICE, "DescribeTags", ResourceArns=[arn])["TagDescriptions"]
    return tags_of(found[0]["Tags"]) if found else {}


def tag_changes(arn: str, state: Properties, inputs: Properties) -> list[Request]:
    """Return the calls that turn a state's tags into those of the inputs."""
    old, new = state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {}
    gone = [key for key in old if key not in new]
    added = [{"Key": key, "Value": value} for key, value in new.items() if old.get(key) != value]
    requests = [Request(SERVICE, "RemoveTags", {"ResourceArns": [arn], "TagKeys": gone})] if gone else []
    return requests + ([Request(SERVICE, "AddTags", {"ResourceArns": [arn], "Tags": added})] if added else [])


def attribute(key: str, value: Any) -> dict[str, str]:
    """Return an attribute as the API wants it: everything is text."""
    return {"Key": key, "Value": str(value).lower() if isinstance(value, bool) else str(value)}


def attributes_found(aws: Aws, operation: str, **parameters: Any) -> dict[str, str]:
    """Return the attributes of something by their keys."""
    found = aws.ask(SERVICE, operation, **parameters)["Attributes"]
    return {item["Key"]: item.get("Value", "") for item in found}


def value_of(text: str, expected: Any) -> Any:
    """Return an attribute's text as a value of a property's type."""
    if expected == "boolean":
        return text == "true"
    return int(text) if expected == "integer" else text


def suffix(arn: str) -> str:
    """Return the end of an ARN that CloudWatch's metrics are by."""
    return arn.split(":", 5)[5].removeprefix("loadbalancer/")


class LoadBalancer(AwsHandler):
    """A load balancer of any type."""

    token = "aws:lb/loadBalancer:LoadBalancer"  # noqa: S105 - a type token
    deletion_protection = "enableDeletionProtection"
    creation = Call(
        SERVICE,
        "CreateLoadBalancer",
        {
            "customerOwnedIpv4Pool": "CustomerOwnedIpv4Pool",
            "enablePrefixForIpv6SourceNat": "EnablePrefixForIpv6SourceNat",
            "internal": Through("Scheme", lambda internal: "internal" if internal else None),
            "ipAddressType": "IpAddressType",
            "ipamPools": POOLS,
            "loadBalancerType": "Type",
            "name": "Name",
            "securityGroups": "SecurityGroups",
            "subnetMappings": Each("SubnetMappings", MAPPING),
            "subnets": "Subnets",
            **TAGS,
        },
    )
    provider_only: ClassVar = {
        **EVERYWHERE,
        "subnetMappings.outpostId": "an output that the SDK lists among the inputs",
    }

    @override
    def diff(self, state: Properties, olds: Properties, news: Properties, found: list[Change]) -> list[Change]:
        # What balancers of this type do not have is no difference (load_balancer.go, suppressIfLBTypeNot).
        kind = news.get("loadBalancerType") or APPLICATION
        return [change for change in found if change.property not in BALANCER or kind in BALANCER[change.property][1]]

    @override
    def first_request(self, inputs: Properties) -> Request:
        name = inputs.get("name") or prefixed(str(inputs.get("namePrefix") or "tf-lb-"))[:32]
        return self.creation.request({**inputs, "name": name})

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        kind = str(inputs.get("loadBalancerType") or APPLICATION)
        requests = []
        capacity = inputs.get("minimumLoadBalancerCapacity")
        if capacity:
            requests.append(self._capacity(resource_id, capacity))
        requests.append(self._attributes(resource_id, kind, inputs, {*BALANCER, *LOGS}))
        if inputs.get("enforceSecurityGroupInboundRulesOnPrivateLinkTraffic") and kind == NETWORK:
            requests.append(self._security_groups(resource_id, kind, inputs))
        return requests

    @staticmethod
    def _attributes(resource_id: str, kind: str, inputs: Properties, names: Collection[str]) -> Request:
        found = []
        for name, (key, kinds) in BALANCER.items():
            if name in names and kind in kinds and inputs.get(name) is not None:
                found.append(attribute(key, inputs[name]))
        for name, key in LOGS.items():
            if name in names and (kind == APPLICATION or (kind == NETWORK and name in LOGS_OF_ALL)):
                found += _logs(key, inputs.get(name))
        return Request(SERVICE, "ModifyLoadBalancerAttributes", {"LoadBalancerArn": resource_id, "Attributes": found})

    @staticmethod
    def _capacity(resource_id: str, capacity: Properties | None) -> Request:
        about = {"MinimumLoadBalancerCapacity": {"CapacityUnits": int(capacity["capacityUnits"])}} if capacity else {}
        parameters = {"LoadBalancerArn": resource_id, "ResetCapacityReservation": not capacity, **about}
        return Request(SERVICE, "ModifyCapacityReservation", parameters)

    @staticmethod
    def _security_groups(resource_id: str, kind: str, inputs: Properties) -> Request:
        enforced = "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
        parameters: dict[str, Any] = {
            "LoadBalancerArn": resource_id,
            "SecurityGroups": list(inputs.get("securityGroups") or []),
        }
        if kind == NETWORK and inputs.get(enforced):
            parameters[enforced[0].upper() + enforced[1:]] = inputs[enforced]
        return Request(SERVICE, "SetSecurityGroups", parameters)

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["LoadBalancers"][0]["LoadBalancerArn"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return described(aws, "DescribeLoadBalancers", "LoadBalancers", LoadBalancerArns=[resource_id])

    @override
    def settle(self, aws: Aws, resource_id: str) -> None:
        def active() -> bool:
            found = self.find(aws, resource_id)
            return found is not None and found["State"]["Code"] == "active"

        aws.wait(f"load balancer {resource_id} being active", active)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        arn = found["LoadBalancerArn"]
        attributes = attributes_found(aws, "DescribeLoadBalancerAttributes", LoadBalancerArn=arn)
        kinds = self.properties()
        # What balancers of this type cannot change is no difference (suppressIfLBTypeNot), so it is not read here.
        own = {name: key for name, (key, types) in BALANCER.items() if found["Type"] in types}
        subnets = [zone["SubnetId"] for zone in found.get("AvailabilityZones") or []]
        return {
            **present(
                customerOwnedIpv4Pool=found.get("CustomerOwnedIpv4Pool"),
                enforceSecurityGroupInboundRulesOnPrivateLinkTraffic=found.get(
                    "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
                ),
                ipAddressType=found.get("IpAddressType"),
            ),
            **{name: value_of(attributes[key], kinds[name]) for name, key in own.items() if attributes.get(key)},
            **{name: _logs_found(key, attributes) for name, key in LOGS.items() if state.get(name)},
            "arn": arn,
            "arnSuffix": suffix(arn),
            "dnsName": found["DNSName"],
            "internal": found.get("Scheme") == "internal",
            "loadBalancerType": found["Type"],
            "name": found["LoadBalancerName"],
            "securityGroups": list(found.get("SecurityGroups") or []),
            "subnetMappings": [{"subnetId": subnet} for subnet in subnets],
            "subnets": subnets,
            "vpcId": found["VpcId"],
            "zoneId": found["CanonicalHostedZoneId"],
            TAGS_ALL: tags_found(aws, arn),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        kind = str(inputs.get("loadBalancerType") or APPLICATION)
        about = {"LoadBalancerArn": resource_id}
        requests = []
        attributes = self._attributes(resource_id, kind, inputs, changed)
        if attributes.parameters["Attributes"]:
            requests.append(attributes)
        if {"securityGroups", "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic"} & set(changed):
            requests.append(self._security_groups(resource_id, kind, inputs))
        subnets = {name: self.creation.properties[name] for name in ("subnetMappings", "subnets") if name in changed}
        if "enablePrefixForIpv6SourceNat" in changed:
            subnets["enablePrefixForIpv6SourceNat"] = "EnablePrefixForIpv6SourceNat"
        if subnets:
            requests.append(Call(SERVICE, "SetSubnets", subnets).request(inputs, **about))
        if "ipAddressType" in changed:
            requests.append(Call(SERVICE, "SetIpAddressType", {"ipAddressType": "IpAddressType"}).request(inputs, **about))
        if "ipamPools" in changed:
            removed = {} if inputs.get("ipamPools") else {"RemoveIpamPools": ["ipv4"]}
            requests.append(Call(SERVICE, "ModifyIpPools", {"ipamPools": POOLS}).request(inputs, **about, **removed))
        if "minimumLoadBalancerCapacity" in changed:
            requests.append(self._capacity(resource_id, inputs.get("minimumLoadBalancerCapacity")))
        if TAGS_ALL in changed:
            requests += tag_changes(resource_id, state, inputs)
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request(SERVICE, "DeleteLoadBalancer", {"LoadBalancerArn": resource_id})]


def _logs(key: str, given: Properties | None) -> list[dict[str, str]]:
    """Return the attributes of a kind of logs: without a block they are off."""
    enabled = bool(given and given.get("enabled"))
    found = [attribute(f"{key}.s3.enabled", enabled)]
    if enabled and given:
        found.append(attribute(f"{key}.s3.bucket", given["bucket"]))
        found.append(attribute(f"{key}.s3.prefix", given.get("prefix") or ""))
    return found


def _logs_found(key: str, attributes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "bucket": attributes.get(f"{key}.s3.bucket", ""),
        "enabled": attributes.get(f"{key}.s3.enabled") == "true",
        "prefix": attributes.get(f"{key}.s3.prefix", ""),
    }
