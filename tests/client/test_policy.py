"""The plain decisions: budgets, pauses, outcomes, the order of Sentinels, blocking commands."""

import asyncio
import itertools
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions
from redis.sentinel import MasterNotFoundError

from redis_ha_client import (
    DocumentError,
    FailoverPolicy,
    NotExecutedError,
    OutcomeUnknownError,
    connect,
    describe,
    outcome_of,
)
from redis_ha_client.aio import nodes as aio_nodes
from redis_ha_client.batches import Batch
from redis_ha_client.blocking import block_seconds
from redis_ha_client.budget import bounded, command_budget, current_budget
from redis_ha_client.discovery import Answers, SentinelOrder, parse_address, role_of
from redis_ha_client.errors import NotTheMasterError, RefusedError, refusal_of
from redis_ha_client.policy import FailoverClocks
from redis_ha_client.sync import nodes as sync_nodes
from tests.client.test_documents import CONNECTION, CREDENTIALS

POLICY = FailoverPolicy(total_seconds=10)


# --- the budget and the servers' clocks ---


def test_the_default_budget_exceeds_the_servers_clocks() -> None:
    clocks = FailoverClocks(down_after_seconds=5, failover_timeout_seconds=20, min_replicas_to_write=1)
    # Silence noticed after down-after and one ping period, ten seconds of election, five until a replica has attached.
    assert FailoverPolicy().for_clocks(clocks).total_seconds == 5 + 1 + 10 + 5
    assert FailoverPolicy().for_clocks(replace(clocks, min_replicas_to_write=0)).total_seconds == 16
    # An election lasts failover-timeout at most; a failed one is tried again after twice that time.
    assert FailoverPolicy().for_clocks(replace(clocks, failover_timeout_seconds=3)).total_seconds == 14
    assert clocks.two_elections_seconds() == 21 + 40
    assert FailoverPolicy(total_seconds=2).for_clocks(clocks).total_seconds == 2


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "2", True])
def test_an_impossible_time_is_refused_by_name(value: Any) -> None:
    with pytest.raises(DocumentError, match=r"FailoverPolicy.read_seconds is .*: must be a number of seconds above 0"):
        FailoverPolicy(read_seconds=value)


def test_a_mistyped_switch_is_refused() -> None:
    with pytest.raises(DocumentError, match="resend_ambiguous is 'no'"):
        FailoverPolicy(resend_ambiguous="no")  # type: ignore[arg-type]


def test_describe_says_what_a_short_budget_does_not_ride_over() -> None:
    client = connect(CONNECTION, CREDENTIALS, policy=FailoverPolicy(total_seconds=2))
    told = describe(client)
    assert told["worst_case_seconds"]["command"] == 2
    assert told["worst_case_seconds"]["attempt"] == 2
    assert told["rides_over"] == {"one_failover": False, "two_elections": False}
    assert describe(connect(CONNECTION, CREDENTIALS))["rides_over"] == {"one_failover": True, "two_elections": False}


def test_describe_of_a_policy_and_of_a_stranger() -> None:
    assert describe(POLICY)["policy"]["total_seconds"] == 10
    with pytest.raises(DocumentError, match="clients made by"):
        describe(object())  # type: ignore[arg-type]


def test_time_outs_are_cut_to_what_is_left() -> None:
    assert bounded(3) == 3
    with command_budget(FailoverPolicy(total_seconds=0.5), "GET"):
        assert bounded(3) <= 0.5
        assert bounded(0.1) == 0.1
    with command_budget(FailoverPolicy(total_seconds=1e-9), "GET"):
        assert 0 < bounded(3) < 0.01  # never 0, which means "for ever" to some
    assert current_budget() is None


def test_what_a_command_does_shares_its_budget_and_another_command_does_not() -> None:
    other = FailoverPolicy(total_seconds=99)
    with command_budget(POLICY, "outer", owner=POLICY) as outer:
        with command_budget(other, "connect") as inner:
            assert inner is outer
        with command_budget(other, "inner", owner=POLICY) as inner:
            assert inner is outer
        for mark in ({"own": True}, {"owner": other}):
            with command_budget(other, "interrupting", **mark) as inner:
                assert (inner.what, inner.policy) == ("interrupting", other)
                assert current_budget() is inner
            assert current_budget() is outer


