"""Whether the deployment takes writes, judged from the probes of a HealthMonitor: plain decisions on plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal, TypedDict

from .clocks import Moment
from .errors import DocumentError, Outcome
from .policy import FailoverPolicy

State = Literal["unknown", "up", "down"]
# A status that is older than this many times the longest time between two probes' ends says nothing any more.
STALE_AFTER = 2


@dataclass(frozen=True)
class HealthPreset:
    """How often a HealthMonitor probes, how long a probe may take, and how many failures in a row mean DOWN. Times in seconds.

    interval_seconds: from one probe's start to the next one's; a probe that takes longer is followed by the next at once.
    threshold: this many failed probes in a row are DOWN; 1 means that every slow answer is.
    total_seconds: budget of a probe, in which it is tried again as any command is.
    connect_seconds, read_seconds, sentinel_seconds: as of FailoverPolicy, for the probe's own connections.
    """

    interval_seconds: float
    threshold: int
    total_seconds: float
    connect_seconds: float
    read_seconds: float
    sentinel_seconds: float = 0.3

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "threshold":
                if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                    raise DocumentError(f"HealthPreset.threshold is {value!r}: must be a whole number of at least 1")
            elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise DocumentError(f"HealthPreset.{field.name} is {value!r}: must be a number of seconds above 0")

    @property
    def notice_seconds(self) -> float:
        """The longest time from an outage's begin to DOWN: it began when a probe had just succeeded."""
        pace = max(self.interval_seconds, self.total_seconds)
        return self.interval_seconds + (self.threshold - 1) * pace + self.total_seconds

    @property
    def stale_seconds(self) -> float:
        """How long a probe's result says something, if no other one follows."""
        return STALE_AFTER * (max(self.interval_seconds, self.total_seconds) + self.total_seconds)

    @property
    def policy(self) -> FailoverPolicy:
        """The policy of the probe's client."""
        return FailoverPolicy(
            total_seconds=self.total_seconds,
            connect_seconds=self.connect_seconds,
            read_seconds=self.read_seconds,
            sentinel_seconds=self.sentinel_seconds,
        )


RECOMMENDED = "recommended"
# The tutorials name interval and count, or interval and time-out. Their clients wait 1 s to connect and 2 s to read, so a probe
# takes 3 s at most; the one that names its time-out, 1 s, has the others' count.
PRESETS: Mapping[str, HealthPreset] = MappingProxyType(
    {
        RECOMMENDED: HealthPreset(interval_seconds=2, threshold=2, total_seconds=1.5, connect_seconds=0.5, read_seconds=1),
        "tutorial-30s": HealthPreset(interval_seconds=30, threshold=3, total_seconds=3, connect_seconds=1, read_seconds=2),
        "tutorial-5s": HealthPreset(interval_seconds=5, threshold=3, total_seconds=3, connect_seconds=1, read_seconds=2),
        "tutorial-2s": HealthPreset(interval_seconds=2, threshold=3, total_seconds=1, connect_seconds=1, read_seconds=1),
    }
)


def preset_of(preset: str | HealthPreset) -> tuple[str, HealthPreset]:
    """Return a preset and its name (`custom` for one of the caller's own); an unknown name is a DocumentError."""
    if isinstance(preset, HealthPreset):
        return "custom", preset
    if not isinstance(preset, str) or preset not in PRESETS:
        raise DocumentError(f"preset is {preset!r}: known are {', '.join(PRESETS)}, or give a HealthPreset of your own")
    return preset, PRESETS[preset]


@dataclass(frozen=True)
class Failure:
    """Why a probe failed: the error's class and what is known of the write. No text, which may name addresses."""

    error: str
    outcome: Outcome


@dataclass(frozen=True)
class Health:
    """What is known from the probes so far."""

    state: State = "unknown"
    since: Moment | None = None
    probes: int = 0
    failed: int = 0
    in_a_row: int = 0
    last_probe: Moment | None = None
    last_failure: Failure | None = None
    last_failure_at: Moment | None = None


def judge(before: Health, failure: Failure | None, now: Moment, threshold: int) -> Health:
    """Return what is known after one more probe; `failure` is None for one that succeeded.

    DOWN at `threshold` failures in a row, UP at a success and never otherwise: a monitor that has just started knows nothing.
    """
    counted = replace(before, probes=before.probes + 1, last_probe=now)
    if failure is None:
        return _entering(replace(counted, in_a_row=0), "up", now)
    failed = replace(
        counted,
        failed=before.failed + 1,
        in_a_row=before.in_a_row + 1,
        last_failure=failure,
        last_failure_at=now,
    )
    return _entering(failed, "down", now) if failed.in_a_row >= threshold else failed


def _entering(health: Health, state: State, now: Moment) -> Health:
    return health if health.state == state else replace(health, state=state, since=now)


def wait_seconds(began: float, now: float, interval: float) -> float:
    """Return how long to wait for the next probe; late ones are not made up for."""
    return max(began + interval - now, 0.0)


class HealthStatus(TypedDict):
    """What a HealthMonitor knows, as plain data without secrets and addresses. Times are UTC in ISO 8601.

    state: `up`, `down`, or `unknown` (no success and too few failures yet, or `problem`).
    since: when the state began. problem: why the state is unknown though probes were made; else None.
    preset: its name. notice_seconds: the longest time from an outage's begin to `down`.
    probes, failed_probes, failures_in_a_row: since the start. last_probe: when the newest ended.
    last_error: of the newest failed probe, also while the state is `up`: `class` of the error, `outcome` of the write as of
        `outcome_of`, and `at`.
    """

    state: State
    since: str | None
    problem: str | None
    preset: str
    notice_seconds: float
    probes: int
    failed_probes: int
    failures_in_a_row: int
    last_probe: str | None
    last_error: dict[str, str] | None


class Change(HealthStatus):
    """What callbacks and webhooks are told: the status after a change of state, and the state before."""

    previous: State


def status_of(health: Health, now: Moment, name: str, preset: HealthPreset, problem: str | None = None) -> HealthStatus:
    """Return the status to show now. What nobody has probed lately is unknown, whatever it was."""
    if problem is None:
        problem = _staleness(health, now, preset)
    failure, at = health.last_failure, health.last_failure_at
    known = problem is None
    return HealthStatus(
        state=health.state if known else "unknown",
        since=_told(health.since) if known else None,
        problem=problem,
        preset=name,
        notice_seconds=preset.notice_seconds,
        probes=health.probes,
        failed_probes=health.failed,
        failures_in_a_row=health.in_a_row,
        last_probe=_told(health.last_probe),
        last_error=None
        if failure is None or at is None
        else {"class": failure.error, "outcome": failure.outcome, "at": str(_told(at))},
    )


def _staleness(health: Health, now: Moment, preset: HealthPreset) -> str | None:
    if health.last_probe is None:
        return None
    age = now.monotonic - health.last_probe.monotonic
    if age <= preset.stale_seconds:
        return None
    return f"no probe has ended for {age:.1f} s (at most {preset.stale_seconds:g} s): a callback holds the monitor, or it ended"


def _told(moment: Moment | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment.wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def leave_at(before: Health, after: Health, due: float | None, seconds: float | None, draw: float) -> float | None:
    """Return when the process is to end, by the clock that never jumps; None while it is not to.

    seconds: how long DOWN may last, None for ever. draw: between 0 and 1, drawn once a DOWN: between once and twice that time,
    so that a fleet does not start again at once.
    """
    if seconds is None or after.state != "down" or after.since is None:
        return None
    if before.state == "down":
        return due
    return after.since.monotonic + seconds * (1 + draw)
