"""The stack: settings -> components -> outputs, and nothing else."""

import os

import pulumi
import pulumi_digitalocean as digitalocean
import pulumi_tls as tls

import settings
from redis_ha.elasticache import ElastiCacheHaGroup, ElastiCacheHaGroupArgs
from redis_ha.network import PrivateNetwork, PrivateNetworkArgs
from redis_ha.sentinel import SentinelCluster, SentinelClusterArgs


def administrator_key(stack: str) -> digitalocean.SshKey:
    """Make a key pair for this stack's operators; the private half is a secret output."""
    pair = tls.PrivateKey("administrator", algorithm="ED25519")
    pulumi.export("ssh_private_key", pulumi.Output.secret(pair.private_key_openssh))
    return digitalocean.SshKey("administrator", name=f"redis-ha-{stack}", public_key=pair.public_key_openssh)


def sentinel_cluster(args: SentinelClusterArgs, key: digitalocean.SshKey | None) -> None:
    """Make the Sentinel topology and export what clients and operators need of it."""
    if key is not None:
        given = pulumi.Output.from_input(args.get("ssh_key_ids", []))
        keys = pulumi.Output.all(given, key.fingerprint).apply(lambda both: [*both[0], both[1]])
        args = SentinelClusterArgs(**{**args, "ssh_key_ids": keys})
    with settings.named("sentinel"):
        cluster = SentinelCluster(args.get("name", pulumi.get_stack()), args)
    pulumi.export("sentinel_connection", cluster.connection)
    pulumi.export("sentinel_credentials", cluster.credentials)
    pulumi.export("sentinel_desired", cluster.desired)
    pulumi.export("sentinel_addresses", cluster.addresses)


def private_network(args: PrivateNetworkArgs) -> PrivateNetwork:
    """Make the VPC of a stack that brings none."""
    with settings.named("network"):
        return PrivateNetwork(pulumi.get_stack(), args)


def elasticache_group(args: ElastiCacheHaGroupArgs, network: PrivateNetwork | None) -> None:
    """Make the ElastiCache group, in the stack's own network unless it names another, and export how it is reached."""
    if network is not None:
        args = ElastiCacheHaGroupArgs(**{"vpc_id": network.vpc_id, "subnet_ids": network.subnet_ids, **args})
    with settings.named("elasticache"):
        group = ElastiCacheHaGroup(args.get("group_id", pulumi.get_stack()), args)
    pulumi.export("elasticache_connection", group.connection)
    pulumi.export("elasticache_credentials", group.credentials)
    pulumi.export("elasticache_arn", group.arn)
    pulumi.export("elasticache_alarm_names", group.alarm_names)


def main() -> None:
    """Build what the stack file asks for."""
    wanted = settings.load(os.environ)
    key = administrator_key(pulumi.get_stack()) if wanted.generate_ssh_key else None
    if wanted.sentinel is not None:
        sentinel_cluster(wanted.sentinel, key)
    network = private_network(wanted.network) if wanted.network is not None else None
    if wanted.elasticache is not None:
        elasticache_group(wanted.elasticache, network)


main()
