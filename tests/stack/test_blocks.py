"""What one block of a stack file hands to another, in the unchanged program without an engine."""

from __future__ import annotations

import json
import runpy
import sys
from contextvars import copy_context
from typing import Any

import pulumi
import pytest
from pulumi.runtime import config, rpc

from tests.stack.conftest import ROOT
from tests.support.pulumi_world import Monitor, inputs, run

HOME, AWAY = "eu-central-1", "eu-west-1"
ZONES = {region: [f"{region}{letter}" for letter in "ab"] for region in (HOME, AWAY)}
ACCESS = "on ~shop:* -@all +@read +@write"


def blocks(elasticache: dict[str, Any], global_datastore: dict[str, Any] | None = None) -> dict[str, Any]:
    """A stack with networks in two regions, a group at its defaults and a secondary, with changes."""
    return {
        "network": {"region": HOME, "zones": ZONES[HOME], "ip_range": "10.50.0.0/20"},
        "secondary_networks": [{"region": AWAY, "zones": ZONES[AWAY], "ip_range": "10.51.0.0/20"}],
        "elasticache": {"group_id": "shop", "region": HOME, "zones": ZONES[HOME], "global_member": True, **elasticache},
        "global_datastore": {
            "name_suffix": "shop",
            "secondaries": {AWAY: {"group_id": "shop-away", "zones": ZONES[AWAY]}},
            **(global_datastore or {}),
        },
    }


def program(monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]) -> tuple[Monitor, str]:
    """Run the program as `up` does; return what it registered, and what it says when it refuses."""

    def main() -> str:
        config.set_all_config({f"redis-ha:{key}": json.dumps(value) for key, value in wanted.items()}, [])
        try:
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        except pulumi.RunError as error:
            return str(error)
        return ""

    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.delitem(sys.modules, "settings", raising=False)
    monitor, message = copy_context().run(run, main)
    return monitor, str(message)


def test_a_group_at_its_defaults_becomes_a_primary(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor, message = program(monkeypatch, blocks({}))
    assert message == ""
    (datastore,) = [inputs(monitor, name) for name in monitor.names("GlobalReplicationGroup")]
    assert (datastore["engine"], datastore["engineVersion"], datastore["cacheNodeType"]) == ("valkey", "8.1", "cache.r7g.large")


def test_a_secondary_has_the_groups_users_with_their_access(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"application": {"access": ACCESS}, "report": {"access": "on ~report:* -@all +@read", "authentication": "iam"}}
    monitor, message = program(monkeypatch, blocks({"users": wanted}))
    assert message == ""
    made = {inputs(monitor, name)["userId"]: inputs(monitor, name) for name in monitor.names("User")}
    for group in ("shop", "shop-away"):
        assert made[f"{group}-application"]["accessString"] == ACCESS
        assert made[f"{group}-report-iam"]["accessString"] == "on ~report:* -@all +@read"
    passwords = [rpc.unwrap_rpc_secret(made[f"{group}-application"]["authenticationMode"]) for group in ("shop", "shop-away")]
    assert passwords[0] == passwords[1]


def test_a_mistake_is_named_where_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    _, message = program(monkeypatch, blocks({"users": {"application": {"authentication": "iam"}}}))
    assert "redis-ha:elasticache.users.application.authentication: 'iam' is for one region's group" in message
    _, message = program(monkeypatch, blocks({}, {"node_type": "cache.t4g.small"}))
    assert "redis-ha:global_datastore.node_type" in message


def test_a_block_with_a_way_to_log_in_of_its_own_takes_no_users_over(monkeypatch: pytest.MonkeyPatch) -> None:
    _, message = program(monkeypatch, blocks({}, {"auth": "token"}))
    assert "redis-ha:global_datastore.auth_token: is missing" in message
    assert "users" not in message


def test_a_listener_is_exported_with_who_decides_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """`redis-ha status` reads it: weights that tools shifted are no disagreement (ops/redis_ha_ops/traffic.py)."""
    block = {
        "region": HOME,
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-1", "subnet-2"],
        "form": "listener",
        "weights": {"blue": 1, "green": 0},
        "weight_authority": "runtime",
        "targets": {"blue": {"ecs": True}, "green": {"ecs": True}},
    }
    exported: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)

    def main() -> dict[str, Any]:
        config.set_all_config({"redis-ha:alb_blue_green": json.dumps(block)}, [])
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        return exported

    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr("settings._parameters", lambda *_: {})  # nobody has shifted yet
    _, found = copy_context().run(run, main)
    document = found["alb_blue_green"][0]
    assert (document["authority"], document["kind"], document["region"]) == ("runtime", "listener", HOME)
    assert {"dns_names", "target_group_arns", "listener_arn", "record_path", "weights"} <= document.keys()
