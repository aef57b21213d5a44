"""AWS's own managed policies: moto has their documents, and here one is there as soon as somebody names it.

moto would make all 1,500 of them for every account, or none.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any, Final

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend, ManagedPolicy

# arn:aws:iam::aws:policy/PATH/NAME (IAM User Guide, "IAM identifiers").
OWNER: Final = ":iam::aws:policy/"

_get = IAMBackend.get_policy
_attach = {name: getattr(IAMBackend, f"attach_{name}_policy") for name in ("role", "user", "group")}


def find(backend: IAMBackend, arn: str) -> ManagedPolicy | None:
    """Return a managed policy, the account's own or AWS's; None when there is none of that ARN."""
    known: dict[str, ManagedPolicy] = backend.managed_policies
    if arn not in known and OWNER in arn:
        name = arn.rpartition("/")[2]
        data = _documents().get(name)
        made = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data) if data else None
        if made is not None and made.arn == arn:
            known[arn] = made
    return known.get(arn)


@functools.cache
def _documents() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(aws_managed_policies_data)
    return found


def install() -> None:
    """Let the calls that name a policy find AWS's too."""

    def get_policy(backend: IAMBackend, policy_arn: str) -> ManagedPolicy:
        find(backend, policy_arn)
        return _get(backend, policy_arn)

    IAMBackend.get_policy = get_policy
    for name, attach in _attach.items():
        setattr(IAMBackend, f"attach_{name}_policy", _finding(attach))


def _finding(attach: Any) -> Any:
    def attached(backend: IAMBackend, policy_arn: str, *args: Any, **given: Any) -> None:
        find(backend, policy_arn)
        attach(backend, policy_arn, *args, **given)

    return attached
