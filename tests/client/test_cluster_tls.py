"""The TLS twins of a cluster's client: host names are checked on every node that the slots name."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from redis_ha_client import aio, connect, outcome_of
from redis_ha_client.errors import CertificateError
from tests.support.certificates import issue
from tests.support.connecting import POLICY, connected, in_async
from tests.support.managed_processes import ManagedGroup, Names

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    made = ManagedGroup(tmp_path_factory.mktemp("cluster-tls"), name="prod", cluster=True, shards=3, replicas=1)
    made.use_tls()
    with made:
        yield made


def test_commands_survive_a_primaries_death_over_tls(cluster: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.publish(Names(monkeypatch))
    assert cluster.tls_directory is not None
    arguments: dict[str, Any] = {"policy": POLICY, "tls_ca_file": cluster.tls_directory / "ca.crt"}
    with connected(cluster, **arguments) as client:

        async def use(async_client: Any) -> list[int]:
            counted = [await async_client.incr("{a}async"), client.incr("{a}sync")]
            primary = cluster.primary_of("{a}")
            await asyncio.to_thread(cluster.wait_copied, primary)
            primary.kill()
            # Both at once: the thread's command and this task's are in the same outage.
            both = await asyncio.gather(async_client.incr("{a}async"), asyncio.to_thread(client.incr, "{a}sync"))
            return [*counted, *both]

        assert in_async(cluster, use, **arguments) == [1, 1, 2, 2]
    cluster.heal()


@pytest.mark.timeout(60, func_only=True)  # below the budget: this error is told at once
def test_a_certificate_of_a_stranger_is_told_at_once(cluster: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.publish(Names(monkeypatch))
    stranger = issue(cluster.directory / "stranger", ["127.0.0.1"]) / "ca.crt"
    arguments: dict[str, Any] = {"policy": replace(POLICY, total_seconds=120), "tls_ca_file": stranger}
    told = r"certificate of clustercfg.* is not accepted"
    with pytest.raises(CertificateError, match=told) as caught:
        connect(cluster.connection, cluster.credentials, **arguments)
    assert outcome_of(caught.value) == "failed"

    async def use() -> None:
        async with aio.connect(cluster.connection, cluster.credentials, **arguments) as async_client:
            await async_client.get("a")

    with pytest.raises(CertificateError, match=told):
        asyncio.run(use())
