"""What is lost when a resource is replaced or deleted, which property makes a provider do so, and the right way instead.

One table for every report. A row's source is where the provider, or the service, says so.
"""

from .danger import (
    AT_CREATION,
    BALANCER,
    DROPLET,
    DROPLET_VPC,
    EVENT_BUS,
    FUNCTION,
    GLOBAL,
    GROUP,
    HEALTH_CHECK,
    KEY,
    LISTENER,
    PARAMETER_GROUP,
    PASSWORD,
    PRIVATE_KEY,
    PROVIDER,
    PUT_BACK,
    QUEUE,
    RECORD,
    SECRET,
    SECURITY_GROUP,
    SERVERLESS,
    SUBNET,
    SUBNET_GROUP,
    TARGET_GROUP,
    TOPIC,
    USER,
    USER_GROUP,
    VPC,
    ZONE,
    Danger,
    Operation,
)
from .danger_traffic import TRAFFIC_ROWS

# A resource of these types holds something that a new one of the same name does not have.
LOST: dict[str, str] = {
    GROUP: "all keys; the endpoints' names change",
    GLOBAL: "replication between the regions: every secondary is emptied when it joins again",
    SERVERLESS: "all keys; the endpoint's name changes",
    SUBNET_GROUP: "every group in it is replaced with it: all their keys",
    PARAMETER_GROUP: "groups that use it keep it in use: a new one of the same name cannot be made",
    USER: "its clients cannot log in until it is in the user group again",
    USER_GROUP: "no client can log in until the cache has the new one",
    VPC: "everything in it is replaced with it",
    SUBNET: "everything in it is replaced with it",
    SECURITY_GROUP: "clients are cut off until the cache has the new one",
    KEY: "what is encrypted with it cannot be read once it is deleted",
    SECRET: "readers of the old one; its name is taken until the recovery window is over",
    TOPIC: "its subscriptions; the cache tells nobody of a failover until it has the new one",
    FUNCTION: "whatever it does: nobody writes endpoint documents or relays failovers until there is a new one",
    EVENT_BUS: "the rules on it, also those of other programs: nobody is told of a failover until they are on a new one",
    QUEUE: "the messages in it: of a dead-letter queue those that nobody has worked on yet",
    ZONE: "its records; the delegation leads to name servers that no longer answer",
    RECORD: "the name: whoever looks it up gets no answer, or the other colour alone",
    HEALTH_CHECK: "what keeps clients away from a sick colour, until its records have the new one",
    BALANCER: "its name and addresses: clients that still have them are cut off",
    TARGET_GROUP: "its targets: the colour's share meets nobody until the new one's are healthy",
    LISTENER: "the port: nothing answers there",
    DROPLET: "the machine's data and addresses; a replica takes over only if the others are healthy",
    DROPLET_VPC: "everything in it is replaced with it",
    PASSWORD: "whoever has the old password cannot log in",
    PRIVATE_KEY: "whoever trusts the old key",
}

_GROUP_SOURCE = f"{PROVIDER}/elasticache/replication_group.go"
_DROPLET_SOURCE = "pulumi-digitalocean schema v4.76.0, willReplaceOnChanges"
_NEW_GROUP = "make a second group beside it, copy the keys, move the clients, then delete the old one in its own change"


def _group(names: tuple[str, ...], why: str, instead: str) -> tuple[Danger, ...]:
    return tuple(Danger(GROUP, name, "replace", why, instead, _GROUP_SOURCE) for name in names)


# A member of a Global Datastore that is no longer in the program.
SECONDARY = Danger(
    GROUP,
    "",
    "delete",
    "a member leaves its Global Datastore and is deleted; AWS lets no primary leave",
    "see first who is primary (`redis-ha status --block global`): if it is this one, promote another; put it back otherwise",
    f"{_GROUP_SOURCE} (disassociate, wait, delete); API DisassociateGlobalReplicationGroup",
)
SECONDARY_LOST = "a region's copy: its local reads, and the region to promote"

