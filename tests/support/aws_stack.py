"""A stack's emulated AWS in a process of its own, with real cache nodes, and what tests ask of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator import aws
from pulumi_emulator.stacks import emulator_home
from tests.support.aws_world import TOKEN, Remote

KEYS = 200
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "SNS:Publish",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceOwner": aws.ACCOUNT_ID}},
        }
    ],
}
# Runs where the names resolve: host, user, cluster or not, TLS or not; the password and the commands come by standard input.
PROBE = """
import json, os, sys, redis
host, user, clustered, tls = sys.argv[1:5]
password, commands = json.load(sys.stdin)
options = {"host": host, "port": 6379, "decode_responses": True,
           "username": user or None, "password": password or None, "socket_timeout": 5}
if tls == "yes":
    options |= {"ssl": True, "ssl_ca_certs": os.environ["SSL_CERT_FILE"]}
if clustered == "yes":
    options["cluster_error_retry_attempts"] = 20
client = redis.RedisCluster(**options) if clustered == "yes" else redis.Redis(**options)
everywhere = {"target_nodes": redis.RedisCluster.PRIMARIES} if clustered == "yes" else {}
def run(command):
    try:
        if command[0] == "WAIT":
            found = client.execute_command(*command, **everywhere)
            # redis-py gives the answer of one primary as it is, those of several by node.
            return min(found.values()) if isinstance(found, dict) else found
        return client.execute_command(*command)
    except (redis.ResponseError, redis.AuthenticationError) as error:
        return f"{type(error).__name__}: {error}"
print(json.dumps([run(command) for command in commands], default=str))
client.close()
"""


class Stack(Remote):
    """A stack with its emulated AWS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(aws.ensure_endpoint(folder, emulator_home(), print))

    def ask(
        self,
        host: str,
        commands: list[list[Any]],
        *,
        user: str = "",
        password: str = TOKEN,
        cluster: bool = False,
        tls: bool = True,
    ) -> Any:
        """Run commands against a cache, where its names resolve; return the answers."""
        flags = ["yes" if flag else "no" for flag in (cluster, tls)]
        done = subprocess.run(
            aws.command(self.folder, [sys.executable, "-c", PROBE, host, user, *flags]),
            input=json.dumps([password, commands]),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    def write(self, host: str, *, cluster: bool = False) -> None:
        """Write keys, each acknowledged by a replica too."""
        commands: list[list[Any]] = [["SET", f"key-{index}", index] for index in range(KEYS)]
        answers = self.ask(host, [*commands, ["WAIT", 1, 30000]], cluster=cluster)
        assert set(answers[:KEYS]) == {True}
        assert answers[-1] >= 1  # a follower in another Region counts too

    def lost(self, host: str, *, cluster: bool = False) -> list[int]:
        """Return the keys that are not as they were written."""
        answers = self.ask(host, [["GET", f"key-{index}"] for index in range(KEYS)], cluster=cluster)
        return [index for index, answer in enumerate(answers) if answer != str(index)]

    def available(self, group_id: str) -> dict[str, Any]:
        found = super().available(group_id)
        assert [group["failure"] for group in aws.groups(self.folder) if group["id"] == group_id] == [None]
        return found

    def roles(self, group_id: str) -> dict[str, str]:
        (found,) = [group for group in aws.groups(self.folder) if group["id"] == group_id]
        return {node["id"]: node["role"] for node in found["nodes"]}

    def topic_with_queue(self) -> tuple[str, str]:
        made = self.client("sns").create_topic(Name=self.name("topic"), Attributes={"Policy": json.dumps(POLICY)})
        return made["TopicArn"], self.queue_of(made["TopicArn"])

    def failover(self, group_id: str, shard: str = "0001") -> dict[str, Any]:
        self.cache.test_failover(ReplicationGroupId=group_id, NodeGroupId=shard)
        found = self.available(group_id)
        assert found["Status"] == "available"
        return found


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """An emulated AWS for a block; nothing of it is left afterwards."""
    aws.ensure_software(emulator_home(), print)
    try:
        made = Stack(folder)
        yield made
        made.close()
    finally:
        aws.stop_endpoint(folder)
        assert aws.leftovers(folder) == []


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The AWS of the test module."""
    with running(tmp_path_factory.mktemp("aws")) as made:
        yield made
