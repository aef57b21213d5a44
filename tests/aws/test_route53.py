"""Route 53 of the emulated AWS: what a batch of changes does and what is refused; health checks and their status."""

from __future__ import annotations

import itertools
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from pulumi_emulator.aws import health_checks, record_sets
from tests.support.aws_world import REGION, World
from tests.support.minutes import still

MODEL = botocore.session.get_session().get_service_model("route53")
NUMBERS = itertools.count()


@pytest.fixture
def dns(world: World) -> Any:
    return world.client("route53")


class Zone:
    """A zone of its own, and short ways to change it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.name = f"zone{next(NUMBERS)}.example."
        made = client.create_hosted_zone(Name=self.name, CallerReference=self.name)
        self.zone_id = made["HostedZone"]["Id"].removeprefix("/hostedzone/")

    def change(self, *changes: dict[str, Any]) -> Any:
        return self.client.change_resource_record_sets(HostedZoneId=self.zone_id, ChangeBatch={"Changes": list(changes)})

    def refused(self, *changes: dict[str, Any]) -> tuple[str, str]:
        """Return code and text of the refusal; nothing has changed by it."""
        before = self.sets()
        with pytest.raises(ClientError) as refusal:
            self.change(*changes)
        assert self.sets() == before
        error = refusal.value.response["Error"]
        return error["Code"], error["Message"]

    def sets(self, **more: Any) -> list[dict[str, Any]]:
        return list(self.client.list_resource_record_sets(HostedZoneId=self.zone_id, **more)["ResourceRecordSets"])

    def own(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Return the zone's sets but for the two that every zone has."""
        return {record_sets.key_of(one): one for one in self.sets() if one["Name"] != self.name}

    def record(self, name: str = "www", kind: str = "CNAME", value: str = "a.example.com", **more: Any) -> dict[str, Any]:
        plain = {"TTL": 30, "ResourceRecords": [{"Value": value}]}
        if "AliasTarget" in more:
            plain = {}
        full = f"{name}.{self.name}" if name else self.name
        made = {"Name": full, "Type": kind, **plain, **more}
        return {key: part for key, part in made.items() if part is not None}

    def coloured(self, colour: str, weight: int, **more: Any) -> dict[str, Any]:
        return self.record(**{"SetIdentifier": colour, "Weight": weight, "value": f"{colour}.example.com", **more})


@pytest.fixture
def zone(dns: Any) -> Zone:
    return Zone(dns)


def create(record: dict[str, Any]) -> dict[str, Any]:
    return {"Action": "CREATE", "ResourceRecordSet": record}


def upsert(record: dict[str, Any]) -> dict[str, Any]:
    return {"Action": "UPSERT", "ResourceRecordSet": record}


def delete(record: dict[str, Any]) -> dict[str, Any]:
    return {"Action": "DELETE", "ResourceRecordSet": record}


def weights(zone: Zone) -> dict[str, int]:
    return {one["SetIdentifier"]: one["Weight"] for one in zone.own().values()}


# What a batch does


def test_both_colours_in_one_batch(zone: Zone) -> None:
    zone.change(create(zone.coloured("blue", 100)), create(zone.coloured("green", 0)))
    assert weights(zone) == {"blue": 100, "green": 0}
    answer = zone.change(upsert(zone.coloured("blue", 0)), upsert(zone.coloured("green", 255)))
    assert weights(zone) == {"blue": 0, "green": 255}
    assert answer["ChangeInfo"]["Status"] == "INSYNC"
    assert zone.client.get_change(Id=answer["ChangeInfo"]["Id"])["ChangeInfo"]["Status"] == "INSYNC"


def test_one_wrong_change_and_nothing_happens(zone: Zone) -> None:
    zone.change(create(zone.coloured("blue", 100)))
    code, text = zone.refused(upsert(zone.coloured("blue", 1)), create(zone.coloured("blue", 1, name="other", TTL=None)))
    assert (code, weights(zone)) == ("InvalidInput", {"blue": 100})
    assert "found none" in text


