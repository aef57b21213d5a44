"""Machines that boot: user data, packages, metadata, ssh, reboot, power, faults, and nothing left behind."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import Host, MachineSpec, boot, keeper, processes
from pulumi_emulator.stacks import emulator_home
from tests.machines.host_probes import ask, connect, hold, say, wait_for_answer, wait_for_cloud_init
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]

TIMED_OUT = 124  # timeout(1)
GIVEN_UP = 100  # apt-get(8), "DIAGNOSTICS"
METADATA = "http://169.254.169.254/metadata/v1"
USER_DATA = f"""#cloud-config
package_update: true
packages: [redis-server, python3-redis]
write_files:
  - path: /etc/sysctl.d/60-redis.conf
    content: "vm.overcommit_memory = 1\\nnet.core.somaxconn = 1024\\n"
runcmd:
  - [ sh, -c, "curl -sf {METADATA}/interfaces/private/0/ipv4/address > /var/lib/probe-address" ]
  - [ sh, -c, "curl -sf {METADATA}/user-data | sha256sum > /var/lib/probe-user-data" ]
  - [ sysctl, --system ]
"""


class Stack:
    def __init__(self, folder: Path) -> None:
        self.key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.host = Host(folder / "stack", emulator_home())
        self.public_key = self.key.with_suffix(".pub").read_text().strip()

    def spec(self, number: int, name: str, image: str = "debian-13-x64") -> MachineSpec:
        return MachineSpec(str(number), name, image, "vpc-1", "ams3", "s-1vcpu-1gb", USER_DATA, (self.public_key,), ("redis",))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("boot"))
    host = made.host
    host.preflight()
    for image in ("debian-13-x64", "debian-12-x64"):
        host.ensure_image(image, print)
    try:
        host.create_vpc("vpc-1", "net", "10.20.0.0/24")
        host.create_machine(made.spec(1, "data-0"))
        host.create_machine(made.spec(2, "old-0", "debian-12-x64"))
        yield made
    finally:
        host.destroy_all()
        assert host.leftovers() == []


def redis_answers(host: Host, machine: str) -> None:
    wait_until(lambda: say(host, machine, "sh", "-c", "redis-cli ping || true") == "PONG", "Redis answers", every=0.5)


@pytest.mark.parametrize(("machine", "address", "redis"), [("data-0", "10.20.0.2", "v=8.0"), ("old-0", "10.20.0.3", "v=7.0")])
def test_user_data_runs_as_on_a_droplet(stack: Stack, machine: str, address: str, redis: str) -> None:
    host = stack.host
    assert wait_for_cloud_init(host, machine) == []
    assert say(host, machine, "systemctl", "--failed", "--no-legend", "--plain") == ""
    assert say(host, machine, "cat", "/var/lib/probe-address") == address
    # Debian starts the server that it installs, before any user data could configure it.
    assert say(host, machine, "systemctl", "is-active", "redis-server") == "active"
    assert redis in say(host, machine, "redis-server", "--version")
    assert say(host, machine, "python3", "-c", "import redis; print(redis.Redis().ping())") == "True"
    served = subprocess.run(["sha256sum"], input=USER_DATA, text=True, capture_output=True, check=True).stdout.strip()
    assert say(host, machine, "cat", "/var/lib/probe-user-data") == served
    assert say(host, machine, "hostname") == machine


def test_the_first_ten_address_is_not_the_private_one(stack: Stack) -> None:
    addresses = [line.split()[3] for line in say(stack.host, "data-0", "ip", "-4", "-o", "address").splitlines()]
    first = next(address for address in addresses if address.startswith("10."))
    assert first == "10.18.0.5/16"
    assert "10.20.0.2/24" in addresses
    assert say(stack.host, "data-0", "curl", "-sf", f"{METADATA}/interfaces/public/0/anchor_ipv4/address") == "10.18.0.5"


def test_kernel_settings_are_the_machines_own(stack: Stack) -> None:
    wait_for_cloud_init(stack.host, "data-0")
    before = Path("/proc/sys/vm/overcommit_memory").read_text()
    assert say(stack.host, "data-0", "sysctl", "-n", "vm.overcommit_memory", "net.core.somaxconn").split() == ["1", "1024"]
    assert say(stack.host, "old-0", "sysctl", "-w", "vm.overcommit_memory=2") == "vm.overcommit_memory = 2"
    assert say(stack.host, "data-0", "cat", "/proc/sys/vm/overcommit_memory") == "1"
    assert Path("/proc/sys/vm/overcommit_memory").read_text() == before


def test_user_data_is_for_root_only(stack: Stack) -> None:
    folder = stack.host.store.disk("1")
    assert folder.parent.parent.stat().st_mode & 0o077 == 0
    assert (folder / "user-data").stat().st_mode & 0o077 == 0
    seen = say(
        stack.host, "data-0", "sh", "-c", "su nobody -s /bin/sh -c 'cat /var/lib/cloud/seed/nocloud/user-data' 2>&1; true"
    )
    assert "Permission denied" in seen


def test_root_logs_in_with_the_stacks_key(stack: Stack) -> None:
    wait_for_cloud_init(stack.host, "data-0")
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"]
    argv = ["ssh", "-i", str(stack.key), *(word for option in options for word in ("-o", option)), "root@203.0.113.2"]
    assert say(stack.host, "public", *argv, "cat /var/lib/probe-address") == "10.20.0.2"


def test_the_client_has_an_address_in_the_vpc(stack: Stack) -> None:
    assert connect(stack.host, "client", "10.20.0.2") == "open"
    assert connect(stack.host, "client:net", "10.20.0.2") == "open"
    assert "10.20.0.254/24" in say(stack.host, "client", "ip", "-4", "-o", "address")


def test_logs_show_the_journal_of_a_unit(stack: Stack) -> None:
    wait_for_cloud_init(stack.host, "data-0")
    assert "redis-server" in stack.host.logs("data-0", "redis-server")
    assert len(stack.host.logs("data-0", lines=3).splitlines()) == 3


def test_places_that_are_not_there_are_named(stack: Stack) -> None:
    with pytest.raises(EmulatorError, match=r"no machine 'data-9'.*data-0, old-0"):
        stack.host.command_in("data-9", ["true"])
    with pytest.raises(EmulatorError, match="client:other"):
        stack.host.command_in("client:other", ["true"])


def test_a_reboot_from_inside_comes_back_with_its_disk(stack: Stack) -> None:
    host = stack.host
    wait_for_cloud_init(host, "data-0")
    boots = boot.read_status(host.store.disk("1")).boots
    say(host, "data-0", "sh", "-c", "echo kept > /var/lib/kept; systemctl reboot")
    wait_until(lambda: boot.read_status(host.store.disk("1")).boots == boots + 1, "the machine boots again")
    wait_for_answer(host, "client", "10.20.0.2")
    assert host.machine("1").power == "on"  # type: ignore[union-attr]
    assert say(host, "data-0", "cat", "/var/lib/kept") == "kept"
    redis_answers(host, "data-0")


def test_a_power_cut_is_silence_and_power_brings_the_disk_back(stack: Stack) -> None:
    host = stack.host
    holder = hold(host, "client", "10.20.0.2")
    say(host, "data-0", "sh", "-c", "echo before > /var/lib/cut; sync")
    host.power_off("1")
    assert connect(host, "client", "10.20.0.2") == "silence"
    assert connect(host, "old-0", "10.20.0.2") == "silence"
    assert connect(host, "public", "203.0.113.2") == "silence"
    assert ask(holder) == "silence"
    machine = host.machine("1")
    assert machine is not None
    assert (machine.power, machine.init_pid) == ("off", None)
    with pytest.raises(EmulatorError, match="data-0 is off"):
        host.command_in("data-0", ["true"])
    assert host.logs("data-0") != ""
    host.power_off("1")  # once more changes nothing
    host.power_on("1")
    wait_for_answer(host, "client", "10.20.0.2")
    assert say(host, "data-0", "cat", "/var/lib/cut") == "before"
    assert host.machine("1").power == "on"  # type: ignore[union-attr]


def test_a_power_off_from_inside_is_off_and_silent(stack: Stack) -> None:
    host = stack.host
    say(host, "old-0", "systemctl", "poweroff")
    wait_until(lambda: host.machine("2").power == "off", "the machine is off")  # type: ignore[union-attr]
    assert connect(host, "client", "10.20.0.3") == "silence"
    host.power_on("2")
    wait_for_answer(host, "client", "10.20.0.3")


def test_a_soft_power_off_lets_the_machine_shut_down(stack: Stack) -> None:
    host = stack.host
    redis_answers(host, "old-0")
    say(host, "old-0", "sh", "-c", "redis-cli set key value && redis-cli config set save '3600 1'")
    host.power_off("2", hard=False)
    assert host.machine("2").power == "off"  # type: ignore[union-attr]
    host.power_on("2")
    wait_for_answer(host, "client", "10.20.0.3")
    redis_answers(host, "old-0")
    assert say(host, "old-0", "redis-cli", "get", "key") == "value"


@pytest.mark.parametrize("victim", ["nspawn", "supervisor", "init"])
def test_a_machine_whose_processes_die_is_lost_and_can_be_switched_on(stack: Stack, victim: str) -> None:
    host = stack.host
    status = boot.read_status(host.store.disk("1"))
    processes.send(getattr(status, victim), signal.SIGKILL)
    wait_until(lambda: host.machine("1").power == "lost", "the machine is lost")  # type: ignore[union-attr]
    wait_until(lambda: not processes.alive(status.init), "everything in it is dead")
    host.power_on("1")
    wait_for_answer(host, "client", "10.20.0.2")


def test_a_frozen_machine_accepts_and_says_nothing_until_it_thaws(stack: Stack) -> None:
    host = stack.host
    host.freeze("1")
    assert connect(host, "client", "10.20.0.2") == "silence"
    assert host.machine("1").power == "on"  # type: ignore[union-attr]
    host.thaw("1")
    wait_for_answer(host, "client", "10.20.0.2")


@pytest.mark.parametrize(("stop", "go", "said"), [("freeze", "thaw", "refused"), ("pause", "resume", "silence")])
def test_the_kernel_of_a_frozen_machine_answers_and_that_of_a_paused_one_does_not(
    stack: Stack, stop: str, go: str, said: str
) -> None:
    """At a port where nothing listens."""
    host = stack.host
    getattr(host, stop)("1")
    try:
        assert connect(host, "client", "10.20.0.2", port=9) == said
        assert host.machine("1").power == "on"  # type: ignore[union-attr]
    finally:
        getattr(host, go)("1")
    wait_for_answer(host, "client", "10.20.0.2")


def result(host: Host, machine: str, *argv: str) -> int:
    return subprocess.run(host.command_in(machine, argv), capture_output=True, check=False, timeout=120).returncode


def test_a_stalled_process_says_nothing_and_the_rest_of_the_machine_goes_on(stack: Stack) -> None:
    host = stack.host
    redis_answers(host, "data-0")
    asked = ("timeout", "2", "redis-cli", "ping")
    for _ in range(2):
        host.stall("1", "redis-server")
        assert result(host, "data-0", *asked) == TIMED_OUT
        assert connect(host, "client", "10.20.0.2") == "open"
        assert host.faults("1") == ["redis-server stalled"]
    for _ in range(2):
        host.unstall("1", "redis-server")
        assert result(host, "data-0", *asked) == 0
        assert host.faults("1") == []
    with pytest.raises(EmulatorError, match=r"data-0 has no PROCESS 'valkey'.*redis-server"):
        host.stall("1", "valkey")


def test_a_mirror_that_is_slow_or_silent(stack: Stack) -> None:
    host = stack.host
    wait_for_cloud_init(host, "data-0")
    update = ("apt-get", "-q", "update")
    install = ("apt-get", "-qy", "install", "--reinstall", "--download-only", "jq")
    for _ in range(2):
        host.slow_mirror("1", 1)
        began = time.monotonic()
        assert result(host, "data-0", *update) == result(host, "data-0", *install) == 0
        assert time.monotonic() - began > 2
        assert host.faults("1") == ["mirror slow"]
    host.slow_mirror("1")
    assert result(host, "data-0", "timeout", "4", *update) == TIMED_OUT
    assert result(host, "data-0", *install) == GIVEN_UP
    for _ in range(2):
        host.quick_mirror("1")
        assert host.faults("1") == []
        began = time.monotonic()
        assert result(host, "data-0", *update) == result(host, "data-0", *install) == 0
        assert time.monotonic() - began < 30


@pytest.mark.parametrize(("number", "machine"), [("1", "data-0"), ("2", "old-0")])
def test_apt_and_dpkg_wait_while_their_lock_is_held(stack: Stack, number: str, machine: str) -> None:
    host = stack.host
    wait_for_cloud_init(host, machine)
    commands = (("apt-get", "-qy", "install", "--reinstall", "jq"), ("dpkg", "--configure", "-a"))
    for _ in range(2):
        host.lock_apt(number)
        assert host.faults(number) == ["apt locked"]
        for command in commands:
            done = subprocess.run(host.command_in(machine, command), capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode != 0
            assert "lock" in done.stderr
    for _ in range(2):
        host.unlock_apt(number)
        assert host.faults(number) == []
        for command in commands:
            assert result(host, machine, *command) == 0


def test_a_reboot_ends_what_is_in_memory_and_keeps_what_is_on_the_disk(stack: Stack) -> None:
    host = stack.host
    host.lock_apt("1")
    host.slow_mirror("1", 1)
    host.power_off("1")
    for fault in (host.lock_apt, host.unlock_apt, host.slow_mirror, host.quick_mirror):
        with pytest.raises(EmulatorError, match="data-0 is off: switch it on"):
            fault("1")
    assert host.faults("1") == []
    host.power_on("1")
    assert host.faults("1") == ["mirror slow"]
    wait_for_answer(host, "client", "10.20.0.2")
    host.quick_mirror("1")


def test_a_cut_link_is_silent_on_one_interface_only(stack: Stack) -> None:
    host = stack.host
    host.link("1", "private", up=False)
    assert connect(host, "client", "10.20.0.2") == "silence"
    assert connect(host, "data-0", "10.20.0.3") == "silence"
    assert connect(host, "public", "203.0.113.2") == "open"
    host.link("1", None, up=False)
    assert connect(host, "public", "203.0.113.2") == "silence"
    host.link("1", None, up=True)
    assert connect(host, "client", "10.20.0.2") == "open"
    assert connect(host, "public", "203.0.113.2") == "open"


def test_a_lost_machine_is_gone_with_its_disk_and_its_address(stack: Stack) -> None:
    host = stack.host
    host.lose("2")
    assert host.machine("2") is None
    assert not host.store.disk("2").exists()
    assert connect(host, "client", "10.20.0.3", patience=5) in {"No route to host", "Network is unreachable"}
    made = host.create_machine(stack.spec(3, "old-0"))
    assert (made.private_ip, made.public_ip) == ("10.20.0.4", "203.0.113.4")
    host.delete_machine("3")
    host.delete_machine("3")
    assert [machine.name for machine in host.machines()] == ["data-0"]


def test_a_full_disk_stops_writes_until_there_is_room_and_takes_none_of_this_computers(stack: Stack) -> None:
    host = Host(stack.host.stack_dir, stack.host.home, disk_gb=2)
    host.create_machine(stack.spec(9, "full-0"))
    try:
        assert wait_for_cloud_init(host, "full-0") == []
        assert say(host, "full-0", "cat", "/var/lib/probe-address") == host.machine("9").private_ip  # type: ignore[union-attr]
        redis_answers(host, "full-0")
        say(host, "full-0", "redis-cli", "config", "set", "appendonly", "yes", "save", "")

        def written() -> str:
            return say(host, "full-0", "sh", "-c", f"redis-cli set key {'x' * 9000} 2>&1 || true")

        wait_until(lambda: written() == "OK", "a write is taken")
        # When a write to the file failed during its first rewrite, Redis 8.0.2 never writes again, whatever room there is.
        rewritten = "redis-cli info persistence | grep -c aof_rewrite_in_progress:0 || true"
        wait_until(lambda: say(host, "full-0", "sh", "-c", rewritten) == "1", "the append-only file is written", every=0.5)
        for _ in range(2):
            host.fill_disk("9")
            assert host.faults("9") == ["disk full"]
            assert "No space left" in say(host, "full-0", "sh", "-c", "head -c 9000 /dev/zero 2>&1 > /var/lib/more || true")
            wait_until(lambda: "No space left on device" in written(), "Redis has no space left")
        file = boot.own_file_system(host.store.disk("9"))
        assert file.stat().st_blocks * 512 < file.stat().st_size / 2
        for _ in range(2):
            host.free_disk("9")
            assert host.faults("9") == []
            wait_until(lambda: written() == "OK", written, seconds=20)
        host.fill_disk("9")
        host.power_off("9")
        with pytest.raises(EmulatorError, match="full-0 is off: switch it on"):
            host.fill_disk("9")
        host.power_on("9")
        wait_for_answer(host, "client", host.machine("9").private_ip)  # type: ignore[union-attr]
        assert host.faults("9") == ["disk full"]
        assert "No space left" in say(host, "full-0", "sh", "-c", "head -c 9000 /dev/zero 2>&1 > /var/lib/more || true")
        host.free_disk("9")
        say(host, "full-0", "touch", "/var/lib/mended")
    finally:
        host.delete_machine("9")
    assert boot.loop_devices(host.store.folder) == []
    with pytest.raises(EmulatorError, match="'data-0' shares this computer's disk"):
        host.fill_disk("1")


def test_two_stacks_with_the_same_addresses_do_not_meet(stack: Stack, tmp_path: Path) -> None:
    other = Stack(tmp_path)
    try:
        other.host.create_vpc("vpc-1", "net", "10.20.0.0/24")
        machine = other.host.create_machine(other.spec(1, "twin"))
        assert machine.private_ip == "10.20.0.2"
        wait_for_answer(other.host, "client", "10.20.0.2")
        assert say(other.host, "twin", "hostname") == "twin"
        assert say(stack.host, "data-0", "hostname") == "data-0"
    finally:
        other.host.destroy_all()
    assert other.host.leftovers() == []
    assert connect(stack.host, "client", "10.20.0.2") == "open"
    assert keeper.supervisors(stack.host.store.folder, "1")
