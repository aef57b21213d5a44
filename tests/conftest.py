"""What every tier shares: a clean environment, and the answer to "may this tier be skipped here?"."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# The environment's own commands first: `redis-server` and `redis-sentinel` are links that the set-up made there.
os.environ["PATH"] = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
# An Output that is formatted into text is a mistake, not a message (pulumi: sdk/python/lib/pulumi/output.py).
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "1"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root the machine tier is skipped on a workstation; on CI it runs and fails there."""
    if os.geteuid() == 0 or os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("machines"):
            item.add_marker(pytest.mark.skip(reason="booting machines needs root; run `sudo make test`"))
