"""Every command's reply is that of a default client of redis-py: a program that moves to `connect` need not change.

redis/redis-py#3452: RESP3 alone changes what XREAD, ZPOPMIN, BLPOP and others give.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextlib
import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from redis import exceptions
from redis._parsers import response_callbacks

from tests.support.commands import NOT_HERE, TABLE, Recorded, recorded
from tests.support.redis_processes import RedisProcesses
from tests.support.targets import KINDS, Target, targets_of

pytestmark = [
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of commands that have a successor
    # What redis-py's own asyncio cluster client leaves open: see lost_loop.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def targets(topology: RedisProcesses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    with targets_of(topology, tmp_path_factory.mktemp("targets")) as made:
        yield made


def rows() -> Iterator[tuple[list[Recorded], list[Recorded]]]:
    for before, calls in TABLE:
        yield recorded(*before), recorded(*calls)


async def settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def outcome(act: Callable[..., Any], *args: Any) -> Any:
    """What a call gives: its reply, or the error that it raises."""
    try:
        return await settled(act(*args))
    except Exception as error:  # noqa: BLE001 - of whatever class: it is compared
        return error


async def called(client: Any, call: Recorded, way: str) -> Any:
    if way == "alone":
        return await settled(call.on(client))
    pipeline = client.pipeline(transaction=way == "transaction")
    try:
        pipeline.set("{t}before", 1)
        made = call.on(pipeline)
        if made is not pipeline:  # to await an asyncio pipeline empties it
            await settled(made)
        found = await settled(pipeline.execute(raise_on_error=False))
        assert len(found) == 2
        return found
    finally:
        await settled(pipeline.reset())


def lost_loop(value: Any) -> bool:
    """Tell whether an asyncio client of redis-py's has connections of another event loop.

    A transaction of its cluster client looks some commands' keys up in an event loop of its own, and leaves them there.
    """
    return type(value) is RuntimeError and "loop" in str(value)


def replies(make: Callable[..., Any], way: str, *, asynchronous: bool, decode_responses: bool) -> list[Any]:
    """Give what every call of the table brings."""

    async def use() -> list[Any]:
        found: list[Any] = []
        async with contextlib.AsyncExitStack() as stack:

            async def connected() -> Any:
                made = make(asynchronous=asynchronous, decode_responses=decode_responses)
                stack.push_async_callback(closed, made)
                return made

            client = await connected()
            for before, calls in rows():
                if lost_loop(await outcome(client.flushall)):
                    client = await connected()
                    await settled(client.flushall())
                for call in before:
                    await settled(call.on(client))
                for call in calls:
                    found.append(await outcome(called, client, call, way))
                    if lost_loop(found[-1]):
                        client = await connected()
                        await outcome(call.on, client)  # what comes next finds it done
        return found

    return asyncio.run(use())


async def closed(client: Any) -> None:
    with contextlib.suppress(RuntimeError):
        await settled(client.aclose() if hasattr(client, "aclose") else client.close())


def exact(value: Any) -> Any:
    """A reply with the types of all its parts, so that b"a" is not "a", 1 not True and a tuple no list."""
    if isinstance(value, Exception):
        if isinstance(value, exceptions.RedisClusterException):
            return type(value).__name__  # a pipeline's refusal: ours does not show the command's arguments
        # A pipeline of a cluster lacks some methods: the error names its class.
        # redis-py shows a pipeline's command with its arguments, and this package its name alone.
        named = re.match(r"Command # \d+ \(\S+?(?=[ )])", str(value))
        return type(value).__name__, named[0] if named else str(value).replace("BudgetPipeline", "ClusterPipeline")
    if isinstance(value, dict):
        return type(value).__name__, sorted((str(exact(key)), exact(one)) for key, one in value.items())
    if isinstance(value, set):
        return type(value).__name__, sorted(map(exact, value))
    if isinstance(value, list | tuple):
        return type(value).__name__, [exact(one) for one in value]
    return type(value).__name__, value


def shape(value: Any) -> Any:
    """The same without the values, for replies that differ from one call to the next."""
    if isinstance(value, dict):
        return type(value).__name__, sorted({(str(shape(key)), str(shape(one))) for key, one in value.items()})
    if isinstance(value, list | tuple | set):
        return type(value).__name__, sorted({str(shape(one)) for one in value})
    return type(value).__name__


def compared(call: Recorded, value: Any) -> Any:
    return shape(value) if call.changes else exact(value)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
@pytest.mark.parametrize(
    ("kind", "way", "decode_responses"),
    [
        *itertools.product(KINDS, ("alone",), (False, True)),
        # What a primary and a global datastore tell redis-py is what a Sentinel topology does.
        *itertools.product(("sentinel", "cluster"), ("pipeline", "transaction"), (False,)),
    ],
)
def test_replies_are_those_of_a_default_client(
    targets: dict[str, Target], way: str, kind: str, *, asynchronous: bool, decode_responses: bool
) -> None:
    target = targets[kind]
    expected, found = (
        replies(make, way, asynchronous=asynchronous, decode_responses=decode_responses) for make in (target.plain, target.ours)
    )
    calls = [call for _, calls in rows() for call in calls]
    assert len(expected) == len(found) == len(calls) > 300
    lost = sum(map(lost_loop, expected))
    assert lost < (60 if (kind, way, asynchronous) == ("cluster", "transaction", True) else 1)
    differing = [
        f"{call.method}{call.args}: {str(other)[:200]} is not {str(one)[:200]}"
        for call, one, other in zip(calls, expected, found, strict=True)
        if compared(call, one) != compared(call, other) and not lost_loop(one)
    ]
    assert not differing, "\n".join(differing)


def test_every_command_whose_reply_redis_py_shapes_is_compared() -> None:
    """A new version's new parser needs a row in the table, or a reason why it has none."""
    pipeline = redis.Redis().pipeline()
    for _, calls in rows():
        for call in calls:
            with contextlib.suppress(NotImplementedError):
                call.on(pipeline)
    sent = [args for args, _ in pipeline.command_stack]
    compared_names = {" ".join(map(str, args[:count])).upper() for args in sent for count in (1, 2)}
    left_out = {name for names in NOT_HERE.values() for name in names}
    tables = [getattr(response_callbacks, name) for name in dir(response_callbacks) if name.startswith("_RedisCallbacks")]
    shaped = {name for table in tables for name in table}
    assert sorted(shaped - compared_names) == sorted(left_out)
