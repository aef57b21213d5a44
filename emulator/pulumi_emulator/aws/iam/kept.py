"""What moto keeps of the account that counts for permissions: policies of roles and resources, and what names stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from moto.backends import get_backend
from moto.iam.models import iam_backends

from pulumi_emulator.aws import managed_policies
from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.iam.evaluation import Policies, Policy
from pulumi_emulator.aws.roles import PARTITION, Session, find_role

# Services whose resources' policies have to name the caller or its account (KMS Developer Guide, "Key policies in AWS KMS").
ALONE: Final = frozenset({"kms"})
KEY_ID_LENGTH: Final = 36  # a UUID


def policies_of(session: Session) -> Policies:
    """Return the policies that count for a session of a role; NoSuchRoleError when the role is gone."""
    role = find_role(session.role_arn)
    inline = [Policy(f"the policy {name} of the role {role.name}", _read(text)) for name, text in list(role.policies.items())]
    attached = [_managed(arn) for arn in list(role.managed_policies)]
    boundary = _managed(role.permissions_boundary_arn) if role.permissions_boundary_arn else None
    narrowing = [_managed(arn) for arn in session.managed]
    if session.policy is not None:
        narrowing.append(Policy(f"the session policy of {session.name}", _read(session.policy)))
    return Policies([*inline, *attached], boundary, narrowing or None)


def trust_policy(role: Any) -> Policy:
    """Return who may take on a role."""
    return Policy(f"the trust policy of the role {role.name}", _read(role.assume_role_policy_document))


def resource_policy(arn: str) -> Policy | None:
    """Return the policy of a resource: of queues, topics, keys and secrets; None when it has none."""
    _, _, service, region, account, name = arn.split(":", 5) if arn.count(":") >= 5 else [""] * 6
    if account != ACCOUNT_ID:
        return None
    text: Any = None
    if service == "sqs":
        text = next((queue.policy for queue in list(_backend(service, region).queues.values()) if queue.queue_arn == arn), None)
    elif service == "sns":
        text = getattr(_backend(service, region).topics.get(arn), "policy", None)
    elif service == "kms":
        text = getattr(_backend(service, region).keys.get(name.rpartition("/")[2]), "policy", None)
    elif service == "secretsmanager":
        text = getattr(_backend(service, region).secrets.get(arn), "policy", None)
    return Policy(f"the policy of {arn}", _read(text)) if text else None


def keys(region: str, given: Mapping[str, Any]) -> list[str]:
    """Return the ARNs of the KMS keys that a request names by id, ARN or alias, or by what they have encrypted."""
    backend = _backend("kms", region)
    names = [given[name] for name in ("KeyId", "TargetKeyId", "AliasName") if given.get(name)]
    if not names and given.get("CiphertextBlob"):
        # As moto writes it: the key's id comes first (moto/kms/utils.py, _serialize_ciphertext_blob).
        names = [given["CiphertextBlob"][:KEY_ID_LENGTH].decode("latin-1")]
    found = []
    for name in names:
        alias = name.partition(":alias/")[2]
        key_id = backend.get_key_id_from_alias(f"alias/{alias}" if alias else name) or name
        if key_id.startswith("alias/") or ":alias/" in key_id:
            continue  # an alias of no key, such as the one that is being made
        found.append(key_id if key_id.startswith("arn:") else f"arn:{PARTITION}:kms:{region}:{ACCOUNT_ID}:key/{key_id}")
    return found


def secrets(region: str, given: Mapping[str, Any]) -> list[str]:
    """Return the ARN of the secret that a request names; of one that is not there what its ARN begins with."""
    name = given.get("SecretId") or given.get("Name")
    if not name:
        return []
    secret = _backend("secretsmanager", region).secrets.get(name)
    if secret is not None:
        return [secret.arn]
    return [name if name.startswith("arn:") else f"arn:{PARTITION}:secretsmanager:{region}:{ACCOUNT_ID}:secret:{name}"]


def roles(given: Mapping[str, Any]) -> list[str]:
    """Return the ARN of the role that a request names, with the path that it has, or gets."""
    name = given.get("RoleName")
    if not name:
        return []
    role = next((one for one in list(iam_backends[ACCOUNT_ID][PARTITION].roles.values()) if one.name == name), None)
    path = role.path if role else given.get("Path") or "/"
    return [f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role{path}{name}"]


def _backend(service: str, region: str) -> Any:
    """Return what moto keeps of a service; it is loaded when it is asked for."""
    return get_backend(service)[ACCOUNT_ID][region]  # type: ignore[call-overload] # one of moto's by construction


def _managed(arn: str) -> Policy:
    """Return a managed policy as its default version has it."""
    kept = managed_policies.find(iam_backends[ACCOUNT_ID][PARTITION], arn)
    if kept is None:
        return Policy(f"the policy {arn}, which is not there", {"Statement": []})
    version = next(version for version in kept.versions if version.version_id == kept.default_version_id)
    return Policy(f"the policy {arn}", _read(version.document))


def _read(document: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(document) if isinstance(document, str) else document
    return found
