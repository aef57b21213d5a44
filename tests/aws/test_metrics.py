"""What the emulated ElastiCache publishes of nodes on paper, and the product's own alarms on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pulumi_emulator.aws.elasticache import metrics
from pulumi_emulator.aws.elasticache.engines import NODE_SIZES
from pulumi_emulator.aws.elasticache.node_types import Room, room
from pulumi_emulator.caches.measure import Calls, Reading, calls
from redis_ha.elasticache.monitored import GROUP_TAG, Watched
from redis_ha.elasticache.topology import Topology
from tests.support.aws_global import WEST, WEST_ZONES, datastore
from tests.support.aws_world import REGION, ZONES, World
from tests.support.minutes import NAMESPACE, Minutes, reading, still
from tests.support.product_alarms import put_alarms

LARGE = "cache.r7g.large"


def node(now: Reading, before: Reading | None = None, role: str = "primary", **given: Any) -> dict[str, float]:
    made = metrics.published(metrics.Node(now, before, role, room(LARGE), **{"cpu": None, **given}))
    return {name: value.total / value.number for name, value in made.items()}


def test_levels_are_info_s() -> None:
    found = node(
        reading(
            connected_clients=7,
            used_memory=1_403_718_103,
            mem_not_counted_for_evict=403_718_103,
            used_memory_rss=2**30,
            db0="keys=3,expires=1,avg_ttl=0",
            db5="keys=2,expires=2,avg_ttl=0",
        )
    )
    assert found["CurrConnections"] == 7
    assert found["BytesUsedForCache"] == 1_403_718_103
    assert found["DatabaseMemoryUsagePercentage"] == pytest.approx(10)
    assert found["DatabaseMemoryUsageCountedForEvictPercentage"] == pytest.approx(7.1239, abs=1e-3)
    assert found["FreeableMemory"] == 15 * 2**30
    assert (found["CurrItems"], found["CurrVolatileItems"], found["IsMaster"]) == (5, 3, 1)
    assert not {"EngineCPUUtilization", "ReplicationLag", "MasterLinkHealthStatus"} & found.keys()


def test_counts_are_those_of_the_minute() -> None:
    before = reading(
        keyspace_hits=100, keyspace_misses=10, evicted_keys=5, total_connections_received=9, acl_access_denied_auth=1
    )
    now = reading(
        keyspace_hits=130, keyspace_misses=20, evicted_keys=5, total_connections_received=11, acl_access_denied_auth=4
    )
    found = node(now, before)
    assert (found["CacheHits"], found["CacheMisses"], found["CacheHitRate"]) == (30, 10, 75)
    assert (found["Evictions"], found["NewConnections"], found["AuthenticationFailures"]) == (0, 2, 3)
    assert "CacheHitRate" not in node(now, now), "nothing was looked up"


def test_a_process_that_began_anew_has_counted_from_nothing() -> None:
    for before in (reading(keyspace_hits=100), None):
        assert node(reading(run_id="r2", keyspace_hits=3), before)["CacheHits"] == 3
    anew = reading(60, run_id="r2", uptime_in_seconds=30, used_cpu_user_main_thread=6)
    for before in (reading(0, run_id="r1", used_cpu_user_main_thread=50), None):
        shares = metrics.cpu_share(anew, before)
        assert shares is not None
        assert shares[0] == pytest.approx(0.2)


def test_a_processor_s_share_of_a_moment_is_not_taken() -> None:
    assert metrics.cpu_share(reading(10.4), reading(10)) is None
    assert metrics.cpu_share(reading(10.5), reading(10)) == (0, 0)


def test_latencies_are_those_of_the_minute_s_calls() -> None:
    info = {
        "cmdstat_get": "calls=4,usec=8,usec_per_call=2",
        "cmdstat_set": "calls=1,usec=9",
        "cmdstat_config|get": "calls=5,usec=1",
    }
    assert calls(info, {"get"}) == Calls(4, 8)
    assert calls(info, {"config"}) == Calls(5, 1)
    before = reading(reads=Calls(10, 100), writes=Calls(1, 1))
    found = node(reading(reads=Calls(14, 180), writes=Calls(1, 1)), before)
    assert (found["GetTypeCmds"], found["GetTypeCmdsLatency"], found["SuccessfulReadRequestLatency"]) == (4, 20, 20)
    assert found["SetTypeCmds"] == 0
    assert not {"SetTypeCmdsLatency", "SuccessfulWriteRequestLatency"} & found.keys()


def test_the_processor_s_share_is_the_engine_thread_s_and_the_host_s() -> None:
    before = reading(0, used_cpu_user=10, used_cpu_sys=1, used_cpu_user_main_thread=9, used_cpu_sys_main_thread=1)
    now = reading(60, used_cpu_user=67, used_cpu_sys=4, used_cpu_user_main_thread=63, used_cpu_sys_main_thread=1)
    share = metrics.cpu_share(now, before)
    assert share is not None
    assert list(share) == pytest.approx([0.9, 1])
    found = node(now, before, cpu=share)
    assert found["EngineCPUUtilization"] == pytest.approx(90)
    assert found["CPUUtilization"] == pytest.approx(50), "of two processors"


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"master_link_status": "up", "master_last_io_seconds_ago": 1}, {"MasterLinkHealthStatus": 1, "ReplicationLag": 1}),
        (
            {"master_link_status": "down", "master_last_io_seconds_ago": -1, "master_link_down_since_seconds": 42},
            {"MasterLinkHealthStatus": 0, "ReplicationLag": 42},
        ),
        ({"master_link_status": "down", "master_link_down_since_seconds": -1}, {"MasterLinkHealthStatus": 0}),
    ],
)
def test_a_replica_s_link(info: dict[str, Any], expected: dict[str, float]) -> None:
    names = ("MasterLinkHealthStatus", "ReplicationLag")
    found = node(reading(**info), role="replica")
    assert {name: found[name] for name in names if name in found} == expected
    assert not set(names) & node(reading(**info)).keys(), "a primary follows nobody in its region"


def test_replication_bytes_are_a_primary_s_with_replicas() -> None:
    pair = (reading(connected_slaves=1, master_repl_offset=900), reading(master_repl_offset=100))
    assert node(*pair)["ReplicationBytes"] == 800
    assert node(*pair, role="replica")["ReplicationBytes"] == 0
    assert node(reading(connected_slaves=0, master_repl_offset=900), pair[1])["ReplicationBytes"] == 0


def test_every_type_has_its_processors_and_its_room() -> None:
    every = [f"cache.{family}.{size}" for family, sizes in NODE_SIZES.items() for size in sizes]
    assert all(0 < room(one).data < room(one).memory for one in every)
    assert (room("cache.t2.micro").processors, room("cache.r6g.4xlarge").processors) == (1, 16)
    assert room("cache.r4.large").memory == 15.25 * 2**30
    # Generation 8 leaves more of the same memory to the data.
    assert room("cache.m7g.large") == Room(2, 8 * 2**30, 6854542746)
    assert room("cache.m8g.large") == Room(2, 8 * 2**30, 7294178820)
    assert room("cache.c7gn.xlarge") == Room(4, 8 * 2**30, 6854542746)


@pytest.fixture
def minutes(world: World) -> Iterator[Minutes]:
    with still(world) as made:
        yield made
        # Each minute evaluates all that there are.
        names = [alarm["AlarmName"] for alarm in made.cloudwatch.describe_alarms()["MetricAlarms"]]
        made.cloudwatch.delete_alarms(AlarmNames=names)


def group(minutes: Minutes, **given: Any) -> tuple[str, list[str]]:
    """Make a group whose nodes say something; return its id and theirs."""
    world = minutes.world
    group_id = world.group(CacheNodeType=LARGE, CacheSubnetGroupName=world.subnet_group(), **given)
    node_ids = list(world.describe(group_id)["MemberClusters"])
    for node_id in node_ids:
        world.plane.says[node_id] = reading
    return group_id, node_ids


def test_a_node_s_metrics_have_its_dimensions(minutes: Minutes) -> None:
    _, (first, second) = group(minutes)
    minutes.go(2)
    listed = minutes.cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName="IsMaster")["Metrics"]
    named = [{pair["Name"]: pair["Value"] for pair in metric["Dimensions"]} for metric in listed]
    for node_id in (first, second):
        assert {"CacheClusterId": node_id} in named
        assert {"CacheClusterId": node_id, "CacheNodeId": "0001"} in named
    assert minutes.values("IsMaster", CacheClusterId=first) == [1, 1]
    assert minutes.values("IsMaster", CacheClusterId=second, CacheNodeId="0001") == [0, 0]


def test_shards_and_groups_have_what_elasticache_publishes_of_them(minutes: Minutes) -> None:
    group_id, (first, _) = group(minutes)
    minutes.world.plane.says[first] = lambda: reading(mem_not_counted_for_evict=1_000_000)
    minutes.go()
    name = "DatabaseMemoryUsageCountedForEvictPercentage"
    of_shard: Any
    for of_shard in ({}, {"NodeGroupId": "0001"}):
        assert minutes.values(name, "SampleCount", ReplicationGroupId=group_id, **of_shard) == [2]
        assert minutes.values(name, "Minimum", ReplicationGroupId=group_id, **of_shard) == [0]
    assert minutes.values(name, "Maximum", ReplicationGroupId=group_id, Role="Primary") == [0]
    assert minutes.values("CurrConnections", ReplicationGroupId=group_id) == []


def lags(minutes: Minutes, region: str, node_id: str) -> list[tuple[float, str]]:
    """Return what a node published of the lag between regions, with the unit."""
    end = datetime.fromtimestamp(minutes.now, UTC)
    answer = minutes.world.client("cloudwatch", region).get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=metrics.GLOBAL_LAG,
        Dimensions=[{"Name": "CacheClusterId", "Value": node_id}],
        StartTime=end - timedelta(minutes=10),
        EndTime=end,
        Period=60,
        Statistics=["Maximum"],
    )
    return [(point["Maximum"], point["Unit"]) for point in answer["Datapoints"]]


def test_the_lag_between_regions_is_published_where_a_region_follows(minutes: Minutes, monkeypatch: pytest.MonkeyPatch) -> None:
    world = minutes.world
    made = datastore(world)
    (first,) = made.roles()
    second = made.add(CacheSubnetGroupName=world.subnet_group(WEST_ZONES, WEST))
    nodes = {group_id: [node["CacheClusterId"] for node in made.nodes(group_id)] for group_id in (first, second)}
    for node_id in (*nodes[first], *nodes[second]):
        world.plane.says[node_id] = reading
    minutes.go()
    primary, replica = nodes[second]
    assert lags(minutes, WEST, primary) == [(0.5, "Seconds")]
    assert lags(minutes, WEST, replica) == []
    assert [lags(minutes, region, node_id) for node_id in nodes[first] for region in (REGION, WEST)] == [[]] * 4
    # Without a link there is nothing to publish, which is what the product's alarm on missing data is for.
    monkeypatch.setattr(world.plane, "lag", lambda _: None)
    minutes.go()
    assert lags(minutes, WEST, primary) == [(0.5, "Seconds")]
    monkeypatch.undo()
    # Who is promoted follows nobody, and the other one follows it.
    made.promote(second)
    minutes.go()
    assert lags(minutes, WEST, primary) == [(0.5, "Seconds")]
    assert lags(minutes, REGION, nodes[first][0]) == [(0.5, "Seconds")]


def test_a_node_that_is_gone_publishes_nothing(minutes: Minutes) -> None:
    _, (first, second) = group(minutes)
    minutes.go()
    minutes.world.plane.zone_down(ZONES[0])
    try:
        minutes.go(2)
    finally:
        minutes.world.plane.zone_up(ZONES[0])
    assert minutes.values("CurrConnections", CacheClusterId=first) == [1]
    assert minutes.values("CurrConnections", CacheClusterId=second) == [1, 1, 1]
    minutes.go()
    assert minutes.values("CurrConnections", CacheClusterId=first) == [1, 1]


def test_metric_data_has_math_and_queries(minutes: Minutes) -> None:
    group_id, (first, second) = group(minutes)
    minutes.world.plane.says[first] = lambda: reading(connected_clients=40)
    minutes.go(2)
    metric = {"Namespace": NAMESPACE, "MetricName": "CurrConnections"}

    def of(name: str, node_id: str) -> dict[str, Any]:
        dimensions = [{"Name": "CacheClusterId", "Value": node_id}]
        stat = {"Metric": {**metric, "Dimensions": dimensions}, "Period": 60, "Stat": "Average"}
        return {"Id": name, "MetricStat": stat, "ReturnData": False}

    end = datetime.fromtimestamp(minutes.now, UTC)
    shards = f"WHERE ReplicationGroupId = '{group_id}' GROUP BY NodeGroupId"
    name = "DatabaseMemoryUsageCountedForEvictPercentage"
    query = f'SELECT COUNT({name}) FROM SCHEMA("{NAMESPACE}", NodeGroupId, ReplicationGroupId) {shards}'  # noqa: S608 - no database
    answer = minutes.cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "e1", "Expression": "SUM([m1, m2])", "Label": "all"},
            of("m1", first),
            of("m2", second),
            {"Id": "q1", "Expression": query, "Period": 60},
        ],
        StartTime=end - timedelta(minutes=2),
        EndTime=end,
        ScanBy="TimestampAscending",
    )
    found = {row["Id"]: (row["Label"], row["Values"]) for row in answer["MetricDataResults"]}
    assert found == {"e1": ("all", [41, 41]), "q1": ("q1", [2, 2])}
    assert answer["MetricDataResults"][0]["Timestamps"] == [end - timedelta(minutes=2), end - timedelta(minutes=1)]


def test_values_without_a_time_are_of_the_account_s_time(minutes: Minutes) -> None:
    world, name = minutes.world, minutes.world.name("metric")
    world.account.clock.advance(3600)
    minutes.cloudwatch.put_metric_data(Namespace="test", MetricData=[{"MetricName": name, "Value": 5}])
    end = world.account.clock.now() + timedelta(minutes=1)
    answer = minutes.cloudwatch.get_metric_statistics(
        Namespace="test", MetricName=name, StartTime=end - timedelta(minutes=5), EndTime=end, Period=60, Statistics=["Sum"]
    )
    assert [point["Sum"] for point in answer["Datapoints"]] == [5]


def states(minutes: Minutes, prefix: str) -> dict[str, str]:
    pages = minutes.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    found = [alarm for page in pages for alarm in page["MetricAlarms"]]
    return {alarm["AlarmName"].removeprefix(prefix): alarm["StateValue"] for alarm in found}


def test_the_product_s_alarms_are_all_computed(minutes: Minutes) -> None:
    group_id, (first, second) = group(minutes)
    engines = {node_id: Engine(0.1) for node_id in (first, second)}
    minutes.world.plane.says |= engines
    names = put_alarms(minutes.world, Watched(Topology(group_id, "disabled", 1, 1), LARGE, durability="async"))
    minutes.go(35)
    assert states(minutes, f"{group_id}-") == dict.fromkeys((name.removeprefix(f"{group_id}-") for name in names), "OK")
    engines[second].info = {"master_link_status": "down", "master_link_down_since_seconds": 9}
    minutes.go(2)
    assert states(minutes, f"{second}-")["replica_link"] == "OK"
    minutes.go()
    rings = {name for name, state in states(minutes, f"{second}-").items() if state == "ALARM"}
    assert rings == {"replica_link", "replication_lag"}
    engines[second].info = {}
    minutes.go(5)
    minutes.world.plane.zone_down(ZONES[0])
    try:
        minutes.go(15)
    finally:
        minutes.world.plane.zone_up(ZONES[0])
    lost = {name for name, state in states(minutes, f"{first}-").items() if state == "INSUFFICIENT_DATA"}
    assert lost == {"cpu", "memory", "memory_critical", "connections_high", "swap"}
    assert set(states(minutes, f"{second}-").values()) == {"OK"}


def test_the_product_s_queries_are_all_computed(minutes: Minutes) -> None:
    group_id = minutes.world.name("scaled")
    group(minutes, **sharded(group_id))
    engines = {node_id: Engine(0.1, connected_clients=40) for node_id in minutes.world.describe(group_id)["MemberClusters"]}
    minutes.world.plane.says |= engines
    engines[f"{group_id}-0002-001"].share = 0.99
    watched = Watched(Topology(group_id, "enabled", 2, 1), LARGE, autoscaled="shards", least_shards=2)
    names = [name.removeprefix(f"{group_id}-") for name in put_alarms(minutes.world, watched)]
    minutes.go(10)
    expected = {**dict.fromkeys(names, "OK"), "cpu": "ALARM"}
    # No node looked anything up: there is no CacheHitRate, and nothing was called that had a latency.
    assert states(minutes, f"{group_id}-") == expected
    for engine in engines.values():
        engine.share, engine.info = 0.1, {"connected_clients": 1}
    minutes.go()
    assert states(minutes, f"{group_id}-")["connections_drop"] == "ALARM"
    minutes.go(6)
    assert states(minutes, f"{group_id}-") == {**expected, "cpu": "OK"}
    shard = minutes.world.plane.primaries[group_id]
    minutes.world.plane.primaries[group_id] = {"0001": shard["0001"]}
    minutes.go(5)
    minutes.world.plane.primaries[group_id] = shard
    assert states(minutes, f"{group_id}-")["failover"] == "ALARM", "a shard has no primary"


def sharded(group_id: str) -> dict[str, Any]:
    tags = [{"Key": GROUP_TAG, "Value": group_id}]
    return {
        "ReplicationGroupId": group_id,
        "NumCacheClusters": None,
        "NumNodeGroups": 2,
        "ReplicasPerNodeGroup": 1,
        "Tags": tags,
    }


class Engine:
    """What says, each time a minute later, that a node's engine was busy for a share of it."""

    def __init__(self, share: float, **info: Any) -> None:
        self.share, self.info = share, info
        self.seconds, self.spent = 0, 0.0

    def __call__(self) -> Reading:
        self.seconds += 60
        self.spent += 60 * self.share
        said: dict[str, Any] = {"used_cpu_user": self.spent, "used_cpu_user_main_thread": self.spent}
        said["uptime_in_seconds"] = self.seconds
        said |= {"master_link_status": "up", "master_last_io_seconds_ago": 0}
        return reading(self.seconds, **(said | self.info))


