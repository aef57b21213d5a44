"""Safe writes, the plain decisions: what writes, how many replicas have to have it, and what their count means."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import DocumentError, FailoverPolicy, NotReplicated, aio, connect, describe, outcome_of, outcomes_of
from redis_ha_client.aio import replicating as async_counting
from redis_ha_client.batches import Batch
from redis_ha_client.budget import attempt, command_budget
from redis_ha_client.errors import RefusedError, UnconfirmedError
from redis_ha_client.health import PRESETS
from redis_ha_client.probing import probe_settings
from redis_ha_client.replicating import Safety, judge_count, replicas_needed, wait_seconds, writes
from redis_ha_client.sync import replicating as counting
from tests.client.test_documents import CONNECTION, CREDENTIALS, changed
from tests.client.test_global_documents import GLOBAL
from tests.client.test_managed_documents import CLUSTER, PRIMARY, USER

ONCE = FailoverPolicy(total_seconds=5, resend_ambiguous=False)


@pytest.mark.parametrize(
    ("flags", "writing"),
    [
        (["write", "denyoom"], True),
        (["readonly", "fast"], False),
        (["noscript", "stale", "skip_monitor", "no_mandatory_keys", "movablekeys"], True),  # EVAL
        (["noscript", "readonly", "movablekeys"], False),  # EVAL_RO
        (["write", "movablekeys", "blocking"], True),  # BLMPOP
        (["pubsub", "loading", "stale", "fast"], False),  # PUBLISH
        ([b"write"], True),
        ([], False),
    ],
)
def test_the_servers_own_flags_say_what_writes(flags: list[Any], *, writing: bool) -> None:
    assert writes(flags) is writing


def test_a_subcommand_has_flags_of_its_own() -> None:
    safety = Safety(1)
    assert safety.unknown([("XGROUP CREATE", "key"), ("xgroup", "HELP"), ("GET", "key")]) == ["get", "xgroup"]
    parts = [[b"xgroup|create", -5, [b"write"]], [b"xgroup|help", 2, [b"loading"]]]
    safety.learn(
        ["get", "xgroup", "nothing"], [[b"get", 2, ["readonly"]], [b"xgroup", -2, [], 0, 0, 0, [], [], [], parts], None]
    )
    assert safety.unknown([("XGROUP CREATE", "key"), ("get", "key"), ("NOTHING",)]) == []
    assert safety.is_write(("XGROUP CREATE", "key", "group"))
    assert safety.is_write((b"xgroup", b"create", "key"))
    assert not safety.is_write(("XGROUP", "HELP"))
    assert not safety.is_write(("GET", "create"))
    assert not safety.is_write(("NOTHING", "key"))


def role(*replicas: str) -> list[Any]:
    return [b"master", 10, [[name, "6379", "10"] for name in replicas]]


@pytest.mark.parametrize(("attached", "least", "needed"), [("", 1, 1), ("a", 1, 1), ("ab", 1, 2), ("a", 2, 2), ("abc", 2, 3)])
def test_all_that_are_in_sync_have_to_have_it_and_never_fewer_than_configured(attached: str, least: int, needed: int) -> None:
    assert replicas_needed(role(*attached), least) == needed


def test_a_node_that_was_demoted_counts_nothing() -> None:
    with pytest.raises(UnconfirmedError, match="is a slave by now"):
        replicas_needed([b"slave", b"10.0.0.1", 6379, b"connected", 10], 1)


@pytest.mark.parametrize(("read", "left", "waited"), [(2, 20, 2), (2, 3, 1.5), (2, 0, 0.001)])
def test_the_replicas_are_waited_for_as_for_any_answer_and_within_the_budget(read: float, left: float, waited: float) -> None:
    assert wait_seconds(read, left) == waited


def test_too_few_are_told_with_an_unknown_outcome() -> None:
    assert judge_count(2, 2, 1.5) is None
    assert judge_count(3, 2, 1.5) is None
    short = judge_count(1, 2, 1.5)
    assert isinstance(short, NotReplicated)
    assert str(short).startswith("executed on the master, and 1 of 2 replicas had it after 1.5 s")
    assert outcome_of(short) == "unknown"


@pytest.mark.parametrize("make", [connect, aio.connect])
@pytest.mark.parametrize(
    ("documents", "arguments", "told"),
    [
        ((CONNECTION, CREDENTIALS), {"safe_writes": 1}, r"safe_writes is 1: must be True or False"),
        ((CLUSTER, USER), {"safe_writes": True}, r"safe_writes=True, but this is a group in cluster mode"),
        ((GLOBAL, USER), {"safe_writes": True}, r"safe_writes=True, but connection\.kind is 'global'"),
        ((PRIMARY, USER), {"safe_writes": True, "reader": True}, r"safe_writes=True, but reader=True"),
        (
            ({**changed(PRIMARY, "failover.replicas", 0), "reader": None}, USER),
            {"safe_writes": True},
            r"safe_writes=True, but connection\.failover\.replicas is 0",
        ),
    ],
)
def test_where_nobody_counts_it_is_refused_by_name(make: Any, documents: Any, arguments: Any, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        make(*documents, **arguments)


@pytest.mark.parametrize("make", [connect, aio.connect])
@pytest.mark.parametrize(("least", "at_least"), [(0, 1), (1, 1), (2, 2)])
def test_describe_tells_of_it(make: Any, least: int, at_least: int) -> None:
    documents = changed(CONNECTION, "failover.min_replicas_to_write", least), CREDENTIALS
    policy = FailoverPolicy(total_seconds=60)
    plain, safe = (describe(make(*documents, policy=policy, safe_writes=wanted)) for wanted in (False, True))
    assert plain["safe_writes"] is None
    assert safe["safe_writes"] == {"replicas_at_least": at_least, "wait_seconds": 2.0}
    assert safe["worst_case_seconds"]["attempt"] - plain["worst_case_seconds"]["attempt"] == 3 * 2.0


@pytest.mark.parametrize("make", [connect, aio.connect])
def test_a_client_that_a_library_makes_again_waits_as_well(make: Any) -> None:
    client = make(CONNECTION, CREDENTIALS, safe_writes=True)
    again = type(client)(**client.connection_pool.connection_kwargs)
    assert describe(again)["safe_writes"] == describe(client)["safe_writes"]


def test_a_health_monitor_asks_for_writes_and_not_for_replicas() -> None:
    client: Any = connect(CONNECTION, CREDENTIALS, safe_writes=True)
    assert probe_settings(client.connection_pool.settings, PRESETS["recommended"], "").safety is None


# --- a count that does not come ---


class Counting:
    """A connection whose node answers ROLE as a master, and WAIT with an error of its own."""

    host, port, login_name, is_connected = "10.0.0.1", 6379, "application", True
    retry = SimpleNamespace(policy=ONCE)

    def __init__(self, error: Exception) -> None:
        self.answers: list[Any] = [role("a"), error]

    def send_command(self, *_: Any, **__: Any) -> Any:
        return None

    def read_response(self) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def disconnect(self, *, nowait: bool = True) -> Any:
        self.is_connected = not nowait


class AsyncCounting(Counting):
    async def send_command(self, *_: Any, **__: Any) -> Any:
        return None

    async def read_response(self) -> Any:
        return Counting.read_response(self)

    async def disconnect(self, *, nowait: bool = False) -> None:
        self.is_connected = not nowait


def confirmed(half: str, connection: Any, batch: Batch) -> None:
    if half == "sync":
        counting.confirm_all(connection, Safety(1), batch)
    else:
        asyncio.run(async_counting.confirm_all(connection, Safety(1), batch))


UNCOUNTED = [
    RefusedError("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"),
    exceptions.ResponseError("WAIT cannot be used with replica instances."),
    exceptions.ConnectionError("Connection closed by server."),
    exceptions.TimeoutError("Timeout reading from socket"),
]


@pytest.mark.parametrize("half", ["sync", "asyncio"])
@pytest.mark.parametrize("error", UNCOUNTED, ids=lambda error: str(error).split(" ", 1)[0])
def test_a_refusal_of_the_count_says_nothing_about_the_write(half: str, error: Exception) -> None:
    """A transaction is not executed when a node refuses it. When it was, and WAIT is refused, it was."""
    batch = Batch([(("INCR", "a"), {}), (("GET", "a"), {})], atomic=True)
    connection = Counting(error) if half == "sync" else AsyncCounting(error)

    def transact() -> None:
        with command_budget(ONCE, "transaction", batch=batch) as budget:
            budget.begin_attempt()
            budget.sent, budget.replies = True, 1
            batch.unconfirmed = {0}
            batch.answered_all([1, b"1"])
            try:
                with attempt(budget):
                    confirmed(half, connection, batch)
            except exceptions.ConnectionError as caught:
                over = budget.judge(caught)
                assert over is not None
                raise over from caught

    with pytest.raises(
        NotReplicated, match=r"transaction: executed, and its replicas could not be counted.*not sent again"
    ) as told:
        transact()
    assert outcomes_of(told.value) == ["unknown", "executed"]
    assert not connection.is_connected


@pytest.mark.parametrize(
    "args", [("SET", "k", "v"), (" set", "k", "v"), ("SET ", "k", "v"), ("", "SET", "k", "v"), (b"set", "k", "v")]
)
def test_a_write_is_known_as_redis_py_sends_it(args: tuple[Any, ...]) -> None:
    safety = Safety(1)
    assert safety.unknown([args]) == ["set"]
    safety.learn(["set"], [[b"set", -3, {b"write"}]])
    assert safety.is_write(args)


def test_no_words_are_no_write() -> None:
    assert not Safety(1).is_write(("",))


@pytest.mark.parametrize("half", ["sync", "asyncio"])
def test_another_connection_is_never_asked(half: str) -> None:
    connection = (Counting if half == "sync" else AsyncCounting)(RuntimeError("asked"))
    connection.is_connected = False
    batch = Batch([(("INCR", "a"), {})], unconfirmed={0})
    with pytest.raises(NotReplicated, match="its connection was closed"):
        confirmed(half, connection, batch)
    assert batch.unconfirmed == {0}
    assert len(connection.answers) == 2
