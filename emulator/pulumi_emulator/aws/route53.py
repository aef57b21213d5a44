"""Route 53 before moto's: changes of records as Route 53 takes and refuses them, and health checks that have a status.

moto keeps zones, tags and everything else. Its own ChangeResourceRecordSets takes what Route 53 refuses (a simple record beside
weighted ones, different TTLs), and deletes by the set identifier alone, whatever the name.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from typing import Any, Final

import moto.route53.urls
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.route53.exceptions import InvalidInput, NoSuchHealthCheck, Route53ClientError
from moto.route53.models import FakeZone
from moto.route53.models import HealthCheck as MotoHealthCheck
from moto.route53.models import RecordSet as MotoRecordSet
from moto.route53.responses import Route53 as MotoRoute53

from pulumi_emulator.aws import health_checks, record_sets
from pulumi_emulator.aws.clients import ACCOUNT_ID

PAGE: Final = 300  # docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html (MaxItems)
# Where health checkers are: API_HealthCheckConfig.html (Regions).
CHECKER: Final = {"Region": "us-east-1", "IPAddress": "127.0.0.1"}
_LOCK: Final = threading.RLock()
# Zone -> name and type of a record set -> comment (API_CreateResourceRecordSetProtections.html).
_PROTECTIONS: Final[dict[str, dict[tuple[str, str], str]]] = {}
# What moto has no paths for.
PATHS: Final = tuple(
    rf"{{0}}/(?P<api_version>[\d_-]+)/hostedzone/(?P<zone_id>[^/]+)/{ending}$"
    for ending in ("rrsetprotection", "rrsetprotection/delete", "features")
)


class KeptRecordSet(MotoRecordSet):
    """A record set in moto's zone: as given, and with what moto itself looks at."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(dict(given))
        self.given = dict(given)


class KeptHealthCheck(MotoHealthCheck):
    """A health check in moto's list."""

    def __init__(self, check_id: str, reference: str, asked: Mapping[str, Any], config: dict[str, Any]) -> None:
        super().__init__(check_id, reference, {"type": config["Type"]})
        # What was asked for says whether a repeated request is the same one.
        self.asked = dict(asked)
        self.config = config

    @property
    def health_check_config(self) -> dict[str, Any]:
        """The configuration with Route 53's defaults."""
        return self.config


