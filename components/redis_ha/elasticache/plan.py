"""Everything about a replication group that is known before its resources are made. No Pulumi."""

from dataclasses import dataclass

from .topology import Topology
from .versions import family


@dataclass(frozen=True)
class User:
    """A user of the group: its name for people and its name and id for AWS. No password is here."""

    key: str
    user_id: str
    user_name: str
    access: str
    authentication: str
    given_passwords: int


@dataclass(frozen=True)
class Log:
    """A log that is delivered: `slow-log` or `engine-log`; `brought` when its destination exists already."""

    kind: str
    argument: str
    log_format: str
    destination_type: str
    brought: bool


@dataclass(frozen=True)
class Plan:
    """One replication group."""

    name: str
    region: str
    zones: tuple[str, ...]
    topology: Topology
    description: str
    engine: str
    engine_version: str
    node_type: str
    port: int
    client_cidrs: tuple[str, ...]
    makes_subnet_group: bool
    makes_security_group: bool
    makes_parameter_group: bool
    parameters: tuple[tuple[str, str], ...]
    auth: str
    users: tuple[User, ...]
    makes_user_group: bool
    user_engine: str
    auth_token_update_strategy: str | None
    tls: str
    at_rest_encryption: bool
    maintenance_window: str
    snapshot_window: str
    snapshot_retention_days: int
    final_snapshot: bool
    durability: str | None
    apply_immediately: bool
    auto_minor_version_upgrade: bool | None
    network_type: str | None
    ip_discovery: str | None
    logs: tuple[Log, ...]
    log_retention_days: int
    secrets_manager: bool
    dashboard: bool
    tags: tuple[tuple[str, str], ...]
    protect: bool
    timeouts: tuple[tuple[str, str], ...]
    adopt: tuple[tuple[str, str], ...]
    adopt_users: tuple[tuple[str, str], ...]
    keep_as_found: bool
    adopt_change: tuple[str, ...]
    global_member: bool

    @property
    def group_id(self) -> str:
        """Return the replication group's id."""
        return self.topology.group_id

    @property
    def durable(self) -> bool:
        """Whether writes are kept in AWS's log of durable writes, before (sync) or soon after (async) they are acknowledged."""
        return self.durability in {"sync", "async"}

    @property
    def family(self) -> str:
        """Return the family that the group's parameter group has to be of."""
        return family(self.engine, self.engine_version)

    @property
    def cluster_parameters(self) -> bool:
        """Whether the parameter group has to carry cluster-enabled: from the compatible step on."""
        return self.topology.cluster_mode != "disabled"

    @property
    def parameter_group_name(self) -> str:
        """Return the name of a made parameter group.

        It carries family and mode, so that an upgrade makes a new group beside the old one, which is deleted when the
        replication group has moved (cloudposse/terraform-aws-elasticache-redis issue 178). No dots are allowed in it.
        """
        mode = "-cluster" if self.cluster_parameters else ""
        return f"{self.group_id}-{self.family.replace('.', '-')}{mode}"

    def preferred_zones(self) -> tuple[str, ...] | None:
        """Return each node's zone, primary first, for a group without shards; shards are spread by ElastiCache itself."""
        if self.topology.clustered:
            return None
        return tuple(self.zones[index % len(self.zones)] for index in range(self.topology.nodes))

    @property
    def all_adopted(self) -> dict[str, str]:
        """Return the ids of all that is taken over, by part; users by `users.<name>`."""
        return {**dict(self.adopt), **{f"users.{key}": user_id for key, user_id in self.adopt_users}}

    def adopted(self, part: str) -> str | None:
        """Return the id of an existing part that is taken over."""
        return dict(self.adopt).get(part)
