"""What would stop a destroy half-way, and the command that looks for it first."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from redis_ha_ops import cloud, removal
from redis_ha_ops.call import Call
from redis_ha_ops.cli import cli
from redis_ha_ops.danger import BALANCER, GLOBAL, GROUP, RECORD, SECURITY_GROUP, SUBNET, VPC, ZONE
from redis_ha_ops.errors import OpsError
from redis_ha_ops.removal import contents, obstacles

ROOT = Path(__file__).resolve().parents[2]
HOME, AWAY = "eu-central-1", "eu-west-1"


def resource(kind: str, name: str, identifier: str, **more: Any) -> dict[str, Any]:
    outputs = {"region": HOME, **more.pop("outputs", {})}
    return {
        "urn": f"urn:pulumi:prod::redis-ha::{kind}::{name}",
        "type": kind,
        "id": identifier,
        "custom": True,
        "outputs": outputs,
        **more,
    }


NO_PROTECTION: dict[str, Any] = {"list_resource_record_set_protections": {"ResourceRecordSetProtections": []}}


def asking(answers: Mapping[str, Any], asked: list[tuple[str, str]] | None = None) -> cloud.Ask:
    def ask(service: str, operation: str, parameters: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        del service, parameters
        if asked is not None:
            asked.append((operation, region))
        answer: Mapping[str, Any] = {**NO_PROTECTION, **answers}[operation]
        return answer

    return ask


def whys(resources: list[dict[str, Any]], answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(one.name, one.why) for one in obstacles(resources, asking(answers))]


def test_what_pulumi_protects_needs_no_question() -> None:
    found = obstacles([resource("digitalocean:index/droplet:Droplet", "prod-data-0", "1", protect=True)], asking({}))
    assert [(one.name, one.remedy) for one in found] == [("prod-data-0", "set redis-ha:protect to false and run `up`")]


@pytest.mark.parametrize(("said", "count"), [("true", 1), ("false", 0)])
def test_deletion_protection(said: str, count: int) -> None:
    attributes = {"Attributes": [{"Key": "deletion_protection.enabled", "Value": said}]}
    assert len(whys([resource(BALANCER, "prod-blue", "arn")], {"describe_load_balancer_attributes": attributes})) == count


def row(name: str, kind: str, identifier: str | None = None) -> dict[str, Any]:
    return {"Name": name, "Type": kind} | ({"SetIdentifier": identifier} if identifier else {})


def test_records_of_others_in_a_zone() -> None:
    zone = resource(ZONE, "private-zone", "Z1", outputs={"name": "prod.internal"})
    ours = resource(
        RECORD, "app", "r", outputs={"zoneId": "Z1", "fqdn": "app.prod.internal", "type": "A", "setIdentifier": "blue"}
    )
    rows = [row("prod.internal.", "NS"), row("prod.internal.", "SOA"), row("app.prod.internal.", "A", "blue")]
    assert whys([zone, ours], {"list_resource_record_sets": {"ResourceRecordSets": rows}}) == []
    rows += [row("app.prod.internal.", "A", "green"), row("sub.prod.internal.", "NS")]
    assert whys([zone, ours], {"list_resource_record_sets": {"ResourceRecordSets": rows}}) == [
        ("private-zone", "holds app.prod.internal A, which is not the stack's"),
        ("private-zone", "holds sub.prod.internal NS, which is not the stack's"),
    ]
    zone["outputs"]["forceDestroy"] = True
    assert whys([zone], {}) == []


def test_record_sets_that_may_not_be_changed() -> None:
    zone = resource(ZONE, "private-zone", "Z1", outputs={"name": "prod.internal", "forceDestroy": True})
    record = resource(RECORD, "app", "r", outputs={"zoneId": "Z1", "fqdn": "app.prod.internal", "type": "A"})
    rows = [
        {"RecordName": "app.prod.internal.", "RecordType": "A", "Comment": "ask the network team"},
        {"RecordName": "later.prod.internal.", "RecordType": "TXT"},
    ]
    answers = {"list_resource_record_set_protections": {"ResourceRecordSetProtections": rows}}
    assert whys([zone, record], answers) == [
        ("app", "has a record set protection of app.prod.internal A: ask the network team"),
        ("private-zone", "has a record set protection of later.prod.internal TXT"),
    ]
    # In a zone of others only the stack's own records matter.
    assert whys([record], answers) == [("app", "has a record set protection of app.prod.internal A: ask the network team")]


def member(group: str, region: str, role: str) -> dict[str, str]:
    return {"ReplicationGroupId": group, "ReplicationGroupRegion": region, "Role": role}


@pytest.mark.parametrize(("leads", "count"), [("prod", 0), ("away", 1)])
def test_a_promoted_secondary(leads: str, count: int) -> None:
    resources = [
        resource(GLOBAL, "prod-global", "ldgnf-prod"),
        resource(GROUP, "prod-group", "prod", inputs={}),
        resource(GROUP, "away-group", "away", inputs={"globalReplicationGroupId": "ldgnf-prod"}),
    ]
    places = {"prod": HOME, "away": AWAY}
    members = [member(group, region, "PRIMARY" if group == leads else "SECONDARY") for group, region in places.items()]
    answers = {"describe_global_replication_groups": {"GlobalReplicationGroups": [{"Members": members}]}}
    found = obstacles(resources, asking(answers))
    assert len(found) == count
    if found:
        assert found[0].why == "away in eu-west-1 leads, and AWS detaches no primary"
        assert found[0].remedy == "promote prod in eu-central-1 again"


def test_a_last_snapshot_whose_name_is_taken() -> None:
    group = resource(GROUP, "prod-group", "prod", inputs={"finalSnapshotIdentifier": "prod-final-1"})
    other = resource("random:index/randomId:RandomId", "prod-final-snapshot", "x")
    answers = {"describe_snapshots": {"Snapshots": [{"SnapshotName": "prod-final-1"}]}}
    (found,) = obstacles([group, other], asking(answers))
    assert f"--replace '{other['urn']}'" in found.remedy
    assert whys([{**group, "inputs": {}}], answers) == []


@pytest.mark.parametrize(("code", "raised"), [("SnapshotNotFoundFault", False), ("AccessDenied", True)])
def test_what_is_gone_stops_nothing_and_what_cannot_be_seen_is_no_all_clear(code: str, raised: bool) -> None:
    def ask(*_: Any) -> Any:
        raise cloud.CloudError("no", code)

    group = resource(GROUP, "prod-group", "prod", inputs={"finalSnapshotIdentifier": "prod-final-1"})
    if raised:
        with pytest.raises(cloud.CloudError):
            obstacles([group], ask)
    else:
        assert obstacles([group], ask) == []


def test_what_others_made_in_a_vpc() -> None:
    resources = [
        resource(VPC, "prod-vpc", "vpc-1"),
        resource(SUBNET, "a", "subnet-1"),
        resource(SECURITY_GROUP, "g", "sg-1"),
        resource(GROUP, "prod-group", "prod", outputs={"replicationGroupId": "prod"}),
    ]
    own: dict[str, Any] = {
        "describe_subnets": {"Subnets": [{"SubnetId": "subnet-1"}]},
        "describe_security_groups": {
            "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "g"}, {"GroupId": "sg-0", "GroupName": "default"}]
        },
        "describe_network_interfaces": {
            "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Description": "ElastiCache prod-001"}]
        },
    }
    assert whys(resources, own) == []
    own["describe_subnets"]["Subnets"].append({"SubnetId": "subnet-2"})
    own["describe_security_groups"]["SecurityGroups"].append({"GroupId": "sg-2", "GroupName": "app"})
    for interface in ({"NetworkInterfaceId": "eni-2"}, {"NetworkInterfaceId": "eni-3", "Description": "ELB app/theirs/1"}):
        own["describe_network_interfaces"]["NetworkInterfaces"].append(interface)
    assert [why for _, why in whys(resources, own)] == [
        "holds subnet subnet-2, which is not the stack's",
        "holds security group sg-2 (app), which is not the stack's",
        "holds network interface eni-2 (no description)",
        "holds network interface eni-3 (ELB app/theirs/1)",
    ]


def test_each_thing_is_asked_of_its_own_region() -> None:
    asked: list[tuple[str, str]] = []
    group = resource(GROUP, "away", "away", inputs={"finalSnapshotIdentifier": "x"}, outputs={"region": AWAY})
    obstacles([group], asking({"describe_snapshots": {"Snapshots": []}}, asked))
    assert asked == [("describe_snapshots", AWAY)]


def test_what_is_counted() -> None:
    provider = {**resource("pulumi:providers:aws", "default", "1")}
    component = {
        "urn": "urn:pulumi:prod::redis-ha::redis-ha:index:PrivateNetwork::prod",
        "type": "redis-ha:index:PrivateNetwork",
    }
    assert contents([provider, component, resource(VPC, "a", "1"), resource(VPC, "b", "2")]) == {VPC: 2}


# --- the command ---


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was run, in place of running it; the state holds one VPC-less droplet."""
    ran: list[list[str]] = []
    droplet = resource("digitalocean:index/droplet:Droplet", "prod-data-0", "1")

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        state = json.dumps({"version": 3, "deployment": {"resources": [droplet]}})
        return subprocess.CompletedProcess(command, 0, state if "export" in command else "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(cloud, "ask_of", lambda *_, **__: asking({}))
    return ran


def invoke(*arguments: str, text: str = "") -> Any:
    return CliRunner().invoke(cli, ["destroy", "--stack", "prod", "--program", str(ROOT), *arguments], obj=Call(), input=text)


@pytest.mark.parametrize(
    ("arguments", "text", "code", "destroys"),
    [
        (("--check",), "", 0, False),
        ((), "prod\n", 0, True),
        ((), "local\n", 1, False),
        (("--yes",), "", 0, True),
    ],
)
def test_it_asks_for_the_stacks_name(
    commands: list[list[str]], arguments: tuple[str, ...], text: str, code: int, destroys: bool
) -> None:
    done = invoke(*arguments, text=text)
    assert done.exit_code == code, done.output
    assert "nothing would stop a destroy of 1 resources" in done.output
    assert (["pulumi", "destroy", "--yes", "--stack", "prod"] in commands) is destroys


def test_nothing_is_deleted_while_something_would_stop_it(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "obstacles", lambda *_: [removal.Obstacle("a", "is protected", "lift it")])
    done = invoke("--yes")
    assert done.exit_code == 1
    assert "1 things would stop a destroy half-way; nothing was touched" in done.output
    assert [command[:2] for command in commands] == [["pulumi", "stack"]]


def test_a_state_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failed = subprocess.CompletedProcess([], 255, "", "error: no stack named 'prod' found\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    (tmp_path / "Pulumi.yaml").write_text("name: tested\n")
    with pytest.raises(OpsError, match="stack prod: its state cannot be read: no stack named 'prod' found"):
        removal.read_state("prod", tmp_path, emulated=False)
