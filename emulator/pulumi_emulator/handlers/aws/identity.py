"""IAM roles with their policies, and KMS keys with their aliases."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, tags_of
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.tagging import IAM_ROLE, KMS
from pulumi_emulator.handlers.aws.translation import Call, Pairs, Request, Through, api_json
from pulumi_emulator.handlers.base import Properties

TAGS_ONLY: Final = {"tags": EVERYWHERE["tags"]}


def _document(found: Any) -> str:
    # botocore gives policy documents of IAM decoded.
    return found if isinstance(found, str) else json.dumps(found)


class Role(AwsHandler):
    """A role that services or people may take on."""

    token = "aws:iam/role:Role"  # noqa: S105 - a type token
    creation = Call(
        "iam",
        "CreateRole",
        {
            "assumeRolePolicy": Through("AssumeRolePolicyDocument", api_json),
            "description": "Description",
            "maxSessionDuration": "MaxSessionDuration",
            "name": "RoleName",
            "namePrefix": Through("RoleName", prefixed),
            "path": "Path",
            "permissionsBoundary": "PermissionsBoundary",
            TAGS_ALL: Pairs("Tags"),
        },
    )
    provider_only: ClassVar = {
        **TAGS_ONLY,
        "forceDetachPolicies": "whether the provider takes policies away before the role",
    }

    @override
    def first_request(self, inputs: Properties) -> Request:
        return self.creation.request({name: value for name, value in inputs.items() if value not in ("", {})})

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        requests = [self._inline(resource_id, policy) for policy in inputs.get("inlinePolicies") or [] if policy.get("name")]
        attached = inputs.get("managedPolicyArns") or []
        return requests + [Request("iam", "AttachRolePolicy", {"RoleName": resource_id, "PolicyArn": arn}) for arn in attached]

    @staticmethod
    def _inline(role: str, policy: Properties) -> Request:
        parameters = {"RoleName": role, "PolicyName": policy["name"], "PolicyDocument": policy.get("policy") or ""}
        return Request("iam", "PutRolePolicy", parameters)

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["Role"]["RoleName"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("iam", "GetRole", RoleName=resource_id)
        return answer["Role"] if answer else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        name = found["RoleName"]
        attached = aws.ask("iam", "ListAttachedRolePolicies", RoleName=name)["AttachedPolicies"]
        return {
            "arn": found["Arn"],
            "name": name,
            "assumeRolePolicy": _document(found["AssumeRolePolicyDocument"]),
            "createDate": found["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "description": found.get("Description", ""),
            "managedPolicyArns": sorted(item["PolicyArn"] for item in attached),
            "maxSessionDuration": found.get("MaxSessionDuration", 3600),
            "path": found["Path"],
            "permissionsBoundary": (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", ""),
            "uniqueId": found["RoleId"],
            TAGS_ALL: tags_of(found.get("Tags")),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        role = {"RoleName": resource_id}
        requests = []
        if "assumeRolePolicy" in changed:
            document = {"PolicyDocument": api_json(inputs["assumeRolePolicy"])}
            requests.append(Request("iam", "UpdateAssumeRolePolicy", {**role, **document}))
        if {"description", "maxSessionDuration"} & set(changed):
            table = {"description": "Description", "maxSessionDuration": "MaxSessionDuration"}
            values = {"description": inputs.get("description") or "", "maxSessionDuration": inputs.get("maxSessionDuration")}
            requests.append(Call("iam", "UpdateRole", table).request(values, **role))
        if "permissionsBoundary" in changed:
            boundary = inputs.get("permissionsBoundary")
            requests.append(
                Request("iam", "PutRolePermissionsBoundary", {**role, "PermissionsBoundary": boundary})
                if boundary
                else Request("iam", "DeleteRolePermissionsBoundary", role)
            )
        return (
            requests
            + self._policy_changes(resource_id, state, inputs, changed)
            + self._tags(resource_id, state, inputs, changed)
        )

    def _policy_changes(
        self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]
    ) -> list[Request]:
        role = {"RoleName": resource_id}
        requests = []
        if "inlinePolicies" in changed:
            old = {item.get("name"): item for item in state.get("inlinePolicies") or []}
            new = {item.get("name"): item for item in inputs.get("inlinePolicies") or []}
            requests += [Request("iam", "DeleteRolePolicy", {**role, "PolicyName": name}) for name in old if name not in new]
            requests += [self._inline(resource_id, item) for name, item in new.items() if old.get(name) != item]
        if "managedPolicyArns" in changed:
            before, after = set(state.get("managedPolicyArns") or []), set(inputs.get("managedPolicyArns") or [])
            requests += [Request("iam", "DetachRolePolicy", {**role, "PolicyArn": arn}) for arn in sorted(before - after)]
            requests += [Request("iam", "AttachRolePolicy", {**role, "PolicyArn": arn}) for arn in sorted(after - before)]
        return requests

    @staticmethod
    def _tags(resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        if TAGS_ALL not in changed:
            return []
        return IAM_ROLE.changes(resource_id, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        role = {"RoleName": resource_id}
        requests = [
            Request("iam", "DetachRolePolicy", {**role, "PolicyArn": arn}) for arn in state.get("managedPolicyArns") or []
        ]
        named = [item["name"] for item in state.get("inlinePolicies") or [] if item.get("name")]
        requests += [Request("iam", "DeleteRolePolicy", {**role, "PolicyName": name}) for name in named]
        return [*requests, Request("iam", "DeleteRole", role)]


class RolePolicy(AwsHandler):
    """A policy inside a role. Putting it again changes it."""

    token = "aws:iam/rolePolicy:RolePolicy"  # noqa: S105 - a type token
    creation = Call(
        "iam",
        "PutRolePolicy",
        {
            "name": "PolicyName",
            "namePrefix": Through("PolicyName", prefixed),
            "policy": Through("PolicyDocument", api_json),
            "role": "RoleName",
        },
    )

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return f"{sent.parameters['RoleName']}:{sent.parameters['PolicyName']}"

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        role, _, name = resource_id.partition(":")
        return aws.find("iam", "GetRolePolicy", RoleName=role, PolicyName=name)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return {"role": found["RoleName"], "name": found["PolicyName"], "policy": _document(found["PolicyDocument"])}

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        if "policy" not in changed:
            return []
        return [self.creation.request({**inputs, "name": resource_id.partition(":")[2], "namePrefix": None})]

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        role, _, name = resource_id.partition(":")
        return [Request("iam", "DeleteRolePolicy", {"RoleName": role, "PolicyName": name})]


class Key(AwsHandler):
    """An encryption key."""

    token = "aws:kms/key:Key"  # noqa: S105 - a type token
    creation = Call(
        "kms",
        "CreateKey",
        {
            "bypassPolicyLockoutSafetyCheck": "BypassPolicyLockoutSafetyCheck",
            "customKeyStoreId": "CustomKeyStoreId",
            "customerMasterKeySpec": "KeySpec",
            "description": "Description",
            "keyUsage": "KeyUsage",
            "multiRegion": "MultiRegion",
            "policy": "Policy",
            "xksKeyId": "XksKeyId",
            TAGS_ALL: Pairs("Tags", "TagKey", "TagValue"),
        },
    )
    provider_only: ClassVar = {**EVERYWHERE, "deletionWindowInDays": "goes with the deletion"}
    needed_for_removal = ("deletionWindowInDays",)

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        requests = []
        if inputs.get("enableKeyRotation"):
            requests.append(self._rotation(resource_id, inputs))
        if inputs.get("isEnabled") is False:
            requests.append(Request("kms", "DisableKey", {"KeyId": resource_id}))
        return requests

    @staticmethod
    def _rotation(key_id: str, inputs: Properties) -> Request:
        if not inputs.get("enableKeyRotation"):
            return Request("kms", "DisableKeyRotation", {"KeyId": key_id})
        days = inputs.get("rotationPeriodInDays")
        period = {"RotationPeriodInDays": int(days)} if days else {}
        return Request("kms", "EnableKeyRotation", {"KeyId": key_id, **period})

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["KeyMetadata"]["KeyId"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("kms", "DescribeKey", KeyId=resource_id)
        found = answer["KeyMetadata"] if answer else None
        return None if found is None or found["KeyState"] == "PendingDeletion" else found

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        key_id = found["KeyId"]
        rotation = aws.ask("kms", "GetKeyRotationStatus", KeyId=key_id)
        policy = aws.ask("kms", "GetKeyPolicy", KeyId=key_id, PolicyName="default")["Policy"]
        properties = {
            "arn": found["Arn"],
            "keyId": key_id,
            "customKeyStoreId": found.get("CustomKeyStoreId"),
            "customerMasterKeySpec": found.get("KeySpec") or found.get("CustomerMasterKeySpec"),
            "description": found.get("Description", ""),
            "enableKeyRotation": bool(rotation["KeyRotationEnabled"]),
            "rotationPeriodInDays": rotation.get("RotationPeriodInDays"),
            "isEnabled": bool(found.get("Enabled")),
            "keyUsage": found.get("KeyUsage"),
            "multiRegion": bool(found.get("MultiRegion")),
            "policy": policy,
        }
        tags = aws.ask("kms", "ListResourceTags", KeyId=key_id).get("Tags")
        return {
            **{name: value for name, value in properties.items() if value is not None},
            TAGS_ALL: tags_of(tags, "TagKey", "TagValue"),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        key = {"KeyId": resource_id}
        requests = []
        if "isEnabled" in changed and inputs.get("isEnabled"):
            requests.append(Request("kms", "EnableKey", key))
        if {"enableKeyRotation", "rotationPeriodInDays"} & set(changed):
            requests.append(self._rotation(resource_id, inputs))
        if "description" in changed:
            requests.append(Request("kms", "UpdateKeyDescription", {**key, "Description": inputs.get("description") or ""}))
        if "policy" in changed and inputs.get("policy"):
            requests.append(Call("kms", "PutKeyPolicy", {"policy": "Policy"}).request(inputs, PolicyName="default", **key))
        if TAGS_ALL in changed:
            requests += KMS.changes(resource_id, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        if "isEnabled" in changed and not inputs.get("isEnabled"):
            requests.append(Request("kms", "DisableKey", key))
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        days = state.get("deletionWindowInDays")
        window = {"PendingWindowInDays": int(days)} if days else {}
        return [Request("kms", "ScheduleKeyDeletion", {"KeyId": resource_id, **window})]


class Alias(AwsHandler):
    """A name for a key."""

    token = "aws:kms/alias:Alias"  # noqa: S105 - a type token
    creation = Call(
        "kms",
        "CreateAlias",
        {"name": "AliasName", "namePrefix": Through("AliasName", prefixed), "targetKeyId": "TargetKeyId"},
    )
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["AliasName"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        aliases = aws.ask("kms", "ListAliases")["Aliases"]
        return next((alias for alias in aliases if alias["AliasName"] == resource_id and alias.get("TargetKeyId")), None)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        target = found["TargetKeyId"]
        key_arn = f"{found['AliasArn'].rsplit(':', 1)[0]}:key/{target}"
        return {
            "arn": found["AliasArn"],
            "name": found["AliasName"],
            "targetKeyId": key_arn if str(state.get("targetKeyId") or "").startswith("arn:") else target,
            "targetKeyArn": key_arn,
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        if "targetKeyId" not in changed:
            return []
        return [Request("kms", "UpdateAlias", {"AliasName": resource_id, "TargetKeyId": inputs["targetKeyId"]})]

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("kms", "DeleteAlias", {"AliasName": resource_id})]
