"""The rendered text against the programs that will read it: cloud-init, Redis, Sentinel, systemd, nft."""

import base64
import gzip
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from redis_ha.arguments import InvalidArgumentsError
from redis_ha.sentinel import render
from redis_ha.sentinel.slots import Slot
from redis_ha.sentinel.topology import Plan, make_plan
from tests.support.droplet_image import NODE_SSHD, exposures, in_image
from tests.support.loopback_cluster import LoopbackCluster
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

COMPONENTS = Path(__file__).resolve().parents[2] / "components/README.md"
GOOD: dict[str, Any] = {"region": "ams3", "vpc_ip_range": "10.20.0.0/24"}
PASSWORDS = render.Passwords(**{role: f"{role}-{hashlib.sha256(role.encode()).hexdigest()[:24]}" for role in render.ROLES})


def plan(**changes: Any) -> Plan:
    return make_plan("local", GOOD | changes)


def addresses(of: Plan) -> dict[str, str]:
    return {slot.name: f"10.20.0.{number + 2}" for number, slot in enumerate(of.slots)}


def user_data(kind: str, **changes: Any) -> str:
    of = plan(**changes)
    return render.cloud_config(of, slot(of, f"{kind}-0"), PASSWORDS, addresses(of))


def slot(of: Plan, key: str) -> Slot:
    (found,) = [slot for slot in of.slots if slot.key == key]
    return found


def files(text: str) -> dict[str, str]:
    """The files that cloud-init would write."""
    found: dict[str, str] = {}
    for entry in yaml.safe_load(text)["write_files"]:
        content = entry["content"]
        found[entry["path"]] = gzip.decompress(base64.b64decode(content)).decode() if "encoding" in entry else content
    return found


@pytest.mark.machines
@pytest.mark.parametrize("kind", ["data", "sentinel"])
@pytest.mark.parametrize("image", ["debian-12-x64", "debian-13-x64"])
def test_cloud_init_takes_the_user_data(kind: str, image: str, tmp_path: Path) -> None:
    (tmp_path / "user-data").write_text(user_data(kind, image=image))
    command = in_image(image, tmp_path, "cloud-init", "schema", "--config-file", "/mnt/user-data")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "Valid" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.machines
@pytest.mark.parametrize("image", ["debian-12-x64", "debian-13-x64"])
def test_cloud_init_refuses_what_it_does_not_know(image: str, tmp_path: Path) -> None:
    (tmp_path / "user-data").write_text(user_data("data", image=image) + "package_update: [1]\n")
    command = in_image(image, tmp_path, "cloud-init", "schema", "--config-file", "/mnt/user-data")
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode != 0


@pytest.mark.parametrize("kind", ["data", "sentinel"])
def test_the_same_plan_gives_the_same_text(kind: str) -> None:
    assert user_data(kind) == user_data(kind)


@pytest.mark.parametrize("kind", ["data", "sentinel"])
def test_every_secret_file_is_for_root_only(kind: str) -> None:
    secrets = list(vars(PASSWORDS).values())
    for entry in yaml.safe_load(user_data(kind))["write_files"]:
        if any(secret in entry["content"] for secret in secrets) or "/seed/" in entry["path"]:
            assert entry["permissions"] == "0600", entry["path"]


def test_nodes_get_only_the_passwords_they_need() -> None:
    data, sentinel = user_data("data"), user_data("sentinel")
    assert [role for role in render.ROLES if getattr(PASSWORDS, role) in data] == ["replication", "admin", "discovery"]
    assert [role for role in render.ROLES if getattr(PASSWORDS, role) in sentinel] == [
        "sentinel",
        "admin",
        "sentinel_peer",
        "discovery",
    ]


def test_seeds_hold_the_addresses_of_the_slots_before() -> None:
    of = plan(generations={"sentinel-1": 1})
    document = json.loads(
        files(render.cloud_config(of, slot(of, "sentinel-1"), PASSWORDS, addresses(of)))["/etc/redis-ha/seed/node.json"]
    )
    assert document["seeds"] == {"data": ["10.20.0.2", "10.20.0.3", "10.20.0.4"], "sentinel": ["10.20.0.5", "10.20.0.7"]}


