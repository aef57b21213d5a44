"""Fault injection: moto keeps templates and experiments, and here an experiment really takes the power from a zone's nodes.

One action can be run: aws:elasticache:replicationgroup-interrupt-az-power. What it does, its parameters and its target's:
docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html; an example of a template with it is the scenario in
docs.aws.amazon.com/fis/latest/userguide/az-availability-scenario.html.
"""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta
from typing import Any, ClassVar, Final

import moto.fis.urls
from moto.core.exceptions import JsonRESTError
from moto.ec2.models import ec2_backends
from moto.fis.models import Experiment
from moto.fis.responses import FISResponse
from moto.moto_api import state_manager

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache.account import Account, Region
from pulumi_emulator.aws.elasticache.model import Group
from pulumi_emulator.errors import EmulatorError

ACTION: Final = "aws:elasticache:replicationgroup-interrupt-az-power"
RESOURCE: Final = "aws:elasticache:replicationgroup"
TARGETS: Final = "ReplicationGroups"  # the name under which the action takes its target
ZONE: Final = "availabilityZoneIdentifier"
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(hours=12)
DURATION: Final = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
# moto lets an experiment's state move by itself, with every look at it; ours moves when something happened.
NEVER: Final = 10**9


class RefusedError(JsonRESTError):
    """A request that FIS does not take."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class FaultInjection(FISResponse):
    """The emulated service in the place of moto's."""

    account: ClassVar[Account]
    stops: ClassVar[dict[str, threading.Event]] = {}

    def create_experiment_template(self) -> str:
        """Make a template, checked as far as our action goes."""
        check_template(self._get_param("actions") or {}, self._get_param("targets") or {})
        answer: str = super().create_experiment_template()
        return answer

    def start_experiment(self) -> str:
        """Start an experiment; it goes on behind the answer."""
        answer: str = super().start_experiment()
        experiment = self.fis_backend.experiments[json.loads(answer)["experiment"]["id"]]
        stop = self.stops[experiment.id] = threading.Event()
        region = self.account.region(self.region)
        self.account.background(lambda: run(self.account, region, experiment, stop))
        return answer

    def stop_experiment(self) -> str:
        """End an experiment early: the power comes back."""
        answer: str = super().stop_experiment()
        stop = self.stops.get(json.loads(answer)["experiment"]["id"])
        if stop is not None:
            stop.set()
        return answer


def check_template(actions: dict[str, Any], targets: dict[str, Any]) -> None:
    """Refuse a template of our action that could not be run; other actions are only kept."""
    for name, action in actions.items():
        if action.get("actionId") != ACTION:
            continue
        duration = parse_duration(action.get("parameters", {}).get("duration", ""))
        if duration is None or not SHORTEST <= duration <= LONGEST:
            raise RefusedError(f"Action {name}: duration is an ISO 8601 duration from PT1M to PT12H")
        target = targets.get(action.get("targets", {}).get(TARGETS, ""))
        if target is None or target.get("resourceType") != RESOURCE:
            raise RefusedError(f"Action {name} needs a target {TARGETS} of resource type {RESOURCE}")
        if not target.get("parameters", {}).get(ZONE):
            raise RefusedError(f"The target of action {name} needs the parameter {ZONE}")
        if not target.get("resourceTags") and not target.get("resourceArns"):
            raise RefusedError(f"The target of action {name} needs resourceTags or resourceArns")


def parse_duration(text: str) -> timedelta | None:
    """Return an ISO 8601 duration of hours, minutes and seconds; None when it is none."""
    match = DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def run(account: Account, region: Region, experiment: Experiment, stop: threading.Event) -> None:
    """Run an experiment to its end."""
    chosen = [action for action in experiment.actions.values() if action.get("actionId") == ACTION]
    if len(chosen) != 1 or len(experiment.actions) != 1:
        finish(experiment, "failed", f"the emulator runs experiments of one action, {ACTION}")
        return
    action = chosen[0]
    target = experiment.targets[action["targets"][TARGETS]]
    zone = zone_name(region, target["parameters"][ZONE])
    duration = parse_duration(action["parameters"]["duration"]) or SHORTEST
    with account.lock:
        groups = resolve(region, target)
        hit = [group for group in groups if any(node.zone == zone for node in group.nodes)]
    if not hit:
        finish(experiment, "failed", "Target resolution returned empty set")
        return
    if any(not group.multi_az for group in hit):
        finish(experiment, "failed", "a target has Multi-AZ disabled")
        return
    experiment.status = "running"
    ids = [group.group_id for group in hit]
    try:
        account.plane.zone_down(zone, ids)
        stop.wait(duration.total_seconds())
        account.plane.zone_up(zone)
    except EmulatorError as error:
        account.log(f"experiment {experiment.id} failed: {error}")
        finish(experiment, "failed", f"the emulator could not: {error}")
        return
    finish(experiment, "stopped" if stop.is_set() else "completed", "")


def resolve(region: Region, target: dict[str, Any]) -> list[Group]:
    """Return the replication groups that a target means."""
    arns, tags = target.get("resourceArns") or [], target.get("resourceTags") or {}
    found = []
    for group in region.groups.values():
        arn = region.arn("replicationgroup", group.group_id)
        if arn in arns or (tags and tags.items() <= region.tags.get(arn, {}).items()):
            found.append(group)
    return found


def zone_name(region: Region, identifier: str) -> str:
    """Return the name of a zone that is given by name or by id (euc1-az1)."""
    for zone in ec2_backends[ACCOUNT_ID][region.name].describe_availability_zones():
        if identifier in (zone.name, zone.zone_id):
            return str(zone.name)
    return identifier


def finish(experiment: Experiment, status: str, reason: str) -> None:
    """Say how an experiment ended."""
    experiment.status = status
    if reason:
        # moto's texts are of the class; this one is the experiment's own.
        vars(experiment)["STATUS_REASONS"] = {**Experiment.STATUS_REASONS, status: reason}


def install(account: Account) -> None:
    """Put this service into the place of moto's; before the first request."""
    state_manager.set_transition("fis::experiment", {"progression": "manual", "times": NEVER})
    FaultInjection.account = account
    for path in moto.fis.urls.url_paths:
        moto.fis.urls.url_paths[path] = FaultInjection.dispatch