def test_a_waiting_subscriber_counts_from_its_first_failure() -> None:
    with command_budget(POLICY, "Pub/Sub", counting=False) as budget:
        assert budget.deadline is None
        assert budget.judge(exceptions.ConnectionError("gone")) is None
        assert 9 < budget.left() <= 10


def test_a_blocking_command_of_a_strange_class_counts_from_its_first_failure_too() -> None:
    with command_budget(POLICY, "command", counting=False) as budget:
        assert budget.lent
        budget.block_seconds = 30
        assert budget.judge(exceptions.ConnectionError("gone")) is None
        assert 39 < budget.left() <= 40


def test_pauses_are_random_bounded_and_inside_the_budget() -> None:
    random.seed(7)
    policy = FailoverPolicy(total_seconds=100, backoff_base_seconds=0.1, backoff_cap_seconds=1)
    with command_budget(policy, "GET") as budget:
        for number, bound in enumerate([0.1, 0.2, 0.4, 0.8, 1, 1], start=1):
            budget.attempts = number
            pauses = [budget.pause() for _ in range(200)]
            assert max(pauses) <= bound
            assert max(pauses) - min(pauses) > bound / 2
        budget.attempts = 5000
        assert budget.pause() <= 1
    with command_budget(FailoverPolicy(total_seconds=1e-9), "GET") as budget:
        assert budget.pause() < 0.01


# --- what a failure means ---


@pytest.mark.parametrize(
    ("exception", "outcome"),
    [
        (NotExecutedError("x"), "failed"),
        (OutcomeUnknownError("x"), "unknown"),
        (exceptions.ReadOnlyError("x"), "failed"),
        (exceptions.ResponseError("NOREPLICAS x"), "failed"),
        (exceptions.AuthenticationError("x"), "failed"),
        (exceptions.BusyLoadingError("x"), "failed"),
        (exceptions.WatchError("x"), "failed"),
        (MasterNotFoundError("x"), "failed"),
        (exceptions.ConnectionError("x"), "unknown"),
        (exceptions.TimeoutError("x"), "unknown"),
        (TimeoutError(), "unknown"),
        (KeyboardInterrupt(), "unknown"),
    ],
)
def test_outcome_of(exception: BaseException, outcome: str) -> None:
    assert outcome_of(exception) == outcome


def test_own_errors_are_caught_by_code_written_for_redis_py() -> None:
    for kind in (NotExecutedError, OutcomeUnknownError):
        assert issubclass(kind, exceptions.ConnectionError)
        assert issubclass(kind, exceptions.TimeoutError)


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (exceptions.ReadOnlyError("You can't write against a read only replica.", status_code="READONLY"), True),
        (exceptions.MasterDownError("Link with MASTER is down", status_code="MASTERDOWN"), True),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), True),
        (exceptions.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), True),
        (exceptions.ResponseError("BUSY Redis is busy running a script."), True),
        (exceptions.ResponseError("BUSYGROUP Consumer Group name already exists"), False),
        (exceptions.ResponseError("BUSYKEY Target key name already exists."), False),
        (exceptions.ResponseError("UNBLOCKED force unblock from blocking operation, instance state changed"), True),
        (exceptions.ResponseError("UNBLOCKED client unblocked via CLIENT UNBLOCK"), False),
        (exceptions.ResponseError("MISCONF Valkey is configured to save RDB snapshots, but it can't"), True),
        (exceptions.ClusterDownError("Hash slot not served", status_code="CLUSTERDOWN"), True),
        # What scripts answer with words of their own.
        (exceptions.ResponseError("BUSY already running"), False),
        (exceptions.ReadOnlyError("for the weekend", status_code="READONLY"), False),
        (exceptions.ResponseError("NOREPLICAS of this order"), False),
        (exceptions.ClusterDownError("they say", status_code="CLUSTERDOWN"), False),
        (
            exceptions.ExecAbortError("Transaction discarded because of: READONLY You can't write", status_code="EXECABORT"),
            True,
        ),
        (exceptions.ExecAbortError("Transaction discarded because of previous errors.", status_code="EXECABORT"), False),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), False),
        (exceptions.OutOfMemoryError("command not allowed", status_code="OOM"), False),
        (exceptions.NoPermissionError("User x has no permissions", status_code="NOPERM"), False),
    ],
)
def test_refusals_are_told_from_errors(error: exceptions.ResponseError, refused: bool) -> None:
    assert (refusal_of(error) is not None) is refused


