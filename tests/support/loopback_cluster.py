"""A cluster of plain processes on loopback addresses: the rendered files, the real agents, the real redis-server. No systemd.

Each node does what its unit does: install, gate, redis-server with the unit's arguments, agent. Every 127.x address can be
bound without set-up; the files name a source address, else all connections would come from 127.0.0.1.
"""

import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from redis_ha.sentinel import render
from redis_ha.sentinel.node.config import NOWHERE
from redis_ha.sentinel.node.resp import Connection, ReplyError, info_fields, pairs
from redis_ha.sentinel.slots import Kind, Slot, in_creation_order
from redis_ha.sentinel.topology import Plan, make_plan
from tests.support.loopback import next_subnet
from tests.support.redis_processes import GUARD
from tests.support.waiting import wait_until

PYTHON = "/usr/bin/python3"  # Debian's, as on a node: no package of this repository's environment is there


@dataclass
class Process:
    """One process of a node and where its output goes."""

    argv: list[str]
    environment: dict[str, str]
    log: Path
    popen: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            # A process group of its own, as a unit has: the shell's gate must not outlive the shell.
            self.popen = subprocess.Popen(
                [*GUARD, *self.argv],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environment,
                start_new_session=True,
            )

    def pids(self) -> list[int]:
        assert self.popen is not None
        found = []
        for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
            with suppress(ProcessLookupError):
                found += [pid] if os.getpgid(pid) == self.popen.pid else []
        return found

    def end(self, number: int = signal.SIGKILL) -> None:
        if self.popen is not None:
            os.killpg(self.popen.pid, number)
            self.popen.wait(30)
            self.popen = None


@dataclass
class LoopbackNode:
    """A node of the cluster."""

    slot: Slot
    address: str
    folder: Path
    layout: render.Layout
    passwords: render.Passwords
    processes: dict[str, Process] = field(default_factory=dict)
    enter: tuple[str, ...] = ()  # what stands before a command that runs where the node is

    @property
    def port(self) -> int:
        return self.layout.redis_port if self.slot.kind == "data" else self.layout.sentinel_port

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(self.folder / "library"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "REDIS_HA_STATE": self.layout.state,
            "REDIS_HA_SEED": self.layout.seed,
            "REDIS_HA_METADATA": (self.folder / "address").as_uri(),
        }

    def start(self) -> None:
        """What the units do: install and gate, then the server; the agent beside it."""
        state = Path(self.layout.state)
        module = f"{PYTHON} -m redis_ha_node"
        if self.slot.kind == "data":
            # A file that may not grow (RLIMIT_FSIZE) is then an error to redis-server, as a full disk is, and not its end.
            server = f"trap '' XFSZ; {module} install && {module} gate"
            server += f" && exec redis-server {state}/config/redis.conf --supervised no"
            server += f" --replicaof {NOWHERE[0]} {NOWHERE[1]} --replica-priority 0"
        else:
            # Started anew whenever it ends, as its unit is: the agent ends a Sentinel in TILT. It dies with the shell.
            sentinel = f"{' '.join(GUARD)} redis-server {state}/config/sentinel.conf --sentinel --supervised no"
            server = f"while :; do {module} install && {sentinel}; sleep 0.5; done"
        self._run("server", ["/bin/sh", "-c", server])
        self.start_agent()

    def start_agent(self) -> None:
        module = f"{PYTHON} -m redis_ha_node"
        agent = "data-agent" if self.slot.kind == "data" else "sentinel-agent"
        self._run("agent", ["/bin/sh", "-c", f"{module} install && exec {module} {agent}"])

    def _run(self, name: str, argv: list[str]) -> None:
        process = Process([*self.enter, *argv], self.environment(), self.folder / f"{name}.log")
        process.start()
        self.processes[name] = process

    def kill(self) -> None:
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                process.end()

    def wipe_data(self) -> None:
        for entry in (Path(self.layout.state) / "data").iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def call(self, *words: str | int, user: str = "admin", timeout: float = 1.0) -> object:
        password = {"admin": self.passwords.admin, "application": self.passwords.application}[user]
        source = None if self.enter else self.address
        connection = Connection((self.address, self.port), username=user, password=password, timeout=timeout, source=source)
        try:
            return connection.call(*words)
        finally:
            connection.close()

    def info(self) -> dict[str, str]:
        return info_fields(self.call("INFO"))  # type: ignore[arg-type]

    def role(self) -> str:
        try:
            return self.info()["role"]
        except (OSError, ReplyError):
            return "down"

    def answers(self) -> bool:
        try:
            return self.call("PING") == "PONG"
        except (OSError, ReplyError):
            return False

    def log(self, name: str = "server") -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")


