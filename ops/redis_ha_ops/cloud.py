"""AWS's API for a look at a stack: the account's own, or the emulated one by the emulator's command line. Reading only."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .emulator import emulator_command
from .errors import OpsError

# Service, operation as botocore calls it, parameters, region -> the answer.
Ask = Callable[[str, str, Mapping[str, Any], str], Mapping[str, Any]]
READING = ("describe_", "get_", "list_")  # whatever else an operation does, a look does not call it
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 5, 20, 3  # of one call
EMULATED_SECONDS = 120  # a command that starts on a busy computer
_CODE = re.compile(r"An error occurred \((\w+)\)")  # botocore.exceptions.ClientError's text


class CloudError(OpsError):
    """A call of AWS's API that failed; `code` is AWS's, empty when AWS was not reached or did not answer."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


def ask_of(stack: str, program: Path, *, emulated: bool) -> Ask:
    """Return how the world of a stack is asked."""
    return _emulated(stack, program) if emulated else real()


def real() -> Ask:
    """Ask AWS with the credentials of this process (a role, AWS_PROFILE, AWS_ACCESS_KEY_ID)."""
    import botocore.exceptions  # noqa: PLC0415 - a look at stacks without AWS never loads it
    import botocore.session  # noqa: PLC0415 - as above
    from botocore.config import Config  # noqa: PLC0415 - as above

    session = botocore.session.get_session()
    clients: dict[tuple[str, str], Any] = {}
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        user_agent_extra="redis-ha",
    )

    def ask(service: str, operation: str, parameters: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        _reads(operation)
        key = (service, region)
        try:
            if key not in clients:
                clients[key] = session.create_client(service, region_name=region, config=config)
            answer: Mapping[str, Any] = getattr(clients[key], operation)(**parameters)
        except botocore.exceptions.ClientError as error:
            told = error.response.get("Error", {})
            raise CloudError(f"{service} in {region}: {told.get('Message') or error}", str(told.get("Code") or "")) from None
        except botocore.exceptions.NoCredentialsError:
            raise CloudError(
                f"{service} in {region}: no AWS credentials: give this process some (a role, AWS_PROFILE or AWS_ACCESS_KEY_ID)"
            ) from None
        except botocore.exceptions.BotoCoreError as error:
            raise CloudError(f"{service} in {region}: {error}") from None
        return answer

    return ask


def _emulated(stack: str, program: Path) -> Ask:
    def ask(service: str, operation: str, parameters: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        _reads(operation)
        arguments = ["--region", region, service, operation, json.dumps(dict(parameters))]
        command = emulator_command("aws", stack, program, *arguments)
        try:
            done = subprocess.run(
                command,
                cwd=program,
                capture_output=True,
                text=True,
                check=False,
                timeout=EMULATED_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise CloudError(f"{service} in {region}: the emulated AWS gave no answer within {EMULATED_SECONDS} s") from None
        if done.returncode:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            told = lines[-1].removeprefix("error: ") if lines else f"exit code {done.returncode}"
            code = _CODE.search(told)
            raise CloudError(f"{service} in {region}: {told}", code.group(1) if code else "")
        answer: Mapping[str, Any] = json.loads(done.stdout)
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
