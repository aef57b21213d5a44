"""What every tier shares: a clean environment, the order of tests, and the answer to "may this tier be skipped here?"."""

from __future__ import annotations

import ast
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.redis_processes import RedisProcesses

ROOT = Path(__file__).resolve().parent.parent
# The environment's own commands first: `redis-server` and `redis-sentinel` are links that the set-up made there.
os.environ["PATH"] = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
# An Output that is formatted into text is a mistake, not a message (pulumi: sdk/python/lib/pulumi/output.py).
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "1"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

# What takes longest begins first, so that nobody waits for it at the end.
LONG_FIRST = ("stack", "machines", "components", "emulator", "aws", "caches", "client", "ops", "traffic", "house")
LONG = ("machines", "engine", "servers")
SHARED_SCOPES = ("module", "package", "session")

if sys.version_info < (3, 11, 8):
    # These Pythons count the depth of ast.parse in one place for all callers (python/cpython#106905). When the collector frees
    # something while a text is parsed, and its finalizer parses another, the first call ends with "SystemError: AST constructor
    # recursion depth mismatch". A socket that nobody closed is enough: the traceback of its warning is parsed. pytest and its
    # plugins parse outside of tests too, where the error ends the whole run. So nothing is collected while a text is parsed.
    _parse = ast.parse

    def _parse_uncollected(*args: Any, **options: Any) -> Any:
        collecting = gc.isenabled()
        gc.disable()
        try:
            return _parse(*args, **options)
        finally:
            if collecting:
                gc.enable()

    ast.parse = _parse_uncollected


def pytest_configure(config: pytest.Config) -> None:
    """Let all workers share the process that the emulator's commands are forked from."""
    if not hasattr(config, "workerinput") and getattr(config.option, "numprocesses", None):
        from tests.support.warm import WARM

        WARM.share()


def pytest_collection_finish() -> None:
    """Keep garbage collection from what was imported, which stays, and let it run less often.

    The SDKs are 270,000 objects, and a Pulumi program makes thousands of tasks: a third of its CPU time was garbage collection.
    """
    gc.freeze()
    gc.set_threshold(50_000)


# Before xdist's own: it reads the groups there (xdist.remote).
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests, say which of them stay together, and skip the machine tier where it cannot run.

    Without root the machine tier is skipped on a workstation; on CI it runs and fails there.
    """
    items.sort(key=_rank)
    root = os.geteuid() == 0 or bool(os.environ.get("CI"))
    for item in items:
        if not (item.get_closest_marker("xdist_group") or _stands_alone(item)):
            # tools/run_tests.py knows the form of the name.
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT).as_posix()))
        if item.get_closest_marker("machines") and not root:
            item.add_marker(pytest.mark.skip(reason="booting machines needs root; run `sudo make test`"))


def _rank(item: pytest.Item) -> tuple[int, int]:
    """Return when a test begins: those with machines before those with an engine, and so on."""
    kinds = [number for number, marker in enumerate(LONG) if item.get_closest_marker(marker)]
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    return min(kinds, default=len(LONG)), LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)


def _stands_alone(item: pytest.Item) -> bool:
    """Tell whether a test goes to any worker: it takes long and shares no fixture with others of its file."""
    if not any(item.get_closest_marker(marker) for marker in LONG):
        return False
    fixtures = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009 - pytest has no public way to a test's fixtures
    own = [definition for definitions in fixtures.values() for definition in definitions if definition.baseid]
    return not any(definition.scope in SHARED_SCOPES for definition in own)


@pytest.fixture(scope="session")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcesses]:
    """One Sentinel topology of real processes for all tests that look at one or break one; it is there when the first asks."""
    from tests.support.redis_processes import RedisProcesses

    with RedisProcesses(tmp_path_factory.mktemp("topology")) as processes:
        yield processes


@pytest.fixture
def whole(topology: RedisProcesses) -> Iterator[RedisProcesses]:
    """Give the topology to a test that breaks it; what it broke is mended afterwards."""
    yield topology
    topology.heal()
