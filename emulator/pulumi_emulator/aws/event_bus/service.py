"""EventBridge on the endpoint: moto's API with what it lacks, events that go to their targets, and schedules.

Loaded with the first request to EventBridge: an account without buses or rules has none of it.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import moto.events.urls
from moto.core.exceptions import JsonRESTError
from moto.core.utils import unix_time
from moto.events.exceptions import ResourceAlreadyExistsException, ValidationException
from moto.events.models import EventsBackend, events_backends
from moto.events.responses import EventsHandler

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.event_bus import connections, schedule, trail
from pulumi_emulator.aws.event_bus.delivery import Delivery

DEFAULT: Final = "default"
MOST: Final = 10  # botocore PutEvents Entries


class Buses:
    """The buses of one account as the other services see them."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.delivery = Delivery(account)
        self._lock = threading.Lock()
        # Which schedule of a rule counts: a rule that is put again has another one.
        self._armed: dict[tuple[str, str], tuple[str, object]] = {}

    def emit(
        self, region: str, bus: str, source: str, detail_type: str, detail: Any, *, resources: Any = (), time: Any = None
    ) -> str:
        """Put an event on a bus and let it go to the targets of the rules that fit; return its id."""
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT_ID,
            "time": _stamp(time or self.account.clock.now()),
            "region": region,
            "resources": list(resources),
            "detail": detail,
        }
        self.route(region, bus, event)
        return str(event["id"])

    def route(self, region: str, bus: str, event: Mapping[str, Any]) -> None:
        """Let an event go to the targets of the rules of a bus that fit it."""
        for rule in list(events_backends[ACCOUNT_ID][region].describe_event_bus(bus).rules.values()):
            # A rule with a schedule alone is not for events.
            if rule.state != "DISABLED" and rule.event_pattern.dump() and rule.event_pattern.matches_event(dict(event)):  # type: ignore[arg-type]
                self._to_targets(rule, event)

    def relay(self, bus_arn: str, event: Mapping[str, Any]) -> None:
        """Put an event of one bus on another one, as it is."""
        self.route(bus_arn.split(":")[3], bus_arn.rpartition("/")[2], event)

    def api_call(self, call: trail.ApiCall) -> None:
        """Tell the default bus of a call of an API, as CloudTrail does."""
        if call.told:
            detail = trail.detail_of(call)
            self.emit(call.region, DEFAULT, f"aws.{call.service}", trail.DETAIL_TYPE, detail, time=call.time)

    def arm(self, region: str, rule: Any) -> None:
        """Let a rule's schedule run from now on; one that runs with the same expression goes on."""
        expression = rule.scheduled_expression
        with self._lock:
            known = self._armed.get((region, rule.name))
            if not expression:
                self._armed.pop((region, rule.name), None)
                return
            if known is not None and known[0] == expression:
                return
            mark = object()
            self._armed[region, rule.name] = (expression, mark)
        self._wait(region, rule.name, expression, mark, self.account.clock.now())

    def disarm(self, region: str, name: str) -> None:
        """End a rule's schedule."""
        with self._lock:
            self._armed.pop((region, name), None)

    def _wait(self, region: str, name: str, expression: str, mark: object, since: datetime) -> None:
        due = schedule.next_time(expression, since)
        if due is not None:
            seconds = max(0.0, (due - self.account.clock.now()).total_seconds())
            self.account.clock.after(seconds, lambda: self._due(region, name, expression, mark, due))

    def _due(self, region: str, name: str, expression: str, mark: object, due: datetime) -> None:
        with self._lock:
            current = self._armed.get((region, name)) == (expression, mark)
        rule = events_backends[ACCOUNT_ID][region].event_buses[DEFAULT].rules.get(name)
        if not current or rule is None:
            return
        self._wait(region, name, expression, mark, due)
        if rule.state != "DISABLED":
            event = {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": ACCOUNT_ID,
                "time": _stamp(due),
                "region": region,
                "resources": [rule.arn],
                "detail": {},
            }
            self._to_targets(rule, event)

    def _to_targets(self, rule: Any, event: Mapping[str, Any]) -> None:
        for target in list(rule.targets):
            self.delivery.send(rule, target, event)


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class EventBridge(EventsHandler):
    """EventBridge's API."""

    buses: ClassVar[Buses]

    def put_events(self) -> str:
        """Put events on buses; one that is wrong is refused, and the others are taken."""
        given = self._get_param("Entries")
        if len(given) > MOST:
            raise ValidationException(f"PutEvents takes at most {MOST} entries, {len(given)} were given")
        entries = [self._put(entry) for entry in given]
        failed = len([entry for entry in entries if "ErrorCode" in entry])
        return json.dumps({"FailedEntryCount": failed, "Entries": entries})

    def _put(self, entry: Mapping[str, Any]) -> dict[str, str]:
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                text = f"Parameter {name} is not valid. Reason: {name} is a required argument."
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": text}
        # eventbridge/latest/userguide/eb-events-structure.html: sources of customers cannot begin so.
        if entry["Source"].startswith("aws."):
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            detail = None
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        bus = str(entry.get("EventBusName") or DEFAULT).rpartition("/")[2]
        if bus not in self.events_backend.event_buses:
            # An event for a bus that is not there is lost without a word (botocore PutEvents has no such error).
            return {"EventId": str(uuid.uuid4())}
        time = entry.get("Time")
        event_id = self.buses.emit(
            self.region,
            bus,
            entry["Source"],
            entry["DetailType"],
            detail,
            resources=entry.get("Resources") or [],
            time=None if time is None else datetime.fromtimestamp(float(time), UTC),
        )
        return {"EventId": event_id}

    def create_event_bus(self) -> Any:
        """Make a bus that keeps its log's settings."""
        answer = super().create_event_bus()
        self.events_backend.event_buses[self._get_param("Name")].log_config = self._get_param("LogConfig")  # type: ignore[attr-defined]
        return answer

    def update_event_bus(self) -> Any:
        """Change a bus: what is not given is taken away."""
        bus = self.events_backend.describe_event_bus(self._get_param("Name"))
        bus.description = self._get_param("Description")
        bus.kms_key_identifier = self._get_param("KmsKeyIdentifier")
        bus.dead_letter_config = self._get_param("DeadLetterConfig")
        bus.log_config = self._get_param("LogConfig")  # type: ignore[attr-defined]
        bus.last_modified_time = unix_time()
        return self.describe_event_bus()

    def describe_event_bus(self) -> Any:
        """Describe a bus, with its log's settings."""
        text, headers = super().describe_event_bus()
        log = getattr(self.events_backend.describe_event_bus(self._get_param("Name")), "log_config", None)
        return (json.dumps({**json.loads(text), "LogConfig": log}) if log else text), headers

    def put_rule(self) -> Any:
        """Make or change a rule; its schedule runs from now on."""
        expression = self._get_param("ScheduleExpression")
        if expression:
            try:
                schedule.next_time(expression, self.buses.account.clock.now())
            except ValueError:
                raise ValidationException("Parameter ScheduleExpression is not valid.") from None
        answer = super().put_rule()
        rule = self.events_backend.describe_rule(self._get_param("Name"), self._get_param("EventBusName"))
        if rule.event_bus_name == DEFAULT:
            self.buses.arm(self.region, rule)
        return answer

    def delete_rule(self) -> Any:
        """Delete a rule, and end its schedule."""
        answer = super().delete_rule()
        if str(self._get_param("EventBusName") or DEFAULT).rpartition("/")[2] == DEFAULT:
            self.buses.disarm(self.region, self._get_param("Name"))
        return answer

    def create_connection(self) -> Any:
        """Make a connection; moto would put one of the same name in its place."""
        name = self._get_param("Name")
        if name in self.events_backend.connections:
            raise ResourceAlreadyExistsException(f"Connection {name} already exists.")
        return super().create_connection()

    def create_api_destination(self) -> Any:
        """Make an API destination of a connection that is there."""
        name, connection = self._get_param("Name"), self._get_param("ConnectionArn")
        if name in self.events_backend.destinations:
            raise ResourceAlreadyExistsException(f"An api-destination {name} already exists.")
        if not any(one.arn == connection for one in self.events_backend.connections.values()):
            raise JsonRESTError("ResourceNotFoundException", f"Connection '{connection}' does not exist.")
        return super().create_api_destination()


def put_events(backend: EventsBackend, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the events that moto's own services put on a bus."""
    taken = []
    for event in events:
        bus = str(event.get("EventBusName") or DEFAULT).rpartition("/")[2]
        detail = json.loads(event["Detail"])
        taken.append(
            {"EventId": EventBridge.buses.emit(backend.region_name, bus, event["Source"], event["DetailType"], detail)}
        )
    return taken


def install(account: Account) -> None:
    """Put this in the place of moto's; before the first request to EventBridge."""
    connections.install()
    EventsBackend.put_events = put_events  # type: ignore[assignment,method-assign]
    EventBridge.buses = account.buses = Buses(account)
    moto.events.urls.url_paths["{0}/"] = EventBridge.dispatch
