"""What AlbBlueGreen refuses, before anything is registered: the argument, and what is said about it."""

from typing import Any

import pulumi
import pytest

from redis_ha.arguments import camel_case
from redis_ha.arns import ACM_CERTIFICATE
from redis_ha.traffic.alb import AlbBlueGreen
from redis_ha.traffic.alb_checks import MAX_ALB_NAME, make_alb_plan
from tests.support.pulumi_world import Monitor, run

GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "targets": {"blue": {"instance_ids": ["i-1", "i-2"]}, "green": {"instance_ids": ["i-3"]}},
}
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:"
LISTENER: dict[str, Any] = {"form": "listener", "weights": {"blue": 90, "green": 10}}


def blue(**targets: Any) -> dict[str, Any]:
    return {"targets": {"blue": targets, "green": {"instance_ids": ["i-3"]}}}


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"region": ...}, "region", "is missing"),
    ({"region": "Frankfurt"}, "region", "is not a region of AWS"),
    ({"vpc_id": ...}, "vpc_id", "is missing"),
    ({"subnet_ids": ...}, "subnet_ids", "is missing"),
    ({"subnet_ids": ["subnet-1"]}, "subnet_ids", "1 is too few"),
    ({"subnet_ids": "subnet-1"}, "subnet_ids", "is no list"),
    ({"form": "record"}, "form", "'record' is not known"),
    ({"alb_name": "internal-shop"}, "alb_name", "not beginning with internal-"),
    ({"alb_name": "-shop"}, "alb_name", "no hyphen at either end"),
    ({"alb_name": "shop_web"}, "alb_name", "letters, digits and hyphens"),
    ({"alb_name": "s" * (MAX_ALB_NAME + 1)}, "alb_name", "1 to 21"),
    ({"targets": ...}, "targets", "is missing"),
    ({"targets": {"blue": {"ecs": True}}}, "targets.green", "is no mapping"),
    ({"targets": GOOD["targets"] | {"red": {}}}, "targets.red", "no such argument"),
    (blue(), "targets.blue", "nothing is given; give exactly one of"),
    (blue(instance_ids=["i-1"], ecs=True), "targets.blue", "instance_ids and ecs are given"),
    (blue(instance_ids=[]), "targets.blue.instance_ids", "counts as sick"),
    (blue(instance_ids="i-1"), "targets.blue.instance_ids", "is no list"),
    (blue(instance_ids=["i-1", "i-1"]), "targets.blue.instance_ids", "twice"),
    (blue(instance_ids=["i-1", 2]), "targets.blue.instance_ids", "2 is not text"),
    (blue(instance_ids=["i-1", "i-2"], names=["one"]), "targets.blue.names", "1 different names for 2 of instance_ids"),
    (blue(instance_ids=["i-1", "i-2"], names=["one", "one"]), "targets.blue.names", "1 different names for 2"),
    (blue(instance_ids=["i-1"], names=["a/b"]), "targets.blue.names", "'a/b' is not names of letters"),
    (blue(ecs=True, names=["one"]), "targets.blue.names", "are for instance_ids and ip_addresses"),
    (blue(ip_addresses=["10.0.0.0/24"]), "targets.blue.ip_addresses", "is no address"),
    (blue(ip_addresses=["cache"]), "targets.blue.ip_addresses", "is no address"),
    (blue(ip_addresses=["203.0.113.7"]), "targets.blue.ip_addresses", "is a public address"),
    (blue(ip_addresses=["172.32.0.1"]), "targets.blue.ip_addresses", "is a public address"),
    (blue(ip_addresses=["100.128.0.1"]), "targets.blue.ip_addresses", "is a public address"),
    (blue(ip_addresses=["fd00::1"]), "targets.blue.ip_addresses", "is IPv6"),
    (blue(ip_addresses=["10.0.0.1"], type="instance"), "targets.blue.type", "does not fit ip_addresses"),
    (blue(ecs=True, type="lambda"), "targets.blue.type", "'lambda' is not known"),
    (blue(instance_ids=["i-1"], ecs="yes"), "targets.blue.ecs", "neither true nor false"),
    (blue(instances=["i-1"], ecs=True), "targets.blue.instances", "did you mean instance_ids?"),
    (blue(instance_ids=["i-1", "i-3"]), "targets.green", "moves nothing"),
    (
        {"targets": {colour: {"autoscaling_group_name": "shop"} for colour in ("blue", "green")}},
        "targets.green",
        "moves nothing",
    ),
    ({"weights": {"blue": 1, "green": 1}}, "weights", "is for form listener"),
    ({"weight_authority": "runtime"}, "weight_authority", "is for form listener"),
    ({"runtime_weights": {"blue": 1, "green": 1}}, "runtime_weights", "is for form listener"),
    ({"record_path": "/redis-ha/x"}, "record_path", "is for form listener"),
    ({"stickiness": {"enabled": True}}, "stickiness", "is for form listener"),
    (LISTENER | {"weights": ...}, "weights", "is missing"),
    (LISTENER | {"weights": [1, 2]}, "weights", "no mapping"),
    (LISTENER | {"weights": {"blue": 1000, "green": 1}}, "weights.blue", "use 0 to 999"),
    (LISTENER | {"weights": {"blue": 1, "green": -1}}, "weights.green", "use 0 to 999"),
    (LISTENER | {"weights": {"blue": 1.5, "green": 1}}, "weights.blue", "no whole number"),
    (LISTENER | {"weights": {"blue": 1}}, "weights.green", "is missing"),
    (LISTENER | {"weights": {"blue": 0, "green": 0}}, "weights", "are both 0"),
    (LISTENER | {"weights": {"blue": 1, "green": 1, "red": 1}}, "weights.red", "no such argument"),
    (LISTENER | {"weight_authority": "tool"}, "weight_authority", "'tool' is not known"),
    (LISTENER | {"runtime_weights": {"blue": 1000, "green": 1}}, "runtime_weights.blue", "use 0 to 999"),
    (LISTENER | {"runtime_weights": {"blue": 1, "green": 1}}, "weights", "says blue 1, green 1, and that is live"),
    (LISTENER | {"runtime_unknown": 1}, "runtime_unknown", "neither true nor false"),
    (LISTENER | {"allow_both_zero": 1}, "allow_both_zero", "neither true nor false"),
    (LISTENER | {"record_path": "redis-ha"}, "record_path", "is not a path"),
    (LISTENER | {"stickiness": {"duration_seconds": 60}}, "stickiness.enabled", "is missing"),
    (LISTENER | {"stickiness": {"enabled": True, "duration_seconds": 0}}, "stickiness.duration_seconds", "use 1 to 604800"),
    ({"client_cidrs": ["0.0.0.0/0"]}, "client_cidrs", "open to the world"),
    ({"client_cidrs": ["::/0"], "internal": True}, "client_cidrs", "open to the world"),
    ({"client_cidrs": ["64.0.0.0/2"], "internal": False}, "client_cidrs", "open to the world"),
    ({"client_cidrs": ["10.0.0.1/8"], "internal": False}, "client_cidrs", "no network"),
    ({"client_cidrs": ["10.0.0.0/8"], "security_group_ids": ["sg-1"]}, "client_cidrs", "cannot be used with"),
    ({"target_security_group_ids": ["sg-2"], "security_group_ids": ["sg-1"]}, "target_security_group_ids", "cannot be used"),
    ({"client_cidrs": [f"10.0.{n}.0/24" for n in range(61)]}, "client_cidrs", "61 rules"),
    ({"client_security_group_ids": "sg-1"}, "client_security_group_ids", "is no list"),
    ({"protocol": "TCP"}, "protocol", "'TCP' is not known"),
    ({"protocol": "HTTPS"}, "certificate_arn", "is missing"),
    (
        {"protocol": "HTTP", "certificate_arn": ACM_CERTIFICATE.example},
        "protocol",
        "no use for certificate_arn",
    ),
    ({"ssl_policy": "ELBSecurityPolicy-TLS13-1-3-2021-06"}, "ssl_policy", "is for protocol HTTPS"),
    (
        {"ssl_policy": "modern", "certificate_arn": ACM_CERTIFICATE.example},
        "ssl_policy",
        "is not a policy",
    ),
    ({"port": 0}, "port", "use 1 to 65535"),
    ({"target_port": 65536}, "target_port", "use 1 to 65535"),
    ({"target_protocol": "GRPC"}, "target_protocol", "'GRPC' is not known"),
    ({"health_check": {"path": "health"}}, "health_check.path", "is not a path"),
    ({"health_check": {"path": "/" + "x" * 1024}}, "health_check.path", "at most 1024 characters"),
    ({"health_check": {"matcher": "500"}}, "health_check.matcher", "codes of 200 to 499"),
    ({"health_check": {"interval_seconds": 4, "timeout_seconds": 2}}, "health_check.interval_seconds", "use 5 to 300"),
    ({"health_check": {"timeout_seconds": 1}}, "health_check.timeout_seconds", "use 2 to 120"),
    ({"health_check": {"timeout_seconds": 10}}, "health_check.timeout_seconds", "not less than the interval"),
    ({"health_check": {"healthy_threshold": 1}}, "health_check.healthy_threshold", "use 2 to 10"),
    ({"health_check": {"unhealthy_threshold": 11}}, "health_check.unhealthy_threshold", "use 2 to 10"),
    ({"health_check": {"protocol": "TCP"}}, "health_check.protocol", "'TCP' is not known"),
    ({"health_check": {"port": 0}}, "health_check.port", "use 1 to 65535"),
    ({"health_check": {"interval": 5}}, "health_check.interval", "did you mean interval_seconds?"),
    ({"deregistration_delay_seconds": 3601}, "deregistration_delay_seconds", "use 0 to 3600"),
    ({"access_logs": {"prefix": "x"}}, "access_logs.bucket", "is missing"),
    ({"access_logs": {"bucket": "b", "prefix": 1}}, "access_logs.prefix", "is not text"),
    ({"access_logs": {"bukket": "b", "bucket": "b"}}, "access_logs.bukket", "did you mean bucket?"),
    ({"alarms": {"off": ["cpu"]}}, "alarms.off", "'cpu' is no alarm"),
    ({"tags": {"aws:x": "y"}}, "tags", "no tag key"),
    ({"protect": "no"}, "protect", "neither true nor false"),
    ({"internal": "no"}, "internal", "neither true nor false"),
    ({"deletion_protection": 1}, "deletion_protection", "neither true nor false"),
    ({"adopt": {"load_balancers": {"both": "arn"}}}, "adopt.load_balancers.both", "with form dns there are blue and green"),
    (LISTENER | {"adopt": {"listeners": {"blue": "arn"}}}, "adopt.listeners.blue", "with form listener there are both"),
    ({"adopt": {"load_balancers": {"blue": "web"}}}, "adopt.load_balancers.blue", "no ARN of an Application Load Balancer"),
    (
        {"adopt": {"target_groups": {"blue": f"{ARN}listener/app/a/1/2"}}},
        "adopt.target_groups.blue",
        "no ARN of a target group",
    ),
    ({"adopt": {"listeners": {"blue": f"{ARN}loadbalancer/app/a/1"}}}, "adopt.listeners.blue", "no ARN of a listener"),
    ({"adopt": {"security_group": "sg-1"}, "security_group_ids": ["sg-1"]}, "adopt.security_group", "cannot be used with"),
    ({"adopt": {"listener": {}}}, "adopt.listener", "did you mean listeners?"),
    ({"adopt": {"change": ["default_action"]}}, "adopt.change", "'default_action' is no property of what can be taken over"),
    ({"adopt": {"change": ["default_action"]}}, "adopt.change", "did you mean default_actions?"),
    ({"adopt": {"keep_as_found": 1}}, "adopt.keep_as_found", "neither true nor false"),
    ({"weight": {}}, "weight", "did you mean weights?"),
    ({"form": lambda: pulumi.Output.from_input("dns")}, "form", "has to be known"),
    ({"client_cidrs": lambda: [pulumi.Output.from_input("10.0.0.0/24")]}, "client_cidrs[0]", "has to be known"),
]