def test_nothing_names_a_master() -> None:
    """A static replicaof or monitor line is right until the first failover, and wrong at the first reboot after it."""
    redis_conf = render.seed_files(plan(), slot(plan(), "data-1"), PASSWORDS, addresses(plan()))["redis.conf"]
    sentinel_conf = render.seed_files(plan(), slot(plan(), "sentinel-1"), PASSWORDS, addresses(plan()))["sentinel.conf"]
    directives = [line.split()[0] for line in redis_conf.splitlines() if line and not line.startswith("#")]
    assert not {"replicaof", "slaveof", "requirepass"} & set(directives)
    assert "sentinel monitor" not in sentinel_conf


def test_every_data_node_can_follow_and_binds_its_private_address_first() -> None:
    for key in ("data-0", "data-1", "data-2"):
        lines = render.seed_files(plan(), slot(plan(), key), PASSWORDS, addresses(plan()))["redis.conf"].splitlines()
        assert f"masterauth {PASSWORDS.replication}" in lines
        assert "masteruser replication" in lines
        assert "bind @SELF_ADDRESS@ 127.0.0.1" in lines
        assert "replica-announce-ip @SELF_ADDRESS@" in lines
        assert "protected-mode yes" in lines


def test_extra_directives_and_channels_arrive() -> None:
    of = plan(extra_directives={"slowlog-max-len": "512"}, application_channels=["orders:*", "jobs"])
    seeds = render.seed_files(of, slot(of, "data-0"), PASSWORDS, addresses(of))
    assert "slowlog-max-len 512" in seeds["redis.conf"].splitlines()
    (application,) = [line for line in seeds["users.acl"].splitlines() if line.startswith("user application")]
    assert "resetchannels &orders:* &jobs" in application


def test_user_data_of_the_largest_cluster_fits() -> None:
    render.check_size(plan(replicas=9, sentinels=7, generations={f"sentinel-{n}": n + 1 for n in range(7)}))


def test_user_data_above_64_kib_is_refused() -> None:
    too_much = {"proc-title-template": "x" * 60_000}
    with pytest.raises(InvalidArgumentsError, match=r"user-data would be [0-9]+ bytes, the limit is 65536"):
        render.check_size(plan(extra_directives=too_much))


@pytest.mark.parametrize("persistence", ["aof+rdb", "aof", "rdb"])
def test_redis_and_sentinel_take_the_files(persistence: str, tmp_path: Path) -> None:
    """The real parsers, and what they made of it; every user of the files is asked what it may do."""
    extra = {"slowlog-max-len": "512", "client-output-buffer-limit": "replica 256mb 64mb 60"}
    cluster = LoopbackCluster(tmp_path, persistence=persistence, extra_directives=extra, replicas=1, maxmemory_mb=128)
    data, sentinel = cluster.nodes["data-0"], cluster.nodes["sentinel-0"]
    try:
        data.start()
        sentinel.start()
        wait_until(lambda: data.role() == "slave", "redis-server runs")
        wait_until(sentinel.answers, "Sentinel runs")
        assert data.call("CONFIG", "GET", "maxmemory") == ["maxmemory", str(128 * 1024**2)]
        assert data.call("CONFIG", "GET", "appendonly") == ["appendonly", "no" if persistence == "rdb" else "yes"]
        assert data.call("CONFIG", "GET", "slowlog-max-len") == ["slowlog-max-len", "512"]
        assert sorted(data.call("ACL", "USERS")) == ["admin", "application", "default", "exporter", "replication", "sentinel"]  # type: ignore[call-overload]
        assert sorted(sentinel.call("ACL", "USERS")) == ["admin", "application", "default", "sentinel-peer"]  # type: ignore[call-overload]
        assert "off" in data.call("ACL", "GETUSER", "default")[1]  # type: ignore[index]
        assert sentinel.call("SENTINEL", "MYID") == sentinel.slot.sentinel_id
    finally:
        cluster.end()


@pytest.mark.parametrize("kind", ["data", "sentinel"])
def test_systemd_takes_the_units(kind: str, tmp_path: Path) -> None:
    units = {Path(path).name: text for path, text in files(user_data(kind)).items() if path.endswith(".service")}
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *[str(tmp_path / name) for name in units]],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "redis-ha" in line]
    # What a droplet installs need not be on this computer.
    assert [line for line in complaints if "is not executable: No such file or directory" not in line] == []


