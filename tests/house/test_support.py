"""What the tests' own helpers promise."""

import gc
from collections.abc import Iterator
from typing import Any

import pulumi
import pulumi_random
import pytest
import redis

from tests.support.pulumi_world import run
from tests.support.waiting import answer


def test_a_failed_program_leaves_no_error_to_be_told_later(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio would tell it in the middle of another test, whenever garbage is collected, and that has ended whole runs."""

    def program() -> None:
        broken = pulumi.Output.from_input(1).apply(lambda one: one // 0)
        pulumi_random.RandomId("it", byte_length=broken)

    with pytest.raises(ZeroDivisionError):
        run(program)
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_an_answer_is_waited_for_while_a_master_changes() -> None:
    answers: Iterator[Any] = iter([redis.RedisError("Sentinels disagree"), "value"])

    def ask() -> Any:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    assert answer(ask, "the master answers") == "value"
