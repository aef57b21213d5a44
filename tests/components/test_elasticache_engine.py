"""The guard of updates through the real engine: in preview and in up, in a program of its own and hosted for others."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation as auto

from pulumi_emulator.aws import Endpoint, running_endpoint
from pulumi_emulator.aws import client as aws_client
from pulumi_emulator.command import EngineCommand
from pulumi_emulator.engine import find_engine
from pulumi_emulator.environment import engine_environment
from pulumi_emulator.handlers import Cloud
from pulumi_emulator.provider import Providers
from redis_ha.network import PrivateNetwork, PrivateNetworkArgs
from tests.support.emulated import Emulated, shared_home
from tests.support.waiting import wait_until

pytestmark = pytest.mark.engine
COMPONENTS = Path(__file__).resolve().parents[2] / "components"
PROGRAM = """
import pulumi
from redis_ha.network import PrivateNetwork
from redis_ha.elasticache import ElastiCacheHaGroup

zones = ["eu-central-1a", "eu-central-1b"]
network = PrivateNetwork("network", {"region": "eu-central-1", "zones": zones, "ip_range": "10.50.0.0/20"})
args = {"region": "eu-central-1", "zones": zones, "vpc_id": network.vpc_id, "subnet_ids": network.subnet_ids,
        "engine_version": "8.0", "alarms": {"enabled": False}, "dashboard": False, "tags": {"team": "red"},
        # In words that AWS gives back as others.
        "users": {"reports": {"access": "on allcommands allkeys -@admin resetchannels"},
                  "readers": {"access": "off on +GET ~old resetkeys resetchannels ~r:* ~r:* -@all -get +@READ"}}} | CHANGES