def test_the_ttl_of_a_pair_changes_in_one_batch_only(zone: Zone) -> None:
    zone.change(create(zone.coloured("blue", 1)), create(zone.coloured("green", 1)))
    code, text = zone.refused(upsert(zone.coloured("blue", 1, TTL=60)))
    assert code == "InvalidChangeBatch"
    assert "type CNAME, SetIdentifier blue cannot be created as weighted sets must contain the same TTL.]" in text
    zone.change(upsert(zone.coloured("blue", 1, TTL=60)), upsert(zone.coloured("green", 1, TTL=60)))
    assert {one["TTL"] for one in zone.own().values()} == {60}


def test_simple_and_weighted_in_one_batch(zone: Zone) -> None:
    zone.change(create(zone.record()))
    pair = [create(zone.coloured("blue", 1)), create(zone.coloured("green", 1))]
    assert "as a non-weighted set exists with the same name and type." in zone.refused(*pair)[1]
    zone.change(*pair, delete(zone.record()))
    assert weights(zone) == {"blue": 1, "green": 1}
    zone.change(*(delete(change["ResourceRecordSet"]) for change in pair), create(zone.record()))
    assert [key[2] for key in zone.own()] == [""]


def test_a_set_identifier_is_of_one_name_and_type_only(zone: Zone) -> None:
    address = {"kind": "A", "value": "192.0.2.1"}
    zone.change(create(zone.coloured("blue", 1)), create(zone.coloured("blue", 1, name="api", **address)))
    zone.change(delete(zone.coloured("blue", 1)))
    assert [key[0].split(".")[0] for key in zone.own()] == ["api"]


def test_another_set_identifier_in_one_batch(zone: Zone) -> None:
    zone.change(create(zone.coloured("blue", 1)))
    zone.change(delete(zone.coloured("blue", 1)), create(zone.coloured("teal", 1)))
    assert weights(zone) == {"teal": 1}


def test_names_are_kept_in_lower_case_with_a_dot(zone: Zone) -> None:
    zone.change(create({**zone.record(), "Name": f"WWW.{zone.name.rstrip('.')}"}))
    zone.change(create(zone.record("*")))
    assert {key[0] for key in zone.own()} == {f"www.{zone.name}", f"\\052.{zone.name}"}
    zone.change(delete(zone.record("*")))


def test_records_come_in_pages(zone: Zone) -> None:
    zone.change(*(create(zone.coloured(f"c{number:02d}", 1)) for number in range(7)))
    found: list[dict[str, Any]] = []
    start: dict[str, str] = {}
    while True:
        page = zone.client.list_resource_record_sets(HostedZoneId=zone.zone_id, MaxItems="2", **start)
        found += page["ResourceRecordSets"]
        if not page["IsTruncated"]:
            break
        start = {f"Start{name}": page[f"Next{name}"] for name in ("RecordName", "RecordType")}
        start |= {"StartRecordIdentifier": page["NextRecordIdentifier"]} if "NextRecordIdentifier" in page else {}
    assert [one.get("SetIdentifier") for one in found] == [None, None, *(f"c{number:02d}" for number in range(7))]
    assert found == zone.sets()
    assert zone.sets(StartRecordName=f"www.{zone.name}", MaxItems="1")[0]["SetIdentifier"] == "c00"


# What is refused: each line is one row's doing


