"""Fault Injection Service: experiment templates."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler
from pulumi_emulator.handlers.aws.names import arn
from pulumi_emulator.handlers.aws.tagging import FIS
from pulumi_emulator.handlers.aws.translation import Alike, Call, Request, Target, Through, from_api
from pulumi_emulator.handlers.base import Properties

DASHBOARD = {"dashboardArn": "dashboardIdentifier"}


def actions(given: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the actions as the API has them: by name, with mappings where the SDK has lists of pairs."""
    made = {}
    for item in given:
        target = item.get("target")
        action = {
            "actionId": item["actionId"],
            "description": item.get("description"),
            "parameters": {pair["key"]: pair["value"] for pair in item.get("parameters") or []},
            "targets": {target["key"]: target["value"]} if target else None,
            "startAfter": list(item.get("startAfters") or []),
        }
        made[item["name"]] = {name: value for name, value in action.items() if value not in (None, {}, [])}
    return made


def targets(given: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the targets as the API has them."""
    made = {}
    for item in given:
        target = {
            "resourceType": item["resourceType"],
            "selectionMode": item["selectionMode"],
            "resourceArns": list(item.get("resourceArns") or []),
            "resourceTags": {pair["key"]: pair["value"] for pair in item.get("resourceTags") or []},
            "filters": [{"path": one["path"], "values": list(one["values"])} for one in item.get("filters") or []],
            "parameters": dict(item.get("parameters") or {}),
        }
        made[item["name"]] = {name: value for name, value in target.items() if value not in ({}, [])}
    return made


class ExperimentTemplate(AwsHandler):
    """What an experiment will do to what."""

    token = "aws:fis/experimentTemplate:ExperimentTemplate"  # noqa: S105 - a type token
    table: ClassVar[dict[str, Target]] = {
        "actions": Through("actions", actions),
        "description": "description",
        "experimentOptions": Alike("experimentOptions"),
        "experimentReportConfiguration": Alike("experimentReportConfiguration", DASHBOARD),
        "logConfiguration": Alike("logConfiguration"),
        "roleArn": "roleArn",
        "stopConditions": Alike("stopConditions"),
        "targets": Through("targets", targets),
    }
    creation = Call("fis", "CreateExperimentTemplate", {**table, TAGS_ALL: "tags"})
    provider_only = EVERYWHERE

    @override
    def first_request(self, inputs: Properties) -> Request:
        # The token only has to be another one for every creation.
        return self.creation.request(inputs, clientToken=str(uuid.uuid4()))

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["experimentTemplate"]["id"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("fis", "GetExperimentTemplate", id=resource_id)
        return answer["experimentTemplate"] if answer else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        back = {api: name for name, api in DASHBOARD.items()}
        names = ("experimentOptions", "experimentReportConfiguration", "logConfiguration")
        same = {name: from_api(found[name], back) for name in names if found.get(name) and state.get(name)}
        return {
            **same,
            "actions": [_action(name, item) for name, item in sorted((found.get("actions") or {}).items())],
            "targets": [_target(name, item) for name, item in sorted((found.get("targets") or {}).items())],
            "description": found.get("description", ""),
            "roleArn": found.get("roleArn", ""),
            "stopConditions": [
                {key: value for key, value in item.items() if value} for item in found.get("stopConditions") or []
            ],
            TAGS_ALL: dict(found.get("tags") or {}),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if set(changed) - {TAGS_ALL}:
            # Whose account is aimed at is decided when the template is made.
            options = {
                name: value for name, value in (inputs.get("experimentOptions") or {}).items() if name != "accountTargeting"
            }
            wanted = {**inputs, "experimentOptions": options}
            requests.append(Call("fis", "UpdateExperimentTemplate", self.table).request(wanted, id=resource_id))
        if TAGS_ALL in changed:
            region = str(state.get("region"))
            place = arn("fis", region, f"experiment-template/{resource_id}")
            requests += FIS.changes(place, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("fis", "DeleteExperimentTemplate", {"id": resource_id})]


def _pairs(found: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in (found or {}).items()]


def _action(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    pair = next(iter((item.get("targets") or {}).items()), None)
    made = {
        "name": name,
        "actionId": item["actionId"],
        "description": item.get("description"),
        "parameters": _pairs(item.get("parameters")),
        "startAfters": item.get("startAfter"),
        "target": {"key": pair[0], "value": pair[1]} if pair else None,
    }
    return {key: value for key, value in made.items() if value}


def _target(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    made = {
        "name": name,
        "resourceType": item["resourceType"],
        "selectionMode": item["selectionMode"],
        "resourceArns": item.get("resourceArns"),
        "resourceTags": _pairs(item.get("resourceTags")),
        "filters": item.get("filters"),
        "parameters": item.get("parameters"),
    }
    return {key: value for key, value in made.items() if value}