ElastiCacheHaGroup("orders", args)
"""


def program(**changes: Any) -> str:
    return f"CHANGES = {changes!r}\n{PROGRAM}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    """A group that is up."""
    folder = tmp_path_factory.mktemp("elasticache")
    made = Emulated.create(folder / "program", shared_home(folder / "home"), program())
    try:
        made.run("up")
        yield made
    finally:
        made.clean_up()


UPDATES: list[tuple[dict[str, Any], str]] = [
    ({"replicas": 2}, "update aws.elasticache.ReplicationGroup orders-group (numCacheClusters)"),
    (
        {"node_type": "cache.r7g.xlarge", "engine_version": "8.1"},
        "update aws.elasticache.ReplicationGroup orders-group (engineVersion, nodeType)",
    ),
    ({"parameters": {"timeout": "5"}}, "update aws.elasticache.ParameterGroup orders-parameter-group (parameters)"),
    ({"engine_version": "9.0"}, "update aws.elasticache.ReplicationGroup orders-group (engineVersion, parameterGroupName)"),
    ({"cluster_mode": "compatible"}, "update aws.elasticache.ReplicationGroup orders-group (clusterMode, parameterGroupName)"),
    ({"users": {"application": {"authentication": "iam"}}}, "update aws.elasticache.UserGroup orders-user-group (userIds)"),
]


@pytest.mark.parametrize(("changes", "says"), UPDATES)
def test_day_two_is_an_update_in_place(stack: Emulated, changes: dict[str, Any], says: str) -> None:
    stack.edit(program(**changes))
    said = stack.run("preview").stdout
    assert says in said
    assert "replace aws.elasticache.ReplicationGroup" not in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"replicas": 0}, "the update of orders-group is refused: replicas: 1 -> 0 in one step"),
        (
            {"cluster_mode": "enabled"},
            "cluster_mode: disabled -> enabled in one step is impossible; set it to compatible first",
        ),
        (
            {"tls": "off", "auth": "none", "users": None},
            "tls: required -> off in one step is refused by AWS; set it to preferred first",
        ),
        (
            {"parameters": {"databases": "32"}},
            "the update of orders is refused: parameters: 'databases' 16 -> 32: can only",
        ),
        ({"parameters": {"databases": "32"}, "engine_version": "9.0"}, "parameters: 'databases' 16 -> 32"),
        ({"parameters": {"databases": "32"}, "cluster_mode": "compatible"}, "parameters: 'databases' 16 -> 32"),
    ],
)
def test_a_dangerous_update_is_refused_in_preview(stack: Emulated, changes: dict[str, Any], says: str) -> None:
    stack.edit(program(**changes))
    assert says in stack.fails("preview")


@pytest.mark.parametrize("changes", [{"engine_version": "7.2"}, {"port": 7000}, {"group_id": "others"}])
def test_a_replacement_is_stopped_by_protect(stack: Emulated, changes: dict[str, Any]) -> None:
    stack.edit(program(**changes))
    assert "protect" in stack.fails("preview")


def test_nothing_is_touched_by_a_refused_up(stack: Emulated) -> None:
    before = stack.state_resources()
    stack.edit(program(replicas=0, tags={"team": "blue"}))
    assert "replicas: 1 -> 0 in one step" in stack.fails("up")
    assert stack.state_resources() == before
    stack.edit(program())
    assert "no changes" in stack.run("preview --expect-no-changes").stdout


def in_region(endpoint: Endpoint | None, group: str) -> Any:
    """The API, and a way to wait until AWS has changed the group."""
    assert endpoint is not None
    cache = aws_client(endpoint, "elasticache", "eu-central-1")

    def seen() -> dict[str, Any]:
        return dict(cache.describe_replication_groups(ReplicationGroupId=group)["ReplicationGroups"][0])

    def raised(version: str) -> None:
        asked = {"Engine": "valkey", "EngineVersion": version, "ApplyImmediately": True}
        cache.modify_replication_group(ReplicationGroupId=group, **asked)
        wait_until(lambda: seen()["Status"] == "available", "the upgrade by AWS")

    return seen, raised


RAISED = (
    "the update of orders-group is refused: engine_version: AWS runs valkey 8.1, and valkey 8.0 is asked for: no group goes"
    " back, an empty one would replace it; say engine_version: '8.1'; for a new, empty group give another group_id"
)


@pytest.mark.parametrize("protect", [True, False])
def test_a_version_that_aws_raised_is_named_before_anything_is_replaced(tmp_path: Path, *, protect: bool) -> None:
    stack = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), program(protect=protect))
    try:
        stack.run("up")
        _, raised = in_region(running_endpoint(stack.folder.path), "orders")
        raised("8.1")
        stack.run("preview --expect-no-changes")
        stack.run("refresh")
        before = stack.state_resources()
        for command in ("preview", "up"):
            assert RAISED in stack.fails(command)
        assert stack.state_resources() == before
        # Said, it is no change; a change that would replace the group for another reason is refused by its name.
        stack.edit(program(protect=protect, engine_version="8.1"))
        stack.run("preview --expect-no-changes")
        stack.edit(program(protect=protect, engine_version="8.1", port=7000))
        assert "group_id: 'orders' exists, and AWS takes an id once; if it is this stack's" in stack.fails("preview")
        if not protect:  # who means it says so
            stack.edit(program(protect=False, group_id="others"))
            stack.run("up")
            stack.run("preview --expect-no-changes")
    finally:
        stack.clean_up()


SERVERLESS = """
from redis_ha.elasticache import ServerlessCache
ServerlessCache("shop", {"region": "eu-central-1", "subnet_ids": network.subnet_ids, "auth": "none", "protect": False,
    "security_group_ids": [aws.ec2.SecurityGroup("open", vpc_id=network.vpc_id, region="eu-central-1").id]} | CHANGES)
