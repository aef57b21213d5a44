"""Blue and green records through the real engine: renames keep them, refusals come in preview, live weights stay."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation as auto

from pulumi_emulator.aws import ACCOUNT_ID, running_endpoint
from pulumi_emulator.aws import client as aws_client
from pulumi_emulator.command import EngineCommand
from pulumi_emulator.engine import find_engine
from pulumi_emulator.environment import engine_environment
from pulumi_emulator.handlers import Cloud
from pulumi_emulator.provider import Providers
from redis_ha.traffic import LiveColourRecord
from tests.support.emulated import Emulated, shared_home

pytestmark = pytest.mark.engine
PROGRAM = """
import pulumi_aws as aws
from redis_ha.traffic import LiveColourRecord, WeightedBlueGreen

zone = aws.route53.Zone("zone", name="example.com", force_destroy=True)
aws.route53.Zone("theirs", name="example.org", force_destroy=True)
where = {"region": "eu-central-1", "zone_id": zone.zone_id, "zone_name": "example.com"}
weighted = WeightedBlueGreen(NAMES[0], {**where, **WEIGHTED}, pulumi.ResourceOptions(aliases=ALIASES[0]))
live = LiveColourRecord(NAMES[1], {**where, **LIVE}, pulumi.ResourceOptions(aliases=ALIASES[1]))
pulumi.export("weights", weighted.weights)
pulumi.export("traffic", weighted.traffic)
pulumi.export("live", live.live)
pulumi.export("policies", [weighted.shift_policy, live.shift_policy])
if THEIRS:
    WeightedBlueGreen("their-shop", THEIRS[0])
    LiveColourRecord("their-writer", THEIRS[1])
