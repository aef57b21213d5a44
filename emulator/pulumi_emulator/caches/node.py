"""One cache node: its files, its process, and how it is asked for its state."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pulumi_emulator.caches import names
from pulumi_emulator.caches.admin import ADMIN_SOCKET, ADMIN_TIMEOUT, ADMIN_USER, Admin, ReplyError, fields
from pulumi_emulator.caches.site import Site
from pulumi_emulator.caches.software import NODE_FOLDER
from pulumi_emulator.caches.spec import GroupSpec, NodeSpec
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.files import write_private
from pulumi_emulator.machines import network

OWNER: Final = 65534  # `nobody`: a node's process has no other rights on this machine
START_TIMEOUT: Final = 20.0  # seconds until a started node answers; 0.1 s on an idle machine
SYNC_TIMEOUT: Final = 60.0  # seconds until a replica has its primary's data
POLL: Final = 0.02
# A shard's own election begins when a majority has not heard its primary for so long. ElastiCache has 15000 and does not wait
# for it; the emulator's clocks are its own anyway, and no time measured here is AWS's.
CLUSTER_NODE_TIMEOUT_MS: Final = 2000
BUS_OFFSET: Final = 10000  # the cluster bus listens this far above a node's port (valkey.io/topics/cluster-tutorial)
# Set when a node starts and not changeable in its life (valkey.conf).
START_PARAMETERS: Final = ("databases",)
# What the emulator decides itself; a parameter group's value of one has no effect (ElastiCache has most of them fixed too).
OWN_PARAMETERS: Final = frozenset(
    {
        "aclfile",
        "appendonly",
        "bind",
        "bind-source-addr",
        "cluster-announce-hostname",
        "cluster-config-file",
        "cluster-enabled",
        "cluster-node-timeout",
        "cluster-preferred-endpoint-type",
        "daemonize",
        "dir",
        "logfile",
        "masterauth",
        "masteruser",
        "maxmemory",
        "port",
        "primaryauth",
        "primaryuser",
        "protected-mode",
        "replicaof",
        "requirepass",
        "save",
        "set-proc-title",
        "slaveof",
        "tls-port",
        "unixsocket",
        "unixsocketperm",
    }
)
# Enter the node's own mounts, then the root file system, then drop all rights. The process dies with the thread that started
# it; the signal is set anew because changed credentials clear it (prctl(2), PR_SET_PDEATHSIG).
_START: Final = f"""\
mount --bind "$2" "$1{NODE_FOLDER}"
mount -t proc proc "$1/proc"
exec chroot "$1" setpriv --reuid={OWNER} --regid={OWNER} --clear-groups --no-new-privs --pdeathsig=KILL \
"$3" {NODE_FOLDER}/node.conf
"""


@dataclass
class Node:
    """A node's place and process. `serving` says that it has its shard's data and its place."""

    spec: NodeSpec
    address: str
    folder: Path
    password: str = field(repr=False)
    process: subprocess.Popen[bytes] | None = None
    defaults: dict[str, str] = field(default_factory=dict)  # of parameters that the group changed
    serving: bool = False

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def admin(self, timeout: float = ADMIN_TIMEOUT) -> Admin:
        """Return a connection as administrator; OSError when the node does not answer."""
        return Admin(self.folder, self.password, timeout)

    def ask(self, *command: object) -> object:
        """Run one command as administrator."""
        with self.admin() as connection:
            return connection(*command)

    def info(self, section: str = "replication", timeout: float = ADMIN_TIMEOUT) -> dict[str, str]:
        """Return a section of INFO."""
        with self.admin(timeout) as connection:
            return fields(connection("INFO", section))

    def write_files(self, spec: GroupSpec, acl: str, certificate: tuple[str, str], authority: str) -> None:
        """Write what the process reads, for nobody's eyes but its own."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        texts = {
            "users.acl": acl,
            "ca.pem": authority,
            "node.pem": certificate[0],
            "node.key": certificate[1],
            "node.conf": "\n".join(self._configuration(spec)) + "\n",
        }
        for name, text in texts.items():
            write_private(self.folder / name, text)
        for path in (self.folder, *self.folder.iterdir()):
            os.chown(path, OWNER, OWNER)

    def write_users(self, acl: str) -> None:
        """Give a running node other users."""
        write_private(self.folder / "users.acl", acl)
        os.chown(self.folder / "users.acl", OWNER, OWNER)
        if self.alive:
            self.ask("ACL", "LOAD")

    def start(self, site: Site, root: Path, server: str, *, keep_data: bool = False) -> None:
        """Start the process, empty unless told otherwise; only from a thread that lives as long as the node shall."""
        for name in ("nodes.conf", ADMIN_SOCKET, *(() if keep_data else ("dump.rdb",))):
            (self.folder / name).unlink(missing_ok=True)
        inner = ["unshare", "--mount", "--propagation", "slave", "--", "sh", "-ec", _START]
        argv = network.inside(site.namespace, [*inner, "sh", str(root), str(self.folder), server])
        self.serving = False
        self.defaults.clear()
        with (self.folder / "start.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            )

    def wait_started(self) -> None:
        """Wait until the process answers; EmulatorError with its last words when it does not."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.alive:
            try:
                self.ask("PING")
            except (OSError, ReplyError):
                time.sleep(POLL)
            else:
                return
        raise EmulatorError(f"cache node {self.spec.node_id} did not start: {self._last_words()}")

    def kill(self) -> None:
        """End the process at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.serving = False

    def follows(self, primary: Node) -> bool:
        """Tell whether this replica has a primary's data and is sent what comes.

        Both are asked: the replica calls its link "up" while the primary still keeps back all new writes (state "send_bulk").
        """
        try:
            own, other = self.info(), primary.info()
        except (OSError, ReplyError):
            return False
        rows = [row for name, row in other.items() if name.startswith("slave") and f"ip={self.address}," in row]
        linked = own.get("role") == "slave" and own.get("master_link_status") == "up"
        return linked and any("state=online" in row for row in rows)

    def set_parameters(self, spec: GroupSpec) -> list[str]:
        """Set the group's parameters on a running node, the others to what they were; return the names it does not know."""
        unknown: list[str] = []
        with self.admin() as connection:
            connection("CONFIG", "SET", "maxmemory", spec.maxmemory_bytes or 0)
            for name, value in (self.defaults | settable(spec.parameters)).items():
                known = connection("CONFIG", "GET", name)
                if not known:
                    unknown.append(name)
                    continue
                self.defaults.setdefault(name, known[1])
                try:
                    connection("CONFIG", "SET", name, value)
                except ReplyError as error:
                    raise EmulatorError(
                        f"cache group {spec.group_id}: parameter {name}={value!r} is refused: {error}"
                    ) from error
        return unknown

    def _configuration(self, spec: GroupSpec) -> list[str]:
        # What clients get, and what nodes among themselves use: TLS also there when the group has it.
        lines = [
            f"port {spec.plain_port or 0}",
            f"tls-port {spec.tls_port or 0}",
            f"tls-ca-cert-file {NODE_FOLDER}/ca.pem",
            f"tls-cert-file {NODE_FOLDER}/node.pem",
            f"tls-key-file {NODE_FOLDER}/node.key",
            "tls-auth-clients no",
            f"tls-replication {'yes' if spec.tls else 'no'}",
            f"bind {self.address}",
            # All addresses are local ones here: without it a connection to another node would come from that node's address.
            f"bind-source-addr {self.address}",
            f"replica-announce-ip {self.address}",
            "protected-mode no",
            "daemonize no",
            "set-proc-title no",
            f"dir {NODE_FOLDER}",
            f"logfile {NODE_FOLDER}/server.log",
            f"unixsocket {NODE_FOLDER}/{ADMIN_SOCKET}",
            "unixsocketperm 700",
            f"aclfile {NODE_FOLDER}/users.acl",
            f"masteruser {ADMIN_USER}",
            f"masterauth {self.password}",
            'save ""',
            "appendonly no",
            # A primary calls a replica "online" when it sends it what is written from now on; without a disk it says so before.
            "repl-diskless-sync no",
            "repl-ping-replica-period 1",
            *(f"{name} {spec.parameters[name]}" for name in START_PARAMETERS if name in spec.parameters and not spec.cluster),
        ]
        if spec.cluster:
            lines += [
                "cluster-enabled yes",
                f"cluster-config-file {NODE_FOLDER}/nodes.conf",
                f"cluster-node-timeout {CLUSTER_NODE_TIMEOUT_MS}",
                f"cluster-announce-hostname {names.node_name(spec, self.spec.node_id, tls=spec.tls)}",
                "cluster-preferred-endpoint-type hostname",
                f"tls-cluster {'yes' if spec.tls else 'no'}",
                "cluster-allow-replica-migration no",
                # ElastiCache's default (docs.aws.amazon.com, ParameterGroups.Engine.html).
                "cluster-require-full-coverage no",
                # For a link to another region (link.py), over the administrator's socket; users may run neither.
                "enable-debug-command local",
                "enable-protected-configs local",
            ]
            if spec.mixed:
                lines += [f"cluster-announce-port {spec.port}", f"cluster-announce-tls-port {spec.port}"]
                lines += [f"cluster-announce-bus-port {spec.node_port + BUS_OFFSET}"]
        return lines

    def _last_words(self) -> str:
        for name in ("server.log", "start.log"):
            path = self.folder / name
            lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
            if lines:
                return " / ".join(lines[-3:])
        return "it said nothing"


def settable(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that may be set on a running node."""
    return {name: value for name, value in parameters.items() if name not in OWN_PARAMETERS and name not in START_PARAMETERS}


def wait_until(true: Callable[[], bool], seconds: float, what: str, poll: float = POLL) -> None:
    """Wait until `true()`; EmulatorError names what did not come."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise EmulatorError(f"not within {seconds:.0f} s: {what}")
        time.sleep(poll)
