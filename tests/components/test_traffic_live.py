"""LiveColourRecord as a Pulumi program sees it, without an engine."""

import json
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from redis_ha.guard import RefusedChangeError
from redis_ha.traffic import LiveColourRecord
from redis_ha.traffic.refusals import RefusedCreationError
from tests.support.pulumi_world import Monitor, run

OUTPUTS = ("record_name", "live", "tls_host_names", "record_path", "traffic", "shift_policy")
TARGETS = {"blue": "blue.example.net", "green": "green.example.net"}
GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "zone_id": "Z0123456789ABC",
    "zone_name": "example.com",
    "name": "Writer.example.com",
    "targets": TARGETS,
    "live": "blue",
}
RECORD = "redis-writer.example.com-cname"


def made(*, known: bool = True, **changes: Any) -> tuple[Monitor, dict[str, tuple[Any, bool, bool]]]:
    def program() -> dict[str, Any]:
        args = {key: value() if callable(value) else value for key, value in (GOOD | changes).items()}
        component = LiveColourRecord("redis", args)  # type: ignore[arg-type]
        return {name: getattr(component, name) for name in OUTPUTS}

    return run(program, known=known)


def inputs(monitor: Monitor) -> dict[str, Any]:
    found: dict[str, Any] = rpc.deserialize_properties(monitor.requests[RECORD].object, keep_unknowns=True)
    return found


def test_one_plain_cname_for_the_live_colour() -> None:
    monitor, found = made()
    assert monitor.names("Record") == [RECORD]
    assert inputs(monitor) == {
        "zoneId": "Z0123456789ABC", "name": "writer.example.com", "type": "CNAME", "ttl": 5, "records": ["blue.example.net"],
    }  # fmt: skip
    request = monitor.requests[RECORD]
    assert request.protect
    assert request.deleteBeforeReplace
    assert (found["record_name"][0], found["live"][0]) == ("writer.example.com", "blue")
    assert found["tls_host_names"][0] == TARGETS


def test_the_other_colour() -> None:
    monitor, found = made(live="green", ttl_seconds=1, protect=False)
    assert (inputs(monitor)["records"], inputs(monitor)["ttl"]) == (["green.example.net"], 1)
    assert found["live"][0] == "green"
    assert not monitor.requests[RECORD].protect


def test_the_runtime_record_is_in_force() -> None:
    monitor, found = made(live_authority="runtime", runtime_live="green")
    assert inputs(monitor)["records"] == ["green.example.net"]
    assert found["live"][0] == "green"


def test_a_colour_that_could_not_be_looked_up_stays(caplog: pytest.LogCaptureFixture) -> None:
    monitor, _ = made(live_authority="runtime", runtime_unknown=True)
    assert list(monitor.requests[RECORD].ignoreChanges) == ["records"]
    assert "/redis-ha/redis/live could not be looked up" in caplog.text
    assert list(made()[0].requests[RECORD].ignoreChanges) == []


def test_adopting() -> None:
    assert made(adopt=True)[0].requests[RECORD].importId == "Z0123456789ABC_writer.example.com_CNAME"


def judge(monitor: Monitor, old: dict[str, Any], new: dict[str, Any], hook: str = "redis-record-changes") -> None:
    arguments = pulumi.ResourceHookArgs(
        urn="urn", id="id", name=RECORD, type="aws:route53/record:Record", old_inputs=old, new_inputs=new, old_outputs={},
        new_outputs={},
    )  # fmt: skip
    monitor.hooks.by_name[hook].callback(arguments)


LIVING: dict[str, Any] = {"name": "writer.example.com", "type": "CNAME", "ttl": 5, "records": ["blue.example.net"]}
SWITCHED = {**LIVING, "records": ["green.example.net"]}


def test_handing_the_say_to_the_runtime_switches_nothing() -> None:
    monitor, _ = made(live_authority="runtime")
    with pytest.raises(RefusedChangeError, match=r"live: blue\.example\.net -> green\.example\.net: live_authority is runtime"):
        judge(monitor, LIVING, SWITCHED)
    judge(monitor, LIVING, {**LIVING, "ttl": 10, "records": ["BLUE.example.net."]})
    judge(made(live_authority="runtime", runtime_live="green")[0], LIVING, SWITCHED)
    judge(made()[0], LIVING, SWITCHED)


def test_up_switches_only_when_it_is_known_that_no_tool_did() -> None:
    with pytest.raises(RefusedChangeError, match="could not be looked up"):
        judge(made(runtime_unknown=True)[0], LIVING, SWITCHED)
    judge(made(runtime_unknown=True, known=False)[0], LIVING, SWITCHED)
    unknown: dict[str, Any] = {"live_authority": "runtime", "runtime_unknown": True}
    with pytest.raises(RefusedChangeError, match="live stays as the state has it, and an update would write that over"):
        judge(made(**unknown)[0], LIVING, {**LIVING, "ttl": 10})
    judge(made(**unknown, known=False)[0], LIVING, {**LIVING, "ttl": 10})


def test_a_name_that_is_there_already_is_not_made_again() -> None:
    monitor, _ = made(known_records=[{"name": "writer.example.com", "type": "CNAME"}])
    with pytest.raises(RefusedCreationError, match=r"the zone has a record writer\.example\.com CNAME that this stack"):
        judge(monitor, {}, LIVING, "redis-record-creation")


def test_who_switches_may_do_that_and_nothing_else() -> None:
    policy = json.loads(made()[1]["shift_policy"][0])
    condition = policy["Statement"][0]["Condition"]["ForAllValues:StringEquals"]
    assert list(condition.values()) == [["writer.example.com"], ["CNAME"], ["UPSERT"]]
    path = "arn:aws:ssm:eu-central-1:123456789012:parameter/redis-ha/redis"
    assert policy["Statement"][-1]["Resource"] == [path, f"{path}/*"]


def test_what_a_tool_has_to_know() -> None:
    assert made()[1]["traffic"][0] == {
        "version": 1, "kind": "live", "zone_id": "Z0123456789ABC", "zone_name": "example.com",
        "records": [{"name": "writer.example.com", "type": "CNAME"}], "ttl_seconds": 5, "targets": TARGETS, "live": "blue",
        "authority": "stack", "region": "eu-central-1", "record_path": "/redis-ha/redis",
    }  # fmt: skip


def test_targets_of_other_resources() -> None:
    def targets() -> dict[str, Any]:
        return {colour: pulumi.Output.from_input(host) for colour, host in TARGETS.items()}

    monitor, found = made(targets=targets, live="green")
    assert inputs(monitor)["records"] == ["green.example.net"]
    assert found["live"][0] == "green"


def test_equal_targets_are_found_as_soon_as_they_are_known() -> None:
    def targets() -> dict[str, Any]:
        return {colour: pulumi.Output.from_input("one.example.net") for colour in TARGETS}

    with pytest.raises(pulumi.InputPropertyError, match="moves"):
        made(targets=targets)


def test_a_preview_with_nothing_known() -> None:
    def unknown() -> Any:
        return pulumi.Output.from_input(pulumi.output.UNKNOWN)

    monitor, found = made(known=False, zone_id=unknown, targets=lambda: {colour: unknown() for colour in TARGETS})
    assert isinstance(inputs(monitor)["records"][0], pulumi.output.Unknown)
    assert not found["live"][1]
    assert found["record_name"][0] == "writer.example.com"
