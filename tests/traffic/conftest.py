"""An emulated AWS served in this process, and new zones in it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.aws_provider import EmulatedAccount, account, endpoint, route53
from tests.support.emulated_zone import REFERENCES, EmulatedZone

__all__ = ["account", "endpoint", "route53"]


@pytest.fixture
def zone(account: EmulatedAccount, route53: Any) -> EmulatedZone:
    """A new zone."""
    return EmulatedZone(account, route53, f"zone{next(REFERENCES)}.example.com")
