"""`redis-ha status` of blue and green: what is live, against the plan of record and the stack."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from pulumi_emulator.aws.access import environment_of
from redis_ha_ops import cloud, traffic
from redis_ha_ops.blocks import blocks_of
from redis_ha_ops.call import Call
from redis_ha_ops.cli import cli
from redis_ha_ops.errors import OpsError
from redis_ha_ops.traffic import Shifted, TrafficLook, judge, look
from tests.support.aws_world import REGION, Remote
from tests.support.aws_world import world as aws

__all__ = ["aws"]  # a fixture

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
IDENTIFIERS = {"blue": "shop-blue", "green": "shop-green"}
TARGETS = {"blue": "master.blue.euc1.cache.amazonaws.com", "green": "master.green.euw1.cache.amazonaws.com"}
LISTENER = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2"


class Zone:
    """A zone of the emulated AWS, and the parameters beside it."""

    def __init__(self, remote: Remote) -> None:
        self.route53, self.ssm = remote.client("route53"), remote.client("ssm")
        made = self.route53.create_hosted_zone(Name="shop.internal", CallerReference=remote.name("zone"))
        self.id = str(made["HostedZone"]["Id"]).rpartition("/")[2]
        self.path = f"/redis-ha/{remote.name('path')}"

    def put(self, name: str, kind: str, *, action: str = "UPSERT", **fields: Any) -> None:
        record = {"Name": name, "Type": kind, **fields}
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        self.route53.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch=batch)

    def shift(self, name: str, blue: int, green: int) -> None:
        for colour, weight in (("blue", blue), ("green", green)):
            value = [{"Value": f"{colour}.shop.internal"}]
            self.put(name, "CNAME", TTL=30, SetIdentifier=IDENTIFIERS[colour], Weight=weight, ResourceRecords=value)

    def write(self, record: str, **document: Any) -> None:
        value = json.dumps({"version": 1, **document})
        self.ssm.put_parameter(Name=f"{self.path}/{record}", Type="String", Value=value, Overwrite=True)

    def weighted(self, *names: str, **changes: Any) -> dict[str, Any]:
        return {
            "version": 1,
            "kind": "weighted",
            "zone_id": self.id,
            "records": [{"name": name, "type": "CNAME"} for name in names],
            "set_identifiers": IDENTIFIERS,
            "authority": "runtime",
            "region": REGION,
            "record_path": self.path,
            "weights": {"blue": 100, "green": 0},
            **changes,
        }

    def writer(self, name: str, **changes: Any) -> dict[str, Any]:
        plain = {key: value for key, value in self.weighted(name).items() if key not in {"set_identifiers", "weights"}}
        return {**plain, "kind": "live", "targets": TARGETS, "live": "blue", **changes}


@pytest.fixture(scope="module")
def ask(aws: Remote) -> Iterator[cloud.Ask]:
    """Ask as a real stack is asked: with the credentials and the endpoint of this process."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in environment_of(aws.endpoint).items():
            environment.setenv(name, value)
        environment.setenv("NO_PROXY", "127.0.0.1")
        yield cloud.real()


@pytest.fixture
def zone(aws: Remote) -> Zone:
    return Zone(aws)


def told(seen: TrafficLook) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.code, finding.subject) for finding in seen.findings]


def drawn(seen: TrafficLook) -> str:
    console = Console(width=220)
    with console.capture() as capture:
        traffic.draw("prod", seen, console, emulated=False)
    return capture.get()


