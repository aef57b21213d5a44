"""Asks caches where their names resolve. Runs as a process of its own: a line of JSON with a question, a line with the answers.

It runs for as long as the stack does: to import redis takes longer than what it is asked.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import redis


def asked(host: str, user: str, password: str, clustered: bool, tls: bool, commands: list[list[Any]]) -> list[Any]:
    """Run commands against a host with a new client; what the server refuses is an answer too."""
    options: dict[str, Any] = {"host": host, "port": 6379, "decode_responses": True, "socket_timeout": 5}
    options |= {"username": user or None, "password": password or None}
    if tls:
        options |= {"ssl": True, "ssl_ca_certs": os.environ["SSL_CERT_FILE"]}
    client: Any = redis.RedisCluster(**options, cluster_error_retry_attempts=20) if clustered else redis.Redis(**options)
    with client:
        return [run(client, command, clustered) for command in commands]


def run(client: Any, command: list[Any], clustered: bool) -> Any:
    """Run one command; WAIT asks every primary, and the least of their answers counts."""
    try:
        if command[0] == "WAIT" and clustered:
            found = client.execute_command(*command, target_nodes=redis.RedisCluster.PRIMARIES)
            # redis-py gives the answer of one primary as it is, those of several by node.
            return min(found.values()) if isinstance(found, dict) else found
        return client.execute_command(*command)
    except (redis.ResponseError, redis.AuthenticationError) as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    """Answer until the questions end."""
    for line in sys.stdin:
        answer: Any
        try:
            answer = asked(**json.loads(line))
        except Exception as error:  # noqa: BLE001 - the test that asked shows it
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
