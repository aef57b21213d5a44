"""A name that leads to a silent address first, always: the next address is dialled within the same command's budget."""

# mypy: disable-error-code="no-untyped-call"

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from redis_ha_client.errors import CertificateError
from tests.support.connecting import connected, in_async
from tests.support.every_kind import KINDS, EveryKind, Named
from tests.support.global_processes import HOME, WorldNames
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.redis_processes import DATA_PORT, SENTINEL_PORT
from tests.support.silent import Silence, Silent
from tests.support.twins import TWINS
from tests.support.waiting import SLOWEST_SECONDS

pytestmark = pytest.mark.servers


@pytest.fixture
def silent() -> Iterator[Callable[[Names, Silence], Silent]]:
    """Put a silent address in front of every name's own."""
    with ExitStack() as stack:

        def put(names: Names, silence: Silence) -> Silent:
            made = stack.enter_context(Silent(silence, DATA_PORT, SENTINEL_PORT))
            names.in_turn = False
            for name, addresses in names.addresses.items():
                names.addresses[name] = [made.host, *addresses]
            return made

        yield put


def use(to: Any, twin: str, act: Callable[[Any], Any], **arguments: Any) -> None:
    """Let `act`, which gives an awaitable or a value, use a client that dialled before, and one that has closed all."""

    async def use_async(client: Any) -> None:
        await act(client)
        await client.aclose()
        await act(client)

    if twin == "asyncio":
        in_async(to, use_async, **arguments)
        return
    with connected(to, **arguments) as client:
        act(client)
        client.close()
        act(client)


@pytest.mark.parametrize("silence", ["frozen", "gone"])
@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_next_address_is_dialled(
    every: EveryKind, every_name: WorldNames, silent: Any, kind: str, twin: str, silence: Silence
) -> None:
    whole, arguments = every.documents(kind)
    to = Named(whole, every_name)
    found = silent(every_name, silence)
    use(to, twin, lambda client: client.get("a"), **arguments)
    if silence == "frozen":
        assert found.dials() == 1  # by the whole client, whatever it has dialled since


@pytest.mark.parametrize("twin", TWINS)
def test_a_replica_that_a_name_gives_first_is_passed_over_too(every: EveryKind, every_name: WorldNames, twin: str) -> None:
    """A name that has not moved on whole: the former primary answers, and says that it is none."""
    group = every.plain.groups[HOME]
    every_name.in_turn = False
    every_name.addresses[group.primary_name] = [node.host for node in reversed(group.nodes)]
    use(group, twin, lambda client: client.set("a", 1))


# --- TLS ---


@pytest.fixture(scope="module", params=[False, True], ids=["primary", "cluster"])
def group(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    made = ManagedGroup(tmp_path_factory.mktemp("silent-tls"), cluster=request.param, replicas=0)
    made.use_tls()
    with made:
        yield made


def authority(group: ManagedGroup) -> Path:
    assert group.tls_directory is not None
    return group.tls_directory / "ca.crt"


@pytest.mark.parametrize("silence", ["frozen", "gone"])
@pytest.mark.parametrize("twin", TWINS)
def test_over_tls_too(group: ManagedGroup, monkeypatch: pytest.MonkeyPatch, silent: Any, twin: str, silence: Silence) -> None:
    names = Names(monkeypatch)
    group.publish(names)
    silent(names, silence)
    use(group, twin, lambda client: client.get("a"), tls_ca_file=authority(group))


@pytest.mark.parametrize("twin", TWINS)
def test_a_certificate_has_to_have_the_name_and_not_its_address(
    group: ManagedGroup, monkeypatch: pytest.MonkeyPatch, twin: str
) -> None:
    """The nodes' certificates have their addresses too."""
    names = Names(monkeypatch)
    group.publish(names)
    real = group.configuration_name if group.cluster else group.primary_name
    names.addresses["other.shop.internal"] = names.addresses[real]
    to = Named(group, names)
    end = "configuration" if group.cluster else "primary"
    to.connection = to.connection | {end: {"host": "other.shop.internal", "port": DATA_PORT}}
    with pytest.raises(CertificateError, match=r"certificate of other\.shop\.internal.* must name this very address"):
        use(to, twin, lambda client: client.get("a"), tls_ca_file=authority(group))


@pytest.mark.timeout(60, func_only=True)  # below the waiting time
@pytest.mark.parametrize("twin", TWINS)
def test_a_tls_handshake_has_a_connects_time_also_for_a_blocking_command(
    group: ManagedGroup, monkeypatch: pytest.MonkeyPatch, silent: Any, twin: str
) -> None:
    """redis-py's synchronous client gives it the time of the answer."""
    names = Names(monkeypatch)
    group.publish(names)
    group.command(group.nodes[0], "RPUSH", "queue", "a", "b")
    silent(names, "frozen")
    use(group, twin, lambda client: client.blpop(["queue"], timeout=SLOWEST_SECONDS), tls_ca_file=authority(group))
