"""AWS's API: the account's own, or the emulated one of this machine. A look only reads; a runbook changes too."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .emulator import emulator_command
from .errors import OpsError
from .owner import last_words, run_owner

# Service, operation as botocore calls it, parameters, region -> the answer.
Ask = Callable[[str, str, Mapping[str, Any], str], Mapping[str, Any]]
READING = ("describe_", "get_", "list_")  # whatever else an operation does, a look does not call it
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 5, 20, 3  # of one call that reads
# A call that changes something is tried once: whether it was done is asked before it is made again (runbook/running.py).
CHANGING_ATTEMPTS = 1
EMULATED_SECONDS = 120  # a command that starts on a busy computer


# What botocore's standard retries call throttled or transient (botocore/retries/standard.py, TransientRetryableChecker and
# ThrottledRetryableChecker), and SSM's own word for two writes at once (botocore ssm, PutParameter, TooManyUpdates).
TRANSIENT = frozenset(
    {"RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete", "InternalError", "InternalFailure"}
    | {"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException"}
    | {"RequestThrottled", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "SlowDown"}
    | {"ProvisionedThroughputExceededException", "TransactionInProgressException", "EC2ThrottledException"}
    | {"InternalServerError", "ServiceUnavailable", "TooManyUpdates"}
)


class CloudError(OpsError):
    """A call of AWS's API that failed; `code` is AWS's, empty when AWS was not reached or did not answer.

    `transient`: it may succeed a little later. Whether a call that changes something was done is not known then.
    """

    def __init__(self, text: str, code: str = "", *, transient: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.transient = transient or code in TRANSIENT


def ask_of(stack: str, program: Path, *, emulated: bool) -> Ask:
    """Return how the world of a stack is asked; a call that changes something is a ValueError."""
    return only_reading(calls_of(stack, program, emulated=emulated))


def calls_of(stack: str, program: Path, *, emulated: bool) -> Ask:
    """Return how the world of a stack is asked and changed."""
    return _emulated(stack, program) if emulated else _asking(dict, {})


def real() -> Ask:
    """Ask AWS with the credentials of this process (a role, AWS_PROFILE, AWS_ACCESS_KEY_ID); reading only."""
    return only_reading(_asking(dict, {}))


def only_reading(calls: Ask) -> Ask:
    """Return the same without what changes something."""

    def ask(service: str, operation: str, parameters: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        _reads(operation)
        return calls(service, operation, parameters, region)

    return ask


def _emulated(stack: str, program: Path) -> Ask:
    """Ask the emulated AWS of a stack; where it listens is looked up once, before the first call."""

    def where() -> Mapping[str, Any]:
        command = emulator_command("environment", stack, program)
        done = run_owner(command, stack, program, what="emulated AWS", seconds=EMULATED_SECONDS)
        if done.returncode:
            raise CloudError(last_words(done))
        told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return {
            "endpoint_url": told["AWS_ENDPOINT_URL"],
            "aws_access_key_id": told["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": told["AWS_SECRET_ACCESS_KEY"],
        }

    # Of the caller's own AWS nothing is read: no configuration file, no AWS_PROFILE.
    unread = {"config_file": (None, None, os.devnull, None), "profile": (None, None, None, None)}
    # It is on this machine: no proxy of the caller's environment knows it, and no host name may be put before its address.
    return _asking(where, unread, proxies={}, inject_host_prefix=False)


def _asking(where: Callable[[], Mapping[str, Any]], variables: Mapping[str, Any], **settings: Any) -> Ask:
    """Ask with botocore: `where` and what its clients are made with, the session's `variables`, `settings` for their Config."""
    import botocore.exceptions  # noqa: PLC0415 - a look at stacks without AWS never loads it
    import botocore.session  # noqa: PLC0415 - as above
    from botocore.config import Config  # noqa: PLC0415 - as above

    session = botocore.session.Session(session_vars=dict(variables))
    clients: dict[tuple[str, str, int], Any] = {}
    place: dict[str, Any] = {}

    def config(attempts: int) -> Config:
        return Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            user_agent_extra="redis-ha",
            **settings,
        )

    def ask(service: str, operation: str, parameters: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        attempts = ATTEMPTS if operation.startswith(READING) else CHANGING_ATTEMPTS
        key = (service, region, attempts)
        try:
            if key not in clients:
                if not clients:
                    place.update(where())
                clients[key] = session.create_client(service, region_name=region, config=config(attempts), **place)
            answer: Mapping[str, Any] = getattr(clients[key], operation)(**parameters)
        except botocore.exceptions.ClientError as error:
            told = error.response.get("Error", {})
            raise CloudError(f"{service} in {region}: {told.get('Message') or error}", str(told.get("Code") or "")) from None
        except botocore.exceptions.NoCredentialsError:
            raise CloudError(
                f"{service} in {region}: no AWS credentials: give this process some (a role, AWS_PROFILE or AWS_ACCESS_KEY_ID)"
            ) from None
        except (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError) as error:
            raise CloudError(f"{service} in {region}: {error}", transient=True) from None
        except botocore.exceptions.BotoCoreError as error:
            raise CloudError(f"{service} in {region}: {error}") from None
        return answer

    return ask


def _reads(operation: str) -> None:
    if not operation.startswith(READING):
        raise ValueError(f"{operation} is no reading call")


# --- what several looks need ---


def parameter(ask: Ask, name: str, region: str) -> str | None:
    """Return an SSM parameter's text, None when there is none."""
    try:
        answer = ask("ssm", "get_parameter", {"Name": name}, region)
    except CloudError as error:
        if error.code == "ParameterNotFound":
            return None
        raise
    return str(answer["Parameter"]["Value"])


def record_sets(ask: Ask, zone_id: str, name: str, region: str) -> list[Mapping[str, Any]]:
    """Return the record sets of one name in a hosted zone.

    They come in the order of their names; one name has a type or two and, weighted, at most 100 sets
    (docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html).
    """
    wanted = plain_name(name)
    found: list[Mapping[str, Any]] = []
    start: dict[str, Any] = {"StartRecordName": wanted}
    while True:
        answer = ask("route53", "list_resource_record_sets", {"HostedZoneId": zone_id, **start}, region)
        rows = answer.get("ResourceRecordSets") or []
        same = [row for row in rows if plain_name(str(row["Name"])) == wanted]
        found += same
        if not answer.get("IsTruncated") or plain_name(str(answer.get("NextRecordName") or "")) != wanted:
            return found
        start = {
            given: answer[told]
            for given, told in (
                ("StartRecordName", "NextRecordName"),
                ("StartRecordType", "NextRecordType"),
                ("StartRecordIdentifier", "NextRecordIdentifier"),
            )
            if answer.get(told)
        }


def zones_of(ask: Ask, name: str, region: str) -> list[str]:
    """Return the ids of the account's hosted zones that a name may be in: the longest first, then private ones."""
    wanted = plain_name(name)
    fitting: list[tuple[int, bool, str]] = []
    start: dict[str, Any] = {}
    while True:
        answer = ask("route53", "list_hosted_zones", start, region)
        for zone in answer.get("HostedZones") or []:
            own = plain_name(str(zone["Name"]))
            if wanted == own or wanted.endswith(f".{own}"):
                private = bool((zone.get("Config") or {}).get("PrivateZone"))
                fitting.append((len(own), private, str(zone["Id"]).rpartition("/")[2]))
        if not answer.get("IsTruncated"):
            return [zone_id for _, _, zone_id in sorted(fitting, reverse=True)]
        start = {"Marker": answer["NextMarker"]}


def plain_name(name: str) -> str:
    """Return a host name in small letters, without its last dot; Route 53 writes a wildcard by its octal number."""
    return name.rstrip(".").lower().replace("\\052", "*")
