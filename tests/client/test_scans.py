"""SCAN and its kin over a change of the node: told by an error, never continued where the cursor means nothing.

redis/redis#12440: a cursor of another node is taken without a word, and elements are left out.
"""

# mypy: disable-error-code="no-untyped-call"

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redis_ha_client import ScanInterruptedError
from tests.support.connecting import Documents, connected, in_async
from tests.support.every_kind import EveryKind
from tests.support.global_processes import AWAY, HOME, WorldNames
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.redis_processes import RedisProcesses
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

COUNT = 600  # far above what a node keeps as one list, which it hands over whole
ELEMENTS = [f"element-{number}" for number in range(COUNT)]
COLLECTIONS = ("{a}set", "{a}hash", "{a}sorted")


def fill(client: Any) -> None:
    pipeline = client.pipeline(transaction=False)
    for element in ELEMENTS:
        pipeline.set(element, 1)
    pipeline.sadd("{a}set", *ELEMENTS)
    pipeline.hset("{a}hash", mapping=dict.fromkeys(ELEMENTS, 1))
    pipeline.zadd("{a}sorted", dict.fromkeys(ELEMENTS, 1.0))
    pipeline.execute()


def scans_of(client: Any) -> list[Any]:
    return [
        client.scan_iter(count=10),
        client.sscan_iter("{a}set", count=10),
        client.hscan_iter("{a}hash", count=10),
        client.zscan_iter("{a}sorted", count=10),
    ]


def assert_told(to: Documents, break_it: Callable[[], None], **arguments: Any) -> None:
    """Begin every scan in both halves, let the node be lost, and go on."""

    async def use(async_client: Any) -> None:
        begun = scans_of(async_client)
        for scan in begun:
            await anext(scan)
        page = await async_client.sscan("{a}set", 0, count=10)
        both_lose()  # in this thread: a node ends with the thread that started it
        await async_client.set("{a}moved", 1)  # one that only reads may not hear of a demotion
        for scan in begun:
            with pytest.raises(ScanInterruptedError, match="Scan again from the beginning"):
                [one async for one in scan]
        with pytest.raises(ScanInterruptedError):
            await async_client.sscan("{a}set", page[0], count=10)
        assert sorted([one async for one in async_client.sscan_iter("{a}set")]) == sorted(ELEMENTS)

    def both_lose() -> None:
        with connected(to, decode_responses=True, **arguments) as client:
            begun = scans_of(client)
            for scan in begun:
                next(scan)
            page = client.sscan("{a}set", 0, count=10)
            break_it()
            client.set("{a}moved", 1)
            for scan in begun:
                with pytest.raises(ScanInterruptedError, match="Scan again from the beginning"):
                    list(scan)
            with pytest.raises(ScanInterruptedError):
                client.sscan("{a}set", page[0], count=10)
            assert sorted(client.sscan_iter("{a}set")) == sorted(ELEMENTS)
            assert set(client.scan_iter()) >= set(ELEMENTS)

    in_async(to, use, decode_responses=True, **arguments)


@pytest.mark.parametrize("loss", ["frozen", "demoted"])
def test_a_new_master_of_sentinels_is_told(whole: RedisProcesses, loss: str) -> None:
    old = whole.master()
    with connected(whole) as client:
        fill(client)
        client.wait(2, 5000)

    def lose() -> None:
        if loss == "frozen":
            old.freeze()
            wait_until(lambda: whole.master() is not old, "another node is the master")
        else:
            whole.command(whole.sentinels[0], "SENTINEL", "FAILOVER", whole.master_name)
            wait_until(lambda: whole.master() is not old and whole.command(old, "ROLE")[0] == "slave", "the master is demoted")

    assert_told(whole, lose)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("scans"), replicas=2) as made:
        yield made