class LoopbackCluster:
    """All nodes of one cluster."""

    def __init__(self, folder: Path, **args: object) -> None:
        arguments = {
            "region": "ams3",
            "vpc_ip_range": "10.20.0.0/24",
            "down_after_ms": 2000,  # with less a busy machine fails over by itself
            "failover_timeout_ms": 4000,
        } | args
        self.plan: Plan = make_plan("proc", arguments)
        self.passwords = render.Passwords(**{role: f"{role}-" + "p" * 24 for role in render.ROLES})
        self.folder = folder
        net = self.subnet()
        self.addresses = {slot.name: f"{net}.{10 + number}" for number, slot in enumerate(self.plan.slots)}
        self.nodes = {slot.key: self._node(slot, self.addresses[slot.name]) for slot in in_creation_order(self.plan.slots)}

    def subnet(self) -> str:
        return next_subnet()

    def _node(self, slot: Slot, address: str, suffix: str = "") -> LoopbackNode:
        folder = self.folder / f"{slot.key}{suffix}"
        layout = render.Layout(
            state=str(folder / "state"), seed=str(folder / "seed"), library=str(folder / "library"), owner="root"
        )
        node = LoopbackNode(slot, address, folder, layout, self.passwords)
        for directory in ("seed", "library/redis_ha_node"):
            (folder / directory).mkdir(parents=True)
        (folder / "address").write_text(address)
        for name, content in render.seed_files(self.plan, slot, self.passwords, self.addresses, layout).items():
            # All nodes share one loopback here: the second bound address would clash.
            (folder / "seed" / name).write_text(content.replace("bind @SELF_ADDRESS@ 127.0.0.1", "bind @SELF_ADDRESS@"))
        for name, content in render.node_modules(slot.kind).items():
            (folder / "library/redis_ha_node" / name).write_text(content)
        return node

    def replaced(self, key: str, address: str) -> LoopbackNode:
        """A new machine in a slot, with an empty disk, and told of all others."""
        slot = self.nodes[key].slot
        newer = Slot(slot.cluster, slot.kind, slot.index, 1)
        slots = tuple(newer if other.key == key else other for other in self.plan.slots)
        self.plan = Plan(**{**self.plan.__dict__, "slots": slots})
        self.addresses[slot.name] = address
        self.nodes[key] = self._node(newer, address, "-new")
        return self.nodes[key]

    def added(self, kind: Kind, index: int, generation: int) -> LoopbackNode:
        """A new machine in a new slot, as `replicas` or `sentinels` raised by one makes it."""
        slot = Slot("proc", kind, index, generation)
        self.plan = Plan(**{**self.plan.__dict__, "slots": (*self.plan.slots, slot)})
        net = next(iter(self.addresses.values())).rsplit(".", 1)[0]
        self.addresses[slot.name] = f"{net}.{100 + len(self.addresses)}"
        self.nodes[slot.key] = self._node(slot, self.addresses[slot.name])
        return self.nodes[slot.key]

    @property
    def data(self) -> list[LoopbackNode]:
        return [node for node in self.nodes.values() if node.slot.kind == "data"]

    @property
    def sentinels(self) -> list[LoopbackNode]:
        return [node for node in self.nodes.values() if node.slot.kind == "sentinel"]

    def masters(self) -> list[LoopbackNode]:
        return [node for node in self.data if node.role() == "master"]

    def named(self) -> set[str]:
        """The master's address as each Sentinel names it."""
        names: set[str] = set()
        for sentinel in self.sentinels:
            try:
                names.add(pairs(sentinel.call("SENTINEL", "MASTER", self.plan.master_name))["ip"])  # type: ignore[arg-type]
            except (OSError, ReplyError):
                names.add("none")
        return names

    def is_whole(self) -> bool:
        """One master that all Sentinels name, all replicas following it, all Sentinels knowing one another."""
        masters = self.masters()
        if len(masters) != 1 or self.named() != {masters[0].address}:
            return False
        try:
            infos = [node.info() for node in self.data if node is not masters[0]]
            followed = all(
                info.get("master_host") == masters[0].address and info.get("master_link_status") == "up" for info in infos
            )
            known = [pairs(node.call("SENTINEL", "MASTER", self.plan.master_name)) for node in self.sentinels]  # type: ignore[arg-type]
        except (OSError, ReplyError):
            return False
        others = str(len(self.sentinels) - 1)
        replicas = len(self.data) - 1
        return followed and all(view["num-other-sentinels"] == others and int(view["num-slaves"]) >= replicas for view in known)

    def master(self) -> LoopbackNode:
        (master,) = self.masters()
        return master

    def start(self) -> None:
        for node in self.nodes.values():
            node.start()

    def end(self) -> None:
        for node in self.nodes.values():
            node.kill()

    def wait_whole(self) -> None:
        try:
            wait_until(self.is_whole, "one master, all following, all Sentinels agreeing")
        except AssertionError as error:
            views = {key: node.role() for key, node in self.nodes.items() if node.slot.kind == "data"}
            logs = "\n".join(f"--- {key} agent\n{node.log('agent')[-1500:]}" for key, node in self.nodes.items())
            raise AssertionError(f"{error}; roles {views}, named {self.named()}\n{logs}") from None