"""
HOSTS: dict[str, Any] = {"blue": {"host": "blue.example.net"}, "green": {"host": "green.example.net"}}
WEIGHTED: dict[str, Any] = {
    "names": {"api.example.com": HOSTS, "www.example.com": HOSTS},
    "weights": {"blue": 100, "green": 0},
    "health": {"blue": {"alarm": {"name": "blue-sick"}}},
    "standby_receives_on_failure": False,
}
LIVE: dict[str, Any] = {
    "name": "writer.example.com",
    "targets": {"blue": "blue.example.net", "green": "green.example.net"},
    "live": "blue",
}


def program(
    weighted: dict[str, Any] | None = None,
    live: dict[str, Any] | None = None,
    *,
    names: tuple[str, str] = ("shop", "writer"),
    renamed: bool = False,
    theirs: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> str:
    was = "[pulumi.Alias(name='shop')], [pulumi.Alias(name='writer')]" if renamed else "[], []"
    values = {
        "WEIGHTED": {**WEIGHTED, **(weighted or {})},
        "LIVE": {**LIVE, **(live or {})},
        "NAMES": names,
        "THEIRS": theirs,
    }
    given = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    return f"import pulumi\n{given}\nALIASES = {was}\n{PROGRAM}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    """A stack that is up."""
    folder = tmp_path_factory.mktemp("traffic")
    made = Emulated.create(folder / "program", shared_home(folder / "home"), program())
    try:
        made.run("up")
        yield made
    finally:
        made.clean_up()


def route53(stack: Emulated) -> Any:
    endpoint = running_endpoint(stack.folder.path)
    assert endpoint is not None
    return aws_client(endpoint, "route53", "us-east-1")


def zone_of(stack: Emulated, name: str = "example.com") -> str:
    (found,) = [zone["Id"] for zone in route53(stack).list_hosted_zones()["HostedZones"] if zone["Name"] == f"{name}."]
    return str(found).rsplit("/", maxsplit=1)[-1]


def records(stack: Emulated, zone: str) -> dict[tuple[str, str | None], dict[str, Any]]:
    """What the zone holds besides SOA and NS, by name and set identifier."""
    found = route53(stack).list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {(one["Name"], one.get("SetIdentifier")): one for one in found if one["Type"] not in {"SOA", "NS"}}


def shift(stack: Emulated, zone: str, name: str, blue: int, green: int) -> None:
    """What a tool does: both weights in one batch."""
    held = records(stack, zone)
    changes = [
        {"Action": "UPSERT", "ResourceRecordSet": {**held[f"{name}.", colour], "Weight": weight}}
        for colour, weight in (("blue", blue), ("green", green))
    ]
    route53(stack).change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def test_the_zone_holds_what_was_asked_for(stack: Emulated) -> None:
    outputs = stack.outputs()
    held = records(stack, zone_of(stack))
    assert set(held) == {
        ("api.example.com.", "blue"), ("api.example.com.", "green"), ("www.example.com.", "blue"),
        ("www.example.com.", "green"), ("writer.example.com.", None),
    }  # fmt: skip
    blue, green = held["api.example.com.", "blue"], held["api.example.com.", "green"]
    assert (blue["Weight"], green["Weight"], blue["TTL"]) == (100, 0, 60)
    ids = outputs["traffic"]["health_check_ids"]
    assert (blue["HealthCheckId"], green["HealthCheckId"]) == (ids["blue"], ids["standby"])
    never = route53(stack).get_health_check(HealthCheckId=ids["standby"])["HealthCheck"]["HealthCheckConfig"]
    assert (never["Disabled"], never["Inverted"]) == (True, True)
    assert (outputs["weights"], outputs["live"]) == ({"blue": 100, "green": 0}, "blue")
    for policy, name in zip(outputs["policies"], ("shop", "writer"), strict=True):
        path = f"arn:aws:ssm:eu-central-1:{ACCOUNT_ID}:parameter/redis-ha/{name}"
        assert json.loads(policy)["Statement"][-1]["Resource"] == [path, f"{path}/*"]
    stack.run("preview --expect-no-changes")


def test_what_is_renamed_keeps_its_records(stack: Emulated) -> None:
    stack.edit(program(names=("store", "redis"), renamed=True))
    said = stack.run("preview").stdout
    assert not {"create", "replace", "delete"} & {line.split()[0] for line in said.splitlines() if " aws." in line}
    spelled = {"API.example.com.": HOSTS, "www.example.com": HOSTS}
    stack.edit(program({"names": spelled}, {"name": "Writer.example.com."}))
    stack.run("preview --expect-no-changes")
    stack.edit(program())


def test_a_component_renamed_without_an_alias_makes_nothing_over_what_is_there(stack: Emulated) -> None:
    before = records(stack, zone_of(stack))
    known: list[dict[str, Any]] = [
        {"name": name, "type": "CNAME", **({"set_identifier": colour} if colour else {})} for name, colour in before
    ]
    stack.edit(program({"known_records": known}, {"known_records": known}, names=("store", "writer")))
    said = stack.fails("preview")
    assert "the creation of store-api.example.com-cname-blue is refused: the zone has a record api.example.com CNAME" in said
    stack.edit(program({"known_records": known}, {"known_records": known}))
    stack.run("preview --expect-no-changes")
    stack.edit(program())


@pytest.mark.parametrize(
    ("weighted", "live", "says"),
    [
        (
            {
                "ttl_seconds": 30,
                "set_identifiers": {"blue": "azure"},
                "weight_authority": "runtime",
                "weights": {"blue": 99, "green": 0},
            },
            {},
            [
                "ttl_seconds: 60 -> 30: Route 53 wants one value in the set",
                "set_identifiers: 'blue' -> 'azure': tools find the live records by them",
                "weights: 100 -> 99: weight_authority is runtime and no plan of record is there yet",
            ],
        ),
        (
            {},
            {"live_authority": "runtime", "live": "green"},
            ["live: blue.example.net -> green.example.net: live_authority is runtime and no runtime record is there yet"],
        ),
    ],
)
def test_refused_in_preview(stack: Emulated, weighted: dict[str, Any], live: dict[str, Any], says: list[str]) -> None:
    stack.edit(program(weighted, live))
    said = stack.fails("preview")
    assert [reason for reason in says if reason not in said] == []
    stack.edit(program())


def test_whoever_has_the_say_handing_it_over_is_no_change(stack: Emulated) -> None:
    recorded: dict[str, Any] = {"runtime_weights": {"blue": 100, "green": 0}}
    for who in ("stack", "runtime"):
        stack.edit(program(recorded | {"weight_authority": who}, {"live_authority": who, "runtime_live": "blue"}))
        stack.run("preview --expect-no-changes")
    stack.edit(program({"weight_authority": "runtime"}, {"live_authority": "runtime"}))
    stack.run("preview --expect-no-changes")
    stack.edit(program())


def test_up_never_reverts_a_live_shift(stack: Emulated) -> None:
    zone = zone_of(stack)
    for name in ("api.example.com", "www.example.com"):
        shift(stack, zone, name, 30, 70)
    other = {"blue": {"alarm": {"name": "blue-very-sick"}}}  # something else changes too
    unknown: dict[str, Any] = {"weight_authority": "runtime", "runtime_unknown": True}
    stack.edit(program(unknown))
    said = stack.run("preview --expect-no-changes")
    assert "/redis-ha/shop/weights could not be looked up: weights stay as the state has them" in said.stdout + said.stderr
    stack.edit(program({"weight_authority": "runtime", "runtime_weights": {"blue": 30, "green": 70}, "health": other}))
    stack.run("up")
    held = records(stack, zone)
    assert {key: held[key]["Weight"] for key in held if key[1]} == {
        ("api.example.com.", "blue"): 30, ("api.example.com.", "green"): 70,
        ("www.example.com.", "blue"): 30, ("www.example.com.", "green"): 70,
    }  # fmt: skip
    outputs = stack.outputs()
    assert outputs["weights"] == {"blue": 30, "green": 70}
    assert "HealthCheckId" not in held["api.example.com.", "green"]  # it is no standby any more, and has no check of its own
    stack.edit(program({"weight_authority": "stack", "runtime_weights": {"blue": 30, "green": 70}, "health": other}))
    assert "blue 100, green 0, but /redis-ha/shop/weights says blue 30, green 70" in stack.fails("preview")
    stack.edit(program({"weights": {"blue": 0, "green": 100}}, {"live": "green"}))
    stack.run("up")
    held = records(stack, zone)
    assert (held["api.example.com.", "blue"]["Weight"], held["api.example.com.", "green"]["Weight"]) == (0, 100)
    assert held["writer.example.com.", None]["ResourceRecords"] == [{"Value": "green.example.net"}]
    stack.edit(program())


def test_another_name_is_made_before_the_old_one_goes(stack: Emulated) -> None:
    zone = zone_of(stack)
    names = {"shop.example.com": HOSTS, "www.example.com": HOSTS}
    stack.edit(program({"names": names}))
    assert "protect" in stack.fails("preview")
    stack.edit(program({"protect": False}))
    stack.run("up")
    stack.edit(program({"names": names, "protect": False}))
    assert "replace" not in stack.run("up").stdout
    assert {name for name, colour in records(stack, zone) if colour} == {"shop.example.com.", "www.example.com."}


BY_HAND: list[dict[str, Any]] = [
    {"Name": "api.example.org", "SetIdentifier": "old", "Weight": 100, "ResourceRecords": [{"Value": "blue.example.net"}]},
    {"Name": "api.example.org", "SetIdentifier": "new", "Weight": 0, "ResourceRecords": [{"Value": "green.example.net"}]},
    {"Name": "writer.example.org", "ResourceRecords": [{"Value": "blue.example.net"}]},
]


def test_records_made_by_hand_are_adopted_without_a_change(stack: Emulated) -> None:
    zone = zone_of(stack, "example.org")
    changes = [{"Action": "CREATE", "ResourceRecordSet": {"TTL": 30, "Type": "CNAME", **one}} for one in BY_HAND]
    route53(stack).change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    before = records(stack, zone)
    known = [
        {"name": one["Name"], "type": "CNAME"} | ({"set_identifier": one["SetIdentifier"]} if "SetIdentifier" in one else {})
        for one in BY_HAND
    ]
    where: dict[str, Any] = {
        "region": "eu-central-1", "zone_id": zone, "zone_name": "example.org", "ttl_seconds": 30, "known_records": known,
    }  # fmt: skip
    weighted: dict[str, Any] = {
        "names": {"api.example.org": {**HOSTS, "adopt": True}},
        "weights": {"blue": 100, "green": 0},
        "set_identifiers": {"blue": "old", "green": "new"},
    }
    live = where | LIVE | {"name": "writer.example.org", "adopt": True}
    flipped = weighted | {"weights": {"blue": 0, "green": 100}}
    stack.edit(program(theirs=(where | flipped, live)))
    said = stack.fails("preview")
    assert "weighted_routing_policies: " in said
    assert "an adoption changes nothing unsaid" in said
    stack.edit(program(theirs=(where | weighted, live | {"live": "green"})))
    assert "records: ['blue.example.net'] is live, ['green.example.net'] is asked for" in stack.fails("preview")
    assert records(stack, zone) == before
    stack.edit(program(theirs=(where | weighted, live)))
    said = stack.run("up").stdout
    assert "3 import" in said, said
    assert records(stack, zone) == before
    stack.run("preview --expect-no-changes")


NAMESAKES = """
import pulumi
import pulumi_aws as aws
from redis_ha.elasticache import ElastiCacheHaGroup, GlobalDatastore, ServerlessCache
from redis_ha.sentinel import SentinelCluster
from redis_ha.traffic import AlbBlueGreen, LiveColourRecord, WeightedBlueGreen

