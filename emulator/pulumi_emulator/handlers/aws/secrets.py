"""Secrets Manager and the Systems Manager's parameters."""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Any, ClassVar

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, tags_of
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.tagging import SECRETS, SSM
from pulumi_emulator.handlers.aws.translation import Call, Each, Pairs, Request, Through
from pulumi_emulator.handlers.base import Properties


class Secret(AwsHandler):
    """A secret, without its value."""

    token = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type token
    creation = Call(
        "secretsmanager",
        "CreateSecret",
        {
            "description": "Description",
            "forceOverwriteReplicaSecret": "ForceOverwriteReplicaSecret",
            "kmsKeyId": "KmsKeyId",
            "name": "Name",
            "namePrefix": Through("Name", prefixed),
            "replicas": Each("AddReplicaRegions", {"kmsKeyId": "KmsKeyId", "region": "Region"}),
            "type": "Type",
            TAGS_ALL: Pairs("Tags"),
        },
    )
    provider_only: ClassVar = {
        **EVERYWHERE,
        "recoveryWindowInDays": "goes with the deletion",
        "replicas.lastAccessedDate": "an output that the SDK lists among the inputs",
        "replicas.status": "an output that the SDK lists among the inputs",
        "replicas.statusMessage": "an output that the SDK lists among the inputs",
    }
    needed_for_removal = ("recoveryWindowInDays",)

    @override
    def first_request(self, inputs: Properties) -> Request:
        return self.creation.request({name: value for name, value in inputs.items() if value not in (False, "", [], {})})

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        return [self._policy(resource_id, inputs)] if inputs.get("policy") else []

    @staticmethod
    def _policy(resource_id: str, inputs: Properties) -> Request:
        if not inputs.get("policy"):
            return Request("secretsmanager", "DeleteResourcePolicy", {"SecretId": resource_id})
        parameters = {"SecretId": resource_id, "ResourcePolicy": inputs["policy"]}
        return Request("secretsmanager", "PutResourcePolicy", parameters)

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["ARN"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        found = aws.find("secretsmanager", "DescribeSecret", SecretId=resource_id)
        # Scheduled for deletion counts as deleted.
        return None if found is None or found.get("DeletedDate") else found

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        policy = aws.find("secretsmanager", "GetResourcePolicy", SecretId=found["ARN"]) or {}
        return {
            "arn": found["ARN"],
            "name": found["Name"],
            "description": found.get("Description", ""),
            "kmsKeyId": found.get("KmsKeyId", ""),
            "policy": policy.get("ResourcePolicy", ""),
            TAGS_ALL: tags_of(found.get("Tags")),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if {"description", "kmsKeyId", "type"} & set(changed):
            names = {"description": "Description", "kmsKeyId": "KmsKeyId", "type": "Type"}
            wanted = {name: inputs.get(name) or "" for name in names if name in changed}
            requests.append(Call("secretsmanager", "UpdateSecret", names).request(wanted, SecretId=resource_id))
        if "policy" in changed:
            requests.append(self._policy(resource_id, inputs))
        if "replicas" in changed:
            requests += self._replicas(resource_id, state, inputs)
        if TAGS_ALL in changed:
            requests += SECRETS.changes(resource_id, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    def _replicas(self, resource_id: str, state: Properties, inputs: Properties) -> list[Request]:
        # A replica whose key changes is made again.
        old = {item["region"]: item.get("kmsKeyId") for item in state.get("replicas") or []}
        new = {item["region"]: item.get("kmsKeyId") for item in inputs.get("replicas") or []}
        gone = sorted(region for region, key in old.items() if region not in new or new[region] != key)
        requests = []
        if gone:
            parameters = {"SecretId": resource_id, "RemoveReplicaRegions": gone}
            requests.append(Request("secretsmanager", "RemoveRegionsFromReplication", parameters))
        kept = set(old) - set(gone)
        added = [item for item in inputs.get("replicas") or [] if item["region"] not in kept]
        if added:
            table = {name: self.creation.properties[name] for name in ("replicas", "forceOverwriteReplicaSecret")}
            values = {"replicas": added, "forceOverwriteReplicaSecret": inputs.get("forceOverwriteReplicaSecret")}
            requests.append(Call("secretsmanager", "ReplicateSecretToRegions", table).request(values, SecretId=resource_id))
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        days = state.get("recoveryWindowInDays")
        how: dict[str, Any] = {"RecoveryWindowInDays": int(days)} if days else {}
        if days == 0:
            how = {"ForceDeleteWithoutRecovery": True}
        return [Request("secretsmanager", "DeleteSecret", {"SecretId": resource_id, **how})]


class SecretVersion(AwsHandler):
    """A value of a secret."""

    token = "aws:secretsmanager/secretVersion:SecretVersion"  # noqa: S105 - a type token
    creation = Call(
        "secretsmanager",
        "PutSecretValue",
        {
            "secretBinary": Through("SecretBinary", base64.b64decode),
            "secretId": "SecretId",
            "secretString": "SecretString",
            "secretStringWo": "SecretString",
            "versionStages": "VersionStages",
        },
    )
    provider_only: ClassVar = {
        "region": EVERYWHERE["region"],
        "secretStringWoVersion": "only says that secretStringWo is to be sent again",
    }
    needed_for_removal = ("secretId",)

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return f"{sent.parameters['SecretId']}|{answer['VersionId']}"

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        secret_id, _, version = resource_id.partition("|")
        return aws.find("secretsmanager", "GetSecretValue", SecretId=secret_id, VersionId=version)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        # What was given write-only stays out of the state.
        written = bool(state.get("secretStringWoVersion"))
        shown = {"secretString": found["SecretString"]} if found.get("SecretString") is not None and not written else {}
        return {
            **shown,
            "arn": found["ARN"],
            "secretArn": found["ARN"],
            "secretId": state.get("secretId") or found["ARN"],
            "versionId": found["VersionId"],
            "versionStages": found.get("VersionStages") or [],
            "hasSecretStringWo": written,
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        secret_id, _, version = resource_id.partition("|")
        if "versionStages" not in changed:
            return []
        old, new = set(state.get("versionStages") or []), set(inputs.get("versionStages") or [])
        moves = [{"VersionStage": stage, "MoveToVersionId": version} for stage in sorted(new - old)]
        moves += [{"VersionStage": stage, "RemoveFromVersionId": version} for stage in sorted(old - new)]
        return [Request("secretsmanager", "UpdateSecretVersionStage", {"SecretId": secret_id, **move}) for move in moves]

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        # A current version stays until its secret goes: the provider only takes other stages away.
        secret_id, _, version = resource_id.partition("|")
        stages = [stage for stage in state.get("versionStages") or [] if stage != "AWSCURRENT"]
        return [
            Request(
                "secretsmanager",
                "UpdateSecretVersionStage",
                {"SecretId": secret_id, "VersionStage": stage, "RemoveFromVersionId": version},
            )
            for stage in stages
        ]


class Parameter(AwsHandler):
    """A parameter of the Systems Manager. Putting it again changes it."""

    token = "aws:ssm/parameter:Parameter"  # noqa: S105 - a type token
    creation = Call(
        "ssm",
        "PutParameter",
        {
            "allowedPattern": "AllowedPattern",
            "dataType": "DataType",
            "description": "Description",
            "insecureValue": "Value",
            "keyId": "KeyId",
            "name": "Name",
            "overwrite": "Overwrite",
            "tier": "Tier",
            "type": "Type",
            "value": "Value",
            "valueWo": "Value",
            TAGS_ALL: Pairs("Tags"),
        },
    )
    provider_only: ClassVar = {
        **EVERYWHERE,
        "arn": "an output that the SDK lists among the inputs",
        "valueWoVersion": "only says that valueWo is to be sent again",
    }
    tagged: ClassVar[dict[str, str]] = {"ResourceType": "Parameter"}

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["Name"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("ssm", "GetParameter", Name=resource_id, WithDecryption=True)
        if answer is None:
            return None
        wanted = [{"Key": "Name", "Option": "Equals", "Values": [resource_id]}]
        described = aws.ask("ssm", "DescribeParameters", ParameterFilters=wanted)["Parameters"]
        return {**(described[0] if described else {}), **answer["Parameter"]}

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        written = bool(state.get("valueWoVersion"))
        place = "insecureValue" if state.get("insecureValue") is not None else "value"
        tags = aws.ask("ssm", "ListTagsForResource", ResourceId=found["Name"], **self.tagged).get("TagList")
        properties = {
            "arn": found["ARN"],
            "name": found["Name"],
            "type": found["Type"],
            "version": found["Version"],
            "dataType": found.get("DataType"),
            "description": found.get("Description"),
            "allowedPattern": found.get("AllowedPattern"),
            "tier": found.get("Tier") or "Standard",
            "keyId": found.get("KeyId"),
            "hasValueWo": written,
            place: None if written else found["Value"],
        }
        return {**{name: value for name, value in properties.items() if value is not None}, TAGS_ALL: tags_of(tags)}

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if set(changed) - {TAGS_ALL, "overwrite", "arn"}:
            values = {name: value for name, value in inputs.items() if name not in (TAGS_ALL, "overwrite")}
            requests.append(self.creation.request(values, Overwrite=True))
        if TAGS_ALL in changed:
            requests += SSM.changes(resource_id, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {}, **self.tagged)
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("ssm", "DeleteParameter", {"Name": resource_id})]
