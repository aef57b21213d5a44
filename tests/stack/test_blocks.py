"""What one block of a stack file hands to another, in the unchanged program without an engine."""

from __future__ import annotations

import json
import re
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
        raw = {f"redis-ha:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in wanted.items()}
        config.set_all_config(raw, [])
        try:
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        except pulumi.RunError as error:
            return str(error)
        return ""

    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "of-no-account")
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.delitem(sys.modules, "settings", raising=False)
    monkeypatch.setattr("settings._parameters", lambda *_: {})  # nobody has shifted yet
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


WHOLE = {
    **blocks({}),
    "private_zone": "shop.internal",
    "sentinel": {
        "region": "ams3",
        "vpc_ip_range": "10.20.0.0/24",
        "client_sources": ["10.20.0.0/24"],
        "admin_sources": ["203.0.113.7/32"],
        "ssh_key_ids": ["1"],
    },
    "live_colour_record": {"region": HOME, "name": "writer.shop.internal", "live": "blue"},
    "alb_blue_green": {
        "region": HOME,
        "client_cidrs": ["10.50.0.0/20"],
        "protocol": "HTTP",
        "targets": {"blue": {"ecs": True}, "green": {"ecs": True}},
    },
    "weighted_blue_green": {
        "region": HOME,
        "names": {"app.shop.internal": {}},
        "weights": {"blue": 1, "green": 0},
        "standby_receives_on_failure": True,
    },
}


def test_a_stack_of_every_block_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor, message = program(monkeypatch, WHOLE)
    assert message == ""
    counts = {kind: len(monitor.names(kind)) for kind in ("Vpc", "Droplet", "ReplicationGroup", "LoadBalancer", "Record")}
    assert counts == {"Vpc": 3, "Droplet": 6, "ReplicationGroup": 2, "LoadBalancer": 2, "Record": 3}


@pytest.mark.parametrize(
    ("block", "argument", "value"),
    [
        ("network", "ip_range", "8.8.0.0/16"),
        ("sentinel", "region", "Amsterdam 3"),
        ("elasticache", "node_type", "huge"),
        ("elasticache", "network_type", "dual_stack"),
        ("global_datastore", "node_type", "cache.t4g.small"),
        ("alb_blue_green", "protocol", "http"),
        ("weighted_blue_green", "weights", {"blue": 256, "green": 0}),
        ("live_colour_record", "name", "writer.elsewhere.internal"),
    ],
)
def test_nothing_is_registered_when_one_block_is_refused(
    block: str, argument: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the block's place: the network is made first, the writer's name last."""
    monitor, message = program(monkeypatch, {**WHOLE, block: {**WHOLE[block], argument: value}})
    assert f"stack 'test': redis-ha:{block}.{argument}" in message
    assert monitor.order == []


def test_a_group_that_cannot_be_a_primary_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor, message = program(monkeypatch, blocks({"global_member": False, "network_type": "dual_stack"}))
    assert message.startswith(
        "stack 'test': redis-ha:elasticache.network_type: 'dual_stack' is impossible in a global datastore"
    )
    assert monitor.order == []


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


ALONE = {name: block for name, block in blocks({"global_member": False}).items() if name in {"network", "elasticache"}}
ALARMS = f"arn:aws:sns:{HOME}:123456789012:of-the-team"


def test_an_empty_block_follows_the_stack_s_own_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor, message = program(monkeypatch, {**ALONE, "failover": {}})
    assert message == ""
    (group,), (function,) = (
        [inputs(monitor, name) for name in monitor.names(kind)] for kind in ("ReplicationGroup", "Function")
    )
    assert function["environment"]["variables"]["REPLICATION_GROUPS"] == "shop"
    assert function["region"] == HOME
    topics = {name: inputs(monitor, name)["topic"] for name in monitor.names("TopicSubscription")}
    # Mocks name ARNs after resources: the group's events, and the topic of its alarms.
    assert topics["test-topic-shop"] == group["notificationTopicArn"]
    made = f"arn:aws:sns:{HOME}:123456789012:alarms"
    assert topics["test-alarm-topic-alarms-0"] == made
    for name in monitor.names("MetricAlarm"):
        assert inputs(monitor, name)["alarmActions"] == [made], name


def test_topics_and_groups_of_the_stack_file_go_before(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {
        **ALONE,
        "elasticache": {**ALONE["elasticache"], "alarms": {"topic_arns": [ALARMS]}},
        "failover": {
            "groups": {"shop": {"presets": ["saturation"]}, "other": {"topic_arn": f"arn:aws:sns:{HOME}:123456789012:other"}},
            "alarms": {"off": ["throttles"]},
        },
    }
    monitor, message = program(monkeypatch, wanted)
    assert message == ""
    assert "alarms" not in monitor.order  # no topic is made
    assert inputs(monitor, "test-alarm-topic-alarms-0")["topic"] == ALARMS
    alarms = set(monitor.names("MetricAlarm"))
    assert {"test-alarm-saturation-shop-001", "test-alarm-saturation-shop-002", "test-alarm-failures-other"} <= alarms
    assert "test-alarm-throttles" not in alarms


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"failover": {"event_source": "aws.elasticache"}}, "redis-ha:failover.event_source: 'aws.elasticache' is a source"),
        (
            {"failover": {"groups": {"shop": {"presets": ["failover"]}}}},
            "redis-ha:failover.groups.shop.presets: 'failover' is no",
        ),
        (
            {"failover": {}, "elasticache": {**ALONE["elasticache"], "notifications": {"enabled": False}}},
            "redis-ha:elasticache.notifications.enabled: false, but the failover automation follows these events",
        ),
        (
            {"failover": {"region": AWAY}},
            "redis-ha:failover.region: 'eu-west-1', but the stack's own group lies in eu-central-1",
        ),
        (
            {"failover": {"notify": {"slack": {"ops": {"webhook_url": "https://hooks.slack.com/services/x"}}}}},
            "redis-ha:failover.notify.slack.ops.webhook_url: a secret in plain text",
        ),
    ],
)
def test_a_failover_block_that_is_refused(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str) -> None:
    monitor, message = program(monkeypatch, {**ALONE, **changes})
    assert re.search(said, message), message
    assert monitor.names("ReplicationGroup") == []
    assert "hooks.slack.com" not in message
