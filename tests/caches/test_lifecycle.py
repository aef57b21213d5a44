"""What is left when a host ends, in whatever way; and one port for TLS and plain text in a cluster."""

import gc
import json
import os
import stat
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.caches.host import CacheHost
from pulumi_emulator.caches.names import configuration_name
from pulumi_emulator.caches.removal import leftovers, remove
from pulumi_emulator.caches.spec import Access, GroupSpec
from pulumi_emulator.machines import network
from pulumi_emulator.stacks import emulator_home
from tests.support.cache_groups import TOKEN, Told, World, arguments, cluster_spec, group_spec
from tests.support.waiting import wait_until

pytestmark = pytest.mark.machines

OWNER = """
import json, sys, time
from pathlib import Path
from pulumi_emulator.caches.spec import Access, GroupSpec, NodeSpec
from pulumi_emulator.caches.host import CacheHost
given = json.loads(sys.stdin.readline())
host = CacheHost(Path(given["folder"]), Path(given["home"]), lambda *event: None)
spec = given["spec"]
spec["nodes"] = tuple(NodeSpec(**node) for node in spec["nodes"])
spec["access"] = Access(**spec["access"])
host.create(GroupSpec(**spec))
print(json.dumps([node.process.pid for node in host._group(spec["group_id"]).nodes.values()]), flush=True)
time.sleep(600)
"""


def as_data(spec: GroupSpec) -> dict[str, Any]:
    return asdict(replace(spec, slots=dict(spec.slots), parameters=dict(spec.parameters)))


def test_stop_leaves_no_process_namespace_mount_or_file(tmp_path: Path) -> None:
    folder = tmp_path / "caches"
    host = CacheHost(folder, emulator_home(), Told())
    try:
        host.create(group_spec("ends"))
        pids = [node.process.pid for node in host._group("ends").nodes.values() if node.process]
        guest = subprocess.Popen(host.command(["sleep", "600"]))
        wait_until(lambda: any(entry.startswith("process") for entry in host.leftovers()), "nodes run")
    finally:
        host.stop()
    assert leftovers(folder) == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    guest.wait(20)  # a command in the network ends with it
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()


def test_an_owner_that_is_killed_takes_its_nodes_along_and_the_rest_is_found_by_folder(tmp_path: Path) -> None:
    folder = tmp_path / "caches"
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        order = {"folder": str(folder), "home": str(emulator_home()), "spec": as_data(group_spec("orphan"))}
        assert owner.stdin
        assert owner.stdout
        owner.stdin.write(json.dumps(order) + "\n")
        owner.stdin.flush()
        pids = json.loads(owner.stdout.readline())
        assert len(pids) == 2
    finally:
        owner.kill()
        owner.communicate()
    try:
        wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids), "the nodes died with their owner")
        assert leftovers(folder) != []
    finally:
        remove(folder)
    assert leftovers(folder) == []


def test_a_new_host_takes_the_place_of_a_dead_one(tmp_path: Path) -> None:
    folder = tmp_path / "caches"
    folder.mkdir()
    (folder / "of-a-dead-one").write_text("")
    host = CacheHost(folder, emulator_home(), Told())
    try:
        assert host.groups() == []
        assert not (folder / "of-a-dead-one").exists()
    finally:
        host.stop()
    host.stop()  # twice is no error
    remove(folder)


def test_nodes_have_no_rights_and_no_file_of_theirs_is_for_others(world: World) -> None:
    spec = group_spec(world.new_id(), nodes=1, access=Access(acl=(f"user default on >{TOKEN} ~* &* +@all",)))
    world.host.create(spec)
    try:
        node = world.host._group(spec.group_id).nodes[f"{spec.group_id}-001"]
        assert node.process
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{node.process.pid}/status").read_text().splitlines())
        assert set(status["Uid"].split()) == {"65534"}
        assert int(status["CapEff"], 16) == 0
        assert Path(f"/proc/{node.process.pid}/ns/net").stat().st_ino == (
            (network.NAMESPACES / world.host._site.namespace).stat().st_ino
        )
        assert world.host.folder.stat().st_mode & 0o077 == 0
        for path in node.folder.iterdir():
            if stat.S_ISREG(path.stat().st_mode) and path.suffix in {".conf", ".acl", ".key"}:
                assert path.stat().st_mode & 0o077 == 0, path
                assert TOKEN not in path.read_text(), path
        assert TOKEN not in repr(spec)
        command_line = Path(f"/proc/{node.process.pid}/cmdline").read_text()
        assert TOKEN not in command_line
        assert node.password not in command_line
    finally:
        world.host.delete(spec.group_id)


def test_a_cluster_takes_tls_and_plain_text_on_one_port_and_then_tls_alone(world: World) -> None:
    both = cluster_spec(world.new_id(), shards=2, plain=True, access=Access())
    world.host.create(both)
    try:
        for tls in (True, False):
            answer = world.clients.run(
                """
c = cluster(name, ssl=tls)
for n in range(50): c.set(f"key:{n}", n)
result = [sorted({node.port for node in c.get_nodes()}), c.get("key:7")]
""",
                name=configuration_name(both, tls=tls),
                tls=tls,
            )
            assert answer == [[6379], "7"]
        required = replace(both, plain=False)
        world.host.change(required)
        at = arguments(required)
        assert world.clients.run("result = cluster(configuration, **given).get('key:7')", **at) == "7"
        world.host.test_failover(both.group_id, "0001")
        world.wait_whole(both.group_id)
        assert world.clients.run("result = cluster(configuration, **given).get('key:7')", **at) == "7"
    finally:
        world.host.delete(both.group_id)
    gc.collect()  # a connection that came while its port was closed would be left open: an error here, not somewhere later


def test_a_listener_inside_serves_commands_in_the_network(world: World) -> None:
    with world.host.listen(18080) as listener:
        assert (
            world.clients.run("import socket\nsocket.create_connection(('127.0.0.1', 18080), 2).close()\nresult = 'reached'")
            == "reached"
        )
        listener.settimeout(5)
        listener.accept()[0].close()


def test_a_command_runs_where_it_was_started_with_the_callers_environment(world: World, tmp_path: Path) -> None:
    argv = world.host.command(["sh", "-c", 'pwd; echo "$GIVEN"; cat /etc/resolv.conf; echo "$SSL_CERT_FILE"'])
    done = subprocess.run(
        argv, cwd=tmp_path, env=os.environ | {"GIVEN": "as it was"}, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == [str(tmp_path), "as it was"]
    assert "nameserver 198.18.0.1" in lines
    assert "BEGIN CERTIFICATE" in Path(lines[-1]).read_text()
    assert "198.18.0.1" not in Path("/etc/resolv.conf").read_text()
