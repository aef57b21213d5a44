"""SentinelCluster: one master, its replicas and the Sentinels that watch them, each on a DigitalOcean droplet of its own."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_digitalocean as digitalocean
import pulumi_random as random

from redis_ha.arguments import camel_case
from redis_ha.guard import Judge, Refusals, apart, before_creation, guard, hooks_of
from redis_ha.inputs import as_input_errors, known_now, outputs_of

from .changes import Out, recorded, refusals, resized
from .monitor_alerts import make_monitor_alerts
from .outputs import connection_document, credentials_document, desired_document
from .render import MAX_PASSWORD_LENGTH, ROLES, Passwords, check_size, cloud_config
from .slots import Slot, in_creation_order, seeds_of
from .topology import (
    NODE_EXPORTER_PORT,
    REDIS_EXPORTER_PORT,
    REDIS_PORT,
    SENTINEL_PORT,
    Plan,
    make_plan,
)

# 48 letters and digits: about 285 bits, and nothing that a configuration file, a URL or a shell could take for syntax.
PASSWORD_LENGTH = 48
# A given password: what redis.conf, sentinel.conf and ACL files take unquoted; short ones can be guessed (Redis answers fast).
GIVEN_PASSWORD = re.compile(rf"[!#-&(-\[\]-~]{{16,{MAX_PASSWORD_LENGTH}}}")
# Changing one of these would replace the droplet (terraform-provider-digitalocean, resource_droplet.go, ForceNew): no edit of a
# template, a key list or an image may ever take down a running node. Only the slot's generation replaces it.
IGNORED_AFTER_CREATION = ["user_data", "image", "ssh_keys", "monitoring", "droplet_agent", "ipv6", "public_networking"]
# A droplet is shut down before it is deleted, and a Redis may take its time to save; the provider's own limit is one minute.
DELETE_TIMEOUT = "10m"
OPEN_OUTWARDS = ["0.0.0.0/0", "::/0"]
# DNS, time, package mirrors: what a droplet needs of the world (a DigitalOcean firewall denies outbound traffic by default).
OUTBOUND = (("tcp", "53"), ("udp", "53"), ("udp", "123"), ("tcp", "80"), ("tcp", "443"))


class SentinelClusterArgs(TypedDict):
    """What a SentinelCluster is made of. Only `region`, and one of `vpc_id` and `vpc_ip_range`, have to be given."""

    region: str
    """Region slug of all droplets, e.g. `ams3`."""
    vpc_id: NotRequired[pulumi.Input[str]]
    """UUID of an existing VPC of that region for the droplets. Either this or `vpc_ip_range`."""
    vpc_ip_range: NotRequired[str]
    """Range of a VPC to make: private IPv4 (RFC 1918), /16 to /24, e.g. `10.20.0.0/24`. It must not overlap another VPC
    of the account."""
    name: NotRequired[str]
    """Name of the cluster, of its droplets and tag; unique in the account. Default: the resource's name."""
    master_name: NotRequired[str]
    """Name that Sentinel knows the master by. Default: the cluster's name. Never the same for two clusters that can
    reach each other."""
    replicas: NotRequired[int]
    """Replicas beside the master, 0 to 9. Default 2: after a loss one still confirms writes. A slot that is added later needs a
    generation above the lowest of the others, `generations: {data-3: 1}`: its droplet is told of those."""
    sentinels: NotRequired[int]
    """Sentinels: 3, 5 or 7. Default 3, which survive the loss of one."""
    quorum: NotRequired[int]
    """Sentinels that have to count the master as down before a failover starts. Default: the majority, which has to elect the
    leader in any case."""
    image: NotRequired[str]
    """Image slug: `debian-13-x64` (default, Redis 8.0) or `debian-12-x64` (Redis 7.0). Later changes affect replaced
    droplets only."""
    data_size: NotRequired[str]
    """Size slug of master and replicas. Default `s-2vcpu-4gb`."""
    sentinel_size: NotRequired[str]
    """Size slug of the Sentinels. Default `s-1vcpu-1gb`."""
    sizes: NotRequired[Mapping[str, str]]
    """Size slug of a slot by its name (`data-0`, `sentinel-2`) where it is another. A new size powers the droplet off for some
    minutes, so one `up` takes one slot: replicas first, the master last. When all have it, write it to `data_size`."""
    resize_disk: NotRequired[Sequence[str]]
    """Slots, by name, whose disk grows with their size, which cannot be taken back: a disk never shrinks. Naming one powers its
    droplet off. Default: none, a new size brings processors and memory only."""
    ssh_key_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Ids or fingerprints of the ssh keys that root may log in with. Later changes affect replaced droplets only."""
    project_id: NotRequired[pulumi.Input[str]]
    """Id of an existing project to list the droplets under. Default: the account's default project."""
    tags: NotRequired[Sequence[str]]
    """More tags of the droplets. A tag that exists already is written as DigitalOcean's control panel shows it: the capital
    letters with which it was made first stay, and the API wants them. Default: none."""
    client_sources: NotRequired[Sequence[str]]
    """Networks (CIDR) whose machines may use Redis and ask the Sentinels. Default: none."""
    client_tags: NotRequired[Sequence[str]]
    """Tags, which have to exist, whose droplets may do the same; at most 4. Default: none."""
    admin_sources: NotRequired[Sequence[str]]
    """Networks (CIDR) whose machines may also log in by ssh. Default: none."""
    metrics_sources: NotRequired[Sequence[str]]
    """Networks (CIDR) of the Prometheus servers that may read metrics, by HTTP from the private addresses. Where one is given,
    new droplets also run redis_exporter (port 9121) and node_exporter (port 9100). A droplet that exists gets them when it is
    replaced. Default: none, and no exporter."""
    alert_emails: NotRequired[Sequence[str]]
    """Mail addresses that DigitalOcean's monitoring tells of a busy processor, of memory and of disks that fill. It takes those
    of the team's members alone. Default: none, and no such alert."""
    down_after_ms: NotRequired[int]
    """Milliseconds without an answer after which a Sentinel counts a node as down, 200 to 600000. Default 5000: a pause of
    redis-server of a second or two starts no failover. A machine that answers no TCP counts as lost after half a second,
    whatever this says; not with less than 1000 here, nor where `quorum` is less than a majority. With less than 2000 a second
    failover may follow the first: Sentinels reach the new master about a second after they named it, and may call it down
    before."""
    failover_timeout_ms: NotRequired[int]
    """After a failed failover the next attempt waits twice this time, in milliseconds. It does not bound an outage. A failover
    whose replica crashes waits no longer than it takes to see that. Default 20000."""
    parallel_syncs: NotRequired[int]
    """Replicas that are re-pointed at the same time after a failover. Default 1."""
    min_replicas_to_write: NotRequired[int]
    """Replicas that have to follow for the master to take writes; 0 switches it off. Default 1: a master that is cut off alone
    stops acknowledging writes after `min_replicas_max_lag`. While no majority of the Sentinels names it, a master needs all the
    replicas that it has, whatever this says: one that is cut off together with a replica refuses writes when it misses the
    others. What it acknowledged until then is lost when the other side has promoted a replica."""
    min_replicas_max_lag: NotRequired[int]
    """Seconds without an acknowledgement after which a replica does not count as following, 2 to 60. Default 3."""
    maxmemory_mb: NotRequired[int]
    """Memory in MB for data. Default: 60 % of what the size slug names; the rest is for forks, buffers and the system."""
    maxmemory_policy: NotRequired[str]
    """Which keys a full Redis evicts. Default `noeviction`: none, it refuses writes instead."""
    persistence: NotRequired[str]
    """`aof+rdb` (default), `aof` or `rdb`. Without any, a master that restarts would empty its replicas."""
    extra_directives: NotRequired[Mapping[str, str]]
    """More lines of redis.conf by directive name. Those that the component sets are refused by name."""
    application_channels: NotRequired[Sequence[str]]
    """Pub/sub channels (patterns) of the application's user. Default: none."""
    generations: NotRequired[Mapping[str, int]]
    """Generation of a slot by its name (`data-0`, `sentinel-2`), default 0. Raising one, to one above the highest,
    replaces that droplet."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace the data droplets and the VPC. Default true; set false together with a
    raised generation."""
    application_password: NotRequired[pulumi.Input[str]]
    """Password of the application's user on Redis. Default: generated. All passwords: 16 to 128 printable characters, no space,
    quote or backslash."""
    discovery_password: NotRequired[pulumi.Input[str]]
    """Password of the application's user on the Sentinels. Default: generated."""
    replication_password: NotRequired[pulumi.Input[str]]
    """Password of replication. Default: generated."""
    sentinel_password: NotRequired[pulumi.Input[str]]
    """Password of the Sentinels on Redis. Default: generated."""
    sentinel_peer_password: NotRequired[pulumi.Input[str]]
    """Password of the Sentinels among themselves. Default: generated."""
    exporter_password: NotRequired[pulumi.Input[str]]
    """Password of a metrics exporter on Redis. Default: generated."""
    admin_password: NotRequired[pulumi.Input[str]]
    """Password of the administrator on Redis and Sentinels. Default: generated."""


