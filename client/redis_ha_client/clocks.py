"""Time by two clocks: one stands while a machine is frozen, and the other one may be set."""

import time
from typing import NamedTuple


class Moment(NamedTuple):
    """A time by the clock that never jumps, for decisions, and by the wall's, for people and for freezes."""

    monotonic: float
    wall: float


def moment() -> Moment:
    """Return now."""
    return Moment(time.monotonic(), time.time())


def seconds_since(then: Moment) -> float:
    """Return the seconds since `then`, those of a freeze as well. A wall's clock that was set makes it more."""
    now = moment()
    return max(now.monotonic - then.monotonic, now.wall - then.wall)
