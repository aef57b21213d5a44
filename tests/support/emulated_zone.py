"""A hosted zone of an emulated Route 53 whose records are put by API or by components."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from tests.support.aws_provider import EmulatedAccount
from tests.support.emulated_program import EmulatedProgram

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
        """Make what a program registers."""
        EmulatedProgram(self.account).up(program)

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