class Route53(MotoRoute53):
    """The emulated service in the place of moto's."""

    def create_hosted_zone(self) -> ActionResult:
        """Make a zone; with a VPC it is a private one. A VPC has one private zone of a name."""
        name, vpc = record_sets.absolute(self._get_param("Name")), self._get_param("VPC.VPCId")
        if vpc:
            # botocore CreateHostedZone VPC: private hosted zones only. moto looks at PrivateZone alone.
            self.params["HostedZoneConfig"] = {**(self._get_param("HostedZoneConfig") or {}), "PrivateZone": True}
        with _LOCK:
            for zone in self.backend.zones.values():
                if vpc and zone.private_zone and record_sets.absolute(zone.name) == name:
                    self._refuse_second(zone, vpc)
            return super().create_hosted_zone()

    @staticmethod
    def _refuse_second(zone: FakeZone, vpc: str) -> None:
        if vpc in [known.get("vpc_id") for known in zone.vpcs]:
            # The rule: docs.aws.amazon.com, Route 53 API reference, CreateHostedZone, ConflictingDomainExists.
            text = f"The VPC {vpc} is already associated with the hosted zone {zone.resource_id} of the same domain name"
            raise Route53ClientError("ConflictingDomainExists", text)

    def change_resource_record_sets(self) -> ActionResult:
        """Change a zone's record sets: all that the batch holds, or nothing."""
        zone_id = self._get_param("HostedZoneId")
        changes = self._get_param("ChangeBatch.Changes")
        with _LOCK:
            zone = self.backend.get_hosted_zone(zone_id)
            others = {other.resource_id: record_sets.absolute(other.name) for other in self.backend.zones.values()}
            place = record_sets.Zone(
                record_sets.absolute(zone.name),
                zone.resource_id,
                frozenset(self.backend.health_checks),
                others,
                _PROTECTIONS.get(zone.resource_id),
            )
            try:
                after = record_sets.changed(place, sets_of(zone), changes)
            except record_sets.RefusedError as error:
                raise Route53ClientError(error.code, str(error)) from None
            zone.rrsets = [KeptRecordSet(one) for one in after]  # type: ignore[abstract] # only for moto's type checker
        return ActionResult({"ChangeInfo": _change(self._get_param("ChangeBatch.Comment"))})

    def update_hosted_zone_features(self) -> ActionResult:
        """Switch accelerated recovery on or off."""
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        on = self._get_bool_param("EnableAcceleratedRecovery", False)
        if on and zone.private_zone:
            # docs.aws.amazon.com/Route53/latest/DeveloperGuide/accelerated-recovery.html; the words are ours.
            raise InvalidInput("Accelerated recovery is not supported for private hosted zones.")
        # moto describes a zone by its attributes, and has none for this one.
        vars(zone)["features"] = {"AcceleratedRecoveryStatus": "ENABLED" if on else "DISABLED"}
        return EmptyResult()

    def delete_hosted_zone(self) -> ActionResult:
        """Delete a zone without records and without protections."""
        zone = self.backend.get_hosted_zone(self._get_param("Id"))
        if _PROTECTIONS.get(zone.resource_id):
            # The rule: docs.aws.amazon.com, Route 53 API reference, DeleteHostedZone; code and words are ours.
            raise Route53ClientError("HostedZoneNotEmpty", "The hosted zone contains resource record set protections.")
        return super().delete_hosted_zone()

    def create_resource_record_set_protections(self) -> ActionResult:
        """Keep record sets of a name and a type as they are, also those that are not there yet."""
        zone, asked = self._protections()
        with _LOCK:
            kept = _PROTECTIONS.setdefault(zone.resource_id, {})
            again = [key for key in asked if key in kept]
            if again:
                code = "ProtectionAlreadyExists" if len(again) == len(asked) else "InvalidResourceRecordSetProtectionBatch"
                raise Route53ClientError(code, f"A protection exists for {', '.join(' '.join(key) for key in again)}")
            kept.update(asked)
        return EmptyResult()

    def delete_resource_record_set_protections(self) -> ActionResult:
        """Let record sets be changed again."""
        zone, asked = self._protections()
        with _LOCK:
            kept = _PROTECTIONS.get(zone.resource_id, {})
            missing = [key for key in asked if key not in kept]
            if missing:
                text = f"No protection exists for {', '.join(' '.join(key) for key in missing)}"
                raise Route53ClientError("InvalidResourceRecordSetProtectionBatch", text)
            for key in asked:
                del kept[key]
        return EmptyResult()

    def list_resource_record_set_protections(self) -> ActionResult:
        """List a zone's protections."""
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        rows = [
            {"RecordName": name, "RecordType": kind, **({"Comment": comment} if comment else {})}
            for (name, kind), comment in sorted(_PROTECTIONS.get(zone.resource_id, {}).items())
        ]
        return ActionResult({"ResourceRecordSetProtections": rows})

    def _protections(self) -> tuple[FakeZone, dict[tuple[str, str], str]]:
        """Return the zone of a request, and name, type and comment of each protection in it."""
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        asked = {}
        for one in self._get_param("Protections"):
            name = record_sets.absolute(str(one["RecordName"]))
            if not record_sets.within(name, record_sets.absolute(zone.name)):
                text = f"InvalidInput: {name} is not in the hosted zone"
                raise Route53ClientError("InvalidResourceRecordSetProtectionBatch", text)
            asked[name, str(one["RecordType"])] = str(one.get("Comment") or "")
        return zone, asked

    def list_resource_record_sets(self) -> ActionResult:
        """List a zone's record sets in Route 53's order, from a place in it on."""
        start = (
            self._get_param("StartRecordName"),
            self._get_param("StartRecordType"),
            self._get_param("StartRecordIdentifier"),
        )
        if start[1] and not start[0]:
            raise InvalidInput("The input is not valid")
        most = min(self._get_int_param("MaxItems", PAGE), PAGE)
        with _LOCK:
            sets = sorted(sets_of(self.backend.get_hosted_zone(self._get_param("HostedZoneId"))), key=record_sets.order)
        if start[0]:
            first = {"Name": record_sets.absolute(start[0]), "Type": start[1] or "", "SetIdentifier": start[2] or ""}
            sets = [one for one in sets if record_sets.order(one) >= record_sets.order(first)]
        page, rest = sets[:most], sets[most:]
        following = rest[0] if rest else {}
        return ActionResult(
            {
                "ResourceRecordSets": page,
                "IsTruncated": bool(rest),
                "NextRecordName": following.get("Name"),
                "NextRecordType": following.get("Type"),
                "NextRecordIdentifier": following.get("SetIdentifier"),
                "MaxItems": most,
            }
        )

    def create_health_check(self) -> ActionResult:
        """Make a health check; the same request once more gives the same check."""
        reference, asked = self._get_param("CallerReference"), dict(self._get_param("HealthCheckConfig"))
        with _LOCK:
            checks = self.backend.health_checks
            again = next((check for check in checks.values() if check.caller_reference == reference), None)
            if again is None:
                config = self._config(lambda: health_checks.completed(asked, checks))
                check_id = str(uuid.uuid4())
                again = KeptHealthCheck(check_id, reference, asked, config)  # type: ignore[abstract] # as above
                checks[check_id] = again
            elif not isinstance(again, KeptHealthCheck) or again.asked != asked:
                text = f"A health check has already been created with the specified caller reference: {reference}"
                raise Route53ClientError("HealthCheckAlreadyExists", text)
        return ActionResult(
            {"HealthCheck": again, "Location": f"https://route53.amazonaws.com/2013-04-01/healthcheck/{again.id}"}
        )

    def update_health_check(self) -> ActionResult:
        """Change a health check."""
        names = (*health_checks.UPDATED, "ResetElements")
        changes = {name: self._get_param(name) for name in names}
        version = self._get_param("HealthCheckVersion")
        with _LOCK:
            check = self._kept(self._get_param("HealthCheckId"))
            if version is not None and int(version) != check.health_check_version:
                text = f"The specified version {version} does not match the current version {check.health_check_version}"
                raise Route53ClientError("HealthCheckVersionMismatch", text)
            check.config = self._config(lambda: health_checks.updated(check.config, changes, self.backend.health_checks))
            check.health_check_version += 1
        return ActionResult({"HealthCheck": check})

    def delete_health_check(self) -> ActionResult:
        """Remove a health check; records that name it keep doing so."""
        with _LOCK:
            del self.backend.health_checks[self._kept(self._get_param("HealthCheckId")).id]
        return EmptyResult()

    def get_health_check_status(self) -> ActionResult:
        """Say what a health checker would."""
        with _LOCK:
            check = self._kept(self._get_param("HealthCheckId"))
            configs = {key: one.config for key, one in self.backend.health_checks.items() if isinstance(one, KeptHealthCheck)}
            fine = health_checks.healthy(check.id, configs, alarm_states)
        status = "Success: the health check is healthy." if fine else "Failure: the health check is unhealthy."
        report = {"Status": status, "CheckedTime": utcnow()}
        return ActionResult({"HealthCheckObservations": [{**CHECKER, "StatusReport": report}]})

    def _kept(self, check_id: str) -> KeptHealthCheck:
        found = self.backend.health_checks.get(check_id)
        if not isinstance(found, KeptHealthCheck):
            raise NoSuchHealthCheck(check_id)
        return found

    @staticmethod
    def _config(make: Any) -> dict[str, Any]:
        try:
            made: dict[str, Any] = make()
        except health_checks.RefusedError as error:
            raise InvalidInput(str(error)) from None
        return made


