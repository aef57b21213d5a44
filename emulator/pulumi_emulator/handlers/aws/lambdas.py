"""Lambda: functions, who may call them, and what their asynchronous invocations are like."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.archives import zipped
from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, present
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.tagging import LAMBDA
from pulumi_emulator.handlers.aws.translation import Alike, Call, Request, Target, Through, Within, from_api
from pulumi_emulator.handlers.base import Properties

# A prefix of the provider's own where the program names nothing (terraform-plugin-sdk helper/id/id.go, UniqueIdPrefix).
UNIQUE: Final = "terraform-"
# How API Gateway calls a function (hashicorp/terraform-provider-aws internal/service/lambda/function.go, invokeARN).
INVOKE: Final = "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations"
STREAM: Final = "arn:aws:apigateway:{region}:lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations"

CODE: dict[str, Target] = {
    "code": Through("ZipFile", zipped),
    "imageUri": "ImageUri",
    "s3Bucket": "S3Bucket",
    "s3Key": "S3Key",
    "s3ObjectVersion": "S3ObjectVersion",
    "sourceKmsKeyArn": "SourceKMSKeyArn",
}
CONFIGURATION: dict[str, Target] = {
    "capacityProviderConfig": Alike("CapacityProviderConfig"),
    "deadLetterConfig": Alike("DeadLetterConfig"),
    "description": "Description",
    "durableConfig": Alike("DurableConfig", {"retentionPeriod": "RetentionPeriodInDays"}),
    "environment": Alike("Environment"),
    "ephemeralStorage": Alike("EphemeralStorage"),
    "fileSystemConfig": Within("", {"arn": "FileSystemConfigs[].Arn", "localMountPath": "FileSystemConfigs[].LocalMountPath"}),
    "handler": "Handler",
    "imageConfig": Within(
        "ImageConfig", {"commands": "Command", "entryPoints": "EntryPoint", "workingDirectory": "WorkingDirectory"}
    ),
    "kmsKeyArn": "KMSKeyArn",
    "layers": "Layers",
    "loggingConfig": Alike("LoggingConfig"),
    "memorySize": "MemorySize",
    "role": "Role",
    "runtime": "Runtime",
    "snapStart": Within("SnapStart", {"applyOn": "ApplyOn"}),
    "timeout": "Timeout",
    "tracingConfig": Alike("TracingConfig"),
    "vpcConfig": Within(
        "VpcConfig",
        {
            "ipv6AllowedForDualStack": "Ipv6AllowedForDualStack",
            "securityGroupIds": "SecurityGroupIds",
            "subnetIds": "SubnetIds",
        },
    ),
}
# What takes a setting away that the program gives no more.
BLANK: Final[dict[str, Any]] = {
    "Description": "",
    "DeadLetterConfig": {"TargetArn": ""},
    "Environment": {"Variables": {}},
    "FileSystemConfigs": [],
    "KMSKeyArn": "",
    "Layers": [],
    "VpcConfig": {"SecurityGroupIds": [], "SubnetIds": []},
}
# Where the code is, and what says that it is to be sent anew.
SOURCE: Final = frozenset({*CODE, "sourceCodeHash", "codeSha256", "architectures", "publish", "publishTo"})


class Function(AwsHandler):
    """A function with its code."""

    token = "aws:lambda/function:Function"  # noqa: S105 - a type token
    creation = Call(
        "lambda",
        "CreateFunction",
        {
            **CONFIGURATION,
            "architectures": "Architectures",
            "code": Through("Code.ZipFile", zipped),
            "codeSigningConfigArn": "CodeSigningConfigArn",
            "imageUri": "Code.ImageUri",
            "name": "FunctionName",
            "packageType": "PackageType",
            "publish": "Publish",
            "publishTo": "PublishTo",
            "s3Bucket": "Code.S3Bucket",
            "s3Key": "Code.S3Key",
            "s3ObjectVersion": "Code.S3ObjectVersion",
            "sourceKmsKeyArn": "Code.SourceKMSKeyArn",
            "tenancyConfig": Alike("TenancyConfig"),
            TAGS_ALL: "Tags",
        },
    )
    provider_only: ClassVar = {
        **EVERYWHERE,
        "codeSha256": "only says whether the code is to be sent again",
        "replaceSecurityGroupsOnDestroy": "goes with the deletion",
        "replacementSecurityGroupIds": "goes with the deletion",
        "skipDestroy": "goes with the deletion",
        "snapStart.optimizationStatus": "an output that the SDK lists among the inputs",
        "sourceCodeHash": "only says whether the code is to be sent again",
        "useResourceTimeoutForPropagation": "how long the provider waits",
        "vpcConfig.vpcId": "an output that the SDK lists among the inputs",
    }

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        reserved = inputs.get("reservedConcurrentExecutions")
        return [] if reserved is None or int(reserved) < 0 else [self._reserved(resource_id, int(reserved))]

    @staticmethod
    def _reserved(name: str, number: int) -> Request:
        function = {"FunctionName": name}
        if number < 0:
            return Request("lambda", "DeleteFunctionConcurrency", function)
        return Request("lambda", "PutFunctionConcurrency", {**function, "ReservedConcurrentExecutions": number})

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["FunctionName"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return aws.find("lambda", "GetFunction", FunctionName=resource_id)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        config = found["Configuration"]
        arn, version = str(config["FunctionArn"]), str(config["Version"])
        qualified = f"{arn}:{version}"
        reserved = (found.get("Concurrency") or {}).get("ReservedConcurrentExecutions", -1)
        variables = (config.get("Environment") or {}).get("Variables")
        network = config.get("VpcConfig") or {}
        return {
            **present(
                deadLetterConfig=from_api(config.get("DeadLetterConfig")) or None,
                environment={"variables": variables} if variables else None,
                ephemeralStorage=from_api(config.get("EphemeralStorage")),
                handler=config.get("Handler"),
                kmsKeyArn=config.get("KMSKeyArn"),
                layers=[layer["Arn"] for layer in config.get("Layers") or []] or None,
                loggingConfig=from_api(config.get("LoggingConfig")),
                runtime=config.get("Runtime"),
                tracingConfig=from_api(config.get("TracingConfig")),
                vpcConfig={
                    "securityGroupIds": list(network.get("SecurityGroupIds") or []),
                    "subnetIds": list(network["SubnetIds"]),
                }
                if network.get("SubnetIds")
                else None,
            ),
            "architectures": list(config["Architectures"]),
            "arn": arn,
            "codeSha256": config["CodeSha256"],
            "description": config.get("Description", ""),
            "invokeArn": INVOKE.format(region=aws.region, arn=arn),
            "lastModified": config["LastModified"],
            "memorySize": config["MemorySize"],
            "name": config["FunctionName"],
            "packageType": config["PackageType"],
            "qualifiedArn": qualified,
            "qualifiedInvokeArn": INVOKE.format(region=aws.region, arn=qualified),
            "reservedConcurrentExecutions": reserved,
            "responseStreamingInvokeArn": STREAM.format(region=aws.region, arn=arn),
            "role": config["Role"],
            "signingJobArn": config.get("SigningJobArn") or "",
            "signingProfileVersionArn": config.get("SigningProfileVersionArn") or "",
            "sourceCodeHash": state.get("sourceCodeHash") or config["CodeSha256"],
            "sourceCodeSize": config["CodeSize"],
            "timeout": config["Timeout"],
            "version": version,
            TAGS_ALL: {key: value for key, value in (found.get("Tags") or {}).items() if not key.startswith("aws:")},
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        function = {"FunctionName": resource_id}
        settings = CONFIGURATION.keys() & set(changed)
        if settings:
            table = {name: target for name, target in CONFIGURATION.items() if name in settings}
            request = Call("lambda", "UpdateFunctionConfiguration", table).request(inputs, **function)
            gone = {_parameter(name) for name in settings if inputs.get(name) in (None, "", {}, [])}
            request.parameters.update({name: BLANK[name] for name in gone & BLANK.keys()})
            requests.append(request)
        if SOURCE & set(changed):
            table = {**CODE, "architectures": "Architectures", "publish": "Publish", "publishTo": "PublishTo"}
            requests.append(Call("lambda", "UpdateFunctionCode", table).request(inputs, **function))
        if "reservedConcurrentExecutions" in changed:
            reserved = inputs.get("reservedConcurrentExecutions")
            requests.append(self._reserved(resource_id, -1 if reserved is None else int(reserved)))
        if "codeSigningConfigArn" in changed:
            arn = inputs.get("codeSigningConfigArn")
            operation = "PutFunctionCodeSigningConfig" if arn else "DeleteFunctionCodeSigningConfig"
            requests.append(Request("lambda", operation, {**function, **({"CodeSigningConfigArn": arn} if arn else {})}))
        if TAGS_ALL in changed:
            requests += LAMBDA.changes(str(state.get("arn")), state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [] if state.get("skipDestroy") else [Request("lambda", "DeleteFunction", {"FunctionName": resource_id})]


def _parameter(name: str) -> str:
    target = CONFIGURATION[name]
    if isinstance(target, str):
        return target
    return target.parameter or "FileSystemConfigs"


class Permission(AwsHandler):
    """A statement of a function's policy."""

    token = "aws:lambda/permission:Permission"  # noqa: S105 - a type token
    creation = Call(
        "lambda",
        "AddPermission",
        {
            "action": "Action",
            "eventSourceToken": "EventSourceToken",
            "function": "FunctionName",
            "functionUrlAuthType": "FunctionUrlAuthType",
            "invokedViaFunctionUrl": "InvokedViaFunctionUrl",
            "principal": "Principal",
            "principalOrgId": "PrincipalOrgID",
            "qualifier": "Qualifier",
            "sourceAccount": "SourceAccount",
            "sourceArn": "SourceArn",
            "statementId": "StatementId",
            "statementIdPrefix": Through("StatementId", prefixed),
        },
    )
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}
    needed_for_removal = ("function", "qualifier")

    @override
    def first_request(self, inputs: Properties) -> Request:
        request = self.creation.request(inputs)
        request.parameters.setdefault("StatementId", prefixed(UNIQUE))
        return request

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["StatementId"])

    @staticmethod
    def _place(resource_id: str, state: Properties) -> tuple[dict[str, Any], str]:
        """Return the function as the API takes it, and the statement's id; an import has both in its id."""
        given, _, statement = resource_id.rpartition("/")
        name, _, qualifier = given.partition(":")
        function = state.get("function") or name
        qualifier = str(state.get("qualifier") or qualifier)
        return {"FunctionName": function, **({"Qualifier": qualifier} if qualifier else {})}, statement

    @override
    def seen(self, aws: Aws, resource_id: str, state: Properties) -> dict[str, Any] | None:
        function, statement_id = self._place(resource_id, state)
        answer = aws.find("lambda", "GetPolicy", **function)
        statements = json.loads(answer["Policy"])["Statement"] if answer else []
        found = next((one for one in statements if one.get("Sid") == statement_id), None)
        return None if found is None else {**found, "function": function}

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        principal = found["Principal"]
        conditions = {
            key.lower(): value for condition in (found.get("Condition") or {}).values() for key, value in condition.items()
        }
        if isinstance(principal, dict):
            principal = principal.get("Service") or principal.get("AWS")
        return present(
            action=found["Action"],
            function=found["function"]["FunctionName"],
            principal=state.get("principal") if str(state.get("principal")) in str(principal) else principal,
            principalOrgId=conditions.get("aws:principalorgid"),
            qualifier=found["function"].get("Qualifier"),
            sourceAccount=conditions.get("aws:sourceaccount"),
            sourceArn=conditions.get("aws:sourcearn"),
            statementId=found["Sid"],
        )

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        return []

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        function, statement_id = self._place(resource_id, state)
        return [Request("lambda", "RemovePermission", {**function, "StatementId": statement_id})]