def test_every_refusal_of_records(zone: Zone) -> None:
    name = zone.name
    zone.change(create(zone.coloured("blue", 1)), create(zone.record("plain")), create(zone.record("lone", "TXT", '"x"')))
    zone.change(create(zone.record("many", Weight=1, SetIdentifier="0", value="x.example")))
    zone.change(*(create(zone.record("many", Weight=1, SetIdentifier=str(n), value="x.example")) for n in range(1, 100)))
    alias = {"DNSName": f"nowhere.{name}", "HostedZoneId": zone.zone_id, "EvaluateTargetHealth": False}
    servers = next(one for one in zone.sets() if one["Type"] == "NS")
    authority = next(one for one in zone.sets() if one["Type"] == "SOA")
    by_region = {"SetIdentifier": "far", "Region": "eu-west-1"}
    kept = {"RecordName": f"kept.{name}", "RecordType": "CNAME", "Comment": "ask first"}
    zone.client.create_resource_record_set_protections(HostedZoneId=zone.zone_id, Protections=[kept])
    cases: dict[str, tuple[list[dict[str, Any]], str]] = {
        "action": (
            [{"Action": "REPLACE", "ResourceRecordSet": zone.record("x")}],
            "Value 'REPLACE' at 'changeBatch.changes.1.member.action'",
        ),
        "nothing": (
            [create(zone.record("x", TTL=None))],
            f"found none in Change with [Action=CREATE, Name=x.{name}, Type=CNAME",
        ),
        "alias-and-values": ([create(zone.record("x", "A", AliasTarget=alias, TTL=60))], "but found more than one in Change"),
        "policy-needs-id": ([create(zone.record("x", Weight=1))], "Missing field 'SetIdentifier' in Change"),
        "id-needs-policy": ([create(zone.record("x", SetIdentifier="x"))], "but found none in Change"),
        "protected": ([create(zone.record("kept"))], f"'CNAME kept.{name}' has a resource record set protection: ask first"),
        "weight": ([create(zone.coloured("x", 256, name="x"))], "Value '256' at 'changeBatch.changes.1.member"),
        "too-many-values": (
            [upsert(zone.record("x", "A", ResourceRecords=[{"Value": "192.0.2.1"}] * 501))],
            "Number of records limit of 1000 exceeded.",
        ),
        "health-check": ([create(zone.record("x", HealthCheckId="none"))], "A health check with id none does not exist."),
        "twice": ([delete(zone.record("plain"))] * 2, f"invalid set of changes for a resource record set 'CNAME plain.{name}'"),
        "exists": (
            [create(zone.coloured("blue", 1))],
            f"create resource record set [name='www.{name}', type='CNAME', set-identifier='blue'] but it already exists]",
        ),
        "missing": (
            [delete(zone.record("gone"))],
            f"[Tried to delete resource record set [name='gone.{name}', type='CNAME'] but it was not found]",
        ),
        "differs": ([delete(zone.coloured("blue", 2))], "but the values provided do not match the current values"),
        "outside": ([create({**zone.record(), "Name": "www.example.org"})], f"is not permitted in zone {name}"),
        "address": ([create(zone.record("x", "A"))], "Value is not a valid IPv4 address) encountered with 'a.example.com'"),
        "apex": (
            [create(zone.record(""))],
            f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {name}",
        ),
        "cname-beside": ([create(zone.record("lone"))], "as it conflicts with other records with the same DNS name"),
        "beside-cname": ([create(zone.record("plain", "A", "192.0.2.1"))], "conflicting RRSet of type CNAME with the same DNS"),
        "simple-beside": ([create(zone.record())], "as other RRSets exist with the same name and type."),
        "other-policy": ([create(zone.record(**by_region))], "SetIdentifier far cannot be created as a non-latency set exists"),
        "ttl": ([create(zone.coloured("green", 1, TTL=5))], "as weighted sets must contain the same TTL."),
        "too-many-weighted": (
            [create(zone.record("many", Weight=1, SetIdentifier="100", value="x.example"))],
            "already 100 weighted sets",
        ),
        "alias-outside": (
            [create(zone.record("x", "A", AliasTarget={**alias, "DNSName": "www.example.org"}))],
            "but the alias target name does not lie within the target zone",
        ),
        "alias-missing": ([create(zone.record("x", "A", AliasTarget=alias))], "but that target was not found"),
        "no-servers": ([delete(servers)], "A HostedZone must contain at least one NS record for the zone itself."),
        "no-authority": ([delete(authority)], "A HostedZone must contain exactly one SOA record."),
    }
    for rule, (changes, words) in cases.items():
        code, text = zone.refused(*changes)
        assert code == record_sets.REFUSALS[rule].code, rule
        assert words in text, (rule, text)
    assert set(cases) == set(record_sets.REFUSALS)