def test_live_weights_the_plan_of_record_and_the_stack(zone: Zone, ask: cloud.Ask) -> None:
    names = ["api.shop.internal", "www.shop.internal"]
    for name in names:
        zone.shift(name, 100, 0)
    outputs = {"weighted_blue_green": zone.weighted(*names)}
    seen = look("prod", outputs, ask, NOW)
    assert (seen.exit_code, told(seen)) == (0, [])
    assert seen.shifted[0].live == {f"{name} CNAME": {"blue": 100, "green": 0} for name in names}
    # A tool shifts: with the runtime's authority the plan of record is right, whatever the stack set.
    zone.write("weights", blue=90, green=10)
    for name in names:
        zone.shift(name, 90, 10)
    seen = look("prod", outputs, ask, NOW)
    assert (seen.exit_code, told(seen)) == (0, [])
    assert "blue 90, green 10" in drawn(seen)
    # Somebody shifts one name by hand.
    zone.shift(names[1], 50, 50)
    seen = look("prod", outputs, ask, NOW)
    assert seen.exit_code == 1
    assert told(seen) == [
        ("degraded", "names-differ", "weighted_blue_green"),
        ("degraded", "live-differs", "www.shop.internal CNAME"),
    ]
    assert f"blue 50, green 50 is live, and {zone.path} says blue 90, green 10" in drawn(seen)
    # While a shift runs that is how it should be.
    zone.write("lease", holder="ops@laptop", expires=(NOW + timedelta(minutes=5)).isoformat())
    seen = look("prod", outputs, ask, NOW)
    assert (seen.exit_code, {finding.code for finding in seen.findings}) == (
        0,
        {"names-differ", "live-differs", "shift-running"},
    )
    seen = look("prod", outputs, ask, NOW + timedelta(minutes=6))
    assert (seen.exit_code, told(seen)[-1]) == (1, ("note", "lease-over", "weighted_blue_green"))
    assert traffic.as_json("prod", seen, emulated=False)["shifted"][0]["lease"]["holder"] == "ops@laptop"


def test_a_missing_colour_is_told(zone: Zone, ask: cloud.Ask) -> None:
    zone.shift("api.shop.internal", 100, 0)
    value = [{"Value": "green.shop.internal"}]
    zone.put("api.shop.internal", "CNAME", action="DELETE", TTL=30, SetIdentifier="shop-green", Weight=0, ResourceRecords=value)
    seen = look("prod", {"weighted_blue_green": zone.weighted("api.shop.internal")}, ask, NOW)
    assert told(seen) == [("broken", "record-missing", "api.shop.internal CNAME")]
    assert seen.exit_code == 1
    assert json.dumps(traffic.as_json("prod", seen, emulated=False))


def test_the_live_colour_of_a_writers_name(zone: Zone, ask: cloud.Ask) -> None:
    def point(target: str) -> None:
        zone.put("writer.shop.internal", "CNAME", TTL=5, ResourceRecords=[{"Value": target}])

    outputs = {"live_colour_record": zone.writer("writer.shop.internal", authority="stack")}
    point(f"{TARGETS['blue'].upper()}.")
    seen = look("prod", outputs, ask, NOW)
    assert (seen.exit_code, seen.shifted[0].live) == (0, {"writer.shop.internal CNAME": "blue"})
    point(TARGETS["green"])
    seen = look("prod", outputs, ask, NOW)
    assert told(seen) == [("degraded", "live-differs", "writer.shop.internal CNAME")]
    zone.write("live", colour="green")
    seen = look("prod", outputs, ask, NOW)
    assert told(seen)[-1] == ("degraded", "plan-differs", "live_colour_record")
    outputs = {"live_colour_record": zone.writer("writer.shop.internal")}
    assert look("prod", outputs, ask, NOW).exit_code == 0
    point("elsewhere.shop.internal")
    assert told(look("prod", outputs, ask, NOW)) == [("broken", "record-missing", "writer.shop.internal CNAME")]
    zone.ssm.put_parameter(Name=f"{zone.path}/live", Type="String", Value="green", Overwrite=True)
    assert ("degraded", "plan-unknown", "live_colour_record") in told(look("prod", outputs, ask, NOW))


