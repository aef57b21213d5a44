"""The health checks of Route 53 over a virtual clock: from configurations as its API lists them, and a list of outages."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# docs.aws.amazon.com, Route53/latest/DeveloperGuide, dns-failover-determining-health-of-endpoints: an endpoint is healthy when
# more than 18 % of the checkers say so.
HEALTHY_SHARE = 0.18
# Checkers stand in eight regions (botocore, route53 2013-04-01, HealthCheckRegion); how many there are AWS does not say. They
# do not coordinate (same page): here their probes are spread evenly over the interval.
CHECKERS = 16
# botocore, route53 2013-04-01, HealthCheckConfig: what is not said.
DEFAULT_INTERVAL, DEFAULT_FAILURES = 30, 3


@dataclass(frozen=True)
class Outage:
    """Something is sick for some time: an endpoint (host name or address), or what an alarm (its name) watches."""

    what: str
    begins: float
    ends: float = math.inf

    def covers(self, at: float) -> bool:
        """Tell whether it is sick at a moment."""
        return self.begins <= at < self.ends


@dataclass
class Health:
    """What each check says at any moment until `horizon`."""

    checks: Mapping[str, Mapping[str, Any]]
    outages: Sequence[Outage] = ()
    horizon: float = 600
    _known: dict[str, tuple[list[float], list[bool]]] = field(default_factory=dict)

    def healthy(self, check_id: str, at: float) -> bool:
        """Return a check's status."""
        config = self.checks[check_id]
        # A disabled check counts as healthy, and inversion turns that round (HealthCheckConfig.Disabled, Inverted).
        status = True if config.get("Disabled") else self._status(check_id, config, at)
        return status is not bool(config.get("Inverted"))

    def _status(self, check_id: str, config: Mapping[str, Any], at: float) -> bool:
        if config["Type"] == "CALCULATED":
            well = sum(self.healthy(child, at) for child in config.get("ChildHealthChecks") or ())
            return well >= int(config.get("HealthThreshold", 0))
        if config["Type"] == "CLOUDWATCH_METRIC":
            return not self._sick(config["AlarmIdentifier"]["Name"], at)
        if check_id not in self._known:
            self._known[check_id] = self._observed(config)
        moments, statuses = self._known[check_id]
        return statuses[bisect.bisect_right(moments, at) - 1]

    def _sick(self, what: str, at: float) -> bool:
        return any(outage.what == what and outage.covers(at) for outage in self.outages)

    def _observed(self, config: Mapping[str, Any]) -> tuple[list[float], list[bool]]:
        """Return when the status of an endpoint's check changes, and to what: a checker needs some equal probes in a row."""
        what = config.get("IPAddress") or config["FullyQualifiedDomainName"]
        interval, needed = (
            int(config.get("RequestInterval", DEFAULT_INTERVAL)),
            int(config.get("FailureThreshold", DEFAULT_FAILURES)),
        )
        probes = sorted(
            (checker * interval / CHECKERS + count * interval, checker)
            for checker in range(CHECKERS)
            for count in range(int(self.horizon // interval) + 1)
        )
        says, against = [True] * CHECKERS, [0] * CHECKERS
        moments, statuses = [-math.inf], [True]
        for moment, checker in probes:
            seen = not self._sick(what, moment)
            against[checker] = 0 if seen is says[checker] else against[checker] + 1
            if against[checker] == needed:
                says[checker], against[checker] = seen, 0
            status = sum(says) > HEALTHY_SHARE * CHECKERS
            if status is not statuses[-1]:
                moments.append(moment)
                statuses.append(status)
        return moments, statuses


def longest_detection(config: Mapping[str, Any]) -> float:
    """Return after how many seconds at the latest an outage shows in an endpoint's check: intervals by failures."""
    return float(config.get("RequestInterval", DEFAULT_INTERVAL)) * float(config.get("FailureThreshold", DEFAULT_FAILURES))
