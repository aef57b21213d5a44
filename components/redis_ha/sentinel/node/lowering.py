"""down-after of a Sentinel whose master's host is silent: lowered for the moment, and given back.

Sentinel calls a master down after down-after without an answer to PING, and that has to be longer than any stall. A host that
answers no TCP at all does not stall, it is lost (`silence`). Then this Sentinel's own down-after is lowered, on this machine's
evidence alone, and its own unanswered PING ends the wait.

No agent tells another one, because Sentinel's quorum is the agreement: a lowered value makes one Sentinel call the master down,
and a failover begins when the quorum does, each on its own evidence. Quorum, election and epoch stay Sentinel's. Where less
than a majority of the Sentinels is a quorum, nothing is lowered: one machine with a bad link could then start failovers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .config import note
from .resp import Connection, ReplyError
from .silence import UNANSWERED_MS

# What down-after is lowered to. Nobody sets such a number by hand, so agents and `redis-ha status` know the moment by it. The
# value reaches the Sentinel's PINGs to replicas too (sentinelPropagateDownAfterPeriod): a healthy one answers in far less.
LOWERED_MS = 307
# A host is silent for so long, at least, before a Sentinel calls its master down by this. The cut networks and pauses of a
# virtual machine that are shorter cost no failover.
SILENT_MS = 500
# The value may be lowered from here on when no PING waits: Sentinel then sends one at its next tick, for PINGs are as far apart
# as down-after, a second at most (sentinelSendPeriodicCommands), and it waits LOWERED_MS more for the answer.
SUSPECTED_MS = 250
# With less than this nothing is lowered: an operator who chose it has Sentinels that act nearly as fast.
LOWERABLE_MS = 1_000
# How long after its own down-after a silent master surely is down by that: the lowered value then has no more to do.
OVER_MS = 1_000
RECORD = "down-after-milliseconds"
OPTION = "down-after-milliseconds"
# The states before a failover has chosen a replica (src/sentinel.c, sentinelFailoverStateStr).
UNDECIDED = ("", "none", "wait_start", "select_slave")

Act = Literal["stay", "lower", "give back"]


@dataclass(frozen=True)
class View:
    """What a Sentinel says of its master.

    `ping_age_ms` is 0 when no PING waits, `ok_ping_age_ms` is since the last good answer. `sentinels` counts itself too.
    """

    host: str
    port: int
    down_after_ms: int
    ping_age_ms: int
    ok_ping_age_ms: int
    flags: frozenset[str]
    quorum: int
    sentinels: int
    failover: str

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "View":
        """Read the answer to SENTINEL MASTER."""
        return cls(
            host=fields["ip"],
            port=int(fields["port"]),
            down_after_ms=int(fields[OPTION]),
            ping_age_ms=int(fields.get("last-ping-sent", "0")),
            ok_ping_age_ms=int(fields["last-ok-ping-reply"]),
            flags=frozenset(fields["flags"].split(",")),
            quorum=int(fields["quorum"]),
            sentinels=int(fields["num-other-sentinels"]) + 1,
            failover=fields.get("failover-state", ""),
        )


def can_lower(*, down_after_ms: int, quorum: int, sentinels: int) -> bool:
    """Tell whether Sentinels so configured ever lower: their quorum is a majority, and there is something to gain."""
    return quorum > sentinels // 2 and down_after_ms >= LOWERABLE_MS


def decide(view: View, silent_ms: int, before: int | None) -> Act:
    """Decide for one Sentinel. `silent_ms` is for how long its master's host answers nothing, 0 when it does.

    `before` is the value from before it was lowered, None when it is not.
    """
    # Answered on its open connection: then something on the way drops new ones alone.
    answers = not silent_ms or view.ok_ping_age_ms + UNANSWERED_MS < silent_ms
    if before is not None:
        decided = view.failover not in UNDECIDED
        return "give back" if answers or decided or silent_ms >= before + OVER_MS else "stay"
    lowerable = can_lower(down_after_ms=view.down_after_ms, quorum=view.quorum, sentinels=view.sentinels)
    too_late = view.failover not in UNDECIDED or "s_down" in view.flags or silent_ms >= view.down_after_ms
    if answers or not lowerable or too_late:
        return "stay"
    by_a_new_ping = silent_ms >= SUSPECTED_MS and silent_ms - view.ping_age_ms >= SILENT_MS - LOWERED_MS
    return "lower" if by_a_new_ping or silent_ms >= SILENT_MS else "stay"


def is_candidate(replica: Mapping[str, str]) -> bool:
    """Tell whether Sentinel would choose a replica also with the lowered value, from an entry of SENTINEL REPLICAS.

    It passes over one that has been without its master for ten times down-after (src/sentinel.c, sentinelSelectSlave). A
    failover that finds none is over for twice failover-timeout.
    """
    down = {"s_down", "disconnected"} & set(replica.get("flags", "").split(","))
    linked = int(replica.get("master-link-down-time", "0")) < 5 * LOWERED_MS
    return not down and linked and replica.get("slave-priority") != "0"


def has_candidate(replicas: Iterable[Mapping[str, str]]) -> bool:
    """Tell whether a failover that begins now finds a replica."""
    return any(is_candidate(one) for one in replicas)


class DownAfter:
    """Lowers one Sentinel's down-after and gives it its value back.

    The value from before is in a file, so it comes back whoever is restarted. Where an operator sets another one meanwhile,
    that stays.
    """

    def __init__(self, directory: Path, master_name: str, configured_ms: int) -> None:
        """Read what an earlier process left. `configured_ms` counts where its note could not be written."""
        self._record = directory / RECORD
        self._name = master_name
        self._configured_ms = configured_ms
        try:
            self.before: int | None = int(self._record.read_text())
        except (OSError, ValueError):
            self.before = None

    def look(self, live_ms: int) -> None:
        """Take the live value: by it the agent knows whether it is lowered, whatever its file says."""
        if live_ms == LOWERED_MS:
            self.before = self._configured_ms if self.before is None else self.before
        elif self.before is not None:
            self._record.unlink(missing_ok=True)
            self.before = None

    def lower(self, connection: Connection, live_ms: int) -> None:
        """Lower it; noted first, so that no moment is without the way back."""
        self.before = live_ms
        note(self._record, f"{live_ms}\n")
        self._set(connection, LOWERED_MS)

    def give_back(self, connection: Connection) -> None:
        """Set the value from before; the next look forgets it when it is there."""
        if self.before is not None:
            self._set(connection, self.before)

    def _set(self, connection: Connection, value: int) -> None:
        try:
            connection.call("SENTINEL", "SET", self._name, OPTION, value)
        except ReplyError as error:  # set, but not saved (a full disk): the next look sees the live value
            print(f"SENTINEL SET {OPTION} {value}: {error}", flush=True)
