"""Ways that an ElastiCache group goes in more than one step, on the emulated AWS: to cluster mode, to TLS, to a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.aws_stack import AwsStack

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.timeout(300)]


@pytest.fixture
def stack(tmp_path: Path, home: Path) -> Iterator[AwsStack]:
    made = AwsStack.of_stack_file(tmp_path / "program", home, "staging")
    try:
        yield made
    finally:
        made.clean_up()


def assert_updated_in_place(stack: AwsStack) -> None:
    assert stack.brought_up_to_date()["staging-group"] == "updated"


def test_to_cluster_mode_step_by_step(stack: AwsStack) -> None:
    stack.run("up")
    stack.application('[client.set(f"key-{number}", number) for number in range(100)]')
    for mode, shards in (("compatible", 1), ("enabled", 1), ("enabled", 2)):
        stack.configure(cluster_mode=mode, shards=shards)
        assert_updated_in_place(stack)
        assert stack.group()["ClusterMode"] == mode
        assert len(stack.group()["NodeGroups"]) == shards
        assert stack.application('print(sum(client.get(f"key-{number}") is not None for number in range(100)))') == "100\n"
    stack.run("preview", "--expect-no-changes")
    kind: dict[str, Any] = stack.outputs()["elasticache_connection"]
    assert kind["kind"] == "cluster"


def test_to_tls_in_two_steps_and_then_to_a_new_token(stack: AwsStack) -> None:
    stack.configure(tls="off", auth="none")
    stack.run("up")
    stack.application('client.set("old", "plain")')
    for mode in ("preferred", "required"):
        stack.configure(tls=mode)
        assert_updated_in_place(stack)
        assert stack.application('print(client.get("old"))') == "b'plain'\n"
    stack.configure(tls="required", auth="token", auth_token_update_strategy="SET")
    assert_updated_in_place(stack)
    assert stack.application('print(client.get("old"))') == "b'plain'\n"
    assert "Authentication required" in stack.refused_application(
        'import redis; endpoint = documents["elasticache_connection"]["primary"]\n'
        'redis.Redis(endpoint["host"], endpoint["port"], ssl=True, protocol=2).get("old")'
    )
