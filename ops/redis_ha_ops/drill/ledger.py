"""The arithmetic of a drill: what was written and when -> outage, loss, latency, verdict. Plain data in, plain data out.

All times are seconds since the run began, on one monotonic clock. Latency counts from the moment at which a write was due, not
from the moment at which it got its turn: a load that waits for a slow server must not hide the waiting (coordinated omission).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Literal

Outcome = Literal["acknowledged", "failed", "unknown"]
OUTCOMES: tuple[Outcome, ...] = ("acknowledged", "failed", "unknown")
KINDS = ("acknowledged", "late", "failed", "unknown")  # of writes in the picture

# A write that was acknowledged but took so long counts as disturbed. In one region a write takes a millisecond.
LATE_SECONDS = 0.25
BUCKET_SECONDS = 0.1  # the picture's resolution
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True)
class Operation:
    """One write of a unique key. failed: certainly not executed. unknown: sent, and no answer came."""

    number: int
    due: float
    started: float
    finished: float
    outcome: Outcome
    error: str | None = None

    @property
    def latency(self) -> float:
        """Seconds from the moment it was due to the end."""
        return self.finished - self.due

    @property
    def kind(self) -> str:
        """The outcome, with late ones told apart."""
        return "late" if self.outcome == "acknowledged" and self.latency > LATE_SECONDS else self.outcome

    @property
    def disturbed(self) -> bool:
        """Whether it failed, is unknown, or came late."""
        return self.kind != "acknowledged"


@dataclass(frozen=True)
class Outage:
    """What an outage is, told apart. All in seconds; None: it was not seen.

    began: the first disturbed write was due. ended: the first acknowledgement after that write's end. outage_seconds: between
    these. steady: the first acknowledgement of a write due after the last failed one. longest_gap_seconds: between two
    acknowledgements that follow each other. resolution_seconds: the distance of two writes; nothing is known better.
    """

    began: float | None
    ended: float | None
    outage_seconds: float | None
    steady: float | None
    steady_seconds: float | None
    longest_gap_seconds: float | None
    longest_gap_began: float | None
    resolution_seconds: float


@dataclass(frozen=True)
class Loss:
    """What the master of after the drill holds of what was written.

    lost: acknowledged, but missing. unknown_kept: of unknown outcome, and there. impossible: "certainly not executed", and
    there: then the client's word is not to be trusted. lost_numbers: all of them; lost_began, lost_ended: when they were due.
    """

    checked: int
    lost: int
    unknown_kept: int
    impossible: int
    lost_numbers: tuple[int, ...]
    lost_began: float | None
    lost_ended: float | None


def count(operations: Sequence[Operation]) -> dict[str, int]:
    """Return the number of writes, in all and by outcome."""
    found = Counter(one.outcome for one in operations)
    return {"issued": len(operations), **{outcome: found[outcome] for outcome in OUTCOMES}}


def errors(operations: Sequence[Operation]) -> dict[str, int]:
    """Return how often each error was seen, the most frequent first."""
    return dict(Counter(one.error for one in operations if one.error).most_common())


def outage(operations: Sequence[Operation], cut: float, rate: float) -> Outage:
    """Return the outage as a client saw it; only writes that were not finished before the cut count as disturbed by it."""
    resolution = 1 / rate
    acknowledged = sorted((one for one in operations if one.outcome == "acknowledged"), key=lambda one: one.finished)
    gap, gap_began = _longest_gap(acknowledged, cut, max((one.finished for one in operations), default=cut))
    disturbed = sorted((one for one in operations if one.finished >= cut and one.disturbed), key=lambda one: one.due)
    if not disturbed:
        return Outage(None, None, None, None, None, gap, gap_began, resolution)
    first = disturbed[0]
    ended = next((one.finished for one in acknowledged if one.due >= first.due and one.finished >= first.finished), None)
    bad = [one for one in disturbed if one.outcome != "acknowledged"] or disturbed
    last = max(one.due for one in bad)
    steady = min((one.finished for one in acknowledged if one.due > last), default=None)
    return Outage(
        began=first.due,
        ended=ended,
        outage_seconds=None if ended is None else ended - first.due,
        steady=steady,
        steady_seconds=None if steady is None else steady - first.due,
        longest_gap_seconds=gap,
        longest_gap_began=gap_began,
        resolution_seconds=resolution,
    )


def _longest_gap(acknowledged: Sequence[Operation], cut: float, until: float) -> tuple[float | None, float | None]:
    """Return the longest time without an acknowledgement that ends after the cut, or with the run, and when it began."""
    ends = [*(one.finished for one in acknowledged), until] if acknowledged else []
    return max(((after - before, before) for before, after in pairwise(ends) if after >= cut), default=(None, None))


def recovered(operations: Sequence[Operation], cut: float, now: float, calm_seconds: float) -> bool:
    """Whether for `calm_seconds` every finished write was acknowledged, after at least one had been disturbed by the cut."""
    hit = any(one.disturbed for one in operations if one.finished >= cut)
    lately = [one for one in operations if one.finished >= now - calm_seconds and one.due >= cut]
    return hit and bool(lately) and now - cut >= calm_seconds and not any(one.outcome != "acknowledged" for one in lately)


def loss(operations: Sequence[Operation], present: Mapping[int, bool]) -> Loss:
    """Compare what was written with what is there; a write whose number `present` lacks counts as missing."""
    lost = sorted(
        (one for one in operations if one.outcome == "acknowledged" and not present.get(one.number)), key=lambda one: one.due
    )
    return Loss(
        checked=len(operations),
        lost=len(lost),
        unknown_kept=sum(one.outcome == "unknown" and present.get(one.number, False) for one in operations),
        impossible=sum(one.outcome == "failed" and present.get(one.number, False) for one in operations),
        lost_numbers=tuple(one.number for one in lost),
        lost_began=lost[0].due if lost else None,
        lost_ended=lost[-1].due if lost else None,
    )


def latencies(operations: Sequence[Operation]) -> dict[str, float] | None:
    """Return percentiles and the maximum of the acknowledged writes' latency in milliseconds; None without any."""
    values = sorted(one.latency * 1000 for one in operations if one.outcome == "acknowledged")
    if not values:
        return None
    result = {f"p{percent:g}": values[min(int(len(values) * percent / 100), len(values) - 1)] for percent in PERCENTILES}
    return {"count": float(len(values)), **result, "max": values[-1]}


