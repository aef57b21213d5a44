"""Which region of a global datastore takes writes: what is known of it, and when to ask again. Plain decisions.

AWS promotes no region by itself, and the endpoints of a demoted one live on and refuse writes
(docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastore.html): so the client asks a writer record or an SSM
parameter at its first dial, once a minute, and when the region it knows refuses or is gone.
"""

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .budget import current_budget
from .documents import ClusterConnection, GlobalConnection, ParameterWriter, PrimaryConnection, RecordWriter
from .errors import WriterForbiddenError, WriterUnknownError

# A client that only reads notices a promotion after this time at the latest; one that writes is told by READONLY.
LOOK_UP_SECONDS = 60.0
# The shortest time between two look-ups of one client while its region refuses or is gone. A name server answers from its
# cache; GetParameter is answered 40 times a second, for all clients of an account in a region together
# (docs.aws.amazon.com/general/latest/gr/ssm.html).
RECORD_PAUSE_SECONDS = 1.0
PARAMETER_PAUSE_SECONDS = 5.0
LOOK_UP_JITTER = 0.2  # so that a fleet does not ask at once
PARAMETER_VERSION = 1

# What the writer says: a canonical host name, or a parameter's text, None when there is no such parameter.
Ask = Callable[[], str | None]


class Writer:
    """The region that takes writes, as far as is known. Shared by all connections of a client, in any thread.

    `region` is None until the first look-up. A failed look-up keeps what is known: a name server or an SSM that is away does
    not take a working region from its clients.
    """

    def __init__(self, connection: GlobalConnection, ask: Ask | None) -> None:
        self.connection = connection
        self.region: str | None = connection.primary_region if connection.writer is None else None
        self.lock = threading.Lock()  # one look-up at a time, among threads
        self.turn = asyncio.Lock()  # ... and among tasks
        self._ask = ask
        self.asked_at = float("-inf")
        self.named_at = float("-inf")  # when the question was put that `region` is the answer to
        self._due_at = float("-inf") if connection.writer is not None else float("inf")
        self._hurried_at = float("-inf")

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy or pickle what to ask; the answer is asked for anew."""
        return type(self), (self.connection, self._ask)

    def __repr__(self) -> str:
        return f"<Writer {self.source}: {self.region}>"

    @property
    def source(self) -> str:
        """Where the region comes from, for errors."""
        return source_of(self.connection)

    @property
    def due(self) -> bool:
        """Whether to look up before the next use."""
        return time.monotonic() >= self._due_at

    @property
    def known(self) -> str:
        """The region to dial."""
        if self.region is None:
            raise WriterUnknownError(f"{self.source} has not been looked up yet")
        return self.region

    def look_up(self) -> None:
        """Ask, take note of the answer, and raise only when no region is known at all."""
        self.asked_at = time.monotonic()
        self._due_at = self.asked_at + _jittered(LOOK_UP_SECONDS)
        try:
            self.region = self._answer()
            self.named_at = self.asked_at
        except (WriterUnknownError, WriterForbiddenError) as error:
            self._due_at = self.asked_at + self._pause
            if self.region is None:
                raise
            _remember(str(error))

    def doubted(self, *, refused: bool = False, at_once: bool = False) -> None:
        """Note that the region refuses writes or is gone: look up again before the next dial, not more often than the pause.

        at_once: look up now. That too happens once a pause; further mistakes of the caller wait for it.
        """
        if self.connection.writer is None:
            if refused:
                _remember(f"region {self.region} refuses writes: {NO_WRITER}")
            return
        self._due_at = min(self._due_at, self.asked_at + self._pause)
        now = time.monotonic()
        if at_once and self._due_at > now >= self._hurried_at + self._pause:
            self._due_at = self._hurried_at = now

    @property
    def _pause(self) -> float:
        return _jittered(RECORD_PAUSE_SECONDS if isinstance(self.connection.writer, RecordWriter) else PARAMETER_PAUSE_SECONDS)

    def _answer(self) -> str:
        if self._ask is None:
            return self.connection.primary_region
        said = self._ask()
        if isinstance(self.connection.writer, RecordWriter):
            return region_of_name(said or "", self.connection)
        return region_of_parameter(said, self.connection)


NO_WRITER = (
    "after a promotion pass the stack's connection of today, or give the GlobalDatastore a writer (record or parameter) "
    "that clients ask at run time"
)


def source_of(connection: GlobalConnection) -> str:
    """Name where the region that takes writes is told."""
    writer = connection.writer
    if isinstance(writer, RecordWriter):
        return f"record {writer.record}"
    if isinstance(writer, ParameterWriter):
        return f"SSM parameter {writer.name} in {writer.region}"
    return "connection.primary_region"


def region_of_name(name: str, connection: GlobalConnection) -> str:
    """Return the region to whose group a canonical host name belongs.

    Endpoints are CNAMEs themselves: a resolver gives the last name of the chain, a node's. All names of ElastiCache in a region
    end alike, with the region's short name (docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html).
    """
    plain = name.rstrip(".").lower()
    for region, one in connection.regions.items():
        for host in hosts_of(one):
            if plain == host or any(plain.endswith(f".{domain}") for domain in _domain(host)):
                return region
    known = ", ".join(f"{region}: {next(hosts_of(one))}" for region, one in connection.regions.items())
    raise WriterUnknownError(
        f"{source_of(connection)} leads to {plain!r}, which is in no region of the connection ({known}): let it be a CNAME of "
        "the endpoint in the region that takes writes, or pass the stack's connection of today"
    )


def region_of_parameter(text: str | None, connection: GlobalConnection) -> str:
    """Return the region that an SSM parameter names; one that is not there means that nobody has moved the writer yet."""
    if text is None:
        return connection.primary_region
    source = source_of(connection)
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, Mapping) or data.get("version") != PARAMETER_VERSION or not isinstance(data.get("region"), str):
        raise WriterUnknownError(f'{source} holds no {{"version": {PARAMETER_VERSION}, "region": REGION}}: put it right')
    region: str = data["region"]
    if region not in connection.regions:
        raise WriterUnknownError(
            f"{source} names region {region!r}, which is not in the connection ({', '.join(connection.regions)}): "
            "put it right, or pass the stack's connection of today"
        )
    return region


def hosts_of(connection: PrimaryConnection | ClusterConnection) -> Iterator[str]:
    """Return a group's endpoints, the one for writes first."""
    if isinstance(connection, ClusterConnection):
        yield connection.configuration[0].lower()
        return
    yield connection.primary[0].lower()
    if connection.reader is not None:
        yield connection.reader[0].lower()


def _domain(host: str) -> tuple[str, ...]:
    """Return what all names of ElastiCache in a host's region end with: euc1.cache.amazonaws.com; nothing for another name."""
    for service in ("cache.amazonaws.com", "cache.amazonaws.com.cn"):
        if host.endswith(f".{service}"):
            return (f"{host.removesuffix(f'.{service}').split('.')[-1]}.{service}",)
    return ()


def _jittered(seconds: float) -> float:
    return random.uniform(1 - LOOK_UP_JITTER, 1) * seconds  # noqa: S311 - jitter


def _remember(cause: str) -> None:
    budget = current_budget()
    if budget is not None:
        budget.remember(cause)
