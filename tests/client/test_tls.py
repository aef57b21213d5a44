"""The TLS twins: Sentinels and data nodes that speak TLS only, certificates verified by address."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import aio, connect, outcome_of
from redis_ha_client.errors import CertificateError
from tests.support.certificates import issue
from tests.support.connecting import POLICY
from tests.support.redis_processes import RedisProcesses

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcesses]:
    processes = RedisProcesses(tmp_path_factory.mktemp("tls"), replicas=1, min_replicas_to_write=0)
    processes.tls_directory = issue(processes.directory / "tls", [node.host for node in processes.nodes])
    with processes:
        yield processes


@pytest.mark.timeout(60, func_only=True)  # below the budget: this error is told at once
def test_a_certificate_of_a_stranger_is_told_at_once(topology: RedisProcesses) -> None:
    stranger = issue(topology.directory / "stranger", ["127.0.0.1"]) / "ca.crt"
    policy = replace(POLICY, total_seconds=120)
    arguments: dict[str, Any] = {"policy": policy, "tls_ca_file": stranger}
    client: Any = connect(topology.connection, topology.credentials, **arguments)
    async_client = aio.connect(topology.connection, topology.credentials, **arguments)

    async def use() -> None:
        async with async_client:
            await async_client.get("a")

    for act in (lambda: client.get("a"), lambda: asyncio.run(use())):
        with pytest.raises(
            CertificateError, match=r"certificate of 127.* is not accepted \(.*\): tls_ca_file must hold"
        ) as caught:
            act()
        assert isinstance(caught.value, exceptions.ConnectionError)
        assert outcome_of(caught.value) == "failed"
    client.close()


def test_commands_survive_the_masters_death_over_tls(topology: RedisProcesses) -> None:
    assert topology.tls_directory is not None
    arguments: dict[str, Any] = {"policy": POLICY, "tls_ca_file": topology.tls_directory / "ca.crt"}
    client: Any = connect(topology.connection, topology.credentials, **arguments)

    async def use() -> list[int]:
        async_client = aio.connect(topology.connection, topology.credentials, **arguments)
        async with async_client:
            counted = [await async_client.incr("async")]
            topology.master().kill()
            # Both at once: the thread's command and this task's are in the same outage.
            both = await asyncio.gather(async_client.incr("async"), asyncio.to_thread(client.incr, "sync"))
            return [*counted, *both]

    assert client.incr("sync") == 1
    assert asyncio.run(use()) == [1, 2, 2]
    client.close()