"""


def test_a_serverless_cache_is_not_replaced_under_its_name(tmp_path: Path) -> None:
    def asked(**changes: Any) -> str:
        return f"CHANGES = {changes!r}\n{NETWORK_ONLY}{SERVERLESS}"

    stack = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), asked(), "serverless")
    try:
        stack.run("up")
        before = stack.state_resources()
        stack.edit(asked(engine="redis"))
        for command in ("preview", "up"):
            said = stack.fails(command)
            assert "the update of shop-cache is refused: engine: AWS runs valkey 8, and redis 7 is asked for" in said
            assert (
                "say engine: valkey, and say major_engine_version: '8'; for a new, empty cache give another cache_name" in said
            )
        assert stack.state_resources() == before
        stack.edit(asked(major_engine_version="7"))
        assert "8 -> 7 is a downgrade, which AWS refuses; say major_engine_version: '8', or" in stack.fails("preview")
        stack.edit(asked(engine="redis", cache_name="other"))
        stack.run("up")
        stack.run("preview --expect-no-changes")
    finally:
        stack.clean_up()


ZONE = """
import pulumi_aws as aws
aws.route53.Zone("zone", name="orders.internal", vpcs=[{"vpc_id": network.vpc_id, "vpc_region": "eu-central-1"}])
"""


def test_a_stack_can_be_destroyed_after_a_destroy_that_failed_half_way(tmp_path: Path) -> None:
    """The last snapshot of the second group has a name of its own, although the first destroy stopped beside the group."""
    stack = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), program(protect=False) + ZONE)

    def api(operation: str, **parameters: Any) -> dict[str, Any]:
        done = stack.run("aws", "--region", "eu-central-1", "--", *operation.split(), json.dumps(parameters))
        return dict(json.loads(done.stdout))

    def record(action: str) -> None:
        row = {"Name": "by-hand.orders.internal", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "10.0.0.1"}]}
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": row}]}
        zone = api("route53 list_hosted_zones")["HostedZones"][0]["Id"]
        api("route53 change_resource_record_sets", HostedZoneId=zone, ChangeBatch=batch)

    def snapshots() -> set[str]:
        return {
            found["SnapshotName"]
            for found in api("elasticache describe_snapshots")["Snapshots"]
            if "-final-" in found["SnapshotName"]
        }

    try:
        stack.run("up")
        record("CREATE")
        stack.fails("destroy", "--force")
        assert api("elasticache describe_replication_groups")["ReplicationGroups"] == []
        first = snapshots()
        stack.run("up")
        record("DELETE")
        assert len(first) == 1
        stack.run("destroy", "--force")
        assert not stack.folder.exists()
    finally:
        stack.clean_up()


class HostedGroup(pulumi.ComponentResource):
    """What a generated SDK does: it sends the type's name and the arguments to whoever hosts it."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__("redis-ha:index:ElastiCacheHaGroup", "orders", args, remote=True)


def hosted_program(**changes: Any) -> None:
    zones = ["eu-central-1a", "eu-central-1b"]
    network = PrivateNetwork("network", PrivateNetworkArgs(region="eu-central-1", zones=zones, ip_range="10.50.0.0/20"))
    HostedGroup(
        {"region": "eu-central-1", "zones": zones, "vpcId": network.vpc_id, "subnetIds": network.subnet_ids}
        | {"alarms": {"enabled": False}, "dashboard": False}
        | changes
    )


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[tuple[auto.Stack, list[dict[str, Any]], Emulated]]:
    """A stack whose components live in a process of their own, as `pulumi package add` has it; and the changes to make."""
    plugins = tmp_path / "bin"
    plugins.mkdir()
    plugin = plugins / "pulumi-resource-redis-ha"
    plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{COMPONENTS}" "$@"\n')
    plugin.chmod(0o755)
    emulated = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), program(), "hosted")
    folder = emulated.folder
    changes: list[dict[str, Any]] = [{}]
    folder.create()
    try:
        with Providers(Cloud.of_stack(folder.path, emulated.home, lambda _: None)) as providers:
            environment = engine_environment(folder, providers.debug_providers, holds_lock=False)
            environment["PATH"] = f"{plugins}:{environment['PATH']}"
            del environment["PULUMI_IGNORE_AMBIENT_PLUGINS"]
            options = auto.LocalWorkspaceOptions(
                work_dir=str(folder.workspace), pulumi_command=EngineCommand(find_engine(emulated.home), environment)
            )
            yield (
                auto.create_or_select_stack(
                    stack_name="hosted", project_name="tested", program=lambda: hosted_program(**changes[0]), opts=options
                ),
                changes,
                emulated,
            )
    finally:
        emulated.clean_up()


def test_a_version_that_aws_raised_is_named_to_other_languages_and_without_a_preview(
    hosted: tuple[auto.Stack, list[dict[str, Any]], Emulated],
) -> None:
    """The Automation API's `up` has no preview; deleted first, the group would be gone before it is judged."""
    stack, changes, emulated = hosted
    changes[0] = {"engineVersion": "8.0", "protect": False}
    stack.up()
    seen, raised = in_region(running_endpoint(emulated.folder.path), "orders")
    before = seen()["ReplicationGroupCreateTime"]
    raised("8.1")
    stack.refresh()
    for command in (stack.preview, stack.up):
        with pytest.raises(auto.CommandError, match=r"engine_version: AWS runs valkey 8\.1, and valkey 8\.0 is asked for"):
            command()
    assert seen()["ReplicationGroupCreateTime"] == before


