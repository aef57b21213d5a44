"""Registered scripts: a node may lack what another one had loaded, and a promoted master has none of the lost one's."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

from collections.abc import Iterable
from typing import Any

from redis import exceptions
from redis.commands.core import Script

from redis_ha_client.budget import aside
from redis_ha_client.errors import like


class RegisteredScript(Script):
    """redis-py's own, which loads a missing script and then calls it: by then the master may be another one, without it.

    Here the text is sent in place of that (EVAL).
    """

    def __call__(self, keys: Any = None, args: Any = None, client: Any = None) -> Any:
        """Execute the script, or queue it in a pipeline."""
        runner: Any = self.registered_client if client is None else client
        if not getattr(runner, "runs_scripts", False):  # a pipeline, or a client that this package did not make
            return super().__call__(keys, args, client)
        words = (*(keys or ()), *(args or ()))
        count = len(keys or ())
        try:
            return runner.evalsha(self.sha, count, *words)
        except exceptions.NoScriptError as missing:
            with like(missing):
                return runner.eval(self.script, count, *words)


def load_scripts(connection: Any, scripts: Iterable[Script]) -> None:
    """Load the scripts that the node behind this very connection lacks: a promoted master has none of those of the lost one."""
    wanted = list(scripts)
    if not wanted:
        return
    with aside():
        connection.send_command("SCRIPT EXISTS", *(script.sha for script in wanted))
        for script, there in zip(wanted, connection.read_response(), strict=True):
            if not there:
                connection.send_command("SCRIPT LOAD", script.script)
                connection.read_response()
