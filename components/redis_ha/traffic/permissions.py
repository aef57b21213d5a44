"""IAM policy document for who shifts traffic: these names and types, only UPSERT. Nothing is attached to anybody here."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

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


def shift_document(
    zone_id: str, account: str, region: str, names: Sequence[str], types: Sequence[str], record_path: str
) -> dict[str, Any]:
    """Return what a shift takes: changing exactly these records in place, waiting for it, and the account's runtime records.

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
    parameters = f"{arn}:ssm:{region}:{account}:parameter{record_path}"
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


def shift_policy(
    component: pulumi.Resource,
    zone_id: pulumi.Input[str],
    region: str,
    names: Sequence[str],
    types: Sequence[str],
    record_path: str,
) -> pulumi.Output[str]:
    """Return the JSON of `shift_document` once the zone is known, for the account of the component's provider.

    AWS is asked for it, which takes no permission (docs.aws.amazon.com, STS/latest/APIReference, API_GetCallerIdentity): no ARN
    of Route 53 has an account.
    """
    caller = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=component))
    return pulumi.Output.all(zone=zone_id, account=caller.account_id).apply(
        lambda known: json.dumps(shift_document(known["zone"], known["account"], region, names, types, record_path))
    )