def test_the_guard_works_when_the_component_is_hosted(hosted: tuple[auto.Stack, list[dict[str, Any]], Emulated]) -> None:
    stack, changes, _ = hosted
    assert stack.up().summary.result == "succeeded"
    changes[0] = {"replicas": 2}
    assert stack.preview().change_summary[auto.OpType.UPDATE] == 1
    for refused in ({"replicas": 0}, {"clusterMode": "enabled"}):
        changes[0] = refused
        with pytest.raises(
            auto.CommandError, match=r'before hook "orders-changes-\w+" failed: the update of orders-group is refused'
        ):
            stack.preview()
    with pytest.raises(auto.CommandError, match="cluster_mode: disabled -> enabled in one step is impossible"):
        stack.up()
    changes[0] = {"replicas": 9}
    with pytest.raises(auto.CommandError, match="cannot be made: replicas: 9 is out of range; use 0 to 5") as wrong:
        stack.preview()
    assert "redis_ha/inputs.py" not in str(wrong.value)  # a traceback


NETWORK_ONLY = (
    PROGRAM[: PROGRAM.index("args = ")]
    + """
pulumi.export("vpc", network.vpc_id)
pulumi.export("subnets", network.subnet_ids)
import pulumi_aws as aws
aws.sns.Topic("first-use-of-aws", region="eu-central-1", tags={"a": "b"})
"""
)
GROUP = {
    "ReplicationGroupId": "legacy", "ReplicationGroupDescription": "by hand", "Engine": "valkey", "EngineVersion": "8.0",
    "CacheNodeType": "cache.r7g.large", "NumCacheClusters": 2, "AutomaticFailoverEnabled": True, "MultiAZEnabled": True,
    "CacheSubnetGroupName": "legacy-subnets", "CacheParameterGroupName": "legacy-parameters", "Port": 6379,
    "TransitEncryptionEnabled": True, "AtRestEncryptionEnabled": True, "UserGroupIds": ["legacy-users"],
    "SnapshotRetentionLimit": 7, "SnapshotWindow": "02:00-03:00", "PreferredMaintenanceWindow": "sun:04:30-sun:05:30",
}  # fmt: skip
PASSWORD = "password-of-the-legacy-group"


def make_by_hand(endpoint: Endpoint, vpc: str, subnets: list[str], **differing: Any) -> dict[str, str]:
    """What somebody made in the console years ago."""
    cache = aws_client(endpoint, "elasticache", "eu-central-1")
    ec2 = aws_client(endpoint, "ec2", "eu-central-1")
    group = ec2.create_security_group(GroupName="legacy", Description="legacy cache", VpcId=vpc)["GroupId"]
    topic = aws_client(endpoint, "sns", "eu-central-1").create_topic(Name="legacy-events")["TopicArn"]
    cache.create_cache_subnet_group(
        CacheSubnetGroupName="legacy-subnets", CacheSubnetGroupDescription="by hand", SubnetIds=subnets
    )
    cache.create_cache_parameter_group(
        CacheParameterGroupName="legacy-parameters", CacheParameterGroupFamily="valkey8", Description="by hand"
    )
    for user, name in (("app", "application"), ("locked", "default"), ("mon", "monitoring"), ("old", "shop-app")):
        mode = {"Type": "password", "Passwords": [PASSWORD]}
        cache.create_user(UserId=user, UserName=name, Engine="valkey", AccessString="on ~* +@all", AuthenticationMode=mode)
    cache.create_user_group(UserGroupId="legacy-users", Engine="valkey", UserIds=["app", "locked", "mon"])
    cache.create_replication_group(**(GROUP | differing), SecurityGroupIds=[group], NotificationTopicArn=topic)
    wait_until(
        lambda: cache.describe_replication_groups(ReplicationGroupId="legacy")["ReplicationGroups"][0]["Status"] == "available",
        "the group made by hand",
    )
    return {"security_group": group, "notification_topic": topic}


LEGACY = {
    "replication_group": "legacy",
    "subnet_group": "legacy-subnets",
    "parameter_group": "legacy-parameters",
    "user_group": "legacy-users",
    "users": {"application": "app", "monitoring": "mon", "default": "locked"},
}


