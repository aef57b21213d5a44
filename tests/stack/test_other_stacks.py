"""staging and prod: the same program with other numbers, up on this machine side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stack.conftest import ROOT, OwnStack

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.timeout(600)]


def test_staging_and_prod_come_up_together_and_leave_nothing(home: Path) -> None:
    stacks = [OwnStack(ROOT, home, name, "redis-ha") for name in ("staging", "prod")]
    try:
        for stack in stacks:
            stack.run("up")
        for stack in stacks:
            stack.ops("status", "--emulated", "--wait", "240")
            stack.run("preview", "--expect-no-changes")
            protected = {item["urn"].rsplit("::", 1)[1] for item in stack.state_resources() if item.get("protect")}
            assert {f"{stack.stack}-data-{slot}" for slot in range(3)} <= protected
    finally:
        for stack in stacks:
            stack.clean_up()
    for stack in stacks:
        assert not stack.folder.path.exists()
