"""Names and ARNs, as the provider makes them."""

from __future__ import annotations

import itertools
import time
from typing import Final

from pulumi_emulator.aws import ACCOUNT_ID

PARTITION: Final = "aws"
_COUNTER: Final = itertools.count()


def prefixed(prefix: str) -> str:
    """Return a unique name that begins with a prefix: the time, then a counter (terraform-plugin-sdk helper/id/id.go)."""
    now = time.strftime("%Y%m%d%H%M%S", time.gmtime())
    return f"{prefix}{now}{time.time_ns() % 1_000_000_000 // 100_000:04d}{next(_COUNTER) & 0xFFFFFFFF:08x}"


def arn(service: str, region: str, resource: str) -> str:
    """Return the ARN of a resource of the emulated account."""
    return f"arn:{PARTITION}:{service}:{region}:{ACCOUNT_ID}:{resource}"
