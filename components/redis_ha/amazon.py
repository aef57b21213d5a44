"""What all components on AWS share: where children go, regions and tags, and how the provider finds what exists."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from .adopting import Adoption
from .arguments import Checks, camel_case
from .guard import Judge, all_of, guard
from .inputs import once

# docs.aws.amazon.com, vpc/latest/userguide, "Amazon VPC quotas": rules a security group, as long as nobody asks for more.
MAX_RULES = 60
# docs.aws.amazon.com, tag-editor: keys of 1 to 128, values of up to 256, 50 tags a resource; one of them is the component's.
MAX_TAGS = 49
REGION = re.compile(r"[a-z]{2,3}(-[a-z]+){1,3}-\d{1,2}")
TAG_KEY = re.compile(r"(?!aws:)[\w .:/=+@-]{1,128}")
TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")


@dataclass(frozen=True)
class Place:
    """Where a component's children go: the prefix of their names, region, tags, who makes their options; see guard.apart."""

    name: str
    region: str
    tags: Mapping[str, str]
    child: Callable[..., pulumi.ResourceOptions]
    apart: str = ""
    adopting: Adoption | None = None

    def judged(self, part: str, free: Collection[str], *judges: Judge, hook: str | None = None) -> dict[str, Any]:
        """Return the option by which a child is judged: by `judges` at every update, and by the adoption where it is adopted.

        `free`: properties that are the component's to change. `hook` names the child's hook, else the part does.
        """
        after = None
        if self.adopting is not None and part in self.adopting.wanted:
            judges, after = (*judges, self.adopting.judge(part, free)), self.adopting.settled
        if not judges:
            return {}
        called = hook or part.replace("_", "-").replace(".", "-")
        return {"hooks": guard(f"{self.name}-{called}{self.apart}", all_of(*judges), after=after)}


def imported(identifier: str | None, region: str) -> dict[str, Any]:
    """Return the options by which a child that exists already is imported.

    The provider learns the region by the id's end alone (hashicorp.github.io/terraform-provider-aws, "Enhanced Region
    Support"; the acceptance tests there import `<id>@<region>`).
    """
    return {} if identifier is None else {"import_": f"{identifier}@{region}"}


def adoption(identifier: str | None, region: str, *, protect: bool = True) -> dict[str, Any]:
    """Return the same for what has no protection of its own: once it is adopted it is protected, and never deleted at AWS.

    An import whose identity differs from the program's would be replaced in the same `up`: protection refuses that in the
    preview, before anything is imported. What is retained outlives the program, also when `adopt` is taken out again
    (hashicorp/terraform-provider-aws issue 36848).
    """
    return {} if identifier is None else {**imported(identifier, region), "protect": protect, "retain_on_delete": True}


@dataclass(frozen=True)
class Keyed:
    """An entry of a list: what its resource is called by, and what it was called by when lists were counted."""

    key: str
    formerly: str | None
    value: pulumi.Input[str]

    def options(self, prefix: str, suffix: str = "") -> dict[str, object]:
        """Return the option by which a resource that was named by its place in the list goes on under its new name."""
        return {} if self.formerly is None else {"aliases": [pulumi.Alias(name=f"{prefix}{self.formerly}{suffix}")]}


def keyed(argument: str, values: Sequence[pulumi.Input[str]]) -> list[Keyed]:
    """Name the entries of a list by what they are: one that leaves, or another order, then moves nothing else.

    A value that is not known yet is called by its place. The same value twice is one entry. An Output that turns out to be
    another entry's value has a resource of its own by then, so it is refused.
    """
    refuse_twins(argument, values)
    return [
        Keyed(value, str(index), value) if isinstance(value, str) else Keyed(str(index), None, value)
        for index, value in once(values).items()
    ]


def refuse_twins(argument: str, values: Sequence[pulumi.Input[str]]) -> None:
    """Refuse a list in which an Output has another entry's value, as soon as both are known: in the preview, if they are then.

    Nothing is made of the result. An entry that waited for the others would not be known in a preview where one of them is
    replaced, and would be replaced with it. What is the same already, as text or as Output, the caller sees itself.
    """
    apart = list(once(values).values())
    if all(isinstance(value, str) for value in apart) or len(apart) < 2:
        return

    def check(known: Any) -> None:
        found = [value for value in known if isinstance(value, str)] if isinstance(known, list) else []
        twins = sorted({value for value in found if found.count(value) > 1})
        if twins:
            reason = f"{', '.join(twins)} is in it twice, as an Output and once more; leave one of them out"
            raise pulumi.InputPropertyError(camel_case(argument), f"{argument}: {reason}")

    pulumi.Output.all(*apart).apply(check, run_with_unknowns=True)


def refuse_own_group(argument: str, values: Sequence[pulumi.Input[str]], own: pulumi.Output[str]) -> None:
    """Refuse the component's own security group among its clients, made or adopted, as soon as both are known.

    Its members reach each other by a rule of their own. AWS refuses a second one that is equal (InvalidPermission.Duplicate).
    """

    def check(known: Any) -> None:
        mine, *others = known if isinstance(known, list) else [None]
        if isinstance(mine, str) and mine in others:
            reason = f"{mine} is the component's own security group, whose members may connect already; leave it out"
            raise pulumi.InputPropertyError(camel_case(argument), f"{argument}: {reason}")

    if values:
        pulumi.Output.all(own, *values).apply(check, run_with_unknowns=True)


def checked_tags(checks: Checks) -> tuple[tuple[str, str], ...]:
    """Read the tags that everything gets besides the component's own."""
    found: list[tuple[str, str]] = []
    for key, value in checks.mapping("tags").items():
        if not TAG_KEY.fullmatch(key):
            checks.refuse(
                "tags", f"{key!r} is no tag key: 1 to 128 letters, digits, spaces and _.:/=+-@, not starting with aws:"
            )
        elif not isinstance(value, str) or not TAG_VALUE.fullmatch(value):
            checks.refuse(
                "tags", f"the value of {key!r} is no tag value: text of up to 256 letters, digits, spaces and _.:/=+-@"
            )
        else:
            found.append((key, value))
    if len(found) > MAX_TAGS:
        checks.refuse("tags", f"{len(found)} are too many; AWS takes 50 and one is the component's: use {MAX_TAGS} at most")
    return tuple(found)
