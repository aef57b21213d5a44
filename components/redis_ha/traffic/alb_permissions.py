"""The IAM policy document for tools that shift the weights of a listener. Nothing is attached to anybody here."""

from typing import Any

# An ARN is arn:partition:service:region:account:resource (docs.aws.amazon.com, IAM, "Amazon Resource Names").
_PARTITION_OF_ARN, _ACCOUNT_OF_ARN = 1, 4


def shift_document(listener_arn: str, region: str, record_path: str) -> dict[str, Any]:
    """Return what shifting takes: this listener's action, its health, and the runtime records under one path.

    Which action takes which resource: docs.aws.amazon.com, service-authorization/latest/reference,
    list_awselasticloadbalancingv2 (what describes takes none) and list_awssystemsmanager.
    """
    parts = listener_arn.split(":")
    path = f"arn:{parts[_PARTITION_OF_ARN]}:ssm:{region}:{parts[_ACCOUNT_OF_ARN]}:parameter{record_path}"
    statements = [
        ("Shift", ["elasticloadbalancing:ModifyListener"], [listener_arn]),
        ("Look", ["elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeTargetHealth"], ["*"]),
        (
            "Record",
            ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:PutParameter", "ssm:DeleteParameter"],
            [path, f"{path}/*"],
        ),
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources} for sid, actions, resources in statements
        ],
    }