def listener(answer: Mapping[str, Any]) -> cloud.Ask:
    def ask(service: str, operation: str, parameters: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        if service == "ssm":
            raise cloud.CloudError("no such parameter", "ParameterNotFound")
        assert (service, operation, region) == ("elbv2", "describe_listeners", REGION)
        assert parameters == {"ListenerArns": [LISTENER]}
        return answer

    return ask


def test_the_weights_of_a_listener() -> None:
    arns = {"blue": "arn:blue", "green": "arn:green"}
    output = {"listener_arn": LISTENER, "target_group_arns": arns, "weights": {"blue": 90, "green": 10}, "record_path": "/p"}
    groups = [{"TargetGroupArn": "arn:blue", "Weight": 90}, {"TargetGroupArn": "arn:green", "Weight": 10}]
    answer = {"Listeners": [{"DefaultActions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]}]}
    seen = look("prod", {"alb_blue_green": output}, listener(answer), NOW)
    assert (seen.exit_code, seen.shifted[0].live) == (0, {"listener shop": {"blue": 90, "green": 10}})
    del groups[1]
    assert told(look("prod", {"alb_blue_green": output}, listener(answer), NOW)) == [
        ("broken", "record-missing", "listener shop")
    ]


# --- judging ---

ONE = Shifted("weighted_blue_green", "runtime", "/p", REGION, {"a": {"blue": 1, "green": 1}}, stack={"blue": 1, "green": 1})


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"stack": None}, []),
        ({"planned": {"blue": 1, "green": 1}, "stack": {"blue": 9, "green": 1}}, []),
        ({"planned": {"blue": 2, "green": 1}}, ["live-differs"]),
        ({"authority": "stack", "planned": {"blue": 2, "green": 1}}, ["plan-differs"]),
        ({"authority": "stack", "planned": {"blue": 1, "green": 1}}, []),
        ({"live": {"a": None}}, ["record-missing"]),
        ({"holder": "me", "expires": NOW}, ["lease-over"]),
        ({"holder": "me", "expires": NOW + timedelta(seconds=1)}, ["shift-running"]),
    ],
)
def test_findings(changes: dict[str, Any], found: list[str]) -> None:
    assert [finding.code for finding in judge(replace(ONE, **changes), NOW)] == found


def test_aws_that_does_not_answer_is_told() -> None:
    def gone(*_: Any) -> Any:
        raise cloud.CloudError("route53: no answer")

    records = [{"name": "a", "type": "CNAME"}]
    output = {"zone_id": "Z", "records": records, "set_identifiers": IDENTIFIERS, "record_path": "/p", "region": REGION}
    seen = look("prod", {"weighted_blue_green": output}, gone, NOW)
    assert told(seen)[0] == ("broken", "unreachable", "weighted_blue_green")
    assert seen.exit_code == 2


# --- the command ---


def test_blocks_follow_from_the_outputs() -> None:
    assert blocks_of({}) == ["sentinel"]
    assert blocks_of({"alb_blue_green": {"listener_arn": "", "dns_names": {}}}) == ["sentinel"]
    both = {"elasticache_connection": {}, "global_connection": {}, "alb_blue_green": {"listener_arn": LISTENER}}
    assert blocks_of(both) == ["elasticache", "global", "traffic"]
    with pytest.raises(OpsError, match="no output weighted_blue_green, live_colour_record, or alb_blue_green"):
        look("prod", {}, listener({}), NOW)


def test_the_command_shows_it(zone: Zone, ask: cloud.Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "real", lambda: ask)
    zone.shift("api.shop.internal", 100, 0)
    monkeypatch.setattr(
        "redis_ha_ops.call.read_outputs", lambda *_, **__: {"weighted_blue_green": zone.weighted("api.shop.internal")}
    )
    done = CliRunner().invoke(cli, ["status", "--stack", "prod"], obj=Call())
    assert done.exit_code == 0, done.output
    assert "healthy: what is live is what was planned" in done.output
    done = CliRunner().invoke(cli, ["status", "--stack", "prod", "--json"], obj=Call())
    assert json.loads(done.output)["shifted"][0]["live"] == {"api.shop.internal CNAME": {"blue": 100, "green": 0}}