zone = aws.route53.Zone("zone", name="example.com")
hosts = {"blue": {"host": "blue.example.net"}, "green": {"host": "green.example.net"}}
region, zones = "eu-central-1", ["eu-central-1a", "eu-central-1b"]
for team in ("red", "green"):
    parent = pulumi.ResourceOptions(parent=pulumi.ComponentResource(f"tested:index:{team}", team))
    where = {"region": region, "zone_id": zone.zone_id, "zone_name": "example.com"}
    shares = {"weights": {"blue": 1, "green": 0}, "standby_receives_on_failure": False}
    WeightedBlueGreen("shop", {**where, **shares, "names": {f"{team}.example.com": hosts}}, parent)
    targets = {colour: one["host"] for colour, one in hosts.items()}
    LiveColourRecord("shop", {**where, "name": f"writer-{team}.example.com", "targets": targets, "live": "blue"}, parent)
    network = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"], "region": region}
    AlbBlueGreen(
        "shop",
        {**network, "alb_name": team, "form": "listener", "weights": {"blue": 1, "green": 0},
         "targets": {"blue": {"ecs": True}, "green": {"ecs": True}}},
        parent,
    )
    ElastiCacheHaGroup("shop", {**network, "group_id": team, "zones": zones}, parent)
    subnets = {"region": region, "subnet_ids": network["subnet_ids"]}
    ServerlessCache("shop", {**subnets, "cache_name": f"{team}-free", "security_group_ids": ["sg-1"]}, parent)
    there = {"zones": ["eu-west-1a", "eu-west-1b"], "vpc_id": "vpc-2", "subnet_ids": ["subnet-3", "subnet-4"]}
    first = {**network, "zones": zones, "group_id": f"{team}-first"}
    GlobalDatastore("shop", {"name_suffix": team, "primary": first, "secondaries": {"eu-west-1": there}}, parent)
    SentinelCluster("shop", {"name": team, "region": "ams3", "vpc_id": "5a4981aa-9653-4bd1-bef5-d6bff52042e4"}, parent)
