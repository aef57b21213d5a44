"""What a node says while it is being set up, to whom, and what the set-up does with the one that says it."""

import io
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from redis_ha.sentinel import outputs, render
from redis_ha.sentinel.node import setting_up
from redis_ha.sentinel.node.config import User
from redis_ha_ops import asking, status
from redis_ha_ops.asking import directly
from redis_ha_ops.stack import Stack, stack_of
from tests.components.test_rendering import files, user_data
from tests.support.loopback_cluster import PYTHON, LoopbackCluster, LoopbackNode
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

HELD = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 71 (apt-get)"


# As apt and dpkg of Debian 12 say it.
DPKG = [
    "dpkg: error: dpkg frontend lock was locked by another process with pid 71",
    "Note: removing the lock file is always wrong, can damage the locked area",
    "and the entire system. See <https://wiki.debian.org/Teams/Dpkg/FAQ#db-lock>.",
]
MIRROR = [
    "Ign:1 file:/mirror stable InRelease",
    "Reading package lists...",
    "W: Some index files failed to download. They have been ignored, or old ones used instead.",
    "Reading package lists...",
    "E: Unable to locate package redis-server",
]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "it has said nothing yet"),
        (["Hit:1 file:/mirror stable InRelease", ""], "Hit:1 file:/mirror stable InRelease"),
        (DPKG, f"last error: {DPKG[0]}"),
        (DPKG * 3, f"last error: {DPKG[0]}"),
        (MIRROR, f"last error: {MIRROR[2]}; {MIRROR[4]}"),
        ([*DPKG, *MIRROR, "Ign:1 file:/mirror stable InRelease"], f"last error: {MIRROR[2]}; {MIRROR[4]}"),
        (["Job for systemd-sysctl.service failed."], "last error: Job for systemd-sysctl.service failed."),
        (["x" * 500], "x" * 200),
    ],
)
def test_why_a_set_up_takes_so_long(lines: list[str], told: str) -> None:
    assert setting_up.telling(lines) == told


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "not three words"),
        (b"PING\r\n", "not three words"),
        (b"*1\r\n$4\r\nPING\r\n", "not three words"),
        (b"*3\r\n$3\r\nGET\r\n$1\r\na\r\n$1\r\nb\r\n", "not AUTH"),
        (b"*3\r\n$99999999\r\nAUTH", "a long word"),
        (b"*3\r\n$-2\r\nAUTH", "a long word"),
        (b"*3\r\n$x\r\n", "invalid literal"),
    ],
)
def test_what_is_no_login_is_none(sent: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        setting_up.read_login(io.BytesIO(sent))


def test_a_login_is_the_administrators_or_not() -> None:
    login = setting_up.read_login(io.BytesIO(b"*3\r\n$4\r\nauth\r\n$5\r\nadmin\r\n$6\r\nsecret\r\n"))
    assert login == ["admin", "secret"]
    assert setting_up.is_user(login, User("admin", "secret"))
    assert not setting_up.is_user(login, User("admin", "Secret"))
    assert not setting_up.is_user(login, User("application", "secret"))


def test_the_word_is_the_one_that_status_knows() -> None:
    assert f"{setting_up.WORD} " == asking.SETTING_UP
    assert setting_up.UNIT == render.SETUP_UNIT


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LoopbackCluster]:
    """Nodes of which none runs, and a journal that holds what a set-up said."""
    (tmp_path / "journalctl").write_text(f"#!/bin/sh\ncase $* in *={render.SETUP_UNIT}) echo '{HELD}';; esac\n")
    (tmp_path / "journalctl").chmod(0o755)
    cluster = LoopbackCluster(tmp_path / "cluster")
    try:
        yield cluster
    finally:
        cluster.end()


def set_up(node: LoopbackNode) -> None:
    """Start what speaks while the node is being set up."""
    path = f"PATH={node.folder.parent.parent}:{os.environ['PATH']}"
    node._run("setting-up", ["env", path, PYTHON, "-m", "redis_ha_node", "setting-up"])
    wait_until(lambda: connects(node), f"{node.slot.name} listens")


def connects(node: LoopbackNode) -> bool:
    try:
        socket.create_connection((node.address, node.port), 1).close()
    except OSError:
        return False
    return True


def stack_for(cluster: LoopbackCluster) -> Stack:
    addresses = {name: {"private": address, "public": ""} for name, address in cluster.addresses.items()}
    documents = {
        "sentinel_connection": outputs.connection_document(cluster.plan, addresses),
        "sentinel_credentials": outputs.credentials_document(cluster.passwords),
        "sentinel_desired": outputs.desired_document(cluster.plan, addresses, dict.fromkeys(addresses, ""), cluster.passwords),
    }
    return stack_of("proc", documents, emulated=False)


