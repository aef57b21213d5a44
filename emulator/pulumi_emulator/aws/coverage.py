"""Who answers what: which operations of each service are moto's, which our own, and which nobody's.

`python -m pulumi_emulator.aws.coverage` prints it as a table.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Final

from moto.backends import get_backend
from moto.core.responses import BaseResponse
from moto.core.utils import camelcase_to_underscores, get_service_model, method_names_from_class

from pulumi_emulator.aws import autoscaling, fis, load_balancing, route53, sts
from pulumi_emulator.aws.cloudwatch.service import CloudWatch
from pulumi_emulator.aws.elasticache import service
from pulumi_emulator.aws.elasticache.operations import OPERATIONS
from pulumi_emulator.aws.event_bus import service as event_bus
from pulumi_emulator.aws.functions import service as functions

# The services that programs of caches use; others of moto's answer as well.
SERVICES: Final = (
    "elasticache",
    "fis",
    "application-autoscaling",
    "autoscaling",
    "elbv2",
    "ec2",
    "cloudwatch",
    "lambda",
    "logs",
    "sns",
    "sqs",
    "events",
    "secretsmanager",
    "ssm",
    "kms",
    "iam",
    "sts",
    "route53",
    "s3",
    "firehose",
)
# Where moto's package has another name than botocore's service.
PACKAGES: Final = {"application-autoscaling": "applicationautoscaling", "lambda": "awslambda"}
# Handlers of our own in a service that is moto's otherwise.
EXTENDED: Final[dict[str, type[BaseResponse]]] = {
    "events": event_bus.EventBridge,
    "fis": fis.FaultInjection,
    "application-autoscaling": autoscaling.AutoScaling,
    "cloudwatch": CloudWatch,
    "elbv2": load_balancing.LoadBalancing,
    "lambda": functions.Lambda,
    "route53": route53.Route53,
    "sts": sts.SecurityTokens,
}


@dataclass(frozen=True)
class Coverage:
    """One service: its operations by who answers them."""

    service: str
    own: tuple[str, ...]
    moto: tuple[str, ...]
    missing: tuple[str, ...]


def coverage() -> list[Coverage]:
    """Return every service of SERVICES."""
    return [_of(name) for name in SERVICES]


def _of(name: str) -> Coverage:
    operations = set(get_service_model(name).operation_names)
    if name == "elasticache":
        service.load()
        own, moto = operations & OPERATIONS.keys(), set[str]()
    else:
        extended = EXTENDED.get(name)
        written = {method for method in vars(extended) if not method.startswith("_")} if extended else set()
        own = {operation for operation in operations if camelcase_to_underscores(operation) in written}
        moto = {operation for operation in operations if camelcase_to_underscores(operation) in _methods(name)} - own
    return Coverage(name, tuple(sorted(own)), tuple(sorted(moto)), tuple(sorted(operations - own - moto)))


def _methods(name: str) -> set[str]:
    package = PACKAGES.get(name, name)
    get_backend(package)  # type: ignore[call-overload] # one of moto's by construction
    module = importlib.import_module(f"moto.{package}.responses")
    classes = [entry for entry in vars(module).values() if isinstance(entry, type) and issubclass(entry, BaseResponse)]
    return {method for entry in classes for method in method_names_from_class(entry)}


def main() -> int:
    """Print the table."""
    lines = ["| service | own handlers | moto | answered by nobody |", "|---|---|---|---|"]
    for row in coverage():
        own = ", ".join(f"`{name}`" for name in row.own) or "-"
        lines.append(f"| {row.service} | {own} | {len(row.moto)} operations | {len(row.missing)} operations |")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
