"""AlbBlueGreen: what both forms make, who owns the weights, and what comes out."""

import json
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from redis_ha.guard import RefusedChangeError
from redis_ha.traffic.alb import AlbBlueGreen
from redis_ha.traffic.alb_checks import PLAIN_HTTP
from tests.support.cloudformation import lint
from tests.support.pulumi_world import Monitor, run

GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "targets": {"blue": {"instance_ids": ["i-1", "i-2"]}, "green": {"instance_ids": ["i-3"]}},
}
LISTENER: dict[str, Any] = {"form": "listener", "weights": {"blue": 90, "green": 10}}
OUTPUTS = (
    "dns_names",
    "zone_ids",
    "load_balancer_arns",
    "target_group_arns",
    "listener_arn",
    "security_group_id",
    "alarm_names",
    "weights",
    "record_path",
    "traffic",
    "shift_policy",
)
Made = tuple[Monitor, dict[str, tuple[Any, bool, bool]]]


def made(*, known: bool = True, **changes: Any) -> Made:
    def program() -> dict[str, Any]:
        args = {key: value() if callable(value) else value for key, value in (GOOD | changes).items() if value is not ...}
        alb = AlbBlueGreen("shop", args)  # type: ignore[arg-type]
        return {name: getattr(alb, name) for name in OUTPUTS}

    return run(program, known=known)


@pytest.fixture(scope="module")
def default() -> Made:
    """Made of what has to be given, once for all tests: they only look."""
    return made()


def inputs(monitor: Monitor, kind: str, name: str) -> dict[str, Any]:
    """Inputs of a child; children of different types may share a name, so the type is asked for too."""
    request = monitor.requests[name]
    assert request.type.endswith(f":{kind}"), request.type
    found: dict[str, Any] = rpc.deserialize_properties(request.object, keep_unknowns=True)
    return found


def forward(monitor: Monitor) -> dict[str, Any]:
    (action,) = inputs(monitor, "Listener", "shop-both-listener")["defaultActions"]
    assert action["type"] == "forward"
    assert "targetGroupArn" not in action
    found: dict[str, Any] = action["forward"]
    return found


def weights_of(monitor: Monitor) -> list[int]:
    return [int(group["weight"]) for group in forward(monitor)["targetGroups"]]


def test_the_form_for_records_has_a_balancer_each_colour(default: Made) -> None:
    monitor, found = default
    assert sorted(monitor.names("LoadBalancer")) == ["shop-blue", "shop-green"]
    assert sorted(monitor.names("Listener")) == ["shop-blue-listener", "shop-green-listener"]
    for colour in ("blue", "green"):
        balancer = inputs(monitor, "LoadBalancer", f"shop-{colour}")
        assert (balancer["name"], balancer["internal"], balancer["loadBalancerType"]) == (f"shop-{colour}", True, "application")
        assert (balancer["subnets"], balancer["enableDeletionProtection"]) == (["subnet-1", "subnet-2"], True)
        assert balancer["dropInvalidHeaderFields"] is True
        assert balancer["securityGroups"] == ["shop-security-group-id"]
        (action,) = inputs(monitor, "Listener", f"shop-{colour}-listener")["defaultActions"]
        assert action == {"type": "forward", "targetGroupArn": found["target_group_arns"][0][colour]}
    assert found["dns_names"][0] == {
        "blue": "internal-shop-blue-1234567890.eu-central-1.elb.amazonaws.com",
        "green": "internal-shop-green-1234567890.eu-central-1.elb.amazonaws.com",
    }
    assert found["zone_ids"][0] == {"blue": "Z215JYRZR1TBD5", "green": "Z215JYRZR1TBD5"}
    nothing = {"listener_arn": "", "weights": {}, "record_path": "", "traffic": {}, "shift_policy": ""}
    assert {name: found[name][0] for name in nothing} == nothing