def judged(error: Exception, policy: FailoverPolicy = POLICY, **state: Any) -> Exception | None:
    with command_budget(policy, "INCR") as budget:
        for name, value in state.items():
            setattr(budget, name, value)
        return budget.judge(error)


TWO: list[Any] = [(("INCR", "a"), {}), (("INCR", "b"), {})]
LOST = exceptions.TimeoutError("no answer")
ONCE = FailoverPolicy(total_seconds=10, resend_ambiguous=False)
SPENT = FailoverPolicy(total_seconds=1e-9)


def test_an_unanswered_command_is_sent_again_only_if_allowed() -> None:
    assert judged(LOST, sent=True) is None
    assert isinstance(judged(LOST, ONCE, sent=True), OutcomeUnknownError)
    assert judged(LOST, ONCE, sent=False) is None  # it failed before it was sent


def test_a_refused_command_is_tried_again_even_if_nothing_may_be_sent_twice() -> None:
    assert judged(RefusedError("READONLY"), ONCE, sent=True) is None
    assert judged(exceptions.BusyLoadingError("loading"), ONCE, sent=True) is None


def test_a_refused_transaction_was_discarded_as_a_whole() -> None:
    assert judged(RefusedError("READONLY"), ONCE, sent=True, batch=Batch(TWO, atomic=True), replies=2) is None


def test_the_error_of_a_spent_budget_keeps_what_an_earlier_attempt_did() -> None:
    assert isinstance(judged(LOST, SPENT, sent=False), NotExecutedError)
    assert isinstance(judged(LOST, SPENT, sent=True), OutcomeUnknownError)
    assert isinstance(judged(LOST, SPENT, sent=False, ambiguous=True), OutcomeUnknownError)


def test_a_final_error_is_not_tried_again() -> None:
    error = exceptions.AuthenticationError("wrong")
    assert judged(error) is error
    assert outcome_of(error) == "failed"
    with suppress(exceptions.AuthenticationError), command_budget(POLICY, "INCR") as budget:
        budget.ambiguous = True
        raise error
    assert outcome_of(error) == "unknown"  # the first sending may have been executed


def test_an_error_reply_to_a_resent_command_leaves_the_outcome_unknown() -> None:
    error = exceptions.ResponseError("ERR no such key")
    with suppress(exceptions.ResponseError), command_budget(POLICY, "RENAME") as budget:
        budget.ambiguous = True
        raise error
    assert outcome_of(error) == "unknown"


def test_an_error_tells_every_cause_once() -> None:
    with command_budget(POLICY, "GET") as budget:
        for cause in ["refused", "refused", "no master"]:
            budget.begin_attempt()
            budget.judge(exceptions.ConnectionError(cause))
    told = str(budget.exhausted())
    assert "2x refused; 1x no master" in told
    assert "GET: NOT EXECUTED, given up after" in told
    assert "3 attempts (budget 10 s)" in told


# --- which Sentinel is asked ---

A, B, C = ("10.0.0.1", 26379), ("10.0.0.2", 26379), ("10.0.0.3", 26379)


def test_clients_do_not_all_ask_the_first_sentinel() -> None:
    assert {SentinelOrder((A, B, C)).to_ask()[0] for _ in range(200)} == {A, B, C}


def test_a_silent_sentinel_is_asked_last_until_it_answers() -> None:
    order = SentinelOrder((A, B, C))
    order.silent(A)
    assert order.to_ask()[-1] == A
    order.answered(B)
    order.doubted(B)  # what it named was no master: the other one first, the silent one still last
    assert order.to_ask() == (C, B, A)
    order.answered(A)
    assert order.to_ask() == (A, C, B)


