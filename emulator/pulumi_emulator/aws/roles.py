"""Credentials of roles: a key with a token that ends, as STS gives out and as services get them for the roles they run as.

Whoever has such a key may do what the role's policies allow (`pulumi_emulator.aws.iam`); the stack's own key may do anything.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pulumi_emulator.aws.access import Key
from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.errors import EmulatorError

# Temporary keys begin so: docs.aws.amazon.com, IAM User Guide, "IAM identifiers", unique ids.
PREFIX: Final = "ASIA"
ID_LETTERS: Final = string.ascii_uppercase + string.digits
ID_LENGTH: Final = 16  # after the prefix, as in AWS's examples (AKIAIOSFODNN7EXAMPLE)
PARTITION: Final = "aws"


class NoSuchRoleError(EmulatorError):
    """The account has no role of an ARN."""


@dataclass(frozen=True)
class Session:
    """Who has taken on a role: the key, and the session's name. `policy` narrows what the role may (STS AssumeRole, Policy)."""

    key: Key
    role_arn: str
    role_id: str
    name: str
    policy: str | None = None
    managed: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        """The caller's ARN: the role's last name without its path (STS API Reference, AssumedRoleUser)."""
        return f"arn:{PARTITION}:sts::{ACCOUNT_ID}:assumed-role/{self.role_arn.rpartition('/')[2]}/{self.name}"

    @property
    def user_id(self) -> str:
        """The caller's unique id (STS API Reference, AssumedRoleId)."""
        return f"{self.role_id}:{self.name}"


class Roles:
    """The credentials that were given out, by the ids of their keys."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def issue(
        self, role_arn: str, session_name: str, seconds: int = 3600, *, policy: str | None = None, managed: tuple[str, ...] = ()
    ) -> Session:
        """Give out credentials for a role, for some seconds of the account's time; NoSuchRoleError when there is no such role.

        The role's trust policy is not looked at: that is for whoever asks (`pulumi_emulator.aws.iam.trust`).
        """
        role = find_role(role_arn)
        key_id = PREFIX + "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
        ends = self._now() + timedelta(seconds=seconds)
        key = Key(key_id, secrets.token_urlsafe(30), secrets.token_urlsafe(200), ends)
        session = Session(key, role_arn, role.id, session_name, policy, managed)
        with self._lock:
            self._sessions[key_id] = session
        return session

    def find(self, key_id: str | None) -> Session | None:
        """Return whose key this is; also when it has expired. None when nobody's."""
        with self._lock:
            return self._sessions.get(key_id or "")


def find_role(arn: str) -> Any:
    """Return a role as moto keeps it; NoSuchRoleError when there is none."""
    from moto.iam.models import iam_backends  # noqa: PLC0415 - not loaded before a role is asked for

    roles = list(iam_backends[ACCOUNT_ID][PARTITION].roles.values())
    found = next((role for role in roles if role.arn == arn), None)
    if found is None:
        raise NoSuchRoleError(f"role_arn: the account has no role {arn}; create it first")
    return found
