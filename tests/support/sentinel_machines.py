"""Six machines of the emulator that boot a SentinelCluster's rendered user-data, and what can be done to them."""

import itertools
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_emulator.machines import Firewall, FirewallRule, Host, MachineSpec
from redis_ha.sentinel import outputs, render
from redis_ha.sentinel.slots import Slot, in_creation_order
from redis_ha.sentinel.topology import Plan, make_plan
from tests.support.waiting import wait_until

PROBE = Path(__file__).with_name("sentinel_probe.py")
LOOK = """
import json, sys
from redis_ha_ops import drawing, status
from redis_ha_ops.asking import directly
from redis_ha_ops.stack import stack_of
stack = stack_of("boot", json.load(sys.stdin), emulated=True)
seen = status.look(stack, directly)
print(json.dumps(drawing.as_json(seen.topology, seen.findings, stack)))
"""
# Started once, for the hundreds of questions while a boot is waited for.
ASK = """
import contextlib, json, sys
from redis_ha_node.resp import Connection, ReplyError
password = sys.stdin.readline().strip()
for line in sys.stdin:
    address, port, words = json.loads(line)
    try:
        with contextlib.closing(Connection((address, port), username="admin", password=password, timeout=2)) as node:
            answer = node.call(*words)
    except (OSError, ReplyError):
        answer = None
    print(json.dumps(answer), flush=True)
"""
# A slot's first boot stops in the middle of its archive; the next one does not.
UNPACKING = " | tar -xzmC / && "
STALLING = " | { if test -e /stalled; then tar -xzmC /; else touch /stalled; head -c 15000 | tar -xzmC /; sleep 3600; fi; } && "
RANGE = "10.87.0.0/24"
BOOT_S = 240.0


def home() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")))
    return Path(os.environ.get("PULUMI_EMULATOR_HOME", str(cache / "pulumi-emulator")))


def _report(text: str) -> None:
    sys.stderr.write(text + "\n")


