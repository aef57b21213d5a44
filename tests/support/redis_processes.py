"""A Sentinel topology from plain processes on the loopback range: real redis-server and Sentinels, ACL users as a stack's.

Every 127.0.0.0/8 address can be bound on Linux without set-up, so each node gets an address of its own and the usual port.
Processes are ended by their own handle only, and `stop` leaves none behind.
"""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on execute_command.

import contextlib
import secrets
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.loopback import next_subnet
from tests.support.waiting import wait_until

# Before a command: it ends with the test run even if that is killed (prctl(2), PR_SET_PDEATHSIG). That counts for the thread
# that starts it, so nodes are started from the main thread.
GUARD = ("setpriv", "--pdeathsig", "KILL")
DATA_PORT = 6379
SENTINEL_PORT = 26379
ADMIN = "admin"
USERS = ("application", "replication", "sentinel", ADMIN, "sentinel-peer")
ADMIN_SECONDS = 10  # far above what an answer takes on a busy machine: a silence of a node is never awaited by this client


@dataclass(eq=False)
class Node:
    """One redis-server or redis-sentinel process with a folder, an address and a name of its own."""

    name: str
    kind: str  # data | sentinel
    slot: int
    host: str
    port: int
    directory: Path
    process: subprocess.Popen[bytes] | None = None
    frozen: bool = False

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, *arguments: str) -> None:
        assert not self.running, f"{self.name} runs already"
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed"
        mode = ["--sentinel"] if self.kind == "sentinel" else []
        command = [*GUARD, program, str(self.directory / "redis.conf"), *mode, *arguments]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as when a machine loses its power behind a silent network."""
        self.signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)
        self.frozen = False

    def kill(self) -> None:
        """SIGKILL, also of a frozen process: connections are closed by the kernel."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
            self.process = None
        self.frozen = False


def admin_client(node: Node, password: str, tls_directory: Path | None = None) -> redis.Redis:
    """A plain client for one node as admin, for looking and for breaking things; no retries."""
    tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(tls_directory / "ca.crt")} if tls_directory else {}
    return redis.Redis(
        node.host,
        node.port,
        username=ADMIN,
        password=password,
        socket_timeout=ADMIN_SECONDS,
        socket_connect_timeout=ADMIN_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        **tls,
    )


def tls_lines(node: Node, tls_directory: Path | None) -> list[str]:
    """The port as redis.conf has it: TLS only when there are certificates."""
    if tls_directory is None:
        return [f"port {node.port}"]
    return [
        "port 0",
        f"tls-port {node.port}",
        f"tls-ca-cert-file {tls_directory / 'ca.crt'}",
        f"tls-cert-file {tls_directory / 'node.crt'}",
        f"tls-key-file {tls_directory / 'node.key'}",
        "tls-auth-clients no",
        "tls-replication yes",
    ]


