"""CloudWatch: alarms, dashboards and log groups."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, tags_of
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.tagging import CLOUDWATCH, LOGS
from pulumi_emulator.handlers.aws.translation import Call, Each, Pairs, Request, Target, Through, Within
from pulumi_emulator.handlers.base import Properties

ALARM: dict[str, Target] = {
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "datapointsToAlarm": "DatapointsToAlarm",
    "dimensions": Pairs("Dimensions", "Name", "Value"),
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
    "evaluationCriteria": Within(
        "EvaluationCriteria",
        {
            "promqlCriteria": Within(
                "PromQLCriteria",
                {"pendingPeriod": "PendingPeriod", "query": "Query", "recoveryPeriod": "RecoveryPeriod"},
            )
        },
    ),
    "evaluationInterval": "EvaluationInterval",
    "evaluationPeriods": "EvaluationPeriods",
    "evaluationWindow": Within("EvaluationWindow", {"wallClockWindow": Within("WallClockWindow", {"timezone": "Timezone"})}),
    "extendedStatistic": "ExtendedStatistic",
    "insufficientDataActions": "InsufficientDataActions",
    "metricName": "MetricName",
    "metricQueries": Each(
        "Metrics",
        {
            "accountId": "AccountId",
            "expression": "Expression",
            "id": "Id",
            "label": "Label",
            "metric": Within(
                "MetricStat",
                {
                    "dimensions": Pairs("Metric.Dimensions", "Name", "Value"),
                    "metricName": "Metric.MetricName",
                    "namespace": "Metric.Namespace",
                    "period": "Period",
                    "stat": "Stat",
                    "unit": "Unit",
                },
            ),
            "period": "Period",
            "returnData": "ReturnData",
        },
    ),
    "name": "AlarmName",
    "namespace": "Namespace",
    "okActions": "OKActions",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "thresholdMetricId": "ThresholdMetricId",
    "treatMissingData": "TreatMissingData",
    "unit": "Unit",
    "warmUpConfiguration": Within(
        "WarmUpConfiguration",
        {
            "onlyStartEvaluatingAfterWarmUpPeriodEnds": "OnlyStartEvaluatingAfterWarmUpPeriodEnds",
            "warmUpPeriodDurationInMinutes": "WarmUpPeriodDurationInMinutes",
        },
    ),
}


class MetricAlarm(AwsHandler):
    """An alarm on a metric or an expression. Putting it again changes it."""

    token = "aws:cloudwatch/metricAlarm:MetricAlarm"  # noqa: S105 - a type token
    creation = Call("cloudwatch", "PutMetricAlarm", {**ALARM, TAGS_ALL: Pairs("Tags")})
    provider_only = EVERYWHERE

    @override
    def first_request(self, inputs: Properties) -> Request:
        return self.creation.request(_without_empty(inputs))

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["AlarmName"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        found = aws.ask("cloudwatch", "DescribeAlarms", AlarmNames=[resource_id], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
        return found[0] if found else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        properties = {
            "arn": found["AlarmArn"],
            "name": found["AlarmName"],
            "actionsEnabled": found.get("ActionsEnabled"),
            "alarmActions": found.get("AlarmActions"),
            "alarmDescription": found.get("AlarmDescription"),
            "comparisonOperator": found.get("ComparisonOperator"),
            "datapointsToAlarm": found.get("DatapointsToAlarm"),
            "dimensions": {item["Name"]: item["Value"] for item in found.get("Dimensions") or []},
            "evaluateLowSampleCountPercentiles": found.get("EvaluateLowSampleCountPercentile"),
            "evaluationPeriods": found.get("EvaluationPeriods"),
            "extendedStatistic": found.get("ExtendedStatistic"),
            "insufficientDataActions": found.get("InsufficientDataActions"),
            "metricName": found.get("MetricName"),
            "metricQueries": [_query(item) for item in found.get("Metrics") or []],
            "namespace": found.get("Namespace"),
            "okActions": found.get("OKActions"),
            "period": found.get("Period"),
            "statistic": found.get("Statistic"),
            "threshold": found.get("Threshold"),
            "thresholdMetricId": found.get("ThresholdMetricId"),
            "treatMissingData": found.get("TreatMissingData"),
            "unit": found.get("Unit"),
        }
        tags = tags_of(aws.ask("cloudwatch", "ListTagsForResource", ResourceARN=found["AlarmArn"]).get("Tags"))
        return {**{name: value for name, value in properties.items() if value not in (None, "", [], {})}, TAGS_ALL: tags}

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if set(changed) - {TAGS_ALL}:
            values = {name: value for name, value in inputs.items() if name != TAGS_ALL}
            requests.append(self.creation.request(_without_empty(values)))
        if TAGS_ALL in changed:
            requests += CLOUDWATCH.changes(str(state["arn"]), state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("cloudwatch", "DeleteAlarms", {"AlarmNames": [resource_id]})]


def _without_empty(inputs: Properties) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if value not in ("", [], {})}


def _query(item: dict[str, Any]) -> dict[str, Any]:
    stat = item.get("MetricStat") or {}
    metric = stat.get("Metric") or {}
    inner = {
        "metricName": metric.get("MetricName"),
        "namespace": metric.get("Namespace"),
        "dimensions": {pair["Name"]: pair["Value"] for pair in metric.get("Dimensions") or []},
        "period": stat.get("Period"),
        "stat": stat.get("Stat"),
        "unit": stat.get("Unit"),
    }
    made = {
        "id": item["Id"],
        "accountId": item.get("AccountId"),
        "expression": item.get("Expression"),
        "label": item.get("Label"),
        "metric": {name: value for name, value in inner.items() if value not in (None, "", {})} if stat else None,
        "period": item.get("Period"),
        "returnData": item.get("ReturnData"),
    }
    return {name: value for name, value in made.items() if value not in (None, "")}


class Dashboard(AwsHandler):
    """A page of widgets."""

    token = "aws:cloudwatch/dashboard:Dashboard"  # noqa: S105 - a type token
    creation = Call("cloudwatch", "PutDashboard", {"dashboardBody": "DashboardBody", "dashboardName": "DashboardName"})
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["DashboardName"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return aws.find("cloudwatch", "GetDashboard", DashboardName=resource_id)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return {
            "dashboardArn": found["DashboardArn"],
            "dashboardName": found["DashboardName"],
            "dashboardBody": found["DashboardBody"],
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        return [self.creation.request(inputs)] if "dashboardBody" in changed else []

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("cloudwatch", "DeleteDashboards", {"DashboardNames": [resource_id]})]


class LogGroup(AwsHandler):
    """Where logs go."""

    token = "aws:cloudwatch/logGroup:LogGroup"  # noqa: S105 - a type token
    deletion_protection = "deletionProtectionEnabled"
    creation = Call(
        "logs",
        "CreateLogGroup",
        {
            "deletionProtectionEnabled": "deletionProtectionEnabled",
            "kmsKeyId": "kmsKeyId",
            "logGroupClass": "logGroupClass",
            "name": "logGroupName",
            "namePrefix": Through("logGroupName", prefixed),
            TAGS_ALL: "tags",
        },
    )
    provider_only: ClassVar = {**EVERYWHERE, "skipDestroy": "whether the provider leaves the group when it is destroyed"}

    @override
    def first_request(self, inputs: Properties) -> Request:
        # Without protection nothing is said about it.
        values = {name: value for name, value in inputs.items() if value not in (False, {})}
        return self.creation.request(values)

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        return self._retention(resource_id, inputs) if inputs.get("retentionInDays") else []

    @staticmethod
    def _retention(resource_id: str, inputs: Properties) -> list[Request]:
        days = int(inputs.get("retentionInDays") or 0)
        if days == 0:
            return [Request("logs", "DeleteRetentionPolicy", {"logGroupName": resource_id})]
        return [Request("logs", "PutRetentionPolicy", {"logGroupName": resource_id, "retentionInDays": days})]

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["logGroupName"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        groups = aws.ask("logs", "DescribeLogGroups", logGroupNamePrefix=resource_id)["logGroups"]
        return next((group for group in groups if group["logGroupName"] == resource_id), None)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        # The provider's ARN has no ":*" at its end.
        arn = str(found["arn"]).removesuffix(":*")
        return {
            "arn": arn,
            "name": found["logGroupName"],
            "retentionInDays": found.get("retentionInDays", 0),
            "kmsKeyId": found.get("kmsKeyId", ""),
            "logGroupClass": found.get("logGroupClass") or "STANDARD",
            TAGS_ALL: dict(aws.ask("logs", "ListTagsForResource", resourceArn=arn).get("tags") or {}),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = self._retention(resource_id, inputs) if "retentionInDays" in changed else []
        if "kmsKeyId" in changed:
            if inputs.get("kmsKeyId"):
                wanted = {"logGroupName": resource_id, "kmsKeyId": inputs["kmsKeyId"]}
                requests.append(Request("logs", "AssociateKmsKey", wanted))
            else:
                requests.append(Request("logs", "DisassociateKmsKey", {"logGroupName": resource_id}))
        if "deletionProtectionEnabled" in changed:
            wanted = {
                "logGroupIdentifier": resource_id,
                "deletionProtectionEnabled": bool(inputs.get("deletionProtectionEnabled")),
            }
            requests.append(Request("logs", "PutLogGroupDeletionProtection", wanted))
        if TAGS_ALL in changed:
            requests += LOGS.changes(str(state["arn"]), state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [] if state.get("skipDestroy") else [Request("logs", "DeleteLogGroup", {"logGroupName": resource_id})]
