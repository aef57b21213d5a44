"""What the function is told by its environment: checked together, before anything is asked of AWS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# botocore, elasticache 2015-02-02, CreateReplicationGroupMessage.ReplicationGroupId: 1 to 40 letters, digits and single
# hyphens, a letter first, no hyphen last; "stored as a lowercase string".
GROUP_ID = re.compile(r"(?=.{1,40}\Z)[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# botocore, ssm 2014-11-06, PutParameterRequest.Name: letters, digits and _.-, at most fifteen levels. Below the path are the
# group's id and the name of the parameter.
PARAMETER_PATH = re.compile(r"(?:/[A-Za-z0-9_.-]+){1,13}")
RESERVED_PATHS = ("/aws", "/ssm")  # the same place: no name begins so, in either case
# botocore, events 2015-10-07, NonPartnerEventBusNameOrArn.
EVENT_BUS = re.compile(r"(?:arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus/)?[.\-_A-Za-z0-9]+")
DEFAULT_SOURCE = "redis-ha"
# docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html: sources of AWS services begin with "aws.", and
# PutEvents takes none that do.
RESERVED_SOURCE = "aws."
DEFAULT_WAIT_SECONDS = 30.0
MOST_WAIT_SECONDS = 600.0  # docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: a function runs for 900 s at most
SPARE_SECONDS = 15.0  # of the function's time, left for the calls of a last look
COPY_SECONDS = 30.0  # the same for a server that gets copies: two attempts of up to seven requests of 2 s each


# A server's address alone: no path, no query, and nobody's name or password, which would stand in the function's environment.
SERVER = re.compile(r"https://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?/?")
# docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html, "Secrets Manager resources".
SECRET_ARN = re.compile(r"arn:aws[\w-]*:secretsmanager:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:secret:[\w/+=.@-]+")
# developer.hashicorp.com/vault/docs/concepts/mount-migration: a mount is a path, without slashes at its ends here.
MOUNT = re.compile(r"[\w-]+(?:/[\w-]+)*")
DEFAULT_MOUNT = "secret"  # where a development server of Vault has its version 2 store (vault/docs/secrets/kv/kv-v2)
CONSUL = "consul"
VAULT = "vault"


class ConfigurationError(Exception):
    """The function's environment is not what it needs. The text names every variable, its value and the remedy."""


@dataclass(frozen=True)
class CopyTo:
    """A server that gets copies of the documents; `mount` is of Vault alone."""

    kind: str
    url: str
    secret_arn: str
    mount: str = ""


@dataclass(frozen=True)
class Settings:
    """The function's configuration."""

    region: str
    groups: tuple[str, ...]
    parameter_path: str
    event_bus: str
    event_source: str
    wait_seconds: float
    copies: tuple[CopyTo, ...] = ()

    @property
    def spare_seconds(self) -> float:
        """Return the time that is left for what comes after the last look."""
        return spare_seconds(len(self.copies))


def spare_seconds(servers: int) -> float:
    """Return the time that a group's calls may need, with so many servers that get copies."""
    return SPARE_SECONDS + COPY_SECONDS * servers


def document_name(parameter_path: str, group_id: str) -> str:
    """Return the name of the parameter that holds a group's document."""
    return f"{parameter_path}/{group_id}/endpoints"