class Machines:
    """The machines of one cluster."""

    def __init__(self, folder: Path, image: str, *, disk_gb: int | None = None, **args: object) -> None:
        self.folder = folder
        self.host = Host(folder / "stack", home(), disk_gb)
        self.image = image
        arguments = {"name": "boot", "region": "ams3", "vpc_ip_range": RANGE, "image": image} | args
        self.plan: Plan = make_plan("boot", arguments)
        self.passwords = render.Passwords(**{role: secrets.token_hex(24) for role in render.ROLES})
        self.addresses: dict[str, str] = {}
        self._asker: subprocess.Popen[str] | None = None
        self._asking = threading.Lock()
        modules = folder / "library/redis_ha_node"
        modules.mkdir(parents=True)
        for name, source in render.node_modules("data").items():
            (modules / name).write_text(source)

    def create(self, *, mirror: bool = True, stalled: str | None = None) -> None:
        self.host.preflight()
        self.host.ensure_image(self.image, _report)
        self.host.create_vpc("vpc-1", "boot", RANGE)
        tag, everywhere = (self.plan.tag,), ("0.0.0.0/0",)
        rules = [FirewallRule("in", "tcp", (port, port), (RANGE,), (), tag) for port in (6379, 26379)]
        rules += [FirewallRule("out", "tcp", (port, port), (), (), tag) for port in (6379, 26379)]
        metrics = self.plan.metrics_sources
        rules += [FirewallRule("in", "tcp", (port, port), metrics, (), ()) for port in (9100, 9121) if metrics]
        rules += [
            FirewallRule("out", "udp", (53, 53), everywhere, (), ()),
            FirewallRule("out", "tcp", (80, 80), everywhere, (), ()),
        ]
        self.host.set_firewalls([Firewall("fw-1", "boot", tuple(rules), (), tag)])
        for slot in in_creation_order(self.plan.slots):
            self._create(slot, stalled=slot.key == stalled)
            if not mirror:
                self.host.slow_mirror(slot.name)

    def _create(self, slot: Slot, *, stalled: bool) -> None:
        text = render.cloud_config(self.plan, slot, self.passwords, self.addresses)
        if stalled:
            assert text.count(UNPACKING) == 1
            text = text.replace(UNPACKING, STALLING)
        spec = MachineSpec(slot.name, slot.name, self.image, "vpc-1", "ams3", "s-1vcpu-1gb", text, (), (self.plan.tag,))
        self.addresses[slot.name] = self.host.create_machine(spec).private_ip

    @property
    def data(self) -> list[str]:
        return [slot.name for slot in self.plan.of_kind("data")]

    @property
    def sentinels(self) -> list[str]:
        return [slot.name for slot in self.plan.of_kind("sentinel")]

    def name_at(self, address: str) -> str:
        return next(name for name, known in self.addresses.items() if known == address)

    def inside(self, machine: str, *argv: str, check: bool = True, timeout: float = 60) -> str:
        command = self.host.command_in(machine, list(argv))
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"{machine}: {argv} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def wrote(self, machine: str, path: str) -> bool:
        """Tell whether a file was made on a machine's disk since it was created; also when its power is off."""
        return (self.host.store.disk(machine) / "upper" / path.lstrip("/")).exists()

    def ask(self, machine: str, *words: str) -> Any:
        """Ask a node as the administrator, from the client's namespace."""
        port = 6379 if machine in self.data else 26379
        with self._asking:
            if self._asker is None:
                argv = self.host.command_in("client", ["/usr/bin/python3", "-c", ASK])
                self._asker = subprocess.Popen(
                    argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._environment()
                )
                self._tell(self.passwords.admin)
            self._tell(json.dumps([self.addresses[machine], port, words]))
            assert self._asker.stdout is not None
            return json.loads(self._asker.stdout.readline())

    def _tell(self, line: str) -> None:
        assert self._asker is not None
        assert self._asker.stdin is not None
        self._asker.stdin.write(line + "\n")
        self._asker.stdin.flush()

    def close(self) -> None:
        """End what asks the nodes, and destroy the machines."""
        try:
            if self._asker is not None:
                self._asker.kill()
                self._asker.communicate()
        finally:
            self.host.destroy_all()

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.folder / "library"), "PYTHONDONTWRITEBYTECODE": "1"}

    def status(self) -> dict[str, Any]:
        """What `redis-ha status --json` says, from the client's namespace."""
        addresses = {name: {"private": address, "public": ""} for name, address in self.addresses.items()}
        documents = {
            "sentinel_connection": outputs.connection_document(self.plan, addresses),
            "sentinel_credentials": outputs.credentials_document(self.passwords),
            "sentinel_desired": outputs.desired_document(self.plan, addresses, dict.fromkeys(addresses, ""), self.passwords),
        }
        command = self.host.command_in("client", [sys.executable, "-c", LOOK])
        done = subprocess.run(command, input=json.dumps(documents), capture_output=True, text=True, timeout=60, check=True)
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def info(self, machine: str) -> dict[str, str]:
        text = self.ask(machine, "INFO") or ""
        return {name: value for name, _, value in (line.partition(":") for line in text.splitlines()) if value}

    def masters(self) -> list[str]:
        return [name for name in self.data if self.info(name).get("role") == "master"]

    def sentinel_view(self, machine: str) -> dict[str, str]:
        reply = self.ask(machine, "SENTINEL", "MASTER", self.plan.master_name) or []
        return dict(zip(reply[::2], reply[1::2], strict=True))

    def is_whole(self) -> bool:
        infos = {name: self.info(name) for name in self.data}
        masters = [name for name, info in infos.items() if info.get("role") == "master"]
        if len(masters) != 1:
            return False
        address = self.addresses[masters[0]]
        following = [
            info for info in infos.values() if info.get("master_host") == address and info.get("master_link_status") == "up"
        ]
        views = [self.sentinel_view(name) for name in self.sentinels]
        agreed = all(view.get("ip") == address and view.get("num-other-sentinels") == str(len(views) - 1) for view in views)
        complete = all(int(view.get("num-slaves", "0")) == len(self.data) - 1 for view in views)
        return len(following) == len(self.data) - 1 and agreed and complete

    def wait_whole(self, seconds: float = 90) -> str:
        try:
            # A node that is being set up reads its journal for each question.
            wait_until(self.is_whole, "one master, all following, all Sentinels agreeing", seconds=seconds, every=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from None
        (master,) = self.masters()
        return master

    def report(self) -> str:
        lines = [f"masters {self.masters()}"]
        for name in self.addresses:
            units = ["redis-ha-setup", "redis-ha-data", "redis-ha-agent", "redis-ha-sentinel", "redis-ha-bootstrap"]
            argv = ["journalctl", "--no-pager", "-q", "-n", "25", *itertools.chain(*(("-u", unit) for unit in units))]
            try:
                lines.append(f"--- {name}\n{self.inside(name, *argv, check=False)}")
            except Exception as error:  # noqa: BLE001  a report of what went wrong may not hide it
                lines.append(f"--- {name}: {error}")
        return "\n".join(lines)

    @contextmanager
    def cut_off(self, group: list[str]) -> Iterator[None]:
        """Part some machines from the others of the cluster; they still reach each other, and clients reach all."""
        others = ", ".join(address for name, address in self.addresses.items() if name not in group)
        chains = "".join(
            f"chain {hook} {{ type filter hook {hook} priority -300; ip {side} {{ {others} }} drop; }}\n"
            for hook, side in (("input", "saddr"), ("output", "daddr"))
        )
        try:
            for name in group:
                self.inside(name, "nft", f"table ip parted {{ {chains} }}")
            yield
        finally:
            for name in group:
                self.inside(name, "nft", "delete table ip parted", check=False)

    def write_everywhere(self, key: str, value: str) -> None:
        """Write on the master until every replica has confirmed it."""

        def written() -> bool:
            masters = self.masters()
            if len(masters) != 1 or self.ask(masters[0], "SET", key, value) != "OK":
                return False
            return all(self.ask(name, "GET", key) == value for name in self.data)

        wait_until(written, f"{key} on every node")

    def read_everywhere(self, key: str) -> set[str | None]:
        return {self.ask(name, "GET", key) for name in self.data}


@dataclass(frozen=True)
class Write:
    node: str
    number: int
    sent: float
    answered: float


class Probe:
    """The probe while it runs."""

    def __init__(self, machines: Machines, every: float = 0.02) -> None:
        self._machines = machines
        addresses = [machines.addresses[name] for name in machines.data]
        self._log = machines.folder / f"probe-{time.monotonic_ns()}.jsonl"
        argv = machines.host.command_in("client", ["/usr/bin/python3", str(PROBE), str(every), *addresses])
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, env=machines._environment())
        assert self._process.stdin is not None
        self._process.stdin.write(machines.passwords.application.encode() + b"\n")
        self._process.stdin.flush()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def acknowledged(self) -> list[Write]:
        found = [line for line in self.lines() if line["outcome"] == "ok"]
        name = self._machines.name_at
        return [Write(name(line["node"]), line["number"], line["sent"], line["answered"]) for line in found]

    def wait_for_refusal(self, node: str, seconds: float = 60) -> float:
        """Wait until a node refuses a write, and return when that one was sent."""
        address, begin = self._machines.addresses[node], time.monotonic()

        def fresh() -> list[float]:
            lines = (line for line in self.lines() if line["node"] == address and line["outcome"] == "NOREPLICAS")
            return [line["sent"] for line in lines if line["sent"] > begin]

        wait_until(lambda: bool(fresh()), f"{node} refuses a write", seconds=seconds)
        return fresh()[0]

    def wait_for_write(self, seconds: float = 60, *, on_other_than: str = "") -> Write:
        begin = time.monotonic()

        def fresh() -> list[Write]:
            return [write for write in self.acknowledged() if write.sent > begin and write.node != on_other_than]

        wait_until(lambda: bool(fresh()), "a write was taken", seconds=seconds)
        return fresh()[-1]

    def end(self) -> None:
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    def stretches(self) -> list[tuple[float, float, str]]:
        """From when to when each node took writes; a gap of half a second begins a new stretch."""
        spans: dict[str, list[tuple[float, float]]] = {}
        for write in sorted(self.acknowledged(), key=lambda write: write.sent):
            mine = spans.setdefault(write.node, [])
            if mine and write.sent - mine[-1][1] < 0.5:
                mine[-1] = (mine[-1][0], write.answered)
            else:
                mine.append((write.sent, write.answered))
        return sorted((start, end, node) for node, stretches in spans.items() for start, end in stretches)

    def assert_one_at_a_time(self) -> None:
        """Fail when two nodes took writes in the same moment, or when the probe did not run at a steady pace."""
        stretches = self.stretches()
        assert stretches, "no write was ever taken: the probe proves nothing"
        for (_, end, node), (start, _, other) in itertools.pairwise(stretches):
            assert node == other or start >= end, f"{node} and {other} took writes at the same time for {end - start:.2f} s"
        for address in {line["node"] for line in self.lines()}:
            sent = [line["sent"] for line in self.lines() if line["node"] == address]
            longest = max(after - before for before, after in itertools.pairwise(sent))
            assert longest < 3.0, f"the probe of {address} paused for {longest:.1f} s"


@contextmanager
def probing(machines: Machines) -> Iterator[Probe]:
    probe = Probe(machines)
    try:
        yield probe
    finally:
        probe.end()


@contextmanager
def booted(
    folder: Path, image: str, *, mirror: bool = True, stalled: str | None = None, disk_gb: int | None = None, **args: object
) -> Iterator[Machines]:
    machines = Machines(folder, image, disk_gb=disk_gb, **args)
    try:
        machines.create(mirror=mirror, stalled=stalled)
        yield machines
    finally:
        machines.close()
