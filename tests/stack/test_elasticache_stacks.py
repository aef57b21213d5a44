"""ElastiCache groups of the staging and prod stacks on the emulated AWS: they come up, serve, change, lose nodes and zones.

Every time that is measured here is the emulator's, not one of AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.aws_stack import AwsStack

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.timeout(900)]

GROUP_STEPS = {"updated"}
# Tests of one stack go to one worker.
PROD = pytest.mark.xdist_group("tests/stack/elasticache-prod")
STAGING = pytest.mark.xdist_group("tests/stack/elasticache-staging")
# Writes one key after the other for some seconds, through whatever happens, and then reads back what was acknowledged.
PATIENT_WRITER = """
import time
acknowledged, refused = [], []
end = time.monotonic() + SECONDS
number = 0
while time.monotonic() < end:
    try:
        client.set(f"patient-{number}", number)
        acknowledged.append(number)
    except Exception as error:
        refused.append(type(error).__name__)
    number += 1
    if number == 40:
        print("writing", flush=True)
    time.sleep(0.02)
lost = [number for number in acknowledged if client.get(f"patient-{number}") is None]
print(json.dumps({"acknowledged": len(acknowledged), "refused": len(refused), "lost": len(lost)}))
"""


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[AwsStack]:
    stack = AwsStack.of_stack_file(tmp_path_factory.mktemp("staging") / "program", home, "staging")
    try:
        stack.run("up")
        yield stack
    finally:
        stack.clean_up()


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[AwsStack]:
    stack = AwsStack.of_stack_file(tmp_path_factory.mktemp("prod") / "program", home, "prod")
    try:
        stack.run("up")
        yield stack
    finally:
        stack.clean_up()


@pytest.fixture(params=[pytest.param("staging", marks=STAGING), pytest.param("prod", marks=PROD)])
def stack(request: pytest.FixtureRequest) -> AwsStack:
    made: AwsStack = request.getfixturevalue(request.param)
    return made


def writes_through(stack: AwsStack, disturb: Any, seconds: int = 10) -> dict[str, int]:
    """Let an application write while something happens; return what it counted."""
    writer = stack.start_application(PATIENT_WRITER.replace("SECONDS", str(seconds)))
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        disturb()
        output, _ = writer.communicate(timeout=seconds + 60)
    finally:
        writer.kill()
        writer.wait()
    assert writer.returncode == 0, output
    return dict(json.loads(output.splitlines()[-1]))


def test_a_second_up_changes_nothing(stack: AwsStack) -> None:
    stack.run("preview", "--expect-no-changes")


def test_an_application_writes_and_reads_with_the_outputs_alone(stack: AwsStack) -> None:
    assert stack.application('client.set("greeting", "hello"); print(client.get("greeting"))') == "b'hello'\n"


# A dangerous change, and what the refusal in the preview has to say.
DANGEROUS: list[tuple[dict[str, Any], str]] = [
    ({"replicas": 0}, "replicas"),
    ({"tls": "off", "auth": "none"}, "tls"),
    ({"cluster_mode": "enabled"}, "cluster_mode"),
    ({"engine_version": "7.2"}, "protect"),
    ({"engine": "redis", "engine_version": "7.1"}, "protect"),
    ({"port": 7000}, "protect"),
]


@STAGING
@pytest.mark.parametrize(("change", "says"), DANGEROUS)
def test_a_dangerous_change_is_refused_in_the_preview(staging: AwsStack, change: dict[str, Any], says: str) -> None:
    kept = staging.stack_file.read_text()
    staging.configure(**change)
    try:
        assert says in staging.fails("preview")
    finally:
        staging.stack_file.write_text(kept)


def test_an_application_survives_a_failover(stack: AwsStack) -> None:
    shard = {"staging": "0001", "prod": "0002"}[stack.stack]

    def fail_over() -> None:
        stack.api("elasticache", "test_failover", ReplicationGroupId=stack.stack, NodeGroupId=shard)

    before = stack.primaries()
    counted = writes_through(stack, fail_over)
    assert counted["refused"] == 0
    assert counted["acknowledged"] > 0
    assert stack.primaries()[shard] != before[shard]


@STAGING
def test_an_application_survives_the_loss_of_a_zone(staging: AwsStack) -> None:
    stack = staging
    primary = stack.primaries()["0001"]
    zones = {
        member["CacheClusterId"]: member["PreferredAvailabilityZone"]
        for shard in stack.group()["NodeGroups"]
        for member in shard["NodeGroupMembers"]
    }
    try:
        counted = writes_through(stack, lambda: stack.run("zone down", zones[primary]))
    finally:
        stack.run("zone up", zones[primary])
    assert counted["refused"] == 0
    assert stack.primaries()["0001"] != primary


# What is changed by the stack file: each one is an update in place.
DAY_TWO: list[dict[str, Any]] = [
    {"replicas": 2},
    {"node_type": "cache.m7g.xlarge"},
    {"engine_version": "8.2"},
    {"parameters": {"maxmemory-policy": "allkeys-lru"}},
    {"replicas": 1},
]


@STAGING
def test_day_two_changes_are_updates_in_place(staging: AwsStack) -> None:
    staging.application('client.set("kept", "through every change")')
    for change in DAY_TWO:
        staging.configure(**change)
        steps = staging.brought_up_to_date()
        touched = {name: step for name, step in steps.items() if name.endswith(("-group", "-parameter-group"))}
        assert touched, change
        assert set(touched.values()) == GROUP_STEPS, (change, steps)
        assert staging.application('print(client.get("kept"))') == "b'through every change'\n", change
    staging.run("preview", "--expect-no-changes")


@PROD
def test_shards_come_and_go_with_their_keys(prod: AwsStack) -> None:
    prod.application('[client.set(f"key-{number}", number) for number in range(500)]')
    for shards in (3, 2):
        prod.configure(shards=shards)
        assert prod.brought_up_to_date()["prod-group"] == "updated"
        assert len(prod.group()["NodeGroups"]) == shards
        assert prod.application('print(sum(client.get(f"key-{number}") is not None for number in range(500)))') == "500\n"
    prod.run("preview", "--expect-no-changes")
