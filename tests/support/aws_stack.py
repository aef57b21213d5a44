"""A stack's emulated AWS in a process of its own, with real cache nodes, and what tests ask of it."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator import aws
from pulumi_emulator.stacks import emulator_home
from tests.support.aws_world import POLICY, TOKEN, Remote

KEYS = 200
PROBE = Path(__file__).with_name("cache_probe.py")


class Stack(Remote):
    """A stack with its emulated AWS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._probe: subprocess.Popen[str] | None = None
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
        probe = self._probe
        if probe is None or probe.poll() is not None:
            argv = aws.command(self.folder, [sys.executable, str(PROBE)])
            probe = self._probe = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert probe.stdin
        assert probe.stdout
        question = {"host": host, "user": user, "password": password, "clustered": cluster, "tls": tls, "commands": commands}
        print(json.dumps(question), file=probe.stdin, flush=True)
        assert select.select([probe.stdout], [], [], 60)[0], f"no answer of {host} within 60 s"
        answers = json.loads(probe.stdout.readline() or '{"failed": "the probe ended"}')
        assert isinstance(answers, list), answers["failed"]
        return answers

    def close(self) -> None:
        if self._probe is not None:
            with self._probe as probe:
                probe.kill()
        super().close()

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
        with closing(made):
            yield made
    finally:
        aws.stop_endpoint(folder)
        assert aws.leftovers(folder) == []


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The AWS of the test module."""
    with running(tmp_path_factory.mktemp("aws")) as made:
        yield made
