"""Calls with a role's credentials, by real boto3: what is answered, what is refused, and how that is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_emulator import aws
from tests.support.aws_roles import allow, denied, deny, document, make_role, put_policy, refused, trusting, under
from tests.support.aws_world import REGION, World

ACCOUNT = aws.ACCOUNT_ID


def arn(service: str, name: str, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{name}"


# Codes and statuses as each service has them: its API Reference, "Common errors".
@pytest.mark.parametrize(
    ("service", "operation", "given", "code", "status", "words"),
    [
        ("ssm", "describe_parameters", {}, "AccessDeniedException", 400, "ssm:DescribeParameters on resource: *"),
        ("events", "list_rules", {}, "AccessDeniedException", 400, "events:ListRules on resource: *"),
        (
            "lambda",
            "invoke",
            {"FunctionName": "f"},
            "AccessDeniedException",
            403,
            f"lambda:InvokeFunction on resource: {arn('lambda', 'function:f')}",
        ),
        ("fis", "list_experiments", {}, "AccessDeniedException", 403, "fis:ListExperiments on resource: *"),
        ("elasticache", "describe_events", {}, "AccessDenied", 403, "elasticache:DescribeEvents on resource: *"),
        ("iam", "list_roles", {}, "AccessDenied", 403, "iam:ListRoles on resource: *"),
        ("elbv2", "describe_rules", {}, "AccessDenied", 403, "elasticloadbalancing:DescribeRules on resource: *"),
        ("cloudwatch", "list_metrics", {}, "AccessDenied", 403, "cloudwatch:ListMetrics on resource: *"),
        ("route53", "list_hosted_zones", {}, "AccessDenied", 403, "route53:ListHostedZones on resource: *"),
        ("s3", "list_buckets", {}, "AccessDenied", 403, "s3:ListBuckets on resource: *"),
        ("ec2", "describe_vpcs", {}, "UnauthorizedOperation", 403, "ec2:DescribeVpcs on resource: *"),
        # SNS writes itself in capitals, SQS its actions in small letters.
        (
            "sns",
            "publish",
            {"TopicArn": arn("sns", "t"), "Message": "m"},
            "AuthorizationError",
            403,
            f"SNS:Publish on resource: {arn('sns', 't')}",
        ),
        ("sqs", "create_queue", {"QueueName": "q"}, "AccessDenied", 403, f"sqs:createqueue on resource: {arn('sqs', 'q')}"),
    ],
)
def test_a_refusal_is_worded_and_coded_as_the_service_has_it(
    world: World, service: str, operation: str, given: dict[str, Any], code: str, status: int, words: str
) -> None:
    role = make_role(world)
    name = role.rpartition("/")[2]
    with under(world, role) as caller:
        error = refused(caller, service, operation, **given)
    assert error
    assert (error["Code"], error["Status"]) == (code, status)
    action = words.split(maxsplit=1)[0]
    expected = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/test is not authorized to perform: {words} "
    assert error["Message"] == expected + f"because no identity-based policy allows the {action} action"


def test_ec2_has_a_form_of_its_own(world: World) -> None:
    """Amazon EC2 API Reference, "Error codes": Response, Errors, Error; botocore reads other forms too."""
    bodies: list[bytes] = []
    with under(world, make_role(world)) as caller:
        events = caller.client("ec2").meta.events
        events.register("before-parse.ec2", lambda response_dict, **_: bodies.append(response_dict["body"]))
        assert denied(caller, "ec2", "describe_vpcs")
    assert bodies[0].startswith(b"<Response><Errors><Error>")


def test_the_stacks_own_key_is_never_asked(world: World) -> None:
    role = make_role(world, deny("*"))
    with under(world, role) as caller:
        assert denied(caller, "ssm", "describe_parameters")
    assert not denied(world, "ssm", "describe_parameters")


def test_who_calls_is_told_whatever_the_policies_say(world: World) -> None:
    with under(world, make_role(world, deny("*"))) as caller:
        assert caller.client("sts").get_caller_identity()["Arn"].endswith("/test")


def test_a_change_of_a_policy_counts_at_once(world: World) -> None:
    role = make_role(world, allow("ssm:DescribeParameters"))
    with under(world, role) as caller:
        assert not denied(caller, "ssm", "describe_parameters")
        put_policy(world, role, allow("ssm:GetParameter"))
        assert denied(caller, "ssm", "describe_parameters")


def test_managed_policies_count_by_their_default_version(world: World) -> None:
    iam, role = world.client("iam"), make_role(world)
    name = role.rpartition("/")[2]
    managed = iam.create_policy(
        PolicyName=world.name("policy"), PolicyDocument=json.dumps(document(allow("ssm:DescribeParameters")))
    )
    managed = managed["Policy"]["Arn"]
    with under(world, role) as caller:
        assert denied(caller, "ssm", "describe_parameters")
        iam.attach_role_policy(RoleName=name, PolicyArn=managed)
        assert not denied(caller, "ssm", "describe_parameters")
        other = json.dumps(document(allow("sqs:ListQueues")))
        version = iam.create_policy_version(PolicyArn=managed, PolicyDocument=other)["PolicyVersion"]["VersionId"]
        assert not denied(caller, "ssm", "describe_parameters")
        iam.set_default_policy_version(PolicyArn=managed, VersionId=version)
        assert denied(caller, "ssm", "describe_parameters")
        assert not denied(caller, "sqs", "list_queues")
        iam.detach_role_policy(RoleName=name, PolicyArn=managed)
        assert denied(caller, "sqs", "list_queues")


def test_policies_of_aws_itself_can_be_attached(world: World) -> None:
    iam, role = world.client("iam"), make_role(world)
    name = role.rpartition("/")[2]
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    with under(world, role) as caller:
        assert denied(caller, "logs", "create_log_group", logGroupName="/own")
        iam.attach_role_policy(RoleName=name, PolicyArn=basic)
        assert not denied(caller, "logs", "create_log_group", logGroupName="/own")
        assert denied(caller, "logs", "delete_log_group", logGroupName="/own")
    assert iam.get_policy(PolicyArn=basic)["Policy"]["PolicyName"] == "AWSLambdaBasicExecutionRole"
    for wrong in (basic.replace("service-role/", ""), basic + "X"):
        error = refused(world, "iam", "attach_role_policy", RoleName=name, PolicyArn=wrong)
        assert (error or {})["Code"] == "NoSuchEntity"
        error = refused(world, "iam", "get_policy", PolicyArn=wrong)
        assert (error or {})["Code"] == "NoSuchEntity"


@pytest.mark.parametrize("boundary", ["own", "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"])
def test_a_boundary_narrows(world: World, boundary: str) -> None:
    if boundary == "own":
        text = json.dumps(document(allow("ssm:Describe*")))
        boundary = world.client("iam").create_policy(PolicyName=world.name("policy"), PolicyDocument=text)["Policy"]["Arn"]
    with under(world, make_role(world, allow("*"), PermissionsBoundary=boundary)) as caller:
        assert not denied(caller, "ssm", "describe_parameters")
        error = refused(caller, "sqs", "list_queues")
        assert "because no permissions boundary allows the sqs:listqueues action" in (error or {})["Message"]


def test_a_session_policy_narrows(world: World) -> None:
    role = make_role(world, allow(["ssm:*", "sqs:*"]))
    managed = "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"
    for given in ({"Policy": json.dumps(document(allow("ssm:*")))}, {"PolicyArns": [{"arn": managed}]}):
        with under(world, role, **given) as caller:
            assert not denied(caller, "ssm", "describe_parameters")
            error = refused(caller, "sqs", "list_queues")
            assert "because no session policy allows the sqs:listqueues action" in (error or {})["Message"]
    with under(world, role, Policy=json.dumps(document(allow("*")))) as caller:
        assert denied(caller, "sns", "list_topics")


def test_what_fails_while_it_is_judged_is_not_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("with a value")

    monkeypatch.setattr("pulumi_emulator.aws.iam.gate.judge", fail)
    with under(world, make_role(world, allow("*"))) as caller:
        error = refused(caller, "ssm", "describe_parameters")
    assert (error or {})["Code"] == "InternalFailure"
    assert (error or {})["Message"].startswith("the role's permissions were not judged: RuntimeError")


# --- the policies of resources ---


def test_the_policy_of_a_queue_counts(world: World) -> None:
    sqs, role = world.client("sqs"), make_role(world)
    url = sqs.create_queue(QueueName=world.name("q"))["QueueUrl"]
    at = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    with under(world, role) as caller:
        for effect, principal, sends in (("Allow", role, True), ("Allow", ACCOUNT, False), ("Deny", role, False)):
            statement = {"Effect": effect, "Principal": {"AWS": principal}, "Action": "sqs:SendMessage", "Resource": at}
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document(statement))})
            put_policy(world, role, allow("sqs:*" if effect == "Deny" else "ssm:*"))
            assert denied(caller, "sqs", "send_message", QueueUrl=url, MessageBody="m") is not sends
        error = refused(caller, "sqs", "send_message", QueueUrl=url, MessageBody="m")
        assert error
        assert error["Message"].endswith(f"sqs:sendmessage on resource: {at} with an explicit deny in a resource-based policy")
        assert not denied(caller, "sqs", "receive_message", QueueUrl=url)


def test_the_policy_of_a_topic_counts(world: World) -> None:
    """That of a new topic is for what names its account, as services do; a role does not."""
    sns, role = world.client("sns"), make_role(world)
    topic = sns.create_topic(Name=world.name("t"))["TopicArn"]
    with under(world, role) as caller:
        assert denied(caller, "sns", "publish", TopicArn=topic, Message="m")
        statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sns:Publish", "Resource": topic}
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(document(statement)))
        assert not denied(caller, "sns", "publish", TopicArn=topic, Message="m")


def test_the_policy_of_a_key_has_to_say_so(world: World) -> None:
    kms, role = world.client("kms"), make_role(world, allow("kms:Encrypt"))
    key = kms.create_key()["KeyMetadata"]["Arn"]
    given = {"KeyId": key, "Plaintext": b"x"}
    with under(world, role) as caller:
        assert not denied(caller, "kms", "encrypt", **given)  # a new key leaves it to the account's policies
        everything = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document(everything)))
        error = refused(caller, "kms", "encrypt", **given)
        assert "because no resource-based policy allows the kms:Encrypt action" in (error or {})["Message"]
        named = {**everything, "Principal": {"AWS": role}}
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document(named)))
        put_policy(world, role, allow("ssm:*"))
        assert not denied(caller, "kms", "encrypt", **given)


def test_the_policy_of_a_secret_counts(world: World) -> None:
    client, role = world.client("secretsmanager"), make_role(world)
    secret = client.create_secret(Name=world.name("s"), SecretString="x")["ARN"]
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    with under(world, role) as caller:
        assert denied(caller, "secretsmanager", "get_secret_value", SecretId=secret)
        client.put_resource_policy(SecretId=secret, ResourcePolicy=json.dumps(document(statement)))
        assert not denied(caller, "secretsmanager", "get_secret_value", SecretId=secret)


# --- what a request says ---


@pytest.mark.parametrize(
    ("action", "condition", "service", "operation", "good", "bad"),
    [
        ("ssm:*", {"StringEquals": {"aws:RequestedRegion": REGION}}, "ssm", "describe_parameters", {}, {"region": "eu-west-1"}),
        (
            "cloudwatch:*",
            {"StringEquals": {"cloudwatch:namespace": "Own"}},
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "Own", "MetricData": [{"MetricName": "m", "Value": 1}]},
            {"Namespace": "Other", "MetricData": [{"MetricName": "m", "Value": 1}]},
        ),
        (
            "events:*",
            {"StringEquals": {"events:source": "own"}},
            "events",
            "put_events",
            {"Entries": [{"Source": "own", "DetailType": "d", "Detail": "{}"}]},
            {"Entries": [{"Source": source, "DetailType": "d", "Detail": "{}"} for source in ("own", "other")]},
        ),
        (
            "sns:*",
            {"StringEquals": {"sns:Protocol": "sqs"}},
            "sns",
            "subscribe",
            {"TopicArn": arn("sns", "x"), "Protocol": "sqs", "Endpoint": arn("sqs", "q")},
            {"TopicArn": arn("sns", "x"), "Protocol": "email", "Endpoint": "a@example.com"},
        ),
        (
            "ssm:*",
            {"Bool": {"ssm:Overwrite": "false"}},
            "ssm",
            "put_parameter",
            {"Name": "/o", "Value": "1", "Type": "String", "Overwrite": False},
            {"Name": "/o", "Value": "1", "Type": "String", "Overwrite": True},
        ),
        (
            "sqs:*",
            {"StringEquals": {"aws:RequestTag/team": "a"}},
            "sqs",
            "create_queue",
            {"QueueName": "tagged", "tags": {"team": "a"}},
            {"QueueName": "tagged", "tags": {"team": "b"}},
        ),
        (
            "ssm:*",
            {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
            "ssm",
            "put_parameter",
            {"Name": "/p", "Value": "1", "Type": "String", "Tags": [{"Key": "team", "Value": "a"}]},
            {"Name": "/q", "Value": "1", "Type": "String", "Tags": [{"Key": "team", "Value": "a"}, {"Key": "x", "Value": "a"}]},
        ),
    ],
)
def test_conditions_on_the_request(
    world: World,
    action: str,
    condition: dict[str, Any],
    service: str,
    operation: str,
    good: dict[str, Any],
    bad: dict[str, Any],
) -> None:
    with under(world, make_role(world, allow(action, Condition=condition))) as caller:
        assert not denied(caller, service, operation, **good)
        assert denied(caller, service, operation, **bad)


def test_conditions_on_the_caller(world: World) -> None:
    role = make_role(world, Path="/teams/a/", Tags=[{"Key": "team", "Value": "orders"}])
    session = world.name("s")
    known = {
        "aws:PrincipalArn": role,
        "aws:PrincipalAccount": ACCOUNT,
        "aws:PrincipalTag/team": "orders",
        "aws:PrincipalType": "AssumedRole",
    }
    with under(world, role, session=session) as caller:
        for key, value in known.items():
            for wanted in (value, value + "x"):
                put_policy(world, role, allow("ssm:DescribeParameters", Condition={"StringEquals": {key: wanted}}))
                assert denied(caller, "ssm", "describe_parameters") is (wanted != value), key
        put_policy(world, role, allow("ssm:DescribeParameters", Condition={"StringLike": {"aws:userid": f"*:{session}"}}))
        assert not denied(caller, "ssm", "describe_parameters")
        # What a service would send is not there when a role calls itself.
        for key in ("aws:SourceArn", "aws:SourceAccount"):
            put_policy(world, role, allow("ssm:DescribeParameters", Condition={"StringLike": {key: "*"}}))
            assert denied(caller, "ssm", "describe_parameters")
        put_policy(world, role, allow("ssm:*", "arn:aws:ssm:*:*:parameter/${aws:PrincipalTag/team}/*"))
        assert not denied(caller, "ssm", "get_parameter", Name="/orders/a")
        assert denied(caller, "ssm", "get_parameter", Name="/other/a")


def test_the_tags_of_a_cache(world: World) -> None:
    tagged, other = world.group(Tags=[{"Key": "stage", "Value": "prod"}]), world.group()
    statement = allow("elasticache:*", Condition={"StringEquals": {"aws:ResourceTag/Stage": "prod"}})
    with under(world, make_role(world, statement)) as caller:
        assert not denied(caller, "elasticache", "describe_replication_groups", ReplicationGroupId=tagged)
        assert denied(caller, "elasticache", "describe_replication_groups", ReplicationGroupId=other)


def test_a_role_is_passed_only_where_that_is_allowed(world: World) -> None:
    passed = make_role(world, trust=trusting(Service="events.amazonaws.com"))
    given: dict[str, Any] = {"Rule": "r", "Targets": [{"Id": "1", "Arn": arn("states", "stateMachine:s"), "RoleArn": passed}]}
    role = make_role(world)
    with under(world, role) as caller:
        for service, allowed in (("events.amazonaws.com", True), ("lambda.amazonaws.com", False)):
            condition = {"StringEquals": {"iam:PassedToService": service}}
            put_policy(world, role, allow("events:*"), allow("iam:PassRole", passed, Condition=condition))
            assert denied(caller, "events", "put_targets", **given) is not allowed
        put_policy(world, role, allow("events:*"))
        error = refused(caller, "events", "put_targets", **given)
        assert f"iam:PassRole on resource: {passed}" in (error or {})["Message"]


@pytest.mark.parametrize(
    ("statement", "service", "operation", "words"),
    [
        (
            allow("ssm:*", Condition={"BinaryEquals": {"aws:userid": "x"}}),
            "ssm",
            "describe_parameters",
            "a statement of the policy own of the role {}: the condition operator BinaryEquals is not known to the emulator",
        ),
        (
            allow("ssm:*", Sid="Odd", Condition={"StringEquals": {"aws:Strange": "x"}}),
            "ssm",
            "describe_parameters",
            "Odd of the policy own of the role {}: the condition key aws:Strange is not known to the emulator for ssm:",
        ),
        (allow("elasticache:*", Condition={"StringEquals": {"sns:Protocol": "x"}}), "elasticache", "test_failover", None),
        (
            allow("elasticache:*", Condition={"Bool": {"elasticache:MultiAZEnabled": "true"}}),
            "elasticache",
            "modify_replication_group",
            "the condition key elasticache:MultiAZEnabled is not known",
        ),
        (
            allow("sqs:*", Condition={"StringEquals": {"aws:ResourceTag/a": "x"}}),
            "sqs",
            "list_queues",
            "the condition key aws:ResourceTag/a is not known",
        ),
    ],
)
def test_what_the_emulator_does_not_know_it_refuses_by_name(
    world: World, statement: dict[str, Any], service: str, operation: str, words: str | None
) -> None:
    given = {"ReplicationGroupId": "g"} if service == "elasticache" else {}
    given |= {"NodeGroupId": "0001"} if operation == "test_failover" else {}
    role = make_role(world, statement)
    with under(world, role) as caller:
        error = refused(caller, service, operation, **given)
    assert error
    if words is None:  # a key that this action does not have is not there, as with AWS
        assert "because no identity-based policy allows" in error["Message"]
        return
    assert (error["Code"], error["Status"]) == ("NotImplemented", 400)
    assert error["Message"].startswith("the emulator cannot tell whether this is allowed: ")
    assert words.format(role.rpartition("/")[2]) in error["Message"]