TABLE: tuple[Danger, ...] = (
    *_group(
        ("replicationGroupId",),
        "the id is the group's identity",
        f"keep the id ({PUT_BACK}; a renamed component needs group_id, or an alias)",
    ),
    *_group(
        ("atRestEncryptionEnabled", "kmsKeyId"),
        "encryption at rest is chosen when a group is made",
        f"take a snapshot and restore it into a second group with the wanted key; otherwise {PUT_BACK}",
    ),
    *_group(("dataTieringEnabled", "networkType", "port"), "it is chosen when a group is made", f"{PUT_BACK}, or {_NEW_GROUP}"),
    *_group(
        ("subnetGroupName",),
        "a group cannot move to other subnets",
        "keep the subnet group and change the subnets in it, which is an update in place",
    ),
    *_group(
        ("snapshotName", "snapshotArns"),
        "a restore happens once, when a group is made",
        "leave the argument as it was, or ignore it after the first `up`",
    ),
    *_group(
        ("globalReplicationGroupId",),
        "a group joins a global datastore when it is made; an existing one would be emptied",
        "make the primary's global datastore from the group, and let secondaries be new groups",
    ),
    *_group(("securityGroupNames",), "EC2-Classic's names are chosen when a group is made", "use security_group_ids"),
    *_group(
        ("transitEncryptionEnabled",),
        "before engine 7.0.5 TLS is chosen when a group is made",
        "upgrade the engine first; then tls 'preferred', move the clients, then 'required': three updates in place",
    ),
    *_group(
        ("engineVersion",),
        "an engine is never downgraded in place",
        f"{PUT_BACK}, or {_NEW_GROUP}",
    ),
    *_group(("engine",), "Valkey does not go back to Redis OSS in place", f"{PUT_BACK}, or {_NEW_GROUP}"),
    *_group(
        ("nodeGroupConfigurations",),
        "slots and zones laid out by hand are chosen when a group is made",
        "let counts (shards, replicas) decide: they change in place",
    ),
    Danger(
        GROUP,
        "",
        "delete",
        "the program no longer has it",
        "put it back; to end it on purpose: a final snapshot, protect off in one change, the deletion in the next",
        "docs.aws.amazon.com/AmazonElastiCache API DeleteReplicationGroup: automatic snapshots go with the group",
    ),
    Danger(
        GROUP,
        "automaticFailoverEnabled",
        "update",
        "no replica takes over when the primary is lost",
        f"{PUT_BACK}; for a single node on purpose, with apply_immediately, in a change of its own",
        "docs.aws.amazon.com/AmazonElastiCache AutoFailover",
        when="false",
    ),
    Danger(
        GROUP,
        "multiAzEnabled",
        "update",
        "the loss of one zone may take every node",
        PUT_BACK,
        "docs.aws.amazon.com/AmazonElastiCache AutoFailover",
        when="false",
    ),
    Danger(
        GROUP,
        "transitEncryptionEnabled",
        "update",
        "tokens and keys go over the network in plain text",
        f"{PUT_BACK}; migrate by tls 'preferred' first",
        _GROUP_SOURCE,
        when="false",
    ),
    Danger(
        GROUP,
        "numNodeGroups",
        "update",
        "the remaining shards must hold the keys of those that go",
        "check memory and engine CPU per shard first; one shard at a time, outside the busy hours",
        "docs.aws.amazon.com/AmazonElastiCache ModifyReplicationGroupShardConfiguration",
        when="smaller",
    ),
    *(
        Danger(
            GROUP,
            name,
            "update",
            "fewer nodes can take over, and fewer share the reads",
            "keep at least one replica in another zone",
            "docs.aws.amazon.com/AmazonElastiCache AutoFailover",
            when="smaller",
        )
        for name in ("numCacheClusters", "replicasPerNodeGroup")
    ),
    Danger(
        GROUP,
        "snapshotRetentionLimit",
        "update",
        "at 0 automatic snapshots end, and those that are there are deleted",
        "keep at least 1",
        "docs.aws.amazon.com/AmazonElastiCache backups-automatic",
        when="zero",
    ),
    Danger(
        GLOBAL,
        "primaryReplicationGroupId",
        "replace",
        "the provider reads who is primary: after a promotion outside the program it would make the datastore anew",
        "ignore it after creation, as GlobalDatastore does (ignore_changes); who is primary is no matter of the program",
        f"{PROVIDER}/elasticache/global_replication_group.go; hashicorp/terraform-provider-aws#46121",
    ),
    Danger(
        GLOBAL,
        "globalReplicationGroupIdSuffix",
        "replace",
        "the suffix is part of the datastore's id",
        f"{PUT_BACK} (name_suffix; a renamed component needs an alias)",
        f"{PROVIDER}/elasticache/global_replication_group.go",
    ),
    Danger(
        GLOBAL,
        "",
        "delete",
        "the program no longer has it",
        "put it back; to end it on purpose: the secondaries in one change, the datastore in the next; the primary group stays",
        "docs.aws.amazon.com/AmazonElastiCache API DeleteGlobalReplicationGroup: only one without secondaries",
    ),
    Danger(
        GLOBAL,
        "automaticFailoverEnabled",
        "update",
        "in every region no replica takes over when a primary is lost",
        PUT_BACK,
        "docs.aws.amazon.com/AmazonElastiCache API ModifyGlobalReplicationGroup",
        when="false",
    ),
    Danger(
        GLOBAL,
        "numNodeGroups",
        "update",
        "in every region the remaining shards must hold the keys of those that go",
        "check memory and engine CPU per shard in each region first; one shard at a time, outside the busy hours",
        "docs.aws.amazon.com/AmazonElastiCache API DecreaseNodeGroupsInGlobalReplicationGroup",
        when="smaller",
    ),
    *TRAFFIC_ROWS,
    Danger(
        SERVERLESS,
        "name",
        "replace",
        "the name is the cache's identity",
        PUT_BACK,
        f"{PROVIDER}/elasticache/serverless_cache.go",
    ),
    Danger(
        SUBNET_GROUP,
        "name",
        "replace",
        "the name is the subnet group's identity",
        f"{PUT_BACK}; subnets change in place",
        f"{PROVIDER}/elasticache/subnet_group.go",
    ),
    *(
        Danger(
            PARAMETER_GROUP,
            name,
            "replace",
            "name, family and description are chosen when it is made",
            "make a second one (a name with its family in it), let the group use it, then delete the first",
            f"{PROVIDER}/elasticache/parameter_group.go",
        )
        for name in ("name", "family", "description")
    ),
    *(
        Danger(
            USER,
            name,
            "replace",
            "id and name are the user's identity",
            "add a second user, move the clients, remove the first",
            f"{PROVIDER}/elasticache/user.go",
        )
        for name in ("userId", "userName")
    ),
    *(
        Danger(
            VPC,
            name,
            "replace",
            "a VPC's first range is its identity",
            f"{PUT_BACK}; add a second range",
            f"{PROVIDER}/ec2/vpc_.go",
        )
        for name in ("cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength")
    ),
    *(
        Danger(
            SUBNET,
            name,
            "replace",
            "a subnet stays in its VPC, zone and range",
            "add a subnet with another range, add it to the subnet group, remove the old one when nothing is in it",
            f"{PROVIDER}/ec2/vpc_subnet.go",
        )
        for name in ("cidrBlock", "availabilityZone", "availabilityZoneId", "vpcId", "ipv6Native", "outpostArn")
    ),
    *(
        Danger(
            SECURITY_GROUP,
            name,
            "replace",
            "name, description and VPC are chosen when it is made",
            f"{PUT_BACK}; rules are resources of their own and change in place",
            f"{PROVIDER}/ec2/vpc_security_group.go",
        )
        for name in ("name", "namePrefix", "description", "vpcId")
    ),
    *(
        Danger(DROPLET, name, "replace", why, instead, _DROPLET_SOURCE)
        for name, why, instead in (
            (
                "userData",
                "user-data is read at the first boot only",
                "set directives on live nodes with CONFIG SET and CONFIG REWRITE, replace slots one by one for the rest",
            ),
            ("image", "an image is chosen when a droplet is made", "raise one slot's generation at a time"),
            ("region", "a droplet stays in its region", "make a second cluster there and move"),
            (
                "sshKeys",
                "keys are given at the first boot only",
                "add keys on the live machine; new slots get them",
            ),
            ("vpcUuid", "a droplet stays in its VPC", "make a second cluster there and move"),
            ("monitoring", "the agent is installed at the first boot only", "install it on the live machine"),
            ("dropletAgent", "the agent is installed at the first boot only", "install it on the live machine"),
            ("publicNetworking", AT_CREATION, PUT_BACK),
        )
    ),
    Danger(
        DROPLET,
        "",
        "replace",
        "its slot's generation was raised (replacement_trigger), or somebody asked for it (--replace, taint)",
        "one slot in each `up`, `redis-ha status` healthy before the next",
        "pulumi resource option replacementTrigger",
    ),
    Danger(
        DROPLET,
        "size",
        "update",
        "the machine is powered off, resized, powered on: minutes without it; with resize_disk its disk grows for good",
        "one slot in each `up` (sizes), replicas first, `redis-ha status` healthy before the next",
        "terraform-provider-digitalocean digitalocean/droplet/resource_droplet.go, Update",
    ),
    Danger(
        DROPLET,
        "resizeDisk",
        "update",
        "the machine is powered off and on, and its disk grows to its size's for good",
        "one slot in each `up` (resize_disk), replicas first, `redis-ha status` healthy before the next",
        "terraform-provider-digitalocean digitalocean/droplet/resource_droplet.go, Update",
        when="true",
    ),
    *(
        Danger(DROPLET_VPC, name, "replace", "a VPC keeps its range and region", PUT_BACK, _DROPLET_SOURCE)
        for name in ("ipRange", "region")
    ),
    Danger(
        USER_GROUP,
        "userGroupId",
        "replace",
        "the id is the user group's identity",
        f"{PUT_BACK}; users in it change in place",
        f"{PROVIDER}/elasticache/user_group.go",
    ),
    Danger(
        PASSWORD,
        "",
        "replace",
        "any changed argument makes a new password",
        "rotate on purpose: add the new password beside the old one, move the clients, remove the old one",
        "pulumi-random schema, RandomPassword: every input replaces",
    ),
)

