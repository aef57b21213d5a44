"""An emulated AWS served in this process, and new zones in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pulumi_emulator import aws
from tests.support.aws_provider import EmulatedAccount, served
from tests.support.emulated_zone import REFERENCES, EmulatedZone


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A served endpoint of this test module."""
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def account(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> EmulatedAccount:
    """The emulated provider in front of it."""
    return EmulatedAccount(tmp_path_factory.mktemp("account"), endpoint)


@pytest.fixture(scope="module")
def route53(endpoint: str) -> Iterator[Any]:
    """A client of its API."""
    client = aws.client(endpoint, "route53", "us-east-1")
    yield client
    client.close()


@pytest.fixture
def zone(account: EmulatedAccount, route53: Any) -> EmulatedZone:
    """A new zone."""
    return EmulatedZone(account, route53, f"zone{next(REFERENCES)}.example.com")
