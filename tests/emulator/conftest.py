"""Fixtures of the emulator's tests: an AWS, a home of their own, stacks that are destroyed whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_emulator.aws import Endpoint
from tests.support.aws_provider import EmulatedAccount, endpoint
from tests.support.emulated import Emulated, shared_home

__all__ = ["endpoint"]  # a fixture


@pytest.fixture
def account(endpoint: Endpoint, tmp_path: Path) -> EmulatedAccount:
    """A provider of its own for each test."""
    return EmulatedAccount(tmp_path, endpoint)


@pytest.fixture
def emulated(tmp_path: Path) -> Iterator[Callable[..., Emulated]]:
    """Make emulated stacks: `emulated(program, stack="dev", files={...})`; each one is destroyed at the end."""
    made: list[Emulated] = []
    home = shared_home(tmp_path / "home")

    def make(program: str, stack: str = "dev", **arguments: object) -> Emulated:
        stack_ = Emulated.create(tmp_path / f"program-{len(made)}", home, program, stack, **arguments)  # type: ignore[arg-type]
        made.append(stack_)
        return stack_

    yield make
    for stack_ in made:
        stack_.clean_up()
