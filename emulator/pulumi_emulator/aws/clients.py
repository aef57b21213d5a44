"""Clients of the emulated AWS: botocore's own, so that every call is checked against AWS's service model."""

from __future__ import annotations

import functools
import threading
from typing import Any, Final

from pulumi_emulator.aws.access import Endpoint

# What every emulated account is called: the number that AWS's own examples use, and moto's default.
ACCOUNT_ID: Final = "123456789012"
# Seconds. A local process answers in milliseconds; what takes long there (starting nodes) is done behind the answer.
CONNECT_TIMEOUT: Final = 5
READ_TIMEOUT: Final = 60
ATTEMPTS: Final = 2

_MAKING: Final = threading.Lock()  # a session makes one client at a time (boto3's guide, "Multithreading")


@functools.cache
def _session() -> Any:
    """Return the one session of this process: it keeps the services' models, which take up to 0.1 CPU seconds each."""
    import botocore.session  # noqa: PLC0415 - programs without AWS never load it

    # Neither the caller's configuration file nor its AWS_PROFILE, which may name what is nowhere.
    unread = {"config_file": (None, None, "/dev/null", None), "profile": (None, None, None, None)}
    return botocore.session.Session(session_vars=unread)


def client(endpoint: Endpoint, service: str, region: str) -> Any:
    """Return a botocore client of the emulated AWS.

    `endpoint` is what `ensure_endpoint` answers, `service` botocore's name ("elasticache"), `region` AWS's ("eu-central-1").
    Nothing of the caller's AWS configuration is read: the key is the endpoint's: the stack's own, or a role's.
    """
    from botocore.config import Config  # noqa: PLC0415 - programs without AWS never load it

    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        proxies={},
        s3={"addressing_style": "path"},
        inject_host_prefix=False,
    )
    with _MAKING:
        return _session().create_client(
            service,
            region_name=region,
            endpoint_url=endpoint.url,
            config=config,
            aws_access_key_id=endpoint.key.key_id,
            aws_secret_access_key=endpoint.key.secret,
            aws_session_token=endpoint.key.token,
        )
