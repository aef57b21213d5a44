"""`redis-ha status` of an ElastiCache group: what the endpoints of real processes tell, and what is wrong with it."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from redis_ha_client import FailoverPolicy
from redis_ha_ops import managed
from redis_ha_ops.call import Call
from redis_ha_ops.cli import cli
from redis_ha_ops.errors import OpsError
from redis_ha_ops.managed import Managed, ManagedNode, judge, look, managed_of
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers


def outputs_of(group: ManagedGroup) -> dict[str, Any]:
    return {"elasticache_connection": group.connection, "elasticache_credentials": group.credentials}


def group_of(group: ManagedGroup) -> Managed:
    return managed_of("prod", outputs_of(group), emulated=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("plain"), name="plain", replicas=2) as made:
        yield made


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("sharded"), name="sharded", cluster=True, shards=3, replicas=1) as made:
        yield made


def drawn(seen_group: Managed, seen: managed.ManagedLook) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        managed.draw(seen_group, seen, console)
    return capture.get()


def codes(seen: managed.ManagedLook) -> set[str]:
    return {finding.code for finding in seen.findings}


@pytest.mark.parametrize("info", [False, True])
def test_a_group_with_cluster_mode_off(plain: ManagedGroup, monkeypatch: pytest.MonkeyPatch, *, info: bool) -> None:
    plain.publish(Names(monkeypatch))
    for node in plain.nodes:
        plain.command(node, "ACL", "SETUSER", "application", "+info" if info else "-info")
    stack = group_of(plain)
    seen = look(stack)
    assert seen.exit_code == 0
    assert sorted(node.role for node in seen.nodes) == ["primary", "replica", "replica"]
    assert {node.address.partition(":")[0] for node in seen.nodes} == {node.host for node in plain.nodes}
    assert codes(seen) == (set() if info else {"not-told"})
    assert all((node.lag_bytes is not None) is info for node in seen.nodes if node.role == "replica")
    text = drawn(stack, seen)
    assert "ElastiCache, redis, cluster mode off, no TLS" in text
    assert plain.primary_name in text
    assert plain.passwords["application"] not in text + json.dumps(managed.as_json(stack, seen))


def test_a_lost_replica_and_a_lost_primary_are_told(plain: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch)
    monkeypatch.setattr(managed, "LOOK", FailoverPolicy(total_seconds=1))
    plain.nodes[2].kill()
    plain.publish(names)
    seen = look(group_of(plain))
    assert (seen.exit_code, "replicas-missing" in codes(seen)) == (1, True)
    plain.nodes[0].kill()
    names.addresses[plain.primary_name] = [plain.nodes[0].host]
    names.addresses[plain.reader_name] = [plain.nodes[1].host]
    seen = look(group_of(plain))
    assert {"unreachable", "no-primary"} <= codes(seen)
    assert seen.exit_code == 1
    names.addresses[plain.reader_name] = [plain.nodes[0].host]
    assert look(group_of(plain)).exit_code == 2
    plain.heal()


def test_a_group_with_cluster_mode_on(sharded: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    sharded.publish(Names(monkeypatch))
    stack = group_of(sharded)
    seen = look(stack)
    assert (seen.exit_code, codes(seen)) == (0, set())
    assert [(node.shard, node.role) for node in seen.nodes] == [(n, role) for n in (1, 2, 3) for role in ("primary", "replica")]
    assert sum(node.slots or 0 for node in seen.nodes if node.role == "primary") == managed.SLOTS
    assert "cluster mode on" in drawn(stack, seen)
    told = managed.as_json(stack, seen)
    assert told["kind"] == "cluster"
    assert json.loads(json.dumps(told)) == told


def test_a_failover_and_a_lost_shard_are_told(sharded: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    sharded.publish(Names(monkeypatch))
    monkeypatch.setattr(managed, "LOOK", FailoverPolicy(total_seconds=2, connect_seconds=0.3, read_seconds=0.5))
    stack = group_of(sharded)
    old = sharded.primary_of("a")
    replica = sharded.replica_of(old)
    old.kill()
    wait_until(lambda: "replicas-missing" in codes(look(stack)) and "no-primary" not in codes(look(stack)), "promoted")
    replica.kill()
    wait_until(lambda: "no-primary" in codes(look(stack)), "the shard is lost")
    assert look(stack).exit_code == 1
    sharded.heal()


def test_a_member_that_another_region_was_promoted_over_is_no_trouble(
    plain: ManagedGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    monkeypatch.setattr(managed, "LOOK", FailoverPolicy(total_seconds=1))
    plain.publish(names)
    first = plain.primaries()[0]
    second, third = [node for node in plain.nodes if node is not first]
    # The other region is played by a node of this one.
    plain.promote(second)
    wait_until(lambda: plain.command(first, "ROLE")[3] == "connected", "the former primary follows")
    names.addresses[plain.reader_name] = [third.host]
    connection = {**plain.connection, "failover": {"automatic": True, "multi_az": True, "replicas": 1}}
    alone = {"elasticache_connection": connection, "elasticache_credentials": plain.credentials}
    outputs = {**alone, "global_connection": {"regions": {"eu-central-1": connection}}}
    seen = look(managed_of("prod", outputs, emulated=True))
    assert (seen.exit_code, "in-world" in codes(seen)) == (0, True)
    assert [node.role for node in seen.nodes] == ["secondary", "replica"]
    seen = look(managed_of("prod", alone, emulated=True))
    assert (seen.exit_code, "no-primary" in codes(seen)) == (1, True)
    plain.promote(first)
    plain.heal()


def stack_like(**failover: Any) -> Managed:
    connection: dict[str, Any] = {
        "version": 1,
        "kind": "cluster",
        "configuration": {"host": "clustercfg.prod", "port": 6379},
        "tls": True,
        "engine": "valkey",
        "failover": {"automatic": True, "multi_az": True, "replicas": 1, **failover},
    }
    return managed_of("prod", {"elasticache_connection": connection, "elasticache_credentials": {"version": 1}}, emulated=False)


WHOLE = (ManagedNode("a", "primary", 1, slots=16384), ManagedNode("b", "replica", 1, 0, slots=16384))


@pytest.mark.parametrize(
    ("failover", "nodes", "told"),
    [
        ({}, WHOLE, []),
        ({"multi_az": False}, WHOLE, [("note", "one-zone")]),
        ({"automatic": False}, WHOLE, [("note", "no-failover")]),
        ({"replicas": 0}, WHOLE[:1], [("note", "no-failover")]),
        ({"replicas": 2}, WHOLE, [("degraded", "replicas-missing")]),
        ({}, WHOLE[1:], [("broken", "no-primary"), ("broken", "slots-uncovered")]),
        ({}, (ManagedNode("a", "primary", 1, slots=16000), WHOLE[1]), [("broken", "slots-uncovered")]),
        ({}, (*WHOLE, ManagedNode("c", "primary", None, link="fail")), [("degraded", "link-down")]),
    ],
)
def test_findings(failover: Any, nodes: tuple[ManagedNode, ...], told: list[tuple[str, str]]) -> None:
    assert [(finding.severity, finding.code) for finding in judge(stack_like(**failover), nodes)] == told


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ({}, "elasticache_connection, elasticache_credentials is missing"),
        ({"elasticache_connection": {"version": 9}, "elasticache_credentials": {}}, "version 9"),
    ],
)
def test_unusable_outputs_are_refused(outputs: dict[str, Any], told: str) -> None:
    with pytest.raises(OpsError, match=told):
        managed_of("prod", outputs, emulated=False)


# --- the command ---


def test_the_command_shows_what_the_stack_has(sharded: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    sharded.publish(Names(monkeypatch))
    outputs = outputs_of(sharded)
    monkeypatch.setattr("redis_ha_ops.call.read_outputs", lambda *_, **__: copy.deepcopy(outputs))
    done = CliRunner().invoke(cli, ["status", "--stack", "prod", "--json"], obj=Call())
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["healthy"]
    outputs["sentinel_connection"] = {}
    for arguments in (["--json"], ["--via", "root@host", "--block", "elasticache"]):
        refused = CliRunner().invoke(cli, ["status", "--stack", "prod", *arguments], obj=Call())
        assert isinstance(refused.exception, OpsError)


def test_an_emulated_stack_is_entered_where_its_names_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[tuple[str, list[str]]] = []

    def inside(arguments: list[str], *, on: str, **_: Any) -> int:
        entered.append((on, list(arguments)))
        return {"client": 0, "aws": 1}[on]

    monkeypatch.setattr("redis_ha_ops.commands.status.run_inside", inside)
    both: dict[str, Any] = {"sentinel_connection": {}, "elasticache_connection": {}}
    monkeypatch.setattr("redis_ha_ops.call.read_outputs", lambda *_, **__: both)
    done = CliRunner().invoke(cli, ["status", "--stack", "local"], obj=Call(["status", "--stack", "local"]))
    assert done.exit_code == 1
    assert [on for on, _ in entered] == ["client", "aws"]
    assert [arguments[-2:] for _, arguments in entered] == [["--block", "sentinel"], ["--block", "elasticache"]]
