"""Droplets through the real engine: they boot, are replaced, get lost and come back; somebody else's programs run."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import psutil
import pytest

from pulumi_emulator.machines import Host
from pulumi_emulator.machines.commands import run
from tests.support.emulated import Emulated, shared_home
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.engine, pytest.mark.machines]
Make = Callable[..., Emulated]
DROPLETS = "digitalocean:index/droplet:Droplet"

PROGRAM = """
import json, pathlib, pulumi, pulumi_digitalocean as do, pulumi_random as random
wanted = json.loads(pathlib.Path("wanted.json").read_text())
vpc = do.Vpc("net", region="ams3", ip_range="10.77.0.0/24")
tag = do.Tag("tag", name="tested")
password = random.RandomPassword("password", length=32, special=False)
for number in range(wanted["count"]):
    droplet = do.Droplet(
        f"machine-{number}",
        name=f"machine-{number}",
        image="debian-13-x64",
        size=wanted["size"],
        region="ams3",
        vpc_uuid=vpc.id,
        tags=[tag.id],
        user_data=pulumi.Output.format("#cloud-config\\n# {0} {1}\\n", wanted["text"], password.result),
        opts=pulumi.ResourceOptions(ignore_changes=["userData"], replacement_trigger=wanted["generation"]),
    )
    pulumi.export(f"address-{number}", droplet.ipv4_address_private)
ssh = do.FirewallInboundRuleArgs(protocol="tcp", port_range="22", source_addresses=["10.77.0.0/24"])
do.Firewall("wall", tags=[tag.id], inbound_rules=[ssh])
pulumi.export("password", password.result)
"""


def want(stack: Emulated, **changed: object) -> None:
    path = stack.program / "wanted.json"
    wanted = (
        json.loads(path.read_text()) if path.exists() else {"count": 1, "size": "s-1vcpu-1gb", "text": "first", "generation": 0}
    )
    path.write_text(json.dumps(wanted | changed))


def host_of(stack: Emulated) -> Host:
    return Host(stack.folder.path / "host", stack.home)


def assert_agreement(stack: Emulated, count: int) -> None:
    """State, cloud and computer hold the same droplets."""
    in_state = {item["id"] for item in stack.state_resources() if item["type"] == DROPLETS}
    assert in_state == set(stack.world().get(DROPLETS, {}))
    assert in_state == {machine.machine_id for machine in host_of(stack).machines()}
    assert len(in_state) == count
    assert stack.status()["pending_operations"] == 0


def assert_nothing_left(stack: Emulated) -> None:
    assert not stack.folder.exists()
    mounts = Path("/proc/self/mounts").read_text()
    assert str(stack.folder.path) not in mounts
    assert processes_of(stack) == []


def processes_of(stack: Emulated) -> list[psutil.Process]:
    """Return the processes on this computer that work in the stack's folder: supervisors and their like."""
    folder = str(stack.folder.path)
    return [
        process for process in psutil.process_iter(["cmdline"]) if any(folder in part for part in process.info["cmdline"] or [])
    ]


