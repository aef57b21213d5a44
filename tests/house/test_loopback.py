"""Test processes on one machine, of one run or of two, use addresses of their own."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support import loopback

# With one process id for all, every process would choose the same range first.
PROCESS = """
import os, sys
sys.path.insert(0, sys.argv[1])
os.getpid = lambda: 20
from tests.support.loopback import next_subnet
print(next_subnet(), next_subnet(), flush=True)
sys.stdin.read()
"""


def subnets(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout
    return process.stdout.readline().split()


def started() -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", PROCESS, str(ROOT)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_processes_never_share_a_range_and_a_dead_ones_is_free_again() -> None:
    first, second = started(), started()
    try:
        taken = [*subnets(first), *subnets(second)]
        assert len(set(taken)) == 4
        numbers = {int(subnet.split(".")[1]) for subnet in (*taken, loopback.next_subnet())}
        assert len(numbers) == 3
        assert [loopback.claim(number) for number in numbers] == [None] * 3
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()
    again = loopback.claim(int(taken[0].split(".")[1]))
    assert again is not None
    again.close()


def test_a_range_that_is_used_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_LAST_SUBNET", 0)
    with pytest.raises(AssertionError, match="has used all"):
        loopback.next_subnet()
