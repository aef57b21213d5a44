"""FailoverAutomation: the Lambda function that follows failovers of ElastiCache, what calls it, and what watches it."""

import json
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.arguments import InvalidArgumentsError
from redis_ha.inputs import as_input_errors, known_now, outputs_of

from .alarms import make_alarms
from .archive import HANDLER, function_archive
from .callers import Callers
from .checks import make_plan
from .later import check_later
from .notify import Teller
from .permissions import client_document, function_document, trust_document
from .plan import Plan
from .settings import FailoverAlarms, FailoverCopies, FailoverFunction, FailoverGroup, FailoverNotify

# docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html: the newest stable one of Python.
RUNTIME = "python3.14"
# docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html: after the first attempt; also AWS's default.
RETRIES = 2
# botocore, sqs 2012-11-05, SetQueueAttributes, MessageRetentionPeriod: the most that a queue keeps, 14 days.
KEPT_SECONDS = 1_209_600


class FailoverAutomationArgs(TypedDict):
    """What a FailoverAutomation is made of. Needed are `region`, `groups`, and a topic for its alarms."""

    region: str
    """AWS region of everything, and of the groups."""
    groups: Mapping[str, FailoverGroup]
    """The replication groups, by id."""
    alarm_topics: NotRequired[Mapping[str, pulumi.Input[str]]]
    """SNS topics of CloudWatch alarms, by a name of your choice: when one rings, the groups that it watches are looked at.
    Default: none."""
    schedule_minutes: NotRequired[int]
    """Minutes between two regular looks at all groups, 1 to 60. Default 5. They also find failovers that nobody told of."""
    cloudtrail: NotRequired[bool]
    """Whether calls that change or delete the groups are acted on and relayed too. Default false. Needs a trail of CloudTrail
    for management events in the region."""
    parameter_path: NotRequired[str]
    """Path of SSM parameters below which the function writes. Default `/redis-ha/<name>/failover`. Nothing else may write
    there. After a change the old documents stay as they are: delete them when no application reads them."""
    event_source: NotRequired[str]
    """Source of the relayed events on the bus. Default `redis-ha`. Must not begin with `aws.`."""
    function_name: NotRequired[str]
    """Name of the Lambda function and of the bus, and the beginning of all other names. Default `<name>-failover`."""
    function: NotRequired[FailoverFunction]
    """How the function runs."""
    alarms: NotRequired[FailoverAlarms]
    """CloudWatch alarms of the automation. Default: all."""
    copies: NotRequired[FailoverCopies]
    """Servers of Consul and Vault that get copies of the documents. Default: none."""
    notify: NotRequired[FailoverNotify]
    """Who is told of the groups' events. Default: nobody but whose rules are on the bus."""
    tags: NotRequired[Mapping[str, str]]
    """More tags of all resources that take some."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace function, bus and dead-letter queue. Default true. Rules of others on the bus
    are lost with it."""


