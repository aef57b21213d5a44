"""Elastic Load Balancing before moto's: host names and zones as AWS gives them, and what AWS refuses and moto does not.

Nothing is balanced here, and nothing asks a target how it is: registered targets are healthy.
"""

from __future__ import annotations

from typing import Any, Final

import moto.elb.urls
from moto.core.responses import ActionResult, EmptyResult
from moto.elbv2.exceptions import DuplicateListenerError, DuplicateLoadBalancerName, ELBClientError, InvalidTargetError
from moto.elbv2.responses import ELBV2Response

APPLICATION, NETWORK = "application", "network"
# What the attributes of a new balancer are, by the types that have them: botocore LoadBalancerAttribute Key; of the routing
# policy elasticloadbalancing/latest/network/edit-load-balancer-attributes.html. moto answers with four, whatever the type.
ATTRIBUTES: Final = {
    "deletion_protection.enabled": "false",
    "load_balancing.cross_zone.enabled": "false",
}
OF_BOTH: Final = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "zonal_shift.config.enabled": "false",
}
OF_ONE: Final = {
    APPLICATION: {
        "client_keep_alive.seconds": "3600",
        "connection_logs.s3.enabled": "false",
        "connection_logs.s3.bucket": "",
        "connection_logs.s3.prefix": "",
        "health_check_logs.s3.enabled": "false",
        "health_check_logs.s3.bucket": "",
        "health_check_logs.s3.prefix": "",
        "idle_timeout.timeout_seconds": "60",
        "load_balancing.cross_zone.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "routing.http.drop_invalid_header_fields.enabled": "false",
        "routing.http.preserve_host_header.enabled": "false",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
        "routing.http.xff_client_port.enabled": "false",
        "routing.http.xff_header_processing.mode": "append",
        "routing.http2.enabled": "true",
        "waf.fail_open.enabled": "false",
    },
    NETWORK: {
        "dns_record.client_routing_policy": "any_availability_zone",
        "secondary_ips.auto_assigned.per_subnet": "0",
    },
}
# The zones that balancers' names are in, which alias records name: docs.aws.amazon.com/general/latest/gr/elb.html, as in
# hashicorp/terraform-provider-aws internal/service/elbv2/hosted_zone_id_data_source.go.
APPLICATION_ZONES: Final = {
    "af-south-1": "Z268VQBMOI5EKX",
    "ap-east-1": "Z3DQVH9N71FHZ0",
    "ap-northeast-1": "Z14GRHDCWA56QT",
    "ap-northeast-2": "ZWKZPGTI48KDX",
    "ap-northeast-3": "Z5LXEXXYW11ES",
    "ap-south-1": "ZP97RAFLXTNZK",
    "ap-south-2": "Z0173938T07WNTVAEPZN",
    "ap-southeast-1": "Z1LMS91P8CMLE5",
    "ap-southeast-2": "Z1GM3OXH4ZPM65",
    "ap-southeast-3": "Z08888821HLRG5A9ZRTER",
    "ca-central-1": "ZQSVJUPU6J1EY",
    "eu-central-1": "Z215JYRZR1TBD5",
    "eu-central-2": "Z06391101F2ZOEP8P5EB3",
    "eu-north-1": "Z23TAZ6LKFMNIO",
    "eu-south-1": "Z3ULH7SSC9OV64",
    "eu-south-2": "Z0956581394HF5D5LXGAP",
    "eu-west-1": "Z32O12XQLNTSW2",
    "eu-west-2": "ZHURV8PSTC4K8",
    "eu-west-3": "Z3Q77PNBQS71R4",
    "me-central-1": "Z08230872XQRWHG2XF6I",
    "me-south-1": "ZS929ML54UICD",
    "sa-east-1": "Z2P70J7HTTTPLU",
    "us-east-1": "Z35SXDOTRQ7X7K",
    "us-east-2": "Z3AADJGX6KTTL2",
    "us-west-1": "Z368ELLRRE2KJ0",
    "us-west-2": "Z1H1FL5HABSF5",
}
NETWORK_ZONES: Final = {
    "ap-northeast-1": "Z31USIVHYNEOWT",
    "ap-southeast-1": "ZKVM4W9LS7TM",
    "ap-southeast-2": "ZCT6FZBF4DROD",
    "ca-central-1": "Z2EPGBW3API2WT",
    "eu-central-1": "Z3F0SRJ5LGBH90",
    "eu-north-1": "Z1UDT6IFJ4EJM",
    "eu-west-1": "Z2IFOLAFXWLO4F",
    "eu-west-2": "ZD4D7Y8KGAS4G",
    "eu-west-3": "Z1CMS0P5QUZ6D5",
    "us-east-1": "Z26RNL4JYFTOTI",
    "us-east-2": "ZLMOA37VPKANP",
    "us-west-1": "Z24FKFUX50B4VW",
    "us-west-2": "Z18D5FSROUN65G",
}


