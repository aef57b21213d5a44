"""Load balancers, target groups and listeners as the real provider handles them, and what AWS refuses of them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.support.aws_provider import REGION, EmulatedAccount, RefusedError, Resource

NUMBERS = itertools.count()


class Site:
    """A VPC with two subnets, and what tests make in it."""

    def __init__(self, account: EmulatedAccount) -> None:
        self.account = account
        self.client = account.cloud.aws_client("elbv2", REGION)
        self.vpc = account.made("ec2.Vpc", cidrBlock="10.0.0.0/16").id
        subnet = {"vpcId": self.vpc}
        self.subnets = [
            account.made("ec2.Subnet", zone, **subnet, cidrBlock=f"10.0.{at}.0/24", availabilityZone=f"{REGION}{zone}").id
            for at, zone in enumerate("ab")
        ]

    def inputs(self, **more: Any) -> dict[str, Any]:
        return {"name": f"lb{next(NUMBERS)}", "internal": True, "subnets": self.subnets, **more}

    def balancer(self, **more: Any) -> Resource:
        return self.account.made("lb.LoadBalancer", **self.inputs(**more))

    def group(self, **more: Any) -> Resource:
        inputs = {"name": f"tg{next(NUMBERS)}", "port": 80, "protocol": "HTTP", "vpcId": self.vpc, "targetType": "ip"}
        return self.account.made("lb.TargetGroup", **{**inputs, **more})

    def listening(self, balancer: Resource, **more: Any) -> dict[str, Any]:
        answer = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
        return {"loadBalancerArn": balancer.id, "port": 80, "defaultActions": [answer], **more}

    def attributes(self, balancer: Resource) -> dict[str, str]:
        found = self.client.describe_load_balancer_attributes(LoadBalancerArn=balancer.id)["Attributes"]
        return {item["Key"]: item["Value"] for item in found}

    def forwarding(self, listener: Resource) -> list[tuple[str, int]]:
        [found] = self.client.describe_listeners(ListenerArns=[listener.id])["Listeners"]
        [action] = found["DefaultActions"]
        return [(group["TargetGroupArn"], group["Weight"]) for group in action["ForwardConfig"]["TargetGroups"]]


@pytest.fixture
def site(account: EmulatedAccount) -> Site:
    return Site(account)


def forward(*groups: tuple[Resource, int]) -> dict[str, Any]:
    weighted = [{"arn": group.id, "weight": weight} for group, weight in groups]
    return {"type": "forward", "forward": {"targetGroups": weighted, "stickiness": {"enabled": False, "duration": 60}}}


def test_names_and_zones_are_as_aws_gives_them(site: Site) -> None:
    inside, outside = site.balancer(), site.balancer(internal=False)
    network = site.balancer(loadBalancerType="network")
    name = inside.state["name"]
    assert inside.state["dnsName"].startswith(f"internal-{name}-")
    assert inside.state["dnsName"].endswith(f".{REGION}.elb.amazonaws.com")
    assert not outside.state["dnsName"].startswith("internal-")
    assert network.state["dnsName"].endswith(f".elb.{REGION}.amazonaws.com")
    assert [one.state["zoneId"] for one in (inside, outside, network)] == ["Z215JYRZR1TBD5", "Z215JYRZR1TBD5", "Z3F0SRJ5LGBH90"]
    assert inside.state["arnSuffix"].startswith(f"app/{name}/")
    far = site.account.cloud.aws_client("elbv2", "eu-west-1")
    assert far.describe_load_balancers()["LoadBalancers"] == []


def test_a_name_is_taken_once(site: Site) -> None:
    name = site.balancer().state["name"]
    with pytest.raises(RefusedError, match="DuplicateLoadBalancerName"):
        site.balancer(name=name)


def test_attributes_of_other_types_are_not_sent_and_no_difference(site: Site) -> None:
    balancer = site.balancer(enableCrossZoneLoadBalancing=False, enableHttp2=False)
    sent = site.attributes(balancer)
    assert (sent["routing.http2.enabled"], sent["client_keep_alive.seconds"]) == ("false", "3600")
    assert "dns_record.client_routing_policy" not in sent
    assert sent["load_balancing.cross_zone.enabled"] == "true", "always, with this type"
    network = site.balancer(loadBalancerType="network", enableCrossZoneLoadBalancing=True)
    assert site.attributes(network)["load_balancing.cross_zone.enabled"] == "true"
    assert "routing.http2.enabled" not in site.attributes(network)


def test_a_balancer_is_imported_without_a_difference(site: Site) -> None:
    inputs = site.inputs()
    made = site.account.made("lb.LoadBalancer", **inputs)
    adopted = site.account.resource("lb.LoadBalancer")
    assert adopted.import_(made.id) is not None
    assert adopted.diff(inputs) == {}
    assert adopted.diff(inputs | {"idleTimeout": 61}) == {"idleTimeout": False}


@pytest.mark.parametrize("kind", ["application", "network"])
def test_a_balancer_of_another_hand_is_adopted_without_a_difference(site: Site, kind: str) -> None:
    inputs = site.inputs(loadBalancerType=kind)
    made = site.client.create_load_balancer(Name=inputs["name"], Type=kind, Subnets=site.subnets, Scheme="internal")
    adopted = site.account.resource("lb.LoadBalancer")
    assert adopted.import_(made["LoadBalancers"][0]["LoadBalancerArn"])
    assert adopted.diff(inputs) == {}
    assert adopted.read() == {}


def test_a_protected_balancer_stays(site: Site) -> None:
    inputs = site.inputs(enableDeletionProtection=True)
    balancer = site.account.made("lb.LoadBalancer", **inputs)
    with pytest.raises(RefusedError, match="cannot be deleted because deletion protection is enabled"):
        balancer.delete()
    balancer.update(inputs | {"enableDeletionProtection": False})
    balancer.delete()
    assert balancer.read() is None


def test_weights_move_in_place_and_drift_is_seen(site: Site) -> None:
    blue, green, balancer = site.group(), site.group(), site.balancer()
    inputs = site.listening(balancer, defaultActions=[forward((blue, 100), (green, 0))])
    listener = site.account.made("lb.Listener", **inputs)
    assert site.forwarding(listener) == [(blue.id, 100), (green.id, 0)], "0 is a weight"
    assert blue.read() == {}
    assert blue.state["loadBalancerArns"] == [balancer.id]
    shifted = inputs | {"defaultActions": [forward((blue, 10), (green, 90))]}
    assert listener.diff(shifted) == {"defaultActions": False}
    listener.update(shifted)
    assert site.forwarding(listener) == [(blue.id, 10), (green.id, 90)]
    turned = [{"TargetGroupArn": green.id, "Weight": 100}, {"TargetGroupArn": blue.id, "Weight": 0}]
    config = {"TargetGroups": turned, "TargetGroupStickinessConfig": {"Enabled": False, "DurationSeconds": 60}}
    site.client.modify_listener(ListenerArn=listener.id, DefaultActions=[{"Type": "forward", "ForwardConfig": config}])
    drift = listener.read()
    assert drift is not None
    assert set(drift) == {"defaultActions"}
    assert listener.diff(shifted | {"defaultActions": [forward((blue, 0), (green, 100))]}) == {}, "their order is none"


def test_a_weight_that_is_not_given_is_one(site: Site) -> None:
    group = site.group()
    action = {"type": "forward", "forward": {"targetGroups": [{"arn": group.id}]}}
    listener = site.account.made("lb.Listener", **site.listening(site.balancer(), defaultActions=[action]))
    assert site.forwarding(listener) == [(group.id, 1)]
    assert listener.read() == {}


def test_a_listener_is_one_of_http_unless_it_says_otherwise(site: Site) -> None:
    balancer = site.balancer()
    listener = site.account.made("lb.Listener", **site.listening(balancer))
    assert listener.state["protocol"] == "HTTP"
    with pytest.raises(RefusedError, match="DuplicateListener"):
        site.account.made("lb.Listener", **site.listening(balancer))
    missing = {"type": "forward", "targetGroupArn": balancer.id.replace("loadbalancer/app", "targetgroup")}
    with pytest.raises(RefusedError, match="TargetGroupNotFound"):
        site.account.made("lb.Listener", **site.listening(balancer, port=81, defaultActions=[missing]))


def test_a_group_in_use_stays(site: Site) -> None:
    group, balancer = site.group(), site.balancer()
    listener = site.account.made("lb.Listener", **site.listening(balancer, defaultActions=[forward((group, 1))]))
    with pytest.raises(RefusedError, match="currently in use by a listener or a rule"):
        group.delete()
    listener.delete()
    group.delete()
    assert group.read() is None


def test_a_rule_without_a_priority_comes_last(site: Site) -> None:
    listener = site.account.made("lb.Listener", **site.listening(site.balancer()))
    about = {"listenerArn": listener.id, "actions": [forward((site.group(), 1))]}
    rules = [
        site.account.made("lb.ListenerRule", **about, conditions=[{"hostHeader": {"values": [f"{at}.example"]}}], **more)
        for at, more in enumerate(({"priority": 40}, {}))
    ]
    assert [rule.state["priority"] for rule in rules] == [40, 41]
    with pytest.raises(RefusedError, match="PriorityInUse"):
        site.account.made("lb.ListenerRule", **about, conditions=[{"sourceIp": {"values": ["10.0.0.0/8"]}}], priority=40)


def test_what_a_health_check_of_a_group_has_by_itself(site: Site) -> None:
    group = site.group(healthCheck={"path": "/health"}, deregistrationDelay=5)
    [found] = site.client.describe_target_groups(TargetGroupArns=[group.id])["TargetGroups"]
    assert (found["HealthCheckPath"], found["HealthCheckPort"], found["HealthCheckProtocol"]) == (
        "/health",
        "traffic-port",
        "HTTP",
    )
    assert (found["HealthCheckIntervalSeconds"], found["HealthyThresholdCount"], found["UnhealthyThresholdCount"]) == (30, 3, 3)
    found_attributes = site.client.describe_target_group_attributes(TargetGroupArn=group.id)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "5"} in found_attributes
    assert group.read() == {}


def test_targets_come_and_go(site: Site) -> None:
    group = site.group()
    target = site.account.made("lb.TargetGroupAttachment", targetGroupArn=group.id, targetId="10.0.0.9", port=8080)
    health = site.client.describe_target_health(TargetGroupArn=group.id)["TargetHealthDescriptions"]
    assert [(item["Target"]["Id"], item["TargetHealth"]["State"]) for item in health] == [("10.0.0.9", "healthy")]
    site.client.deregister_targets(TargetGroupArn=group.id, Targets=[{"Id": "10.0.0.9"}])
    assert target.read() is None, "taken out by hand"
    target.delete()
    with pytest.raises(RefusedError, match="TargetGroupNotFound"):
        site.account.made("lb.TargetGroupAttachment", targetGroupArn=f"{group.id}0", targetId="10.0.0.9")


@pytest.mark.parametrize(
    ("more", "end"),
    [({}, ""), ({"port": 8080}, ",8080"), ({"port": 8080, "availabilityZone": "all"}, ",8080,all")],
)
def test_a_target_is_imported_by_group_and_target(site: Site, more: dict[str, Any], end: str) -> None:
    inputs = {"targetGroupArn": site.group().id, "targetId": "10.0.0.9", **more}
    made = site.account.made("lb.TargetGroupAttachment", **inputs)
    assert made.id == f"{inputs['targetGroupArn']},10.0.0.9{end}"
    adopted = site.account.resource("lb.TargetGroupAttachment")
    assert adopted.import_(made.id) == {**inputs, "region": REGION}
    assert adopted.diff(inputs) == {}
    assert site.account.resource("lb.TargetGroupAttachment").import_(made.id.replace("10.0.0.9", "10.0.0.8")) is None


def test_an_autoscaling_group_has_to_be_there(site: Site) -> None:
    group = site.group()
    with pytest.raises(RefusedError, match="AutoScalingGroup nobody not found"):
        site.account.made("autoscaling.Attachment", autoscalingGroupName="nobody", lbTargetGroupArn=group.id)