class Started(ABC):
    """What runs as long as a `with` block does; it is ended too when only a part of it could be started."""

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass
class RedisProcesses(Started):
    """1 master, replicas and Sentinels. `start` returns when replication is up and all Sentinels know each other."""

    directory: Path
    replicas: int = 2
    sentinel_count: int = 3
    down_after_ms: int = 1000
    failover_timeout_ms: int = 5000
    min_replicas_to_write: int = 1
    master_name: str = "local"
    tls_directory: Path | None = None  # holds ca.crt, node.crt, node.key: then all nodes speak TLS only
    passwords: dict[str, str] = field(default_factory=lambda: {user: secrets.token_hex(16) for user in USERS}, repr=False)
    data: list[Node] = field(default_factory=list)
    sentinels: list[Node] = field(default_factory=list)
    _subnet: str = ""

    def __post_init__(self) -> None:
        self._subnet = next_subnet()
        for kind, count, port, nodes, first in (
            ("data", 1 + self.replicas, DATA_PORT, self.data, 2),
            ("sentinel", self.sentinel_count, SENTINEL_PORT, self.sentinels, 100),
        ):
            for slot in range(count):
                name = f"{self.master_name}-{kind}-{slot}"
                directory = self.directory / name
                directory.mkdir(parents=True, mode=0o700)
                nodes.append(Node(name, kind, slot, f"{self._subnet}.{first + slot}", port, directory))

    @property
    def nodes(self) -> list[Node]:
        return [*self.data, *self.sentinels]

    @property
    def quorum(self) -> int:
        return self.sentinel_count // 2 + 1

    # --- the stack's outputs (same shape as SentinelCluster's) ---

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "version": 1,
            "kind": "sentinel",
            "master_name": self.master_name,
            "sentinels": [{"host": node.host, "port": node.port} for node in self.sentinels],
            "tls": self.tls_directory is not None,
            "failover": {
                "down_after_ms": self.down_after_ms,
                "failover_timeout_ms": self.failover_timeout_ms,
                "min_replicas_to_write": self.min_replicas_to_write,
            },
        }

    @property
    def credentials(self) -> dict[str, Any]:
        password = self.passwords["application"]
        return {
            "version": 1,
            "username": "application",
            "password": password,
            "sentinel_username": "application",
            "sentinel_password": password,
        }

    @property
    def desired(self) -> dict[str, Any]:
        return {
            "version": 1,
            "name": self.master_name,
            "master_name": self.master_name,
            "quorum": self.quorum,
            "region": "ams3",
            "slots": [
                {
                    "name": node.name,
                    "kind": node.kind,
                    "slot": node.slot,
                    "generation": 0,
                    "private_ip": node.host,
                    "public_ip": node.host,
                    "port": node.port,
                    **({"sentinel_id": f"{node.slot + 1:040x}"} if node.kind == "sentinel" else {}),
                }
                for node in self.nodes
            ],
            "admin": {"username": "admin", "password": self.passwords["admin"]},
            "users": {user: {"username": user, "password": self.passwords[user]} for user in USERS},
            "redis": {},
            "sentinel": {},
        }

    # --- life ---

    def start(self) -> None:
        for node in self.data:
            self._write(node, self._data_lines(node))
            node.start(*([] if node.slot == 0 else ["--replicaof", f"{self.data[0].host} {DATA_PORT}"]))
        for node in self.sentinels:
            self._write(node, self._sentinel_lines(node))
        wait_until(lambda: len(self._attached(self.data[0])) == self.replicas, "replicas attached")
        for node in self.sentinels:
            node.start()
        self._look_often()
        self.wait_healthy()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def heal(self) -> None:
        """Bring back whatever a test broke and wait until the topology is whole; a returning data node comes as a replica."""
        for node in self.sentinels:
            # One that stood still does nothing for 30 s (TILT); started anew it acts at once.
            if node.frozen or (node.running and self._in_tilt(node)):
                node.kill()
            if not node.running:
                node.start()
        self._look_often()
        if not any(node.running for node in self.data):
            # All are gone: the one that the Sentinels name comes first, as a boot gate would have it.
            self.node_at(self.named_master()).start()
        wait_until(lambda: self.master().running, "Sentinels name a running master")
        master = self.master()
        master.thaw()
        for node in self.data:
            # A node that was cut off may believe that it is a master; Sentinels take 10 s to see it, a restart does not.
            if node is not master and (node.frozen or not node.running or not self._follows(node, master)):
                node.kill()
                node.start("--replicaof", f"{master.host} {DATA_PORT}")
        for node in self.data:
            # A test sets it for a while. A Sentinel that fails over in that while has the node write it into its file.
            wait_until(partial(self.command, node, *self.enough), f"{node.name} takes a setting")
        self.wait_healthy()

    @property
    def enough(self) -> tuple[str, ...]:
        """The command that lets a master write as it is configured."""
        return "CONFIG", "SET", "min-replicas-to-write", str(self.min_replicas_to_write)

    def _in_tilt(self, node: Node) -> bool:
        return bool(self.command(node, "INFO", "sentinel")["sentinel_tilt"])

    def _look_often(self) -> None:
        """Let Sentinels ask the nodes for INFO twice a second, not every 10 s: they see sooner that all is well again."""
        for node in self.sentinels:
            wait_until(lambda node=node: bool(self.command(node, "PING")), f"{node.name} answers")  # type: ignore[misc]
            self.command(node, "SENTINEL", "DEBUG", "INFO-PERIOD", "500")

    def wait_healthy(self) -> None:
        """Wait until all Sentinels agree, see every replica, each other and a quorum, and the replicas' links are up."""
        wait_until(self._healthy, "the topology is whole")

    @contextlib.contextmanager
    def nobody_down(self) -> Iterator[None]:
        """Let the Sentinels call no silent node down: the master stays the master, however long a busy machine takes."""
        option = ("SENTINEL", "SET", self.master_name, "down-after-milliseconds")
        for node in self.sentinels:
            self.command(node, *option, "600000")
        try:
            yield
        finally:
            for node in self.sentinels:
                self.command(node, *option, str(self.down_after_ms))

    # --- looking ---

    def admin(self, node: Node) -> redis.Redis:
        """A plain client for one node as admin."""
        return admin_client(node, self.passwords[ADMIN], self.tls_directory)

    def command(self, node: Node, *args: str) -> Any:
        with self.admin(node) as client:
            return client.execute_command(*args)

    def named_master(self) -> tuple[str, int]:
        """What the Sentinels say; they must agree."""
        named = {tuple(self.command(node, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.master_name)) for node in self.sentinels}
        if len(named) != 1:
            raise redis.RedisError(f"Sentinels disagree: {named}")
        host, port = named.pop()
        return host, int(port)

    def node_at(self, address: tuple[str, int]) -> Node:
        return next(node for node in self.nodes if node.address == address)

    def master(self) -> Node:
        return self.node_at(self.named_master())

    def _attached(self, node: Node) -> list[Any]:
        return [row for row in self.command(node, "ROLE")[2] if int(row[2]) > 0]

    def _follows(self, node: Node, master: Node) -> bool:
        try:
            return list(self.command(node, "ROLE")[:4]) == ["slave", master.host, DATA_PORT, "connected"]
        except redis.RedisError:
            return False

    def _healthy(self) -> bool:
        master = self.master()
        if self.command(master, "ROLE")[0] != "master" or len(self._attached(master)) != self.replicas:
            return False
        for node in self.sentinels:
            with self.admin(node) as client:
                state: Any = client.sentinel_master(self.master_name)
                replicas: Any = client.sentinel_slaves(self.master_name)
                peers: Any = client.sentinel_sentinels(self.master_name)
            clean = [row for row in replicas if row["flags"] == "slave" and row["master-link-status"] == "ok"]
            others = [row for row in peers if row["flags"] == "sentinel"]
            if state["flags"] != "master" or len(clean) != self.replicas or len(others) != self.sentinel_count - 1:
                return False
        return True

    # --- configuration ---

    def _write(self, node: Node, lines: list[str]) -> None:
        path = node.directory / "redis.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n")

    def _common_lines(self, node: Node) -> list[str]:
        lines = [f"bind {node.host}", "protected-mode no", "daemonize no", f"dir {node.directory}", "user default off"]
        return [*lines, *tls_lines(node, self.tls_directory)]

    def _user(self, user: str, rules: str) -> str:
        return f"user {user} on >{self.passwords[user]} {rules}"

    def _data_lines(self, node: Node) -> list[str]:
        return [
            *self._common_lines(node),
            # Outgoing connections leave from 127.0.0.1: without this the master would list all replicas under that address.
            f"replica-announce-ip {node.host}",
            'save ""',
            "appendonly no",
            "repl-diskless-sync-delay 0",
            "repl-ping-replica-period 1",
            f"min-replicas-to-write {self.min_replicas_to_write}",
            "min-replicas-max-lag 10",
            "masteruser replication",
            f"masterauth {self.passwords['replication']}",
            self._user("application", "~* resetchannels +@all -@admin -@dangerous +role"),
            self._user("replication", "resetchannels -@all +psync +replconf +ping"),
            self._user(
                "sentinel",
                "resetchannels &__sentinel__:hello -@all +multi +exec +slaveof +ping +subscribe +publish +config|rewrite"
                " +role +info +client|setname +client|kill +script|kill",
            ),
            self._user("admin", "~* &* +@all"),
        ]

    def _sentinel_lines(self, node: Node) -> list[str]:
        name = self.master_name
        return [
            *self._common_lines(node),
            f"sentinel myid {node.slot + 1:040x}",
            f"sentinel announce-ip {node.host}",
            self._user("sentinel-peer", "&* -@all +ping +publish +hello +client|setname +sentinel|is-master-down-by-addr"),
            self._user("application", "resetchannels -@all +ping +hello +client|setname +sentinel|get-master-addr-by-name"),
            self._user("admin", "~* &* +@all"),
            "sentinel sentinel-user sentinel-peer",
            f"sentinel sentinel-pass {self.passwords['sentinel-peer']}",
            f"sentinel monitor {name} {self.data[0].host} {DATA_PORT} {self.quorum}",
            f"sentinel auth-user {name} sentinel",
            f"sentinel auth-pass {name} {self.passwords['sentinel']}",
            f"sentinel down-after-milliseconds {name} {self.down_after_ms}",
            f"sentinel failover-timeout {name} {self.failover_timeout_ms}",
            f"sentinel parallel-syncs {name} 2",
        ]
