"""The plain decisions about a pipeline: what is known of each command, what is sent again, what an emptied one says."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import FailoverPolicy, NotExecutedError, OutcomeUnknownError, aio, outcome_of, outcomes_of, sync
from redis_ha_client.batches import REFUSED, REFUSED_IN_CLUSTER, Batch, Emptied, not_sent_again
from redis_ha_client.budget import Budget, alone, aside, command_budget, current_budget
from redis_ha_client.errors import RefusedError, note_outcomes

POLICY = FailoverPolicy(total_seconds=10)
ONCE = FailoverPolicy(total_seconds=10, resend_ambiguous=False)
SPENT = FailoverPolicy(total_seconds=1e-9)
THREE: list[Any] = [(("INCRBY", "paid", 10), {}), (("INCR", "text"), {}), (("INCR", "late"), {})]
LOST = exceptions.TimeoutError("no answer")


def wrong() -> exceptions.ResponseError:
    return exceptions.ResponseError("WRONGTYPE")


def ended(error: BaseException, batch: Batch, policy: FailoverPolicy = POLICY, **state: Any) -> BaseException:
    """End the budget of a batch with an error, as `execute` does."""
    with suppress(type(error)), command_budget(policy, "pipeline", batch=batch) as budget:
        for name, value in state.items():
            setattr(budget, name, value)
        raise error
    return error


# --- one command ---


@pytest.mark.parametrize("command", ["EVAL", "eval", b"EVALSHA", "FCALL"])
def test_a_scripts_error_may_come_after_its_writes(command: Any) -> None:
    error = exceptions.ResponseError("WRONGTYPE Operation against a key script: 123, on @user_script:1.")
    batch = Batch([((command, "text", 0), {})])
    batch.answered(0, error)
    assert outcome_of(error) == "unknown"
    assert outcomes_of(ended(error, batch)) == ["unknown"]


def test_a_single_scripts_error_is_noted_by_its_budget() -> None:
    for name, outcome in [("EVAL", "unknown"), ("EVAL_RO", "failed"), ("INCRBY", "failed")]:
        error = exceptions.ResponseError("WRONGTYPE")
        with suppress(exceptions.ResponseError), command_budget(POLICY, name):
            raise error
        assert outcome_of(error) == outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (exceptions.NoScriptError("No matching script. Please use EVAL.", status_code="NOSCRIPT"), "failed"),
        (exceptions.ReadOnlyError("You can't write against a read only replica.", status_code="READONLY"), "failed"),
        # A script's own words come when it likes.
        (exceptions.NoScriptError("was given to me", status_code="NOSCRIPT"), "unknown"),
        (exceptions.ReadOnlyError("for the weekend", status_code="READONLY"), "unknown"),
    ],
)
def test_what_a_server_says_before_a_scripts_first_write_is_certain(error: exceptions.ResponseError, outcome: str) -> None:
    batch = Batch([(("EVALSHA", "123", 0), {})])
    batch.answered(0, error)
    assert outcome_of(error) == outcome


def test_an_exception_that_nobody_noted_is_judged_by_its_class() -> None:
    assert outcomes_of(wrong()) == ["failed"]
    assert outcomes_of(exceptions.ConnectionError("gone")) == ["unknown"]


def test_a_whole_has_failed_only_if_each_command_has() -> None:
    error = exceptions.ResponseError("x")
    for outcomes, whole in [(["failed", "failed"], "failed"), (["failed", "executed"], "unknown"), (["executed"], "unknown")]:
        note_outcomes(error, outcomes)  # type: ignore[arg-type]
        assert outcome_of(error) == whole


# --- a pipeline ---


def test_an_error_among_the_replies_leaves_the_others_executed() -> None:
    batch = Batch(THREE)
    batch.sending([0, 1, 2])
    error = wrong()
    batch.answered_all([10, error, 1])
    ended(error, batch)
    assert outcomes_of(error) == ["executed", "failed", "executed"]
    assert outcome_of(error) == "unknown"


def test_what_was_answered_before_the_connection_was_lost_is_known_and_not_sent_again() -> None:
    batch = Batch(THREE)
    batch.sending([0, 1, 2])
    batch.answered(0, 10)
    assert batch.waiting() == [1, 2]
    with command_budget(ONCE, "pipeline", batch=batch) as budget:
        over = budget.judge(LOST)
    assert isinstance(over, OutcomeUnknownError)
    assert outcomes_of(ended(over, batch)) == ["executed", "unknown", "unknown"]
    with command_budget(POLICY, "pipeline", batch=batch) as budget:
        assert budget.judge(LOST) is None


def test_what_was_refused_is_tried_again_even_if_nothing_may_be_sent_twice() -> None:
    batch = Batch(THREE)
    batch.sending([0, 1, 2])
    batch.answered(0, 10)
    batch.refused([1])
    batch.refused([2])
    with command_budget(ONCE, "pipeline", batch=batch) as budget:
        assert budget.judge(RefusedError("READONLY")) is None
    assert batch.waiting() == [1, 2]


def test_a_pipelines_order_is_kept_when_a_command_is_refused() -> None:
    """What came after it was answered too early. What was written is not written twice all the same."""
    failed = exceptions.ResponseError("ERR no such key")
    script_failed = exceptions.ResponseError("ERR script")
    replies = {"GET": b"old", "RENAME": failed, "EVAL": script_failed, "INCR": 1}
    batch = Batch([(("SET", "a"), {}), *(((name, "a"), {}) for name in replies)])
    batch.sending(range(5))
    batch.refused([0])
    for position, reply in enumerate(replies.values(), start=1):
        batch.answered_early(position, reply)
    assert batch.waiting() == [0, 1, 2]
    assert not batch.doubtful
    assert outcome_of(script_failed) == "unknown"


@pytest.mark.parametrize(
    ("refusal", "waiting"),
    [(RefusedError("NOREPLICAS"), [0, 1]), (exceptions.MovedError("7 127.0.0.1:6379"), [0])],
    ids=["refused", "redirected"],
)
def test_a_redirection_is_about_one_key_and_a_refusal_about_the_node(refusal: Exception, waiting: list[int]) -> None:
    commands: list[Any] = [(("SET", "a", 1), {}), (("GET", "b"), {"target_nodes": "no option of a reply"})]
    connection: Any = SimpleNamespace(is_connected=True)

    def parse(_: Any, name: str, **options: Any) -> Any:
        assert not options
        if name == "SET":
            raise refusal
        return b"words"

    async def async_parse(_: Any, name: str, **options: Any) -> Any:
        return parse(_, name, **options)

    batch, async_batch = Batch(commands), Batch(commands)
    assert sync.batches.read(connection, parse, batch, [0, 1], REFUSED_IN_CLUSTER) is refusal
    assert batch.waiting() == waiting
    reading = aio.batches.read(connection, async_parse, async_batch, [0, 1], REFUSED_IN_CLUSTER)
    assert asyncio.run(reading) is refusal
    assert async_batch.waiting() == waiting


def test_a_node_that_loads_its_data_has_executed_none() -> None:
    """redis-py closes the connection after LOADING: the other answers, which say the same, are not read."""

    def parse(*_: Any) -> Any:
        raise exceptions.BusyLoadingError("loading")

    batch = Batch(THREE)
    batch.sending([0, 1, 2])
    sync.batches.read(SimpleNamespace(is_connected=False), parse, batch, [0, 1, 2], REFUSED)
    assert not batch.doubtful


def test_a_refusal_says_nothing_about_an_earlier_sending() -> None:
    batch = Batch(THREE)
    batch.sending([0, 1, 2])  # lost
    batch.sending([0, 1, 2])
    batch.refused([0, 1, 2])
    assert all(batch.in_doubt(position) for position in range(3))
    error = wrong()
    batch.answered_all([10, error, 1])
    assert outcomes_of(ended(error, batch)) == ["executed", "unknown", "executed"]


@pytest.mark.parametrize("bound", [("WAIT", 1, 100), ("SELECT", 3), (b"client", "TRACKING", "ON"), ("CLIENT SETNAME", "x")])
def test_a_command_about_its_connection_lets_all_be_sent_again(bound: Any) -> None:
    """As before: a new connection is in another database, and WAIT there answers for no write."""
    batch = Batch([(bound, {}), *THREE])
    assert batch.begin() == [0, 1, 2, 3]
    batch.sending([0, 1, 2, 3])
    batch.answered(0, True)
    batch.answered(1, 10)
    with command_budget(ONCE, "pipeline", batch=batch) as budget:
        over = budget.judge(LOST)
    assert isinstance(over, OutcomeUnknownError)
    assert outcomes_of(ended(over, batch)) == ["executed", "executed", "unknown", "unknown"]
    assert batch.begin() == [0, 1, 2, 3]
    assert [batch.in_doubt(position) for position in range(4)] == [False, True, True, True]


def test_what_was_executed_is_not_sent_again_with_the_rest_by_a_client_that_may_not() -> None:
    batch = Batch([(("SELECT", 3), {}), *THREE])
    batch.sending(batch.begin())
    batch.answered(0, True)
    batch.answered(1, 10)
    batch.refused([2, 3])
    with command_budget(ONCE, "pipeline", batch=batch) as budget:
        over = budget.judge(RefusedError("NOREPLICAS"))
    assert isinstance(over, OutcomeUnknownError)
    assert outcomes_of(ended(over, batch)) == ["executed", "executed", "failed", "failed"]


def test_the_answer_of_wait_to_a_refused_write_is_no_effect() -> None:
    batch = Batch([(("INCR", "paid"), {}), (("WAIT", 1, 100), {})])
    batch.sending(batch.begin())
    batch.refused([0])
    batch.answered(1, 2)
    with command_budget(ONCE, "pipeline", batch=batch) as budget:
        assert budget.judge(RefusedError("NOREPLICAS")) is None
    assert batch.begin() == [0, 1]


def test_a_clusters_wait_counts_nothing_when_a_write_follows_by_itself() -> None:
    batch = Batch([(("INCR", "paid"), {}), (("WAIT", 1, 100), {})])
    batch.sending([0, 1])
    batch.refused([0])
    batch.answered(1, 2)
    batch.forget_counts()
    assert batch.waiting() == [0]
    batch.answered(0, 1)
    with pytest.raises(OutcomeUnknownError, match="nobody counted the replicas"):
        raise batch.in_order()[1]
    assert outcome_of(batch.in_order()[1]) == "unknown"


def test_nothing_is_in_doubt_before_it_is_sent() -> None:
    batch = Batch(THREE)
    with command_budget(ONCE, "pipeline", batch=batch) as budget:
        budget.sent = True  # something of redis-py's own
        assert budget.judge(LOST) is None
    assert outcomes_of(ended(KeyboardInterrupt(), batch)) == ["failed"] * 3
    batch.sending([0, 1])
    assert outcomes_of(ended(KeyboardInterrupt(), batch)) == ["unknown", "unknown", "failed"]


def test_a_budget_that_ends_after_a_part_was_executed_does_not_say_not_executed() -> None:
    batch = Batch(THREE)
    with command_budget(SPENT, "pipeline of 3 commands", batch=batch) as budget:
        assert isinstance(budget.judge(RefusedError("NOREPLICAS")), NotExecutedError)
        batch.sending([0, 1, 2])
        batch.answered(0, 10)
        batch.refused([1, 2])
        error = budget.judge(RefusedError("NOREPLICAS"))
    assert isinstance(error, OutcomeUnknownError)
    assert "pipeline of 3 commands: 1 of 3 were executed, the others NOT EXECUTED, given up after" in str(error)
    assert outcomes_of(ended(error, batch)) == ["executed", "failed", "failed"]


def test_one_command_alone_has_its_own_story_and_the_pipelines_time() -> None:
    batch = Batch(THREE)
    with command_budget(POLICY, "pipeline of 3 commands", batch=batch) as whole:
        whole.causes["refused"] = 1
        with alone("INCRBY", in_doubt=False) as own:
            assert current_budget() is own
            assert (own.deadline, own.batch, own.ambiguous) == (whole.deadline, None, False)
            assert "INCRBY in a pipeline of 3 commands: NOT EXECUTED" in str(own.exhausted())
        with alone("INCRBY", in_doubt=True) as own:
            assert "outcome UNKNOWN" in str(own.exhausted())
        assert current_budget() is whole
        assert not whole.ambiguous
    assert outcome_of(not_sent_again("INCRBY")) == "unknown"


class InterruptedClient:
    """A cluster client whose every command is interrupted."""

    policy = POLICY

    def ride(self, _: Any) -> Any:
        raise KeyboardInterrupt


class InterruptedAsyncClient:
    """The same of asyncio."""

    policy = POLICY

    async def ride(self, _: Any) -> Any:
        raise KeyboardInterrupt


def test_an_interrupted_command_alone_may_have_been_executed() -> None:
    """A node had refused it: that is no longer all that is known."""
    client: Any = InterruptedClient()
    async_client: Any = InterruptedAsyncClient()
    nobody: Any = None
    sync_batch, async_batch = Batch(THREE), Batch(THREE)
    with pytest.raises(KeyboardInterrupt) as caught, command_budget(POLICY, "pipeline", batch=sync_batch):
        sync.cluster.NodeByNode._alone(nobody, client, sync_batch, 1)
    assert outcomes_of(caught.value) == ["failed", "unknown", "failed"]
    with pytest.raises(KeyboardInterrupt) as caught, command_budget(POLICY, "pipeline", batch=async_batch):
        aio.cluster_pipelines.NodeByNode._alone(nobody, async_client, async_batch, 1).send(None)
    assert outcomes_of(caught.value) == ["failed", "unknown", "failed"]


def test_what_is_sent_aside_is_not_the_command() -> None:
    with command_budget(ONCE, "pipeline", batch=Batch(THREE, atomic=True)) as budget:
        with suppress(exceptions.TimeoutError), aside():
            budget.sent = True
            raise LOST
        assert budget.judge(LOST) is None
    with aside():  # outside a command
        pass


# --- a transaction ---


def caused(error: Exception, cause: Exception) -> Exception:
    """Give `error` as redis-py raises it while it handles `cause`."""
    error.__context__ = cause
    return error


DISCARDED = exceptions.ExecAbortError("Transaction discarded because of previous errors.")


@pytest.mark.parametrize(
    ("make", "sent", "outcome"),
    [
        (lambda: DISCARDED, True, "failed"),
        (lambda: caused(exceptions.ResponseError("unknown command"), DISCARDED), True, "failed"),
        (lambda: exceptions.WatchError("Watched variable changed."), True, "failed"),
        (lambda: NotExecutedError("refused"), True, "failed"),
        (lambda: exceptions.DataError("cannot be packed"), False, "failed"),
        # Without MULTI each command was executed when it came.
        (lambda: exceptions.ResponseError("EXEC without MULTI"), True, "unknown"),
        (lambda: exceptions.NoPermissionError("NOPERM exec"), True, "unknown"),
        (KeyboardInterrupt, True, "unknown"),
    ],
)
def test_a_transaction_without_replies(make: Callable[[], BaseException], outcome: str, *, sent: bool) -> None:
    batch = Batch(THREE, atomic=True)
    assert outcomes_of(ended(make(), batch, sent=sent)) == [outcome] * 3
    assert outcomes_of(ended(make(), batch, sent=sent, ambiguous=True)) == ["unknown"] * 3


def test_a_transaction_with_an_error_among_its_replies_was_executed() -> None:
    for ambiguous, of_the_error in [(False, "failed"), (True, "unknown")]:
        batch, error = Batch(THREE, atomic=True), wrong()
        batch.answered_all([10, error, 1])
        assert outcomes_of(ended(error, batch, sent=True, ambiguous=ambiguous)) == ["executed", of_the_error, "executed"]


def test_a_lost_transaction_is_unknown() -> None:
    batch = Batch(THREE, atomic=True)
    with command_budget(ONCE, "transaction", batch=batch) as budget:
        budget.sent = True
        error = budget.judge(LOST)
    assert isinstance(error, OutcomeUnknownError)
    assert outcomes_of(ended(error, batch, sent=True, ambiguous=True)) == ["unknown"] * 3


# --- the pipeline after it ---


def test_an_emptied_pipeline_keeps_what_is_known() -> None:
    batch = Batch(THREE)
    first = wrong()
    batch.answered_all([10, first, 1])
    error = Emptied.by(ended(first, batch)).error()
    assert "the pipeline is empty: its last execute() ended with ResponseError" in str(error)
    assert outcomes_of(error) == ["executed", "failed", "executed"]
    assert not isinstance(error, exceptions.ConnectionError)  # a loop that waits for the server's return would go on for ever


def test_a_budget_without_a_batch_is_one_commands() -> None:
    assert not Budget(POLICY, "GET", None).piecemeal
    assert Budget(POLICY, "pipeline", None, batch=Batch(THREE)).piecemeal
    assert not Budget(POLICY, "transaction", None, batch=Batch(THREE, atomic=True)).piecemeal
