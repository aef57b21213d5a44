"""Each minute of the account's time: metrics are published, and alarms evaluated. It holds what is kept of both."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from moto.cloudwatch.models import Alarm, cloudwatch_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.cloudwatch import actions, alarms, published
from pulumi_emulator.aws.cloudwatch.evaluation import Verdict, judge
from pulumi_emulator.aws.cloudwatch.insights import TagsOf
from pulumi_emulator.aws.cloudwatch.series import MINUTE, Key, Sample, Store

if TYPE_CHECKING:
    from pulumi_emulator.aws.elasticache.account import Account

# An alarm's periods are a day together at most when they are shorter than an hour, seven days else (botocore,
# EvaluationPeriods). Minutes are kept for a day and some more here; AWS keeps them 15 days.
KEPT_SECONDS: Final = 86_400 + 7_200

# Who measures: given the minute that ends, in seconds since 1970, its samples by Region and metric.
Source = Callable[[int], Sequence[tuple[str, Key, Sample]]]
# The tags of what a metric of a Region is of.
Tags = Callable[[str, Key], Mapping[str, str]]


class Monitor:
    """The account's CloudWatch. Every method may be called from any thread."""

    def __init__(self, account: Account, sources: Sequence[Source], tags: Tags) -> None:
        self.account = account
        self.lock = threading.RLock()
        self.stores: dict[str, Store] = defaultdict(Store)
        self.history: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._sources = sources
        self._tags = tags
        self._going = 0

    def start(self) -> None:
        """Look at each whole minute from now on."""
        time = self.account.clock.now().timestamp()
        going = self._going
        self.account.clock.after(_minute(time) + MINUTE - time, lambda: self._tick(going))

    def end(self) -> None:
        """Look no more."""
        self._going += 1

    def _tick(self, going: int) -> None:
        if self._going != going:
            return
        self.start()
        self.minute(_minute(self.account.clock.now().timestamp()))

    def minute(self, now: int) -> None:
        """Do what is done at the end of a minute."""
        for source in self._sources:
            with self._telling("what is measured could not be published"):
                for region, metric, sample in source(now):
                    self.put(region, metric, sample)
        with self.lock:
            for store in self.stores.values():
                store.forget(now - KEPT_SECONDS)
            for region in list(cloudwatch_backends[ACCOUNT_ID]):
                for alarm in list(cloudwatch_backends[ACCOUNT_ID][region].alarms.values()):
                    if alarm.rule is None:
                        with self._telling(f"alarm {alarm.name} could not be evaluated"):
                            self._evaluate(region, alarm, now)

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Let one failure not end the others' turn."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.account.log(f"{what}: {type(error).__name__}: {error}")

    def _evaluate(self, region: str, alarm: Alarm, now: int) -> None:
        found = judge(alarms.watch_of(alarm), alarm.state_value, self.stores[region], self.tags_in(region), now)
        if found.state != alarm.state_value:
            self.change(region, alarm, found)
        elif alarm.state_reason == alarms.UNCHECKED and found.reason:
            # Its state is what a new alarm has anyway; why is known now.
            alarm.state_reason, alarm.state_reason_data = found.reason, found.data

    def change(self, region: str, alarm: Alarm, found: Verdict) -> None:
        """Give an alarm another state, and run the actions for it."""
        with self.lock:
            old = alarms.state_of(alarm)
            alarms.change(alarm, found, self.account.clock.now())
            new = alarms.state_of(alarm)
            self.history[region].append(alarms.history_item(alarm, old, new))
            actions.run(self.account, region, alarms.described(alarm), old, new, enabled=bool(alarm.actions_enabled))

    def tags_in(self, region: str) -> TagsOf:
        """Return how to look up the tags of what a metric of a Region is of."""
        return lambda metric: self._tags(region, metric)

    def put(self, region: str, metric: Key, sample: Sample) -> None:
        """Keep a sample."""
        with self.lock:
            self.stores[region].put(metric, sample)

    def publish(self, region: str, namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
        """Keep what a PutMetricData gives; values without a time are of now."""
        for metric, sample in published.samples(namespace, data, self.now().timestamp()):
            self.put(region, metric, sample)

    def now(self) -> datetime:
        """Return the account's time."""
        return self.account.clock.now().astimezone(UTC)


def _minute(time: float) -> int:
    """Return the minute that has begun, or begins within half a second: what is due may be a moment early."""
    return int(time + 0.5) // MINUTE * MINUTE
