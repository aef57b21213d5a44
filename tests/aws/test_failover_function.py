"""The failover function against the emulated AWS: the whole handler with real boto3, and nodes on paper."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from moto.ssm.models import ssm_backends

from pulumi_emulator.aws import ACCOUNT_ID
from redis_ha.failover import function
from redis_ha.failover.function import calls, handler
from redis_ha.failover.function.calls import Cloud
from redis_ha.failover.function.settings import ConfigurationError
from redis_ha.failover.function.table import FAILOVER
from tests.support.aws_global import datastore
from tests.support.aws_world import REGION, World, until
from tests.support.failover_events import alarm, call, delivery, record, told
from tests.support.failover_function import SOURCE, Deployed, Topic, deploy, environment


def now_record(name: str, resource: str, message_id: str = "m-1", late: float = 0) -> dict[str, Any]:
    """Give a record of a message that ElastiCache sends now, or so many seconds ago."""
    made = record(told(name, resource), message_id)
    time = datetime.now(UTC) - timedelta(seconds=late)
    made["Sns"]["Timestamp"] = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return made


def schedule() -> dict[str, Any]:
    return {
        "id": "s-1",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "detail": {},
    }


@pytest.fixture
def group(world: World) -> str:
    return world.group()


@pytest.fixture
def deployed(world: World, group: str, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    return deploy(monkeypatch, world, group)


@pytest.mark.parametrize("clustered", [False, True])
def test_from_elasticache_s_message_to_the_parameter(world: World, monkeypatch: pytest.MonkeyPatch, clustered: bool) -> None:
    topic = Topic(world)
    made = (world.shards if clustered else world.group)(NotificationTopicArn=topic.arn)
    deployed = deploy(monkeypatch, world, made)
    deployed.run(schedule())
    before = deployed.document(made)
    assert (before["generation"], before["reason"], before["state"]) == (1, "created", "available")
    world.cache.test_failover(ReplicationGroupId=made, NodeGroupId="0001")
    world.available(made)
    payload = topic.delivery_of(FAILOVER)
    deployed.run(payload)
    after = deployed.document(made)
    assert (after["generation"], after["reason"]) == (2, "failover-complete")
    assert after["event_id"] == payload["Records"][0]["Sns"]["MessageId"]
    assert after["endpoints"] == before["endpoints"]
    assert [before["primary_member"], after["primary_member"]] == (
        [None, None] if clustered else [f"{made}-001", f"{made}-002"]
    )
    name = "configuration" if clustered else "primary"
    endpoint = after["endpoints"][name]
    assert deployed.parameter(f"{made}/host-port")["Value"] == f"{endpoint['host']}:{endpoint['port']}"
    # What SNS delivers again, and the regular look after it, change nothing.
    deployed.run(payload)
    deployed.run(schedule())
    assert deployed.document(made) == after


def test_what_is_written_is_a_standard_parameter_of_text(
    world: World, deployed: Deployed, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssm = world.client("ssm")
    # An account may have another tier as its default (docs.aws.amazon.com, "Specifying a default parameter tier").
    monkeypatch.setattr(ssm_backends[ACCOUNT_ID][REGION], "default_parameter_tier", "Advanced")
    deployed.run(schedule())
    for name in ("endpoints", "host-port"):
        assert deployed.parameter(f"{group}/{name}")["Type"] == "String"
    asked = [{"Key": "Name", "Option": "BeginsWith", "Values": [deployed.world.settings.parameter_path]}]
    assert {entry["Tier"] for entry in ssm.describe_parameters(ParameterFilters=asked)["Parameters"]} == {"Standard"}


def test_a_missed_event_is_found_by_the_regular_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world.shards()  # no topic: nobody is told
    deployed = deploy(monkeypatch, world, made)
    deployed.run(schedule())
    world.cache.test_failover(ReplicationGroupId=made, NodeGroupId="0002")
    world.available(made)
    deployed.run(schedule())
    found = deployed.document(made)
    assert (found["generation"], found["reason"], found["event_name"]) == (2, "failover-complete", FAILOVER)
    assert [event["detail-type"] for event in deployed.relayed()] == ["EndpointsChanged", FAILOVER]
    deployed.run(schedule())
    assert deployed.document(made) == found
    # The message that comes after all was of the failover that was found.
    deployed.run(delivery(now_record(FAILOVER, made, late=3600)))
    assert deployed.document(made) == found


def test_the_regular_look_writes_nothing_when_nothing_changed(deployed: Deployed, group: str) -> None:
    deployed.run(schedule())
    plain = deployed.parameter(f"{group}/host-port")["Version"]
    for _ in range(3):
        deployed.run(schedule())
    assert (deployed.versions(group), deployed.parameter(f"{group}/host-port")["Version"]) == (1, plain)
    assert [line["DocumentsWritten"] for line in deployed.notes("DocumentsWritten")] == [1, 0, 0, 0]


def test_what_somebody_did_to_the_plain_parameter_is_mended(world: World, deployed: Deployed, group: str) -> None:
    deployed.run(schedule())
    path = deployed.world.settings.parameter_path
    right = deployed.parameter(f"{group}/host-port")["Value"]
    world.client("ssm").put_parameter(Name=f"{path}/{group}/host-port", Value="wrong:1", Overwrite=True)
    deployed.run(schedule())
    assert deployed.parameter(f"{group}/host-port")["Value"] == right


def test_an_unreadable_document_is_replaced_under_a_higher_generation(world: World, deployed: Deployed, group: str) -> None:
    deployed.run(schedule())
    deployed.run(delivery(now_record(FAILOVER, group)))
    assert deployed.document(group)["generation"] == 2
    name = f"{deployed.world.settings.parameter_path}/{group}/endpoints"
    world.client("ssm").put_parameter(Name=name, Value="oops", Overwrite=True)
    deployed.run(schedule())
    assert deployed.document(group)["generation"] > 2


def test_only_the_groups_of_the_function_are_touched(world: World, deployed: Deployed, group: str) -> None:
    other = world.group()
    deployed.run(delivery(now_record(FAILOVER, other)))
    assert [line["Event"] for line in deployed.notes("NotActedOn")] == [FAILOVER]
    assert deployed.relayed() == []
    with pytest.raises(world.client("ssm").exceptions.ParameterNotFound):
        deployed.document(other)
    with pytest.raises(world.client("ssm").exceptions.ParameterNotFound):
        deployed.document(group)


def test_several_groups_have_documents_of_their_own(world: World, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = world.shards()
    deployed = deploy(monkeypatch, world, group, other)
    deployed.run(schedule())
    deployed.run(delivery(now_record(FAILOVER, f"{other}-0002-001")))
    assert [deployed.document(name)["generation"] for name in (group, other)] == [1, 2]
    assert [deployed.document(name)["group_id"] for name in (group, other)] == [group, other]


def test_a_group_in_a_global_datastore(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store = datastore(world)
    (made,) = store.roles()
    deployed = deploy(monkeypatch, world, made)
    deployed.run(schedule())
    found = deployed.document(made)
    assert (found["global_id"], found["global_role"]) == (store.id, "primary")
    second = store.add()
    store.promote(second)
    store.available(made)
    deployed.run(schedule())
    found = deployed.document(made)
    assert (found["generation"], found["reason"], found["global_role"]) == (2, "global-role-changed", "secondary")


def test_a_group_that_is_deleted_keeps_its_document(world: World, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    deployed = deploy(monkeypatch, world, group, sleep=slept.append)
    deployed.run(schedule())
    world.cache.delete_replication_group(ReplicationGroupId=group, RetainPrimaryCluster=False)

    def listed() -> list[str]:
        return [found["ReplicationGroupId"] for found in world.cache.describe_replication_groups()["ReplicationGroups"]]

    assert group not in until(listed, lambda ids: group not in ids)
    payload = call("DeleteReplicationGroup", {"replicationGroupId": group})
    deployed.run(payload)
    found = deployed.document(group)
    assert (found["state"], found["generation"], found["event_name"]) == ("not-found", 1, "CloudTrail:DeleteReplicationGroup")
    assert deployed.said[-1]["Available"] == 0
    # Nobody waits for it to come back.
    assert slept == []


def test_a_group_that_never_was_is_told_of_and_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed = deploy(monkeypatch, world, "nobody")
    deployed.run(schedule())
    assert [line["Available"] for line in deployed.said] == [0]


# --- the group is not available ---


class Clock:
    """Lets a change of the group end at one of the looks."""

    def __init__(self, world: World, group_id: str, end: int) -> None:
        self.world, self.group_id, self.end, self.slept = world, group_id, end, list[float]()

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self.end:
            self.world.plane.hold.set()
            self.world.available(self.group_id)


def begin_change(world: World, group_id: str) -> None:
    world.plane.hold.clear()
    world.cache.increase_replica_count(ReplicationGroupId=group_id, NewReplicaCount=2, ApplyImmediately=True)
    assert world.describe(group_id)["Status"] == "modifying"


def test_the_application_is_told_before_the_group_is_available_and_again_then(
    world: World, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(world, group, 3)
    deployed = deploy(monkeypatch, world, group, sleep=clock)
    deployed.run(schedule())
    try:
        begin_change(world, group)
        deployed.run(delivery(now_record(FAILOVER, group)))
    finally:
        world.plane.hold.set()
    assert clock.slept == [2.0] * 3
    written = [line["document"] for line in deployed.notes("DocumentsWritten") if line["DocumentsWritten"]]
    assert [(entry["state"], entry["generation"]) for entry in written] == [
        ("available", 1),
        ("modifying", 2),
        ("available", 2),
    ]
    assert deployed.document(group) == written[-1]


@pytest.mark.parametrize(("wait", "left", "looks"), [(10, 900, 5), (30, 21, 3), (0, 900, 0), (30, 3, 0)])
def test_the_looks_have_an_end(
    world: World, group: str, monkeypatch: pytest.MonkeyPatch, wait: float, left: float, looks: int
) -> None:
    clock = Clock(world, group, 99)
    deployed = deploy(monkeypatch, world, group, sleep=clock, wait=wait)
    deployed.world = handler.World(
        deployed.world.settings, deployed.world.cloud, sleep=clock, write=lambda _: None, remaining=lambda: left
    )
    try:
        begin_change(world, group)
        deployed.run(delivery(now_record(FAILOVER, group)))
        assert len(clock.slept) == looks
        assert deployed.document(group)["state"] == "modifying"
        # The next regular look comes by itself: this one does not wait.
        deployed.run(schedule())
        assert len(clock.slept) == looks
    finally:
        world.plane.hold.set()
        world.available(group)


def test_a_primary_that_aws_names_late_is_a_generation_of_its_own(
    world: World, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(_: float) -> None:
        world.plane.primaries[group]["0001"] = f"{group}-002"
        world.plane.hold.set()
        world.available(group)

    deployed = deploy(monkeypatch, world, group, sleep=sleep)
    deployed.run(schedule())
    try:
        begin_change(world, group)
        deployed.run(delivery(now_record(FAILOVER, group)))
    finally:
        world.plane.hold.set()
    written = [line["document"] for line in deployed.notes("DocumentsWritten") if line["DocumentsWritten"]]
    assert [(entry["generation"], entry["reason"], entry["primary_member"]) for entry in written] == [
        (1, "created", f"{group}-001"),
        (2, "failover-complete", f"{group}-001"),
        (3, "primary-changed", f"{group}-002"),
    ]
    assert [event["detail-type"] for event in deployed.relayed()] == ["EndpointsChanged", FAILOVER, "EndpointsChanged"]


# --- what ElastiCache recorded ---


@pytest.mark.parametrize(("days", "asked"), [(1, timedelta(days=1)), (20, timedelta(days=14) - timedelta(minutes=1))])
def test_no_more_is_asked_than_elasticache_keeps(deployed: Deployed, group: str, days: int, asked: timedelta) -> None:
    found: list[dict[str, Any]] = []
    client = deployed.world.cloud.elasticache
    client.meta.events.register("provide-client-params.elasticache.DescribeEvents", lambda params, **_: found.append(params))
    now = datetime.now(UTC)
    deployed.world.cloud.told(group, now - timedelta(days=days))
    assert timedelta(0) <= found[0]["StartTime"] - (now - asked) < timedelta(minutes=1)
    assert (found[0]["SourceIdentifier"], found[0]["SourceType"]) == (group, "replication-group")


def test_all_pages_are_read(deployed: Deployed, group: str) -> None:
    client = deployed.world.cloud.elasticache
    pages: list[dict[str, Any]] = [{"Events": [{"Message": "a"}], "Marker": "next"}, {"Events": [{"Message": "b"}]}]
    with Stubber(client) as stubber:
        for page, marker in zip(pages, ({}, {"Marker": "next"}), strict=True):
            asked = {"SourceIdentifier": group, "SourceType": "replication-group", "StartTime": ANY, **marker}
            stubber.add_response("describe_events", page, asked)
        assert [event["Message"] for event in deployed.world.cloud.told(group, datetime.now(UTC))] == ["a", "b"]


# --- the bus ---


def test_what_is_relayed(deployed: Deployed, group: str) -> None:
    told_of = now_record("Elasticache:FailoverComplete", f"{group}-002", "m-9", late=120)
    deployed.run(delivery(told_of))
    (event,) = deployed.relayed()
    # When it happened, not when it was relayed; EventBridge keeps whole seconds.
    assert event["time"] == told_of["Sns"]["Timestamp"][:19] + "Z"
    assert [line["SecondsToDocument"] >= 120 for line in deployed.notes("SecondsToDocument")] == [True]
    assert (event["source"], event["detail-type"]) == (SOURCE, FAILOVER)
    detail = event["detail"]
    assert (detail["SourceIdentifier"], detail["ReplicationGroupId"], detail["event_id"]) == (f"{group}-002", group, "m-9")
    assert (detail["severity"], detail["event_name"]) == ("critical", FAILOVER)
    assert detail["document"] == deployed.document(group)


@pytest.mark.parametrize(
    ("name", "relayed", "written"),
    [
        ("ElastiCache:CacheNodeReplaceComplete", True, True),
        ("ElastiCache:SnapshotFailed", True, False),
        ("ElastiCache:SnapshotComplete", False, False),
        ("ElastiCache:SomethingNew", False, False),
    ],
)
def test_the_table_decides_who_is_told(
    world: World, deployed: Deployed, group: str, name: str, relayed: bool, written: bool
) -> None:
    deployed.run(delivery(now_record(name, group)))
    assert [event["detail-type"] for event in deployed.relayed()] == ([name] if relayed else [])
    assert len(deployed.notes("NotActedOn")) == (0 if relayed else 1)
    path = deployed.world.settings.parameter_path
    found = world.client("ssm").get_parameters(Names=[f"{path}/{group}/endpoints"])["Parameters"]
    assert bool(found) == written


def test_a_change_that_nobody_told_of_is_relayed_under_a_name_of_its_own(world: World, deployed: Deployed, group: str) -> None:
    deployed.run(schedule())
    world.plane.primaries[group]["0001"] = f"{group}-002"
    deployed.run(delivery(record(alarm(node=f"{group}-001"))))
    told = deployed.relayed()
    assert [event["detail-type"] for event in told] == ["EndpointsChanged", "EndpointsChanged"]
    # Whoever is told of warnings is told of it, although what made the function look is a mere schedule.
    assert {(event["detail"]["severity"], "no event said so" in event["detail"]["says"]) for event in told} == {
        ("warning", True)
    }
    assert deployed.document(group)["reason"] == "primary-changed"


# --- what fails ---


def test_a_record_that_fails_keeps_no_other_from_its_turn_and_the_run_fails(
    world: World, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world.group()
    deployed = deploy(monkeypatch, world, group, other)
    real = deployed.world.cloud.group

    def broken(group_id: str) -> Any:
        if group_id == group:
            raise OSError("no route")
        return real(group_id)

    monkeypatch.setattr(deployed.world.cloud, "group", broken)
    payload = delivery(record("malformed {"), now_record(FAILOVER, group), now_record(FAILOVER, other, "m-2"))
    with pytest.raises(handler.RunError, match=rf"\A{group} at {FAILOVER}: OSError: no route\Z"):
        deployed.run(payload)
    assert deployed.document(other)["generation"] == 1
    assert [line["GroupId"] for line in deployed.notes("Failures")] == [group]
    # Lambda tries again: what was done is not done twice.
    monkeypatch.setattr(deployed.world.cloud, "group", real)
    deployed.run(payload)
    assert [deployed.document(name)["generation"] for name in (group, other)] == [1, 1]


def test_a_bus_that_takes_nothing_fails_the_run_after_the_application_was_told(
    deployed: Deployed, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]}
    real = deployed.world.cloud.events
    monkeypatch.setattr(deployed.world.cloud, "events", SimpleNamespace(put_events=lambda **_: answer))
    payload = delivery(now_record(FAILOVER, group))
    with pytest.raises(handler.RunError, match=r"RelayError: bus.* did not take ElastiCache:FailoverComplete: InternalFailure"):
        deployed.run(payload)
    assert deployed.document(group)["generation"] == 1
    monkeypatch.setattr(deployed.world.cloud, "events", real)
    deployed.run(payload)
    assert len(deployed.relayed()) == 1


def test_a_call_that_aws_refuses_fails_the_run(world: World, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed = deploy(monkeypatch, world, group)
    environment(monkeypatch, world, AWS_SECRET_ACCESS_KEY="not-the-key")
    deployed.world = dataclasses.replace(deployed.world, cloud=Cloud(deployed.world.settings))
    with pytest.raises(handler.RunError, match=rf"\A{group} at {FAILOVER}: ClientError: .*SignatureDoesNotMatch"):
        deployed.run(delivery(now_record(FAILOVER, group)))


@pytest.mark.parametrize(("times", "generation"), [(1, 3), (2, 4)])
def test_two_writers_never_leave_two_documents_of_one_generation(
    world: World, deployed: Deployed, group: str, monkeypatch: pytest.MonkeyPatch, times: int, generation: int
) -> None:
    deployed.run(schedule())
    name = deployed.world.cloud.document_name(group)
    before = deployed.document(group)
    real, left = deployed.world.cloud.store, [times]

    def store(parameter: str, value: str) -> int:
        if parameter == name and left[0]:
            left[0] -= 1
            theirs = {**before, "generation": before["generation"] + 1, "event_id": "theirs"}
            world.client("ssm").put_parameter(Name=name, Value=json.dumps(theirs), Overwrite=True)
        return real(parameter, value)

    monkeypatch.setattr(deployed.world.cloud, "store", store)
    deployed.run(delivery(now_record(FAILOVER, group)))
    found = deployed.document(group)
    assert (found["generation"], found["reason"]) == (generation, "overwrote")


def test_somebody_who_writes_all_the_time_is_an_error(
    world: World, deployed: Deployed, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = deployed.world.cloud.store, list[str]()

    def store(parameter: str, value: str) -> int:
        tries.append(parameter)
        world.client("ssm").put_parameter(Name=parameter, Value="theirs", Type="String", Overwrite=True)
        return real(parameter, value)

    monkeypatch.setattr(deployed.world.cloud, "store", store)
    with pytest.raises(handler.RunError, match=f"OverwrittenError: .*{group}/endpoints.*reserved concurrency of 1"):
        deployed.run(delivery(now_record(FAILOVER, group)))
    assert len([name for name in tries if name.endswith("/endpoints")]) == handler.MOST_WRITES


# --- as Lambda runs it ---


def test_the_entry_point_reads_its_environment_and_the_time_that_is_left(
    world: World, group: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed = deploy(monkeypatch, world, group)
    handler._made.cache_clear()
    asked: list[int] = []

    def left() -> int:
        asked.append(1)
        return 60_000

    handler.handle(delivery(now_record(FAILOVER, group)), SimpleNamespace(get_remaining_time_in_millis=left))
    handler._made.cache_clear()
    assert deployed.document(group)["generation"] == 1
    assert asked
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["document"]["generation"] for line in lines] == [1]


def test_a_wrong_environment_is_told_before_anything_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, world, REPLICATION_GROUPS="orders", PARAMETER_PATH="/p", EVENT_BUS="bus", EVENT_SOURCE="aws.mine")
    handler._made.cache_clear()
    with pytest.raises(ConfigurationError, match=r'\AEVENT_SOURCE: "aws.mine" is no source of events of your own'):
        handler.handle({}, None)


def test_the_retries_are_said_and_no_default(world: World, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a runtime with an older boto3 has them (docs.aws.amazon.com/boto3/latest/guide/retries.html).
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    settings = deploy(monkeypatch, world, group).world.settings
    # Loaded anew: botocore fills what is not said into the dictionary of the Config that it is given, for all later clients.
    name = f"{function.__name__}.loaded_anew"
    spec = importlib.util.spec_from_file_location(name, calls.__file__)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    cloud = module.Cloud(settings)
    for client in (cloud.elasticache, cloud.ssm, cloud.events):
        config = client.meta.config
        assert config.retries == {"mode": "standard", "total_max_attempts": 3}
        assert (config.connect_timeout, config.read_timeout) == (2, 5)


def test_the_folder_alone_is_what_lambda_needs(
    world: World, group: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Copied beside nothing of this repository, under another name; it loads nothing of ours and no Pulumi."""
    deployed = deploy(monkeypatch, world, group)
    target = tmp_path / "redis_ha_failover"
    target.mkdir()
    for path in Path(function.__file__).parent.glob("*.py"):
        target.joinpath(path.name).write_text(path.read_text())
    program = f"""
import sys, json, types
before = set(sys.modules)
sys.path.insert(0, {str(tmp_path)!r})
from redis_ha_failover import handler
left = types.SimpleNamespace(get_remaining_time_in_millis=lambda: 60000)
handler.handle(json.loads(sys.argv[1]), left)
# What boto3 itself needs comes with it in the runtimes of Lambda; certifi it takes where there is one.
brought = {{"boto3", "botocore", "jmespath", "dateutil", "six", "urllib3", "s3transfer", "certifi"}}
loaded = {{name.split(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)}}
print(json.dumps(sorted(loaded - set(sys.stdlib_module_names) - brought - before)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, json.dumps(schedule())],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr.splitlines()[-1]) == ["redis_ha_failover"]
    assert deployed.document(group)["generation"] == 1
