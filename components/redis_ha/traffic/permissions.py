"""IAM policy document for who shifts traffic: these names and types, only UPSERT. Nothing is attached to anybody here."""

from collections.abc import Sequence
from typing import Any

RECORD_KEY = "route53:ChangeResourceRecordSets"


def partition(region: str) -> str:
    """Return the first part of ARNs in a region (docs.aws.amazon.com, IAM/latest/UserGuide, reference-arns)."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def normalized(name: str) -> str:
    """Return a name as the condition key has it: everything but a-z, 0-9 and -_. as an octal code.

    docs.aws.amazon.com, Route53/latest/DeveloperGuide, specifying-conditions-route53.
    """
    return "".join(letter if letter.isalnum() or letter in "-_." else f"\\{ord(letter):03o}" for letter in name)


def shift_document(zone_id: str, region: str, names: Sequence[str], types: Sequence[str], record_path: str) -> dict[str, Any]:
    """Return what a shift takes: changing exactly these records in place, waiting for it, and the runtime records.

    Condition keys: docs.aws.amazon.com, Route53/latest/DeveloperGuide, specifying-conditions-route53. A key that is absent
    would satisfy ForAllValues, hence the Null conditions.
    """
    arn = f"arn:{partition(region)}"
    zone = f"{arn}:route53:::hostedzone/{zone_id.rsplit('/', maxsplit=1)[-1]}"
    values = {
        f"{RECORD_KEY}NormalizedRecordNames": [normalized(name) for name in names],
        f"{RECORD_KEY}RecordTypes": list(types),
        f"{RECORD_KEY}Actions": ["UPSERT"],
    }
    parameters = f"{arn}:ssm:{region}:*:parameter{record_path}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Shift",
                "Effect": "Allow",
                "Action": ["route53:ChangeResourceRecordSets"],
                "Resource": [zone],
                "Condition": {"ForAllValues:StringEquals": values, "Null": dict.fromkeys(values, "false")},
            },
            {"Sid": "Look", "Effect": "Allow", "Action": ["route53:ListResourceRecordSets"], "Resource": [zone]},
            {"Sid": "Wait", "Effect": "Allow", "Action": ["route53:GetChange"], "Resource": [f"{arn}:route53:::change/*"]},
            {
                "Sid": "RuntimeRecords",
                "Effect": "Allow",
                "Action": ["ssm:GetParameter", "ssm:GetParametersByPath", "ssm:PutParameter", "ssm:DeleteParameter"],
                "Resource": [parameters, f"{parameters}/*"],
            },
        ],
    }
