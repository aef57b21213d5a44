"""Tags of every kind of object."""

from __future__ import annotations

from typing import Any, Final

from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.operations import operation

MOST_TAGS: Final = 50  # botocore AddTagsToResource: up to 50 cost allocation tags


@operation("AddTagsToResource", "ResourceName Tags")
def add_tags(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Add tags or change their values."""
    tags = _of(region, given)
    merged = tags | {tag["Key"]: tag.get("Value", "") for tag in given["Tags"]}
    if len(merged) > MOST_TAGS:
        raise refuse("tag-count", most=MOST_TAGS)
    tags.update(merged)
    return _list(tags)


@operation("RemoveTagsFromResource", "ResourceName TagKeys")
def remove_tags(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key."""
    tags = _of(region, given)
    for key in given["TagKeys"]:
        if key not in tags:
            raise refuse("tag", key=key)
    for key in given["TagKeys"]:
        del tags[key]
    return _list(tags)


@operation("ListTagsForResource", "ResourceName")
def list_tags(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return an object's tags."""
    return _list(_of(region, given))


def _of(region: Region, given: dict[str, Any]) -> dict[str, str]:
    arn = given["ResourceName"]
    if arn not in region.tags:
        raise refuse("arn", arn=arn)
    return region.tags[arn]


def _list(tags: dict[str, str]) -> dict[str, Any]:
    return {"TagList": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
