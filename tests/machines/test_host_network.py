"""Networks and firewalls, enforced outside the machines; and commands that are killed half way."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import Firewall, FirewallRule, Host, MachineSpec
from pulumi_emulator.stacks import emulator_home
from tests.machines.host_probes import ask, connect, hold, say, wait_for_answer

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]

SPEC = MachineSpec("1", "data-0", "debian-13-x64", "vpc-1", "ams3", "s-1vcpu-1gb", "#cloud-config\n{}\n", (), ("redis",))
DATA, WEB, FAR = "10.20.0.2", "10.20.0.3", "10.30.0.2"
OPERATOR, STRANGER = "203.0.113.250", "203.0.113.251"
SSH = FirewallRule("in", "tcp", (22, 22))
ANYWHERE = ("0.0.0.0/0", "::/0")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    made = Host(tmp_path_factory.mktemp("network") / "stack", emulator_home())
    made.preflight()
    made.ensure_image("debian-13-x64", print)
    try:
        made.create_vpc("vpc-1", "near", "10.20.0.0/24")
        made.create_vpc("vpc-2", "far", "10.30.0.0/24")
        made.create_machine(SPEC)
        made.create_machine(replace(SPEC, machine_id="2", name="web", tags=("web",)))
        made.create_machine(replace(SPEC, machine_id="3", name="far", vpc_id="vpc-2", tags=(), public=False))
        for where, address in (("client:near", DATA), ("client:near", WEB), ("client:far", FAR)):
            wait_for_answer(made, where, address)
        yield made
    finally:
        made.destroy_all()
        assert made.leftovers() == []


@pytest.fixture
def firewalled(host: Host) -> Iterator[Host]:
    yield host
    host.set_firewalls([])
    host.update_machine("2", tags=["web"])


def guard(*rules: FirewallRule, ids: tuple[str, ...] = ("1",), tags: tuple[str, ...] = ()) -> Firewall:
    return Firewall("fw", "redis", rules, ids, tags)


def test_machines_of_one_vpc_meet_and_others_do_not(host: Host) -> None:
    assert connect(host, "web", DATA) == "open"
    assert connect(host, "data-0", FAR) == "silence"
    assert connect(host, "far", DATA) == "silence"
    assert connect(host, "client:near", FAR) == "silence"
    assert connect(host, "public", DATA) != "open"
    assert connect(host, "public", "203.0.113.3") == "open"


def test_a_machine_without_a_public_interface_has_its_vpc_only(host: Host) -> None:
    assert "eth0" not in say(host, "far", "ls", "/sys/class/net")
    assert host.machine("3").public_ip is None  # type: ignore[union-attr]
    address = "http://169.254.169.254/metadata/v1/interfaces/private/0/ipv4/address"
    assert say(host, "far", "curl", "-sf", address) == FAR


LISTEN = """
import socket
box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
box.bind(("0.0.0.0", 9999))
box.settimeout(3)
print("ready", flush=True)
try:
    print(box.recvfrom(100)[1][0])
except TimeoutError:
    print("silence")
