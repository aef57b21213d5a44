"""Which permissions a request needs, as a table: IAM's action, and the ARN of every resource that it names.

docs.aws.amazon.com/service-authorization/latest/reference, a page for each service. Requests are made by botocore itself, so
they are read as they are sent.
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from pulumi_emulator.aws import coverage
from pulumi_emulator.aws.iam import asked, grants, reference
from tests.support.aws_roles import make_role
from tests.support.aws_world import REGION, World

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def session() -> Any:
    return botocore.session.get_session()


def requested(session: Any, service: str, operation: str, given: dict[str, Any]) -> asked.Asked:
    """Let botocore make a request, and read it."""
    client = session.create_client(
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        aws_session_token="c",
    )
    sent: list[Any] = []

    def keep(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 500, HTTPHeaders(), io.BytesIO(b""))

    client.meta.events.register("before-send", keep)
    client.meta.config.retries = {"max_attempts": 0}
    with pytest.raises(Exception, match=r"."):
        getattr(client, operation)(**given)
    request, address = sent[0], urlsplit(sent[0].url)
    environ = {f"HTTP_{name.upper().replace('-', '_')}": _text(value) for name, value in request.headers.items()}
    environ |= {"REQUEST_METHOD": request.method, "PATH_INFO": address.path, "QUERY_STRING": address.query}
    environ |= {"SERVER_NAME": "127.0.0.1", "SERVER_PORT": "1", "wsgi.url_scheme": "http", "RAW_URI": address.path}
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    environ["CONTENT_LENGTH"] = str(len(body))
    client.close()
    return asked.read(environ, body, client.meta.service_model.signing_name, REGION)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def needs(session: Any, service: str, operation: str, **given: Any) -> list[tuple[str, str]]:
    found = grants.wanted(requested(session, service, operation, given))
    return [(one.need.action, one.need.resource) for one in found]


def arn(service: str, name: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{name}"


def parameter(name: str) -> str:
    return arn("ssm", f"parameter/{name}")


def group(name: str) -> str:
    return arn("elasticache", f"replicationgroup:{name}")


LISTENER = arn("elasticloadbalancing", "listener/app/lb/50dc6c495c0c9188/f2f7dc8efc522ab2")
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:repair"
TARGETS = arn("elasticloadbalancing", "targetgroup/blue/73e2d6bc24d8a067")
CASES: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = [
    # ElastiCache. Ids are kept in lower case. Without an id, or for what has no resource, any.
    ("elasticache", "describe_replication_groups", {"ReplicationGroupId": "Orders"}, [("", group("orders"))]),
    ("elasticache", "describe_replication_groups", {}, [("", group("*"))]),
    (
        "elasticache",
        "describe_serverless_caches",
        {"ServerlessCacheName": "Orders"},
        [("", arn("elasticache", "serverlesscache:orders"))],
    ),
    ("elasticache", "describe_events", {"SourceIdentifier": "orders", "SourceType": "replication-group"}, [("", "*")]),
    ("elasticache", "describe_cache_clusters", {"CacheClusterId": "o-001"}, [("", arn("elasticache", "cluster:o-001"))]),
    ("elasticache", "test_failover", {"ReplicationGroupId": "orders", "NodeGroupId": "0001"}, [("", group("orders"))]),
    ("elasticache", "list_tags_for_resource", {"ResourceName": group("orders")}, [("", group("orders"))]),
    (
        "elasticache",
        "failover_global_replication_group",
        {"GlobalReplicationGroupId": "g", "PrimaryRegion": "eu-west-1", "PrimaryReplicationGroupId": "orders"},
        [("", arn("elasticache", "globalreplicationgroup:g", ""))],
    ),
    (
        "elasticache",
        "create_user_group",
        {"UserGroupId": "all", "Engine": "valkey", "UserIds": ["b", "a"]},
        [("", arn("elasticache", f"{kind}:{name}")) for kind, name in (("user", "a"), ("user", "b"), ("usergroup", "all"))],
    ),
    # Systems Manager: every name; a path as it is sent; a version or label is no part of the name.
    ("ssm", "get_parameter", {"Name": "/app/endpoints:3"}, [("", parameter("app/endpoints"))]),
    ("ssm", "get_parameter", {"Name": "plain"}, [("", parameter("plain"))]),
    ("ssm", "get_parameter", {"Name": parameter("app/x")}, [("", parameter("app/x"))]),
    ("ssm", "get_parameters", {"Names": ["/b", "/a"]}, [("", parameter("a")), ("", parameter("b"))]),
    ("ssm", "get_parameters_by_path", {"Path": "/app/"}, [("", parameter("app/"))]),
    ("ssm", "put_parameter", {"Name": "/a", "Value": "1", "Type": "String"}, [("", parameter("a"))]),
    ("ssm", "delete_parameters", {"Names": ["/a"]}, [("", parameter("a"))]),
    ("ssm", "describe_parameters", {}, [("", "*")]),
    (
        "ssm",
        "add_tags_to_resource",
        {"ResourceType": "Parameter", "ResourceId": "/a", "Tags": [{"Key": "k", "Value": "v"}]},
        [("", parameter("a"))],
    ),
    # EventBridge: each event's own bus.
    (
        "events",
        "put_events",
        {"Entries": [{"EventBusName": "b", "Source": "s"}, {"Source": "s"}, {"EventBusName": arn("events", "event-bus/c")}]},
        [("", arn("events", f"event-bus/{name}")) for name in ("b", "default", "c")],
    ),
    ("events", "create_event_bus", {"Name": "b"}, [("", arn("events", "event-bus/b"))]),
    ("events", "put_rule", {"Name": "r", "EventPattern": "{}"}, [("", arn("events", "rule/r"))]),
    ("events", "put_rule", {"Name": "r", "EventBusName": "b", "EventPattern": "{}"}, [("", arn("events", "rule/b/r"))]),
    (
        "events",
        "put_targets",
        {"Rule": "r", "Targets": [{"Id": "1", "Arn": arn("states", "stateMachine:s"), "RoleArn": "arn:aws:iam::1:role/x"}]},
        [("", arn("events", "rule/r")), ("iam:PassRole", "arn:aws:iam::1:role/x")],
    ),
    ("events", "tag_resource", {"ResourceARN": arn("events", "rule/r"), "Tags": []}, [("", arn("events", "rule/r"))]),
    # SNS and SQS: batches are the action itself.
    ("sns", "publish", {"TopicArn": arn("sns", "t"), "Message": "m"}, [("", arn("sns", "t"))]),
    ("sns", "publish", {"PhoneNumber": "+491234", "Message": "m"}, [("", arn("sns", "+491234"))]),
    ("sns", "create_topic", {"Name": "t"}, [("", arn("sns", "t"))]),
    (
        "sns",
        "subscribe",
        {"TopicArn": arn("sns", "t"), "Protocol": "sqs", "Endpoint": arn("sqs", "q")},
        [("", arn("sns", "t"))],
    ),
    ("sns", "unsubscribe", {"SubscriptionArn": arn("sns", "t:6b0e71bd")}, [("", arn("sns", "t"))]),
    ("sns", "list_topics", {}, [("", "*")]),
    (
        "sns",
        "publish_batch",
        {"TopicArn": arn("sns", "t"), "PublishBatchRequestEntries": [{"Id": "1", "Message": "m"}]},
        [("sns:Publish", arn("sns", "t"))],
    ),
    ("sqs", "send_message", {"QueueUrl": "http://127.0.0.1:1/123456789012/q", "MessageBody": "m"}, [("", arn("sqs", "q"))]),
    ("sqs", "create_queue", {"QueueName": "q"}, [("", arn("sqs", "q"))]),
    ("sqs", "list_queues", {}, [("", "*")]),
    (
        "sqs",
        "delete_message_batch",
        {"QueueUrl": "http://127.0.0.1:1/123456789012/q", "Entries": [{"Id": "1", "ReceiptHandle": "h"}]},
        [("sqs:DeleteMessage", arn("sqs", "q"))],
    ),
    # CloudWatch and its Logs.
    ("cloudwatch", "put_metric_data", {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1}]}, [("", "*")]),
    ("cloudwatch", "get_metric_data", {"MetricDataQueries": [], "StartTime": 0, "EndTime": 1}, [("", "*")]),
    ("cloudwatch", "describe_alarms", {"AlarmNames": ["a"]}, [("", arn("cloudwatch", "alarm:a"))]),
    ("cloudwatch", "describe_alarms", {}, [("", arn("cloudwatch", "alarm:*"))]),
    ("cloudwatch", "get_dashboard", {"DashboardName": "d"}, [("", arn("cloudwatch", "dashboard/d", ""))]),
    ("logs", "create_log_group", {"logGroupName": "/g"}, [("", arn("logs", "log-group:/g:log-stream:"))]),
    (
        "logs",
        "create_log_stream",
        {"logGroupName": "/g", "logStreamName": "s"},
        [("", arn("logs", "log-group:/g:log-stream:s"))],
    ),
    (
        "logs",
        "put_log_events",
        {"logGroupName": "/g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "m"}]},
        [("", arn("logs", "log-group:/g:log-stream:s"))],
    ),
    (
        "logs",
        "tag_resource",
        {"resourceArn": arn("logs", "log-group:/g"), "tags": {"a": "b"}},
        [("", arn("logs", "log-group:/g"))],
    ),
    # Lambda: a name in each of its forms; an invoked version is its own resource; a role is passed.
    ("lambda", "invoke", {"FunctionName": "f"}, [("lambda:InvokeFunction", arn("lambda", "function:f"))]),
    (
        "lambda",
        "invoke",
        {"FunctionName": "f", "Qualifier": "live"},
        [("lambda:InvokeFunction", arn("lambda", "function:f:live"))],
    ),
    ("lambda", "invoke", {"FunctionName": "f:1"}, [("lambda:InvokeFunction", arn("lambda", "function:f:1"))]),
    ("lambda", "get_function", {"FunctionName": f"{ACCOUNT}:function:f"}, [("", arn("lambda", "function:f"))]),
    ("lambda", "get_function", {"FunctionName": arn("lambda", "function:f")}, [("", arn("lambda", "function:f"))]),
    ("lambda", "list_functions", {}, [("", "*")]),
    (
        "lambda",
        "create_function",
        {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {"ZipFile": b"z"}},
        [("", arn("lambda", "function:f")), ("iam:PassRole", "arn:aws:iam::123456789012:role/r")],
    ),
    (
        "lambda",
        "update_function_configuration",
        {"FunctionName": "f", "Timeout": 3},
        [("", arn("lambda", "function:f"))],
    ),
    # Route 53 has neither Region nor account in its ARNs.
    (
        "route53",
        "list_resource_record_sets",
        {"HostedZoneId": "/hostedzone/Z1"},
        [("", arn("route53", "hostedzone/Z1", "", ""))],
    ),
    ("route53", "get_change", {"Id": "/change/C1"}, [("", arn("route53", "change/C1", "", ""))]),
    ("route53", "get_health_check", {"HealthCheckId": "h"}, [("", arn("route53", "healthcheck/h", "", ""))]),
    ("route53", "list_hosted_zones", {}, [("", "*")]),
    (
        "route53",
        "change_tags_for_resource",
        {"ResourceType": "healthcheck", "ResourceId": "h", "AddTags": [{"Key": "a", "Value": "b"}]},
        [("", arn("route53", "healthcheck/h", "", ""))],
    ),
    # Load balancers: what describes has no resource.
    ("elbv2", "describe_listeners", {"ListenerArns": [LISTENER]}, [("", "*")]),
    (
        "elbv2",
        "modify_listener",
        {"ListenerArn": LISTENER, "DefaultActions": [{"Type": "forward", "TargetGroupArn": TARGETS}]},
        [("", LISTENER)],
    ),
    ("elbv2", "register_targets", {"TargetGroupArn": TARGETS, "Targets": [{"Id": "i-1"}]}, [("", TARGETS)]),
    ("elbv2", "add_tags", {"ResourceArns": [TARGETS], "Tags": [{"Key": "a"}]}, [("", TARGETS)]),
    # KMS, STS, IAM, FIS, Application Auto Scaling.
    ("kms", "describe_key", {"KeyId": "1234"}, [("", arn("kms", "key/1234"))]),
    ("kms", "list_keys", {}, [("", "*")]),
    (
        "kms",
        "re_encrypt",
        {"CiphertextBlob": b"x", "SourceKeyId": "1", "DestinationKeyId": "2"},
        [("kms:ReEncryptFrom", arn("kms", "key/1")), ("kms:ReEncryptTo", arn("kms", "key/2"))],
    ),
    ("sts", "get_caller_identity", {}, []),
    (
        "iam",
        "create_role",
        {"RoleName": "r", "Path": "/a/", "AssumeRolePolicyDocument": "{}"},
        [("", arn("iam", "role/a/r", ""))],
    ),
    ("iam", "list_roles", {}, [("", "*")]),
    (
        "fis",
        "start_experiment",
        {"experimentTemplateId": "EXT1"},
        [("", arn("fis", "experiment/*")), ("", arn("fis", "experiment-template/EXT1"))],
    ),
    ("fis", "stop_experiment", {"id": "EXP1"}, [("", arn("fis", "experiment/EXP1"))]),
    (
        "application-autoscaling",
        "register_scalable_target",
        {
            "ServiceNamespace": "elasticache",
            "ResourceId": "replication-group/orders",
            "ScalableDimension": "elasticache:replication-group:NodeGroups",
            "RoleARN": "arn:aws:iam::123456789012:role/scale",
        },
        [("", arn("application-autoscaling", "scalable-target/*")), ("iam:PassRole", "arn:aws:iam::123456789012:role/scale")],
    ),
    ("stepfunctions", "start_execution", {"stateMachineArn": MACHINE, "input": "{}"}, [("", MACHINE)]),
    ("stepfunctions", "list_state_machines", {}, [("", "*")]),
    # Another service: its action on anything.
    ("s3", "list_buckets", {}, [("s3:ListBuckets", "*")]),
    ("ec2", "describe_vpcs", {}, [("ec2:DescribeVpcs", "*")]),
]


@pytest.mark.parametrize(
    ("service", "operation", "given", "expected"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
@pytest.mark.usefixtures("world")
def test_what_a_request_needs(
    session: Any, service: str, operation: str, given: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    prefix = {"elbv2": "elasticloadbalancing", "stepfunctions": "states"}.get(service, service)
    name = "".join(part.capitalize() for part in operation.split("_"))
    assert needs(session, service, operation, **given) == [(action or f"{prefix}:{name}", at) for action, at in expected]


def test_names_that_the_account_knows(session: Any, world: World) -> None:
    alias, name = f"alias/{world.name('app')}", world.name("password")
    kms, secrets = world.client("kms"), world.client("secretsmanager")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    encrypted = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    for given in ({"KeyId": alias}, {"KeyId": arn("kms", alias)}, {"KeyId": key["KeyId"]}, {"KeyId": key["Arn"]}):
        assert needs(session, "kms", "describe_key", **given) == [("kms:DescribeKey", key["Arn"])]
    assert needs(session, "kms", "decrypt", CiphertextBlob=encrypted) == [("kms:Decrypt", key["Arn"])]
    assert needs(session, "kms", "update_alias", AliasName=alias, TargetKeyId=key["KeyId"]) == [
        ("kms:UpdateAlias", arn("kms", alias)),
        ("kms:UpdateAlias", key["Arn"]),
    ]
    secret = secrets.create_secret(Name=name, SecretString="x")["ARN"]
    for known in (name, secret):
        assert needs(session, "secretsmanager", "get_secret_value", SecretId=known) == [
            ("secretsmanager:GetSecretValue", secret)
        ]
    missing = needs(session, "secretsmanager", "get_secret_value", SecretId="other")
    assert missing == [("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:other"))]
    role = make_role(world, Path="/teams/a/")
    assert needs(session, "iam", "get_role", RoleName=role.rpartition("/")[2]) == [("iam:GetRole", role)]


def test_the_reference_knows_every_operation_that_is_answered() -> None:
    """A name that it does not have would be asked for on "*"."""
    prefixes = {"elbv2": "elasticloadbalancing"}
    unknown = [
        f"{prefix}:{name}"
        for row in coverage.coverage()
        if (prefix := prefixes.get(row.service, row.service)) in grants.SERVICES
        for operation in (*row.own, *row.moto)
        for name in grants.ACTIONS.get((row.service, operation), (operation,))
        if reference.action(prefix, name) is None and operation != "ReEncrypt"
    ]
    # Newer in botocore than the reference.
    assert unknown == [f"route53:{verb}ResourceRecordSetProtections" for verb in ("Create", "Delete", "List")]


def test_an_operation_that_cannot_be_told_is_an_error() -> None:
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "1"}
    environ |= {
        "wsgi.url_scheme": "http",
        "CONTENT_TYPE": "application/x-amz-json-1.1",
        "HTTP_X_AMZ_TARGET": "AmazonSSM.Nothing",
    }
    with pytest.raises(asked.UnreadableError, match="no operation of ssm is asked for at POST /"):
        asked.read(environ, b"{}", "ssm", REGION)
    environ["HTTP_X_AMZ_TARGET"] = "AmazonSSM.GetParameters"
    for body in (b'["a"]', b'{"Names": 1}'):
        with pytest.raises(asked.UnreadableError, match="the input of GetParameters cannot be read"):
            asked.read(environ, body, "ssm", REGION)
    with pytest.raises(asked.UnreadableError, match="Unsupported protocol"):
        asked.read({**environ, "CONTENT_TYPE": "application/x-www-form-urlencoded"}, b"", "ssm", REGION)
    with pytest.raises(asked.UnreadableError, match="no service is called nothing"):
        asked.read(environ, b"{}", "nothing", REGION)
