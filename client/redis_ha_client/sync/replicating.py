"""Counting the replicas that have a write, on the connection that wrote."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

from collections.abc import Iterable, Sequence
from typing import Any

from redis import exceptions

from redis_ha_client.batches import Batch
from redis_ha_client.budget import RETRIED_ERRORS, aside, current_budget, waiting
from redis_ha_client.errors import NotReplicated, RefusedError, UnconfirmedError, counting_forbidden
from redis_ha_client.replicating import Safety, judge_count, refuse_multi, replicas_needed, wait_seconds

# What may come in place of a count: a lost connection, a refusal, or the error of a node that is a master no longer.
_UNCOUNTED: tuple[type[Exception], ...] = (*RETRIED_ERRORS, exceptions.ResponseError)


def learn(connection: Any, safety: Safety, commands: Iterable[Sequence[Any]]) -> None:
    """Ask the server which of these commands write. The first time, see whether the user may count replicas at all.

    Called before they are sent.
    """
    names = safety.unknown(commands)
    if not names:
        return
    with aside():
        try:
            connection.send_command("COMMAND", "INFO", *names)
            answer = connection.read_response()
            if not safety.tried:
                for words in (("ROLE",), ("WAIT", 0, 1)):
                    connection.send_command(*words)
                    connection.read_response()
        except exceptions.NoPermissionError as error:
            raise counting_forbidden(f"{connection.host}:{connection.port}", connection.login_name, error) from error
        except exceptions.ResponseError as error:  # a replica by now takes no WAIT
            raise RefusedError(f"{connection.host}:{connection.port} counts no replicas: {error}") from error
    safety.learn(names, answer)


def prepare(connection: Any, safety: Safety | None, batch: Batch) -> None:
    """Note which commands of a pipeline or transaction write, before they are sent."""
    if safety is not None:
        learn(connection, safety, [args for args, _ in batch.commands])
        batch.unconfirmed = {position for position, (args, _) in enumerate(batch.commands) if safety.is_write(args)}


def confirm_all(connection: Any, safety: Safety | None, batch: Batch) -> None:
    """Wait until the replicas have what a pipeline or transaction has written over this connection."""
    if safety is not None and batch.unconfirmed:
        confirm(connection, safety)
        batch.unconfirmed.clear()


def confirm(connection: Any, safety: Safety) -> None:
    """Wait until the replicas have what was written over this connection.

    Raises NotReplicated when too few have it in time or the user may not count, and UnconfirmedError when that cannot be
    found out here.
    """
    if not connection.is_connected:  # the count of another connection would be about nothing
        raise NotReplicated("executed, and its connection was closed before the replicas could be counted")
    budget = current_budget()
    seconds = wait_seconds(connection.retry.policy.read_seconds, float("inf") if budget is None else budget.left())
    with aside():
        try:
            # ROLE comes after the write: WAIT is about all that was replicated up to the last command before it.
            needed = replicas_needed(_ask(connection, "ROLE"), safety.least)
            with waiting(seconds):
                acknowledged = _ask(connection, "WAIT", needed, max(int(seconds * 1000), 1))
        except exceptions.NoPermissionError as error:  # asking again would only write again
            raise NotReplicated(f"executed, and its replicas may not be counted: {error}") from error
        except _UNCOUNTED as error:
            connection.disconnect()
            raise UnconfirmedError(f"executed, and its replicas could not be counted: {error}") from error
    short = judge_count(acknowledged, needed, seconds)
    if short is not None:
        raise short


def _ask(connection: Any, *words: Any) -> Any:
    connection.send_command(*words, check_health=False)
    return connection.read_response()


class SafeWrites:
    """A client or a pipeline whose single commands are followed by a count of the replicas, where that is wanted."""

    connection_pool: Any

    def _send_command_parse_response(self, conn: Any, command_name: Any, *args: Any, **options: Any) -> Any:
        safety: Safety | None = self.connection_pool.settings.safety
        if safety is not None:
            refuse_multi(args)
            learn(conn, safety, [args])
        reply = super()._send_command_parse_response(conn, command_name, *args, **options)  # type: ignore[misc]
        if safety is not None and safety.is_write(args):
            confirm(conn, safety)
        return reply
