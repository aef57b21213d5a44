"""Who may take on a role: its trust policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pulumi_emulator.aws.iam import evaluation, kept
from pulumi_emulator.aws.iam.conditions import UnknownError, Values
from pulumi_emulator.aws.roles import find_role

ASSUME: Final = "sts:AssumeRole"


class ServiceContext:
    """What is known when a service takes on a role: what it says of whom it works for."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = {key.lower(): value for key, value in given.items()}

    def values(self, key: str) -> Values | None:
        """Return a key's values; UnknownError for one that was not given."""
        found = self._given.get(key.lower())
        if found is None:
            raise UnknownError(f"the condition key {key} is not known to the emulator when a service takes on a role")
        return (found,)


def trusts_service(role_arn: str, service: str, **given: str) -> bool:
    """Tell whether a role lets a service, such as "lambda.amazonaws.com", take it on.

    `given`: condition keys that the service sends, as {"aws:SourceArn": ...}. NoSuchRoleError when there is no such role;
    UnknownError when the trust policy holds what the emulator cannot evaluate.
    """
    return evaluation.service_granted(kept.trust_policy(find_role(role_arn)), ASSUME, service, ServiceContext(given))