def test_status_says_which_nodes_are_being_set_up_and_why(cluster: LoopbackCluster) -> None:
    nodes = [cluster.nodes["data-1"], cluster.nodes["sentinel-2"]]
    for node in nodes:
        set_up(node)
    seen = status.look(stack_for(cluster), directly)
    told = {one.subject: one.text for one in seen.findings if one.code == "setting-up"}
    assert told == {node.slot.name: f"is still being set up: last error: {HELD}" for node in nodes}
    assert {one.subject for one in seen.findings if one.code == "unreachable"} == set(cluster.addresses) - set(told)
    assert seen.exit_code == status.UNHEALTHY


@pytest.mark.parametrize("role", ["application", "sentinel", "wrong", "silent"])
def test_nobody_but_the_administrator_is_answered(role: str, cluster: LoopbackCluster) -> None:
    node = cluster.nodes["data-0"]
    set_up(node)
    password: str = {"wrong": "x" * 24}.get(role) or str(getattr(cluster.passwords, role, ""))
    words = ["AUTH", "admin" if role == "wrong" else role, password]
    login = "\r\n".join(["*3", *(f"${len(word)}\r\n{word}" for word in words), ""])
    with socket.create_connection((node.address, node.port), 5) as line:
        if role != "silent":
            line.sendall(login.encode())
        assert line.recv(100) == b""


# What the set-up runs, in the order in which it does: each stand-in writes down its own command line.
STAND_IN = """#!/bin/sh
echo "${0##*/} $*" >> "$CALLS"
case "${0##*/} $*" in
"systemctl is-enabled"*) exit $NOT_ENABLED;;
"systemctl start redis-ha-setting-up.service") exit 1;;
"systemctl try-reload-or-restart ssh.service") exit 1;;
dpkg-query*redis-server*) test -e "$CALLS.redis" && printf 'installed installed ';;
dpkg-query*node-exporter*) test -e "$CALLS.exporters" && printf 'installed installed ';;
"apt-get"*install*redis-server*) touch "$CALLS.redis";;
"apt-get"*install*node-exporter*) touch "$CALLS.exporters";;
esac
"""


def set_up_by(script: str, folder: Path, *, enabled: bool) -> list[str]:
    """Run a node's set-up with stand-ins for what it calls; give the command lines in their order."""
    for name in ("systemctl", "dpkg-query", "dpkg", "apt-get", "apt-mark"):
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    calls = folder / "calls"
    calls.write_text("")
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "CALLS": str(calls), "NOT_ENABLED": "0" if enabled else "1"}
    subprocess.run(["/bin/sh", "-c", script], env=environment, check=True, timeout=20)
    return calls.read_text().splitlines()


@pytest.mark.parametrize("kind", ["data", "sentinel"])
def test_what_is_installed_is_not_installed_again(kind: str, tmp_path: Path) -> None:
    """At a later boot apt would bring a newer version."""
    script = files(user_data(kind))["/usr/local/lib/redis-ha/setup.sh"]
    (tmp_path / "exporters.env").touch()
    script = script.replace("/etc/redis-ha/seed/exporters.env", str(tmp_path / "exporters.env"))
    wanted = [line.split(" install ")[1] for line in set_up_by(script, tmp_path, enabled=False) if " install " in line]
    assert wanted == [
        "-y redis-server nftables",
        "-y --no-install-recommends prometheus-redis-exporter prometheus-node-exporter",
    ]
    again = set_up_by(script, tmp_path, enabled=True)
    assert [line for line in again if line.startswith("apt-get")] == []
    assert any(line.startswith("systemctl enable") and "redis-ha-node-exporter.service" in line for line in again)


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("kind", ["data", "sentinel"])
def test_the_port_is_free_again_before_the_server_starts(kind: str, enabled: bool, tmp_path: Path) -> None:
    """Also when it could not be started; and a node whose services are there never starts it: they have the port."""
    said = set_up_by(files(user_data(kind))["/usr/local/lib/redis-ha/setup.sh"], tmp_path, enabled=enabled)
    names = ["systemctl start redis-ha-setting-up.service", "systemctl stop redis-ha-setting-up.service"]
    enabling = next(line for line in said if line.startswith("systemctl enable"))
    assert "setting-up" not in enabling
    assert f"systemctl is-enabled --quiet redis-ha-{kind}.service" in said
    order = [said.index(line) for line in (*names[enabled:], enabling)]
    assert order == sorted(order)
    assert said.count("systemctl try-reload-or-restart ssh.service") == 1
    assert (names[0] in said) is not enabled
    assert order[0] < next(at for at, line in enumerate(said) if line.startswith("apt-")) or enabled
