"""The block `failover` of the staging and prod stacks on the emulated AWS, from a lost zone to the application.

A node dies, ElastiCache tells of it, SNS delivers, the function runs under its role, the document changes, an alarm rings, and
an application that knows the document alone goes on. Staging has cluster mode disabled, prod enabled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.aws_stack import AWS_BLOCKS, AwsStack
from tests.stack.conftest import ROOT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.timeout(900)]

# Tests of one stack go to one worker.
GROUPS = {name: pytest.mark.xdist_group(f"tests/stack/failover-{name}") for name in ("staging", "prod")}
# An application that knows where the document is, and nothing else of the group.
BY_DOCUMENT = """
import json, sys, time
import redis_ha_client
documents = json.load(sys.stdin)
(connection,) = documents["failover_connections"].values()
client = redis_ha_client.connect(connection, documents["elasticache_credentials"])
"""
WRITER = """
acknowledged, refused = 0, []
end = time.monotonic() + 25
while time.monotonic() < end:
    try:
        client.set(f"key-{acknowledged}", acknowledged)
        acknowledged += 1
    except Exception as error:
        refused.append(f"{type(error).__name__}: {error}")
    if acknowledged == 40:
        print("writing", flush=True)
    time.sleep(0.02)
print(json.dumps({"acknowledged": acknowledged, "refused": refused}))
"""


class FollowedStack(AwsStack):
    """A stack whose application finds its cache by the document."""

    client = BY_DOCUMENT

    def document(self) -> Any:
        """Give the group's document; None while there is none."""
        name = self.outputs()["failover_connections"][self.stack]["parameter"]
        found = self.api("ssm", "get_parameters", Names=[name])["Parameters"]
        return json.loads(found[0]["Value"]) if found else None

    def zone_of(self, node: str) -> str:
        """Give the zone of a node."""
        members = [member for shard in self.group()["NodeGroups"] for member in shard["NodeGroupMembers"]]
        return next(str(one["PreferredAvailabilityZone"]) for one in members if one["CacheClusterId"] == node)

    def ringing(self) -> list[str]:
        """Give the automation's alarms that ring."""
        names = self.outputs()["failover_alarm_names"]
        found = self.api("cloudwatch", "describe_alarms", AlarmNames=names)["MetricAlarms"]
        return sorted(alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM")

    def given_up(self) -> int:
        """Give how many events lie in the dead-letter queue."""
        url = self.outputs()["failover_dead_letter_queue_url"]
        found = self.api("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])


@pytest.fixture(params=[pytest.param(name, marks=mark) for name, mark in GROUPS.items()], scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[FollowedStack]:
    made = FollowedStack.of_stack_file(tmp_path_factory.mktemp("failover") / "program", home, request.param)
    config = yaml.safe_load((ROOT / f"Pulumi.{request.param}.yaml").read_text())["config"]
    made._write({key: config[key] for key in (*AWS_BLOCKS, "redis-ha:failover")})
    made.configure(global_member=None)
    try:
        made.run("up")
        yield made
    finally:
        made.clean_up()


def test_a_lost_zone_is_followed_by_the_document_an_alarm_and_the_application(stack: FollowedStack) -> None:
    stack.run("clock advance", "5m")  # the first regular look
    before = stack.document()
    assert (before["reason"], before["state"]) == ("created", "available")
    zone = stack.zone_of(max(stack.primaries().items())[1])
    writer = stack.start_application(WRITER)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        stack.run("zone down", zone)
        wait_until(lambda: stack.document()["generation"] > before["generation"], "the document of the failover", every=1)
        output, _ = writer.communicate(timeout=120)
    finally:
        writer.kill()
        writer.wait()
    counted = json.loads(output.splitlines()[-1])
    assert counted["refused"] == []
    lost = stack.document()
    assert (lost["event_name"], lost["state"], lost["endpoints"]) == (
        "ElastiCache:FailoverComplete",
        "modifying",
        before["endpoints"],
    )
    assert stack.ringing() == []
    stack.run("clock advance", "30m")  # nobody brings the zone back
    assert [name.rpartition("failover-")[2] for name in stack.ringing()] == [f"not_available-{stack.stack}"]
    stack.run("zone up", zone)
    wait_until(lambda: stack.group()["Status"] == "available", "the group's lost nodes", every=1)
    stack.run("clock advance", "30m")
    assert stack.document()["state"] == "available"
    assert stack.ringing() == []
    assert stack.given_up() == 0
    number = counted["acknowledged"] - 1
    assert stack.application(f'print(client.get("key-{number}"))') == f"b'{number}'\n"


def test_what_the_function_wrote_is_no_difference_and_no_output(stack: FollowedStack) -> None:
    assert stack.document() is not None
    stack.run("preview", "--expect-no-changes")
    assert "generation" not in json.dumps(stack.outputs()["failover_connections"])
