"""Functions' processes and the endpoint's: none outlives a stack, also when the endpoint was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_emulator import aws
from pulumi_emulator.machines import processes
from pulumi_emulator.stacks import emulator_home
from tests.support.aws_world import Remote, until
from tests.support.functions import Function, function

pytestmark = pytest.mark.servers


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    aws.stop_endpoint(tmp_path)


def running(folder: Path) -> tuple[Remote, Function, int]:
    """Give an account with a function, and the process of it, which is frozen."""
    remote = Remote(aws.ensure_endpoint(folder, emulator_home(), print))
    made = function(remote, "import os\ndef handle(event, context): return os.getpid()")
    return remote, made, int(made.invoke()[0])


def ended(pid: int) -> bool:
    return processes.identify(pid) is None


def test_it_ends_with_the_endpoint(folder: Path) -> None:
    remote, _, pid = running(folder)
    remote.close()
    assert f"process {pid}" in aws.leftovers(folder)
    aws.stop_endpoint(folder)
    assert until(lambda: ended(pid), bool)
    assert aws.leftovers(folder) == []


def test_what_a_killed_endpoint_left_is_ended_by_the_next(folder: Path) -> None:
    remote, _, pid = running(folder)
    remote.close()
    os.kill(json.loads((folder / "aws" / "endpoint.json").read_text())["pid"], signal.SIGKILL)
    assert until(lambda: aws.running_endpoint(folder) is None, bool)
    assert f"process {pid}" in aws.leftovers(folder)
    aws.ensure_endpoint(folder, emulator_home(), print)
    assert until(lambda: ended(pid), bool)


def test_an_endpoint_without_functions_loads_nothing_of_them() -> None:
    program = """
import sys
from pathlib import Path
from pulumi_emulator.aws.serving import make_account, make_endpoint
from pulumi_emulator.aws.access import new_key
server = make_endpoint(make_account(Path("/nowhere"), Path("/nowhere"), print), "127.0.0.1", new_key())
server.server_close()
ours = "pulumi_emulator.aws."
names = ("moto.awslambda", "jsonpath_ng", ours + "functions.service", ours + "event_bus.service", ours + "event_bus.delivery")
print([name for name in names if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
