"""AlbBlueGreen made in an emulated AWS: nothing differs afterwards, and shifts by a tool stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pulumi_emulator import aws
from redis_ha.traffic.alb import AlbBlueGreen
from tests.support.aws_provider import EmulatedAccount
from tests.support.emulated_program import EmulatedProgram
from tests.support.emulated_zone import REFERENCES

REGION = "eu-central-1"
LISTENER: dict[str, Any] = {"form": "listener", "weights": {"blue": 90, "green": 10}}


@pytest.fixture(scope="module")
def elb(endpoint: aws.Endpoint) -> Iterator[Any]:
    client = aws.client(endpoint, "elbv2", REGION)
    yield client
    client.close()


@pytest.fixture(scope="module")
def place(endpoint: aws.Endpoint) -> dict[str, Any]:
    """A VPC with two subnets."""
    ec2 = aws.client(endpoint, "ec2", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"]
        for index, zone in enumerate("ab")
    ]
    ec2.close()
    return {"region": REGION, "vpc_id": vpc, "subnet_ids": subnets}


class Stack:
    """A stack of one AlbBlueGreen, whose name nobody else has."""

    def __init__(self, account: EmulatedAccount, place: dict[str, Any]) -> None:
        self.program = EmulatedProgram(account)
        self.place = place
        self.name = f"web{next(REFERENCES)}"
        self.listener = f"{self.name}-both-listener"

    def up(self, **changes: Any) -> dict[str, list[str]]:
        """Run the program; return what differed of what was there."""
        targets = {"blue": {"ip_addresses": ["10.0.0.10", "10.0.1.10"]}, "green": {"ip_addresses": ["10.0.0.20"]}}
        args = {"targets": targets, "client_cidrs": ["10.0.0.0/16"], "alarms": {"enabled": False}, **self.place, **changes}
        steps = self.program.up(lambda: AlbBlueGreen(self.name, args))  # type: ignore[arg-type]
        return {name: changed for name, changed in steps.items() if changed}

    def id(self, child: str) -> str:
        """Return a child's id."""
        return self.program.resources[f"{self.name}-{child}"].id


@pytest.fixture
def stack(account: EmulatedAccount, place: dict[str, Any]) -> Stack:
    """A new stack."""
    return Stack(account, place)


def shift(elb: Any, stack: Stack, blue: int, green: int) -> None:
    """Shift as a tool does: both weights in one call."""
    listener = stack.id("both-listener")
    (found,) = elb.describe_listeners(ListenerArns=[listener])["Listeners"]
    (action,) = found["DefaultActions"]
    weights = {"blue": blue, "green": green}
    for group in action["ForwardConfig"]["TargetGroups"]:
        group["Weight"] = next(weight for colour, weight in weights.items() if f"-{colour}-" in group["TargetGroupArn"])
    elb.modify_listener(ListenerArn=listener, DefaultActions=[action])


