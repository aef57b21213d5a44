"""staging and prod as their stack files have them: machines, regions that follow each other, weights that tools shift.

Each is brought up once, on a worker of its own; tests that look come before those that change and break.

Every time that is measured here is the emulator's, not one of AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stack.aws_stack import AwsStack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.timeout(900)]

HOME, AWAY = "eu-central-1", "eu-west-1"
ZONE = "prod.redis-ha.internal"
GLOBAL_CLIENT = """
import json, sys, time
import redis_ha_client
documents = json.load(sys.stdin)
def connect(region, **given):
    return redis_ha_client.connect(documents["global_connection"], documents["global_credentials"], region=region, **given)
def arrives(client, key, value):
    end = time.monotonic() + 60
    while client.get(key) != value:
        assert time.monotonic() < end, (key, client.get(key))
        time.sleep(0.05)
"""
# Writes from the other region through a promotion; the first line says when it may begin. No write is tried twice by the test.
WRITER = """
writer = connect("eu-west-1")
acknowledged, refused, number, told = [], [], 0, False
end = time.monotonic() + 120
while time.monotonic() < end and number < 3000:
    try:
        writer.set(f"promoted-{number}", number)
        acknowledged.append(number)
    except Exception as error:
        refused.append(repr(error))
    number += 1
    if len(acknowledged) == 40 and not told:
        told = True
        print("writing", flush=True)
    time.sleep(0.02)
    if told and len(acknowledged) >= 400:
        break
lost = [one for one in acknowledged if writer.get(f"promoted-{one}") is None]
print(json.dumps({"acknowledged": len(acknowledged), "refused": refused[:3], "lost": len(lost)}))
"""


class Shapes(AwsStack):
    """A whole stack file, its global datastore and its records."""

    client = GLOBAL_CLIENT

    @property
    def datastore(self) -> dict[str, Any]:
        """The global datastore as the API describes it; empty when there is none."""
        found = self.api("elasticache", "describe_global_replication_groups", ShowMemberInfo=True)["GlobalReplicationGroups"]
        assert len(found) <= 1
        return dict(found[0]) if found else {"Members": []}

    def members(self) -> dict[str, str]:
        """Return the role of each region's group."""
        return {one["ReplicationGroupRegion"]: one["Role"] for one in self.datastore["Members"]}

    def fail_over(self, region: str) -> None:
        """Make a region the primary, as an operator would: by the API, outside of the program."""
        group = next(one for one in self.datastore["Members"] if one["ReplicationGroupRegion"] == region)
        self.api(
            "elasticache",
            "failover_global_replication_group",
            GlobalReplicationGroupId=self.datastore["GlobalReplicationGroupId"],
            PrimaryRegion=region,
            PrimaryReplicationGroupId=group["ReplicationGroupId"],
        )
        wait_until(lambda: self.datastore["Status"] == "available", "the promotion")
        assert self.members()[region] == "PRIMARY"

    def promote(self, region: str) -> None:
        """Make a region the primary, and lead the writer's name there."""
        self.fail_over(region)
        live = self.outputs()["live_colour_record"]
        colour = "blue" if region == HOME else "green"
        record = {"Name": live["records"][0]["name"], "Type": "CNAME", "TTL": live["ttl_seconds"]}
        self.upsert({**record, "ResourceRecords": [{"Value": live["targets"][colour]}]})
        self.note(live["record_path"] + "/live", {"version": 1, "colour": colour}, live["region"])

    def upsert(self, *records: dict[str, Any]) -> None:
        """Write records in one batch."""
        self._change("UPSERT", records)

    def drop(self, *records: dict[str, Any]) -> None:
        """Delete records in one batch."""
        self._change("DELETE", records)

    def _change(self, action: str, records: Sequence[dict[str, Any]]) -> None:
        changes = [{"Action": action, "ResourceRecordSet": record} for record in records]
        self.api("route53", "change_resource_record_sets", HostedZoneId=self.zone_id(), ChangeBatch={"Changes": changes})

    def zone_id(self) -> str:
        """Id of the stack's zone."""
        return str(self.api("route53", "list_hosted_zones")["HostedZones"][0]["Id"])

    def weights(self) -> dict[str, int]:
        """Return the live weights by set identifier."""
        rows = self.api("route53", "list_resource_record_sets", HostedZoneId=self.zone_id())["ResourceRecordSets"]
        return {row["SetIdentifier"]: row["Weight"] for row in rows if "Weight" in row}

    def note(self, name: str, document: dict[str, Any], region: str) -> None:
        """Write a runtime record."""
        parameters = {"Name": name, "Value": json.dumps(document), "Type": "String", "Overwrite": True}
        self.run("aws", "--region", region, "--", "ssm", "put_parameter", json.dumps(parameters))

    def forget(self, name: str, region: str) -> None:
        """Remove a runtime record."""
        self.run("aws", "--region", region, "--", "ssm", "delete_parameter", json.dumps({"Name": name}))

    def clean_up(self) -> None:
        """Destroy also what a failed test left promoted."""
        if self.folder.exists() and self.members().get(HOME) == "SECONDARY":
            self.fail_over(HOME)
        super().clean_up()


