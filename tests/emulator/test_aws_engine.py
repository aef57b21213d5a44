"""AWS through the real engine: a stack with a cache from `up` to `destroy`, and what breaks it on the way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_emulator import aws
from pulumi_emulator.kinds import MOTO, OWN, RULES, SELF, by_emulation
from tests.support.emulated import Emulated
from tests.support.waiting import wait_until

CONFIG = """config:
  aws:region: eu-central-1
  aws:defaultTags:
    tags:
      team: a
"""

PROGRAM = """
import json
import pulumi
import pulumi_aws as aws

zones = aws.get_availability_zones().names[:2]
vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", tags={"Name": "net"})
subnets = [
    aws.ec2.Subnet(f"net-{zone}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=zone)
    for index, zone in enumerate(zones)
]
group = aws.ec2.SecurityGroup("cache", vpc_id=vpc.id)
rule = aws.vpc.SecurityGroupIngressRule(
    "clients", security_group_id=group.id, ip_protocol="tcp", from_port=6379, to_port=6379, cidr_ipv4="10.0.0.0/16"
)
topic = aws.sns.Topic("events")
logs = aws.cloudwatch.LogGroup("slow", retention_in_days=14)
placed = aws.elasticache.SubnetGroup("cache", subnet_ids=[subnet.id for subnet in subnets])
parameters = [{"name": "maxmemory-policy", "value": "allkeys-lru"}]
settings = aws.elasticache.ParameterGroup("cache", family="valkey8", parameters=parameters)
password = pulumi.Output.secret("a-password-of-24-letters")
locked = aws.elasticache.User(
    "locked", engine="valkey", user_id="locked", user_name="default", access_string="off -@all",
    authentication_mode={"type": "password", "passwords": [password]},
)
application = aws.elasticache.User(
    "application", engine="valkey", user_id="application", user_name="application", access_string="on ~* +@all",
    passwords=[password],
)
user_ids = [locked.user_id, application.user_id]
users = aws.elasticache.UserGroup("users", engine="valkey", user_group_id="users", user_ids=user_ids)
cache = aws.elasticache.ReplicationGroup(
    "cache", replication_group_id="prod", description="orders", engine="valkey", engine_version="8.0",
    node_type="cache.r7g.large", num_cache_clusters=NODES, automatic_failover_enabled=True, multi_az_enabled=True,
    transit_encryption_enabled=True, subnet_group_name=placed.name, security_group_ids=[group.id],
    parameter_group_name=settings.name,
    user_group_ids=[users.user_group_id], notification_topic_arn=topic.arn, apply_immediately=True,
    opts=pulumi.ResourceOptions(protect=True),
)
alarm = aws.cloudwatch.MetricAlarm(
    "cpu", comparison_operator="GreaterThanThreshold", evaluation_periods=3, metric_name="EngineCPUUtilization",
    namespace="AWS/ElastiCache", period=60, statistic="Maximum", threshold=90, alarm_actions=[topic.arn],
    dimensions={"CacheClusterId": "prod-001"},
)
board = aws.cloudwatch.Dashboard("board", dashboard_name="board", dashboard_body=json.dumps({"widgets": []}))
far = aws.Provider("far", region="us-west-2", default_tags={"tags": {"team": "b"}})
there = aws.sns.Topic("there", opts=pulumi.ResourceOptions(provider=far))
pulumi.export("primary", cache.primary_endpoint_address)
pulumi.export("configuration", cache.configuration_endpoint_address)
pulumi.export("members", cache.member_clusters)
pulumi.export("tags", [vpc.tags_all, there.tags_all])
pulumi.export("there", there.arn)
"""


def program(nodes: int) -> str:
    return PROGRAM.replace("NODES", str(nodes))


@pytest.mark.engine
@pytest.mark.machines
def test_a_cache_from_up_to_destroy(emulated: Callable[..., Emulated]) -> None:
    stack = emulated(program(2), config=CONFIG)
    assert "16 create" in stack.run("preview").stdout
    assert not stack.folder.exists(), "a preview starts nothing"
    stack.run("up")
    outputs = stack.outputs()
    assert outputs["members"] == ["prod-001", "prod-002"]
    assert outputs["configuration"] == "", "only in cluster mode"
    assert outputs["tags"] == [{"Name": "net", "team": "a"}, {"team": "b"}], "each provider has its own tags"
    assert outputs["there"].split(":")[3] == "us-west-2"
    assert "a-password" not in stack.folder.state_file.read_text()
    assert "a-password" not in (stack.folder.path / "world.json").read_text()
    stack.run("preview", "--expect-no-changes")
    # Names resolve where caches are; a node answers there.
    connect = f"import socket; print(socket.create_connection(({outputs['primary']!r}, 6379), 5).getpeername()[0])"
    assert stack.run("exec", "--", "python3", "-c", connect).stdout.startswith("198.18.")
    [cache] = stack.status()["caches"]
    roles = {node["id"]: node["role"] for node in cache["nodes"]}
    assert roles == {"prod-001": "primary", "prod-002": "replica"}
    answer = stack.run(
        "aws --region eu-central-1 elasticache test_failover", json.dumps({"ReplicationGroupId": "prod", "NodeGroupId": "0001"})
    )
    assert json.loads(answer.stdout)["ReplicationGroup"]["ReplicationGroupId"] == "prod"

    def node(number: int, role: str) -> bool:
        return bool(stack.status()["caches"][0]["nodes"][number]["role"] == role)

    wait_until(lambda: node(1, "primary") and node(0, "replica"), "the failover")
    stack.run("preview", "--expect-no-changes")
    stack.run("zone", "down", "eu-central-1b")
    wait_until(lambda: node(0, "primary") and node(1, "gone"), "the loss of a zone")
    stack.run("zone", "up", "eu-central-1b")
    wait_until(lambda: node(1, "replica"), "the zone's return")
    stack.edit(program(3))
    assert "1 update" in stack.run("up").stdout
    assert stack.outputs()["members"] == ["prod-001", "prod-002", "prod-003"]
    # The account is lost with its process: `up` sees it gone and makes everything again.
    record = json.loads((stack.folder.path / "aws" / "endpoint.json").read_text())
    os.kill(record["pid"], 9)
    wait_until(lambda: aws.running_endpoint(stack.folder.path) is None, "the endpoint's end")
    assert "the emulated AWS with everything in it" in stack.run("up").stdout
    assert stack.outputs()["members"] == ["prod-001", "prod-002", "prod-003"]
    assert "by Pulumi: cache" in stack.fails("destroy")
    stack.run("destroy", "--force")
    assert not stack.folder.path.exists()
    assert aws.leftovers(stack.folder.path) == []


@pytest.mark.engine
def test_refusals_touch_nothing(emulated: Callable[..., Emulated]) -> None:
    stack = emulated(program(1), config=CONFIG)
    assert "at least 2 with automatic_failover_enabled" in stack.fails("up")
    assert aws.running_endpoint(stack.folder.path) is None, "the check comes before the endpoint"
    stack.edit('import pulumi_aws as aws\naws.rds.Instance("db", instance_class="db.t3.micro")\n')
    assert "aws:rds/instance:Instance is not emulated" in stack.fails("up")
    stack.edit("import pulumi_aws as aws\naws.ec2.get_ami(owners=['self'])\n")
    assert "getAmi" in stack.fails("up")


def test_the_types_by_what_emulates_them(tmp_path: Path) -> None:
    del tmp_path
    found = by_emulation()
    assert {name: len(members) for name, members in found.items()} == {MOTO: 40, OWN: 7, SELF: 15, RULES: 3}
    assert "aws.elasticache.ReplicationGroup" in found[OWN]
    assert "digitalocean.Droplet" in found[SELF]
