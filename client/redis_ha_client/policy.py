"""How long a command may take, and why: the time budget of a client against the clocks of the servers."""

from dataclasses import dataclass, fields, replace

from .errors import DocumentError

# Server-side clocks, redis/redis src/sentinel.c (same in 6.2, 7.x and 8.0):
SENTINEL_PING_SECONDS = 1.0  # SENTINEL_PING_PERIOD: a master's silence is noticed up to one period late
SENTINEL_ELECTION_SECONDS = (
    10.0  # sentinel_election_timeout: the longest a Sentinel waits for votes (or failover-timeout if less)
)
FAILED_ELECTION_PAUSE = 2  # times failover-timeout: sentinelStartFailoverIfNeeded waits that long after a failed attempt
# A promoted master under min-replicas-to-write refuses writes until a replica has attached to it and acknowledged: replicas
# are told within a second or two, reconnect once a second and acknowledge once a second (src/replication.c replicationCron).
REPLICA_ATTACH_SECONDS = 5.0

# TCP keepalive of every connection: a peer that vanished (power cut: no FIN, no RST) while the client waits for a blocking
# command is noticed after 5 + 3 x 2 = 11 s. redis-py's own 30/5/3 (45 s) is longer than the default budget.
KEEPALIVE_IDLE_SECONDS = 5
KEEPALIVE_INTERVAL_SECONDS = 2
KEEPALIVE_PROBES = 3
# A connection idle for longer is tried with a PING before it gets a command (redis-py's check is lazy: no background thread).
HEALTH_CHECK_SECONDS = 15


# ElastiCache publishes no seconds for a failover: docs.aws.amazon.com/AmazonElastiCache AutoFailover says "typically a few
# seconds" until writes resume, aws-samples/fis-template-library expects 30 s, redis/ioredis' README has seen about a minute.
MANAGED_FAILOVER_SECONDS = 60.0
# Without a replica to promote there is nothing to wait for: a new node is made in minutes (same AWS page). Ride over a blip.
NO_FAILOVER_SECONDS = 10.0
# The reader endpoint spreads connections, not requests (DNS round robin, same AWS pages): an old connection would stay with one
# replica for ever, also after others came. Renewed after this time, less up to a fifth so that a fleet does not do so at once.
READER_AGE_SECONDS = 60.0
# ElastiCache cuts a connection that logged in by IAM after 12 h (docs.aws.amazon.com/AmazonElastiCache auth-iam).
IAM_AGE_SECONDS = 11 * 3600.0
AGE_JITTER = 0.2


@dataclass(frozen=True)
class ManagedFailover:
    """What ElastiCache does about a lost primary, from `connection["failover"]`; it publishes no clocks."""

    automatic: bool
    multi_az: bool
    replicas: int

    @property
    def promotes(self) -> bool:
        """Whether a replica takes a lost primary's place by itself."""
        return self.automatic and self.replicas > 0

    def default_budget_seconds(self) -> float:
        """Return the budget of a command that nobody set."""
        return MANAGED_FAILOVER_SECONDS if self.promotes else NO_FAILOVER_SECONDS


@dataclass(frozen=True)
class FailoverClocks:
    """The clocks of the servers, from `connection["failover"]`, in seconds."""

    down_after_seconds: float
    failover_timeout_seconds: float
    min_replicas_to_write: int

    def one_failover_seconds(self) -> float:
        """Return the longest time from a master's last answer to its successor's first write, if one election suffices."""
        election = min(SENTINEL_ELECTION_SECONDS, self.failover_timeout_seconds)
        attach = REPLICA_ATTACH_SECONDS if self.min_replicas_to_write else 0.0
        return self.down_after_seconds + SENTINEL_PING_SECONDS + election + attach

    def default_budget_seconds(self) -> float:
        """Return the budget of a command that nobody set."""
        return self.one_failover_seconds()

    def two_elections_seconds(self) -> float:
        """Return the same if the first election fails: Sentinels wait twice the failover-timeout before they try again."""
        return self.one_failover_seconds() + FAILED_ELECTION_PAUSE * self.failover_timeout_seconds


@dataclass(frozen=True)
class FailoverPolicy:
    """How a client behaves while a master is lost. All times in seconds; the defaults suit a cluster in one region.

    total_seconds: the budget of ONE command, everything included: waiting for a pool slot, asking Sentinels, connecting, every
        attempt and every pause. Default None: computed from the stack's clocks so that one failover fits
        (down-after + 1 s ping + up to 10 s election + 5 s until a replica has attached; ElastiCache publishes no clocks: 60 s,
        and 10 s where no replica can be promoted). A blocking command (BLPOP ...) gets
        its own waiting time on top. Smaller values are allowed: the command then fails in a failover, and `describe` says so.
    connect_seconds: longest wait for one TCP/TLS connect, and for each answer of the handshake.
    read_seconds: longest silence while waiting for an answer. A healthy but slow command (a big Lua script) must stay below it.
    sentinel_seconds: longest wait for one Sentinel's connect or answer; below 0.1 a loaded Sentinel looks dead.
    backoff_base_seconds, backoff_cap_seconds: the pause before attempt n is random between 0 and min(cap, base x 2^(n-1)).
    idle_seconds: a connection that was not used for longer is closed and dialled anew at its next use, and a cluster's layout
        is read anew: nothing waits for a node that went away meanwhile. For a process that is frozen between its commands.
        Default None: never; a connection that was idle for 15 s is tried with a PING.
    resend_ambiguous: what happens to a command that was sent and stayed without an answer. True (default, as redis-py does):
        it is sent again, so it survives a failover, but an INCR or LPUSH may then count twice. False: nothing is ever sent
        twice; the caller gets OutcomeUnknownError at once. What was refused or never sent is tried again in both cases.
    """

    total_seconds: float | None = None
    connect_seconds: float = 1.0
    read_seconds: float = 2.0
    sentinel_seconds: float = 0.5
    backoff_base_seconds: float = 0.05
    backoff_cap_seconds: float = 1.0
    idle_seconds: float | None = None
    resend_ambiguous: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "resend_ambiguous":
                if not isinstance(value, bool):
                    raise DocumentError(f"FailoverPolicy.resend_ambiguous is {value!r}: must be True or False")
            elif value is None and field.name in ("total_seconds", "idle_seconds"):
                continue
            elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise DocumentError(f"FailoverPolicy.{field.name} is {value!r}: must be a number of seconds above 0")

    def for_clocks(self, clocks: FailoverClocks | ManagedFailover) -> "FailoverPolicy":
        """Return the policy with a computed total_seconds where none was given."""
        return self if self.total_seconds is not None else replace(self, total_seconds=clocks.default_budget_seconds())

    @property
    def budget_seconds(self) -> float:
        """total_seconds of a policy that `for_clocks` has completed."""
        if self.total_seconds is None:
            raise DocumentError("FailoverPolicy.total_seconds is not known yet: call for_clocks() first")
        return self.total_seconds