def test_a_group_made_by_hand_is_adopted_without_a_change_and_brought_into_line_later(tmp_path: Path) -> None:
    stack = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), NETWORK_ONLY, "adopted")
    try:
        stack.run("up")
        outputs = stack.outputs()
        endpoint = running_endpoint(stack.folder.path)
        assert endpoint is not None
        adopt: dict[str, Any] = make_by_hand(endpoint, outputs["vpc"], outputs["subnets"]) | LEGACY
        wanted: dict[str, Any] = {
            "adopt": adopt,
            "users": {"application": {"passwords": [PASSWORD]}},
            "logs": {"slow_log": False, "engine_log": False},
        }

        def wants(**changes: Any) -> None:
            stack.edit(NETWORK_ONLY + program(**(wanted | changes)).replace(PROGRAM[: PROGRAM.index("args = ")], ""))

        def live_users() -> set[str]:
            found = aws_client(endpoint, "elasticache", "eu-central-1").describe_users()["Users"]
            return {user["UserId"] for user in found}

        # A name is a user's identity: this one would be replaced, and the live one deleted.
        wants(adopt=adopt | {"users": adopt["users"] | {"application": "old"}})
        before = stack.state_resources()
        for command in ("preview", "up"):
            said = stack.fails(command)
            assert "orders-user-application" in said
            assert "protect" in said
            assert stack.state_resources() == before

        # What differs is refused, unless it is named: nothing is changed because it was left out.
        larger = {"node_type": "cache.r7g.2xlarge"}
        wants(**larger)
        assert "node_type: 'cache.r7g.large' is live, 'cache.r7g.2xlarge' is asked for" in stack.fails("preview")
        wants(**larger, adopt=adopt | {"change": ["node_type"]})
        assert (
            "update aws.elasticache.ReplicationGroup orders-group (applyImmediately, nodeType)" in stack.run("preview").stdout
        )

        # Its members may connect already: AWS would refuse the second rule in the middle of the `up`.
        wants(client_security_group_ids=[adopt["security_group"]])
        own = f"client_security_group_ids: {adopt['security_group']} is the component's own security group"
        for command in ("preview", "up"):
            assert own in stack.fails(command)
        assert stack.state_resources() == before

        wants()
        said = stack.run("preview").stdout
        assert "9 import" in said
        assert "update aws" not in said
        assert "replace" not in said
        stack.run("up")
        stack.run("preview --expect-no-changes")
        # Once it is adopted it is changed like any other.
        wants(**larger)
        assert "update aws.elasticache.ReplicationGroup orders-group (nodeType)" in stack.run("preview").stdout
        wants(adopt=adopt | {"keep_as_found": False})
        said = stack.run("preview").stdout
        adopted = "update aws.elasticache.ReplicationGroup orders-group"
        assert f"{adopted} (applyImmediately, description, finalSnapshotIdentifier, tags" in said
        assert "replace" not in said
        assert PASSWORD not in said
        # Without the ids of the users others are made; nobody who logs in today is deleted.
        wants(adopt={key: value for key, value in adopt.items() if key not in {"users", "user_group"}})
        stack.run("up")
        assert live_users() >= {"app", "mon", "legacy-application", "legacy-monitoring"}
    finally:
        stack.clean_up()


def test_what_no_argument_can_say_is_adopted_and_brought_into_line_at_once(tmp_path: Path) -> None:
    """No snapshots, and failover without Multi-AZ: AWS has such groups, this component does not."""
    stack = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), NETWORK_ONLY, "adopted")
    try:
        stack.run("up")
        outputs = stack.outputs()
        endpoint = running_endpoint(stack.folder.path)
        assert endpoint is not None
        without = {"SnapshotRetentionLimit": 0, "MultiAZEnabled": False}
        adopt: dict[str, Any] = make_by_hand(endpoint, outputs["vpc"], outputs["subnets"], **without) | LEGACY

        def wants(**more: Any) -> None:
            users = {"application": {"passwords": [PASSWORD]}}
            asked = program(adopt=adopt | more, users=users, logs={"slow_log": False, "engine_log": False})
            stack.edit(NETWORK_ONLY + asked.replace(PROGRAM[: PROGRAM.index("args = ")], ""))

        wants()
        said = stack.fails("preview")
        assert "multi_az_enabled: False is live, True is asked for" in said
        assert "snapshot_retention_limit: 0 is live, 7 is asked for" in said
        wants(change=["multi_az_enabled", "snapshot_retention_limit"])
        stack.run("up")
        found = aws_client(endpoint, "elasticache", "eu-central-1").describe_replication_groups(ReplicationGroupId="legacy")
        group = found["ReplicationGroups"][0]
        assert (group["MultiAZ"], group["SnapshotRetentionLimit"]) == ("enabled", 7)
        stack.run("preview --expect-no-changes")
        wants()
        stack.run("preview --expect-no-changes")
    finally:
        stack.clean_up()