def test_the_form_with_a_listener_forwards_by_weight() -> None:
    monitor, found = made(**LISTENER)
    assert sorted(monitor.names("LoadBalancer")) == ["shop-both"]
    assert inputs(monitor, "LoadBalancer", "shop-both")["name"] == "shop"
    arns = found["target_group_arns"][0]
    assert forward(monitor) == {
        "targetGroups": [{"arn": arns["blue"], "weight": 90}, {"arn": arns["green"], "weight": 10}],
        "stickiness": {"enabled": False, "duration": 3600},
    }
    assert found["dns_names"][0] == {"both": "internal-shop-1234567890.eu-central-1.elb.amazonaws.com"}
    assert found["listener_arn"][0] == (
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2"
    )
    assert (found["weights"][0], found["record_path"][0]) == ({"blue": 90, "green": 10}, "/redis-ha/shop")


def test_a_colour_with_weight_0_stays_in_the_action() -> None:
    monitor, _ = made(**LISTENER | {"weights": {"blue": 100, "green": 0}})
    assert weights_of(monitor) == [100, 0]
    assert weights_of(made(**LISTENER | {"weights": {"blue": 0, "green": 0}, "allow_both_zero": True})[0]) == [0, 0]


def test_stickiness_as_told() -> None:
    monitor, _ = made(**LISTENER, stickiness={"enabled": True, "duration_seconds": 60})
    assert forward(monitor)["stickiness"] == {"enabled": True, "duration": 60}
    monitor, _ = made(**LISTENER, stickiness={"enabled": False})
    assert forward(monitor)["stickiness"] == {"enabled": False, "duration": 3600}


def test_with_authority_runtime_the_plan_of_record_is_in_force() -> None:
    runtime = {**LISTENER, "weight_authority": "runtime"}
    monitor, found = made(**runtime, runtime_weights={"blue": 25, "green": 75})
    assert weights_of(monitor) == [25, 75]
    assert found["weights"][0] == {"blue": 25, "green": 75}
    assert list(monitor.requests["shop-both-listener"].ignoreChanges) == []
    assert weights_of(made(**runtime)[0]) == [90, 10]  # nobody has shifted yet


def test_handing_the_authority_over_moves_nothing() -> None:
    live = {"blue": 25, "green": 75}
    assert weights_of(made(**LISTENER | {"weights": live}, runtime_weights=live)[0]) == [25, 75]
    with pytest.raises(pulumi.InputPropertiesError, match="/redis-ha/shop/weights says blue 25, green 75"):
        made(**LISTENER, runtime_weights=live)


def test_where_nobody_could_look_the_recorded_action_stays() -> None:
    monitor, _ = made(**LISTENER, weight_authority="runtime", runtime_unknown=True)
    assert list(monitor.requests["shop-both-listener"].ignoreChanges) == ["defaultActions"]
    monitor, _ = made(**LISTENER, runtime_unknown=True)
    assert list(monitor.requests["shop-both-listener"].ignoreChanges) == []


def test_the_preview_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: said.append(text))
    made(**LISTENER, protocol="HTTP", weight_authority="runtime", runtime_unknown=True)
    assert said == ["/redis-ha/shop/weights could not be looked up: weights stay as the state has them"]


def test_targets_are_attached_one_by_one(default: Made) -> None:
    monitor, found = default
    assert sorted(monitor.names("TargetGroupAttachment")) == ["shop-blue-i-1", "shop-blue-i-2", "shop-green-i-3"]
    attachment = inputs(monitor, "TargetGroupAttachment", "shop-green-i-3")
    assert attachment == {
        "region": "eu-central-1",
        "targetGroupArn": found["target_group_arns"][0]["green"],
        "targetId": "i-3",
    }
    group = inputs(monitor, "TargetGroup", "shop-blue-targets")
    assert (group["targetType"], group["protocol"], group["port"], group["vpcId"]) == ("instance", "HTTP", 80, "vpc-1")
    assert group["healthCheck"] == {
        "enabled": True,
        "path": "/",
        "port": "traffic-port",
        "protocol": "HTTP",
        "matcher": "200",
        "interval": 10,
        "timeout": 5,
        "healthyThreshold": 2,
        "unhealthyThreshold": 2,
    }


def test_the_next_target_group_is_made_before_the_old_one_is_deleted(default: Made) -> None:
    """The provider would delete first, for the name is given, and AWS deletes no group that a listener uses."""
    for colour in ("blue", "green"):
        request = default[0].requests[f"shop-{colour}-targets"]
        assert (request.deleteBeforeReplaceDefined, request.deleteBeforeReplace) == (True, False)


