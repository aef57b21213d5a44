"""The stack: settings -> components -> outputs, and nothing else."""

import os

import pulumi
import pulumi_digitalocean as digitalocean
import pulumi_tls as tls

import settings
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


def main() -> None:
    """Build what the stack file asks for."""
    wanted = settings.load(os.environ)
    key = administrator_key(pulumi.get_stack()) if wanted.generate_ssh_key else None
    if wanted.sentinel is not None:
        sentinel_cluster(wanted.sentinel, key)


main()
