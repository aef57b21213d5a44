"""A process that is frozen between two commands, as functions are, while its node is lost without a word and replaced."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from redis_ha_client import DocumentError, FailoverPolicy, aio, connect, describe
from redis_ha_client.presets import FUNCTION_IDLE_SECONDS, PRESETS
from tests.client.test_managed_documents import PRIMARY, USER
from tests.support import frozen_program, named_program
from tests.support.managed_processes import ManagedGroup
from tests.support.redis_processes import Node
from tests.support.twins import TWINS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers


def test_the_function_preset_is_a_policy_by_name() -> None:
    for make in (connect, aio.connect):
        policy = describe(make(PRIMARY, USER, policy="function"))["policy"]
        assert policy == asdict(PRESETS["function"])
        assert [policy[f"{name}_seconds"] for name in ("connect", "read", "total", "idle")] == [
            1.5,
            1.5,
            3,
            FUNCTION_IDLE_SECONDS,
        ]
        with pytest.raises(DocumentError, match=r"policy is 'functions': known are recommended, function, .* or give a Fail"):
            make(PRIMARY, USER, policy="functions")


@pytest.mark.parametrize("value", [0, -1, float("inf"), "5", True])
def test_idle_seconds_are_seconds(value: Any) -> None:
    with pytest.raises(DocumentError, match=r"FailoverPolicy.idle_seconds is .*: must be a number of seconds above 0"):
        FailoverPolicy(idle_seconds=value)


class Program:
    """The program, and the names that it goes by."""

    def __init__(self, group: ManagedGroup, directory: Path, half: str) -> None:
        self.group, self.names = group, directory / "names"
        documents = directory / "documents"
        documents.write_text(
            json.dumps({"connection": group.connection, "credentials": group.credentials, "policy": "function"})
        )
        documents.chmod(0o600)
        self.publish(group.nodes[0])
        command = [sys.executable, named_program.__file__, str(self.names), frozen_program.__file__, half, str(documents)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def publish(self, primary: Node) -> None:
        """Let the endpoints' names lead to one node, and the nodes' own names to them."""
        names = {self.group.node_name(node): node.host for node in self.group.nodes}
        names |= {self.group.primary_name: primary.host, self.group.configuration_name: primary.host}
        self.names.write_text(json.dumps(names))

    def invoke(self, value: str) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(value + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told


@contextmanager
def running(group: ManagedGroup, directory: Path, half: str) -> Iterator[Program]:
    program = Program(group, directory, half)
    try:
        yield program
    finally:
        program.process.send_signal(signal.SIGCONT)
        program.process.communicate()


@pytest.fixture(scope="module", params=["primary", "cluster"])
def group(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp(request.param), cluster=request.param == "cluster") as made:
        yield made


@pytest.mark.parametrize("half", TWINS)
def test_the_first_command_after_a_thaw_meets_no_dead_node(group: ManagedGroup, tmp_path: Path, half: str) -> None:
    first = group.primary_of("invocation") if group.cluster else group.primaries()[0]
    other = next(node for node in group.nodes if node is not first)
    with running(group, tmp_path, half) as program:
        program.publish(first)
        assert program.invoke("before") == {"executed": True, "causes": []}
        program.process.send_signal(signal.SIGSTOP)
        frozen_at = time.monotonic()
        first.freeze()  # its connections stay open, and nothing answers
        if group.cluster:
            group.command(other, "CLUSTER", "FAILOVER", "TAKEOVER")
            wait_until(lambda: group.primary_of("invocation") is other, "the other one is primary")
        else:
            group.promote(other)
        program.publish(other)
        wait_until(lambda: time.monotonic() - frozen_at > FUNCTION_IDLE_SECONDS, "the process was frozen for long enough")
        program.process.send_signal(signal.SIGCONT)
        assert program.invoke("after") == {"executed": True, "causes": []}
        assert group.command(other, "GET", "invocation") == "after"
        assert program.invoke("again") == {"executed": True, "causes": []}
    group.heal()
    if group.cluster:  # the next one begins with a primary as well
        wait_until(lambda: group.primary_of("invocation").running, "it is whole")
