"""A SentinelCluster's user-data on machines that really boot it: six machines, their reboots, and a lost disk."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from redis_ha.sentinel import render
from tests.support.alert_faults import NOT_SEEN, RINGS
from tests.support.droplet_image import NODE_SSHD, exposures
from tests.support.prometheus import alerts, used_metrics, watching
from tests.support.sentinel_machines import BOOT_S, RANGE, Machines, booted, probing
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]

CAP_DAC_OVERRIDE = 1  # linux/capability.h


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with booted(tmp_path_factory.mktemp("machines"), "debian-13-x64", disk_gb=4, metrics_sources=[RANGE]) as machines:
        machines.wait_whole(BOOT_S)
        yield machines


@pytest.fixture
def machines(shared: Machines) -> Machines:
    shared.wait_whole(120)
    return shared


def assert_clean_boot(machines: Machines) -> None:
    for name in machines.addresses:
        waited = machines.inside(name, "cloud-init", "status", "--wait", "--format", "json", check=False, timeout=120)
        status = json.loads(waited)
        assert (status["status"], status["errors"]) == ("done", []), f"{name}: {status}"
        failed = machines.inside(name, "systemctl", "list-units", "--state=failed", "--no-legend", "--plain")
        assert failed == "", f"{name}: {failed}"


def test_boots_without_error_and_agrees(machines: Machines) -> None:
    assert_clean_boot(machines)
    for name in machines.sentinels:
        assert machines.ask(name, "SENTINEL", "CKQUORUM", machines.plan.master_name).startswith("OK 3 usable")


def test_debians_own_units_never_ran(machines: Machines) -> None:
    for name in machines.addresses:
        for unit in ("redis-server.service", "redis-sentinel.service"):
            assert machines.inside(name, "systemctl", "is-enabled", unit, check=False) == "masked"
            assert machines.inside(name, "systemctl", "is-active", unit, check=False) == "inactive"


def test_packages_are_held(machines: Machines) -> None:
    assert "redis-server" in machines.inside(machines.data[0], "apt-mark", "showhold").split()


def test_the_cluster_comes_in_by_connections_of_its_own(machines: Machines) -> None:
    (master,) = machines.masters()
    for name in machines.addresses:
        assert "ct count over 9892 " in machines.inside(name, "nft", "list", "table", "inet", "redis_ha_connections")
        assert machines.inside(name, "cat", "/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal") == "1"
    clients = machines.ask(master, "CLIENT", "LIST").splitlines()
    ports = {
        user: [int(line.split("addr=")[1].split()[0].rpartition(":")[2]) for line in clients if f" user={user} " in line]
        for user in ("replication", "sentinel")
    }
    assert len(ports["replication"]) >= 2
    assert len(ports["sentinel"]) >= 2 * len(machines.sentinels)
    assert max(*ports["replication"], *ports["sentinel"]) < 1024


def assert_shut_in(machines: Machines) -> None:
    """The sandbox as systemd counts it, and as it is in force: the kernel's word for the processes that run."""
    for name in (machines.data[0], machines.sentinels[0]):
        units = machines.inside(name, "sh", "-c", "cd /etc/systemd/system; echo redis-ha-*.service").split()
        found = exposures(machines.inside(name, "systemd-analyze", "security", "--no-pager", *units))
        assert list(found) == units
        assert [unit for unit, exposure in found.items() if exposure >= 2.0] == ["redis-ha-setup.service"], found
        own = ("data", "agent") if name in machines.data else ("sentinel", "bootstrap")
        for unit in own:
            process = machines.inside(name, "systemctl", "show", "--property=MainPID", "--value", f"redis-ha-{unit}.service")
            status = machines.inside(name, "cat", f"/proc/{process}/status")
            held = dict(
                line.split(":\t") for line in status.splitlines() if line.startswith(("Seccomp:", "NoNewPrivs:", "CapBnd:"))
            )
            capabilities = 0 if unit in {"data", "sentinel"} else 1 << CAP_DAC_OVERRIDE
            assert (held["Seccomp"], held["NoNewPrivs"], int(held["CapBnd"], 16)) == ("2", "1", capabilities), (name, unit)
            mounts = [line.split() for line in machines.inside(name, "cat", f"/proc/{process}/mounts").splitlines()]
            options = {words[1]: words[3].split(",") for words in mounts}
            assert "hidepid=invisible" in options["/proc"], (name, unit)
            assert "ro" in options["/"], (name, unit)
            assert "rw" in options["/var/lib/redis-ha"], (name, unit)


def test_units_may_do_what_they_need_and_no_more(machines: Machines) -> None:
    assert_shut_in(machines)


