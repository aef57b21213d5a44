"""What every tier shares: a clean environment, and the answer to "may this tier be skipped here?"."""

import gc
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


def pytest_collection_finish() -> None:
    """Keep garbage collection from what was imported, which stays, and let it run less often.

    The SDKs are 270,000 objects, and a Pulumi program makes thousands of tasks: a third of its CPU time was garbage collection.
    """
    gc.freeze()
    gc.set_threshold(50_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root the machine tier is skipped on a workstation; on CI it runs and fails there."""
    if os.geteuid() == 0 or os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("machines"):
            item.add_marker(pytest.mark.skip(reason="booting machines needs root; run `sudo make test`"))
