"""The condition keys of a request: what is known of it, what it cannot have, and what the emulator does not know.

Sources: docs.aws.amazon.com, IAM User Guide, reference_policies_condition-keys; the keys of each service in the Service
Authorization Reference; Route53/latest/DeveloperGuide, specifying-conditions-route53.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.iam import reference
from pulumi_emulator.aws.iam.asked import Asked
from pulumi_emulator.aws.iam.conditions import UnknownError, Values
from pulumi_emulator.aws.iam.grants import Wanted
from pulumi_emulator.aws.roles import Session

# Keys that a call which a role makes itself does not have: it comes of no other service, network or organization.
ABSENT: Final = frozenset(
    {
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceowner",
        "aws:sourceorgid",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpcsourceip",
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:multifactorauthpresent",
        "aws:multifactorauthage",
        "aws:federatedprovider",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:resourceorgid",
        "aws:resourceorgpaths",
        "aws:sourceidentity",
        "aws:username",
        "aws:referer",
    }
)
# Keys that name a tag after a slash.
RESOURCE_TAG: Final = "aws:resourcetag"
PRINCIPAL_TAG: Final = "aws:principaltag"
TAGS: Final = frozenset({RESOURCE_TAG, PRINCIPAL_TAG, "aws:requesttag"})
Tags = Mapping[str, str]


def _texts(*names: str) -> Callable[[Asked], Values]:
    return lambda asked: tuple(_text(asked.given[name]) for name in names if asked.given.get(name) is not None)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _entries(name: str) -> Callable[[Asked], Values]:
    return lambda asked: tuple(entry[name] for entry in asked.given.get("Entries") or [] if entry.get(name))


def _changes(give: Callable[[Mapping[str, Any]], str]) -> Callable[[Asked], Values]:
    def values(asked: Asked) -> Values:
        return tuple(give(change) for change in (asked.given.get("ChangeBatch") or {}).get("Changes") or [])

    return values


def _record_name(change: Mapping[str, Any]) -> str:
    """Return a name as the key has it: in lower case, without the last dot, all but a-z, 0-9 and -_. as octal codes."""
    name = change["ResourceRecordSet"]["Name"].lower().removesuffix(".").replace("\\052", "*")
    return "".join(letter if letter.isalnum() or letter in "-_.\\" else f"\\{ord(letter):03o}" for letter in name)


# Keys of services that are in a request's own input.
OF_SERVICES: Final[Mapping[str, Callable[[Asked], Values]]] = {
    "cloudwatch:namespace": _texts("Namespace"),
    "events:source": _entries("Source"),
    "events:detail-type": _entries("DetailType"),
    "events:eventbusinvocation": lambda _: ("false",),
    "kms:calleraccount": lambda _: (ACCOUNT_ID,),
    "kms:viaservice": lambda _: (),
    "route53:changeresourcerecordsetsnormalizedrecordnames": _changes(_record_name),
    "route53:changeresourcerecordsetsrecordtypes": _changes(lambda change: str(change["ResourceRecordSet"]["Type"])),
    "route53:changeresourcerecordsetsactions": _changes(lambda change: str(change["Action"])),
    "sns:endpoint": _texts("Endpoint"),
    "sns:protocol": _texts("Protocol"),
    "ssm:overwrite": _texts("Overwrite"),
    "ssm:recursive": _texts("Recursive"),
    "sts:externalid": _texts("ExternalId"),
    "sts:rolesessionname": _texts("RoleSessionName"),
}


def caller_keys(session: Session, now: datetime) -> dict[str, Values]:
    """Return the keys that tell of a caller with a role's credentials."""
    return {
        "aws:principalarn": (session.role_arn,),
        "aws:principalaccount": (ACCOUNT_ID,),
        "aws:principaltype": ("AssumedRole",),
        "aws:principalisawsservice": ("false",),
        "aws:userid": (session.user_id,),
        "aws:viaawsservice": ("false",),
        "aws:currenttime": (now.isoformat(),),
        "aws:epochtime": (str(int(now.timestamp())),),
        # The endpoint stands for AWS's own, which are asked over TLS.
        "aws:securetransport": ("true",),
        "aws:sourceip": ("127.0.0.1",),
    }


@dataclass(frozen=True)
class RequestContext:
    """What is known of one need of a request; `resource_tags` looks a resource's tags up, None where it cannot."""

    wanted: Wanted
    about_caller: Mapping[str, Values]
    caller_tags: Tags
    resource_tags: Callable[[str], Tags | None]

    def values(self, key: str) -> Values | None:
        """Return a key's values, None when the request has none; UnknownError when that cannot be told."""
        name = key.lower()
        found = self._known(name)
        if found is not None:
            return found or None
        if name in ABSENT or (not name.startswith("aws:") and not self._may_have(name)):
            return None
        raise UnknownError(f"the condition key {key} is not known to the emulator for {self.wanted.need.action}")

    def _known(self, name: str) -> Values | None:
        """Return a key's values, empty when the request has none; None when the key is not known."""
        asked = self.wanted.asked
        kind, slash, tag = name.partition("/")
        if slash and kind in TAGS:
            tags = self._tags(kind)
            return None if tags is None else tuple(value for key, value in tags.items() if key.lower() == tag)
        if name in OF_SERVICES:
            return OF_SERVICES[name](asked) if self._may_have(name) else ()
        own = {
            **self.about_caller,
            **{key: (value,) for key, value in self.wanted.keys.items()},
            "aws:requestedregion": (asked.region,),
            "aws:resourceaccount": (ACCOUNT_ID,),
            "aws:tagkeys": tuple(request_tags(asked.given)),
        }
        return own.get(name)

    def _tags(self, kind: str) -> Tags | None:
        """Return the tags that a key is of; their names are compared without case in a condition's key."""
        if kind == RESOURCE_TAG:
            return self.resource_tags(self.wanted.need.resource)
        return self.caller_tags if kind == PRINCIPAL_TAG else request_tags(self.wanted.asked.given)

    def _may_have(self, name: str) -> bool:
        """Tell whether a key of a service can be in this request at all, by the reference."""
        prefix, _, action = self.wanted.need.action.partition(":")
        known = reference.action(prefix, action)
        return known is None or name in known.keys or name.partition("/")[0] in known.keys


def request_tags(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that a request gives: a list of pairs or a map, as its service has them (botocore's models)."""
    tags = given.get("Tags") or given.get("tags") or {}
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    pairs = [tag for tag in tags if isinstance(tag, Mapping)]
    return {str(tag.get("Key") or tag.get("TagKey")): str(tag.get("Value") or tag.get("TagValue") or "") for tag in pairs}