class EventInvokeConfig(AwsHandler):
    """How often, how long and to what end a function's events are tried. Putting it again changes it."""

    token = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"  # noqa: S105 - a type token
    creation = Call(
        "lambda",
        "PutFunctionEventInvokeConfig",
        {
            "destinationConfig": Alike("DestinationConfig"),
            "functionName": "FunctionName",
            "maximumEventAgeInSeconds": "MaximumEventAgeInSeconds",
            "maximumRetryAttempts": "MaximumRetryAttempts",
            "qualifier": "Qualifier",
        },
    )
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        qualifier = sent.parameters.get("Qualifier")
        return f"{sent.parameters['FunctionName']}:{qualifier}" if qualifier else str(sent.parameters["FunctionName"])

    @staticmethod
    def _place(resource_id: str) -> dict[str, Any]:
        """Return the function of an id: a name or an ARN, with the qualifier after it."""
        words = 7 if resource_id.startswith("arn:") else 1
        parts = resource_id.split(":")
        qualifier = {"Qualifier": parts[words]} if len(parts) > words else {}
        return {"FunctionName": ":".join(parts[:words]), **qualifier}

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return aws.find("lambda", "GetFunctionEventInvokeConfig", **self._place(resource_id))

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        arn = str(found["FunctionArn"]).split(":")
        return present(
            destinationConfig=from_api(found.get("DestinationConfig")) or None,
            functionName=state.get("functionName") or arn[6],
            maximumEventAgeInSeconds=found.get("MaximumEventAgeInSeconds"),
            maximumRetryAttempts=found.get("MaximumRetryAttempts"),
            qualifier=state.get("qualifier"),
        )

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        return [self.creation.request(inputs)] if changed else []

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("lambda", "DeleteFunctionEventInvokeConfig", self._place(resource_id))]
