"""One topology of real processes for all tests of the client; each test that breaks it gets it whole."""

from collections.abc import Iterator

import pytest

from tests.support.redis_processes import RedisProcesses


@pytest.fixture(scope="session")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcesses]:
    with RedisProcesses(tmp_path_factory.mktemp("topology")) as processes:
        yield processes


@pytest.fixture
def whole(topology: RedisProcesses) -> Iterator[RedisProcesses]:
    """Give the topology whole and mend it afterwards."""
    yield topology
    topology.heal()
