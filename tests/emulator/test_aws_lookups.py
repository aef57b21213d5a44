"""The look-ups that ask the stack's AWS: parameters, zones, records, caches; without an endpoint nothing is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from pulumi_emulator.values import Secret, decode, encode, reveal
from tests.support.aws_provider import REGION, EmulatedAccount, RefusedError


@pytest.fixture
def nothing(tmp_path: Path) -> EmulatedAccount:
    return EmulatedAccount(tmp_path, None)


def look_up(account: EmulatedAccount, token: str, **arguments: Any) -> dict[str, Any]:
    request = pb.InvokeRequest(tok=f"aws:{token}:{token.split('/')[1]}", args=encode(arguments))
    return decode(getattr(account.provider.Invoke(request, account.context), "return"))


def test_a_parameter(account: EmulatedAccount) -> None:
    account.made("ssm.Parameter", name="/look-up/one", type="String", value="plain")
    account.made("ssm.Parameter", name="/look-up/two", type="SecureString", value="hidden")
    found = look_up(account, "ssm/getParameter", name="/look-up/one")
    assert (found["value"], found["insecureValue"], found["type"], found["version"]) == ("plain", "plain", "String", 1)
    assert found["arn"] == f"arn:aws:ssm:{REGION}:123456789012:parameter/look-up/one"
    secret = look_up(account, "ssm/getParameter", name="/look-up/two")
    assert secret["value"] == Secret("hidden")
    assert secret["insecureValue"] == ""
    with pytest.raises(RefusedError, match=r"reading SSM Parameter \(/look-up/none\) in eu-central-1: couldn't find resource"):
        look_up(account, "ssm/getParameter", name="/look-up/none")
    with pytest.raises(RefusedError, match="couldn't find resource"):
        look_up(account, "ssm/getParameter", name="/look-up/one", region="eu-west-1")


def test_parameters_below_a_path(account: EmulatedAccount) -> None:
    # SSM gives at most ten of them at once.
    for number in range(12):
        account.made("ssm.Parameter", f"p{number}", name=f"/path/{number:02d}", type="String", value=str(number))
    account.made("ssm.Parameter", "deep", name="/path/deep/er", type="SecureString", value="hidden")
    found = look_up(account, "ssm/getParametersByPath", path="/path")
    assert dict(zip(found["names"], found["values"], strict=True)) == {f"/path/{n:02d}": str(n) for n in range(12)}
    deep = look_up(account, "ssm/getParametersByPath", path="/path", recursive=True)
    assert dict(zip(deep["names"], reveal(deep["values"]), strict=True))["/path/deep/er"] == "hidden"
    assert deep["types"].count("SecureString") == 1
    assert Secret("hidden") in deep["values"]
    assert look_up(account, "ssm/getParametersByPath", path="/none")["names"] == []


def test_zones(account: EmulatedAccount) -> None:
    vpcs = [account.made("ec2.Vpc", name, cidrBlock="10.0.0.0/16").id for name in ("one", "two")]
    public = account.made("route53.Zone", "public", name="look.example", tags={"team": "a"})
    private = account.made("route53.Zone", "private", name="look.example", vpcs=[{"vpcId": vpcs[0]}])
    account.made("route53.Zone", "other", name="look.example", vpcs=[{"vpcId": vpcs[1]}])
    found = look_up(account, "route53/getZone", name="Look.example.")
    assert (found["zoneId"], found["name"], found["privateZone"]) == (public.id, "look.example", False)
    assert (found["tags"], found["resourceRecordSetCount"], len(found["nameServers"])) == ({"team": "a"}, 2, 4)
    assert look_up(account, "route53/getZone", name="look.example", privateZone=True, vpcId=vpcs[0])["zoneId"] == private.id
    assert look_up(account, "route53/getZone", zoneId=private.id)["privateZone"] is True
    with pytest.raises(RefusedError, match="multiple Route 53 Hosted Zones match look"):
        look_up(account, "route53/getZone", name="look.example", privateZone=True)
    for wrong in ({"name": "nowhere.example"}, {"zoneId": "Z0"}, {"name": "look.example", "tags": {"team": "b"}}):
        with pytest.raises(RefusedError, match="no matching Route 53 Hosted Zone found"):
            look_up(account, "route53/getZone", **wrong)
    for wrong in ({}, {"name": "look.example", "zoneId": public.id}):
        with pytest.raises(RefusedError, match="exactly one of zoneId, name must be set"):
            look_up(account, "route53/getZone", **wrong)


def test_records(account: EmulatedAccount) -> None:
    zone = account.made("route53.Zone", name="records.example").id
    same = {"zoneId": zone, "name": "www", "type": "CNAME", "ttl": 30}
    for colour, weight in (("blue", 90), ("green", 0)):
        account.made(
            "route53.Record",
            colour,
            **same,
            records=[f"{colour}.example"],
            setIdentifier=colour,
            weightedRoutingPolicies=[{"weight": weight}],
        )
    alias = {"name": "lb.example.com", "zoneId": "Z215JYRZR1TBD5", "evaluateTargetHealth": True}
    account.made("route53.Record", "alias", zoneId=zone, name="alias", type="A", aliases=[alias])
    found = look_up(account, "route53/getRecords", zoneId=zone, nameRegex=r"^www\.")["resourceRecordSets"]
    short = [(item["name"], item["type"], item["ttl"], item["setIdentifier"], item["weight"]) for item in found]
    assert short == [("www.records.example.", "CNAME", 30, colour, weight) for colour, weight in (("blue", 90), ("green", 0))]
    assert [item["resourceRecords"] for item in found] == [[{"value": "blue.example"}], [{"value": "green.example"}]]
    everything = look_up(account, "route53/getRecords", zoneId=zone)["resourceRecordSets"]
    assert sorted(item["type"] for item in everything) == ["A", "CNAME", "CNAME", "NS", "SOA"]
    target = next(item["aliasTarget"] for item in everything if item["type"] == "A")
    assert target == {"dnsName": "lb.example.com.", "hostedZoneId": "Z215JYRZR1TBD5", "evaluateTargetHealth": True}
    with pytest.raises(RefusedError, match=r"listing Route 53 Records \(Z0\): NoSuchHostedZone"):
        look_up(account, "route53/getRecords", zoneId="Z0")


GROUP = {
    "replicationGroupId": "looked-at", "description": "x", "engine": "valkey", "engineVersion": "8.0",
    "nodeType": "cache.r7g.large", "numCacheClusters": 2, "automaticFailoverEnabled": True,
}  # fmt: skip


def test_a_replication_group_and_its_nodes(account: EmulatedAccount) -> None:
    made = account.made("elasticache.ReplicationGroup", **GROUP).read() or {}
    found = look_up(account, "elasticache/getReplicationGroup", replicationGroupId="looked-at")
    same = ("arn", "clusterMode", "description", "nodeType", "numCacheClusters", "port", "primaryEndpointAddress")
    assert {name: found[name] for name in same if name in made} == {name: made[name] for name in same if name in made}
    assert sorted(found["memberClusters"]) == ["looked-at-001", "looked-at-002"]
    assert (found["automaticFailoverEnabled"], found["multiAzEnabled"], found["replicasPerNodeGroup"]) == (True, False, 1)
    node = look_up(account, "elasticache/getCluster", clusterId="looked-at-001")
    assert (node["engine"], node["replicationGroupId"]) == ("valkey", "looked-at")
    assert node["engineVersion"].startswith("8.0")
    with pytest.raises(RefusedError, match=r"reading ElastiCache Replication Group \(none\): couldn't find resource"):
        look_up(account, "elasticache/getReplicationGroup", replicationGroupId="none")
    with pytest.raises(RefusedError, match="your query returned no results"):
        look_up(account, "elasticache/getCluster", clusterId="none-001")


def test_a_serverless_cache(account: EmulatedAccount) -> None:
    limits = {"dataStorage": {"maximum": 10, "unit": "GB"}, "ecpuPerSeconds": [{"maximum": 5000}]}
    account.made("elasticache.ServerlessCache", name="looked", engine="redis", majorEngineVersion="7", cacheUsageLimits=limits)
    found = look_up(account, "elasticache/getServerlessCache", name="looked")
    assert (found["engine"], found["majorEngineVersion"], found["status"]) == ("redis", "7", "available")
    assert found["cacheUsageLimits"]["ecpuPerSecond"]["maximum"] == 5000
    assert found["endpoint"]["address"]
    with pytest.raises(RefusedError, match="couldn't find resource"):
        look_up(account, "elasticache/getServerlessCache", name="none")


def test_in_a_preview_without_an_endpoint_nothing_is_there(nothing: EmulatedAccount) -> None:
    for function, asked in (("ReplicationGroup", "replicationGroupId"), ("Cluster", "clusterId"), ("ServerlessCache", "name")):
        with pytest.raises(RefusedError):
            look_up(nothing, f"elasticache/get{function}", **{asked: "x"})
    assert look_up(nothing, "ssm/getParametersByPath", path="/path")["values"] == []
    with pytest.raises(RefusedError, match="couldn't find resource"):
        look_up(nothing, "ssm/getParameter", name="/path/00")
    with pytest.raises(RefusedError, match="no matching Route 53 Hosted Zone found"):
        look_up(nothing, "route53/getZone", name="look.example")
    with pytest.raises(RefusedError, match="NoSuchHostedZone"):
        look_up(nothing, "route53/getRecords", zoneId="Z0")
    assert nothing.starts == 0, "looking starts nothing"


def test_a_region_is_needed_for_parameters(nothing: EmulatedAccount) -> None:
    nothing.configure({})
    with pytest.raises(RefusedError, match="region: missing"):
        look_up(nothing, "ssm/getParametersByPath", path="/path")
