"""When schedules are due, and what targets get: plain functions on plain data."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pulumi_emulator.aws.event_bus.schedule import next_time
from pulumi_emulator.aws.event_bus.transform import MISSING, InvalidJSONError, at, text_for
from pulumi_emulator.aws.resource_policy import allows

EVENT = {
    "id": "e-1",
    "source": "own",
    "detail": {"who": 'a "b"', "n": 3, "list": [{"x": 1}], "nothing": None, "deep": {"a-b": True}},
}
RULE = "arn:aws:events:eu-central-1:123456789012:rule/bus/told"


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("rate(5 minutes)", "2026-11-30T12:00:30", "2026-11-30T12:05:30"),
        ("rate(1 hour)", "2026-11-30T12:00:30", "2026-11-30T13:00:30"),
        ("rate(2 days)", "2026-11-30T12:00:30", "2026-12-02T12:00:30"),
        ("cron(0/15 * * * ? *)", "2026-11-30T12:00:00", "2026-11-30T12:15:00"),
        ("cron(5 8-10 ? * MON-FRI *)", "2026-11-28T12:00:00", "2026-11-30T08:05:00"),
        ("cron(0 12 L * ? *)", "2027-02-01T00:00:00", "2027-02-28T12:00:00"),
        ("cron(0 12 1W * ? *)", "2026-08-01T13:00:00", "2026-08-03T12:00:00"),
        ("cron(0 12 LW * ? *)", "2026-10-30T13:00:00", "2026-11-30T12:00:00"),
        ("cron(0 12 15W * ? *)", "2026-11-14T00:00:00", "2026-11-16T12:00:00"),
        ("cron(30 6 ? * 6L *)", "2026-11-01T00:00:00", "2026-11-27T06:30:00"),
        ("cron(30 6 ? * TUE#2 *)", "2026-11-11T00:00:00", "2026-12-08T06:30:00"),
        ("cron(0 0 29 FEB ? *)", "2026-11-30T00:00:00", "2028-02-29T00:00:00"),
        ("cron(0 0 1,15 JAN,jul ? 2030)", "2026-01-01T00:00:00", "2030-01-01T00:00:00"),
        ("cron(0 0 1 1 ? 2020)", "2026-01-01T00:00:00", None),
        ("cron(59 23 31 12 ? *)", "2026-12-31T23:59:00", "2027-12-31T23:59:00"),
    ],
)
def test_the_next_time(expression: str, after: str, expected: str | None) -> None:
    found = next_time(expression, datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert found == (None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "expression",
    [
        "rate(0 minutes)",
        "rate(5 seconds)",
        "cron(0 12 * * *)",
        "cron(0 12 * * MON *)",
        "cron(0 12 ? * ? *)",
        "cron(60 12 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 * 13 ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * XYZ *)",
        "cron(0/0 0 * * ? *)",
        "every day",
    ],
)
def test_what_is_no_expression(expression: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        next_time(expression, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", EVENT),
        ("$.detail.n", 3),
        ("$.detail.list[0].x", 1),
        ("$.detail.deep.a-b", True),
        ("$.detail['who']", 'a "b"'),
        ("$.detail.nothing", None),
        ("$.detail.gone", MISSING),
        ("$.detail.list[1]", MISSING),
        ("$.detail.n.x", MISSING),
        ("$..n", MISSING),
    ],
)
def test_what_is_at_a_path(path: str, expected: Any) -> None:
    assert at(path, EVENT) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({}, json.dumps(EVENT)),
        ({"Input": '{"a": 1}'}, '{"a": 1}'),
        ({"InputPath": "$.detail.list"}, '[{"x": 1}]'),
        ({"t": '{"a": <n>, "b": <who>, "c": <deep>}'}, '{"a": 3, "b": "a \\"b\\"", "c": {"a-b": true}}'),
        ({"t": '{"a": "<n> of <who>"}'}, '{"a": "3 of a \\"b\\""}'),
        ({"t": '{"a": "-<gone>-", "b": <gone>}'}, '{"a": "--", "b": ""}'),
        ({"t": '{"a": <nothing>, "b": "<nothing>"}'}, '{"a": null, "b": "null"}'),
        ({"t": '"<n>: \\"<who>\\""'}, '"3: \\"a \\"b\\"\\""'.replace('a "b"', 'a \\"b\\"')),
        (
            {"t": '{"rule": "<aws.events.rule-name>", "at": "<aws.events.event.ingestion-time>"}'},
            '{"rule": "told", "at": "now"}',
        ),
        ({"t": '{"arn": <aws.events.rule-arn>}'}, json.dumps({"arn": RULE})),
        ({"t": '{"e": <aws.events.event>}'}, json.dumps({"e": {"id": "e-1", "source": "own"}})),
        ({"t": '{"e": <aws.events.event.json>}'}, json.dumps({"e": EVENT})),
        ({"t": '{"a": "<unknown>"}'}, '{"a": "<unknown>"}'),
    ],
)
def test_what_a_target_gets(target: dict[str, str], expected: str) -> None:
    if "t" in target:
        names = ("n", "who", "deep", "gone", "nothing")
        paths = {name: f"$.detail.{name}" for name in names}
        target = {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": target["t"]}}  # type: ignore[dict-item]
    assert text_for(target, EVENT, RULE, "now") == expected


def test_a_template_has_to_make_json() -> None:
    template = {"InputTransformer": {"InputPathsMap": {}, "InputTemplate": '{"a": b}'}}
    with pytest.raises(InvalidJSONError):
        text_for(template, EVENT, RULE, "now")


ALLOW: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:InvokeFunction"}
KNOWN = {"aws:sourcearn": "arn:aws:sns:eu-central-1:1:topic", "aws:sourceaccount": "1"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"Principal": "*"}, True),
        ({"Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}}, True),
        ({"Principal": {"Service": "events.amazonaws.com"}}, False),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Action": ["lambda:Invoke*"]}, True),
        ({"Action": "lambda:GetFunction"}, False),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:sns:eu-central-1:1:*"}}}, True),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:sns:eu-central-1:1:other"}}}, False),
        ({"Condition": {"StringEquals": {"AWS:SourceAccount": "*"}}}, False),
        ({"Condition": {"StringEquals": {"AWS:SourceAccount": ["2", "1"]}}}, True),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o"}}}, False),
        ({"Condition": {"DateLessThan": {"aws:SourceAccount": "1"}}}, False),
    ],
)
def test_a_resource_s_policy(changes: dict[str, Any], expected: bool) -> None:
    statement = ALLOW | changes
    assert allows([statement], "sns.amazonaws.com", "lambda:InvokeFunction", KNOWN) is expected
    denied = [statement, ALLOW | {"Effect": "Deny"}]
    assert not allows(denied, "sns.amazonaws.com", "lambda:InvokeFunction", KNOWN)