def test_the_other_kinds_of_targets() -> None:
    monitor, _ = made(targets={"blue": {"autoscaling_group_name": "shop-blue"}, "green": {"ip_addresses": ["10.0.0.4"]}})
    attachment = inputs(monitor, "Attachment", "shop-blue-group")
    assert attachment["autoscalingGroupName"] == "shop-blue"
    assert inputs(monitor, "TargetGroupAttachment", "shop-green-10.0.0.4")["targetId"] == "10.0.0.4"
    kinds = [inputs(monitor, "TargetGroup", f"shop-{colour}-targets")["targetType"] for colour in ("blue", "green")]
    assert kinds == ["instance", "ip"]
    monitor, found = made(targets={"blue": {"ecs": True}, "green": {"ecs": True, "type": "instance"}})
    assert (monitor.names("TargetGroupAttachment"), monitor.names("Attachment")) == ([], [])
    kinds = [inputs(monitor, "TargetGroup", f"shop-{colour}-targets")["targetType"] for colour in ("blue", "green")]
    assert kinds == ["ip", "instance"]
    assert set(found["target_group_arns"][0]) == {"blue", "green"}


def test_whatever_replaces_a_target_group_is_in_its_name() -> None:
    def name(**changes: Any) -> str:
        return str(inputs(made(**changes)[0], "TargetGroup", "shop-blue-targets")["name"])

    names = [name(), name(target_port=8080), name(target_protocol="HTTPS", target_port=80)]
    names.append(name(targets={"blue": {"ip_addresses": ["10.0.0.4"]}, "green": {"ecs": True}}))
    assert len(set(names)) == 4
    assert name(health_check={"path": "/health"}) == names[0]
    longest = made(alb_name="s" * 21)[0]
    assert len(str(inputs(longest, "TargetGroup", "shop-green-targets")["name"])) == 32


def test_https(default: Made) -> None:
    arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    listener = inputs(made(certificate_arn=arn)[0], "Listener", "shop-blue-listener")
    assert (listener["protocol"], listener["port"], listener["certificateArn"]) == ("HTTPS", 443, arn)
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    plain = inputs(default[0], "Listener", "shop-blue-listener")
    assert (plain["protocol"], plain["port"], "sslPolicy" in plain) == ("HTTP", 80, False)


def test_plain_http_is_told_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: said.append(text))
    made(protocol="HTTP")
    made(certificate_arn="arn:aws:acm:eu-central-1:123456789012:certificate/1")
    assert said == []
    for form in ({}, LISTENER):
        made(**form)
        assert said == [PLAIN_HTTP]
        said.clear()


def test_only_the_named_clients_are_let_in() -> None:
    monitor, found = made(
        client_cidrs=["10.50.0.0/20", "fd00::/20"],
        client_security_group_ids=["sg-9"],
        client_prefix_list_ids=["pl-9"],
        target_port=8080,
        health_check={"port": 9000},
        target_security_group_ids=["sg-targets"],
    )
    rules = {name: inputs(monitor, "SecurityGroupIngressRule", name) for name in monitor.names("SecurityGroupIngressRule")}
    sources = {(rule["fromPort"], rule["toPort"], rule["ipProtocol"]): rule for rule in rules.values()}
    assert set(sources) == {(80, 80, "tcp")}
    assert {
        rule.get("cidrIpv4") or rule.get("cidrIpv6") or rule.get("referencedSecurityGroupId") or rule.get("prefixListId")
        for rule in rules.values()
    } == {"10.50.0.0/20", "fd00::/20", "sg-9", "pl-9"}
    out = [inputs(monitor, "SecurityGroupEgressRule", name) for name in sorted(monitor.names("SecurityGroupEgressRule"))]
    assert [(rule["fromPort"], rule["referencedSecurityGroupId"]) for rule in out] == [
        (8080, "sg-targets"),
        (9000, "sg-targets"),
    ]
    assert found["security_group_id"][0] == "shop-security-group-id"


