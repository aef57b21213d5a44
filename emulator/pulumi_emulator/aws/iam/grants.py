"""Which permissions a request needs: IAM's actions, each on every resource that the request names.

The Service Authorization Reference says which actions take which resources (`reference`). Here is what it cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import jmespath

from pulumi_emulator.aws.iam import reference, resources
from pulumi_emulator.aws.iam.asked import Asked
from pulumi_emulator.aws.iam.evaluation import Need

# Calls that take no permission (STS API Reference, GetCallerIdentity), or whose own module judges them (`aws.sts`).
FREE: Final = frozenset({("sts", "GetCallerIdentity"), ("sts", "AssumeRole")})
# Operations whose action is called otherwise (the reference's actions; Lambda API Reference, Invoke).
ACTIONS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("lambda", "Invoke"): ("InvokeFunction",),
    ("lambda", "InvokeWithResponseStream"): ("InvokeFunction",),
    ("sqs", "SendMessageBatch"): ("SendMessage",),
    ("sqs", "DeleteMessageBatch"): ("DeleteMessage",),
    ("sqs", "ChangeMessageVisibilityBatch"): ("ChangeMessageVisibility",),
    ("sns", "PublishBatch"): ("Publish",),
}
PASS: Final = "iam:PassRole"  # noqa: S105 - an action
# Who gives a service a role must be allowed to pass it (IAM User Guide, "Grant a user permissions to pass a role to an AWS
# service"): where the role's ARN stands in the input (JMESPath), and the service that gets it.
PASSED: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("lambda", "CreateFunction"): ("Role", "lambda.amazonaws.com"),
    ("lambda", "UpdateFunctionConfiguration"): ("Role", "lambda.amazonaws.com"),
    ("events", "PutRule"): ("RoleArn", "events.amazonaws.com"),
    ("events", "PutTargets"): ("Targets[].RoleArn", "events.amazonaws.com"),
    ("fis", "CreateExperimentTemplate"): ("roleArn", "fis.amazonaws.com"),
    ("fis", "UpdateExperimentTemplate"): ("roleArn", "fis.amazonaws.com"),
    ("logs", "PutSubscriptionFilter"): ("roleArn", "logs.amazonaws.com"),
    ("application-autoscaling", "RegisterScalableTarget"): ("RoleARN", "application-autoscaling.amazonaws.com"),
}
PASSED_TO: Final = "iam:passedtoservice"
ANY: Final = "*"
# Actions that take one of several types, all of which the reference calls required.
ONE_OF: Final = frozenset({("route53", "ChangeTagsForResource")})
# The services whose resources are looked for; calls of the others need their action on "*".
SERVICES: Final = frozenset(
    {
        "elasticache",
        "ssm",
        "events",
        "sns",
        "sqs",
        "logs",
        "lambda",
        "cloudwatch",
        "secretsmanager",
        "route53",
        "elasticloadbalancing",
        "kms",
        "sts",
        "iam",
        "fis",
        "application-autoscaling",
        "states",
    }
)


@dataclass(frozen=True)
class Wanted:
    """A need, the part of the request that it is of, and condition keys of its own."""

    need: Need
    asked: Asked
    keys: Mapping[str, str]


def wanted(asked: Asked) -> list[Wanted]:
    """Return all that a request needs; nothing for a call that takes no permission."""
    if (asked.service, asked.operation) in FREE:
        return []
    found = [
        Wanted(Need(f"{asked.prefix}:{name}", resource), part, {})
        for part, names in _parts(asked)
        for name in names
        for resource in _resources(part, name)
    ]
    expression, service = PASSED.get((asked.service, asked.operation), ("", ""))
    passed = _texts(jmespath.search(expression, asked.given)) if expression else []
    return found + [Wanted(Need(PASS, arn), asked, {PASSED_TO: service}) for arn in passed]


def _parts(asked: Asked) -> Iterator[tuple[Asked, tuple[str, ...]]]:
    """Return a request's parts that are judged for themselves, each with its actions.

    Each event of PutEvents has a bus, a source and a type of its own. ReEncrypt has two keys (KMS API Reference, ReEncrypt).
    """
    operation = (asked.service, asked.operation)
    given = asked.given
    if operation == ("events", "PutEvents") and given.get("Entries"):
        for entry in given["Entries"]:
            yield replace(asked, given={"Entries": [entry]}), ("PutEvents",)
    elif operation == ("kms", "ReEncrypt"):
        source = {"KeyId": given.get("SourceKeyId"), "CiphertextBlob": given.get("CiphertextBlob")}
        yield replace(asked, given=source), ("ReEncryptFrom",)
        yield replace(asked, given={"KeyId": given.get("DestinationKeyId")}), ("ReEncryptTo",)
    else:
        yield asked, ACTIONS.get(operation, (asked.operation,))


def _resources(asked: Asked, name: str) -> list[str]:
    """Return the ARNs that an action is asked for.

    Every resource that the request names counts. Of a type that the action must have and the request does not name, any one
    counts: the ARN with "*", which only a pattern that is as wide matches. An action without types has "*".
    """
    action = reference.action(asked.prefix, name) if asked.prefix in SERVICES else None
    if action is None:
        return [ANY]
    stems: dict[str, list[reference.Kind]] = {}
    for kind in action.kinds:
        stems.setdefault(kind.stem, []).append(kind)
    found: list[str] = []
    optional = (asked.prefix, name) in ONE_OF
    for kinds in stems.values():
        of_stem = {arn for kind in kinds for arn in resources.named(asked, kind, asked.prefix)}
        if not of_stem and not optional and any(kind.required for kind in kinds):
            of_stem = {resources.any_of(kinds[0], asked.region)}
        found += sorted(of_stem)
    return found or [ANY]


def _texts(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