def host_and_port_name(parameter_path: str, group_id: str) -> str:
    """Return the name of the parameter that holds host:port alone."""
    return f"{parameter_path}/{group_id}/host-port"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the environment variables.

    REPLICATION_GROUPS   the groups' ids with commas between them; they are of the function's own region
    PARAMETER_PATH       SSM path below which the documents are written, such as /redis-ha/prod/failover
    EVENT_BUS            name or ARN of the EventBridge bus that events are relayed to
    EVENT_SOURCE         their source; default "redis-ha"; never beginning with "aws."
    WAIT_SECONDS         how long a group is looked at again while it is not available; 0 to 600, default 30
    CONSUL_URL           https address of a Consul server that gets copies; default none
    CONSUL_SECRET        ARN of the secret with its token, {"token": "...", "ca_pem": "..."}, ca_pem where it is needed
    VAULT_URL            https address of a Vault server that gets copies; default none
    VAULT_SECRET         as CONSUL_SECRET
    VAULT_MOUNT          where its key/value store of version 2 is mounted; default "secret"
    AWS_REGION           is set by Lambda

    Raises ConfigurationError for all that is wrong together.
    """
    groups = tuple(name.strip() for name in environment.get("REPLICATION_GROUPS", "").split(",") if name.strip())
    problems = _wrong_groups(groups)
    path = environment.get("PARAMETER_PATH", "")
    if not PARAMETER_PATH.fullmatch(path) or path.lower().startswith(RESERVED_PATHS):
        problems.append(
            f'PARAMETER_PATH: "{path}" is no path of SSM parameters; give one such as /redis-ha/prod/failover, which does not '
            "begin with aws or ssm"
        )
    bus = environment.get("EVENT_BUS", "")
    if not EVENT_BUS.fullmatch(bus):
        problems.append(f'EVENT_BUS: "{bus}" is no EventBridge bus; give the name or the ARN of a bus')
    source = environment.get("EVENT_SOURCE", DEFAULT_SOURCE)
    if not source or source.lower().startswith(RESERVED_SOURCE):
        problems.append(
            f'EVENT_SOURCE: "{source}" is no source of events of your own; "aws." is reserved for AWS services, give another '
            f"such as {DEFAULT_SOURCE}"
        )
    wait = _number(environment.get("WAIT_SECONDS", str(DEFAULT_WAIT_SECONDS)))
    if wait is None or not 0 <= wait <= MOST_WAIT_SECONDS:
        problems.append(
            f'WAIT_SECONDS: "{environment.get("WAIT_SECONDS")}" is no number of seconds from 0 to {MOST_WAIT_SECONDS:.0f}; '
            f"leave it out for {DEFAULT_WAIT_SECONDS:.0f}"
        )
    copies = [made for kind in (CONSUL, VAULT) if (made := _copy_to(kind, environment, problems)) is not None]
    region = environment.get("AWS_REGION", "")
    if not region:
        problems.append("AWS_REGION is missing; Lambda sets it, elsewhere set it yourself")
    if problems or wait is None:
        raise ConfigurationError("; ".join(problems))
    return Settings(region, groups, path, bus, source, wait, tuple(copies))


def _wrong_groups(groups: tuple[str, ...]) -> list[str]:
    if not groups:
        return ["REPLICATION_GROUPS is missing; give the replication groups' ids with commas between them"]
    problems = [
        f'REPLICATION_GROUPS: "{name}" is no id of a replication group; give the id alone, in lower case as AWS keeps it'
        for name in groups
        if not GROUP_ID.fullmatch(name)
    ]
    if len(set(groups)) < len(groups):
        problems.append(f'REPLICATION_GROUPS: "{",".join(groups)}" names a group twice; name each once')
    return problems


def _copy_to(kind: str, environment: Mapping[str, str], problems: list[str]) -> CopyTo | None:
    """Read one server's variables, and add what is wrong with them; None when it gets no copies."""
    names = {part: f"{kind.upper()}_{part}" for part in ("URL", "SECRET", "MOUNT")}
    given = {part: environment.get(name, "") for part, name in names.items()}
    if not given["URL"]:
        problems += [
            f"{names[part]}: {names['URL']} is missing; give both or none" for part in ("SECRET", "MOUNT") if given[part]
        ]
        return None
    if not SERVER.fullmatch(given["URL"]):
        # The value may hold a password.
        problems.append(f"{names['URL']}: is no https address of a server; give one such as https://{kind}.internal:8200")
    if not SECRET_ARN.fullmatch(given["SECRET"]):
        problems.append(f'{names["SECRET"]}: "{given["SECRET"]}" is no ARN of a secret; give that of the token\'s secret')
    mount = given["MOUNT"] or (DEFAULT_MOUNT if kind == VAULT else "")
    if mount and not MOUNT.fullmatch(mount):
        problems.append(f'{names["MOUNT"]}: "{mount}" is no path of a mount; give one such as {DEFAULT_MOUNT}')
    return CopyTo(kind, given["URL"], given["SECRET"], mount)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