def host_name(name: str, arn: str, region: str, *, internal: bool, kind: str) -> str:
    """Return a balancer's host name in AWS's form; the number in it comes from the balancer's id."""
    number = int(arn.rsplit("/", 1)[1], 16)
    if kind == NETWORK:
        return f"{name}-{number:016x}.elb.{region}.amazonaws.com"
    return f"{'internal-' if internal else ''}{name}-{number % 10**10:010d}.{region}.elb.amazonaws.com"


def attributes(kind: str, *, internal: bool) -> dict[str, str]:
    """Return the attributes of a new balancer of a type."""
    if kind not in OF_ONE:
        return dict(ATTRIBUTES)
    blocked = {"ipv6.deny_all_igw_traffic": "true" if internal else "false"}
    return {**ATTRIBUTES, **OF_BOTH, **blocked, **OF_ONE[kind]}


class LoadBalancing(ELBV2Response):
    """The emulated service in the place of moto's."""

    def create_load_balancer(self) -> ActionResult:
        """Make a balancer with the names and attributes that AWS would give it."""
        name = self._get_param("Name")
        if any(other.name == name for other in self.elbv2_backend.load_balancers.values()):
            raise DuplicateLoadBalancerName
        answer = super().create_load_balancer()
        result: Any = answer.result
        [balancer] = result["LoadBalancers"]
        # API_CreateLoadBalancer.html (Scheme): the default is an Internet-facing one; moto then has none.
        balancer.scheme = balancer.scheme or "internet-facing"
        internal = balancer.scheme == "internal"
        balancer.dns_name = host_name(name, balancer.arn, self.region, internal=internal, kind=balancer.type)
        balancer.attrs = attributes(balancer.type, internal=internal)
        zones = NETWORK_ZONES if balancer.type == NETWORK else APPLICATION_ZONES
        balancer.canonical_hosted_zone_id = zones.get(self.region, balancer.canonical_hosted_zone_id)
        return answer

    def delete_load_balancer(self) -> ActionResult:
        """Remove a balancer that is not protected."""
        arn = self._get_param("LoadBalancerArn")
        balancer = self.elbv2_backend.load_balancers.get(arn)
        if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
            text = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            raise ELBClientError("OperationNotPermitted", text)
        return super().delete_load_balancer()

    def create_listener(self) -> ActionResult:
        """Make a listener, one for each port."""
        balancer = self.elbv2_backend.load_balancers.get(self._get_param("LoadBalancerArn"))
        if balancer and any(other.port == self._get_param("Port") for other in balancer.listeners.values()):
            raise DuplicateListenerError
        return super().create_listener()

    def deregister_targets(self) -> ActionResult:
        """Take targets out of a group; one that is not in it is no error (API_DeregisterTargets.html)."""
        try:
            return super().deregister_targets()
        except InvalidTargetError:
            return EmptyResult()


def install() -> None:
    """Put this service into the place of moto's; before the first request."""
    moto.elb.urls.ELBV2Response = LoadBalancing  # type: ignore[attr-defined]
