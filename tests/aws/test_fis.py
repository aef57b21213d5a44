"""Fault injection: which templates are taken, and whose power an experiment takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pulumi_emulator.aws.fis import parse_duration
from pulumi_emulator.errors import EmulatorError
from tests.support.aws_world import World, until

ACTION = "aws:elasticache:replicationgroup-interrupt-az-power"
ROLE = "arn:aws:iam::123456789012:role/experiments"


def template(world: World, tag: str, **changes: Any) -> str:
    """Make a template that takes a zone from the groups with a tag."""
    target = {
        "resourceType": "aws:elasticache:replicationgroup",
        "resourceTags": {"drill": tag},
        "selectionMode": "ALL",
        "parameters": {"availabilityZoneIdentifier": changes.pop("zone", "eu-central-1a")},
        **changes.pop("target", {}),
    }
    action = {
        "actionId": changes.pop("action", ACTION),
        "parameters": {"duration": changes.pop("duration", "PT10M")},
        "targets": {"ReplicationGroups": "groups"},
    }
    answer = world.client("fis").create_experiment_template(
        clientToken=world.name("token"),
        description="loss of a zone",
        roleArn=ROLE,
        stopConditions=[{"source": "none"}],
        targets={"groups": {name: value for name, value in target.items() if value is not None}},
        actions={"cut": action},
    )
    return str(answer["experimentTemplate"]["id"])


def start(world: World, template_id: str) -> str:
    answer = world.client("fis").start_experiment(clientToken=world.name("token"), experimentTemplateId=template_id)
    return str(answer["experiment"]["id"])


def state(world: World, experiment: str) -> dict[str, Any]:
    found: dict[str, Any] = world.client("fis").get_experiment(id=experiment)["experiment"]["state"]
    return found


def tagged(world: World, tag: str, **changes: Any) -> str:
    tags = [{"Key": "drill", "Value": tag}]
    return world.group(CacheSubnetGroupName=world.subnet_group(), Tags=tags, **changes)


@pytest.mark.parametrize("named_by", ["ZoneName", "ZoneId"])
def test_an_experiment_takes_the_power_of_the_target_s_nodes_until_it_is_stopped(world: World, named_by: str) -> None:
    zone = world.client("ec2").describe_availability_zones(ZoneNames=["eu-central-1a"])["AvailabilityZones"][0][named_by]
    tag = world.name("tag")
    group_id = tagged(world, tag)
    bystander = tagged(world, "other")
    experiment = start(world, template(world, tag, zone=zone))
    assert until(lambda: state(world, experiment)["status"], lambda found: found == "running") == "running"
    assert world.plane.cut[-1] == ("eu-central-1a", [group_id])
    assert bystander not in world.plane.cut[-1][1]
    assert world.describe(group_id)["Status"] == "modifying"
    world.client("fis").stop_experiment(id=experiment)
    assert until(lambda: state(world, experiment)["status"], lambda found: found == "stopped") == "stopped"
    assert world.available(group_id)["Status"] == "available"


def test_a_target_that_means_nothing_fails(world: World) -> None:
    experiment = start(world, template(world, "nobody"))
    found = until(lambda: state(world, experiment), lambda seen: seen["status"] == "failed")
    assert found == {"status": "failed", "reason": "Target resolution returned empty set"}


def test_a_group_without_multi_az_fails(world: World) -> None:
    tag = world.name("tag")
    tagged(world, tag, MultiAZEnabled=False)
    experiment = start(world, template(world, tag))
    assert until(lambda: state(world, experiment)["status"], lambda found: found == "failed") == "failed"


def test_an_experiment_that_the_nodes_cannot_follow_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = world.name("tag")
    tagged(world, tag)

    def fail(zone: str, groups: object) -> None:
        raise EmulatorError(f"nothing can be done about {groups} in {zone}")

    monkeypatch.setattr(world.plane, "zone_down", fail)
    experiment = start(world, template(world, tag))
    found = until(lambda: state(world, experiment), lambda seen: seen["status"] == "failed")
    assert "nothing can be done about" in found["reason"]


def test_another_action_is_not_run(world: World) -> None:
    experiment = start(world, template(world, "x", action="aws:ec2:stop-instances"))
    found = until(lambda: state(world, experiment), lambda seen: seen["status"] == "failed")
    assert "the emulator runs experiments of one action" in found["reason"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"duration": "PT30S"}, "PT1M to PT12H"),
        ({"duration": "PT13H"}, "PT1M to PT12H"),
        ({"duration": "ten minutes"}, "PT1M to PT12H"),
        ({"target": {"resourceType": "aws:rds:db"}}, "resource type"),
        ({"target": {"parameters": {}}}, "availabilityZoneIdentifier"),
        ({"target": {"resourceTags": None}}, "resourceTags or resourceArns"),
    ],
)
def test_a_template_that_could_not_run_is_refused(world: World, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ClientError, match=text) as refused:
        template(world, "x", **changes)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_durations() -> None:
    assert parse_duration("PT1H30M") == timedelta(minutes=90)
    assert parse_duration("PT") is None