"""


def test_components_of_one_name_may_stand_under_two_parents(tmp_path: Path) -> None:
    stack = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), NAMESAKES)
    assert "would be: " in stack.run("preview").stdout


BALANCERS = """
import pulumi
from redis_ha.network import PrivateNetwork
from redis_ha.traffic import AlbBlueGreen

zones = ["eu-central-1a", "eu-central-1b"]
network = PrivateNetwork("network", {"region": "eu-central-1", "zones": zones, "ip_range": "10.50.0.0/20", "protect": False})
where = {"region": "eu-central-1", "vpc_id": network.vpc_id, "subnet_ids": network.subnet_ids, "protect": False}
GROUPS += [pulumi.Output.from_input(group) for group in MORE.pop("later", [])]
targets = {"blue": {"ip_addresses": BLUE}, "green": {"ip_addresses": ["10.50.0.99"]}}
AlbBlueGreen("shop", {**where, "targets": targets, "alarms": {"enabled": False}, "client_security_group_ids": GROUPS} | MORE)
"""


def test_what_leaves_a_list_or_moves_in_it_takes_nothing_else_along(tmp_path: Path) -> None:
    """hashicorp/terraform-provider-aws issues 253, 971, 34605."""

    def balancers(blue: list[str], groups: list[str], **more: Any) -> str:
        return f"BLUE = {blue!r}\nGROUPS = {groups!r}\nMORE = {more!r}\n{BALANCERS}"

    first, second, third = "10.50.0.11", "10.50.0.12", "10.50.0.13"
    stack = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), balancers([first, second], []))

    def client(service: str) -> Any:
        endpoint = running_endpoint(stack.folder.path)
        assert endpoint is not None
        return aws_client(endpoint, service, "eu-central-1")

    def registered() -> set[str]:
        elb = client("elbv2")
        [group] = [one for one in elb.describe_target_groups()["TargetGroups"] if "blue" in one["TargetGroupName"]]
        found = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        return {str(one["Target"]["Id"]) for one in found}

    def let_in() -> list[str]:
        [group] = [
            one for one in client("ec2").describe_security_groups()["SecurityGroups"] if one["GroupName"].startswith("shop")
        ]
        return sorted(pair["GroupId"] for rule in group["IpPermissions"] for pair in rule["UserIdGroupPairs"])

    try:
        stack.run("up")
        ids = [
            client("ec2").create_security_group(GroupName=name, Description=name)["GroupId"] for name in ("one", "two", "three")
        ]
        for wanted, groups in (
            ([first, second], [ids[0], ids[1], ids[0]]),
            ([second], [ids[1]]),
            ([third, second], [ids[2], ids[1]]),
            ([second, third], [ids[1], ids[2]]),
        ):
            stack.edit(balancers(wanted, groups))
            assert "replace" not in stack.run("preview").stdout
            stack.run("up")
            assert registered() == set(wanted)
            assert let_in() == sorted(set(groups))
        stack.run("preview --expect-no-changes")
        # AWS takes no two equal rules: an Output that is one of the others is refused before one of them is made.
        stack.edit(balancers(wanted, [], later=[ids[1], ids[1]]))
        assert f"client_security_group_ids: {ids[1]} is in it twice" in stack.fails("preview")
        stack.edit(balancers(wanted, groups, later=[ids[0], ids[2]]))
        assert f"client_security_group_ids: {ids[2]} is in it twice" in stack.fails("preview")
        stack.edit(balancers(wanted, groups, later=[ids[0]]))
        assert "2 create" not in stack.run("preview").stdout
        # Balancers keep their names, so the old ones go first; target groups have others, so the new ones come first.
        stack.edit(balancers([second], [ids[1]], internal=False, target_port=8080))
        stack.run("up")
        schemes = {one["Scheme"] for one in client("elbv2").describe_load_balancers()["LoadBalancers"]}
        assert (schemes, registered()) == ({"internet-facing"}, {second})
        stack.run("preview --expect-no-changes")
    finally:
        stack.clean_up()


def adopting(zone: str | None, live: str) -> None:
    """A zone, and in it a record that somebody made by hand and this program adopts."""
    made = aws.route53.Zone("zone", name="example.com", force_destroy=True)
    pulumi.export("zone", made.zone_id)
    if zone:
        where: dict[str, Any] = {"region": "eu-central-1", "zone_id": zone, "zone_name": "example.com", "ttl_seconds": 30}
        LiveColourRecord("writer", {**where, **LIVE, "live": live, "adopt": True})  # type: ignore[typeddict-item]


def test_an_adoption_is_refused_without_a_preview_too_and_every_time(tmp_path: Path) -> None:
    """The Automation API's `up`, as `pulumi up --skip-preview`, imports before anything is refused."""
    emulated = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), "", "skipping")
    folder = emulated.folder
    folder.create()
    wanted: list[Any] = [None, "blue"]
    try:
        with Providers(Cloud.of_stack(folder.path, emulated.home, lambda _: None)) as providers:
            environment = engine_environment(folder, providers.debug_providers, holds_lock=False)
            options = auto.LocalWorkspaceOptions(
                work_dir=str(folder.workspace), pulumi_command=EngineCommand(find_engine(emulated.home), environment)
            )
            stack = auto.create_or_select_stack("skipping", "tested", lambda: adopting(*wanted), opts=options)
            zone = stack.up().outputs["zone"].value
            record = {**BY_HAND[2], "Name": "writer.example.com", "TTL": 30, "Type": "CNAME"}
            batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
            route53(emulated).change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
            before = records(emulated, zone)
            wanted[:] = [zone, "green"]
            for refused in (stack.up, stack.preview, stack.up):
                with pytest.raises(
                    auto.CommandError, match=r"records: \['blue.example.net'\] is live, \['green.example.net'\] is"
                ):
                    refused()
                assert records(emulated, zone) == before
            wanted[:] = [zone, "blue"]
            stack.up()
            assert records(emulated, zone) == before
            # Now it is the program's, and changed like any other.
            wanted[:] = [zone, "green"]
            assert stack.preview().change_summary[auto.OpType.UPDATE] == 1
            stack.up()
            assert records(emulated, zone) != before
    finally:
        emulated.clean_up()