def phases(operations: Sequence[Operation], seen: Outage, cut: float) -> dict[str, dict[str, float] | None]:
    """Return the latencies before, during and after the outage."""
    began = cut if seen.began is None else seen.began
    ended = began if seen.ended is None else seen.ended
    return {
        "before": latencies([one for one in operations if one.due < began]),
        "during": latencies([one for one in operations if began <= one.due < ended]),
        "after": latencies([one for one in operations if one.due >= ended]) if seen.ended is not None else None,
    }


def buckets(operations: Sequence[Operation], until: float, width: float = BUCKET_SECONDS) -> list[dict[str, int]]:
    """Return the writes due in each stretch of `width` seconds, by kind."""
    rows = [dict.fromkeys(KINDS, 0) for _ in range(int(until / width) + 1)]
    for one in operations:
        at = int(round(one.due / width, 6))  # 0.3 / 0.1 is a little less than 3
        if 0 <= at < len(rows):
            rows[at][one.kind] += 1
    return rows


def verdict(
    seen: Outage | None,
    losses: Sequence[Loss | None],
    *,
    rejoined: bool,
    two_writable: bool,
    interrupted: bool,
    disturbed: bool = True,
    allowed: int = 0,
) -> tuple[bool, list[str]]:
    """Return whether the drill was passed and, in words, why (not).

    disturbed: whether a write has to be. allowed: how many acknowledged writes may be missing.
    """
    if interrupted:
        return False, ["the drill was interrupted: this report is partial"]
    reasons: list[str] = []
    if seen is None:
        reasons.append("nothing was broken")
    elif seen.began is None and disturbed:
        reasons.append("no write was disturbed: the fault did not reach the master, so nothing was measured")
    elif seen.began is not None and (seen.ended is None or seen.steady is None):
        reasons.append("writes did not recover")
    if any(one is None for one in losses):
        reasons.append("what was written could not be read back: lost writes are not known")
    known = [one for one in losses if one is not None]
    lost = sum(one.lost for one in known)
    if lost > allowed:
        reasons.append(f"{lost} acknowledged writes are lost")
    if impossible := sum(one.impossible for one in known):
        reasons.append(f"{impossible} writes were reported as certainly not executed and are there")
    if two_writable:
        reasons.append("two nodes took writes at the same time")
    if seen is not None and not rejoined:
        reasons.append("the old master has not come back into a healthy stack")
    return (True, ["recovered, and no acknowledged write was lost"]) if not reasons else (False, reasons)


def plain(value: Outage | Loss | None) -> dict[str, object] | None:
    """Return a result as plain data for the report."""
    return None if value is None else asdict(value)