def saturation(minutes: Minutes, node_id: str, topic: str) -> str:
    """Put the tutorial's alarm: above 90 percent in five of five periods of five minutes."""
    name = f"{node_id}-saturated"
    minutes.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=NAMESPACE,
        MetricName="EngineCPUUtilization",
        Dimensions=[{"Name": "CacheClusterId", "Value": node_id}],
        Statistic="Average",
        Period=300,
        EvaluationPeriods=5,
        DatapointsToAlarm=5,
        Threshold=90,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )
    return name


def test_saturation_for_25_minutes_takes_no_25_minutes(minutes: Minutes) -> None:
    world = minutes.world
    _, (first, _) = group(minutes)
    topic = world.client("sns").create_topic(Name=world.name("topic"))["TopicArn"]
    queue, name = world.queue_of(topic), saturation(minutes, first, topic)
    engine = world.plane.says[first] = Engine(0.1)
    minutes.go(40)
    engine.share = 0.95
    minutes.go(24)
    assert minutes.state(name)[0] == "OK"
    minutes.go()
    assert minutes.state(name)[0] == "ALARM"
    (message,) = world.messages(queue)
    assert json.loads(message)["Trigger"]["MetricName"] == "EngineCPUUtilization"


def test_the_clock_publishes_each_minute_that_it_passes(world: World) -> None:
    with still(world) as minutes:
        _, (first, _) = group(minutes)
    begin = world.account.clock.now()
    world.account.clock.advance(25 * 60)
    answer = world.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName="CurrConnections",
        Dimensions=[{"Name": "CacheClusterId", "Value": first}],
        StartTime=begin - timedelta(minutes=1),
        EndTime=world.account.clock.now(),
        Period=60,
        Statistics=["SampleCount"],
    )
    counted = [point["SampleCount"] for point in answer["Datapoints"]]
    # A minute may end by itself meanwhile.
    assert len(counted) in {25, 26}
    assert set(counted) == {1}