class FailoverAutomation(pulumi.ComponentResource):
    """Follows failovers of replication groups of ElastiCache: from its SNS message to the document that applications read.

    Raw children: `bus`, `dead_letters`, `log_group`, `role`, `function`, `subscriptions` (by topic), `rules` (`schedule`,
    `calls`), `told` (rules, targets, topic, connections, destinations), `alarms`.
    """

    function_arn: pulumi.Output[str]
    """ARN of the Lambda function."""
    role_arn: pulumi.Output[str]
    """ARN of the function's role."""
    event_bus_name: pulumi.Output[str]
    """Name of the bus that events are relayed to."""
    event_bus_arn: pulumi.Output[str]
    """ARN of that bus."""
    dead_letter_queue_url: pulumi.Output[str]
    """URL of the SQS queue with what could not be worked on or delivered."""
    dead_letter_queue_arn: pulumi.Output[str]
    """ARN of that queue."""
    email_topic_arn: pulumi.Output[str]
    """ARN of the SNS topic that sends mail; empty without `notify.emails`."""
    alarm_names: pulumi.Output[list[str]]
    """Names of the CloudWatch alarms."""
    parameter_names: pulumi.Output[dict[str, str]]
    """Name of the SSM parameter with each group's document. What is in it is the function's, and is never read here."""
    connections: pulumi.Output[dict[str, Any]]
    """How an application finds each group: a connection of kind `ssm`, with region and parameter. Not secret."""
    client_policies: pulumi.Output[dict[str, str]]
    """IAM policy (JSON) for the applications of each group: reading its document."""

    def __init__(self, name: str, args: FailoverAutomationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make it. Raises pulumi.InputPropertiesError, before anything is registered, when arguments are wrong."""
        plan = checked_plan(name, args)
        super().__init__("redis-ha:index:FailoverAutomation", name, {}, opts)
        check_later(plan)
        place = self._place = Place(name, plan.region, dict(plan.tags), self._child)
        self._plan = plan
        self.bus = aws.cloudwatch.EventBus(
            f"{name}-bus",
            name=plan.function_name,
            description=f"Events of ElastiCache, as {plan.function_name} relays them",
            region=plan.region,
            tags=place.tags,
            opts=self._child(protect=plan.protect),
        )
        self.dead_letters = aws.sqs.Queue(
            f"{name}-dead-letters",
            name=f"{plan.function_name}-dead-letters",
            message_retention_seconds=KEPT_SECONDS,
            # By SQS's own key: topics and rules can write without a permission on a key (sns-dead-letter-queues).
            sqs_managed_sse_enabled=True,
            region=plan.region,
            tags=place.tags,
            opts=self._child(protect=plan.protect),
        )
        self.log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            # Lambda's own name for it: made before, so that Lambda makes none that is kept for ever.
            name=f"/aws/lambda/{plan.function_name}",
            retention_in_days=plan.log_retention_days,
            region=plan.region,
            tags=place.tags,
            opts=self._child(),
        )
        self.function = self._make_function()
        self.told = Teller(place, plan, self.bus, self.dead_letters).make()
        callers = Callers(place, plan, self.function, self.dead_letters)
        self.rules = callers.rules()
        self.subscriptions = callers.subscriptions([*self.rules.values(), *self.told.rules.values()])
        topics = plan.alarm_topics or ([] if self.told.topic is None else [self.told.topic.arn])
        self.alarms = make_alarms(place, plan, self.function, self.dead_letters, topics)
        self._make_outputs()

    @staticmethod
    def check(name: str, args: FailoverAutomationArgs) -> Plan:
        """Check arguments, and make nothing; return what follows from them. Raises what making it would raise."""
        return checked_plan(name, args)

    def _child(self, **options: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **options)

    def _make_function(self) -> aws.lambda_.Function:
        plan, place = self._plan, self._place
        self.role = aws.iam.Role(
            f"{place.name}-role",
            # IAM is global: the region keeps two of one name apart.
            name=f"{plan.function_name}-{plan.region}",
            description=f"What the function {plan.function_name} may do",
            assume_role_policy=json.dumps(trust_document("lambda.amazonaws.com")),
            tags=place.tags,
            opts=self._child(),
        )
        secrets = [server.secret_arn for server in plan.servers]
        known = pulumi.Output.all(self.bus.arn, self.log_group.arn, self.dead_letters.arn, *secrets)
        policy = aws.iam.RolePolicy(
            f"{place.name}-role-policy",
            name="failover",
            role=self.role.name,
            policy=known.apply(
                lambda arns: json.dumps(
                    function_document(
                        arns[0],
                        arns[1],
                        arns[2],
                        plan.groups,
                        plan.parameter_path,
                        arns[3:],
                        tracing=plan.tracing,
                        in_a_vpc=bool(plan.subnet_ids),
                    )
                )
            ),
            opts=self._child(),
        )
        function = aws.lambda_.Function(
            f"{place.name}-function",
            name=plan.function_name,
            description="Writes the endpoint documents of replication groups, and relays their events",
            role=self.role.arn,
            runtime=RUNTIME,
            handler=HANDLER,
            code=function_archive(),
            architectures=["arm64"],
            timeout=plan.timeout_seconds,
            memory_size=plan.memory_mb,
            reserved_concurrent_executions=plan.reserved_concurrency,
            environment={"variables": {**plan.environment, "EVENT_BUS": self.bus.name}},
            # PassThrough is AWS's default (botocore, lambda 2015-03-31, TracingMode).
            tracing_config={"mode": "Active" if plan.tracing else "PassThrough"},
            vpc_config=(
                {"subnet_ids": plan.subnet_ids, "security_group_ids": plan.security_group_ids} if plan.subnet_ids else None
            ),
            region=plan.region,
            tags=place.tags,
            opts=self._child(depends_on=[self.log_group, policy], protect=plan.protect),
        )
        # An on-failure destination and not a DeadLetterConfig: it also says why (invocation-async-retain-records).
        aws.lambda_.FunctionEventInvokeConfig(
            f"{place.name}-attempts",
            function_name=function.name,
            maximum_retry_attempts=RETRIES,
            maximum_event_age_in_seconds=plan.max_event_age_seconds,
            destination_config={"on_failure": {"destination": self.dead_letters.arn}},
            region=plan.region,
            opts=self._child(depends_on=[policy]),
        )
        return function

    def _make_outputs(self) -> None:
        plan, topic = self._plan, self.told.topic
        self.function_arn, self.role_arn = self.function.arn, self.role.arn
        self.event_bus_name, self.event_bus_arn = self.bus.name, self.bus.arn
        self.dead_letter_queue_url, self.dead_letter_queue_arn = self.dead_letters.url, self.dead_letters.arn
        self.email_topic_arn = pulumi.Output.from_input("") if topic is None else topic.arn
        self.alarm_names = pulumi.Output.all(*(alarm.name for alarm in self.alarms.values())).apply(sorted)
        self.parameter_names = pulumi.Output.from_input(plan.parameter_names)
        self.connections = pulumi.Output.from_input({group: plan.connection(group) for group in plan.groups})
        self.client_policies = self.bus.arn.apply(
            lambda arn: {group: json.dumps(client_document(arn, name)) for group, name in plan.parameter_names.items()}
        )
        self.register_outputs(outputs_of(self))


def checked_plan(name: str, args: Mapping[str, Any]) -> Plan:
    """Check the plain arguments. Raises pulumi.InputPropertiesError with all that is wrong with them."""
    what = f"FailoverAutomation {name!r}"
    with as_input_errors():
        known_now(what, args, FailoverAutomationArgs)
        plan, checks = make_plan(name, args, tuple(FailoverAutomationArgs.__annotations__))
        if checks.problems:
            raise InvalidArgumentsError(what, checks.problems)
    return plan
