"""One host of cache nodes for the whole folder; every test makes groups of its own on it."""

from collections.abc import Callable, Iterator

import pytest

from pulumi_emulator.caches.host import CacheHost
from pulumi_emulator.caches.spec import GroupSpec
from pulumi_emulator.stacks import emulator_home
from tests.support.cache_clients import Clients
from tests.support.cache_groups import Told, World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    told = Told()
    host = CacheHost(tmp_path_factory.mktemp("caches") / "caches", emulator_home(), told)
    try:
        host.ensure_software(print)
        with Clients(host) as clients:
            yield World(host, told, clients)
    finally:
        host.stop()
    assert host.leftovers() == []


@pytest.fixture
def made(world: World) -> Iterator[Callable[[GroupSpec], GroupSpec]]:
    """Create a group that ends with the test."""
    groups: list[str] = []

    def make(spec: GroupSpec) -> GroupSpec:
        world.host.create(spec)
        groups.append(spec.group_id)
        return spec

    yield make
    for group_id in groups:
        world.host.delete(group_id)
