"""ARNs among the arguments: each is of the kind that belongs there, before anything is registered."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from redis_ha.arguments import Checks
from redis_ha.arns import (
    ACM_CERTIFICATE,
    ALARM,
    IAM_CERTIFICATE,
    KEY,
    RDB_FILE,
    ROLE,
    SNAPSHOT,
    TOPIC,
    Kind,
    check_arn,
    check_arns,
)
from redis_ha.cloudwatch import checked_settings
from redis_ha.elasticache.checks import make_plan
from redis_ha.elasticache.experiments import check_experiments
from redis_ha.elasticache.notifications import check_notifications
from redis_ha.elasticache.serverless import make_serverless_plan
from redis_ha.elasticache.topology import Topology
from redis_ha.traffic.alb_checks import make_alb_plan

pytestmark = pytest.mark.usefixtures("loop_for_outputs")

KINDS = [ACM_CERTIFICATE, ALARM, KEY, RDB_FILE, ROLE, SNAPSHOT, TOPIC]


def refused(value: object, *kinds: Kind, region: str | None = None) -> str:
    checks = Checks({"an_arn": value})
    check_arn(checks, "an_arn", *kinds, region=region)
    return "; ".join(f"{argument}: {reason}" for argument, reason in checks.problems)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.what)
def test_an_example_fits_in_every_partition_and_nothing_else_does(kind: Kind) -> None:
    for partition in ("aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-eusc"):
        assert refused(kind.example.replace("arn:aws:", f"arn:{partition}:"), kind) == ""
    others = [other.example for other in KINDS if other is not kind]
    for wrong in (
        "",
        "  ",
        "foo",
        f"{kind.example} ",
        f" {kind.example}",
        kind.example.replace("arn:aws:", "arn:gcp:"),
        *others,
    ):
        assert refused(wrong, kind).startswith(f"an_arn: {wrong!r} is no ARN of {kind.what}; give one such as arn:aws:"), wrong


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("arn:aws:iam::123456789012:server-certificate/name", IAM_CERTIFICATE),
        ("arn:aws:iam::123456789012:server-certificate/division/web/www.example.com", IAM_CERTIFICATE),
        ("arn:aws:iam::123456789012:role/service-role/chaos@ops", ROLE),
        ("arn:aws:kms:eu-central-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab", KEY),
        ("arn:aws:sns:us-gov-west-1:123456789012:alarms.fifo", TOPIC),
        ("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop: errors / minute", ALARM),
        ("arn:aws:s3:::my.bucket/2026/dump 1.rdb", RDB_FILE),
    ],
)
def test_names_with_paths_and_signs_fit(value: str, kind: Kind) -> None:
    assert refused(value, kind, region=None) == ""


def test_a_region_is_compared_where_the_arn_has_one() -> None:
    assert refused(KEY.example, KEY, region="eu-central-1") == ""
    assert "lies in eu-central-1; give one of us-east-1" in refused(KEY.example, KEY, region="us-east-1")
    assert refused("arn:aws:iam::123456789012:server-certificate/name", IAM_CERTIFICATE, region="us-east-1") == ""


def test_what_is_known_later_is_accepted() -> None:
    later = pulumi.Output.from_input("x")
    assert refused(later, TOPIC) == ""
    checks = Checks({"topic_arns": [later, "foo", TOPIC.example, "foo"]})
    check_arns(checks, "topic_arns", TOPIC)
    assert [argument for argument, _ in checks.problems] == ["topic_arns"]


def balancer(**more: Any) -> list[tuple[str, str]]:
    targets = {"blue": {"ecs": True}, "green": {"ecs": True}}
    args = {"region": "eu-central-1", "vpc_id": "vpc-1", "subnet_ids": ["a", "b"], "targets": targets, **more}
    return make_alb_plan("shop", args)[1].problems


def group(**more: Any) -> list[tuple[str, str]]:
    return make_plan("shop", {"region": "eu-central-1", **more})[1].problems


def serverless(**more: Any) -> list[tuple[str, str]]:
    return make_serverless_plan("shop", {"region": "eu-central-1", **more})[1].problems


def alarms(**more: Any) -> list[tuple[str, str]]:
    return checked_settings(more, ("topic_arns",), ()).problems


def notifications(**more: Any) -> list[tuple[str, str]]:
    return [(name.removeprefix("notifications."), reason) for name, reason in check_notifications(more)]  # type: ignore[arg-type]


def experiment(**more: Any) -> list[tuple[str, str]]:
    topology = Topology("prod", "disabled", 1, 1)
    found = check_experiments({"stop_alarm_arns": [], **more}, topology, ["eu-central-1a", "eu-central-1b"])  # type: ignore[arg-type]
    return [(name.removeprefix("experiment."), reason) for name, reason in found]


ELSEWHERE = "eu-west-1"


@pytest.mark.parametrize(
    ("problems", "argument", "right", "regional"),
    [
        (balancer, "certificate_arn", ACM_CERTIFICATE.example, True),
        (balancer, "certificate_arn", "arn:aws:iam::123456789012:server-certificate/name", False),
        (group, "kms_key_id", KEY.example, True),
        (group, "restore_snapshot_arns", RDB_FILE.example, False),
        (serverless, "kms_key_id", KEY.example, True),
        (serverless, "restore_snapshot_arns", SNAPSHOT.example, False),
        (alarms, "topic_arns", TOPIC.example, False),
        (notifications, "topic_arn", TOPIC.example, False),
        (experiment, "stop_alarm_arns", ALARM.example, False),
        (experiment, "role_arn", ROLE.example, False),
    ],
)
def test_every_argument_that_is_an_arn_is_checked(
    problems: Callable[..., list[tuple[str, str]]], argument: str, right: str, *, regional: bool
) -> None:
    def of(value: object) -> list[str]:
        return [
            reason for name, reason in problems(**{argument: [value] if argument.endswith("s") else value}) if name == argument
        ]

    assert of(right) == []
    assert of(pulumi.Output.from_input("x")) == []
    for wrong in ("", "  ", "foo", "arn:aws:sqs:eu-central-1:123456789012:queue"):
        assert [reason.partition(";")[0] for reason in of(wrong)] == [of(wrong)[0].partition(";")[0]]
        assert "is no ARN of" in of(wrong)[0]
    if regional:
        assert "lies in eu-west-1" in of(right.replace("eu-central-1", ELSEWHERE))[0]
