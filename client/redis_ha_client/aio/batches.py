"""Sending the commands of a pipeline over one connection and reading what comes back."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis import exceptions

from redis_ha_client.batches import REFUSED, Batch
from redis_ha_client.errors import WrongKindError


def pack(connection: Any, batch: Batch, positions: Sequence[int]) -> Any:
    """Put these commands into bytes; an argument that cannot be is told before anything is sent."""
    return connection.pack_commands([batch.commands[position][0] for position in positions])


async def write(connection: Any, batch: Batch, positions: Sequence[int], packed: Any) -> None:
    """Send these commands in one write."""
    await connection.make_ready()
    batch.sending(positions)
    await connection.send_packed_command(packed, check_health=False)


async def read(
    connection: Any,
    parse: Callable[..., Awaitable[Any]],
    batch: Batch,
    positions: Sequence[int],
    refusals: tuple[type[Exception], ...],
) -> Exception | None:
    """Read the answers to the end, also after a refusal: of what was answered nothing is in doubt. Return the first refusal."""
    first: Exception | None = None
    for number, position in enumerate(positions):
        args, told = batch.commands[position]
        options = {key: value for key, value in told.items() if key != "target_nodes"}  # says where to, not how to read
        try:
            batch.answered(position, await parse(connection, args[0], **options), after_refusal=first is not None)
        except refusals as error:
            batch.refused([position])
            first = first or error
            if not connection.is_connected:  # LOADING: redis-py closes
                batch.refused(positions if number == 0 else [])
                break
        except exceptions.ResponseError as error:
            batch.answered(position, error, after_refusal=first is not None)
        except WrongKindError:
            batch.refused([position])
            raise
    return first


async def exchange(connection: Any, parse: Callable[..., Awaitable[Any]], batch: Batch) -> None:
    """Send what has no reply yet and read the answers; raise the first refusal, which ends the attempt."""
    positions = batch.begin()
    if not positions:
        return
    packed = pack(connection, batch, positions)
    try:
        await write(connection, batch, positions, packed)
        refusal = await read(connection, parse, batch, positions, REFUSED)
    except BaseException:
        await connection.disconnect(nowait=True)  # replies that nobody will read
        raise
    if refusal is not None:
        connection.refused()
        await connection.disconnect(nowait=True)  # the next dial looks for the right node anew
        raise refusal