def test_errors_are_ones_of_the_service() -> None:
    known = {shape.name for shape in MODEL.operation_model("ChangeResourceRecordSets").error_shapes}
    assert {row.code for row in record_sets.REFUSALS.values()} <= known
    assert all(len(row.source) > 10 for row in record_sets.REFUSALS.values())


def test_all_that_is_wrong_is_said_at_once(zone: Zone) -> None:
    _, text = zone.refused(delete(zone.record("one")), delete(zone.record("two")))
    assert text.count("but it was not found") == 2


def test_a_record_set_may_be_deleted_only_as_it_is(zone: Zone) -> None:
    two = [{"Value": "192.0.2.1"}, {"Value": "192.0.2.2"}]
    zone.change(create(zone.record("x", "A", ResourceRecords=two)))
    wrongs: list[dict[str, Any]] = [{"TTL": 31}, {"ResourceRecords": two[:1]}]
    for wrong in wrongs:
        other: dict[str, Any] = {"ResourceRecords": two, **wrong}
        assert "do not match the current values" in zone.refused(delete(zone.record("x", "A", **other)))[1]
    zone.change(delete(zone.record("x", "A", ResourceRecords=two[::-1])))
    assert zone.own() == {}


def test_a_zone_with_a_vpc_is_private(world: World, dns: Any) -> None:
    vpc = world.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    given = {"Name": "own.example", "VPC": {"VPCId": vpc, "VPCRegion": REGION}, "HostedZoneConfig": {"Comment": "ours"}}
    made = dns.create_hosted_zone(CallerReference=f"zone-{next(NUMBERS)}", **given)
    found = dns.get_hosted_zone(Id=made["HostedZone"]["Id"])
    assert found["HostedZone"]["Config"] == {"Comment": "ours", "PrivateZone": True}
    assert found["VPCs"] == [{"VPCId": vpc, "VPCRegion": REGION}]
    with pytest.raises(ClientError, match="ConflictingDomainExists"):
        dns.create_hosted_zone(CallerReference=f"zone-{next(NUMBERS)}", **given)


def test_a_vpc_has_one_private_zone_of_a_name(world: World, dns: Any) -> None:
    vpcs = [world.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(2)]

    def private(vpc: str, name: str = "inside.example") -> Any:
        about = {"HostedZoneConfig": {"PrivateZone": True}, "VPC": {"VPCId": vpc, "VPCRegion": REGION}}
        return dns.create_hosted_zone(Name=name, CallerReference=f"zone-{next(NUMBERS)}", **about)

    for vpc in vpcs:
        private(vpc)
    private(vpcs[0], "other.example")
    with pytest.raises(ClientError, match="ConflictingDomainExists"):
        private(vpcs[0], "Inside.example.")


# Health checks


def made(dns: Any, **config: Any) -> str:
    return str(dns.create_health_check(CallerReference=f"r{next(NUMBERS)}", HealthCheckConfig=config)["HealthCheck"]["Id"])


def config_of(dns: Any, check: str) -> dict[str, Any]:
    return dict(dns.get_health_check(HealthCheckId=check)["HealthCheck"]["HealthCheckConfig"])


def status(dns: Any, check: str) -> bool:
    [observation] = dns.get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
    return bool(observation["StatusReport"]["Status"].startswith("Success"))


def test_the_defaults_of_a_health_check(dns: Any) -> None:
    assert config_of(dns, made(dns, Type="HTTPS", FullyQualifiedDomainName="a.example")) == {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": "a.example",
        "Port": 443,
        "RequestInterval": 30,
        "FailureThreshold": 3,
        "MeasureLatency": False,
        "EnableSNI": True,
        "Inverted": False,
        "Disabled": False,
    }


