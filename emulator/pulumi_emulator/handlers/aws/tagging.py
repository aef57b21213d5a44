"""Tags: how each AWS service sets, removes and lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulumi_emulator.handlers.aws.translation import Request

Tags = Mapping[str, str]


def _pairs(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _kms_pairs(tags: Tags) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


def _mapping(tags: Tags) -> dict[str, str]:
    return dict(tags)


@dataclass(frozen=True)
class Tagging:
    """The two calls of a service; `target` names the parameter that says what is tagged, `shape` makes what is sent."""

    service: str
    adding: str
    removing: str
    target: str
    tags: str = "Tags"
    keys: str = "TagKeys"
    shape: Callable[[Tags], Any] = _pairs

    def changes(self, resource: str, old: Tags, new: Tags, **more: Any) -> list[Request]:
        """Return the calls that turn old tags into new ones; `more` are further parameters of both."""
        gone = [key for key in old if key not in new]
        added = {key: value for key, value in new.items() if old.get(key) != value}
        requests = []
        if gone:
            requests.append(Request(self.service, self.removing, {self.target: resource, **more, self.keys: gone}))
        if added:
            requests.append(Request(self.service, self.adding, {self.target: resource, **more, self.tags: self.shape(added)}))
        return requests


ELASTICACHE: Final = Tagging("elasticache", "AddTagsToResource", "RemoveTagsFromResource", "ResourceName")
CLOUDWATCH: Final = Tagging("cloudwatch", "TagResource", "UntagResource", "ResourceARN")
LOGS: Final = Tagging("logs", "TagResource", "UntagResource", "resourceArn", "tags", "tagKeys", _mapping)
SNS: Final = Tagging("sns", "TagResource", "UntagResource", "ResourceArn")
SECRETS: Final = Tagging("secretsmanager", "TagResource", "UntagResource", "SecretId")
EVENTS: Final = Tagging("events", "TagResource", "UntagResource", "ResourceARN")
LAMBDA: Final = Tagging("lambda", "TagResource", "UntagResource", "Resource", shape=_mapping)
SQS: Final = Tagging("sqs", "TagQueue", "UntagQueue", "QueueUrl", shape=_mapping)
AUTOSCALING: Final = Tagging("application-autoscaling", "TagResource", "UntagResource", "ResourceARN", shape=_mapping)
FIS: Final = Tagging("fis", "TagResource", "UntagResource", "resourceArn", "tags", "tagKeys", _mapping)
IAM_ROLE: Final = Tagging("iam", "TagRole", "UntagRole", "RoleName")
KMS: Final = Tagging("kms", "TagResource", "UntagResource", "KeyId", shape=_kms_pairs)
SSM: Final = Tagging("ssm", "AddTagsToResource", "RemoveTagsFromResource", "ResourceId")
ROUTE53: Final = Tagging("route53", "ChangeTagsForResource", "ChangeTagsForResource", "ResourceId", "AddTags", "RemoveTagKeys")


def ec2_changes(resource: str, old: Tags, new: Tags) -> list[Request]:
    """Return EC2's calls, which take several resources at once and pairs for removing too."""
    gone = [{"Key": key} for key in old if key not in new]
    added = {key: value for key, value in new.items() if old.get(key) != value}
    requests = [Request("ec2", "DeleteTags", {"Resources": [resource], "Tags": gone})] if gone else []
    if added:
        requests.append(Request("ec2", "CreateTags", {"Resources": [resource], "Tags": _pairs(added)}))
    return requests
