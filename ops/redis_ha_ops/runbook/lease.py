"""The lease: one run at a time on a stack. A record with a holder, a purpose and an end.

The rule: a lease that is not over is respected. One that has been over for GRACE_SECONDS, which the computers' clocks may
differ by, is taken over by the first who replaces it. One whose holder is this user in this folder, with no process of a run
alive (its lock is free), is taken over at once: that run was killed.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from redis_ha_ops.errors import OpsError

from .records import Record, Records

NAME = "lease"
VERSION = 1
LEASE_SECONDS = 120.0  # a run that is killed elsewhere keeps others off for so long, and the grace
RENEW_SECONDS = 40.0  # a third: two renewals may fail
GRACE_SECONDS = 30.0


class LeaseError(OpsError):
    """Somebody else has the lease, or this run has lost it."""


@dataclass(frozen=True)
class Lease:
    """What the record says. desk: the holder's user, computer and folder, as a digest; key: drawn anew by each holder."""

    holder: str
    expires: datetime
    purpose: str
    run: str
    desk: str
    key: str

    def text(self) -> str:
        """Return it as it is written."""
        return json.dumps({"version": VERSION, **asdict(self), "expires": _written(self.expires)})


def read_lease(text: str) -> Lease | None:
    """Read a lease; None for what is none. One of another tool may lack all but its holder and its end."""
    try:
        found = json.loads(text)
        expires = datetime.fromisoformat(str(found["expires"]))
        rest = {name: str(found.get(name, "")) for name in ("holder", "purpose", "run", "desk", "key")}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return Lease(expires=expires if expires.tzinfo else expires.replace(tzinfo=UTC), **rest)


def obstacle(lease: Lease, desk: str, now: datetime) -> str | None:
    """Return why a lease is respected; None when it may be taken over. The caller holds its desk's lock."""
    over = lease.expires + timedelta(seconds=GRACE_SECONDS)
    if now >= over or (lease.desk and lease.desk == desk):
        return None
    until = _written(lease.expires)
    purpose = f" for {lease.purpose}" if lease.purpose else ""
    return f"held by {lease.holder}{purpose} until {until}; it can be taken over {(over - now).total_seconds():.0f} s from now"


class Keeper:
    """Takes a lease, renews it from a thread, and gives it back."""

    def __init__(self, records: Records, lease: Lease, now: Callable[[], datetime], renew_seconds: float) -> None:
        self.records = records
        self.lease = lease
        self.now = now
        self.renew_seconds = renew_seconds
        self.lost: str | None = None  # why
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renewing, name="lease", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def renew(self) -> None:
        """Write a later end, unless somebody else is in the record."""
        found = self.records.read(NAME)
        held = read_lease(found.text) if found else None
        if found is None or held is None or held.key != self.lease.key:
            self.lost = f"{self.records.where}/{NAME} is {'gone' if held is None else f'held by {held.holder}'}"
            return
        later = _later(self.lease, self.now())
        if self.records.replace(NAME, later.text(), found.version):
            self.lease = later

    def check(self) -> None:
        """LeaseError when it is lost, or over without having been renewed."""
        if self.lost is None and self.now() >= self.lease.expires:
            self.lost = f"{self.records.where}/{NAME} is over: it could not be renewed"
        if self.lost is not None:
            raise LeaseError(f"the lease is lost: {self.lost}")

    def give_back(self) -> None:
        """End the renewing; remove the record when it is still this run's."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        found = self.records.read(NAME)
        held = read_lease(found.text) if found else None
        if held is not None and held.key == self.lease.key:
            self.records.remove(NAME)

    def _renewing(self) -> None:
        while not self._stop.wait(self.renew_seconds) and self.lost is None:
            try:
                self.renew()
            except OpsError:
                continue  # tried again; `check` tells when the lease is over


def take(records: Records, holder: str, purpose: str, run: str, desk: str, now: Callable[[], datetime]) -> Lease:
    """Take the lease by the rule above; LeaseError says who has it."""
    moment = now()
    wanted = _later(Lease(holder, moment, purpose, run, desk, secrets.token_hex(8)), moment)
    found = records.read(NAME)
    if found is None:
        if records.create(NAME, wanted.text()):
            return wanted
        raise LeaseError(f"{records.where}/{NAME}: somebody else was first; nothing was touched")
    held = read_lease(found.text)
    if held is None:
        raise LeaseError(f"{records.where}/{NAME} holds no lease: look who wrote it, and delete it; nothing was touched")
    why = obstacle(held, desk, moment)
    if why is not None:
        raise LeaseError(f"{records.where}/{NAME} is {why}; nothing was touched")
    if not records.replace(NAME, wanted.text(), found.version):
        raise LeaseError(f"{records.where}/{NAME} was over, and somebody else was first; nothing was touched")
    return wanted


def shown(found: Record | None, now: datetime) -> str | None:
    """Return a lease in words for a look at the stack; None when there is none."""
    held = read_lease(found.text) if found else None
    if held is None:
        return None
    state = "until" if now < held.expires else "was over at"
    return f"{held.purpose or 'a run'} by {held.holder}, {state} {_written(held.expires)}"


def _later(lease: Lease, now: datetime) -> Lease:
    return Lease(**{**asdict(lease), "expires": now + timedelta(seconds=LEASE_SECONDS)})


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
