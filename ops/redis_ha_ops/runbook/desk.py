"""The operator's side of a run, what its steps are given, and how it ended."""

from __future__ import annotations

import getpass
import hashlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis_ha_ops.cloud import CloudError
from redis_ha_ops.errors import OpsError

from . import journal, lease
from .journal import Journal, Outcome, read_journal
from .records import Records

POLL_SECONDS = 1.0


class PausedError(Exception):
    """The operator asked for a pause (Ctrl-C, SIGTERM); raised between calls."""


@dataclass
class Desk:
    """The operator's side: where runs are written down, and how the operator is told."""

    records: Records
    folder: Path
    say: Callable[[str], None]
    operator: str = field(default_factory=lambda: f"{getpass.getuser()}@{socket.gethostname()}")
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    renew_seconds: float = lease.RENEW_SECONDS

    @property
    def name(self) -> str:
        """Tells one lock apart from another: user, computer and folder, as a digest."""
        return hashlib.sha256(f"{self.operator}:{self.folder.absolute()}".encode()).hexdigest()[:16]


@dataclass
class Run:
    """What a step is given. facts: plain JSON that later steps, resumed ones too, find again."""

    journal: Journal
    desk: Desk
    check: Callable[[], None] = lambda: None

    @property
    def facts(self) -> dict[str, Any]:
        """What steps keep for later steps; written down with the step that is done."""
        return self.journal.facts

    def say(self, text: str) -> None:
        """Tell the operator."""
        self.desk.say(text)

    def wait(self, what: str, look: Callable[[], bool], seconds: float) -> None:
        """Look until it is so; OpsError after `seconds`. A pause ends the waiting, and so does a lost lease.

        A look that AWS throttles or does not answer is made again.
        """
        end = self.desk.now().timestamp() + seconds
        while True:
            self.check()
            trouble = ""
            try:
                if look():
                    return
            except CloudError as error:
                if not error.transient:
                    raise
                trouble = f" ({error})"
            if self.desk.now().timestamp() >= end:
                raise OpsError(f"{what}: not so after {seconds:g} s{trouble}")
            self.desk.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Ended:
    """How a run ended, and why it did not end as planned."""

    outcome: Outcome
    journal: Journal
    why: str | None = None
    report: str | None = None


# Makes the report of a run that is over; returns the path of it.
Finish = Callable[[Journal, Outcome], "str | None"]


def unfinished(records: Records) -> Journal | None:
    """Return the run that has not ended; None: there is none."""
    found = records.read(journal.NAME)
    return None if found is None else read_journal(found, records.where)


def written(moment: datetime) -> str:
    """Write a time as records have it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