"""
SEND = """
import socket, sys
box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
box.bind((sys.argv[1], 0))
box.sendto(b"hello", (sys.argv[2], 9999))
"""


@pytest.mark.parametrize(("claimed", "heard"), [(WEB, WEB), ("10.20.0.77", "silence")])
def test_a_machine_cannot_speak_for_another(host: Host, claimed: str, heard: str) -> None:
    say(host, "web", "ip", "address", "replace", f"{claimed}/32", "dev", "eth1")
    argv = host.command_in("data-0", ["python3", "-c", LISTEN])
    try:
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as listener:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "ready\n"
            say(host, "web", "python3", "-c", SEND, claimed, DATA)
            assert listener.stdout.readline() == f"{heard}\n"
    finally:
        say(host, "web", "ip", "address", "delete", f"{claimed}/32", "dev", "eth1")


def test_a_firewall_denies_what_it_does_not_allow(firewalled: Host) -> None:
    firewalled.set_firewalls([guard()])
    assert connect(firewalled, "client:near", DATA) == "silence"
    assert connect(firewalled, "public", "203.0.113.2") == "silence"
    assert connect(firewalled, "data-0", WEB) == "silence"  # outbound
    assert connect(firewalled, "client:near", WEB) == "open"  # has no firewall
    assert say(firewalled, "data-0", "curl", "-sf", "http://169.254.169.254/metadata/v1/hostname") == "data-0"


def test_sources_by_address(firewalled: Host) -> None:
    firewalled.set_firewalls([guard(replace(SSH, addresses=("10.20.0.254", f"{OPERATOR}/32")))])
    assert connect(firewalled, "client:near", DATA) == "open"
    assert connect(firewalled, "public", "203.0.113.2", source=OPERATOR) == "open"
    assert connect(firewalled, "public", "203.0.113.2", source=STRANGER) == "silence"
    assert connect(firewalled, "web", DATA) == "silence"


def test_sources_by_droplet_and_by_tag_follow_the_tags(firewalled: Host) -> None:
    firewalled.set_firewalls([guard(replace(SSH, droplet_ids=("2",)))])
    assert connect(firewalled, "web", DATA) == "open"
    assert connect(firewalled, "client:near", DATA) == "silence"
    firewalled.set_firewalls([guard(replace(SSH, tags=("friend",)), ids=(), tags=("redis",))])
    assert connect(firewalled, "web", DATA) == "silence"
    firewalled.update_machine("2", tags=["web", "friend"])
    assert connect(firewalled, "web", DATA) == "open"


def test_outbound_rules_open_outbound_only(firewalled: Host) -> None:
    firewalled.set_firewalls([guard(FirewallRule("out", "tcp", (22, 22), ANYWHERE))])
    assert connect(firewalled, "data-0", WEB) == "open"
    assert connect(firewalled, "web", DATA) == "silence"


def test_icmp_is_a_rule_of_its_own(firewalled: Host) -> None:
    ping = ["ping", "-c", "1", "-W", "1", DATA]
    firewalled.set_firewalls([guard(replace(SSH, addresses=ANYWHERE))])
    assert subprocess.run(firewalled.command_in("web", ping), capture_output=True, check=False).returncode == 1
    firewalled.set_firewalls([guard(FirewallRule("in", "icmp", None, ANYWHERE))])
    assert subprocess.run(firewalled.command_in("web", ping), capture_output=True, check=False).returncode == 0


def test_established_connections_outlive_a_new_rule_set(firewalled: Host) -> None:
    firewalled.set_firewalls([guard(replace(SSH, addresses=("10.20.0.0/24",)))])
    holder = hold(firewalled, "client:near", DATA)
    firewalled.set_firewalls([guard()])
    assert connect(firewalled, "client:near", DATA) == "silence"
    assert ask(holder) == "answer"


def test_overlapping_and_inhabited_networks_are_refused(host: Host) -> None:
    with pytest.raises(EmulatorError, match=r"VPC third .* overlaps VPC near"):
        host.create_vpc("vpc-3", "third", "10.20.0.0/16")
    assert set(host.vpcs()) == {"vpc-1", "vpc-2"}
    with pytest.raises(EmulatorError, match="data-0, web are in it"):
        host.delete_vpc("vpc-1")
    host.delete_vpc("vpc-9")


def test_a_network_comes_and_goes(host: Host) -> None:
    host.create_vpc("vpc-4", "brief", "10.40.0.0/24")
    assert "10.40.0.254/24" in say(host, "client:brief", "ip", "-4", "-o", "address")
    host.delete_vpc("vpc-4")
    assert "brief" not in {vpc.name for vpc in host.vpcs().values()}
    assert connect(host, "client:near", DATA) == "open"


PROGRAM = """
import sys
from pathlib import Path
from pulumi_emulator.machines import Firewall, Host, MachineSpec
host = Host(Path(sys.argv[1]), Path(sys.argv[2]))
host.create_vpc("vpc-1", "net", "10.20.0.0/24")
for number in (1, 2):
    name = f"data-{number}"
    host.create_machine(MachineSpec(str(number), name, "debian-13-x64", "vpc-1", "ams3", "s", "#cloud-config\\n{}\\n"))
host.set_firewalls([Firewall("f", "f", (), ("2",), ())])
host.delete_machine("2")
"""


def test_a_command_killed_anywhere_is_completed_by_the_next(host: Host, tmp_path: Path) -> None:
    assert host.machine("1") is not None  # the images are there
    other = Host(tmp_path / "stack", emulator_home())
    argv = [sys.executable, "-c", PROGRAM, str(other.stack_dir), str(other.home)]
    try:
        for patience in (0.15, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4):
            with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as command:
                time.sleep(patience)
                command.kill()
        assert subprocess.run(argv, check=True, timeout=120).returncode == 0
        assert [(machine.name, machine.power) for machine in other.machines()] == [("data-1", "on")]
        wait_for_answer(other, "client", other.machines()[0].private_ip)
    finally:
        other.destroy_all()
    assert other.leftovers() == []


def test_a_half_made_stack_is_taken_down_whole(tmp_path: Path) -> None:
    for patience in (0.2, 0.4, 0.8):
        other = Host(tmp_path / f"stack{patience}", emulator_home())
        with subprocess.Popen([sys.executable, "-c", PROGRAM, str(other.stack_dir), str(other.home)]) as command:
            time.sleep(patience)
            command.kill()
        other.destroy_all()
        assert other.leftovers() == []
        other.destroy_all()
