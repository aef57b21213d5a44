"""The rendered text against the programs that will read it: cloud-init, Redis, Sentinel, systemd, nft."""

import base64
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from redis_ha.arguments import InvalidArgumentsError
from redis_ha.sentinel import render
from redis_ha.sentinel.node.install import SELF_ADDRESS
from redis_ha.sentinel.slots import Kind, Slot
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
    """The files that a node gets: of the archive, and those that cloud-init writes."""
    with tarfile.open(fileobj=io.BytesIO(packed(text))) as opened:
        found = {f"/{entry.name}": opened.extractfile(entry).read().decode() for entry in opened}  # type: ignore[union-attr]
    return found | {entry["path"]: entry["content"] for entry in yaml.safe_load(text)["write_files"]}


def unpacking(text: str) -> str:
    """The script that unpacks the archive, at every boot until it was done."""
    (script,) = [command[2] for command in yaml.safe_load(text)["bootcmd"] if command[0] == "sh"]
    assert isinstance(script, str)
    return script


def packed(text: str) -> bytes:
    """The archive, before it is unpacked."""
    (archive,) = re.findall(r"echo (\S+) ", unpacking(text))
    return base64.b64decode(archive, validate=True)


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
def test_the_archive_says_nothing_of_its_maker(kind: str) -> None:
    """Another day, user, computer or Python gives the same text, for all nodes of a kind in all clusters."""
    archive = packed(user_data(kind))
    assert archive == packed(user_data(kind, name="other", image="debian-12-x64", replicas=3, application_channels=["a"]))
    # RFC 1952: deflate, no name, no time, best compression, an unknown operating system.
    assert archive[:10] == bytes.fromhex("1f8b 08 00 00000000 02 ff")
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        entries = opened.getmembers()
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    made = {(entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime, entry.mode) for entry in entries}
    assert made == {(0, 0, "", "", 0, 0o644)}


def into(folder: str, script: str) -> str:
    """The script that unpacks, but below a folder."""
    assert (script.count(" -xzmC / "), script.count(" -f / ")) == (1, 1)
    return script.replace(" -xzmC / ", f" -xzmC {folder} ").replace(render.UNPACKED_MARK, f"{folder}{render.UNPACKED_MARK}")


def found_below(root: Path) -> dict[str, tuple[bytes, int]]:
    """Content and mode of every file, by path."""
    found = {f"/{path.relative_to(root)}": path for path in sorted(root.rglob("*")) if path.is_file()}
    return {name: (path.read_bytes(), path.stat().st_mode & 0o7777) for name, path in found.items()}


def unpacked(kind: Kind) -> dict[str, tuple[bytes, int]]:
    whole = {path: (text.encode(), 0o644) for path, text in render.shared_files(kind).items()}
    return whole | {render.UNPACKED_MARK: (b"", 0o644)}


@pytest.mark.machines
@pytest.mark.parametrize("kind", ["data", "sentinel"])
@pytest.mark.parametrize("image", ["debian-12-x64", "debian-13-x64"])
def test_what_is_unpacked_is_what_was_rendered(kind: Kind, image: str, tmp_path: Path) -> None:
    """By the image's own programs; and once: what an operator changed on a node stays."""
    script = into("/mnt", unpacking(user_data(kind, image=image)))
    subprocess.run(in_image(image, tmp_path, "sh", "-c", script), check=True, timeout=60)
    assert found_below(tmp_path) == unpacked(kind)
    assert {path.owner() for path in tmp_path.rglob("*")} == {"root"}
    assert all(path.stat().st_mode & 0o7777 == 0o755 for path in tmp_path.rglob("*") if path.is_dir())
    edited = tmp_path / render.SANDBOX_FILE.lstrip("/")
    edited.write_text("[Service]\n")
    subprocess.run(in_image(image, tmp_path, "sh", "-c", script), check=True, timeout=60)
    assert edited.read_text() == "[Service]\n"


# What stands between the archive and its mark, and how a boot ends there: by an error, or with the power.
CUTS = {
    "tar ends in the middle": ("tar", 'head -c 20000 | /bin/tar "$@"'),
    "the power fails while tar unpacks": ("tar", 'head -c 20000 | /bin/tar "$@"; kill -KILL $PPID'),
    "the disk takes no more": ("sync", "exit 1"),
    "the power fails before all is on the disk": ("sync", "kill -KILL $PPID"),
}


@pytest.mark.parametrize("cut", CUTS)
def test_an_unpacking_that_was_cut_off_begins_anew(cut: str, tmp_path: Path) -> None:
    root, programs = tmp_path / "root", tmp_path / "programs"
    root.mkdir()
    programs.mkdir()
    name, text = CUTS[cut]
    (programs / name).write_text(f"#!/bin/sh\n{text}\n")
    (programs / name).chmod(0o755)
    script = ["sh", "-c", into(str(root), unpacking(user_data("data")))]
    cut_off = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    assert subprocess.run(script, env=cut_off, check=False, capture_output=True, timeout=60).returncode != 0
    left = found_below(root)
    assert left
    assert render.UNPACKED_MARK not in left
    subprocess.run(script, check=True, timeout=60)
    assert found_below(root) == unpacked("data")