def live(elb: Any, stack: Stack) -> dict[str, int]:
    (found,) = elb.describe_listeners(ListenerArns=[stack.id("both-listener")])["Listeners"]
    groups = found["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
    return {
        colour: group["Weight"] for group in groups for colour in ("blue", "green") if f"-{colour}-" in group["TargetGroupArn"]
    }


@pytest.mark.parametrize(
    "form", [{"alarms": {}}, LISTENER, LISTENER | {"stickiness": {"enabled": True, "duration_seconds": 60}}]
)
def test_nothing_differs_after_it_was_made(stack: Stack, form: dict[str, Any]) -> None:
    assert stack.up(**form) == {}
    assert (stack.up(**form)) == {}
    assert stack.program.refresh() == {}
    assert (stack.up(**form)) == {}


def test_what_amazon_has_then(stack: Stack, elb: Any) -> None:
    stack.up()
    for colour, count in (("blue", 2), ("green", 1)):
        group = stack.id(f"{colour}-targets")
        targets = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        assert len(targets) == count
        (balancer,) = elb.describe_load_balancers(LoadBalancerArns=[stack.id(colour)])["LoadBalancers"]
        assert (balancer["Scheme"], balancer["Type"]) == ("internal", "application")
        (listener,) = elb.describe_listeners(LoadBalancerArn=stack.id(colour))["Listeners"]
        assert listener["DefaultActions"][0]["TargetGroupArn"] == group
        attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=stack.id(colour))["Attributes"]
        said = {entry["Key"]: entry["Value"] for entry in attributes}
        assert said["deletion_protection.enabled"] == "true"
        assert said["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_the_stack_shifts_by_up(stack: Stack, elb: Any) -> None:
    stack.up(**LISTENER)
    assert live(elb, stack) == {"blue": 90, "green": 10}
    changed = stack.up(**LISTENER | {"weights": {"blue": 0, "green": 100}})
    assert changed == {stack.listener: ["defaultActions"]}
    assert live(elb, stack) == {"blue": 0, "green": 100}
    # A group without weight stays in the action, and keeps its health checks.
    assert (stack.up(**LISTENER | {"weights": {"blue": 0, "green": 100}})) == {}


def test_up_never_reverts_what_a_tool_shifted(stack: Stack, elb: Any) -> None:
    runtime = {**LISTENER, "weight_authority": "runtime"}
    stack.up(**runtime)
    shift(elb, stack, 25, 75)
    record = {"runtime_weights": {"blue": 25, "green": 75}}
    # Also another change of the same listener brings the tool's weights along, whether the state was refreshed or not.
    stack.up(**runtime, **record, stickiness={"enabled": True})
    assert live(elb, stack) == {"blue": 25, "green": 75}
    stack.program.refresh()
    assert (stack.up(**runtime, **record, stickiness={"enabled": True})) == {}
    # Handing the authority over moves nothing either.
    assert (stack.up(**LISTENER | {"weights": record["runtime_weights"]}, **record, stickiness={"enabled": True})) == {}
    assert live(elb, stack) == {"blue": 25, "green": 75}


def test_where_nobody_could_look_the_recorded_weights_stay(stack: Stack, elb: Any) -> None:
    runtime = {**LISTENER, "weight_authority": "runtime"}
    stack.up(**runtime)
    shift(elb, stack, 25, 75)
    assert stack.listener in stack.program.refresh()
    assert (stack.up(**runtime, runtime_unknown=True)) == {}
    assert live(elb, stack) == {"blue": 25, "green": 75}
    shift(elb, stack, 10, 90)
    assert stack.up(**runtime, runtime_unknown=True, port=8080)[stack.listener] == ["port"]
    assert live(elb, stack) == {"blue": 10, "green": 90}


def test_another_port_means_other_target_groups_of_other_names(stack: Stack) -> None:
    stack.up()
    with pytest.raises(AssertionError, match=r"-targets would be replaced for \['name', 'port'\]"):
        stack.up(target_port=8080)


@pytest.mark.parametrize("form", [{}, LISTENER])
def test_what_exists_is_taken_over_without_a_change(stack: Stack, account: EmulatedAccount, form: dict[str, Any]) -> None:
    theirs = {"health_check": {"path": "/up"}, "tags": {"made": "by hand"}, "protect": False}
    stack.up(**form, **theirs)
    keys = ("both",) if form else ("blue", "green")
    adopt = {
        "load_balancers": {key: stack.id(key) for key in keys},
        "listeners": {key: stack.id(f"{key}-listener") for key in keys},
        "target_groups": {colour: stack.id(f"{colour}-targets") for colour in ("blue", "green")},
    }
    group = stack.id("security-group")
    before = {name: resource.id for name, resource in stack.program.resources.items()}
    ours = Stack(account, stack.place)
    ours.name = stack.name
    arguments = {**form, "adopt": adopt, "security_group_ids": [group], "client_cidrs": None}
    assert ours.up(**arguments) == {}
    after = {name: resource.id for name, resource in ours.program.resources.items()}
    assert {name: before[name] for name in after} == after
    assert ours.up(**arguments) == {}
    # Brought into line in the update after.
    changed = ours.up(**arguments | {"adopt": {**adopt, "keep_as_found": False}})
    assert {"healthCheck", "tags"} <= set(changed[f"{stack.name}-blue-targets"])
    assert ours.up(**arguments | {"adopt": {**adopt, "keep_as_found": False}}) == {}
