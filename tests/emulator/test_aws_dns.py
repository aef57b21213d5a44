"""Records and zones as the real provider handles them: what it sends, what Route 53 refuses, what it adopts and removes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pulumi_emulator.handlers.aws.dns import Record
from tests.support.aws_provider import EmulatedAccount, RefusedError, Resource

NUMBERS = itertools.count()


class Zone:
    """A zone of its own with weighted records."""

    def __init__(self, account: EmulatedAccount, **more: Any) -> None:
        self.account = account
        self.name = f"dns{next(NUMBERS)}.example"
        self.resource = account.made("route53.Zone", name=self.name, **more)
        self.client = account.cloud.aws_client("route53", "us-east-1")

    @property
    def zone_id(self) -> str:
        return self.resource.id

    def inputs(self, colour: str = "blue", weight: int = 1, **more: Any) -> dict[str, Any]:
        weighted = {"setIdentifier": colour, "weightedRoutingPolicies": [{"weight": weight}]}
        record = {"zoneId": self.zone_id, "name": "www", "type": "CNAME", "ttl": 30, "records": [f"{colour}.example.com"]}
        return {**record, **weighted, **more}

    def simple(self, **more: Any) -> dict[str, Any]:
        given = {**self.inputs(**more)}
        return {name: value for name, value in given.items() if name not in ("setIdentifier", "weightedRoutingPolicies")}

    def made(self, **inputs: Any) -> Resource:
        return self.account.made("route53.Record", **inputs)

    def held(self) -> list[dict[str, Any]]:
        found = self.client.list_resource_record_sets(HostedZoneId=self.zone_id)["ResourceRecordSets"]
        return [one for one in found if one["Type"] not in ("NS", "SOA")]

    def change(self, action: str, record: dict[str, Any]) -> None:
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        self.client.change_resource_record_sets(HostedZoneId=self.zone_id, ChangeBatch=batch)


@pytest.fixture
def zone(account: EmulatedAccount) -> Zone:
    return Zone(account)


def test_a_record_that_is_there_is_not_taken_over(zone: Zone) -> None:
    zone.made(**zone.simple())
    with pytest.raises(RefusedError, match=r"InvalidChangeBatch: .*but it already exists"):
        zone.made(**zone.simple(ttl=60))
    assert [one["TTL"] for one in zone.held()] == [30]
    zone.made(**zone.simple(ttl=60), allowOverwrite=True)
    assert [one["TTL"] for one in zone.held()] == [60]


def test_a_weight_changes_by_one_upsert_of_the_record(zone: Zone) -> None:
    blue = zone.made(**zone.inputs(weight=100))
    assert zone.resource.read() == {}
    assert blue.diff(zone.inputs(weight=0)) == {"weightedRoutingPolicies": False}
    blue.update(zone.inputs(weight=0))
    assert [one["Weight"] for one in zone.held()] == [0], "0 is a weight"
    assert blue.read() == {}


def test_a_shift_outside_is_drift_and_is_taken_back(zone: Zone) -> None:
    blue = zone.made(**zone.inputs(weight=100))
    [held] = zone.held()
    zone.change("UPSERT", {**held, "Weight": 10})
    assert blue.read() == {"weightedRoutingPolicies": [{"weight": 10}]}
    assert blue.diff(zone.inputs(weight=100)) == {"weightedRoutingPolicies": False}
    assert blue.diff(zone.inputs(weight=100), ignore=("weightedRoutingPolicies",)) == {}


def test_an_ignored_weight_is_sent_as_the_state_has_it(zone: Zone) -> None:
    # pulumi/pulumi-aws#2524: without a refresh another change sends the recorded weight once more.
    blue = zone.made(**zone.inputs(weight=100))
    [held] = zone.held()
    zone.change("UPSERT", {**held, "Weight": 10})
    blue.update(zone.inputs(weight=100, records=["teal.example.com"]))
    assert [one["Weight"] for one in zone.held()] == [100]


def test_the_ttl_of_a_pair_cannot_be_changed_record_by_record(zone: Zone) -> None:
    # hashicorp/terraform-provider-aws#1961: one call for each record, and Route 53 wants both at once.
    blue, _ = (zone.made(**zone.inputs(colour)) for colour in ("blue", "green"))
    with pytest.raises(RefusedError, match="as weighted sets must contain the same TTL"):
        blue.update(zone.inputs("blue", ttl=60))
    assert {one["TTL"] for one in zone.held()} == {30}


def test_simple_and_weighted_do_not_go_together(zone: Zone) -> None:
    # hashicorp/terraform-provider-aws#11485 and #15706.
    simple = zone.made(**zone.simple())
    with pytest.raises(RefusedError, match="cannot be created as a non-weighted set exists with the same name and type"):
        zone.made(**zone.inputs())
    simple.update(zone.inputs())
    assert [one["SetIdentifier"] for one in zone.held()] == ["blue"], "deleted and made in one batch"


def test_another_identifier_or_type_is_one_batch(zone: Zone) -> None:
    blue = zone.made(**zone.inputs())
    assert blue.diff(zone.inputs("teal")) == {"records": False, "setIdentifier": False}
    requests = Record().changes(blue.id, blue.state, zone.inputs("teal"), {"setIdentifier", "records"})
    [batch] = [request.parameters["ChangeBatch"]["Changes"] for request in requests]
    assert [change["Action"] for change in batch] == ["DELETE", "CREATE"]
    assert [change["ResourceRecordSet"]["SetIdentifier"] for change in batch] == ["blue", "teal"]
    blue.update(zone.inputs("teal"))
    assert [one["SetIdentifier"] for one in zone.held()] == ["teal"]
    assert blue.diff({**zone.inputs("teal"), "name": "other"})["name"], "another name replaces"


def test_a_record_is_imported_by_zone_name_type_and_identifier(zone: Zone) -> None:
    zone.made(**zone.inputs(weight=7))
    adopted = zone.account.resource("route53.Record")
    found = adopted.import_(f"{zone.zone_id}_www.{zone.name}_CNAME_blue")
    assert found is not None
    assert (found["weightedRoutingPolicies"], found["ttl"]) == ([{"weight": 7}], 30)
    assert (found["name"], found["records"]) == (f"www.{zone.name}", ["blue.example.com"])
    assert adopted.diff(zone.inputs(weight=7) | {"name": f"WWW.{zone.name}"}) == {}
    assert zone.account.resource("route53.Record").import_(f"{zone.zone_id}_www.{zone.name}_CNAME_green") is None


def test_a_record_is_removed_as_it_is_now(zone: Zone) -> None:
    blue, green = (zone.made(**zone.inputs(colour)) for colour in ("blue", "green"))
    held = next(one for one in zone.held() if one["SetIdentifier"] == "blue")
    zone.change("UPSERT", {**held, "Weight": 200})
    blue.delete()
    assert [one["SetIdentifier"] for one in zone.held()] == ["green"]
    zone.change("DELETE", zone.held()[0])
    green.delete()


@pytest.mark.parametrize(
    "more",
    [
        {"geolocationRoutingPolicies": [{"country": "DE"}]},
        {"latencyRoutingPolicies": [{"region": "eu-west-1"}]},
        {"failoverRoutingPolicies": [{"type": "PRIMARY"}]},
        {"cidrRoutingPolicy": {"collectionId": "01234567-89ab-cdef-0123-456789abcdef", "locationName": "office"}},
        {"geoproximityRoutingPolicy": {"coordinates": [{"latitude": "49.22", "longitude": "-74.01"}], "bias": 5}},
        {"multivalueAnswerRoutingPolicy": True},
    ],
)
def test_every_other_routing_policy_is_kept(zone: Zone, more: dict[str, Any]) -> None:
    inputs = {**zone.simple(type="A", records=["192.0.2.1"]), "setIdentifier": "one", **more}
    record = zone.made(**inputs)
    assert record.read() == {}
    assert record.diff(inputs) == {}


def test_an_alias_to_a_balancer(zone: Zone) -> None:
    alias = {"name": "LB.eu-central-1.elb.amazonaws.com", "zoneId": "Z215JYRZR1TBD5", "evaluateTargetHealth": False}
    inputs = {"zoneId": zone.zone_id, "name": "lb", "type": "A", "aliases": [alias]}
    record = zone.made(**inputs)
    [held] = zone.held()
    assert held["AliasTarget"] == {
        "DNSName": "lb.eu-central-1.elb.amazonaws.com.",
        "HostedZoneId": "Z215JYRZR1TBD5",
        "EvaluateTargetHealth": False,
    }
    assert "TTL" not in held
    assert record.state["fqdn"] == f"lb.{zone.name}"
    # Route 53 gives the name back in its own spelling: no difference.
    assert record.read() == {}
    same = {**inputs, "name": f"LB.{zone.name}.", "aliases": [{**alias, "name": "lb.eu-central-1.elb.amazonaws.com."}]}
    assert record.diff(same) == {"name": True}, "with or without the zone's is another name"
    assert record.diff({**same, "name": "LB."}) == {}
    record.update({**inputs, "aliases": [{**alias, "evaluateTargetHealth": True}]})
    assert zone.held()[0]["AliasTarget"]["EvaluateTargetHealth"] is True


def test_a_zone_with_foreign_records_goes_only_by_force(account: EmulatedAccount) -> None:
    for force in (False, True):
        zone = Zone(account, forceDestroy=force)
        foreign = {"Name": f"x.{zone.name}", "Type": "TXT", "TTL": 5, "ResourceRecords": [{"Value": '"x"'}]}
        zone.change("CREATE", foreign)
        if force:
            zone.resource.delete()
            assert zone.resource.read() is None
        else:
            with pytest.raises(RefusedError, match="HostedZoneNotEmpty"):
                zone.resource.delete()


def test_a_private_zone_and_its_vpcs(account: EmulatedAccount) -> None:
    vpcs = [account.made("ec2.Vpc", f"v{number}", cidrBlock="10.0.0.0/16").id for number in range(2)]
    zone = Zone(account, vpcs=[{"vpcId": vpcs[0]}, {"vpcId": vpcs[1]}])
    assert zone.client.get_hosted_zone(Id=zone.zone_id)["HostedZone"]["Config"]["PrivateZone"] is True
    zone.resource.update({"name": zone.name, "vpcs": [{"vpcId": vpcs[1]}]})
    assert [vpc["vpcId"] for vpc in zone.resource.state["vpcs"]] == [vpcs[1]]


def test_what_a_health_check_sends(account: EmulatedAccount) -> None:
    alarm = {"type": "CLOUDWATCH_METRIC", "cloudwatchAlarmName": "sick", "cloudwatchAlarmRegion": "eu-central-1"}
    check = account.made("route53.HealthCheck", **alarm, insufficientDataHealthStatus="Unhealthy", referenceName="blue")
    found = account.cloud.aws_client("route53", "us-east-1").get_health_check(HealthCheckId=check.id)["HealthCheck"]
    assert found["CallerReference"].startswith("blue-pulumi-")
    assert len(found["CallerReference"]) <= 64
    assert found["HealthCheckConfig"] == {
        "Type": "CLOUDWATCH_METRIC",
        "AlarmIdentifier": {"Region": "eu-central-1", "Name": "sick"},
        "InsufficientDataHealthStatus": "Unhealthy",
        "Inverted": False,
        "Disabled": False,
    }
    assert check.read() == {}
    # Another alarm, or a new trigger, sends name and region together.
    check.update({**alarm, "cloudwatchAlarmName": "sicker", "triggers": {"threshold": "2"}})
    again = account.cloud.aws_client("route53", "us-east-1").get_health_check(HealthCheckId=check.id)["HealthCheck"]
    assert again["HealthCheckConfig"]["AlarmIdentifier"] == {"Region": "eu-central-1", "Name": "sicker"}
    assert check.diff({**alarm, "cloudwatchAlarmName": "sicker"}) == {}, "triggers that go are no change"


def test_the_provider_leaves_out_what_other_types_have(account: EmulatedAccount) -> None:
    inputs = {"type": "TCP", "fqdn": "a.example", "port": 6379, "childHealthThreshold": 1, "cloudwatchAlarmName": "sick"}
    check = account.made("route53.HealthCheck", **inputs)
    found = account.cloud.aws_client("route53", "us-east-1").get_health_check(HealthCheckId=check.id)["HealthCheck"]
    assert not {"HealthThreshold", "AlarmIdentifier"} & set(found["HealthCheckConfig"])
