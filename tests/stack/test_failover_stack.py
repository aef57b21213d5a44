"""The block `failover` of the staging and prod stacks on the emulated AWS, from a lost zone to the application.

A node dies, ElastiCache tells of it, SNS delivers, the function runs under its role, the document changes, an alarm rings, and
an application that knows the document alone goes on. Staging has cluster mode disabled, prod enabled.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import jsonschema
import pytest
import yaml

import redis_ha_client
from redis_ha_ops.drill import failover
from redis_ha_ops.drill.checklist import SEEN
from redis_ha_ops.runbook import history
from tests.stack.aws_stack import AWS_BLOCKS, AwsStack
from tests.stack.conftest import ROOT
from tests.support.cache_program import argv
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.timeout(900)]

# Tests of one stack go to one worker.
GROUPS = {name: pytest.mark.xdist_group(f"tests/stack/failover-{name}") for name in ("staging", "prod")}
# How long the function looks at a group again after an event. It takes one event after another, so the time is paid for each.
# Here a node is back in a second or two, or not before its zone is.
SETTLE_SECONDS = 10
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

    def start_drill(self, log: IO[str], *arguments: str) -> subprocess.Popen[str]:
        """Test a failover as an operator does, from the program's folder."""
        return subprocess.Popen(
            argv("drill", "test-failover", "--stack", self.stack, "--emulated", "--yes", *arguments),
            cwd=self.program,
            env={**self._environment(), "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )

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
    made.configure("failover", function={"wait_seconds": SETTLE_SECONDS})
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


def test_a_drill_sees_the_whole_chain(stack: FollowedStack, tmp_path: Path) -> None:
    stack.run("clock advance", "5m")  # who is primary, before
    before, log = stack.document(), tmp_path / "log"
    with log.open("w") as opened:
        drill = stack.start_drill(opened, "--shard", max(stack.primaries()), "--rate", "20", "--seconds", "5")
    try:
        waits = "Wait until one of the stack's alarms has rung"
        wait_until(lambda: drill.poll() is not None or log.read_text().count(waits) == 2, log.read_text, seconds=300, every=1)
        if drill.poll() is None:
            stack.run("clock advance", "3m")  # rather than to wait for them
        drill.wait(300)
    finally:
        drill.kill()
        drill.wait()
    told = log.read_text()
    (path,) = (stack.program / "reports").glob("*.json")
    made = json.loads(path.read_text())
    jsonschema.validate(made, json.loads((Path(failover.__file__).parent / "failover.schema.json").read_text()))
    points = {item["what"]: item for item in made["checklist"]}
    missed = [what for what, item in points.items() if item["needed"] and item["state"] != SEEN]
    # A busy computer may hold up the writers and the check together: then a check without a fault has seen less than it should.
    assert set(missed) <= {"health check fired, and cleared"}, told
    assert (drill.returncode, made["run"]["outcome"]) == (1 if missed else 0, "done"), told
    for what in (
        "AWS's events, in AWS's order",
        "outage measured",
        "alarms rang",
        "log lines of the failover function",
        "generation of the endpoint document raised",
    ):
        assert points[what]["state"] == SEEN, told
    assert "0 of 15 node groups were tested within 24 h" in told
    rang = points["alarms rang"]["detail"].split(", ")
    assert any(name.endswith("-failover") for name in rang), told
    # A busy computer may hold up the load's connections too, and the alarm on them is of the shard that was tested as well.
    assert all(name.endswith(("-failover", "-connections_drop")) for name in rang), told
    after = stack.document()
    assert after["generation"] > before["generation"]
    assert after["endpoints"] == before["endpoints"]
    assert [line["outcome"] for line in history.read(stack.program / ".redis-ha" / stack.stack)] == ["done"]


def test_what_the_function_wrote_is_no_difference_and_no_output(stack: FollowedStack) -> None:
    assert stack.document() is not None
    stack.run("preview", "--expect-no-changes")
    connections = stack.outputs()["failover_connections"]
    assert "generation" not in json.dumps(connections)
    schema = json.loads((Path(redis_ha_client.__file__).parent / "connection.schema.json").read_text())
    jsonschema.validate(connections[stack.stack], {**schema, "oneOf": [{"$ref": "#/$defs/ssm"}]})