def brought_up(stack: str, folder: Path, home: Path) -> Iterator[Shapes]:
    made = Shapes.of_stack_file(folder / "program", home, stack, whole=True)
    try:
        made.run("up")
        yield made
    finally:
        made.clean_up()
    assert not made.folder.path.exists()


# Tests of one stack go to one worker.
PROD = pytest.mark.xdist_group("tests/stack/prod")
STAGING = pytest.mark.xdist_group("tests/stack/staging")


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Shapes]:
    yield from brought_up("prod", tmp_path_factory.mktemp("prod"), home)


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Shapes]:
    yield from brought_up("staging", tmp_path_factory.mktemp("staging"), home)


@pytest.fixture(params=[pytest.param("staging", marks=STAGING), pytest.param("prod", marks=PROD)])
def stack(request: pytest.FixtureRequest) -> Shapes:
    made: Shapes = request.getfixturevalue(request.param)
    return made


def test_all_shapes_are_up_and_a_second_preview_changes_nothing(stack: Shapes) -> None:
    stack.run("preview", "--expect-no-changes")
    kinds = {item["type"] for item in stack.state_resources()}
    assert {
        f"redis-ha:index:{name}" for name in ("ElastiCacheHaGroup", "GlobalDatastore", "LiveColourRecord", "AlbBlueGreen")
    } <= kinds
    assert stack.members() == {HOME: "PRIMARY", AWAY: "SECONDARY"}


def test_the_machines_are_healthy_and_the_data_nodes_protected(stack: Shapes) -> None:
    stack.ops("status", "--emulated", "--block", "sentinel", "--wait", "240")
    protected = {item["urn"].rsplit("::", 1)[1] for item in stack.state_resources() if item.get("protect")}
    assert {f"{stack.stack}-data-{slot}" for slot in range(3)} <= protected


def test_what_is_written_in_one_region_is_read_in_the_other(stack: Shapes) -> None:
    code = """
connect("eu-west-1").set("greeting", "hello")
arrives(connect("eu-west-1", reader=True), "greeting", b"hello")
print(connect("eu-central-1", reader=True).get("greeting"))
"""
    assert stack.application(code) == "b'hello'\n"


def test_an_application_survives_a_promotion(stack: Shapes) -> None:
    writer = stack.start_application(WRITER)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        stack.promote(AWAY)
        output, _ = writer.communicate(timeout=180)
    finally:
        writer.kill()
        writer.wait()
    assert writer.returncode == 0, output
    counted = json.loads(output.splitlines()[-1])
    assert counted["refused"] == []
    assert counted["acknowledged"] >= 400
    assert counted["lost"] == 0


@PROD
def test_no_preview_wants_to_undo_a_promotion(prod: Shapes) -> None:
    assert prod.members()[AWAY] == "PRIMARY"
    # The state still has the writer's name as it was, the program says what is live: nothing else is to be done.
    assert prod.planned() == {"prod-writer.prod.redis-ha.internal-cname": "update"}


@STAGING
def test_a_writers_name_that_the_stack_decides_is_not_moved_behind_a_tools_back(staging: Shapes) -> None:
    assert staging.members()[AWAY] == "PRIMARY"
    says = staging.fails("preview")
    assert "live_colour_record.live" in says
    assert "/redis-ha/staging/live_colour_record/live says green" in says
    staging.configure("live_colour_record", live="green")
    staging.run("up")
    staging.run("preview", "--expect-no-changes")
    staging.forget("/redis-ha/staging/live_colour_record/live", AWAY)


SHIFTED = {"blue": 90, "green": 10}


