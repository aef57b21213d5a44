"""A stack's network of cache nodes: one namespace, an address a node, a filter that lets nodes vanish without a word.

All addresses lie on the namespace's loopback interface, so the filter works where packets arrive: a sender is told nothing.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.files import write_private
from pulumi_emulator.machines import network, processes
from pulumi_emulator.machines.commands import attempt, run
from pulumi_emulator.machines.processes import Process

RANGE: Final = ipaddress.IPv4Network("198.18.0.0/15")  # for tests of networks, in no real one (RFC 2544)
NAME_SERVER: Final = "198.18.0.1"
FIRST_NODE: Final = ipaddress.IPv4Address("198.18.1.1")
CLONE_NEWNET: Final = 0x40000000  # linux/sched.h
SYSTEM_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")  # Debian's ca-certificates
TABLE: Final = "inet cache_nodes"
FILTER: Final = f"""\
table {TABLE} {{
  set dark {{ type ipv4_addr; }}
  set shut {{ type ipv4_addr . inet_service; }}
  chain arriving {{
    type filter hook input priority filter; policy accept;
    ip daddr @dark drop
    ip saddr @dark drop
    ip daddr . tcp dport @shut drop
  }}
}}
"""
# What a command sees instead of the host's files: the names resolve by this stack's server and by nothing else.
_ENTER: Final = """\
folder=$1; shift
for name in resolv.conf nsswitch.conf; do mount --bind "$folder/$name" "$(readlink -m "/etc/$name")"; done
SSL_CERT_FILE=$folder/bundle.pem exec "$@"
"""

T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """The namespace of the stack whose cache files lie in `folder`."""

    folder: Path

    @property
    def namespace(self) -> str:
        """Its name."""
        return f"{network.names_of(self.folder).prefix}-aws"

    @property
    def lookup(self) -> Path:
        """The folder with what commands see instead of the host's files."""
        return self.folder / "lookup"

    def ensure(self) -> None:
        """Make the namespace, or complete one that is there."""
        network.ensure_namespace(self.namespace)
        commands = f"link set lo up\naddress replace {NAME_SERVER}/32 dev lo\n"
        run(["ip", "-n", self.namespace, "-batch", "-"], stdin=commands)
        self._nft(f"table {TABLE}\ndelete table {TABLE}\n{FILTER}")

    def write_lookup(self, authority: str) -> None:
        """Write what commands in the namespace see: the name server, and the authority beside the system's."""
        system = SYSTEM_BUNDLE.read_text(encoding="utf-8") if SYSTEM_BUNDLE.exists() else ""
        write_private(self.lookup / "bundle.pem", f"{authority}\n{system}")
        write_private(self.lookup / "resolv.conf", f"nameserver {NAME_SERVER}\noptions timeout:2 attempts:2\n")
        write_private(self.lookup / "nsswitch.conf", _only_dns(Path("/etc/nsswitch.conf")))
        for name in ("resolv.conf", "nsswitch.conf"):  # also for commands that give up root
            (self.lookup / name).chmod(0o644)

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs a command where the endpoint names resolve and the authority is trusted."""
        if not network.exists(self.namespace):
            raise EmulatorError("no cache endpoint runs: bring the stack up first")
        own_mounts = ["unshare", "--mount", "--propagation", "slave", "--"]
        return network.inside(self.namespace, [*own_mounts, "sh", "-ec", _ENTER, "sh", str(self.lookup), *argv])

    def add_address(self, address: str) -> None:
        """Give a node its address."""
        run(["ip", "-n", self.namespace, "address", "replace", f"{address}/32", "dev", "lo"])

    def remove_address(self, address: str) -> None:
        """Take an address away."""
        attempt(["ip", "-n", self.namespace, "address", "delete", f"{address}/32", "dev", "lo"])

    def darken(self, addresses: Iterable[str]) -> None:
        """Let every packet from and to these addresses vanish."""
        listed = ", ".join(addresses)
        if listed:
            self._nft(f"add element {TABLE} dark {{ {listed} }}\n")

    def lighten(self, addresses: Iterable[str]) -> None:
        """Let packets pass again."""
        listed = ", ".join(addresses)
        if listed:
            # Adding first: a delete of what is not there would fail.
            self._nft(f"add element {TABLE} dark {{ {listed} }}\ndelete element {TABLE} dark {{ {listed} }}\n")

    def shut(self, address: str, ports: Iterable[int]) -> None:
        """Let clients' packets to a node vanish; the cluster bus passes."""
        listed = ", ".join(f"{address} . {port}" for port in ports)
        self._nft(f"add element {TABLE} shut {{ {listed} }}\n")

    def open(self, address: str, ports: Iterable[int]) -> None:
        """Let clients in."""
        listed = ", ".join(f"{address} . {port}" for port in ports)
        self._nft(f"add element {TABLE} shut {{ {listed} }}\ndelete element {TABLE} shut {{ {listed} }}\n")

    def enter(self) -> None:
        """Take the calling thread into the namespace, for the rest of its life."""
        descriptor = os.open(network.NAMESPACES / self.namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
                error = ctypes.get_errno()
                raise EmulatorError(f"the namespace {self.namespace} cannot be entered: {os.strerror(error)}")
        finally:
            os.close(descriptor)

    def within(self, action: Callable[[], T]) -> T:
        """Run a function in a thread that has entered the namespace; sockets it makes stay in there."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._entered, action).result()

    def processes(self) -> list[Process]:
        """Return every process whose network this is."""
        try:
            wanted = (network.NAMESPACES / self.namespace).stat().st_ino
        except FileNotFoundError:
            return []
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    same = entry.joinpath("ns/net").stat().st_ino == wanted
                except OSError:
                    continue
                process = processes.identify(int(entry.name)) if same else None
                if process is not None:
                    found.append(process)
        return found

    def remove(self) -> None:
        """Remove the namespace, the processes in it first."""
        processes.end(self.processes())
        network.remove_namespace(self.namespace)

    def _nft(self, ruleset: str) -> None:
        run(network.inside(self.namespace, ["nft", "-f", "-"]), stdin=ruleset)

    def _entered(self, action: Callable[[], T]) -> T:
        self.enter()
        return action()


def _only_dns(path: Path) -> str:
    """Return the host's nsswitch.conf with names looked up in files and DNS only: other services know other networks."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return "\n".join([*(line for line in lines if not line.startswith("hosts:")), "hosts: files dns", ""])