@pytest.fixture
def names(group: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    made = Names(monkeypatch)
    group.publish(made)
    with connected(group) as client:
        fill(client)
        client.wait(2, 5000)
    yield made
    group.heal()


@pytest.mark.parametrize("loss", ["killed", "demoted"])
def test_a_promoted_replica_is_told(group: ManagedGroup, names: Names, loss: str) -> None:
    def lose() -> None:
        (old,) = group.primaries()
        if loss == "killed":
            old.kill()
        group.promote(next(node for node in group.nodes if node is not old))
        group.publish(names)

    assert_told(group, lose)


@pytest.mark.usefixtures("names")
def test_a_node_that_was_started_again_is_told(group: ManagedGroup) -> None:
    """It has another seed, and here no data: without the error the scan would end as if all had been seen."""
    (node,) = group.primaries()
    for _ in range(30):  # so that the numbers of connections are not those of a start
        group.command(node, "PING")

    def restart() -> None:
        node.kill()
        node.start()
        wait_until(lambda: bool(group.command(node, "PING")), "the node answers")
        with connected(group) as client:
            fill(client)

    assert_told(group, restart)


@pytest.mark.usefixtures("names")
def test_a_readers_scan_stays_with_its_replica(group: ManagedGroup) -> None:
    """Two replicas behind one name, and other commands that lay connections to either on top of the pool."""
    with connected(group, reader=True, decode_responses=True) as client:
        assert_whole([crowded(client.connection_pool, scan) for scan in scans_of(client)])

    async def use(async_client: Any) -> list[list[Any]]:
        return [await async_crowded(async_client.connection_pool, scan) for scan in scans_of(async_client)]

    assert_whole(in_async(group, use, reader=True, decode_responses=True))


@pytest.mark.usefixtures("names")
def test_a_readers_scan_outlasts_the_age_of_its_connection(group: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    for half in ("sync", "aio"):
        monkeypatch.setattr(f"redis_ha_client.{half}.endpoint.READER_AGE_SECONDS", 1e-9)
    with connected(group, reader=True, decode_responses=True) as client:
        assert_whole([list(scan) for scan in scans_of(client)])

    async def use(async_client: Any) -> list[list[Any]]:
        return [[one async for one in scan] for scan in scans_of(async_client)]

    assert_whole(in_async(group, use, reader=True, decode_responses=True))


def by_turns(taken: list[Any], turn: int) -> list[Any]:
    """Order connections so that one to the other replica than the last time comes last, which is on top of the pool."""
    assert len({connection.node_name for connection in taken}) == 2
    return sorted(taken, key=lambda connection: str(connection.node_name), reverse=turn % 2 == 0)


def crowded(pool: Any, scan: Any) -> list[Any]:
    found = []
    for element in scan:
        found.append(element)
        if len(found) % 10 == 0:
            for connection in by_turns([pool.get_connection() for _ in range(4)], len(found) // 10):
                pool.release(connection)
    return found


async def async_crowded(pool: Any, scan: Any) -> list[Any]:
    found = []
    async for element in scan:
        found.append(element)
        if len(found) % 10 == 0:
            for connection in by_turns([await pool.get_connection() for _ in range(4)], len(found) // 10):
                await pool.release(connection)
    return found


def assert_whole(seen: list[list[Any]]) -> None:
    keys, members, fields, scores = seen
    assert set(keys) >= {*ELEMENTS, *COLLECTIONS}
    assert set(members) == {field for field, _ in fields} == {member for member, _ in scores} == set(ELEMENTS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("scanned-cluster"), cluster=True, shards=2, replicas=2) as made:
        yield made


@pytest.fixture
def cluster_names(cluster: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    made = Names(monkeypatch)
    cluster.publish(made)
    with connected(cluster) as client:
        fill(client)
    for node in cluster.primaries():
        cluster.wait_copied(node)
    yield made
    cluster.heal()


@pytest.mark.usefixtures("cluster_names")
@pytest.mark.parametrize("reader", [False, True])
def test_undisturbed_scans_of_a_cluster_see_all(cluster: ManagedGroup, *, reader: bool) -> None:
    """A reader's scans of one key would go to the replica and the primary in turn."""
    with connected(cluster, reader=reader, decode_responses=True) as client:
        assert_whole([list(scan) for scan in scans_of(client)])

    async def use(async_client: Any) -> list[list[Any]]:
        return [[one async for one in scan] for scan in scans_of(async_client)]

    assert_whole(in_async(cluster, use, reader=reader, decode_responses=True))


@pytest.mark.usefixtures("cluster_names")
def test_a_lost_primary_of_a_cluster_is_told(cluster: ManagedGroup) -> None:
    def lose() -> None:
        old = cluster.primary_of("{a}")
        replica = cluster.replica_of(old)
        old.kill()
        cluster.command(replica, "CLUSTER", "FAILOVER", "TAKEOVER")
        wait_until(lambda: cluster.primary_of("{a}") is replica, "the replica serves the slot")

    assert_told(cluster, lose)


@pytest.mark.parametrize("cluster_mode", [False, True])
def test_another_region_is_told(every: EveryKind, every_name: WorldNames, *, cluster_mode: bool) -> None:
    datastore = every.sharded if cluster_mode else every.plain
    for region in (AWAY, HOME):  # with cluster mode on each has data of its own here
        datastore.promote(region)
        datastore.point(every_name)
        with connected(datastore) as client:
            fill(client)

    def move() -> None:
        datastore.promote(AWAY)
        datastore.point(every_name)

    try:
        assert_told(datastore, move)
    finally:
        datastore.heal()
        for group in datastore.groups.values():
            for node in group.nodes:
                if group.command(node, "ROLE")[0] == "master" and (cluster_mode or node is datastore.first(HOME)):
                    group.command(node, "FLUSHALL")
