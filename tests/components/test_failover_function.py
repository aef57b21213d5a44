"""The failover function's decisions: what an event is, what is done about it, and what the document says then."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from redis_ha.failover.function import document as documents
from redis_ha.failover.function import log, table
from redis_ha.failover.function.events import Event, missed_failover, read_events
from redis_ha.failover.function.settings import ConfigurationError, CopyTo, read_settings
from tests.support.failover_events import alarm, at, call, computed, delivery, record, schedule, told, valid

GROUPS = ("orders", "orders-eu", "sessions")
NOW = at(0)
README = (Path(__file__).resolve().parents[2] / "components/redis_ha/failover/README.md").read_text()


def only(payload: Any) -> Event:
    (event,) = read_events(payload, GROUPS, NOW)
    return event


# --- events ---


@pytest.mark.parametrize(
    "key", ["ElastiCache:FailoverComplete", "Elasticache:FailoverComplete", "elasticache:failovercomplete"]
)
@pytest.mark.parametrize("resource", ["orders", "orders-002", "orders-0001-002", "ORDERS"])
def test_a_failover_by_any_case_and_any_resource(key: str, resource: str) -> None:
    message = told(key, resource, **{"Cache Cluster ID": "orders-002"})
    assert only(delivery(record(message, "m-7", 3))) == Event(table.FAILOVER, "m-7", at(3), ("orders",), resource)


@pytest.mark.parametrize(
    "row", [row for row in table.TABLE if row.event.startswith(table.ELASTICACHE)], ids=lambda row: row.event
)
def test_every_event_of_elasticache_is_known(row: table.Row) -> None:
    event = only(delivery(record(told(row.event, "sessions"))))
    assert (event.name, event.groups, event.problem) == (row.event, ("sessions",), "")


def test_the_reason_behind_an_events_name_is_no_part_of_it() -> None:
    # As docs.aws.amazon.com ElastiCacheSNS.html writes these two.
    key = "ElastiCache:AddCacheNodeFailed due to insufficient free IP addresses"
    assert only(delivery(record(told(key, "orders")))).name == "ElastiCache:AddCacheNodeFailed"


def test_the_group_beside_the_node_counts() -> None:
    message = told("Elasticache:ServiceUpdateAvailableForNode", "0001", **{"Replication Group ID": "sessions"})
    assert only(delivery(record(message))).groups == ("sessions",)


@pytest.mark.parametrize(
    ("resource", "groups"),
    [
        ("orders-eu", ("orders-eu",)),
        ("orders-eu-001", ("orders-eu",)),
        ("orders-eu-0002-001", ("orders-eu",)),
        ("orders-us", ()),
        ("orders-us-001", ()),
        ("ord", ()),
    ],
)
def test_which_group_a_resource_is_of(resource: str, groups: tuple[str, ...]) -> None:
    assert only(delivery(record(told(table.FAILOVER, resource)))).groups == groups


def test_a_group_whose_name_looks_like_a_node_is_itself() -> None:
    (event,) = read_events(delivery(record(told(table.FAILOVER, "orders-001"))), ("orders", "orders-001"), NOW)
    assert event.groups == ("orders-001",)


@pytest.mark.parametrize(
    ("message", "name", "groups"),
    [
        (alarm(), "Alarm:ALARM", ("orders",)),
        (alarm("OK"), "Alarm:OK", ("orders",)),
        (alarm("INSUFFICIENT_DATA"), "Alarm:INSUFFICIENT_DATA", ("orders",)),
        (alarm("MAYBE"), table.UNKNOWN, ("orders",)),
        (alarm(trigger=computed()), "Alarm:ALARM", ("orders",)),
        (alarm(node="others-001"), "Alarm:ALARM", ()),
        # A composite alarm and a query over tags name no node: any group may be meant.
        (alarm(trigger={}), "Alarm:ALARM", GROUPS),
        (alarm(trigger={"Dimensions": [{"name": "FunctionName", "value": "f"}]}), "Alarm:ALARM", GROUPS),
    ],
)
def test_alarms(message: dict[str, Any], name: str, groups: tuple[str, ...]) -> None:
    event = only(delivery(record(message)))
    assert (event.name, event.groups, event.resource) == (name, groups, "orders-saturated")


def test_the_schedule_is_of_all_groups() -> None:
    assert only(schedule(60)) == Event(table.SCHEDULE, "s-1", at(60), GROUPS)


@pytest.mark.parametrize(
    ("payload", "name", "groups"),
    [
        (call("DeleteReplicationGroup", {"replicationGroupId": "orders"}), "CloudTrail:DeleteReplicationGroup", ("orders",)),
        (call("ModifyReplicationGroup", {"replicationGroupId": "other"}), "CloudTrail:ModifyReplicationGroup", ()),
        (
            call("FailoverGlobalReplicationGroup", {"primaryReplicationGroupId": "sessions", "primaryRegion": "eu-west-1"}),
            "CloudTrail:FailoverGlobalReplicationGroup",
            ("sessions",),
        ),
        (call("ListTagsForResource", {"replicationGroupId": "orders"}), table.UNKNOWN, ("orders",)),
        (
            call("DeleteReplicationGroup", {"replicationGroupId": "orders"}, errorCode="AccessDenied"),
            table.REFUSED_CALL,
            ("orders",),
        ),
    ],
)
def test_calls_that_cloudtrail_saw(payload: dict[str, Any], name: str, groups: tuple[str, ...]) -> None:
    event = only(payload)
    assert (event.name, event.id, event.groups) == (name, "c-1", groups)


def test_a_call_without_parameters_is_of_no_group() -> None:
    payload = call("DeleteReplicationGroup", {})
    payload["detail"]["requestParameters"] = None
    assert only(payload).groups == ()


@pytest.mark.parametrize(
    "payload",
    [
        delivery(
            record({"Date": "2015-12-05T01:02:18.336Z", "Message": "Cache cluster created", "SourceIdentifier": "orders"})
        ),
        delivery(record(told("ElastiCache:SomethingNew", "orders"))),
        {
            "detail-type": "Cache Updated",
            "source": "aws.elasticache",
            "id": "b-1",
            "time": "2026-11-30T12:00:00Z",
            "detail": {},
        },
        {"hello": "world"},
        {},
    ],
)
def test_what_is_unknown_is_not_acted_on(payload: Any) -> None:
    event = only(payload)
    assert (event.name, table.row_of(event.name).action) == (table.UNKNOWN, table.NONE)
    assert event.problem


def without(key: str) -> dict[str, Any]:
    found = record(told(table.FAILOVER, "orders"))
    del found["Sns"][key]
    return found


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "text",
        [],
        {"Records": None},
        delivery(None),
        delivery({"eventSource": "aws:sqs", "body": "{}"}),
        delivery(record("no JSON {")),
        delivery(record("[1]")),
        delivery(record("null")),
        delivery(record({table.FAILOVER: None})),
        delivery(record({table.FAILOVER: {"id": "orders"}})),
        delivery(record({table.FAILOVER: ""})),
        delivery(without("MessageId")),
        delivery(without("Timestamp")),
        delivery(without("Message")),
        delivery({"Sns": {**record("{}")["Sns"], "Timestamp": "yesterday"}}),
        delivery({"Sns": {**record("{}")["Sns"], "Timestamp": "2026-11-30T12:00:00"}}),
    ],
)
def test_what_is_malformed_is_told_of_and_not_acted_on(payload: Any) -> None:
    event = only(payload)
    assert (event.name, table.row_of(event.name).action) == (table.MALFORMED, table.NONE)
    assert event.problem


def test_a_delivery_of_several_records_keeps_their_order_and_each_stands_alone() -> None:
    names = (table.FAILOVER, "ElastiCache:CacheNodeReplaceComplete")
    first, last = (record(told(name, "orders"), f"m-{name}") for name in names)
    found = read_events(delivery(first, record("{"), record(alarm()), last), GROUPS, NOW)
    assert [event.name for event in found] == [names[0], table.MALFORMED, "Alarm:ALARM", names[1]]


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the way to everything in a payload."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, entry in inside for found in paths(entry, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


ODD: tuple[Any, ...] = (None, 1, "x", [], {}, ["x"], [None], {"x": None}, [{"MetricStat": 1}], [{"MetricStat": {"Metric": []}}])


@pytest.mark.parametrize(
    "message", [told(table.FAILOVER, "orders"), alarm(), alarm(trigger=computed())], ids=["told", "alarm", "math"]
)
def test_no_odd_part_of_a_message_raises(message: dict[str, Any]) -> None:
    for path in paths(message):
        for odd in ODD:
            read_events(delivery(record(put(message, path, odd))), GROUPS, NOW)


@pytest.mark.parametrize(
    "payload",
    [
        delivery(record(told(table.FAILOVER, "orders"))),
        schedule(),
        call("DeleteReplicationGroup", {"replicationGroupId": "orders"}),
    ],
    ids=["delivery", "schedule", "call"],
)
def test_no_odd_part_of_a_payload_raises(payload: dict[str, Any]) -> None:
    for path in paths(payload):
        for odd in ODD:
            read_events(put(payload, path, odd), GROUPS, NOW)


def described(*messages: tuple[float, str]) -> list[dict[str, Any]]:
    return [{"SourceIdentifier": "orders", "Message": text, "Date": at(seconds)} for seconds, text in messages]


COMPLETED = "Failover from primary node orders-001 to replica node orders-002 completed"


def test_the_last_failover_that_nobody_told_of_is_found() -> None:
    found = missed_failover(
        described(
            (5, COMPLETED), (9.0005, COMPLETED), (7, "Failover to replica node orders-003 completed"), (11, "Snapshot made")
        ),
        "orders",
        at(4),
    )
    assert found == Event(table.FAILOVER, f"describe-events/orders/{at(9).isoformat()}", at(9), ("orders",), "orders")


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [(5, COMPLETED)],  # answered for already
        [(5.0009, COMPLETED)],  # the same, told more exactly than the document keeps it
        [(6, "Test Failover API called for node group 0001")],
        [(6, "Recovering cache nodes 0001")],
        [(6, "Failover from primary node orders-001 to replica node orders-002 started")],
    ],
)
def test_what_is_no_missed_failover(messages: list[tuple[float, str]]) -> None:
    assert missed_failover(described(*messages), "orders", at(5)) is None


# --- the table ---


def test_every_event_stands_in_the_table_once() -> None:
    names = [row.event.lower() for row in table.TABLE]
    assert len(names) == len(set(names))
    assert {row.severity for row in table.TABLE} == {table.INFO, table.WARNING, table.CRITICAL}
    assert {row.action for row in table.TABLE} == table.READING | table.RELAYING | {table.NONE}


def test_only_a_failover_is_followed_and_what_comes_daily_is_left_alone() -> None:
    assert [row.event for row in table.TABLE if row.action == table.FOLLOW] == [table.FAILOVER]
    assert table.row_of("ElastiCache:SnapshotComplete").action == table.NONE
    # EventBridge takes a detail-type of 128 characters at most (botocore, PutEventsRequestEntry).
    assert max(len(row.event) for row in table.TABLE) <= 128


def test_the_readme_has_the_table() -> None:
    rows = [f"| `{row.event}` | {row.severity} | {row.action} | {row.says} |" for row in table.TABLE]
    assert re.findall(r"^\| `(?:\w+:)?\w+` \| (?:info|warning|critical) \|.*$", README, re.MULTILINE) == rows


def test_the_readme_shows_a_document_as_it_is_written() -> None:
    (shown,) = (block for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL) if "generation" in block)
    assert documents.read_document(shown) == valid(json.loads(shown))


def test_the_readme_names_every_metric_and_every_variable() -> None:
    assert [
        name
        for name in (*log.UNITS, *ENVIRONMENT, *COPIES, "EVENT_SOURCE", "WAIT_SECONDS", "VAULT_MOUNT")
        if f"`{name}`" not in README
    ] == ["AWS_REGION"]


# --- documents ---


def plain(primary: str = "orders-001", **changes: Any) -> dict[str, Any]:
    """Give a group with cluster mode disabled, as DescribeReplicationGroups answers it."""
    members = [
        {
            "CacheClusterId": name,
            "CacheNodeId": "0001",
            "ReadEndpoint": {"Address": f"{name}.orders.x.euc1.cache.amazonaws.com", "Port": 6379},
            "PreferredAvailabilityZone": zone,
            "CurrentRole": "primary" if name == primary else "replica",
        }
        for name, zone in (("orders-001", "eu-central-1a"), ("orders-002", "eu-central-1b"))
    ]
    shard = {
        "NodeGroupId": "0001",
        "Status": "available",
        "PrimaryEndpoint": {"Address": "master.orders.x.euc1.cache.amazonaws.com", "Port": 6379},
        "ReaderEndpoint": {"Address": "replica.orders.x.euc1.cache.amazonaws.com", "Port": 6379},
        "NodeGroupMembers": members,
    }
    return {
        "ReplicationGroupId": "orders",
        "Status": "available",
        "NodeGroups": [shard],
        "TransitEncryptionEnabled": True,
        "ClusterEnabled": False,
        "ClusterMode": "disabled",
        "Engine": "valkey",
        **changes,
    }


CONFIGURATION = {"Address": "clustercfg.orders.x.euc1.cache.amazonaws.com", "Port": 6379}


def sharded(**changes: Any) -> dict[str, Any]:
    """Give a group with cluster mode enabled: AWS reports neither roles nor endpoints of shards."""
    shards = [
        {
            "NodeGroupId": shard,
            "Status": "available",
            "Slots": slots,
            "NodeGroupMembers": [
                {"CacheClusterId": f"orders-{shard}-00{number}", "PreferredAvailabilityZone": "eu-central-1a"}
                for number in (1, 2)
            ],
        }
        for shard, slots in (("0001", "0-8191"), ("0002", "8192-16383"))
    ]
    base = plain(ClusterEnabled=True, ClusterMode="enabled", NodeGroups=shards)
    return {**base, "ConfigurationEndpoint": CONFIGURATION, **changes}


FAILOVER_0 = Event(table.FAILOVER, "m-0", at(0), ("orders",), "orders")
LOOK = Event(table.SCHEDULE, "s-1", at(0), ("orders",))


def after(
    previous: dict[str, Any] | None,
    group: dict[str, Any] | None,
    event: Event = LOOK,
    looked: float = 0,
    **given: Any,
) -> dict[str, Any] | None:
    """Give the next document, checked against the schema; None when nothing is written."""
    facts = documents.facts_of(group, previous)
    if facts is None:
        return None
    made = documents.next_document(facts, previous, event, group_id="orders", region="eu-central-1", looked=at(looked), **given)
    return None if made is None else documents.read_document(documents.text_of(valid(made)))


def first(group: dict[str, Any] | None = None) -> dict[str, Any]:
    made = after(None, plain() if group is None else group)
    assert made is not None
    return made


def failover(message_id: str, seconds: float) -> Event:
    return Event(table.FAILOVER, message_id, at(seconds), ("orders",), "orders")


def test_the_first_document_with_cluster_mode_disabled() -> None:
    assert after(None, plain(), LOOK, 1) == {
        "version": 1,
        "group_id": "orders",
        "region": "eu-central-1",
        "generation": 1,
        "raised": "2026-11-30T12:00:01.000Z",
        "written": "2026-11-30T12:00:01.000Z",
        "reason": "created",
        "event_name": "Schedule",
        "event_id": "s-1",
        "event_time": "2026-11-30T12:00:00.000Z",
        "state": "available",
        "endpoints": {
            "primary": {"host": "master.orders.x.euc1.cache.amazonaws.com", "port": 6379},
            "reader": {"host": "replica.orders.x.euc1.cache.amazonaws.com", "port": 6379},
        },
        "tls": True,
        "engine": "valkey",
        "primary_member": "orders-001",
        "global_id": None,
        "global_role": None,
    }


def test_with_cluster_mode_enabled_aws_names_one_endpoint_and_no_primary() -> None:
    made = first(sharded())
    assert made["endpoints"] == {"configuration": {"host": CONFIGURATION["Address"], "port": 6379}}
    assert made["primary_member"] is None
    assert documents.host_and_port(made) == f"{CONFIGURATION['Address']}:6379"


def test_on_the_way_to_cluster_mode_all_endpoints_are_named() -> None:
    made = first(plain(ClusterMode="compatible", ConfigurationEndpoint=CONFIGURATION))
    assert sorted(made["endpoints"]) == ["configuration", "primary", "reader"]
    assert documents.host_and_port(made) == "master.orders.x.euc1.cache.amazonaws.com:6379"


@pytest.mark.parametrize("role", ["primary", "SECONDARY"])
def test_the_role_in_a_global_datastore(role: str) -> None:
    info = {"GlobalReplicationGroupId": "ldgnf-orders", "GlobalReplicationGroupMemberRole": role}
    made = first(plain(GlobalReplicationGroupInfo=info))
    assert (made["global_id"], made["global_role"]) == ("ldgnf-orders", role.lower())


def test_while_nobody_can_connect_nothing_is_written() -> None:
    assert after(None, plain(Status="creating", NodeGroups=[])) is None
    assert after(None, None) is None


def test_what_aws_does_not_name_at_the_moment_is_kept() -> None:
    before = first()
    made = after(before, plain(Status="modifying", NodeGroups=[]), looked=5)
    assert made is not None
    assert (made["endpoints"], made["state"], made["generation"]) == (before["endpoints"], "modifying", 1)
    assert after(before, plain(primary="nobody"), looked=5) is None


def test_a_group_that_is_gone_keeps_its_document_with_another_state() -> None:
    before = first()
    made = after(before, None, looked=5)
    assert made is not None
    assert made == {
        **before,
        "state": "not-found",
        "reason": "state-changed",
        "written": documents.stamp(at(5)),
    }
    assert after(made, None, looked=9) is None


def test_a_look_that_sees_no_change_writes_nothing() -> None:
    assert after(first(), plain(), schedule_at(300), 301) is None
    assert after(first(sharded()), sharded(), schedule_at(300), 301) is None


def schedule_at(seconds: float) -> Event:
    return Event(table.SCHEDULE, f"s-{seconds}", at(seconds), ("orders",))


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        (plain("orders-002"), "primary-changed"),
        (plain(TransitEncryptionEnabled=False), "endpoints-changed"),
        (plain(ClusterMode="compatible", ConfigurationEndpoint=CONFIGURATION), "endpoints-changed"),
        (
            plain(
                GlobalReplicationGroupInfo={
                    "GlobalReplicationGroupId": "g-orders",
                    "GlobalReplicationGroupMemberRole": "primary",
                }
            ),
            "global-role-changed",
        ),
    ],
)
def test_what_raises_the_generation_without_an_event(group: dict[str, Any], reason: str) -> None:
    made = after(first(), group, schedule_at(300), 301)
    assert made is not None
    assert (made["generation"], made["reason"], made["raised"]) == (2, reason, documents.stamp(at(301)))


@pytest.mark.parametrize("changes", [{"Status": "modifying"}, {"Status": "snapshotting"}, {"Engine": "redis"}])
def test_what_is_written_under_the_same_generation(changes: dict[str, Any]) -> None:
    before = first()
    made = after(before, plain(**changes), schedule_at(300), 301)
    assert made is not None
    assert (made["generation"], made["reason"], made["raised"]) == (1, "state-changed", before["raised"])
    assert (made["event_id"], made["written"]) == ("s-300", documents.stamp(at(301)))


@pytest.mark.parametrize("group", [plain(), sharded()], ids=["disabled", "enabled"])
def test_a_failover_raises_the_generation_although_no_name_changes(group: dict[str, Any]) -> None:
    before = first(group)
    made = after(before, group, failover("m-1", 10), 11)
    assert made is not None
    assert (made["generation"], made["reason"], made["event_id"]) == (2, "failover-complete", "m-1")
    assert made["endpoints"] == before["endpoints"]


def play(*steps: tuple[Event, float]) -> list[int]:
    """Handle events one after the other with cluster mode enabled, where events alone tell; give the generations."""
    document, seen = first(sharded()), []
    for event, looked in steps:
        document = after(document, sharded(), event, looked) or document
        seen.append(document["generation"])
    return seen


def test_a_duplicate_raises_nothing() -> None:
    assert play((failover("m-1", 10), 11), (failover("m-1", 10), 12), (failover("m-1", 10), 900)) == [2, 2, 2]


def test_two_failovers_in_two_shards_are_two() -> None:
    assert play((failover("m-1", 10), 11), (failover("m-2", 20), 21)) == [2, 3]


def test_two_that_come_in_the_other_order_raise_once() -> None:
    # The look of the later one was at the group after both.
    assert play((failover("m-2", 20), 21), (failover("m-1", 10), 22), (failover("m-2", 20), 23)) == [2, 2, 2]


def test_a_late_message_of_a_failover_that_a_look_has_seen_raises_nothing() -> None:
    seen = after(first(), plain("orders-002"), schedule_at(300), 301)
    assert seen is not None
    assert seen["generation"] == 2
    assert after(seen, plain("orders-002"), failover("m-1", 299), 400) is None


def test_a_message_of_a_clock_that_is_ahead_counts_once() -> None:
    assert play((failover("m-1", 10), 9), (failover("m-1", 10), 9.5)) == [2, 2]


def test_an_event_that_is_no_failover_raises_nothing_by_itself() -> None:
    assert after(first(), plain(), Event("ElastiCache:CacheNodeReplaceComplete", "m-1", at(10), ("orders",)), 11) is None


def test_a_write_over_somebody_else_is_followed_by_a_new_generation() -> None:
    made = after(first(), plain(), looked=1, overwrote=True)
    assert made is not None
    assert (made["generation"], made["reason"]) == (2, "overwrote")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no JSON",
        "[]",
        "null",
        "{}",
        '{"version":2}',
        json.dumps({**first(), "version": 2}),
        '{"version":1,"generation":4}',
    ],
)
def test_a_document_that_cannot_be_read_is_none(text: str | None) -> None:
    assert documents.read_document(text) is None


@pytest.mark.parametrize("member", ["generation", "raised", "endpoints", "primary_member"])
def test_a_document_that_misses_a_member_is_none(member: str) -> None:
    assert documents.read_document(json.dumps({name: value for name, value in first().items() if name != member})) is None


def test_after_an_unreadable_document_the_generation_does_not_begin_anew() -> None:
    made = after(None, plain(), version=41)
    assert made is not None
    assert made["generation"] == 42


def test_a_document_that_no_standard_parameter_takes_is_refused_by_name() -> None:
    bare = len(documents.text_of({**first(), "event_id": ""}))
    assert len(documents.text_of({**first(), "event_id": "m" * (4096 - bare)}).encode()) == 4096
    for event_id in ("m" * (4097 - bare), "é" * ((4096 - bare) // 2)):
        with pytest.raises(documents.DocumentTooLargeError, match=r"orders has \d+ bytes.*takes 4096"):
            documents.text_of({**first(), "event_id": event_id})


def test_times_are_in_utc() -> None:
    there = datetime(2026, 11, 30, 14, 0, 0, 123999, tzinfo=timezone(timedelta(hours=2)))
    assert documents.stamp(there) == "2026-11-30T12:00:00.123Z"
    assert documents.since({"raised": "2026-11-30T12:00:00.123Z"}) == datetime(2026, 11, 30, 12, 0, 0, 123000, UTC)


# --- settings ---

ENVIRONMENT = {
    "REPLICATION_GROUPS": "orders, sessions",
    "PARAMETER_PATH": "/redis-ha/prod/failover",
    "EVENT_BUS": "redis-ha",
    "AWS_REGION": "eu-central-1",
}
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tokens/failover-a1B2c3"
COPIES = {
    "CONSUL_URL": "https://consul.internal:8501",
    "CONSUL_SECRET": SECRET,
    "VAULT_URL": "https://vault.internal:8200",
    "VAULT_SECRET": SECRET,
}


def test_settings() -> None:
    found = read_settings(ENVIRONMENT)
    assert (found.groups, found.event_source, found.wait_seconds) == (("orders", "sessions"), "redis-ha", 30.0)
    assert read_settings({**ENVIRONMENT, "WAIT_SECONDS": "0"}).wait_seconds == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REPLICATION_GROUPS", ""),
        ("REPLICATION_GROUPS", " , "),
        ("REPLICATION_GROUPS", "orders,orders"),
        ("REPLICATION_GROUPS", "Orders"),
        ("REPLICATION_GROUPS", "1orders"),
        ("REPLICATION_GROUPS", "orders-"),
        ("REPLICATION_GROUPS", "or--ders"),
        ("REPLICATION_GROUPS", "o" * 41),
        ("REPLICATION_GROUPS", "arn:aws:elasticache:eu-west-1:123456789012:replicationgroup:orders"),
        ("PARAMETER_PATH", ""),
        ("PARAMETER_PATH", "redis-ha"),
        ("PARAMETER_PATH", "/redis-ha/"),
        ("PARAMETER_PATH", "/redis ha"),
        ("PARAMETER_PATH", "/AWS/prod"),
        ("PARAMETER_PATH", "/ssm"),
        ("PARAMETER_PATH", "/a" * 14),
        ("EVENT_BUS", ""),
        ("EVENT_BUS", "arn:aws:sns:eu-central-1:123456789012:topic"),
        ("EVENT_SOURCE", ""),
        ("EVENT_SOURCE", "aws.elasticache"),
        ("EVENT_SOURCE", "AWS.mine"),
        ("WAIT_SECONDS", "soon"),
        ("WAIT_SECONDS", "-1"),
        ("WAIT_SECONDS", "601"),
        ("WAIT_SECONDS", "nan"),
        ("AWS_REGION", ""),
        ("CONSUL_URL", "http://consul.internal:8500"),
        ("CONSUL_URL", "https://consul.internal/v1"),
        ("CONSUL_URL", "https://user:word@consul.internal"),
        ("VAULT_URL", "vault.internal:8200"),
        ("VAULT_SECRET", ""),
        ("VAULT_SECRET", "vault-token"),
        ("VAULT_SECRET", "arn:aws:ssm:eu-central-1:123456789012:parameter/vault"),
        ("VAULT_MOUNT", "/secret/"),
        ("VAULT_MOUNT", "sec ret"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"\A{name}[: ]"):
        read_settings({**ENVIRONMENT, **COPIES, name: value})


def test_copies_go_where_the_settings_say() -> None:
    assert read_settings(ENVIRONMENT).copies == ()
    consul = CopyTo("consul", "https://consul.internal:8501", SECRET)
    assert read_settings({**ENVIRONMENT, **COPIES}).copies == (
        consul,
        CopyTo("vault", "https://vault.internal:8200", SECRET, "secret"),
    )
    given = {**ENVIRONMENT, "VAULT_URL": "https://[fd00::1]/", "VAULT_SECRET": SECRET, "VAULT_MOUNT": "team/kv"}
    assert read_settings(given).copies == (CopyTo("vault", "https://[fd00::1]/", SECRET, "team/kv"),)


@pytest.mark.parametrize("name", ["CONSUL_SECRET", "VAULT_SECRET", "VAULT_MOUNT"])
def test_what_belongs_to_no_server_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"\A{name}: {name.partition('_')[0]}_URL is missing"):
        read_settings({**ENVIRONMENT, name: "secret"})


def test_an_address_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_settings({**ENVIRONMENT, **COPIES, "CONSUL_URL": "https://user:pass-word@consul.internal"})
    assert "pass-word" not in str(refused.value)


def test_all_wrong_settings_are_refused_together() -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_settings({"EVENT_SOURCE": "aws.mine", "WAIT_SECONDS": "x"})
    names = ("REPLICATION_GROUPS", "PARAMETER_PATH", "EVENT_BUS", "EVENT_SOURCE", "WAIT_SECONDS", "AWS_REGION")
    assert [name for name in names if name not in str(refused.value)] == []


# --- metrics ---


def test_a_line_holds_the_metrics_as_cloudwatch_finds_them() -> None:
    # CloudWatch_Embedded_Metric_Format_Specification.html: a name in the directive is a member of the root, with a number, or
    # with text where it is a dimension.
    found = json.loads(log.line(at(1.5), {"GroupId": "orders"}, {"Failures": 1, "SecondsToDocument": 0.25}, error="x"))
    assert found["_aws"]["Timestamp"] == int(at(1.5).timestamp() * 1000)
    (directive,) = found["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "RedisHA/Failover"
    assert directive["Dimensions"] == [["GroupId"]]
    assert directive["Metrics"] == [{"Name": "Failures", "Unit": "Count"}, {"Name": "SecondsToDocument", "Unit": "Seconds"}]
    assert (found["GroupId"], found["Failures"], found["SecondsToDocument"], found["error"]) == ("orders", 1, 0.25, "x")
