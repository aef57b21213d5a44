"""What Lambda calls. Each run looks at the group anew; the event only says that it is time to look.

An exception is what Lambda tries again: it makes two more attempts at an asynchronous event and gives it to the dead-letter
queue then (docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html). So nothing is caught here for good: the
groups and records of one delivery are all tried, and then the run fails when one of them failed. What a retry would not mend is
no exception in the first place: an event that is malformed, not in the table or of another group is logged and counted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from . import copies, log
from . import document as documents
from .calls import Cloud
from .events import Event, missed_failover, read_events
from .settings import Settings, read_settings
from .table import CHANGED, READING, RELAYING, SCHEDULE, Row, row_of

LOOK_SECONDS: Final = 2.0  # between two looks at a group that is not available
MOST_WRITES: Final = 3  # to a parameter that somebody else writes at the same time


class RunError(Exception):
    """What Lambda shall try again: the text says which group failed at which event, and how."""


class OverwrittenError(Exception):
    """Others write the same parameter all the time."""


@dataclass(frozen=True)
class World:
    """What a run needs: settings, AWS, clock and output, and the seconds that Lambda leaves it."""

    settings: Settings
    cloud: Cloud
    targets: tuple[copies.Target, ...] = ()
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], None] = time.sleep
    write: Callable[[str], None] = print
    remaining: Callable[[], float] = field(default=lambda: 900.0)


@dataclass(frozen=True)
class Outcome:
    """What became of one look: the document as it is afterwards, None while the group has none, and what the look changed."""

    document: dict[str, Any] | None
    written: bool = False
    raised: bool = False


@cache
def _made() -> tuple[Settings, Cloud, tuple[copies.Target, ...]]:
    """Return what all runs of this process share."""
    settings = read_settings(os.environ)
    cloud = Cloud(settings)
    return settings, cloud, copies.targets_of(settings.copies, cloud.secret)


def handle(payload: Any, context: Any) -> None:
    """Answer Lambda. Raises ConfigurationError before anything is asked, RunError for what shall be tried again."""
    settings, cloud, targets = _made()
    run(payload, World(settings, cloud, targets, remaining=lambda: context.get_remaining_time_in_millis() / 1000))


def run(payload: Any, world: World) -> None:
    """Act on each event of a payload and on each group that it concerns."""
    failures: list[str] = []
    for event in read_events(payload, world.settings.groups, world.now()):
        row = row_of(event.name)
        acted = row.action in READING | RELAYING
        if not acted or not event.groups:
            _log(world, event, {"Event": event.name}, {"NotActedOn": 1}, severity=row.severity)
            continue
        for group_id in event.groups:
            try:
                for cause in _causes(world, event, group_id):
                    _act(world, cause, group_id)
            except Exception as error:  # noqa: BLE001 - raised below, when the other groups had their turn
                failures.append(f"{group_id} at {event.name}: {type(error).__name__}: {error}")
                _log(world, event, {"GroupId": group_id}, {"Failures": 1}, severity="critical", error=failures[-1])
    if failures:
        raise RunError("; ".join(failures))


def _causes(world: World, event: Event, group_id: str) -> Iterator[Event]:
    """Yield the event; in the regular look before it the last failover that nobody told of (DescribeEvents keeps 14 days)."""
    if event.name == SCHEDULE:
        previous = documents.read_document(world.cloud.stored(group_id).document)
        if previous is not None:
            since = documents.since(previous)
            missed = missed_failover(world.cloud.told(group_id, since), group_id, since)
            if missed is not None:
                yield missed
    yield event


def _act(world: World, event: Event, group_id: str) -> None:
    """Do what the table says: the application first, then whoever listens, then the looks until the group is available.

    A target that takes no copy fails the run at the end, so that it holds up nothing else. It had a second chance then.
    """
    row = row_of(event.name)
    outcome = _look(world, event, group_id) if row.action in READING else Outcome(None)
    seconds = (world.now() - event.time).total_seconds()
    if row.action in RELAYING:
        _relay(world, event, row, group_id, outcome.document)
    elif outcome.raised:
        _relay(world, event, CHANGED, group_id, outcome.document)
    _log_outcome(world, event, group_id, outcome, seconds)
    problems = _copy(world, event, group_id, outcome.document)
    document = outcome.document
    if row.action in READING and event.name != SCHEDULE:
        document = _settle(world, event, group_id, outcome)
    if problems or document != outcome.document:
        problems = _copy(world, event, group_id, document)
    if problems:
        raise copies.CopyError("; ".join(problems))


def _copy(world: World, event: Event, group_id: str, document: dict[str, Any] | None) -> list[str]:
    """Bring the document to every target; return what went wrong."""
    problems: list[str] = []
    if document is None:
        return problems
    for target in world.targets:
        try:
            if event.name == SCHEDULE:
                target.keep()
            written = copies.copy(target, world.cloud.document_name(group_id), document)
        except Exception as error:  # noqa: BLE001 - the other targets have their turn; it is raised at the end
            problems.append(f"{target.name}: {type(error).__name__}: {error}")
        else:
            dimensions = {"GroupId": group_id, "Target": target.name}
            _log(world, event, dimensions, {"CopiesWritten": int(written)}, severity=row_of(event.name).severity)
    return problems


def _settle(world: World, event: Event, group_id: str, outcome: Outcome) -> dict[str, Any] | None:
    """Look again while the group is not available, for WAIT_SECONDS at most. The regular look finds what comes later.

    The document was written before: a group is not available until the lost node is replaced, and its application cannot wait
    for that. Returns the document as it is at the end.
    """
    seconds = min(world.settings.wait_seconds, world.remaining() - world.settings.spare_seconds)
    for _ in range(int(seconds / LOOK_SECONDS)):
        if outcome.document is None or outcome.document["state"] in {documents.AVAILABLE, documents.GONE}:
            break
        world.sleep(LOOK_SECONDS)
        outcome = _look(world, event, group_id)
        if outcome.raised:
            _relay(world, event, CHANGED, group_id, outcome.document)
        if outcome.written:
            _log_outcome(world, event, group_id, outcome, (world.now() - event.time).total_seconds())
            _copy(world, event, group_id, outcome.document)  # what fails here is tried again at the end
    return outcome.document


def _look(world: World, event: Event, group_id: str) -> Outcome:
    """Look at the group and write what is new.

    The document is read before the group is, so that what is written is never older than what it replaces. Somebody else who
    wrote in between shows in the version: then it is done again, under a new generation, because two documents may have got
    the same one.
    """
    overwrote = False
    for _ in range(MOST_WRITES):
        stored = world.cloud.stored(group_id)
        previous = documents.read_document(stored.document)
        looked = world.now()
        facts = documents.facts_of(world.cloud.group(group_id), previous)
        if facts is None:
            return Outcome(None)
        document = documents.next_document(
            facts,
            previous,
            event,
            group_id=group_id,
            region=world.settings.region,
            looked=looked,
            overwrote=overwrote,
            version=stored.version,
        )
        kept = previous if document is None else document
        version = stored.version + 1
        if document is not None:
            version = world.cloud.store(world.cloud.document_name(group_id), documents.text_of(document))
        if kept is not None and stored.host_and_port != documents.host_and_port(kept):
            world.cloud.store(world.cloud.host_and_port_name(group_id), documents.host_and_port(kept))
        if version == stored.version + 1:
            before = previous["generation"] if previous is not None else 0
            return Outcome(kept, document is not None, kept is not None and kept["generation"] > before)
        overwrote = True
    raise OverwrittenError(
        f"somebody else writes {world.cloud.document_name(group_id)} all the time: give the function a reserved concurrency of "
        "1, and let nothing else write there"
    )


def _relay(world: World, event: Event, row: Row, group_id: str, document: dict[str, Any] | None) -> None:
    """Put the event on the bus, at least once: a retry of the run relays again, with the same event_id.

    The first three fields are those of DescribeEvents, as events of other AWS services have them too.
    """
    detail = {
        "SourceIdentifier": event.resource or group_id,
        "SourceType": "replication-group",
        "Date": documents.stamp(event.time),
        "ReplicationGroupId": group_id,
        "severity": row.severity,
        "says": row.says,
        "event_name": event.name,
        "event_id": event.id,
        "document": document,
    }
    world.cloud.relay(event, row.event, detail)


def _log_outcome(world: World, event: Event, group_id: str, outcome: Outcome, seconds: float) -> None:
    """Tell what a look changed. A metric is there only when it was measured."""
    document = outcome.document
    metrics: dict[str, float] = {"GenerationsRaised": int(outcome.raised), "DocumentsWritten": int(outcome.written)}
    if outcome.written:
        metrics["SecondsToDocument"] = seconds
    if row_of(event.name).action in READING:
        metrics["Available"] = int(document is not None and document["state"] == documents.AVAILABLE)
    severity = row_of(event.name).severity
    _log(world, event, {"GroupId": group_id}, metrics, severity=severity, document=document)


def _log(world: World, event: Event, dimensions: dict[str, str], metrics: dict[str, float], **fields: Any) -> None:
    told = {**asdict(event), "time": documents.stamp(event.time)}
    world.write(log.line(world.now(), dimensions, metrics, event=told, **fields))
