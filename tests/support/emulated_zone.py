"""A hosted zone of an emulated Route 53 whose records are put by API or by components."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from pulumi.runtime import rpc

from tests.emulator.aws_provider import TOKENS, EmulatedAccount
from tests.support.pulumi_world import run

KINDS = {token: kind for kind, token in TOKENS.items()}
# Checks before the records that name them, children before those that count them.
ORDER = ("route53.HealthCheck", "route53.Record")
REFERENCES = itertools.count(1)


class EmulatedZone:
    """A hosted zone of the emulated Route 53, and what its API says of it."""

    def __init__(self, account: EmulatedAccount, client: Any, name: str) -> None:
        self.account, self.client, self.name = account, client, name
        made = client.create_hosted_zone(Name=name, CallerReference=name)
        self.id = made["HostedZone"]["Id"].removeprefix("/hostedzone/")

    def put(self, *records: dict[str, Any], action: str = "UPSERT") -> None:
        """Put record sets, all in one change."""
        changes = [{"Action": action, "ResourceRecordSet": record} for record in records]
        self.client.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch={"Changes": changes})

    def check(self, **config: Any) -> str:
        """Make a health check; return its id."""
        reference = f"check-{next(REFERENCES)}"
        made = self.client.create_health_check(CallerReference=reference, HealthCheckConfig=config)
        return str(made["HealthCheck"]["Id"])

    def deploy(self, program: Callable[[], Any]) -> None:
        """Register what a program makes, and make it here through the emulated provider, as an `up` would."""
        monitor, _ = run(program)
        ids: dict[str, str] = {}
        wanted = [name for kind in ORDER for name in monitor.order if KINDS.get(monitor.requests[name].type) == kind]
        for name in sorted(wanted, key=lambda name: (monitor.requests[name].type, "CALCULATED" in str(monitor.requests[name]))):
            request = monitor.requests[name]
            inputs = rpc.deserialize_properties(request.object)
            made = self.account.made(KINDS[request.type], name, **_with_ids(inputs, ids))
            ids[f"{name}-id"] = made.id

    def records(self) -> list[dict[str, Any]]:
        """Return the zone's record sets as its API lists them."""
        pages = self.client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=self.id)
        return [record for page in pages for record in page["ResourceRecordSets"]]

    def check_of(self, identifier: str) -> dict[str, Any]:
        """Return the configuration of the health check that a set identifier's record has."""
        (found,) = {record["HealthCheckId"] for record in self.records() if record.get("SetIdentifier") == identifier}
        return self.checks()[found]

    def checks(self) -> dict[str, dict[str, Any]]:
        """Return the account's health checks as the API lists them, by id."""
        pages = self.client.get_paginator("list_health_checks").paginate()
        return {check["Id"]: check["HealthCheckConfig"] for page in pages for check in page["HealthChecks"]}


def _with_ids(value: Any, ids: dict[str, str]) -> Any:
    """Replace the ids that the mocks gave by those that the emulated Route 53 gave."""
    if isinstance(value, dict):
        return {key: _with_ids(entry, ids) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_ids(entry, ids) for entry in value]
    return ids.get(value, value) if isinstance(value, str) else value