def test_huge_pages_are_turned_off_from_inside_the_sandbox(machines: Machines) -> None:
    """The setting lies below /sys, which the sandbox may only read. On an emulated machine a file has to take its place."""
    name, setting = machines.data[1], "/sys/kernel/mm/transparent_hugepage"
    machines.inside(name, "mount", "-o", "remount,bind,rw", "/sys")  # as it is on a real machine
    machines.inside(name, "mount", "-t", "tmpfs", "tmpfs", "/sys/kernel/mm")
    try:
        machines.inside(name, "sh", "-c", f"mkdir {setting}; echo always > {setting}/enabled")
        machines.inside(name, "systemctl", "restart", "redis-ha-thp.service")
        assert machines.inside(name, "cat", f"{setting}/enabled") == "never"
    finally:
        machines.inside(name, "umount", "/sys/kernel/mm")
        machines.inside(name, "mount", "-o", "remount,bind,ro", "/sys")
        machines.inside(name, "systemctl", "restart", "redis-ha-thp.service")


def test_the_metrics_agent_of_the_provider_may_ask_the_metadata_service(machines: Machines) -> None:
    name = machines.sentinels[1]
    restart, rules = ("systemctl", "restart", "redis-ha-metadata.service"), ("nft", "list", "table", "inet", "redis_ha")
    machines.inside(name, *restart)
    assert machines.inside(name, *rules).count("skuid") == 1
    machines.inside(name, "useradd", "--system", "do-agent")
    try:
        machines.inside(name, *restart)
        told = machines.inside(name, *rules)
        assert "accept\n" in told.split("skuid", 2)[1]
        assert "!= 0 drop" in told.split("skuid", 2)[2]
    finally:
        machines.inside(name, "userdel", "do-agent")
        machines.inside(name, *restart)


