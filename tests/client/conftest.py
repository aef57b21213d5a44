"""What several files of the client's tests share."""

from collections.abc import Iterator

import pytest

from redis_ha_client import world
from tests.support.global_processes import GlobalGroups, WorldNames


@pytest.fixture
def names(regions: GlobalGroups, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorldNames]:
    """Publish the names of the file's own `regions`; what a test broke is mended afterwards."""
    monkeypatch.setattr(world, "RECORD_PAUSE_SECONDS", 0.05)
    made = WorldNames(monkeypatch)
    regions.publish(made)
    yield made
    regions.heal()
