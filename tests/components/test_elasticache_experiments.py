"""The experiment that takes a zone: which zones, what it does, who it works as."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from redis_ha.amazon import Place
from redis_ha.elasticache.experiments import check_experiments, experiment, make_experiments, role_document, trust_document
from redis_ha.elasticache.monitored import GROUP_TAG
from redis_ha.elasticache.topology import Topology
from tests.support.cloudformation import lint
from tests.support.pulumi_world import Monitor, inputs, run

TOPOLOGY = Topology("prod", "disabled", 1, 1)
ZONES = ("eu-central-1a", "eu-central-1b")
GROUP = "arn:aws:elasticache:eu-central-1:123456789012:group"  # as the mocks answer
ALARM = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop-errors"


@pytest.mark.parametrize(
    ("settings", "where", "says"),
    [
        ({}, "experiment.stop_alarm_arns", "is missing"),
        ({"stop_alarm_arns": ALARM}, "experiment.stop_alarm_arns", "is no list"),
        ({"stop_alarm_arns": [ALARM] * 6}, "experiment.stop_alarm_arns", "5 at most"),
        ({"stop_alarm_arns": [], "zones": ["eu-central-1c"]}, "experiment.zones", "it has eu-central-1a, eu-central-1b"),
        ({"stop_alarm_arns": [], "zones": "eu-central-1a"}, "experiment.zones", "is no list"),
        ({"stop_alarm_arns": [], "duration_minutes": 0}, "experiment.duration_minutes", "use 1 to 720"),
        ({"stop_alarm_arns": [], "duration_minutes": 721}, "experiment.duration_minutes", "use 1 to 720"),
        ({"stop_alarm_arns": [], "duration": 5}, "experiment.duration", "did you mean duration_minutes?"),
    ],
)
def test_wrong_settings_are_refused(settings: Any, where: str, says: str) -> None:
    problems = check_experiments(settings, TOPOLOGY, ZONES)
    assert [argument for argument, _ in problems] == [where]
    assert says in problems[0][1]


def test_a_group_without_a_replica_is_not_experimented_on() -> None:
    ((argument, reason),) = check_experiments({"stop_alarm_arns": []}, Topology("prod", "disabled", 1, 0), ZONES)
    assert (argument, "not Multi-AZ" in reason) == ("experiment.zones", True)


def test_right_settings() -> None:
    assert check_experiments(None, TOPOLOGY, ZONES) == []
    assert check_experiments({"stop_alarm_arns": [ALARM], "zones": ["eu-central-1b"]}, TOPOLOGY, ZONES) == []


def test_the_role_is_for_this_group_and_this_account() -> None:
    (trust,) = trust_document(GROUP)["Statement"]
    assert trust["Principal"] == {"Service": "fis.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": "arn:aws:fis:eu-central-1:123456789012:experiment/*"}
    dangerous = [one for one in role_document(GROUP)["Statement"] if "elasticache:InterruptClusterAzPower" in one["Action"]]
    assert [one["Resource"] for one in dangerous] == [GROUP]


def test_amazon_takes_it() -> None:
    """CloudFormation's form: targets and actions by name."""
    found = experiment("prod", "eu-central-1a", 10)
    (target,), (action,) = found["targets"], found["actions"]
    template = {
        "Type": "AWS::FIS::ExperimentTemplate",
        "Properties": {
            "Description": found["description"],
            "RoleArn": "arn:aws:iam::123456789012:role/prod-eu-central-1-fis",
            "StopConditions": [{"Source": "aws:cloudwatch:alarm", "Value": ALARM}],
            "Tags": {"Name": "prod"},
            "Targets": {
                target["name"]: {
                    "ResourceType": target["resource_type"],
                    "SelectionMode": target["selection_mode"],
                    "ResourceTags": {tag["key"]: tag["value"] for tag in target["resource_tags"]},
                    "Parameters": target["parameters"],
                }
            },
            "Actions": {
                action["name"]: {
                    "ActionId": action["action_id"],
                    "Parameters": {one["key"]: one["value"] for one in action["parameters"]},
                    "Targets": {action["target"]["key"]: action["target"]["value"]},
                }
            },
            "ExperimentOptions": {"AccountTargeting": "single-account", "EmptyTargetResolutionMode": "fail"},
        },
    }
    role = {"AssumeRolePolicyDocument": trust_document(GROUP)}
    policy = {"PolicyDocument": role_document(GROUP), "PolicyName": "interrupt-power", "RoleName": "fis"}
    resources = {
        "Template": template,
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        "Policy": {"Type": "AWS::IAM::RolePolicy", "Properties": policy},
    }
    assert lint(resources) == []


def made(settings: Any) -> tuple[Monitor, Any]:
    def program() -> dict[str, Any]:
        place = Place("cache", "eu-central-1", {GROUP_TAG: "prod"}, pulumi.ResourceOptions)
        group = aws.elasticache.ReplicationGroup(
            "group", replication_group_id="prod", description="of the test", region="eu-central-1"
        )
        found = make_experiments(place, TOPOLOGY, ZONES, settings, group)
        return {"zones": sorted(found.templates), "role": found.role is not None}

    return run(program)


def test_a_template_for_each_zone_and_a_role() -> None:
    monitor, found = made({"stop_alarm_arns": [ALARM], "duration_minutes": 5.0})
    assert found == {"zones": list(ZONES), "role": True}
    template = inputs(monitor, "cache-experiment-eu-central-1b")
    (target,), (action,) = template["targets"], template["actions"]
    assert target["resourceTags"] == [{"key": GROUP_TAG, "value": "prod"}]
    assert (target["resourceType"], target["parameters"]) == (
        "aws:elasticache:replicationgroup",
        {"availabilityZoneIdentifier": "eu-central-1b"},
    )
    assert "resourceArns" not in target  # the type takes none
    assert action["actionId"] == "aws:elasticache:replicationgroup-interrupt-az-power"
    assert action["parameters"] == [{"key": "duration", "value": "PT5M"}]
    assert action["target"] == {"key": "ReplicationGroups", "value": "group"}
    assert template["stopConditions"] == [{"source": "aws:cloudwatch:alarm", "value": ALARM}]
    assert template["tags"] == {"Name": "prod-lose-eu-central-1b", GROUP_TAG: "prod"}
    role = inputs(monitor, "cache-experiment-role")
    assert len(role["name"]) <= 64
    assert json.loads(role["assumeRolePolicy"]) == trust_document(GROUP)
    assert json.loads(inputs(monitor, "cache-experiment-role-policy")["policy"]) == role_document(GROUP)
    assert any("::group" in urn for urn in monitor.requests["cache-experiment-eu-central-1a"].dependencies)


def test_one_zone_a_brought_role_and_nothing_that_ends_it() -> None:
    settings = {"stop_alarm_arns": [], "zones": ["eu-central-1a"], "role_arn": "arn:aws:iam::123456789012:role/chaos"}
    monitor, found = made(settings)
    assert found == {"zones": ["eu-central-1a"], "role": False}
    template = inputs(monitor, "cache-experiment-eu-central-1a")
    assert (template["roleArn"], template["stopConditions"]) == (settings["role_arn"], [{"source": "none"}])
    assert monitor.names("Role") == []
