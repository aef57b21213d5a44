"""PrivateNetwork: a VPC with one private subnet in each zone, for stacks that have none to bring."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.inputs import as_input_errors, known_now, outputs_of

from .layout import Layout, make_layout


class PrivateNetworkArgs(TypedDict):
    """What a PrivateNetwork is made of."""

    region: str
    """AWS region, e.g. `eu-central-1`."""
    zones: Sequence[str]
    """Availability zones, at least two, e.g. `eu-central-1a`. Each keeps its own eighth of the range by its letter:
    zones can be added and removed without moving another."""
    ip_range: str
    """Private IPv4 range of the VPC (RFC 1918), /16 to /22, e.g. `10.50.0.0/20`. A change replaces the VPC."""
    tags: NotRequired[Mapping[str, str]]
    """More tags of the VPC and its subnets."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace VPC and subnets. Default true."""


class PrivateNetwork(pulumi.ComponentResource):
    """A VPC whose subnets have no route to the internet, for caches.

    Raw children: `vpc`, `subnets` (by zone).
    """

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""
    subnet_ids: pulumi.Output[list[str]]
    """Ids of the subnets, in the order of the zones as given."""

    def __init__(self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the network. Raises pulumi.InputPropertiesError, before anything is registered, when arguments are wrong."""
        layout = self.check(name, args)
        super().__init__("redis-ha:index:PrivateNetwork", name, {}, opts)
        protect, tags = args.get("protect", True), args.get("tags", {})
        self.vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            region=layout.region,
            cidr_block=layout.ip_range,
            # Endpoints of ElastiCache are names that resolve inside the VPC only with both of these.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={**tags, "Name": name},
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        self.subnets = {
            zone: aws.ec2.Subnet(
                f"{name}-{zone}",
                region=layout.region,
                vpc_id=self.vpc.id,
                availability_zone=zone,
                cidr_block=block,
                tags={**tags, "Name": f"{name}-{zone}"},
                opts=pulumi.ResourceOptions(parent=self, protect=protect),
            )
            for zone, block in layout.subnets.items()
        }
        self.vpc_id = self.vpc.id
        self.subnet_ids = pulumi.Output.all(*[subnet.id for subnet in self.subnets.values()])
        self.register_outputs(outputs_of(self))

    @staticmethod
    def check(name: str, args: PrivateNetworkArgs) -> Layout:
        """Check arguments, and make nothing; return what follows from them. Raises what making it would raise."""
        with as_input_errors():
            known_now(name, args, PrivateNetworkArgs)
            return make_layout(name, args, tuple(PrivateNetworkArgs.__annotations__))