class SentinelCluster(pulumi.ComponentResource):
    """A highly available Redis on DigitalOcean: a master, replicas, and Sentinels that replace the master when it is lost.

    Raw children: `vpc` (None when brought), `tag`, `firewall`, `monitor_alerts` (by key), `droplets` (by slot name),
    `passwords` (made ones, by role), `project_resources` (None without a project).
    """

    connection: pulumi.Output[dict[str, Any]]
    """How to connect: version, kind, master_name, sentinels, tls, failover. Not secret."""
    credentials: pulumi.Output[dict[str, Any]]
    """The application's user and password on Redis and on the Sentinels. Secret."""
    desired: pulumi.Output[dict[str, Any]]
    """What the live cluster should look like, for `redis-ha status` and `apply`. Secret."""
    addresses: pulumi.Output[dict[str, Any]]
    """Private and public address of every slot."""
    master_name: pulumi.Output[str]
    """The name that Sentinel knows the master by."""

    def __init__(self, name: str, args: SentinelClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the cluster. Raises pulumi.InputPropertiesError, before anything is registered, when arguments are wrong."""
        plan = checked_plan(name, args)
        self._apart = apart(opts)
        self._out = Out()
        scope = f"{name}-machines{self._apart}"
        judge, unfinished = machine_judge(plan, self._out), machine_judge(plan, self._out, finished=False)
        own = hooks_of(new_cluster(scope, self._out), guard(scope, judge, unfinished=unfinished))
        super().__init__(
            "redis-ha:index:SentinelCluster", name, recorded(plan, args.get("vpc_id")), pulumi.ResourceOptions.merge(opts, own)
        )
        self._name = name
        self.vpc = self._make_vpc(plan)
        vpc_id = self.vpc.id if self.vpc is not None else pulumi.Output.from_input(args["vpc_id"])
        self.tag = digitalocean.Tag(f"{name}-tag", name=plan.tag, opts=self._child())
        self.firewall = self._make_firewall(plan)
        self.monitor_alerts = make_monitor_alerts(name, plan.name, self.tag.name, plan.alert_emails, self._child())
        self.passwords: dict[str, random.RandomPassword] = {}
        passwords = self._all_passwords(args)
        self.droplets: dict[str, digitalocean.Droplet] = {}
        for slot in in_creation_order(plan.slots):
            self.droplets[slot.name] = self._make_droplet(plan, slot, vpc_id, passwords, args.get("ssh_key_ids"))
        self.project_resources = self._list_in_project(plan, args.get("project_id"))
        self._make_outputs(plan, passwords)

    @staticmethod
    def check(name: str, args: SentinelClusterArgs) -> Plan:
        """Check arguments, and make nothing; return what follows from them. Raises what making it would raise."""
        return checked_plan(name, args)

    def _child(self, **options: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **options)

    def _make_vpc(self, plan: Plan) -> digitalocean.Vpc | None:
        if plan.vpc_ip_range is None:
            return None
        return digitalocean.Vpc(
            f"{self._name}-vpc",
            name=plan.name,
            region=plan.region,
            ip_range=plan.vpc_ip_range,
            opts=self._child(protect=plan.protect),
        )

    def _make_firewall(self, plan: Plan) -> digitalocean.Firewall:
        """One firewall, by tag, made before the droplets: no machine ever boots unprotected."""
        sources = list(dict.fromkeys([*plan.client_sources, *plan.admin_sources]))
        tags = [self.tag.name, *plan.client_tags]
        ports = (str(REDIS_PORT), str(SENTINEL_PORT))
        inbound = [
            digitalocean.FirewallInboundRuleArgs(
                protocol="tcp", port_range=port, source_tags=tags, source_addresses=sources or None
            )
            for port in ports
        ]
        if plan.admin_sources:
            inbound.append(
                digitalocean.FirewallInboundRuleArgs(protocol="tcp", port_range="22", source_addresses=list(plan.admin_sources))
            )
        if plan.metrics_sources:
            inbound += [
                digitalocean.FirewallInboundRuleArgs(
                    protocol="tcp", port_range=str(port), source_addresses=list(plan.metrics_sources)
                )
                for port in (NODE_EXPORTER_PORT, REDIS_EXPORTER_PORT)
            ]
        outbound = [
            digitalocean.FirewallOutboundRuleArgs(protocol=protocol, port_range=port, destination_addresses=OPEN_OUTWARDS)
            for protocol, port in OUTBOUND
        ] + [
            digitalocean.FirewallOutboundRuleArgs(protocol="tcp", port_range=port, destination_tags=[self.tag.name])
            for port in ports
        ]
        return digitalocean.Firewall(
            f"{self._name}-firewall",
            name=plan.name,
            tags=[self.tag.name],
            inbound_rules=inbound,
            outbound_rules=outbound,
            opts=self._child(),
        )

    def _all_passwords(self, args: SentinelClusterArgs) -> pulumi.Output[Passwords]:
        values: dict[str, pulumi.Output[str]] = {}
        for role in ROLES:
            given: Any = args.get(f"{role}_password")
            values[role] = self._given_password(role, given) if given is not None else self._made_password(role)
        return pulumi.Output.secret(pulumi.Output.all(**values).apply(lambda found: Passwords(**found)))

    def _made_password(self, role: str) -> pulumi.Output[str]:
        made = random.RandomPassword(
            f"{self._name}-{role.replace('_', '-')}-password",
            length=PASSWORD_LENGTH,
            special=False,
            opts=self._child(ignore_changes=["length", "special"]),  # a new rule for passwords must not change old ones
        )
        self.passwords[role] = made
        result: pulumi.Output[str] = made.result
        return result

    @staticmethod
    def _given_password(role: str, given: pulumi.Input[str]) -> pulumi.Output[str]:
        return pulumi.Output.secret(given).apply(lambda password: checked_password(role, password))

    def _make_droplet(
        self,
        plan: Plan,
        slot: Slot,
        vpc_id: pulumi.Output[str],
        passwords: pulumi.Output[Passwords],
        ssh_keys: pulumi.Input[Sequence[pulumi.Input[str]]] | None,
    ) -> digitalocean.Droplet:
        seeds = {seed.name: self.droplets[seed.name].ipv4_address_private for seed in seeds_of(slot, plan.slots)}
        user_data = pulumi.Output.all(passwords=passwords, addresses=pulumi.Output.all(**seeds)).apply(
            lambda known: cloud_config(plan, slot, known["passwords"], known["addresses"])
        )
        secret: pulumi.Output[str] = pulumi.Output.secret(user_data)
        return digitalocean.Droplet(
            f"{self._name}-{slot.key}",
            name=slot.name,
            region=plan.region,
            image=plan.image,
            size=plan.size_of(slot),
            resize_disk=slot.key in plan.grown,
            vpc_uuid=vpc_id,
            ssh_keys=ssh_keys,
            tags=[self.tag.name, *plan.tags],
            user_data=secret,
            monitoring=True,
            graceful_shutdown=True,
            opts=self._child(
                depends_on=[self.firewall],
                ignore_changes=list(IGNORED_AFTER_CREATION),
                replacement_trigger=slot.generation,
                hooks=self._droplet_hooks(slot.key),
                protect=plan.protect if slot.kind == "data" else False,
                custom_timeouts=pulumi.CustomTimeouts(delete=DELETE_TIMEOUT),
            ),
        )

    def _droplet_hooks(self, key: str) -> pulumi.ResourceHookBinding | None:
        scope = f"{self._name}-{key}{self._apart}"
        made = before_creation(f"{scope}-creation", lambda: self._out.creation(key))
        return hooks_of(made, guard(scope, self._out.updates(key))).hooks

    def _list_in_project(self, plan: Plan, project_id: pulumi.Input[str] | None) -> digitalocean.ProjectResources | None:
        if project_id is None:
            return None
        urns = [self.droplets[slot.name].droplet_urn for slot in plan.slots]
        return digitalocean.ProjectResources(f"{self._name}-project", project=project_id, resources=urns, opts=self._child())

    def _make_outputs(self, plan: Plan, passwords: pulumi.Output[Passwords]) -> None:
        addresses = {
            slot.name: {
                "private": self.droplets[slot.name].ipv4_address_private,
                "public": self.droplets[slot.name].ipv4_address,
            }
            for slot in plan.slots
        }
        self.addresses = pulumi.Output.from_input(addresses)
        self.connection = self.addresses.apply(lambda known: connection_document(plan, known))
        self.credentials = passwords.apply(credentials_document)
        ids = {slot.name: self.droplets[slot.name].id for slot in plan.slots}
        self.desired = pulumi.Output.all(addresses=self.addresses, ids=ids, passwords=passwords).apply(
            lambda known: desired_document(plan, known["addresses"], known["ids"], known["passwords"])
        )
        self.master_name = pulumi.Output.from_input(plan.master_name)
        self.register_outputs(outputs_of(self))


def new_cluster(scope: str, out: Out) -> pulumi.ResourceHookBinding:
    """Return the hook that notes that the cluster is new: none of its slots has a machine that could be out."""

    def new() -> Refusals:
        out.look({}, {})
        return []

    return before_creation(f"{scope}-new", new)


def machine_judge(plan: Plan, out: Out, *, finished: bool = True) -> Judge:
    """Return what judges an update of the cluster; a disk that grows for good is warned of."""

    def judge(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
        out.look(old, new)
        found = refusals(old, new, finished=finished)
        for key in resized(old, new) if not found else ():
            if key in plan.grown:
                pulumi.log.warn(
                    f"the disk of {key} grows with its size for good: a size with a smaller disk is impossible then"
                )
        return found

    return judge


def checked_plan(name: str, args: Mapping[str, Any]) -> Plan:
    """Check the plain arguments. Raises pulumi.InputPropertiesError with all that is wrong with them."""
    with as_input_errors():
        known_now(f"SentinelCluster {name!r}", args, SentinelClusterArgs)
        plan = make_plan(name, args, known=tuple(SentinelClusterArgs.__annotations__))
        check_size(plan)
        for role in ROLES:
            given = args.get(f"{role}_password")
            if isinstance(given, str):  # an Output is checked when its value is known
                checked_password(role, given)
    return plan


def checked_password(role: str, password: str) -> str:
    """Check a given password; the message never holds it."""
    if not isinstance(password, str) or not GIVEN_PASSWORD.fullmatch(password):
        reason = (
            f"takes 16 to {MAX_PASSWORD_LENGTH} printable ASCII characters, no space, quote, backslash; without it one is made"
        )
        raise pulumi.InputPropertyError(camel_case(f"{role}_password"), f"{role}_password {reason}")
    return password