@pytest.fixture(scope="module")
def changed(prod: Shapes) -> dict[str, str]:
    """What one `up` did after a tool has shifted weights, a region was promoted, and the stack file asks for more."""
    assert prod.members()[AWAY] == "PRIMARY"
    assert prod.weights() == {"blue": 100, "green": 0}
    prod.application('writer = connect("eu-central-1")\nfor n in range(300): writer.set(f"kept-{n}", n)')
    rows = prod.api("route53", "list_resource_record_sets", HostedZoneId=prod.zone_id())["ResourceRecordSets"]
    prod.upsert(*({**row, "Weight": SHIFTED[row["SetIdentifier"]]} for row in rows if "Weight" in row))
    traffic = prod.outputs()["weighted_blue_green"]
    prod.note(f"{traffic['record_path']}/weights", {"version": 1, **SHIFTED}, traffic["region"])
    prod.configure(shards=3, engine_version="8.2", node_type="cache.r7g.xlarge")
    return prod.brought_up_to_date()


@PROD
def test_a_writers_name_with_runtime_authority_stays_where_the_promotion_put_it(prod: Shapes, changed: dict[str, str]) -> None:
    assert changed["prod-writer.prod.redis-ha.internal-cname"] == "updated"
    rows = prod.api("route53", "list_resource_record_sets", HostedZoneId=prod.zone_id())["ResourceRecordSets"]
    name = next(row for row in rows if row["Name"].startswith("writer."))
    assert ".euw1." in name["ResourceRecords"][0]["Value"]


@PROD
def test_after_a_promotion_the_datastore_is_scaled_and_upgraded_through_its_global_object(
    prod: Shapes, changed: dict[str, str]
) -> None:
    assert set(changed.values()) <= {"updated", "created"}, changed
    assert changed["prod-global"] == "updated", changed
    found = prod.datastore
    assert len(found["GlobalNodeGroups"]) == 3
    assert found["EngineVersion"].startswith("8.2")
    assert found["CacheNodeType"] == "cache.r7g.xlarge"
    count = 'reader = connect("eu-central-1", reader=True)\nprint(sum(reader.get(f"kept-{n}") is not None for n in range(300)))'
    assert prod.application(count) == "300\n"


@PROD
@pytest.mark.usefixtures("changed")
def test_no_up_undoes_a_shift_of_weights(prod: Shapes) -> None:
    assert prod.weights() == SHIFTED
    prod.run("preview", "--expect-no-changes")


@PROD
def test_no_up_runs_while_a_shift_does(prod: Shapes) -> None:
    traffic = prod.outputs()["weighted_blue_green"]
    path, region = traffic["record_path"], traffic["region"]
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    prod.note(f"{path}/lease", {"version": 1, "holder": "the test", "expires": expires}, region)
    assert "held by 'the test'" in prod.fails("up")
    assert "held by 'the test'" in prod.run("preview").stdout
    prod.forget(f"{path}/lease", region)


@PROD
def test_the_documented_way_out_names_all_that_stops_it_and_then_leaves_nothing(prod: Shapes) -> None:
    def refused() -> str:
        return " ".join(prod.ops("destroy", "--emulated", "--check", expect=1).stdout.split())

    protected = refused()
    assert "prod-group is protected by Pulumi" in protected
    assert "prod-blue has deletion protection at AWS" in protected
    assert "private-zone is protected by Pulumi" in protected
    assert "prod-data-0 is protected by Pulumi" in protected
    before = prod.state_resources()
    assert "stack 'prod' is protected, and nothing is deleted: by Pulumi: " in prod.fails("destroy")
    assert prod.state_resources() == before

    prod.unprotect()
    assert set(prod.brought_up_to_date().values()) <= {"updated"}
    prod.upsert({"Name": f"by-hand.{ZONE}", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "10.70.0.9"}]})
    left = refused()
    assert prod.members()[AWAY] == "PRIMARY"
    assert "leads, and AWS detaches no primary: promote prod in eu-central-1 again" in left
    assert f"private-zone holds by-hand.{ZONE} A, which is not the stack's: delete that record first" in left
    assert "2 things would stop a destroy half-way; nothing was touched" in left

    prod.fail_over(HOME)
    prod.drop({"Name": f"by-hand.{ZONE}", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "10.70.0.9"}]})
    assert "nothing would stop a destroy" in prod.ops("destroy", "--emulated", "--yes").stdout
    assert not prod.folder.path.exists()
