"""What the tests' own helpers promise."""

import gc

import pulumi
import pulumi_random
import pytest

from tests.support.pulumi_world import run


def test_a_failed_program_leaves_no_error_to_be_told_later(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio would tell it in the middle of another test, whenever garbage is collected, and that has ended whole runs."""

    def program() -> None:
        broken = pulumi.Output.from_input(1).apply(lambda one: one // 0)
        pulumi_random.RandomId("it", byte_length=broken)

    with pytest.raises(ZeroDivisionError):
        run(program)
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
