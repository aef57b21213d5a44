"""Elastic Load Balancing: a listener's rules.

What the provider sends, and when: hashicorp/terraform-provider-aws internal/service/elbv2/listener_rule.go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler
from pulumi_emulator.handlers.aws.listeners import ACTION, actions_found, check_actions, completed
from pulumi_emulator.handlers.aws.load_balancing import SERVICE, TAGS, described, tag_changes, tags_found
from pulumi_emulator.handlers.aws.translation import Call, Each, Request, Target, Through
from pulumi_emulator.handlers.base import Properties
from pulumi_emulator.rules import Failure

# Each kind of condition: the API's field, its block, and the block's members.
VALUES: Final = {"regexValues": "RegexValues", "values": "Values"}
CONDITIONS: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    "hostHeader": ("host-header", "HostHeaderConfig", VALUES),
    "httpHeader": ("http-header", "HttpHeaderConfig", {**VALUES, "httpHeaderName": "HttpHeaderName"}),
    "httpRequestMethod": ("http-request-method", "HttpRequestMethodConfig", {"values": "Values"}),
    "pathPattern": ("path-pattern", "PathPatternConfig", VALUES),
    "sourceIp": ("source-ip", "SourceIpConfig", {"ipAddressType": "IpAddressType", "values": "Values"}),
}
QUERY: Final = ("query-string", "QueryStringConfig")
REWRITES: Final = {"hostHeaderRewriteConfig": "HostHeaderRewriteConfig", "urlRewriteConfig": "UrlRewriteConfig"}
HIGHEST: Final = 50_000  # listener_rule.go: listenerRulePriorityMax


def conditions_sent(conditions: Any) -> list[dict[str, Any]]:
    """Return conditions as the API wants them: one for each block."""
    made = []
    for condition in conditions or []:
        for name, (field, block, members) in CONDITIONS.items():
            given = condition.get(name)
            if given:
                made.append(
                    {"Field": field, block: {api: given[member] for member, api in members.items() if given.get(member)}}
                )
        if condition.get("queryStrings"):
            pairs = [
                {key.capitalize(): pair[key] for key in ("key", "value") if pair.get(key)} for pair in condition["queryStrings"]
            ]
            made.append({"Field": QUERY[0], QUERY[1]: {"Values": pairs}})
    return made


def conditions_found(found: Any) -> list[dict[str, Any]]:
    """Return the API's conditions with the properties' names."""
    made: list[dict[str, Any]] = []
    for condition in found or []:
        for name, (field, block, members) in CONDITIONS.items():
            if condition.get("Field") == field:
                config = condition.get(block) or {}
                made.append({name: {member: config[api] for member, api in members.items() if config.get(api)}})
        if condition.get("Field") == QUERY[0]:
            pairs = (condition.get(QUERY[1]) or {}).get("Values") or []
            made.append({"queryStrings": [{key.lower(): text for key, text in pair.items()} for pair in pairs]})
    return made


def transforms_sent(transforms: Any) -> list[dict[str, Any]]:
    """Return transforms as the API wants them."""
    made = []
    for transform in transforms or []:
        blocks = {
            api: {
                "Rewrites": [{"Regex": transform[name]["rewrite"]["regex"], "Replace": transform[name]["rewrite"]["replace"]}]
            }
            for name, api in REWRITES.items()
            if transform.get(name)
        }
        made.append({"Type": transform["type"], **blocks})
    return made


def transforms_found(found: Any) -> list[dict[str, Any]]:
    """Return the API's transforms with the properties' names."""
    made = []
    for transform in found or []:
        blocks: dict[str, Any] = {}
        for name, api in REWRITES.items():
            for rewrite in (transform.get(api) or {}).get("Rewrites") or []:
                blocks[name] = {"rewrite": {"regex": rewrite["Regex"], "replace": rewrite["Replace"]}}
        made.append({"type": transform["Type"], **blocks})
    return made


TABLE: Final[Mapping[str, Target]] = {
    "actions": Each("Actions", ACTION),
    "conditions": Through("Conditions", conditions_sent),
    "transforms": Through("Transforms", transforms_sent),
}


class ListenerRule(AwsHandler):
    """What happens to the requests of a listener that fulfil conditions."""

    token = "aws:lb/listenerRule:ListenerRule"  # noqa: S105 - a type token
    creation = Call(SERVICE, "CreateRule", {**TABLE, "listenerArn": "ListenerArn", "priority": "Priority", **TAGS})
    provider_only: ClassVar = dict(EVERYWHERE)

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        failures = check_actions(inputs.get("actions"), "actions")
        for index, condition in enumerate(inputs.get("conditions") or []):
            # listener_rule.go: one block for each condition.
            given = [name for name in (*CONDITIONS, "queryStrings") if isinstance(condition, Mapping) and condition.get(name)]
            if isinstance(condition, Mapping) and len(given) != 1:
                words = f"exactly one of {', '.join((*CONDITIONS, 'queryStrings'))} must be set in each condition"
                failures.append(Failure(f"conditions[{index}]", words))
        return failures

    @override
    def prepared(self, aws: Aws, inputs: Properties) -> Properties:
        if inputs.get("priority") or not inputs.get("listenerArn"):
            return inputs
        # Without one the rule comes after all others.
        rules = aws.ask(SERVICE, "DescribeRules", ListenerArn=inputs["listenerArn"])["Rules"]
        taken = [int(rule["Priority"]) for rule in rules if not rule.get("IsDefault") and str(rule["Priority"]).isdigit()]
        return {**inputs, "priority": min(max(taken, default=0) + 1, HIGHEST)}

    @override
    def first_request(self, inputs: Properties) -> Request:
        return self.creation.request({**inputs, "actions": completed(inputs.get("actions"))})

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["Rules"][0]["RuleArn"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return described(aws, "DescribeRules", "Rules", RuleArns=[resource_id])

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        arn = found["RuleArn"]
        # ...:listener-rule/app/NAME/ID/LISTENER/RULE is a rule of ...:listener/app/NAME/ID/LISTENER.
        listener = arn.rpartition("/")[0].replace(":listener-rule/", ":listener/")
        return {
            "actions": actions_found(found.get("Actions")),
            "arn": arn,
            "conditions": conditions_found(found.get("Conditions")),
            "listenerArn": listener,
            "priority": int(found["Priority"]),
            "transforms": transforms_found(found.get("Transforms")),
            TAGS_ALL: tags_found(aws, arn),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if "priority" in changed and inputs.get("priority"):
            pair = {"RuleArn": resource_id, "Priority": int(inputs["priority"])}
            requests.append(Request(SERVICE, "SetRulePriorities", {"RulePriorities": [pair]}))
        told = {name: target for name, target in TABLE.items() if name in changed}
        if told:
            values = {**inputs, "actions": completed(inputs.get("actions"))}
            reset = {"ResetTransforms": True} if "transforms" in told and not inputs.get("transforms") else {}
            requests.append(Call(SERVICE, "ModifyRule", told).request(values, RuleArn=resource_id, **reset))
        if TAGS_ALL in changed:
            requests += tag_changes(resource_id, state, inputs)
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request(SERVICE, "DeleteRule", {"RuleArn": resource_id})]
