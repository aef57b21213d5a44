"""An emulated AWS served in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pulumi_emulator.aws.elasticache import failover
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.serving import make_endpoint
from tests.support.aws_world import PaperPlane, World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A served endpoint of this test module."""
    account: Account

    def emit(*event: Any) -> None:
        failover.told(account, *event)

    account = Account(lambda: PaperPlane(emit), lambda _: None)
    server = make_endpoint(account, "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made = World(f"http://127.0.0.1:{server.server_port}", account)
    yield made
    made.close()
    server.shutdown()
    thread.join()
    server.server_close()