@pytest.mark.parametrize(("changes", "where", "says"), REFUSED)
def test_a_wrong_argument_is_refused_before_anything_is_registered(changes: dict[str, Any], where: str, says: str) -> None:
    monitors: list[Monitor] = []

    def program() -> None:
        monitors.append(pulumi.runtime.settings.get_monitor())  # type: ignore[arg-type]
        args = {key: value() if callable(value) else value for key, value in (GOOD | changes).items() if value is not ...}
        AlbBlueGreen("shop", args)  # type: ignore[arg-type]

    with pytest.raises(pulumi.InputPropertiesError) as caught:
        run(program)
    assert [error["property_path"] for error in caught.value.errors or []] == [camel_case(where)]
    assert says in str(caught.value)
    assert monitors[0].order == []


def test_what_is_not_known_yet_may_differ() -> None:
    """Equal targets are refused where both are known."""

    def program() -> None:
        same = pulumi.Output.from_input("i-1")
        args = GOOD | {"targets": {"blue": {"instance_ids": [same], "names": ["same"]}, "green": {"instance_ids": ["i-1"]}}}
        AlbBlueGreen("shop", args)  # type: ignore[arg-type]

    monitor, _ = run(program)
    assert sorted(monitor.names("TargetGroupAttachment")) == ["shop-blue-same", "shop-green-i-1"]


def test_all_mistakes_are_told_at_once() -> None:
    _, checks = make_alb_plan("shop", GOOD | {"region": "x", "port": 0, "form": "listener"})
    assert [argument for argument, _ in checks.problems] == ["region", "port", "weights"]