def test_a_refused_login_is_final_only_if_no_sentinel_speaks() -> None:
    wrong = exceptions.AuthenticationError("invalid username-password pair")
    answers = Answers("local")
    answers.failed(A, wrong)
    answers.failed(B, exceptions.TimeoutError("Timeout reading"))
    answers.skipped(C)
    error = answers.error("application")
    assert isinstance(error, exceptions.AuthenticationError)
    for part in ("10.0.0.1:26379 invalid", "10.0.0.2:26379 Timeout", "10.0.0.3:26379 not asked", "'application'"):
        assert part in str(error)
    answers.unknown(C)
    assert isinstance(answers.error("application"), MasterNotFoundError)


def test_answers_are_read_in_both_shapes() -> None:
    assert parse_address([b"10.0.0.1", b"6379"]) == ("10.0.0.1", 6379)
    assert parse_address(["10.0.0.1", "6379"]) == ("10.0.0.1", 6379)
    assert parse_address(None) is None
    assert role_of([b"master", 5, []]) == "master"
    assert role_of(["slave", "10.0.0.1"]) == "slave"


def test_a_node_that_is_no_master_was_not_written_to() -> None:
    assert outcome_of(NotTheMasterError("x")) == "failed"


# --- blocking commands ---


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (("GET", "a"), 0),
        (("BLPOP", "a", "b", 5), 5),
        (("blpop", "a", b"0.5"), 0.5),
        (("BLMOVE", "a", "b", "LEFT", "RIGHT", 7), 7),
        (("BLMPOP", 3, 1, "a", "LEFT"), 3),
        (("BZPOPMIN", "a", "2"), 2),
        (("WAIT", 1, 1500), 1.5),
        (("XREAD", b"COUNT", 1, b"BLOCK", b"2500", b"STREAMS", "BLOCK", "$"), 2.5),
        (("XREADGROUP", "GROUP", "g", "c", "BLOCK", 1000, "STREAMS", "a", ">"), 1),
        (("XREADGROUP", "GROUP", "streams", "block", "BLOCK", 4000, "STREAMS", "a", ">"), 4),
        (("XREADGROUP", "GROUP", "block", "streams", "STREAMS", "block", ">"), 0),
        (("XREAD", "STREAMS", "BLOCK", "0"), 0),
        (("BLPOP", "a", "soon"), 0),
    ],
)
def test_blocking_commands_say_how_long_they_wait(command: tuple[object, ...], seconds: float) -> None:
    assert block_seconds(command) == seconds


@pytest.mark.parametrize(
    "command", [("BLPOP", "a", 0), ("BLMPOP", 0, 1, "a", "LEFT"), ("XREAD", "BLOCK", 0, "STREAMS", "a", "$")]
)
def test_waiting_for_ever_is_refused(command: tuple[object, ...]) -> None:
    with pytest.raises(DocumentError, match="waits for ever, which no time budget can hold: give seconds, in a loop"):
        block_seconds(command)


# --- attempts ---


def failing(calls: int) -> Callable[[], str]:
    """Give a function that fails so often, and then answers."""
    left = itertools.count(calls, -1)

    def act() -> str:
        if next(left) > 0:
            raise exceptions.ConnectionError("refused")
        return "answered"

    return act


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_many_attempts_are_a_loop(twin: str) -> None:
    """A class that calls itself after a lost connection ends with RecursionError."""
    patient = FailoverPolicy(total_seconds=600, backoff_base_seconds=1e-9, backoff_cap_seconds=1e-9)
    act = failing(2 * sys.getrecursionlimit())
    if twin == "sync":
        assert sync_nodes.BudgetRetry(patient).call_with_retry(act, lambda _: None) == "answered"
        return

    async def later(*_: object) -> str:
        return act()

    async def nothing(_: Exception) -> None: ...

    assert asyncio.run(aio_nodes.BudgetRetry(patient).call_with_retry(later, nothing)) == "answered"
