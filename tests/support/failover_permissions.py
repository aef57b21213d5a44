"""What the failover function may do, as its component writes it. To be replaced by the component's own document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.aws_roles import allow, document


def function_document(
    bus_arn: str, log_group_arn: str, queue_arn: str, groups: Sequence[str], parameter_path: str, *, tracing: bool
) -> dict[str, Any]:
    del log_group_arn, queue_arn, tracing
    _, _, _, region, account, _ = bus_arn.split(":", 5)
    ids = [f"arn:aws:elasticache:{region}:{account}:replicationgroup:{group}" for group in groups]
    parameters = f"arn:aws:ssm:{region}:{account}:parameter{parameter_path}/*"
    return document(
        allow(["elasticache:DescribeReplicationGroups"], ids),
        allow(["elasticache:DescribeEvents"], ["*"]),
        allow(["ssm:GetParameters", "ssm:PutParameter"], [parameters]),
        allow(["events:PutEvents"], [bus_arn]),
    )
