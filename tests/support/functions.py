"""Functions on the emulated AWS for tests: small handlers as zip archives, and short ways to what became of them."""

from __future__ import annotations

import io
import json
import textwrap
import threading
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import redis_ha_client
from pulumi_emulator.aws import ACCOUNT_ID
from tests.support.aws_world import REGION, Remote, until

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def unique(prefix: str) -> str:
    """Give a name that nothing has: moto keeps one account for all tests of a process."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def zipped(files: dict[str, str]) -> bytes:
    """Pack files as a function's archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, textwrap.dedent(text))
    return packed.getvalue()


def packed_client(code: str) -> bytes:
    """Pack a function that uses redis_ha_client, as its user does: the client, what it needs, and the code as main.py."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", textwrap.dedent(code))
        for folder in (Path(redis_ha_client.__file__).parent, *needed_of("redis-ha-client")):
            for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    archive.write(path, path.relative_to(folder.parent))
    return packed.getvalue()


def needed_of(distribution: str, known: set[str] | None = None) -> list[Path]:
    """Return the packages and modules of what a distribution needs, and of what these need."""
    known = set() if known is None else known
    found: list[Path] = []
    for text in metadata.requires(distribution) or []:
        needed = Requirement(text)
        name = canonicalize_name(needed.name)
        if name in known or (needed.marker is not None and not needed.marker.evaluate({"extra": ""})):
            continue
        known.add(name)
        files = metadata.files(name) or []
        tops = {file.parts[0] for file in files if file.parts[0] != ".." and not file.parts[0].endswith(".dist-info")}
        found += [Path(str(metadata.distribution(name).locate_file(top))) for top in sorted(tops - {"__pycache__"})]
        found += needed_of(name, known)
    return found


@dataclass
class Function:
    """A function that was made."""

    remote: Remote
    name: str
    arn: str

    def invoke(self, event: Any = None, **more: Any) -> tuple[Any, dict[str, Any]]:
        """Run it; give what it answered, and the whole answer."""
        answer = self.remote.client("lambda").invoke(FunctionName=self.name, Payload=json.dumps(event), **more)
        text = answer["Payload"].read()
        return json.loads(text) if text else None, answer

    def send(self, event: Any) -> None:
        self.remote.client("lambda").invoke(FunctionName=self.name, InvocationType="Event", Payload=json.dumps(event))

    def log(self) -> list[str]:
        """Give all lines of its log."""
        logs = self.remote.client("logs")
        group = f"/aws/lambda/{self.name}"
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    def lines(self, count: int, *, holding: str = "") -> list[str]:
        """Wait for so many lines that the function printed; give them, without Lambda's own."""

        def look() -> list[str]:
            return [line for line in self.log() if not line.startswith(("START ", "END ", "REPORT ")) and holding in line]

        found: list[str] = until(look, lambda lines: len(lines) >= count)
        return found

    def allow(self, service: str, source: str, sid: str = "s") -> None:
        """Let a service call it for a source."""
        self.remote.client("lambda").add_permission(
            FunctionName=self.name,
            StatementId=sid,
            Action="lambda:InvokeFunction",
            Principal=service,
            SourceArn=source,
        )

    def sum(self, metric: str) -> float:
        """Give the sum of one of Lambda's metrics so far."""
        now = self.remote.client("cloudwatch")
        data = now.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": self.name}],
            StartTime="2020-01-01",
            EndTime="2100-01-01",
            Period=3600 * 24 * 365,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in data))


def role(remote: Remote, *actions: str) -> str:
    """Make a role for functions that may do something with everything."""
    iam, name = remote.client("iam"), unique("role")
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"])
    if actions:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
    return arn


def function(remote: Remote, code: str, *actions: str, files: dict[str, str] | None = None, **more: Any) -> Function:
    """Make a function of some code with a `handle`; its role may do the actions."""
    return function_of(remote, zipped({"main.py": code, **(files or {})}), *actions, **more)


def function_of(remote: Remote, archive: bytes, *actions: str, **more: Any) -> Function:
    """Make a function of an archive with a `handle` in main.py; its role may do the actions."""
    client = remote.client("lambda")
    name = unique("function")
    given = {"Runtime": "python3.14", "Handler": "main.handle", "Role": role(remote, *actions), "Timeout": 30, **more}
    client.create_function(FunctionName=name, Code={"ZipFile": archive}, **given)
    return Function(remote, name, f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}")


def queue(remote: Remote, **attributes: str) -> tuple[str, str]:
    """Make a queue; give its URL and its ARN."""
    sqs = remote.client("sqs")
    url = str(sqs.create_queue(QueueName=unique("queue"), Attributes=attributes)["QueueUrl"])
    return url, str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def received(remote: Remote, url: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait for so many messages of a queue; give them with their attributes, oldest first."""
    found: list[dict[str, Any]] = []
    sqs = remote.client("sqs")

    def look() -> list[dict[str, Any]]:
        given = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        found.extend(given.get("Messages", []))
        return found

    seen: list[dict[str, Any]] = until(look, lambda messages: len(messages) >= count)
    return seen


@contextmanager
def hook(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Listen at the loopback address: its URL, and the requests that came."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append(
                {"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}, "body": body}
            )
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
