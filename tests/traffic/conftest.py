"""An emulated AWS served in this process, and new zones in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_emulator import aws
from tests.emulator.aws_provider import EmulatedAccount, served
from tests.support.emulated_zone import REFERENCES, EmulatedZone


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A served endpoint of this test module."""
    with served() as url:
        yield url


@pytest.fixture
def zone(endpoint: str, tmp_path: Path) -> Iterator[EmulatedZone]:
    """A new zone."""
    client = aws.client(endpoint, "route53", "us-east-1")
    yield EmulatedZone(EmulatedAccount(tmp_path, endpoint), client, f"zone{next(REFERENCES)}.example.com")
    client.close()
