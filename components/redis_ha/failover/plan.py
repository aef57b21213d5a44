"""What a FailoverAutomation is, once its arguments are checked: plain data, and the names that follow from it. No Pulumi.

What AWS knows only later (ARNs of topics, secrets) is in it as it was given: it may be an Output, and is only handed on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .alarm_table import Definition
from .function.settings import SPARE_SECONDS, document_name, spare_seconds

# docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: seconds that a run may take.
MOST_SECONDS = 900


@dataclass(frozen=True)
class Topic:
    """An SNS topic that the function listens to: the argument that gives it, what its resources are called by, its ARN."""

    argument: str
    key: str
    arn: Any


@dataclass(frozen=True)
class Receiver:
    """Who is told: `kind` is email, slack, pagerduty or webhook, `key` what its resources are called by.

    `endpoint` is where it is told (None: many addresses by one topic), and no secret where it is `public`; `secret` is what it
    is told with, in `header`.
    """

    kind: str
    key: str
    endpoint: Any = None
    public: bool = False
    secret: Any = None
    header: str = ""


@dataclass(frozen=True)
class Server:
    """A server that gets copies: `kind` is consul or vault, `secret_arn` may be an Output, `mount` is of Vault alone."""

    kind: str
    url: str
    secret_arn: Any
    mount: str = ""

    @property
    def environment(self) -> dict[str, Any]:
        """Return the function's variables for it."""
        found = {"URL": self.url, "SECRET": self.secret_arn, **({"MOUNT": self.mount} if self.mount else {})}
        return {f"{self.kind.upper()}_{name}": value for name, value in found.items()}


@dataclass(frozen=True)
class Plan:
    """One FailoverAutomation as far as it is known before its resources are made."""

    name: str
    region: str
    function_name: str
    groups: tuple[str, ...]
    topics: tuple[Topic, ...]
    kms_keys: Mapping[str, Any]
    parameter_path: str
    event_source: str
    schedule_minutes: int
    cloudtrail: bool
    wait_seconds: int
    reserved_concurrency: int
    memory_mb: int
    max_event_age_seconds: int
    log_retention_days: int
    tracing: bool
    subnet_ids: Sequence[Any]
    security_group_ids: Sequence[Any]
    servers: tuple[Server, ...]
    alarms: tuple[Definition, ...]
    nodes: Mapping[str, Mapping[str, tuple[str, ...]]]
    alarm_topics: Sequence[Any]
    alarm_actions: bool
    severities: tuple[str, ...]
    emails: tuple[str, ...]
    receivers: tuple[Receiver, ...]
    tags: tuple[tuple[str, str], ...]
    protect: bool

    @property
    def timeout_seconds(self) -> int:
        """Return how long a run may take: the wait, and for each group and at the end what its calls may need."""
        return timeout_seconds(self.wait_seconds, len(self.groups), len(self.servers))

    @property
    def parameter_names(self) -> dict[str, str]:
        """Return the name of the parameter of each group's document."""
        return {group: document_name(self.parameter_path, group) for group in self.groups}

    @property
    def environment(self) -> dict[str, Any]:
        """Return the function's variables, but for the bus."""
        copies = {name: value for server in self.servers for name, value in server.environment.items()}
        return {
            **copies,
            "REPLICATION_GROUPS": ",".join(self.groups),
            "PARAMETER_PATH": self.parameter_path,
            "EVENT_SOURCE": self.event_source,
            "WAIT_SECONDS": str(self.wait_seconds),
        }

    @property
    def schedule(self) -> str:
        """Return the rule's expression (docs.aws.amazon.com, eventbridge, "Rate expressions": one is singular)."""
        return f"rate({self.schedule_minutes} minute{'' if self.schedule_minutes == 1 else 's'})"

    def connection(self, group: str) -> dict[str, Any]:
        """Return how an application finds a group: by the parameter that the function writes."""
        return {"version": 1, "kind": "ssm", "region": self.region, "parameter": self.parameter_names[group]}


def timeout_seconds(wait_seconds: int, groups: int, servers: int) -> int:
    """Return how long a run of the function may take."""
    return wait_seconds + int(spare_seconds(servers)) * groups + int(SPARE_SECONDS)
