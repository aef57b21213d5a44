"""The servers that the writers write to: Sentinel as processes on loopback, and the emulated caches in their namespace."""

# Groups and nodes of a host of caches have no public way to be hurt: they are for the emulator alone.
# ruff: noqa: SLF001

import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from bench.clients.summary import REFUSED
from pulumi_emulator.caches.host import CacheHost
from pulumi_emulator.caches.names import configuration_name, primary_name
from pulumi_emulator.caches.spec import Access
from pulumi_emulator.stacks import emulator_home
from tests.support.cache_groups import Told, cluster_spec, group_spec
from tests.support.loopback_cluster import LoopbackCluster, running
from tests.support.waiting import wait_until

FAULTS = ("killed", "frozen", REFUSED)
DOWN_AFTER_MS, FAILOVER_TIMEOUT_MS = 5_000, 20_000  # the component's defaults
TOKEN = secrets.token_hex(16)
SHARD = "0001"
UNSEEN_SECONDS = 5  # from the loss of a primary until the emulated ElastiCache acts, with cluster mode off


class World(ABC):
    """One master or primary that can be lost, and what writers need to find it."""

    prefix: str  # of all keys: in cluster mode they lie on one shard
    environment: dict[str, str]  # what every writer is told
    nodes: list[str]  # the addresses that could take the writes

    @staticmethod
    def faults(form: str) -> tuple[str, ...]:
        """Return the faults that a form knows."""
        return FAULTS if form == "sentinel" else tuple(fault for fault in FAULTS if fault != REFUSED)

    @abstractmethod
    def lose(self, fault: str) -> None:
        """Kill what takes the writes, or let it stand still."""

    @abstractmethod
    def values(self, keys: Sequence[str]) -> list[object]:
        """Return the keys' values from whatever takes the writes now."""

    def command(self, argv: list[str]) -> list[str]:
        """Return the command line that runs a writer where the servers are reached."""
        return argv

    def prepare(self, root: Path) -> None:
        """Let programs in another root file system look names up as the others do."""
        for name in ("resolv.conf", "nsswitch.conf"):
            shutil.copyfile(f"/etc/{name}", root / "etc" / name)


class SentinelWorld(World):
    """The component's rendered data nodes and Sentinels, with their agents."""

    prefix = ""

    def __init__(self, cluster: LoopbackCluster) -> None:
        self._cluster = cluster
        self._lost: str | None = None
        passwords = cluster.passwords
        self.nodes = [f"{node.address}:{node.port}" for node in cluster.data]
        self.environment = {
            "HOSTS": ",".join(f"{node.address}:{node.port}" for node in cluster.sentinels),
            "MASTER_NAME": cluster.plan.master_name,
            "USERNAME": "application",
            "PASSWORD": passwords.application,
            "SENTINEL_USERNAME": "application",
            "SENTINEL_PASSWORD": passwords.discovery,
        }

    def lose(self, fault: str) -> None:
        master = self._cluster.master()
        self._lost = master.address
        for process in master.processes.values():
            process.end(signal.SIGKILL) if fault == "killed" else os.killpg(process.popen.pid, signal.SIGSTOP)  # type: ignore[union-attr]

    def values(self, keys: Sequence[str]) -> list[object]:
        (master,) = [node for node in self._cluster.data if node.address != self._lost and node.role() == "master"]
        password = self._cluster.passwords.admin
        with redis.Redis(
            master.address, master.port, username="admin", password=password, retry=Retry(NoBackoff(), 0)
        ) as client:
            return list(client.mget(keys))


class CacheWorld(World):
    """A group of emulated caches, by its primary endpoint or its configuration endpoint."""

    def __init__(self, host: CacheHost, form: str) -> None:
        given: dict[str, Any] = {"tls": False, "plain": True, "access": Access(TOKEN)}
        self._host, self.prefix = host, ""
        self._spec = cluster_spec("clients", **given) if form == "cluster" else group_spec("clients", nodes=3, **given)
        host.create(self._spec)
        self._group = host._group("clients")
        if form == "cluster":
            first, last = (int(edge) for edge in self._spec.slots[SHARD].split("-"))
            self.prefix = next(tag for number in range(1000) if first <= key_slot((tag := f"{{{number}}}").encode()) <= last)
        name = (configuration_name if form == "cluster" else primary_name)(self._spec, tls=False)
        self.nodes = [f"{node.address}:{self._spec.port}" for node in self._group.nodes.values() if node.spec.shard == SHARD]
        self.environment = {"HOSTS": f"{name}:{self._spec.port}", "USERNAME": "", "PASSWORD": TOKEN}

    def lose(self, fault: str) -> None:
        begun = threading.Event()
        threading.Thread(target=self._lose, args=(fault, begun)).start()
        begun.wait()

    def _lose(self, fault: str, begun: threading.Event) -> None:
        process = self._group.primary(SHARD).process
        assert process is not None
        # The emulator sees a dead process at once; ElastiCache does not. In cluster mode the servers themselves elect.
        with nullcontext() if self._group.spec.cluster else self._group.lock:
            process.send_signal(signal.SIGKILL if fault == "killed" else signal.SIGSTOP)
            begun.set()
            time.sleep(UNSEEN_SECONDS)

    def values(self, keys: Sequence[str]) -> list[object]:
        answer = self._group.primary(SHARD).ask("MGET", *keys)
        assert isinstance(answer, list)
        return answer

    def command(self, argv: list[str]) -> list[str]:
        return self._host.command(argv)

    def prepare(self, root: Path) -> None:
        for name in ("resolv.conf", "nsswitch.conf"):
            shutil.copyfile(self._host._site.lookup / name, root / "etc" / name)

    def wait_whole(self) -> None:
        wait_until(lambda: self._host.whole("clients"), "the caches are whole")


@contextmanager
def world(form: str) -> Iterator[World]:
    """Start the servers of a form and end them; nothing of them is left."""
    with tempfile.TemporaryDirectory(prefix="redis-ha-clients-") as folder:
        if form == "sentinel":
            with running(Path(folder), down_after_ms=DOWN_AFTER_MS, failover_timeout_ms=FAILOVER_TIMEOUT_MS) as cluster:
                yield SentinelWorld(cluster)
            return
        host = CacheHost(Path(folder) / "caches", emulator_home(), Told())
        try:
            host.ensure_software(print)
            caches = CacheWorld(host, form)
            caches.wait_whole()
            yield caches
        finally:
            host.stop()
