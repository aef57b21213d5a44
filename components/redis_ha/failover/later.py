"""What can be wrong with topics that are known later: refused as soon as they are known, in the preview if they are then."""

from collections.abc import Mapping
from typing import Any

import pulumi

from redis_ha.arguments import Checks, InvalidArgumentsError
from redis_ha.arns import TOPIC, check_value
from redis_ha.inputs import as_input_errors

from .checks import ENCRYPTED
from .plan import Plan


def check_later(plan: Plan) -> None:
    """Refuse topics of another region, topics that turn out to be the same one, and topics that turn out to be encrypted.

    Nothing is made of the result: what waits for all topics would not be known where one of them is replaced.
    """
    topics = {topic.argument: topic.arn for topic in plan.topics}
    arguments = [*topics, *plan.kms_keys]

    def check(known: Any) -> None:
        values = dict(zip(arguments, known, strict=True)) if isinstance(known, list) else {}
        problems = later_problems(plan.region, {one: values.get(one) for one in topics}, values)
        if problems:
            with as_input_errors():
                raise InvalidArgumentsError(f"FailoverAutomation {plan.name!r}", problems)

    pulumi.Output.all(*topics.values(), *plan.kms_keys.values()).apply(check, run_with_unknowns=True)


def later_problems(region: str, topics: Mapping[str, Any], values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with topics, and with the keys among the values, by their arguments. Not known yet: no text."""
    checks = Checks({})
    seen: dict[str, str] = {}
    for argument, arn in topics.items():
        check_value(checks, argument, arn, TOPIC, region=region)
        if isinstance(arn, str) and arn in seen:
            remedy = f"give topic_of: {seen[arn].split('.')[1]} instead" if argument.startswith("groups.") else "leave it out"
            checks.refuse(argument, f"turns out to be {seen[arn]}, and a topic has one subscription: {remedy}")
        elif isinstance(arn, str):
            seen[arn] = argument
    for argument, key in values.items():
        if argument not in topics and key and isinstance(key, str):
            checks.refuse(argument, ENCRYPTED)
    return checks.problems