def sets_of(zone: FakeZone) -> list[dict[str, Any]]:
    """Return a zone's record sets as the API has them; the first two are moto's own."""
    return [one.given if isinstance(one, KeptRecordSet) else _described(one) for one in zone.rrsets]


def _described(one: MotoRecordSet) -> dict[str, Any]:
    values = [value["Value"] if isinstance(value, Mapping) else value for value in one.records]
    return record_sets.normal(
        {
            "Name": one.name,
            "Type": one.type,
            "TTL": int(one.ttl or 0),
            "ResourceRecords": [{"Value": str(value)} for value in values],
        }
    )


def alarm_states(region: str, name: str) -> list[str]:
    """Return an alarm's states so far, the present one last; none when there is no such alarm."""
    alarm = cloudwatch_backends[ACCOUNT_ID][region].alarms.get(name)
    if alarm is None:
        return []
    # moto's history has what was before each change.
    return [*(str(value) for _, _, _, value, _ in alarm.history), str(alarm.state_value)]


def _change(comment: str | None) -> dict[str, Any]:
    # A change is in sync at once; GetChange says the same of every one.
    return {"Id": f"/change/C{uuid.uuid4().hex[:20].upper()}", "Status": "INSYNC", "SubmittedAt": utcnow(), "Comment": comment}


def install() -> None:
    """Put this service into the place of moto's; before the first request."""
    for path in (*moto.route53.urls.url_paths, *PATHS):
        moto.route53.urls.url_paths[path] = Route53.dispatch
