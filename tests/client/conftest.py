"""What several files of the client's tests share."""

from collections.abc import Iterator

import pytest

from redis_ha_client import world
from tests.support.every_kind import EveryKind
from tests.support.global_processes import GlobalGroups, WorldNames
from tests.support.redis_processes import RedisProcesses


@pytest.fixture
def names(regions: GlobalGroups, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorldNames]:
    """Publish the names of the file's own `regions`; what a test broke is mended afterwards."""
    monkeypatch.setattr(world, "RECORD_PAUSE_SECONDS", 0.05)
    made = WorldNames(monkeypatch)
    regions.publish(made)
    yield made
    regions.heal()


@pytest.fixture(scope="session")
def every(topology: RedisProcesses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EveryKind]:
    """Give processes for every kind of connection to tests that break none of them."""
    with EveryKind(tmp_path_factory.mktemp("every"), topology) as made:
        yield made


@pytest.fixture
def every_name(every: EveryKind, monkeypatch: pytest.MonkeyPatch) -> WorldNames:
    """Publish the names of all of them, and the endpoints that stand in parameters."""
    made = WorldNames(monkeypatch)
    every.publish(made)
    every.write_parameters(monkeypatch)
    return made