# Every resource of pulumi-aws 7 has a region of its own.
REGION = Danger(
    "",
    "region",
    "replace",
    "a resource stays in its region",
    f"{PUT_BACK}; for another region make a second stack beside it",
    "hashicorp/terraform-provider-aws website/docs/guides/enhanced-region-support.html.markdown",
)
# A property of a stateful type that no row names.
NO_ROW = Danger("", "", "replace", "the provider replaces it for this", f"{PUT_BACK}, or read the provider's page first", "")
# Replaced under another name, the new one stands beside the old until nothing uses that: how a new family is meant to come.
STANDS_BESIDE = frozenset({PARAMETER_GROUP})
# What is told by name only: it holds whatever the program's author put into it.
HIDDEN = frozenset({"userData"})


def row_of(resource_type: str, name: str, operation: Operation) -> Danger | None:
    """Return the row for a changed property; one without a property stands for all that have no row."""
    head = name.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]
    exact = [row for row in TABLE if (row.type, row.operation) == (resource_type, operation) and row.property == head]
    general = [row for row in TABLE if (row.type, row.operation) == (resource_type, operation) and not row.property]
    if not exact and head == "region" and operation == "replace" and resource_type.startswith("aws:"):
        return REGION
    found = [*exact, *general]
    return found[0] if found else None
