"""Who may do what, as plain documents: the function, who fills its queue, who tells the receivers. No account is looked up.

Each call of the function has its statement. Which action takes which resource: docs.aws.amazon.com, service-authorization/
latest/reference, list_<service>. The account and the partition are those of the bus, whose ARN the provider answers with.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]


def document(*statements: Mapping[str, Any]) -> Document:
    """Return a policy document."""
    return {"Version": "2012-10-17", "Statement": [dict(one) for one in statements]}


def account_of(arn: str) -> str:
    """Return the account in an ARN: arn:partition:service:region:account:resource (docs.aws.amazon.com, IAM)."""
    return arn.split(":")[4]


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> Document:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _beside(bus_arn: str, service: str, resource: str) -> str:
    """Return an ARN of the bus's partition, region and account."""
    _, partition, _, region, account, _ = bus_arn.split(":", maxsplit=5)
    return f"arn:{partition}:{service}:{region}:{account}:{resource}"


def trust_document(service: str) -> Document:
    """Return who may take the role: a service of AWS."""
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def teller_trust_document(bus_arn: str, rules: str) -> Document:
    """Return the same for EventBridge, and for the rules on this bus alone whose names begin as said.

    docs.aws.amazon.com, eventbridge/latest/userguide, cross-service-confused-deputy-prevention.
    """
    own = _beside(bus_arn, "events", f"rule/{bus_arn.rpartition('/')[2]}/{rules}*")
    (statement,) = trust_document("events.amazonaws.com")["Statement"]
    limits = {"StringEquals": {"aws:SourceAccount": account_of(bus_arn)}, "ArnLike": {"aws:SourceArn": own}}
    return document({**statement, "Condition": limits})


def teller_document(destinations: Sequence[str]) -> Document:
    """Return what telling takes: a call of each API destination."""
    return document(_allow("Tell", ["events:InvokeApiDestination"], destinations))


# docs.aws.amazon.com, lambda/latest/dg, configuration-vpc, "Required IAM permissions": Lambda makes the function's network
# interfaces as its role, and takes these on all resources.
IN_A_VPC = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


def function_document(
    bus_arn: str,
    log_group_arn: str,
    queue_arn: str,
    groups: Sequence[str],
    parameter_path: str,
    secrets: Sequence[str] = (),
    *,
    tracing: bool,
    in_a_vpc: bool = False,
) -> Document:
    """Return what the function may do: a statement for each of its calls, and no more than these calls.

    Two are for all resources, because AWS takes no other there: DescribeEvents ("No Resource ARN: *", docs.aws.amazon.com,
    AmazonElastiCache/latest/dg, IAM.APIReference), which only reads, and X-Ray's (list_awsx-ray), when the runs are traced.
    So are those that Lambda itself makes for a function in a VPC.
    """
    statements = [
        _allow(
            "LookAtGroups",
            ["elasticache:DescribeReplicationGroups"],
            [_beside(bus_arn, "elasticache", f"replicationgroup:{group}") for group in groups],
        ),
        _allow("FindMissedFailovers", ["elasticache:DescribeEvents"], ["*"]),
        _allow(
            "WriteDocuments",
            ["ssm:GetParameters", "ssm:PutParameter"],
            # No second slash: the name's own is the one behind `parameter`.
            [_beside(bus_arn, "ssm", f"parameter{parameter_path}/*")],
        ),
        _allow("Relay", ["events:PutEvents"], [bus_arn]),
        _allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"]),
        # Lambda puts there what the function gave up, as the function's role.
        _allow("KeepWhatFailed", ["sqs:SendMessage"], [queue_arn]),
    ]
    if secrets:
        statements.append(_allow("ReadTokens", ["secretsmanager:GetSecretValue"], secrets))
    if in_a_vpc:
        statements.append(_allow("RunInVpc", IN_A_VPC, ["*"]))
    if tracing:
        statements.append(_allow("Trace", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]))
    return document(*statements)


def queue_document(queue_arn: str, topics: Sequence[str], rules: Sequence[str]) -> Document:
    """Return who may put into the queue besides the function's role: these topics and these rules, when they cannot deliver.

    docs.aws.amazon.com, sns/latest/dg, sns-configure-dead-letter-queue; eventbridge/latest/userguide, eb-rule-dlq.
    """
    senders = (("Topics", "sns.amazonaws.com", topics), ("Rules", "events.amazonaws.com", rules))
    return document(
        *(
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": list(sources)}},
            }
            for sid, service, sources in senders
        )
    )


def mail_document(topic_arn: str, rule_arn: str) -> Document:
    """Return who may publish to the mail's topic: its rule, and CloudWatch's alarms of the same account.

    docs.aws.amazon.com, eventbridge/latest/userguide, eb-use-resource-based; AmazonCloudWatch, "Notify_Users_Alarm_Changes".
    """
    account = account_of(topic_arn)
    publish = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic_arn}
    return document(
        {
            "Sid": "Rule",
            **publish,
            "Principal": {"Service": "events.amazonaws.com"},
            "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
        },
        {
            "Sid": "Alarms",
            **publish,
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        },
    )


def client_document(bus_arn: str, parameter: str) -> Document:
    """Return what an application takes: reading its group's document."""
    return document(_allow("ReadEndpoints", ["ssm:GetParameter"], [_beside(bus_arn, "ssm", f"parameter{parameter}")]))
