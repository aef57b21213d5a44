"""ARNs among the arguments: which kind belongs where. What is known later, and what is no text, is checked elsewhere.

An ARN is arn:partition:service:region:account:resource, the partition aws, aws-cn, aws-us-gov or a closed one
(docs.aws.amazon.com, IAM, "Amazon Resource Names"; resources: service-authorization/latest/reference, "Resource types" of
each service).
"""

import re
from dataclasses import dataclass

from .arguments import Checks, shown

_REGION = r"(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d+)"


@dataclass(frozen=True)
class Kind:
    """One kind of ARN: what it is of, an example, and its form behind the partition."""

    what: str
    example: str
    form: str

    def match(self, text: str) -> re.Match[str] | None:
        """Read an ARN of this kind, None for anything else."""
        return re.fullmatch(rf"arn:aws(?:-[a-z]+)*:{self.form}", text)


# docs.aws.amazon.com, elasticloadbalancing/latest/application, https-listener-certificates: a listener takes certificates of
# ACM, of the balancer's region, and those that were uploaded to IAM, which has no regions.
ACM_CERTIFICATE = Kind(
    "a certificate of AWS Certificate Manager or IAM",
    "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    rf"acm:{_REGION}:\d{{12}}:certificate/[\w-]+",
)
IAM_CERTIFICATE = Kind(
    ACM_CERTIFICATE.what, ACM_CERTIFICATE.example, r"iam:(?P<region>):\d{12}:server-certificate/(?:[!-~]+/)?[\w+=,.@-]{1,128}"
)
TOPIC = Kind(
    "an SNS topic",
    "arn:aws:sns:eu-central-1:123456789012:name",
    rf"sns:{_REGION}:\d{{12}}:[\w-]{{1,256}}(?:\.fifo)?",
)
# docs.aws.amazon.com, secretsmanager/latest/userguide, reference_iam-permissions, "Secrets Manager resources".
SECRET = Kind(
    "a secret of Secrets Manager",
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:name-a1B2c3",
    rf"secretsmanager:{_REGION}:\d{{12}}:secret:[\w/+=.@-]+",
)
ALARM = Kind(
    "a CloudWatch alarm",
    "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:name",
    rf"cloudwatch:{_REGION}:\d{{12}}:alarm:\S(?:.{{0,253}}\S)?",
)
ROLE = Kind("an IAM role", "arn:aws:iam::123456789012:role/name", r"iam:(?P<region>):\d{12}:role/(?:[!-~]+/)?[\w+=,.@-]{1,64}")
# hashicorp/terraform-provider-aws, elasticache_replication_group, kms_key_id: the ARN of the key. AWS answers with that, and
# an id or an alias would be a difference that replaces. A key serves its own region (kms/latest/developerguide, "multi-Region
# keys overview").
KEY = Kind(
    "a KMS key",
    "arn:aws:kms:eu-central-1:123456789012:key/12345678-1234-1234-1234-123456789012",
    rf"kms:{_REGION}:\d{{12}}:key/[\w-]+",
)
# botocore, elasticache 2015-02-02, CreateReplicationGroupMessage.SnapshotArns: RDB files in S3, no commas in their names.
RDB_FILE = Kind(
    "an RDB file in S3", "arn:aws:s3:::my_bucket/snapshot1.rdb", r"s3:(?P<region>)::[\w.-]{3,63}/[^,\s](?:[^,\n]*[^,\s])?"
)
# botocore, elasticache 2015-02-02, CreateServerlessCacheRequest.SnapshotArnsToRestore: "the snapshot", of which kind it does
# not say. Users of serverless caches may have RDB files as well, so both are taken there.
SNAPSHOT = Kind(
    "a snapshot",
    "arn:aws:elasticache:eu-central-1:123456789012:serverlesssnapshot:name",
    rf"elasticache:{_REGION}:\d{{12}}:(?:serverlesssnapshot|snapshot):[\w-]+",
)


def check_arn(checks: Checks, argument: str, *kinds: Kind, region: str | None = None) -> None:
    """Refuse text that is no ARN of any of the kinds, or of one of another region where it has to be of `region`."""
    check_value(checks, argument, checks.args.get(argument), *kinds, region=region)


def check_arns(checks: Checks, argument: str, *kinds: Kind) -> None:
    """Refuse each text in a list that is no ARN of any of the kinds."""
    values = checks.args.get(argument)
    for value in dict.fromkeys(one for one in values if isinstance(one, str)) if isinstance(values, list | tuple) else ():
        check_value(checks, argument, value, *kinds)


def check_value(checks: Checks, argument: str, value: object, *kinds: Kind, region: str | None = None) -> None:
    """Check one value under the argument's name."""
    if not isinstance(value, str):
        return
    read = next((found for kind in kinds if (found := kind.match(value))), None)
    if read is None:
        checks.refuse(argument, f"{shown(value)} is no ARN of {kinds[0].what}; give one such as {kinds[0].example}")
    elif region and read["region"] and read["region"] != region:
        checks.refuse(argument, f"{shown(value)} lies in {read['region']}; give one of {region}, the region of what uses it")