def balancer_by_hand(client: Any, vpc: str, subnets: list[str]) -> dict[str, Any]:
    """A balancer that somebody made in the console: all requests go to blue. Returns what `adopt` has to say."""
    elb, group = client("elbv2"), client("ec2").create_security_group(GroupName="old-web", Description="by hand", VpcId=vpc)
    made = elb.create_load_balancer(Name="old-web", Subnets=subnets, SecurityGroups=[group["GroupId"]], Scheme="internal")
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    targets = {}
    for colour in ("blue", "green"):
        made = elb.create_target_group(Name=f"old-{colour}", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip")
        targets[colour] = made["TargetGroups"][0]["TargetGroupArn"]
    shares = [{"TargetGroupArn": targets["blue"], "Weight": 100}, {"TargetGroupArn": targets["green"], "Weight": 0}]
    forward = {"TargetGroups": shares, "TargetGroupStickinessConfig": {"Enabled": False}}
    listener = elb.create_listener(
        LoadBalancerArn=balancer, Port=80, Protocol="HTTP", DefaultActions=[{"Type": "forward", "ForwardConfig": forward}]
    )
    return {
        "load_balancers": {"both": balancer},
        "target_groups": targets,
        "listeners": {"both": listener["Listeners"][0]["ListenerArn"]},
        "security_group": group["GroupId"],
    }


ADOPTED = """
from redis_ha.network import PrivateNetwork
from redis_ha.traffic import AlbBlueGreen
import pulumi

zones = ["eu-central-1a", "eu-central-1b"]
network = PrivateNetwork("network", {"region": "eu-central-1", "zones": zones, "ip_range": "10.50.0.0/20", "protect": False})
pulumi.export("place", {"vpc": network.vpc_id, "subnets": network.subnet_ids})
if SHOP:
    where = {"region": "eu-central-1", "vpc_id": network.vpc_id, "subnet_ids": network.subnet_ids}
    AlbBlueGreen("shop", where | SHOP)
"""


def test_a_balancer_made_by_hand_is_adopted_without_a_change(tmp_path: Path) -> None:
    stack = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), f"SHOP = None\n{ADOPTED}")

    def client(service: str) -> Any:
        endpoint = running_endpoint(stack.folder.path)
        assert endpoint is not None
        return aws_client(endpoint, service, "eu-central-1")

    def live() -> dict[str, Any]:
        """What the balancer does, and who it is."""
        elb = client("elbv2")
        [balancer] = elb.describe_load_balancers()["LoadBalancers"]
        [listener] = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        groups = elb.describe_target_groups()["TargetGroups"]
        ours = {one["TargetGroupName"]: (one["Port"], one["TargetGroupArn"]) for one in groups}
        [action] = listener["DefaultActions"]
        weights = {one["TargetGroupArn"]: one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]}
        return {"balancer": balancer["LoadBalancerArn"], "port": listener["Port"], "weights": weights, "groups": ours}

    def wants(**changes: Any) -> None:
        stack.edit(f"SHOP = {shop | changes!r}\n{ADOPTED}")

    try:
        stack.run("up")
        place = stack.outputs()["place"]
        adopt = balancer_by_hand(client, place["vpc"], place["subnets"])
        shop: dict[str, Any] = {
            "form": "listener", "weights": {"blue": 100, "green": 0}, "target_port": 8080, "alarms": {"enabled": False},
            "targets": {"blue": {"ecs": True}, "green": {"ecs": True}}, "client_cidrs": ["10.0.0.0/8"], "adopt": adopt,
        }  # fmt: skip
        before, recorded = live(), stack.state_resources()
        # Left-out or other values would move live traffic in the `up` that imports.
        for changes, says in (
            ({"weights": {"blue": 0, "green": 100}}, "shop-both-listener is refused: default_actions: "),
            ({"port": 8000}, "shop-both-listener is refused: port: 80 is live, 8000 is asked for"),
            ({"weights": {"blue": 0, "green": 100}, "adopt": adopt | {"change": ["port"]}}, "default_actions: "),
        ):
            wants(**changes)
            for command in ("preview", "up"):
                said = stack.fails(command)
                assert says in said
                assert "an adoption changes nothing unsaid" in said
                assert stack.state_resources() == recorded
        # The port is who a target group is: it would be replaced.
        wants(target_port=9090)
        assert "protect" in stack.fails("preview")
        assert live() == before

        wants()
        said = stack.run("up").stdout
        assert "5 import" in said, said
        assert "update aws" not in said
        assert "replace" not in said
        assert live() == before
        stack.run("preview --expect-no-changes")
        # Once it is adopted it is changed like any other.
        wants(weights={"blue": 0, "green": 100})
        stack.run("up")
        assert live()["weights"] == {adopt["target_groups"]["blue"]: 0, adopt["target_groups"]["green"]: 100}
        # What the program loses stays at AWS.
        stack.edit(f"SHOP = None\n{ADOPTED}")
        assert "protect" in stack.fails("preview")
    finally:
        stack.clean_up()