@dataclass
class Acknowledged:
    """A write that a node took, and when it was asked and answered (monotonic seconds)."""

    node: str
    sent: float
    answered: float
    value: str


class Prober:
    """Writes to every data node directly, all the time, as an application that was never told of a failover would."""

    EVERY_S = 0.02

    def __init__(self, cluster: LoopbackCluster) -> None:
        self._cluster = cluster
        self._stop = threading.Event()
        self.acknowledged: list[Acknowledged] = []
        self._threads = [
            threading.Thread(target=self._probe, args=(key,), daemon=True) for key in cluster.nodes if key.startswith("data")
        ]

    def _probe(self, key: str) -> None:
        connection: Connection | None = None
        number = 0
        while not self._stop.wait(self.EVERY_S):
            node = self._cluster.nodes[key]
            sent = time.monotonic()
            try:
                if connection is None:
                    password = self._cluster.passwords.application
                    connection = Connection((node.address, node.port), username="application", password=password, timeout=0.3)
                number += 1
                value = f"{key}-{number}"
                connection.call("SET", f"probe:{value}", value)
                self.acknowledged.append(Acknowledged(key, sent, time.monotonic(), value))
            except ReplyError:
                continue  # READONLY, NOREPLICAS, LOADING: refused
            except OSError:
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)

    def turns(self) -> list[str]:
        """The nodes that took writes, in order of time, each as long as it did: no node may come back in between."""
        order = sorted(self.acknowledged, key=lambda write: write.answered)
        return [write.node for number, write in enumerate(order) if number == 0 or order[number - 1].node != write.node]

    def assert_one_at_a_time(self) -> None:
        """Fail when two nodes took writes in the same stretch of time."""
        assert self.acknowledged, "no write was ever taken: the probe proves nothing"
        spans: dict[str, list[tuple[float, float]]] = {}
        for write in sorted(self.acknowledged, key=lambda write: write.sent):
            stretches = spans.setdefault(write.node, [])
            if stretches and write.sent - stretches[-1][1] < 0.5:
                stretches[-1] = (stretches[-1][0], write.answered)
            else:
                stretches.append((write.sent, write.answered))
        every = sorted((start, end, node) for node, stretches in spans.items() for start, end in stretches)
        for (_, end, node), (start, _, other) in itertools.pairwise(every):
            assert node == other or start >= end, f"{node} and {other} took writes at the same time for {end - start:.2f} s"


@contextmanager
def running(folder: Path, **args: object) -> Iterator[LoopbackCluster]:
    cluster = LoopbackCluster(folder, **args)
    try:
        cluster.start()
        cluster.wait_whole()
        yield cluster
    finally:
        cluster.end()