def test_the_set_up_starts_at_a_boot_only_when_its_unit_is_whole() -> None:
    """The link comes after the archive; and cloud-init writes last what tells the set-up that it has written all."""
    document = yaml.safe_load(user_data("data"))
    assert document["bootcmd"][-2][0] == "sh"
    assert document["bootcmd"][-1][-1] == f"/etc/systemd/system/multi-user.target.wants/{render.SETUP_UNIT}"
    assert document["write_files"][-1]["path"] == render.LAST_FILE
    unit = render.shared_files("data")[f"/etc/systemd/system/{render.SETUP_UNIT}"]
    assert f"test -s {render.LAST_FILE} || cloud-init single" in unit


@pytest.mark.parametrize("kind", ["data", "sentinel"])
def test_every_secret_file_is_for_root_only(kind: str) -> None:
    secrets = list(vars(PASSWORDS).values())
    for entry in yaml.safe_load(user_data(kind))["write_files"]:
        if any(secret in entry["content"] for secret in secrets) or "/seed/" in entry["path"]:
            assert entry["permissions"] == "0600", entry["path"]


def test_nodes_get_only_the_passwords_they_need() -> None:
    data, sentinel = ("".join(files(user_data(kind)).values()) for kind in ("data", "sentinel"))
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


# With the longest of everything that is bounded.
LARGEST: dict[str, Any] = {
    "name": "n" * 40,
    "master_name": "m" * 64,
    "replicas": 9,
    "sentinels": 7,
    "generations": {f"sentinel-{n}": n + 1 for n in range(7)},
}


def test_user_data_of_the_largest_cluster_leaves_room() -> None:
    largest = plan(**LARGEST)
    assert max(render.most_bytes(largest, slot) for slot in largest.slots) <= 55_000


def test_many_channels_and_directives_fit_into_the_largest_cluster() -> None:
    channels = [f"{number:040}" for number in range(200)]
    render.check_size(plan(**LARGEST, application_channels=channels, extra_directives={"proc-title-template": "x" * 2000}))


@pytest.mark.parametrize(
    ("channels", "directive", "told"),
    [
        (0, 60_000, "extra_directives takes 60027 of them: use fewer or shorter ones"),
        (600, 0, "application_channels takes 25200 of them: use fewer or shorter ones"),
        (300, 9_000, "application_channels takes 12600 of them, extra_directives 9027: use fewer or shorter ones"),
        (1, 20_000, "extra_directives takes 20027 of them, application_channels 42: use fewer or shorter ones"),
    ],
)
def test_user_data_above_64_kib_is_refused_with_what_makes_it_long(channels: int, directive: int, told: str) -> None:
    directives = {"proc-title-template": "x" * directive} if directive else {}
    too_long = plan(application_channels=[f"{number:040}" for number in range(channels)], extra_directives=directives)
    with pytest.raises(InvalidArgumentsError) as refused:
        render.check_size(too_long)
    ((argument, reason),) = refused.value.problems
    total = max(render.most_bytes(too_long, slot) for slot in too_long.slots)
    assert reason == f"user-data would be {total} bytes, the limit is 65536; {told}"
    assert argument == told.split(maxsplit=1)[0]


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
        assert sorted(sentinel.call("ACL", "USERS")) == ["admin", "application", "default", "exporter", "sentinel-peer"]  # type: ignore[call-overload]
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


@pytest.mark.parametrize(("kind", "port"), [("data", 6379), ("sentinel", 26379)])
def test_exporters_have_settings_where_somebody_reads_metrics(kind: str, port: int) -> None:
    """Without their file the set-up installs none."""
    path = f"{render.Layout().seed}/{render.EXPORTERS_SEED}"
    assert path not in files(user_data(kind))
    found = files(user_data(kind, metrics_sources=["10.20.0.250/32"]))
    settings = dict(line.split("=", 1) for line in found[path].splitlines() if not line.startswith("#"))
    assert settings["REDIS_ADDR"] == f"redis://{SELF_ADDRESS}:{port}"
    assert settings["REDIS_PASSWORD"] == PASSWORDS.exporter
    assert settings["REDIS_EXPORTER_CONFIG_COMMAND"] == "-"
    listens = {text for name, text in settings.items() if name.endswith("LISTEN_ADDRESS")}
    assert listens == {f"{SELF_ADDRESS}:9100", f"{SELF_ADDRESS}:9121"}
    assert render.EXPORTERS_SEED in json.loads(found[f"{render.Layout().seed}/manifest.json"])["files"]


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
        if command[0] != "sh":
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
