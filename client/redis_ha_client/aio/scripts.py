"""Registered scripts: a node may lack what another one had loaded, and a promoted master has none of the lost one's."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

from collections.abc import Iterable
from typing import Any

from redis import exceptions
from redis.commands.core import AsyncScript

from redis_ha_client.budget import aside, command_budget


class RegisteredScript(AsyncScript):
    """redis-py's own, which loads a missing script and then calls it: by then the master may be another one, without it.

    Here the text is sent in place of that (EVAL), within one budget.
    """

    async def __call__(self, keys: Any = None, args: Any = None, client: Any = None) -> Any:
        """Execute the script, or queue it in a pipeline."""
        runner: Any = self.registered_client if client is None else client
        policy = getattr(runner, "script_policy", None)
        if policy is None:  # a pipeline, or a client that this package did not make
            return await super().__call__(keys, args, client)
        words = (*(keys or ()), *(args or ()))
        count = len(keys or ())
        with command_budget(policy, "EVALSHA", own=True):
            try:
                return await runner.within("EVALSHA", self.sha, count, *words)
            except exceptions.NoScriptError:
                return await runner.within("EVAL", self.script, count, *words)


async def load_scripts(connection: Any, scripts: Iterable[Any]) -> None:
    """Load the scripts that the node behind this very connection lacks: a promoted master has none of those of the lost one."""
    wanted = list(scripts)
    if not wanted:
        return
    with aside():
        await connection.send_command("SCRIPT EXISTS", *(script.sha for script in wanted))
        for script, there in zip(wanted, await connection.read_response(), strict=True):
            if not there:
                await connection.send_command("SCRIPT LOAD", script.script)
                await connection.read_response()