def test_a_check_of_an_alarm_follows_it(dns: Any, world: World) -> None:
    alarms = world.client("cloudwatch")
    about: dict[str, Any] = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1.0}
    metric: dict[str, Any] = {"MetricName": "m", "Namespace": "n", "Period": 60, "Statistic": "Average"}
    alarms.put_metric_alarm(AlarmName="sick", **about, **metric)
    alarm = {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": {"Region": REGION, "Name": "sick"}}
    plain, turned = made(dns, **alarm), made(dns, **alarm, Inverted=True)
    on_trust, on_doubt = (made(dns, **alarm, InsufficientDataHealthStatus=word) for word in ("Healthy", "Unhealthy"))
    off = made(dns, **alarm, Disabled=True)
    checks = (plain, turned, on_trust, on_doubt, off)

    def now(state: str) -> tuple[bool, ...]:
        alarms.set_alarm_state(AlarmName="sick", StateValue=state, StateReason="a test")
        return tuple(status(dns, check) for check in checks)

    with still(world):
        assert now("OK") == (True, False, True, True, True)
        assert now("INSUFFICIENT_DATA") == (True, False, True, False, True), "the last one known is OK"
        assert now("ALARM") == (False, True, False, False, True)
        assert now("INSUFFICIENT_DATA") == (False, True, True, False, True), "the last one known is ALARM"
    assert config_of(dns, plain)["AlarmIdentifier"] == {"Region": REGION, "Name": "sick"}
    nobody = made(dns, Type="CLOUDWATCH_METRIC", AlarmIdentifier={"Region": REGION, "Name": "nobody"})
    assert status(dns, nobody), "new checks without data are healthy"


def test_a_calculated_check_counts_its_children(dns: Any) -> None:
    good = made(dns, Type="TCP", FullyQualifiedDomainName="a.example", Port=6379)
    bad = made(dns, Type="TCP", FullyQualifiedDomainName="standby.invalid", Port=80, Disabled=True, Inverted=True)
    assert (status(dns, good), status(dns, bad)) == (True, False)
    for threshold, expected in ((0, True), (1, True), (2, False), (3, False)):
        check = made(dns, Type="CALCULATED", ChildHealthChecks=[good, bad], HealthThreshold=threshold)
        assert status(dns, check) is expected, threshold
    assert not status(dns, made(dns, Type="CALCULATED", ChildHealthChecks=[good], HealthThreshold=1, Inverted=True))


def test_a_health_check_is_changed_and_removed(dns: Any) -> None:
    check = made(dns, Type="HTTP", FullyQualifiedDomainName="a.example", ResourcePath="/old", Regions=["us-east-1"] * 3)
    dns.update_health_check(HealthCheckId=check, FailureThreshold=5, Inverted=True, ResetElements=["ResourcePath", "Regions"])
    found = config_of(dns, check)
    assert (found["FailureThreshold"], found["Inverted"]) == (5, True)
    assert not {"ResourcePath", "Regions"} & set(found)
    with pytest.raises(ClientError, match="HealthCheckVersionMismatch"):
        dns.update_health_check(HealthCheckId=check, HealthCheckVersion=1, FailureThreshold=2)
    dns.update_health_check(HealthCheckId=check, HealthCheckVersion=2, FailureThreshold=2)
    dns.delete_health_check(HealthCheckId=check)
    for call in (dns.get_health_check, dns.get_health_check_status, dns.delete_health_check, dns.update_health_check):
        with pytest.raises(ClientError, match="NoSuchHealthCheck"):
            call(HealthCheckId=check)


def test_the_same_request_makes_one_check(dns: Any) -> None:
    config = {"Type": "TCP", "FullyQualifiedDomainName": "a.example", "Port": 1}
    first, again = (dns.create_health_check(CallerReference="same", HealthCheckConfig=config) for _ in range(2))
    assert first["HealthCheck"]["Id"] == again["HealthCheck"]["Id"]
    with pytest.raises(ClientError, match="HealthCheckAlreadyExists"):
        dns.create_health_check(CallerReference="same", HealthCheckConfig={**config, "Port": 2})


def test_every_refusal_of_health_checks(dns: Any) -> None:
    alarm = {"Region": REGION, "Name": "x"}
    cases: dict[str, dict[str, Any]] = {
        "no-endpoint": {"Type": "HTTP"},
        "no-port": {"Type": "TCP", "FullyQualifiedDomainName": "a.example"},
        "port": {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": alarm, "Port": 80},
        "no-search": {"Type": "HTTP_STR_MATCH", "FullyQualifiedDomainName": "a.example"},
        "private": {"Type": "HTTP", "IPAddress": "10.1.2.3"},
        "no-alarm": {"Type": "CLOUDWATCH_METRIC"},
        "no-children": {"Type": "CALCULATED", "HealthThreshold": 1},
        "child": {"Type": "CALCULATED", "ChildHealthChecks": ["nobody"]},
    }
    for rule, config in cases.items():
        words = health_checks.REFUSALS[rule].text.split("{")[0]
        with pytest.raises(ClientError, match="InvalidInput") as refusal:
            made(dns, **config)
        assert refusal.value.response["Error"]["Message"].startswith(words), rule
    named = made(dns, Type="HTTP", FullyQualifiedDomainName="a.example")
    with pytest.raises(ClientError, match="IPAddress cannot be added"):
        dns.update_health_check(HealthCheckId=named, IPAddress="192.0.2.1")
    assert {*cases, "address-added"} == set(health_checks.REFUSALS)
    for fine in ("192.0.2.44", "8.8.8.8", "2001:db8::1"):
        made(dns, Type="HTTP", IPAddress=fine)


# Protections


def test_a_protected_record_set_stays_as_it_is(zone: Zone) -> None:
    dns, about = zone.client, {"HostedZoneId": zone.zone_id}
    zone.change(create(zone.record()))
    protections = [
        {"RecordName": f"later.{zone.name}", "RecordType": "TXT"},
        {"RecordName": f"www.{zone.name}", "RecordType": "CNAME", "Comment": "ask first"},
    ]
    later, www = ({"RecordName": one["RecordName"], "RecordType": one["RecordType"]} for one in protections)
    dns.create_resource_record_set_protections(**about, Protections=protections)
    assert dns.list_resource_record_set_protections(**about)["ResourceRecordSetProtections"] == protections
    for change in (
        upsert(zone.record(value="b.example.com")),
        delete(zone.record()),
        create(zone.record("later", "TXT", '"x"')),
    ):
        assert zone.refused(change)[0] == "InvalidChangeBatch"
    with pytest.raises(ClientError, match="ProtectionAlreadyExists"):
        dns.create_resource_record_set_protections(**about, Protections=[later, www])
    dns.delete_resource_record_set_protections(**about, Protections=[www])
    for call, wrong in (
        (dns.create_resource_record_set_protections, [later, www]),
        (dns.create_resource_record_set_protections, [{"RecordName": "www.example.net.", "RecordType": "A"}]),
        (dns.delete_resource_record_set_protections, [www]),
    ):
        with pytest.raises(ClientError, match="InvalidResourceRecordSetProtectionBatch"):
            call(**about, Protections=wrong)
    zone.change(delete(zone.record()))
    with pytest.raises(ClientError, match="protections"):
        dns.delete_hosted_zone(Id=zone.zone_id)
    dns.delete_resource_record_set_protections(**about, Protections=[later])
    dns.delete_hosted_zone(Id=zone.zone_id)


# Features


def test_only_a_public_zone_has_accelerated_recovery(zone: Zone, world: World) -> None:
    dns = zone.client

    def status(zone_id: str) -> Any:
        return dns.get_hosted_zone(Id=zone_id)["HostedZone"].get("Features", {}).get("AcceleratedRecoveryStatus")

    for on, wanted in ((True, "ENABLED"), (False, "DISABLED")):
        dns.update_hosted_zone_features(HostedZoneId=zone.zone_id, EnableAcceleratedRecovery=on)
        assert status(zone.zone_id) == wanted
    vpc = world.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    private = dns.create_hosted_zone(
        Name="private.example.",
        CallerReference="private",
        VPC={"VPCId": vpc, "VPCRegion": REGION},
        HostedZoneConfig={"PrivateZone": True},
    )["HostedZone"]["Id"]
    with pytest.raises(ClientError, match="not supported for private hosted zones"):
        dns.update_hosted_zone_features(HostedZoneId=private, EnableAcceleratedRecovery=True)
    assert status(private) is None
