"""A stack's machine state: one JSON file, written atomically, changed under a lock.

Everything is recorded before it is done, so that a command killed at any point leaves enough to go on or to take down.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.files import write_private
from pulumi_emulator.machines.model import Firewall, FirewallRule, Interface, MachineSpec

VERSION: Final = 1


@dataclass(frozen=True)
class VpcRecord:
    """A private network as recorded; `index` names its namespaces, `next_host` is the offset of the next free address."""

    vpc_id: str
    name: str
    ip_range: str
    index: int
    next_host: int


@dataclass(frozen=True)
class MachineRecord:
    """A machine as recorded: what was asked, what it was given, and whether it should run."""

    spec: MachineSpec
    image: str  # the folder of the image as it was then: a later recipe must not slip under a disk
    index: int
    private_ip: str
    public_ip: str | None
    anchor_ip: str | None
    created_at: str
    power: Literal["on", "off"] = "on"
    links_down: tuple[Interface, ...] = ()


@dataclass(frozen=True)
class State:
    """All of a stack's machines, networks and firewalls. The counters only rise, so that no address is used twice."""

    vpcs: dict[str, VpcRecord] = field(default_factory=dict)
    machines: dict[str, MachineRecord] = field(default_factory=dict)
    firewalls: tuple[Firewall, ...] = ()
    next_vpc: int = 1
    next_machine: int = 1
    next_public: int = 2


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON file's object, or None when there is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise EmulatorError(f"{path} is damaged ({error}): take the stack down with `destroy` and bring it up again") from error
    return content


class StateStore:
    """Where a stack's state lies: `folder` belongs to the machine layer alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def path(self) -> Path:
        """The state file."""
        return self.folder / "state.json"

    def disk(self, machine_id: str) -> Path:
        """Return the folder of a machine: its disk, seed, console and status."""
        return self.folder / "disks" / machine_id

    def user_data(self, machine_id: str) -> Path:
        """Return the file that holds a machine's user data, which may carry first-boot secrets."""
        return self.disk(machine_id) / "user-data"

    def load(self) -> State:
        """Return the recorded state; an empty one when there is none."""
        content = read_json(self.path)
        if content is None:
            return State()
        if content.get("version") != VERSION:
            raise EmulatorError(f"{self.path} was written by another version of the emulator: remove the stack with that one")
        machines = {key: self._machine(value) for key, value in content["machines"].items()}
        firewalls = tuple(_firewall(entry) for entry in content["firewalls"])
        vpcs = {key: VpcRecord(**value) for key, value in content["vpcs"].items()}
        counters = {key: content[key] for key in ("next_vpc", "next_machine", "next_public")}
        return State(vpcs, machines, firewalls, **counters)

    def save(self, state: State) -> None:
        """Write the state; user data stays in files of its own."""
        content = asdict(state) | {"version": VERSION}
        for machine in content["machines"].values():
            del machine["spec"]["user_data"]
        write_private(self.path, json.dumps(content, indent=1))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other command and thread from changing this stack's state meanwhile."""
        while True:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self.folder.joinpath("lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not self._is_current(file.fileno()):
                    continue  # the stack was taken down while we waited: that lock file is gone
                yield
                return

    def remove(self) -> None:
        """Delete the state and all disks."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_current(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self.folder.joinpath("lock").stat())
        except FileNotFoundError:
            return False

    def _machine(self, content: dict[str, Any]) -> MachineRecord:
        spec = content["spec"]
        user_data = self.user_data(spec["machine_id"])
        spec["user_data"] = user_data.read_text(encoding="utf-8") if user_data.exists() else ""
        for key in ("ssh_public_keys", "tags"):
            spec[key] = tuple(spec[key])
        return MachineRecord(**content | {"spec": MachineSpec(**spec), "links_down": tuple(content["links_down"])})


def with_machine(state: State, record: MachineRecord) -> State:
    """Return the state with this machine added or replaced."""
    return replace(state, machines=state.machines | {record.spec.machine_id: record})


def without_machine(state: State, machine_id: str) -> State:
    """Return the state without this machine."""
    return replace(state, machines={key: value for key, value in state.machines.items() if key != machine_id})


def _firewall(content: dict[str, Any]) -> Firewall:
    rules = tuple(
        FirewallRule(
            rule["direction"],
            rule["protocol"],
            None if rule["ports"] is None else (rule["ports"][0], rule["ports"][1]),
            tuple(rule["addresses"]),
            tuple(rule["droplet_ids"]),
            tuple(rule["tags"]),
        )
        for rule in content["rules"]
    )
    return Firewall(content["firewall_id"], content["name"], rules, tuple(content["droplet_ids"]), tuple(content["tags"]))
