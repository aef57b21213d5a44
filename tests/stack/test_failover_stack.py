"""The failover block of the staging stack on the emulated AWS: from a lost primary to the document that applications read."""

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


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[AwsStack]:
    made = AwsStack.of_stack_file(tmp_path_factory.mktemp("failover") / "program", home, "staging")
    config = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]
    made._write({key: config[key] for key in (*AWS_BLOCKS, "redis-ha:failover")})
    made.configure(global_member=None)
    try:
        made.run("up")
        yield made
    finally:
        made.clean_up()


def document(stack: AwsStack) -> Any:
    """Give the group's document as an application reads it: by the stack's output; None while there is none."""
    name = stack.outputs()["failover_connections"]["staging"]["parameter"]
    found = stack.api("ssm", "get_parameters", Names=[name])["Parameters"]
    return json.loads(found[0]["Value"]) if found else None


def test_a_second_up_changes_nothing(stack: AwsStack) -> None:
    stack.run("preview", "--expect-no-changes")


def test_a_failover_reaches_the_document(stack: AwsStack) -> None:
    before = document(stack)
    stack.api("elasticache", "test_failover", ReplicationGroupId="staging", NodeGroupId="0001")

    def followed() -> bool:
        found = document(stack)
        return bool(found) and found["event_name"] == "ElastiCache:FailoverComplete"

    wait_until(followed, "the function's document of the failover", 120, every=1)
    found = document(stack)
    assert found["generation"] > (before["generation"] if before else 0)
    assert found["endpoints"]["primary"] == stack.outputs()["elasticache_connection"]["primary"]
    stack.run("preview", "--expect-no-changes")  # what the function wrote is no difference to the program


def test_what_the_function_wrote_is_no_output(stack: AwsStack) -> None:
    assert document(stack)["primary_member"] not in json.dumps(stack.outputs()["failover_connections"])