def test_a_droplet_is_replaced_by_its_generation_only_and_comes_back_when_lost(emulated: Make) -> None:
    stack = emulated(PROGRAM)
    want(stack)
    up = stack.run("up").stdout
    assert "created digitalocean.Droplet machine-0" in up
    assert_agreement(stack, 1)
    stack.run("preview --expect-no-changes")
    [first] = stack.status()["machines"]
    password = stack.outputs()["password"]

    def user_data() -> str:
        return stack.run("exec", "--on", "machine-0", "--", "cat", "/var/lib/cloud/instance/user-data.txt", expect=None).stdout

    wait_until(lambda: f"# first {password}" in user_data(), "cloud-init to store the user data", every=0.5)
    # The password is where the machine needs it, readable by root only, and nowhere else.
    assert password not in up
    for path in stack.folder.path.rglob("*"):
        if path.is_file() and not path.is_symlink() and "host" not in path.relative_to(stack.folder.path).parts[:1]:
            assert password.encode() not in path.read_bytes(), path

    want(stack, text="second")
    stack.run("preview --expect-no-changes")
    want(stack, generation=1)
    assert "replace digitalocean.Droplet machine-0" in stack.run("preview").stdout
    stack.run("up")
    assert_agreement(stack, 1)
    [second] = stack.status()["machines"]
    assert (second["id"] != first["id"], second["private_ip"] != first["private_ip"]) == (True, True)
    wait_until(lambda: f"# second {password}" in user_data(), "the new machine's user data", every=0.5)

    want(stack, size="s-2vcpu-2gb")
    assert "update digitalocean.Droplet machine-0 (size)" in stack.run("preview").stdout
    stack.run("up")
    assert [machine["id"] for machine in stack.status()["machines"]] == [second["id"]]

    # Drift: the cloud loses the machine.
    stack.run("kill", "machine-0", cold=True)
    assert "deleted digitalocean.Droplet machine-0" in stack.run("refresh").stdout
    assert "created digitalocean.Droplet machine-0" in stack.run("up").stdout
    assert_agreement(stack, 1)

    # The computer was restarted: every process of the stack's machines is gone.
    for process in processes_of(stack):
        with suppress(psutil.NoSuchProcess):  # some end with others
            process.kill()
    [machine] = host_of(stack).machines()
    if machine.init_pid is not None:
        os.kill(machine.init_pid, signal.SIGKILL)
    wait_until(lambda: stack.status()["machines"][0]["power"] == "lost", "the machine to be lost", every=0.5)
    again = stack.run("up").stdout
    assert "gone: machine-0 (killed, or this computer was restarted); refreshing" in again
    assert_agreement(stack, 1)
    assert stack.status()["machines"][0]["power"] == "on"

    stack.run("destroy")
    assert_nothing_left(stack)


def test_power_and_links_are_seen_and_the_network_answers(emulated: Make) -> None:
    stack = emulated(PROGRAM)
    want(stack)
    stack.run("up")
    address = stack.outputs()["address-0"]

    def answers() -> bool:
        return reaches_ssh(stack, address)

    wait_until(answers, "the machine to answer", every=0.5)
    stack.run("link down machine-0 --interface private", cold=True)
    assert stack.status()["machines"][0]["links_down"] == ["private"]
    assert not answers()
    stack.run("link up machine-0")
    wait_until(answers, "the mended link", every=0.5)
    stack.run("power off machine-0", cold=True)
    assert stack.status()["machines"][0]["power"] == "off"
    stack.run("refresh")
    [droplet] = [item for item in stack.state_resources() if item["type"] == DROPLETS]
    assert droplet["outputs"]["status"] == "off"
    stack.run("preview --expect-no-changes")
    stack.run("power on machine-0")
    wait_until(answers, "the machine to boot again", every=0.5)
    assert "it has machine-0" in stack.fails("power off nobody")
    assert "machine-0" in stack.run("status").stdout
    assert stack.run("exec", "--on", "machine-0", "--", "sh", "-c", "exit 7", expect=7, cold=True).stdout == ""


def test_faults_inside_a_machine_are_seen_and_go_with_the_stack(emulated: Make) -> None:
    stack = emulated(PROGRAM)
    stack.environment["PULUMI_EMULATOR_DISK_GB"] = "2"
    want(stack)
    stack.run("up")
    wait_until(lambda: reaches_ssh(stack, stack.outputs()["address-0"]), "the machine to answer", every=0.5)
    # The disk last: a full one takes no setting of a mirror.
    commands = ["stall {} machine-0 sshd", "lock-apt {} machine-0", "slow-mirror {} machine-0", "fill-disk {} machine-0"]
    found = {"on": ["disk full", "mirror slow", "apt locked", "sshd stalled"], "off": []}
    for action in ("on", "off", "on"):
        for command in commands:
            stack.run(command.format(action), cold=True)
        assert stack.status()["machines"][0]["faults"] == found[action]
    stack.run("destroy")
    assert_nothing_left(stack)


def reaches_ssh(stack: Emulated, address: str) -> bool:
    """Tell whether a computer in the VPC gets a connection to a machine's ssh."""
    script = (
        "import socket,sys\n"
        "s=socket.socket(socket.AF_INET,socket.SOCK_STREAM);s.settimeout(1)\n"
        "try: s.connect((sys.argv[1],22));print('yes')\n"
        "except OSError: print('no')\n"
    )
    return "yes" in stack.run("exec", "--", "python3", "-c", script, address, expect=None).stdout