def test_nobody_is_let_in_unless_named(default: Made) -> None:
    monitor, _ = default
    assert monitor.names("SecurityGroupIngressRule") == []
    (out,) = monitor.names("SecurityGroupEgressRule")
    assert inputs(monitor, "SecurityGroupEgressRule", out)["cidrIpv4"] == "0.0.0.0/0"


def test_the_world_reaches_what_is_said_to_be_public() -> None:
    monitor, _ = made(internal=False, client_cidrs=["0.0.0.0/0", "::/0"])
    rules = [inputs(monitor, "SecurityGroupIngressRule", name) for name in monitor.names("SecurityGroupIngressRule")]
    assert {rule.get("cidrIpv4") or rule.get("cidrIpv6") for rule in rules} == {"0.0.0.0/0", "::/0"}
    assert inputs(monitor, "LoadBalancer", "shop-blue")["internal"] is False


def test_brought_security_groups() -> None:
    monitor, found = made(security_group_ids=["sg-1"])
    assert (monitor.names("SecurityGroup"), found["security_group_id"][0]) == ([], "")
    assert inputs(monitor, "LoadBalancer", "shop-blue")["securityGroups"] == ["sg-1"]


def test_protection(default: Made) -> None:
    monitor, _ = default
    protected = {name for name, request in monitor.requests.items() if request.protect}
    assert protected == {"shop-blue", "shop-green"}
    monitor, _ = made(protect=False)
    assert not any(request.protect for request in monitor.requests.values())
    assert inputs(monitor, "LoadBalancer", "shop-blue")["enableDeletionProtection"] is False
    monitor, _ = made(protect=False, deletion_protection=True)
    assert inputs(monitor, "LoadBalancer", "shop-blue")["enableDeletionProtection"] is True


def test_access_logs_region_and_tags() -> None:
    monitor, _ = made(access_logs={"bucket": "logs"}, tags={"team": "red"})
    assert inputs(monitor, "LoadBalancer", "shop-green")["accessLogs"] == {
        "enabled": True,
        "bucket": "logs",
        "prefix": "shop-green",
    }
    for name in monitor.order:
        if monitor.requests[name].type.startswith("aws:"):
            found = rpc.deserialize_properties(monitor.requests[name].object)
            assert found["region"] == "eu-central-1", name
            if "Attachment" not in monitor.requests[name].type:
                assert found["tags"]["team"] == "red", name
            assert monitor.requests[name].parent.endswith("redis-ha:index:AlbBlueGreen::shop")


def test_tools_may_shift_this_listener_and_nothing_else() -> None:
    _, found = made(**LISTENER, record_path="/redis-ha/prod/web")
    statements = {each["Sid"]: each for each in json.loads(found["shift_policy"][0])["Statement"]}
    assert statements["Shift"]["Action"] == ["elasticloadbalancing:ModifyListener"]
    assert statements["Shift"]["Resource"] == [found["listener_arn"][0]]
    path = "arn:aws:ssm:eu-central-1:123456789012:parameter/redis-ha/prod/web"
    assert statements["Record"]["Resource"] == [path, f"{path}/*"]


