"""The cache nodes of one stack. They live in the process that holds this object, and end with it, however it ends."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from pulumi_emulator.caches import change, following, health, measure, names, removal, software
from pulumi_emulator.caches.certificates import Authority
from pulumi_emulator.caches.group import PING_TIMEOUT, Emit, Group, Place
from pulumi_emulator.caches.measure import Reading
from pulumi_emulator.caches.names import HostName
from pulumi_emulator.caches.nameserver import Alias, NameServer, no_alias
from pulumi_emulator.caches.relay import Relay
from pulumi_emulator.caches.site import FIRST_NODE, Site
from pulumi_emulator.caches.spec import GroupSpec, check
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import preflight

# Booting machines needs more than running nodes.
COMMANDS: Final = {command: package for command, package in preflight.COMMANDS.items() if command != "systemd-nspawn"}
LOOK_EVERY: Final = 0.5  # seconds between two looks at a group that is whole
WHOLE_TIMEOUT: Final = 30.0  # seconds that a change waits for nodes on their way back
LOOK_SOON: Final = 0.1  # while something is on its way back


class CacheHost:
    """Runs groups of real cache nodes. Every method may be called from any thread; each returns when its work is done.

    `folder` is this object's own (what an earlier one left in it is removed first), `home` the emulator's cache folder;
    `emit` is told what the nodes' supervision does: group id, source type, source id, message, name of the SNS event or None;
    `alias` says where names lead to that are none of the endpoints'.
    Errors are EmulatorError. Needs root on Linux.
    """

    def __init__(self, folder: Path, home: Path, emit: Emit, alias: Alias = no_alias) -> None:
        self.folder = folder
        self.home = home
        preflight.check(home, COMMANDS)
        removal.remove(folder)
        folder.mkdir(parents=True, mode=0o700)
        self._groups: dict[str, Group] = {}
        self._names: dict[str, tuple[Group, HostName]] = {}
        self._turns: dict[str, int] = {}
        self._zones_down: dict[str, frozenset[str] | None] = {}  # zone -> the groups it holds for; None: all
        self._relay: Relay | None = None
        self._used_addresses = 0
        self._lock = threading.Lock()
        self._ending: dict[str, threading.Event] = {}
        # A node dies with the thread that started it (PR_SET_PDEATHSIG): this one lives as long as the host.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="cache nodes")
        self._site = Site(folder)
        self._site.ensure()
        authority = Authority(folder)
        self._site.write_lookup(authority.pem)
        self._place = Place(folder, self._site, authority, self._root, self._spawn, self._take_address, emit, self._the_relay)
        self._name_server = NameServer(self._site, self._lookup, alias)

    def ensure_software(self, report: Callable[[str], None]) -> None:
        """Build both engines' programs when they are not there."""
        for engine in software.SOFTWARE:
            software.ensure_engine(self.home, engine, report)

    def create(self, spec: GroupSpec) -> None:
        """Start a group; returns when all its nodes have their place and its names resolve."""
        check(spec)
        with self._lock:
            if spec.group_id in self._groups:
                raise EmulatorError(f"cache group {spec.group_id} exists already")
            group = self._groups[spec.group_id] = Group(self._place, spec, secrets.token_hex(32))
        with group.lock, _speaking_of(spec.group_id):
            try:
                group.add(spec.nodes)
                health.way_of(group).form(group)
            except BaseException:
                self._forget(group)
                raise
            self._publish(group)
        ending = self._ending[spec.group_id] = threading.Event()
        threading.Thread(target=self._watch, args=(group, ending), daemon=True, name=f"cache health {spec.group_id}").start()

    def change(self, spec: GroupSpec) -> None:
        """Bring a group to another specification with all its data: nodes, shards and their slots, access, parameters, limit.

        Engine (redis to valkey), cluster mode (off to on) and TLS modes change with one short break of all connections.
        """
        check(spec)
        group = self._group(spec.group_id)
        pairs = [(spec, group.leader.spec)] if group.leader is not None else []
        for one, leader in [*pairs, *((other.spec, spec) for other in self._followers(group))]:
            reason = following.refusal(one, leader)
            if reason is not None:
                raise EmulatorError(f"cache group {one.group_id} could not follow {leader.group_id} any more: {reason}")
        deadline = time.monotonic() + WHOLE_TIMEOUT
        while not self.whole(spec.group_id):
            if time.monotonic() > deadline:
                gone = ", ".join(node_id for node_id, role in group.roles().items() if role == "gone")
                raise EmulatorError(f"cache group {spec.group_id} cannot be changed while {gone} are gone")
            time.sleep(LOOK_SOON)
        followers = self._followers(group)
        try:
            if spec.slots != group.spec.slots:
                self._let_links_rest(group, followers)
            with group.lock, _speaking_of(spec.group_id):
                change.change(group, spec, self._publish)
        finally:
            group.resharding = False
        for follower in [group, *followers]:
            self._wait_copied(follower)

    def follow(self, group_id: str, leader_id: str) -> None:
        """Throw a group's data away and let it follow another: it serves reads with that one's data, and refuses writes.

        Returns when the first copy is done. Its shards need the leader's slots; errors come before anything is touched.
        """
        group, leader = self._group(group_id), self._group(leader_id)
        with group.lock, _speaking_of(group_id):
            reason = following.refusal(group.spec, leader.spec)
            if leader.leader is not None:
                reason = f"that group follows {leader.leader.spec.group_id} itself: follow that one"
            if reason is None and self._followers(group):
                reason = (
                    f"{', '.join(other.spec.group_id for other in self._followers(group))} follow it: promote another first"
                )
            if reason is None and not following.same_shards(group.spec, leader.spec):
                reason = "its shards have other slots: bring both to the same ones first"
            if reason is not None:
                raise EmulatorError(f"cache group {group_id} cannot follow {leader_id}: {reason}")
            following.begin(group, leader)

    def lead(self, group_id: str) -> None:
        """Let a group follow nobody any more: it takes writes and keeps the data that had arrived."""
        group = self._group(group_id)
        with group.lock, _speaking_of(group_id):
            if group.leader is not None:
                following.end(group)

    def promote(self, group_id: str, followers: Sequence[str]) -> None:
        """Make a group the leader that all others follow, also the former leader, now or when its nodes are back.

        While that one lives its writes wait, what it acknowledged arrives first, and they are refused then. Returns when the
        group takes writes; `lag` of each follower tells when it follows.
        """
        group, others = self._group(group_id), [self._group(other) for other in followers if other != group_id]
        old = [group.leader] if group.leader is not None else []
        with _holding([group, *others, *old]), _speaking_of(group_id):
            for other in others:
                reason = following.refusal(other.spec, group.spec)
                if reason is not None:
                    raise EmulatorError(f"cache group {other.spec.group_id} cannot follow {group_id}: {reason}")
            following.promote(group, others)

    def lag(self, group_id: str) -> float | None:
        """Return the seconds since a group's leader was last heard; None when the link is down or it follows nobody."""
        return following.lag(self._group(group_id))

    def leaders(self) -> dict[str, str]:
        """Return group id -> the id of the group that it follows."""
        return {group.spec.group_id: group.leader.spec.group_id for group in self._all() if group.leader is not None}

    def delete(self, group_id: str) -> None:
        """End a group's nodes; its names are gone. Groups that followed it lead themselves then."""
        group = self._group(group_id)
        self._ending.pop(group_id, threading.Event()).set()
        for other in self._followers(group):
            self.lead(other.spec.group_id)
        with group.lock:
            self._forget(group)

    def groups(self) -> list[str]:
        """Return the groups' ids."""
        return sorted(self._groups)

    def roles(self, group_id: str) -> dict[str, str]:
        """Return node id -> "primary", "replica" or "gone"."""
        return self._group(group_id).roles()

    def readings(self, group_id: str) -> dict[str, Reading]:
        """Return what each node says of itself now, by its id; one that is gone, or does not answer, is left out."""
        group = self._group(group_id)
        found = {}
        for node_id, role in group.roles().items():
            node = group.nodes.get(node_id)
            if role != "gone" and node is not None:
                with suppress(OSError, EmulatorError):
                    found[node_id] = measure.read(node, PING_TIMEOUT)
        return found

    def whole(self, group_id: str) -> bool:
        """Tell whether every node of a group serves and nothing is being recovered."""
        group = self._group(group_id)
        return not group.recovering and "gone" not in group.roles().values()

    def trouble(self, group_id: str) -> dict[str, str]:
        """Return why nodes of a group are not back yet, by node id, and by the group's what else went wrong last."""
        return dict(self._group(group_id).trouble)

    def addresses(self, group_id: str) -> dict[str, str]:
        """Return a group's host names and the address each has now; a name that leads nowhere is left out."""
        group = self._group(group_id)
        found = {name.name: self._answers(group, name, 0) for name in names.host_names(group.spec)}
        return {name: addresses[0] for name, addresses in found.items() if addresses}

    def test_failover(self, group_id: str, shard: str) -> None:
        """Let a shard's primary vanish; returns when a replica is promoted. The old one comes back, empty, as its replica."""
        group = self._group(group_id)
        with group.lock, _speaking_of(group_id):
            if shard not in group.primaries:
                raise EmulatorError(
                    f"cache group {group_id} has no node group {shard!r}: it has {', '.join(group.spec.shards)}"
                )
            if not group.spec.automatic_failover or not group.replicas(shard):
                raise EmulatorError(
                    f"cache group {group_id}: node group {shard} cannot fail over: "
                    "it needs automatic failover and a live replica"
                )
            group.tell("replication-group", group_id, f"Test Failover API called for node group {shard}")
            group.take_down([group.primary(shard)])
            if health.fail_over(group, shard) is None:
                raise EmulatorError(f"cache group {group_id}: no replica of node group {shard} could be promoted")

    def hand_over(self, group_id: str, node_id: str) -> None:
        """Make a replica its shard's primary without a loss; returns when the old one follows it."""
        group = self._group(group_id)
        with group.lock, _speaking_of(group_id):
            chosen = group.nodes.get(node_id)
            if chosen is None:
                raise EmulatorError(f"cache group {group_id} has no node {node_id!r}: it has {', '.join(group.nodes)}")
            shard = chosen.spec.shard
            if group.primary(shard) is not chosen:
                health.way_of(group).hand_over(group, shard, chosen)

    def zone_down(self, zone: str, groups: Sequence[str] | None = None) -> None:
        """Take the power from all nodes in a zone (or only these groups'), silently; returns when replicas are promoted."""
        self._zones_down[zone] = None if groups is None else frozenset(groups)
        for group in self._all():
            if zone in self._down_for(group):
                group.take_down([node for node in list(group.nodes.values()) if node.spec.zone == zone])
        self._look_at_all()

    def zone_up(self, zone: str) -> None:
        """Give the power back: the zone's nodes return, empty, as replicas. Returns when they are started."""
        self._zones_down.pop(zone, None)
        self._look_at_all()

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs a command where the endpoint names resolve and the authority is trusted."""
        return self._site.command(argv)

    def listen(self, port: int) -> socket.socket:
        """Return a listening socket at 127.0.0.1:port of the namespace: commands run in there have a loopback of their own."""
        return self._site.within(lambda: socket.create_server(("127.0.0.1", port)))

    def stop(self) -> None:
        """End everything and remove the folder."""
        for ending in list(self._ending.values()):
            ending.set()
        for group in self._all():
            with group.lock:
                self._forget(group)
        self._starter.shutdown()
        self._name_server.stop()
        if self._relay is not None:
            self._relay.stop()
        removal.remove(self.folder)

    def leftovers(self) -> list[str]:
        """Name what is here of this host."""
        return removal.leftovers(self.folder)

    def _group(self, group_id: str) -> Group:
        group = self._groups.get(group_id)
        if group is None:
            raise EmulatorError(f"there is no cache group {group_id!r}: there are {', '.join(self.groups()) or 'none'}")
        return group

    def _all(self) -> list[Group]:
        return list(self._groups.values())

    def _followers(self, leader: Group) -> list[Group]:
        return [group for group in self._all() if group.leader is leader]

    @staticmethod
    def _let_links_rest(group: Group, followers: Sequence[Group]) -> None:
        """End all links of a group whose slots are about to move: keys on their way are no writes for other regions."""
        group.resharding = True
        for follower in [group, *followers]:
            with follower.lock, suppress(OSError, EmulatorError):
                following.tend(follower)

    @staticmethod
    def _wait_copied(group: Group) -> None:
        """Wait a while until a group follows its leader again; its watch goes on when that does not come."""
        with group.lock, suppress(OSError, EmulatorError):
            if group.leader is not None and following.reachable(group):
                following.tend(group)
                following.wait_copied(group, WHOLE_TIMEOUT)

    def _root(self, engine: str) -> Path:
        return software.ensure_engine(self.home, engine, lambda _: None)

    def _the_relay(self) -> Relay:
        with self._lock:
            if self._relay is None:
                self._relay = Relay(self._site)
            return self._relay

    def _down_for(self, group: Group) -> set[str]:
        zones = self._zones_down.items()
        return {zone for zone, groups in list(zones) if groups is None or group.spec.group_id in groups}

    def _spawn(self, action: Callable[[], None]) -> None:
        self._starter.submit(action).result()

    def _take_address(self) -> str:
        with self._lock:
            self._used_addresses += 1
            return str(FIRST_NODE + self._used_addresses - 1)

    def _publish(self, group: Group) -> None:
        served = {name.name: (group, name) for name in names.host_names(group.spec)}
        with self._lock:
            others = {name: entry for name, entry in self._names.items() if entry[0] is not group}
            self._names = others | served

    def _forget(self, group: Group) -> None:
        with self._lock:
            self._groups.pop(group.spec.group_id, None)
            self._names = {name: entry for name, entry in self._names.items() if entry[0] is not group}
        following.stop_links(group)
        for node in list(group.nodes.values()):
            group.drop(node)
        removal.remove_files(self.folder / group.spec.group_id)

    def _lookup(self, name: str, wanted: bool) -> list[str] | None:
        entry = self._names.get(name)
        if entry is None:
            return None
        turn = self._turns[name] = self._turns.get(name, -1) + wanted
        return self._answers(*entry, turn)

    @staticmethod
    def _answers(group: Group, name: HostName, turn: int) -> list[str]:
        addresses = {node_id: node.address for node_id, node in list(group.nodes.items())}
        return names.answers(name, addresses, group.roles(), turn)

    def _watch(self, group: Group, ending: threading.Event) -> None:
        pause = LOOK_EVERY
        while not ending.wait(pause):
            with group.lock:
                if ending.is_set():
                    return
                try:
                    pause = LOOK_EVERY if health.look(group, self._down_for(group)) else LOOK_SOON
                except (OSError, EmulatorError) as error:
                    group.trouble[group.spec.group_id] = str(error) or type(error).__name__
                    pause = LOOK_SOON  # a node died while it was asked: the next look sees that

    def _look_at_all(self) -> None:
        groups = self._all()
        if groups:
            with ThreadPoolExecutor(len(groups)) as pool:
                list(pool.map(self._look, groups))

    def _look(self, group: Group) -> None:
        with group.lock:
            if group.spec.group_id in self._groups:
                with suppress(OSError, EmulatorError):  # a node died while it was asked: the group's own watch goes on
                    health.look(group, self._down_for(group))


@contextmanager
def _holding(groups: Sequence[Group]) -> Iterator[None]:
    """Hold the locks of several groups. Always in one order: nobody then waits for whom waits for him."""
    with ExitStack() as stack:
        for group in sorted({id(group): group for group in groups}.values(), key=lambda group: group.spec.group_id):
            stack.enter_context(group.lock)
        yield


@contextmanager
def _speaking_of(group_id: str) -> Iterator[None]:
    """Let a node that stopped answering be an error that says so."""
    try:
        yield
    except OSError as error:
        raise EmulatorError(f"a node of cache group {group_id} does not answer ({error}): try again when it is back") from error