@pytest.mark.parametrize("point", ["the first droplet is recorded", "all droplets are recorded"])
def test_a_killed_up_leaves_no_orphaned_machine(emulated: Make, point: str) -> None:
    stack = emulated(PROGRAM)
    want(stack, count=2)
    process = stack.start("up")
    count = 1 if "first" in point else 2
    wait_until(lambda: len(stack.world().get(DROPLETS, {})) >= count, point, seconds=120)
    process.kill()
    process.communicate(timeout=30)
    stack.run("up")
    assert_agreement(stack, 2)
    assert [machine["power"] for machine in stack.status()["machines"]] == ["on", "on"]
    stack.run("preview --expect-no-changes")
    stack.run("destroy")
    assert_nothing_left(stack)


def examples_of_the_sdk() -> str:
    """Return programs that are not ours: examples that the authors of pulumi-digitalocean (Apache-2.0) print in its docstrings.

    Three of them, as installed, in one program; one word is changed, the image's slug, because there is no Ubuntu here.
    """
    folder = Path(str(metadata.distribution("pulumi_digitalocean").locate_file("pulumi_digitalocean")))
    chosen = []
    for module, marks in (
        ("firewall", "only-22-80-and-443"),
        ("vpc", "vpc_uuid=example.id"),
        ("project", "foobar.droplet_urn"),
    ):
        blocks = re.findall(r"```python\n(.*?)```", (folder / f"{module}.py").read_text(), re.DOTALL)
        block = next(block for block in blocks if marks in block)
        chosen.append("\n".join(line.removeprefix("        ") for line in block.splitlines()))
    return "\n".join(chosen)


def test_somebody_elses_programs_run(emulated: Make) -> None:
    program = examples_of_the_sdk()
    assert len(re.findall(r"digitalocean\.(Droplet|Vpc|Firewall|Project)\(", program)) == 6
    stack = emulated(program)
    assert "is not an image that can be booted here; known: debian-12-x64, debian-13-x64" in stack.fails("up")
    assert not any(stack.world().values())
    stack.edit(re.sub(r"ubuntu-\d\d-04-x64", "debian-13-x64", program))
    assert "6 create" in stack.run("up").stdout
    stack.run("preview --expect-no-changes")
    assert "no changes" in stack.run("refresh").stdout
    stack.run("preview --expect-no-changes")
    assert sorted(machine["name"] for machine in stack.status()["machines"]) == ["example", "example-01", "web-1"]
    stack.run("destroy")
    assert_nothing_left(stack)


class SmallDisk:
    """A disk of its own for a stack with a machine, and for temporary files, which can be filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(folder)])
        self.stack = Emulated.create(folder.parent / "program-on-it", shared_home(folder / "home"), PROGRAM)
        self.stack.environment["TMPDIR"] = str(folder)
        want(self.stack)

    def fill(self) -> None:
        # In memory: it is made small first, so that the rest to be written is.
        room = os.statvfs(self.folder)
        used = (room.f_blocks - room.f_bfree) * room.f_frsize
        run(["mount", "-o", f"remount,size={used + 2**20}", str(self.folder)])
        with (self.folder / "filler").open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def remove(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)
        self.stack.clean_up()
        run(["umount", str(self.folder)])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "small-disk")
    yield disk
    disk.remove()


def test_a_stack_on_a_full_disk_is_destroyed_without_the_engine(small_disk: SmallDisk) -> None:
    stack = small_disk.stack
    stack.run("up")
    small_disk.fill()
    assert "No space left on device in " in stack.fails("up")
    small_disk.fill()
    said = stack.run("destroy", cold=True).stdout
    assert "the stack's disk has no room for the engine's state: everything of the stack is removed as it is" in said
    assert_nothing_left(stack)
    assert "nothing to destroy" in stack.run("destroy").stdout


def test_what_is_protected_stays_on_a_full_disk_too(small_disk: SmallDisk) -> None:
    stack = small_disk.stack
    stack.edit(PROGRAM.replace('name="tested")', 'name="tested", opts=pulumi.ResourceOptions(protect=True))'))
    stack.run("up")
    stack.folder.state_file.write_text("")  # as an engine leaves it that had no room for it
    small_disk.fill()
    assert "is protected, and nothing is deleted: by Pulumi: tag" in stack.fails("destroy")
    assert [machine["power"] for machine in stack.status()["machines"]] == ["on"]
    stack.run("destroy --force")
    assert_nothing_left(stack)