def judged(old: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    """What the listener's hook says of an update from old arguments to changed ones, in a real run."""
    before = rpc.deserialize_properties(made(**old)[0].requests["shop-both-listener"].object)
    monitor, _ = made(**old | changes)
    after = rpc.deserialize_properties(monitor.requests["shop-both-listener"].object)
    (hook,) = monitor.requests["shop-both-listener"].hooks.before_update
    assert hook == "shop-weights"
    update: Any = SimpleNamespace(name="shop-both-listener", old_inputs=before, new_inputs=after)
    try:
        monitor.hooks.by_name[hook].callback(update)
    except RefusedChangeError as error:
        return error.problems
    return []


def test_without_a_plan_of_record_living_weights_are_the_tools() -> None:
    other = {"weights": {"blue": 50, "green": 50}}
    ((argument, reason),) = judged(LISTENER, weight_authority="runtime", **other)
    assert (argument, reason.split(":")[0]) == ("weights", "90 -> 50, 10 -> 50")
    assert "no plan of record is there yet" in reason
    assert judged(LISTENER, weight_authority="runtime") == []
    assert judged(LISTENER, weight_authority="runtime", runtime_weights={"blue": 1, "green": 99}) == []
    assert judged(LISTENER, **other) == []


def test_the_stack_changes_no_living_weight_unless_somebody_could_look() -> None:
    other = {"weights": {"blue": 50, "green": 50}}
    ((argument, reason),) = judged(LISTENER, runtime_unknown=True, **other)
    assert (argument, "could not be looked up" in reason) == ("weights", True)
    assert judged(LISTENER, runtime_unknown=True) == []
    assert judged(LISTENER, runtime_unknown=True, stickiness={"enabled": True}) == []


def test_what_tools_find() -> None:
    _, found = made(**LISTENER, weight_authority="runtime", runtime_weights={"blue": 25, "green": 75})
    assert found["traffic"][0] == {
        "version": 1,
        "kind": "listener",
        "listener_arn": found["listener_arn"][0],
        "target_group_arns": found["target_group_arns"][0],
        "weights": {"blue": 25, "green": 75},
        "authority": "runtime",
        "region": "eu-central-1",
        "record_path": "/redis-ha/shop",
    }


ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:"
THEIRS: dict[str, Any] = {
    "load_balancers": {"both": f"{ARN}loadbalancer/app/old-web/50dc6c495c0c9188"},
    "target_groups": {"blue": f"{ARN}targetgroup/old-blue/73e2d6bc24d8a067"},
    "listeners": {"both": f"{ARN}listener/app/old-web/50dc6c495c0c9188/f2f7dc8efc522ab2"},
    "security_group": "sg-old",
}


def test_what_exists_is_taken_over() -> None:
    monitor, _ = made(**LISTENER, adopt=THEIRS)
    wanted = {
        "shop-both": THEIRS["load_balancers"]["both"],
        "shop-blue-targets": THEIRS["target_groups"]["blue"],
        "shop-green-targets": None,
        "shop-both-listener": THEIRS["listeners"]["both"],
        "shop-security-group": "sg-old",
    }
    for name, theirs in wanted.items():
        assert monitor.requests[name].importId == (f"{theirs}@eu-central-1" if theirs else ""), name
    assert inputs(monitor, "LoadBalancer", "shop-both")["name"] == "old-web"
    assert inputs(monitor, "TargetGroup", "shop-blue-targets")["name"] == "old-blue"
    ignored = {name: set(monitor.requests[name].ignoreChanges) for name in wanted}
    assert ignored["shop-both"] == {"tags", "dropInvalidHeaderFields", "enableDeletionProtection", "accessLogs"}
    assert ignored["shop-blue-targets"] == {"tags", "healthCheck", "deregistrationDelay"}
    assert ignored["shop-green-targets"] == set()
    assert ignored["shop-both-listener"] == {"tags", "sslPolicy"}
    assert {"name", "description", "ingress", "tags"} <= ignored["shop-security-group"]


def test_what_was_taken_over_is_brought_into_line_when_told() -> None:
    monitor, _ = made(**LISTENER, adopt=THEIRS | {"keep_as_found": False})
    for name in ("shop-both", "shop-blue-targets", "shop-both-listener"):
        assert list(monitor.requests[name].ignoreChanges) == [], name
    ignored = set(monitor.requests["shop-security-group"].ignoreChanges)
    assert ("description" in ignored, "tags" in ignored) == (True, False)
    monitor, _ = made(**LISTENER, adopt=THEIRS, weight_authority="runtime", runtime_unknown=True)
    assert set(monitor.requests["shop-both-listener"].ignoreChanges) == {"defaultActions", "tags", "sslPolicy"}


def test_preview_with_nothing_known() -> None:
    monitor, found = made(
        known=False,
        **LISTENER,
        vpc_id=lambda: pulumi.Output.from_input("vpc-1"),
        subnet_ids=lambda: pulumi.Output.from_input(["subnet-1", "subnet-2"]),
        certificate_arn=lambda: pulumi.Output.from_input("arn:aws:acm:eu-central-1:123456789012:certificate/1"),
        targets=lambda: {
            "blue": {"instance_ids": [pulumi.Output.from_input("i-1")], "names": ["web"]},
            "green": {"autoscaling_group_name": pulumi.Output.from_input("shop-green")},
        },
        client_security_group_ids=lambda: [pulumi.Output.from_input("sg-1")],
    )
    assert {"shop-both", "shop-both-listener", "shop-blue-web", "shop-green-group", "shop-from-group-0"} <= set(monitor.order)
    assert not found["dns_names"][1]
    assert not found["shift_policy"][1]
    assert not found["weights"][1]


LISTS = ("client_security_group_ids", "client_prefix_list_ids", "target_security_group_ids")


@pytest.mark.parametrize("argument", [*LISTS, "targets.blue.instance_ids"])
def test_an_output_that_is_another_entry_is_refused_as_soon_as_it_is_known(argument: str) -> None:
    def made_of(*values: str) -> None:
        """`~x` is an Output of x."""

        def given() -> Any:
            found = [pulumi.Output.from_input(value[1:]) if value.startswith("~") else value for value in values]
            names = ["one", "two", "three"][: len(values)]
            blue = {"instance_ids": found, "names": names}
            return found if argument in LISTS else {"blue": blue, "green": {"ecs": True}}

        changes: dict[str, Any] = {argument if argument in LISTS else "targets": given}
        made(**changes)

    for values in (("x-1", "~x-1"), ("~x-1", "x-1"), ("~x-0", "~x-1", "~x-1")):
        with pytest.raises(pulumi.InputPropertyError, match=f"{argument}: x-1 is in it twice, as an Output and once more"):
            made_of(*values)
    made_of("x-2", "~x-1", "~x-3")


def test_the_same_output_twice_is_one_entry() -> None:
    def groups() -> list[Any]:
        group = pulumi.Output.from_input("sg-1")
        return [group, "sg-2", group]

    monitor, _ = made(client_security_group_ids=groups)
    assert sorted(monitor.names("SecurityGroupIngressRule")) == ["shop-from-group-0", "shop-from-group-sg-2"]

    def targets() -> dict[str, Any]:
        machine = pulumi.Output.from_input("i-1")
        return {"blue": {"instance_ids": [machine, machine], "names": ["one", "two"]}, "green": {"ecs": True}}

    with pytest.raises(pulumi.InputPropertiesError, match="names one of them twice; leave one out"):
        made(targets=targets)


def test_amazon_takes_it() -> None:
    """The same things as CloudFormation, judged by AWS's own schemas."""
    monitor, _ = made(**LISTENER)
    balancer = inputs(monitor, "LoadBalancer", "shop-both")
    group = inputs(monitor, "TargetGroup", "shop-blue-targets")
    check = group["healthCheck"]
    action = forward(monitor)
    resources = {
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {
                "Name": balancer["name"],
                "Type": balancer["loadBalancerType"],
                "Scheme": "internal",
                "Subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
                "SecurityGroups": ["sg-0123456789abcdef0"],
            },
        },
        "Group": {
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "Properties": {
                "Name": group["name"],
                "Protocol": group["protocol"],
                "Port": group["port"],
                "TargetType": group["targetType"],
                "VpcId": "vpc-0123456789abcdef0",
                "HealthCheckPath": check["path"],
                "HealthCheckPort": check["port"],
                "HealthCheckProtocol": check["protocol"],
                "HealthCheckIntervalSeconds": check["interval"],
                "HealthCheckTimeoutSeconds": check["timeout"],
                "HealthyThresholdCount": check["healthyThreshold"],
                "UnhealthyThresholdCount": check["unhealthyThreshold"],
                "Matcher": {"HttpCode": check["matcher"]},
            },
        },
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "Port": 80,
                "Protocol": "HTTP",
                "DefaultActions": [
                    {
                        "Type": "forward",
                        "ForwardConfig": {
                            "TargetGroups": [
                                {"TargetGroupArn": {"Ref": "Group"}, "Weight": entry["weight"]}
                                for entry in action["targetGroups"]
                            ],
                            "TargetGroupStickinessConfig": {
                                "Enabled": action["stickiness"]["enabled"],
                                "DurationSeconds": action["stickiness"]["duration"],
                            },
                        },
                    }
                ],
            },
        },
    }
    assert lint(resources) == []