@pytest.mark.machines
@pytest.mark.parametrize("kind", ["data", "sentinel"])
@pytest.mark.parametrize("image", ["debian-12-x64", "debian-13-x64"])
def test_what_a_unit_may_do_is_little_and_documented(kind: str, image: str, tmp_path: Path) -> None:
    """The files as a node has them, asked by the systemd of its image."""
    units = unit_files(user_data(kind, image=image), tmp_path)
    rows = [re.findall(r"`(redis-ha-[a-z-]+\.service)`|\b([0-9]\.[0-9])\b", row) for row in COMPONENTS.read_text().splitlines()]
    documented = {name: float(row[-1][1]) for row in rows if len(row) > 2 for name, _ in row if name}
    each = "for unit; do systemd-analyze security --offline=true --root=/mnt --no-pager $unit; done"
    command = in_image(image, tmp_path, "sh", "-c", each, "sh", *units)
    found = exposures(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    assert list(found) == units
    assert {name: documented[name] for name in units if name != render.SETUP_UNIT} == {
        name: exposure for name, exposure in found.items() if name != render.SETUP_UNIT
    }
    assert [name for name, exposure in found.items() if exposure >= 2.0] == [render.SETUP_UNIT]
    assert found[render.SETUP_UNIT] > 9.0  # no part of the sandbox is its own: it could install nothing


def unit_files(text: str, root: Path) -> list[str]:
    """Write below `root` what a node has of units; return their names."""
    for command in yaml.safe_load(text)["bootcmd"]:
        subprocess.run([part.replace("/etc/systemd", f"{root}/etc/systemd") for part in command], check=True)
    for path, content in files(text).items():
        if path.startswith("/etc/systemd/"):
            (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (root / path.lstrip("/")).write_text(content)
    return sorted(path.name for path in (root / "etc/systemd/system").glob("redis-ha-*.service"))


@pytest.mark.machines
@pytest.mark.parametrize("image", ["debian-12-x64", "debian-13-x64"])
def test_sshd_takes_keys_alone_whatever_comes_after(image: str, tmp_path: Path) -> None:
    """Debian's sshd_config includes the folder first, in the order of names; an image and cloud-init say more after it."""
    folder = tmp_path / "sshd_config.d"
    folder.mkdir()
    (folder / Path(render.SSHD_FILE).name).write_text(files(user_data("sentinel", image=image))[render.SSHD_FILE])
    (folder / "50-cloud-init.conf").write_text("PasswordAuthentication yes\nPermitRootLogin yes\nPermitTunnel yes\n")
    (tmp_path / "config").write_text(
        "HostKey /mnt/host\nInclude /mnt/sshd_config.d/*.conf\nKbdInteractiveAuthentication yes\nX11Forwarding yes\n"
    )
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "host")], check=True)
    command = in_image(image, tmp_path, "/usr/sbin/sshd", "-T", "-f", "/mnt/config")
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert set(NODE_SSHD) <= set(told.stdout.splitlines()), told.stderr
    assert render.SSHD_FILE.startswith("/etc/ssh/sshd_config.d/")


@pytest.mark.machines
def test_nft_takes_the_metadata_rule() -> None:
    text = files(user_data("data"))["/etc/redis-ha/metadata.nft"]
    done = subprocess.run(
        ["unshare", "--net", "nft", "-f", "-"], input=text + text, capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 0, done.stderr
    assert "skuid != 0 drop" in text


def test_debians_units_are_masked_before_packages_come() -> None:
    """bootcmd runs in cloud-init's first stage, packages in its last."""
    document = yaml.safe_load(user_data("data"))
    masked = {Path(command[-1]).name for command in document["bootcmd"] if "/dev/null" in command}
    assert {name for name in masked if name.endswith(".service")} == {"redis-server.service", "redis-sentinel.service"}


def test_stopping_may_take_longer_than_redis_waits_for_its_replicas() -> None:
    unit = files(user_data("data"))["/etc/systemd/system/redis-ha-data.service"]
    (stop,) = [line for line in unit.splitlines() if line.startswith("TimeoutStopSec=")]
    assert int(stop.removeprefix("TimeoutStopSec=")) > 10
    assert "--replicaof 127.0.0.1 1 --replica-priority 0" in unit


def test_passwords_are_in_no_repr() -> None:
    assert PASSWORDS.admin not in repr(PASSWORDS)
