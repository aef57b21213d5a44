"""Names of one's own for a group's endpoints."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from redis_ha.amazon import Place
from redis_ha.elasticache.records import check_records, make_records
from redis_ha.elasticache.topology import Topology
from tests.support.pulumi_world import Monitor, inputs, run

PLAIN = Topology("prod", "disabled", 1, 1)
CLUSTER = Topology("prod", "enabled", 2, 1)
GOOD: dict[str, Any] = {"zone_id": "Z1", "primary": "cache.example.com", "reader": "cache-read.example.com"}


@pytest.mark.parametrize(
    ("settings", "topology", "where", "says"),
    [
        ({"primary": "cache.example.com"}, PLAIN, "record.zone_id", "is missing"),
        ({"zone_id": "Z1"}, PLAIN, "record.primary", "is missing"),
        ({"zone_id": "Z1"}, CLUSTER, "record.configuration", "is missing"),
        (GOOD | {"primary": "cache"}, PLAIN, "record.primary", "'cache' is not a full host name"),
        (GOOD | {"primary": "cache..example.com"}, PLAIN, "record.primary", "is not a full host name"),
        (GOOD | {"primary": f"{'a' * 64}.example.com"}, PLAIN, "record.primary", "is not a full host name"),
        (GOOD | {"reader": "Cache.example.com."}, PLAIN, "record.reader", "primary's name too"),
        (GOOD, Topology("prod", "disabled", 1, 0), "record.reader", "without a replica"),
        ({"zone_id": "Z1", "primary": "cache.example.com"}, CLUSTER, "record.primary", "has no primary endpoint"),
        (
            {"zone_id": "Z1", "configuration": "cache.example.com"},
            PLAIN,
            "record.configuration",
            "has no configuration endpoint",
        ),
        (GOOD | {"ttl": -1}, PLAIN, "record.ttl", "out of range"),
        (GOOD | {"ttl": 2**31}, PLAIN, "record.ttl", "out of range"),
        (GOOD | {"name": "x"}, PLAIN, "record.name", "no such argument"),
    ],
)
def test_wrong_settings_are_refused(settings: Any, topology: Topology, where: str, says: str) -> None:
    problems = check_records(settings, topology)
    assert [argument for argument, _ in problems] == [where]
    assert says in problems[0][1]


@pytest.mark.parametrize(
    ("settings", "topology"),
    [
        (None, PLAIN),
        (GOOD, PLAIN),
        (GOOD, Topology("prod", "compatible", 1, 1)),
        ({"zone_id": "Z1", "configuration": "_cache.example.com.", "ttl": 0}, CLUSTER),
    ],
)
def test_right_settings(settings: Any, topology: Topology) -> None:
    assert check_records(settings, topology) == []


def made(settings: Any, mode: str) -> Monitor:
    def program() -> None:
        place = Place("cache", "eu-central-1", {}, pulumi.ResourceOptions)
        group = aws.elasticache.ReplicationGroup(
            "group", replication_group_id="prod", description="of the test", cluster_mode=mode
        )
        make_records(place, settings, group)

    return run(program)[0]


def test_primary_and_reader() -> None:
    monitor = made(GOOD, "disabled")
    assert set(monitor.names("Record")) == {"cache-primary-record", "cache-reader-record"}
    assert inputs(monitor, "cache-reader-record") == {
        "zoneId": "Z1",
        "name": "cache-read.example.com",
        "type": "CNAME",
        "ttl": 60,
        "records": ["replica.prod.abc123.euc1.cache.amazonaws.com"],
    }


def test_configuration() -> None:
    monitor = made({"zone_id": "Z1", "configuration": "cache.example.com", "ttl": 0}, "enabled")
    assert monitor.names("Record") == ["cache-configuration-record"]
    found = inputs(monitor, "cache-configuration-record")
    assert (found["records"], found["ttl"]) == (["clustercfg.prod.abc123.euc1.cache.amazonaws.com"], 0)