def assert_keys_only(machines: Machines) -> None:
    for name in machines.addresses:
        told = machines.inside(name, "sshd", "-T").splitlines()
        assert set(NODE_SSHD) <= set(told), (name, set(NODE_SSHD) - set(told))
        # What runs has read it: it offers nothing but keys.
        options = ("PreferredAuthentications=none", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
        probe = " ".join(("ssh", *(f"-o{option}" for option in options), "root@127.0.0.1", "true"))
        refused = machines.inside(name, "sh", "-c", f"{probe} 2>&1 || true")
        assert "Permission denied (publickey)." in refused, (name, refused)


def test_ssh_takes_keys_alone(machines: Machines) -> None:
    assert_keys_only(machines)


def test_user_data_is_for_root_only(machines: Machines) -> None:
    url = "http://169.254.169.254/metadata/v1/user-data"
    fetch = f"import urllib.request as u; print(len(u.urlopen('{url}', timeout=3).read()))"
    for name in (machines.data[0], machines.sentinels[0]):
        assert int(machines.inside(name, "python3", "-c", fetch)) > 1000
        refused = machines.inside(
            name,
            "sh",
            "-c",
            f'setpriv --reuid=redis --regid=redis --clear-groups python3 -c "{fetch}" 2>&1 || true',
            timeout=30,
        )
        assert "timed out" in refused


def test_secrets_are_in_no_readable_file_and_no_argument(machines: Machines) -> None:
    name = machines.data[0]
    found = machines.inside(name, "find", "/etc/redis-ha/seed", "/var/lib/redis-ha", "-type", "f", "-perm", "/077")
    assert found == ""
    arguments = machines.inside(name, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    journal = machines.inside(name, "journalctl", "--no-pager", "-q")
    for password in vars(machines.passwords).values():
        assert password not in arguments
        assert password not in journal


def test_running_user_data_again_changes_nothing(machines: Machines) -> None:
    name = machines.sentinels[0]
    before = machines.sentinel_view(name)
    machines.inside(name, "cloud-init", "single", "--name", "write_files", "--frequency", "always")
    machines.inside(name, "cloud-init", "single", "--name", "runcmd", "--frequency", "always")
    machines.inside(name, "cloud-init", "single", "--name", "scripts_user", "--frequency", "always", timeout=120)
    machines.inside(name, "systemctl", "restart", "redis-ha-sentinel.service")
    machines.wait_whole()
    after = machines.sentinel_view(name)
    assert (after["ip"], after["config-epoch"]) == (before["ip"], before["config-epoch"])


def test_reboot_of_all_at_once(machines: Machines) -> None:
    machines.write_everywhere("before-reboot", "1")
    with probing(machines) as probe:
        probe.wait_for_write()
        for name in machines.addresses:
            machines.host.power_off(name)
        for name in machines.addresses:
            machines.host.power_on(name)
        machines.wait_whole(BOOT_S)
        probe.wait_for_write()
    probe.assert_one_at_a_time()
    assert machines.read_everywhere("before-reboot") == {"1"}
    assert_clean_boot(machines)


def test_reboot_of_the_old_master_after_a_failover(machines: Machines) -> None:
    machines.write_everywhere("before-failover", "1")
    (old,) = machines.masters()
    with probing(machines) as probe:
        probe.wait_for_write()
        machines.host.power_off(old)
        taken = probe.wait_for_write(on_other_than=old)
        machines.host.power_on(old)
        master = machines.wait_whole(BOOT_S)
        probe.wait_for_write()
    probe.assert_one_at_a_time()
    assert master != old
    assert not [write for write in probe.acknowledged() if write.node == old and write.sent > taken.sent]
    assert machines.read_everywhere("before-failover") == {"1"}


def test_a_master_cut_off_with_a_replica_stops_taking_writes(machines: Machines) -> None:
    """It was promoted so shortly before that it stays master, for a while, when the healed majority names another."""
    machines.write_everywhere("before-cut", "1")
    (before,) = machines.masters()
    assert machines.ask(machines.sentinels[0], "SENTINEL", "FAILOVER", machines.plan.master_name) == "OK"
    wait_until(lambda: machines.masters() not in ([], [before]), "another is promoted")
    old = machines.wait_whole()
    companion, other = (name for name in machines.data if name != old)
    with probing(machines) as probe:
        probe.wait_for_write()
        with machines.cut_off([old, companion]):
            cut = time.monotonic()
            refused = probe.wait_for_refusal(old)
            wait_until(lambda: other in machines.masters(), f"{other} is promoted")
            assert machines.info(companion)["master_host"] == machines.addresses[old], "the cut went between the two"
        master = machines.wait_whole(120)
        assert master == other
        probe.wait_for_write()
    taken = [write for write in probe.acknowledged() if write.node == old and write.sent > cut]
    assert taken
    assert all(write.sent < refused for write in taken)
    assert machines.read_everywhere("before-cut") == {"1"}
    kept = [str(write.number) for write in probe.acknowledged() if write.node == other]
    assert machines.ask(other, "MGET", *(f"probe:{machines.addresses[other]}:{number}" for number in kept)) == kept


def test_wiped_data_directory_on_the_old_master(machines: Machines) -> None:
    machines.write_everywhere("before-wipe", "1")
    (old,) = machines.masters()
    with probing(machines) as probe:
        probe.wait_for_write()
        machines.host.link(old, None, up=False)
        taken = probe.wait_for_write(on_other_than=old)
        machines.inside(old, "sh", "-c", "systemctl stop redis-ha-data; rm -rf /var/lib/redis-ha/data; sync")
        machines.host.power_off(old)
        machines.host.link(old, None, up=True)
        machines.host.power_on(old)
        machines.wait_whole(BOOT_S)
        probe.wait_for_write()
    probe.assert_one_at_a_time()
    assert not [write for write in probe.acknowledged() if write.node == old and write.sent > taken.sent]
    assert machines.read_everywhere("before-wipe") == {"1"}


def test_wiped_data_directory_under_the_running_master(machines: Machines) -> None:
    """redis-server dies and its files are gone; systemd restarts it within a second, long before the Sentinels miss it."""
    machines.write_everywhere("before-crash", "1")
    (old,) = machines.masters()
    with probing(machines) as probe:
        probe.wait_for_write()
        machines.inside(old, "sh", "-c", "rm -rf /var/lib/redis-ha/data/*; systemctl kill -s KILL redis-ha-data.service")
        taken = probe.wait_for_write(on_other_than=old)
        machines.wait_whole(120)
    probe.assert_one_at_a_time()
    assert not [write for write in probe.acknowledged() if write.node == old and write.sent > taken.sent]
    assert machines.read_everywhere("before-crash") == {"1"}


def test_a_stalled_master_has_a_successor_and_follows_it_afterwards(machines: Machines) -> None:
    machines.write_everywhere("before-stall", "1")
    (old,) = machines.masters()
    with probing(machines) as probe:
        probe.wait_for_write()
        machines.host.stall(old, "redis-server")
        probe.wait_for_write(on_other_than=old)
        machines.host.unstall(old, "redis-server")
        assert machines.wait_whole(120) != old
        probe.wait_for_write()
    probe.assert_one_at_a_time()
    assert machines.read_everywhere("before-stall") == {"1"}


def test_a_master_with_a_full_disk_refuses_writes_until_there_is_room(machines: Machines) -> None:
    machines.write_everywhere("before-full", "1")
    (master,) = machines.masters()

    def refused() -> bool:
        return machines.ask(master, "SET", "filler", "x" * 9000) is None

    machines.host.fill_disk(master)
    try:
        wait_until(refused, "the master refuses a write")
        assert machines.info(master)["aof_last_write_status"] == "err"
    finally:
        machines.host.free_disk(master)
    wait_until(lambda: not refused(), "the master takes a write")
    machines.write_everywhere("after-full", "1")
    assert machines.read_everywhere("before-full") == {"1"}


def test_status_names_each_sentinel_whose_disk_is_full(machines: Machines) -> None:
    def unsaved() -> dict[str, list[str]]:
        told = machines.status()
        return {
            "findings": [one["subject"] for one in told["findings"] if one["code"] == "persistence"],
            "sentinels": [one["name"] for one in told["sentinels"] if one["saves"] is False],
        }

    full = machines.sentinels[:2]
    configured = [machines.inside(name, "cat", "/var/lib/redis-ha/config/sentinel.conf") for name in full]
    try:
        for name in full:
            machines.host.fill_disk(name)
        assert unsaved() == {"findings": full, "sentinels": full}
        assert [machines.inside(name, "cat", "/var/lib/redis-ha/config/sentinel.conf") for name in full] == configured
    finally:
        for name in full:
            machines.host.free_disk(name)
    assert unsaved() == {"findings": [], "sentinels": []}


def test_each_alert_rings_in_a_real_fault(machines: Machines, tmp_path: Path) -> None:
    with watching(machines, tmp_path) as watch:
        watch.wait_quiet()
        assert {"redis_sentinel_tilt", "redis_up"} <= used_metrics() <= watch.metrics()
        for fault, names in RINGS.items():
            with contextmanager(fault)(machines):
                watch.wait_for(*names)
            machines.wait_whole(120)
            watch.wait_quiet()
    assert {name for names in RINGS.values() for name in names} == set(alerts()) - NOT_SEEN


def test_an_exporter_listens_on_the_private_address_alone_and_is_refused_nothing(machines: Machines) -> None:
    for name in machines.addresses:
        wait_until(lambda name=name: "9121" in machines.inside(name, "ss", "-Hltn"), f"{name} has its exporter")  # type: ignore[misc]
        listening = [line.split()[3] for line in machines.inside(name, "ss", "-Hltn").splitlines()]
        found = {entry for entry in listening if entry.endswith((":9100", ":9121"))}
        assert found == {f"{machines.addresses[name]}:{port}" for port in (9100, 9121)}
        assert not [entry for entry in machines.ask(name, "ACL", "LOG") if "exporter" in entry]


def test_debian_12_boots_the_same_user_data_also_when_its_first_boot_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """cloud-init does its work once (canonical/cloud-init#3284, #5699): what is left is done by a unit, at every boot.

    Until the cut the mirror does not answer, and one machine has dpkg's lock held: those that keep their power try again, too.
    """
    with booted(tmp_path_factory.mktemp("debian12"), "debian-12-x64", mirror=False, stalled="sentinel-1") as machines:
        held = machines.data[2]
        machines.host.lock_apt(held)
        unpacking = machines.sentinels[1]
        cut = {
            machines.data[1]: "/etc/redis-ha/seed",
            machines.sentinels[2]: render.UNPACKED_MARK,
            unpacking: "/etc/systemd/system/redis-ha-bootstrap.service",
        }
        for name, path in cut.items():
            wait_until(lambda name=name, path=path: machines.wrote(name, path), f"{name} has {path}")  # type: ignore[misc]
            machines.host.power_off(name)
        assert not machines.wrote(unpacking, render.UNPACKED_MARK)
        assert not machines.wrote(unpacking, "/usr/local/lib/redis-ha/setup.sh")
        assert not any(machines.wrote(name, "/var/lib/dpkg/info/redis-server.list") for name in machines.addresses)
        for name in cut:
            machines.host.power_on(name)
        for name in machines.addresses:
            machines.host.quick_mirror(name)
        machines.inside(held, "sh", "-c", "until journalctl -qu redis-ha-setup | grep -q lock; do sleep 1; done", timeout=120)
        assert not machines.wrote(held, "/var/lib/dpkg/info/redis-server.list")
        told = {one["subject"]: one for one in machines.status()["findings"]}[held]
        assert told["code"] == "setting-up"
        assert "dpkg frontend lock" in told["text"]
        machines.host.unlock_apt(held)
        machines.wait_whole(2 * BOOT_S)  # an apt that began before the mirror answered gives up first
        for name in machines.addresses:
            # Where the power went cloud-init may call its first boot an error for ever: the node is set up all the same.
            machines.inside(name, "cloud-init", "status", "--wait", check=name not in cut, timeout=120)
            failed = machines.inside(name, "systemctl", "list-units", "--state=failed", "--no-legend", "--plain").splitlines()
            assert [line for line in failed if name not in cut or not line.startswith("cloud-")] == [], name
        assert machines.info(machines.data[0])["redis_version"].startswith("7.0.")
        assert machines.inside(machines.data[0], "cloud-init", "status", "--wait", timeout=120).endswith("status: done")
        for name in machines.addresses:
            assert machines.inside(name, "systemctl", "is-active", "redis-ha-setup.service") == "active"
        assert_shut_in(machines)
        assert_keys_only(machines)
