"""The endpoint as a process: started, found again, ended; and what it shows to nobody."""

from __future__ import annotations

import json
import os
import socket
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import botocore
import pytest
from botocore.exceptions import ClientError

from pulumi_emulator import aws
from pulumi_emulator.aws.access import HEADER
from pulumi_emulator.aws.endpoint import ParsedOnce
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import processes

REGION = "eu-central-1"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a stack whose endpoint is ended in any case."""
    folder = tmp_path_factory.mktemp("stack")
    yield folder
    aws.stop_endpoint(folder)
    assert aws.leftovers(folder) == []


def ensure(stack: Path) -> aws.Endpoint:
    return aws.ensure_endpoint(stack, stack / "home", lambda _: None)


def own_processes(stack: Path) -> list[processes.Process]:
    return processes.running_with(["pulumi_emulator.aws.endpoint", str(stack / "aws")])


def open_path(address: str, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(address + path, data, headers), timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_one_process_a_stack_that_is_found_again(stack: Path) -> None:
    endpoint = ensure(stack)
    assert endpoint.url.startswith("http://127.0.0.1:")
    assert ensure(stack) == endpoint == aws.running_endpoint(stack)
    assert len(own_processes(stack)) == 1


def test_an_api_is_parsed_once_for_all_sessions() -> None:
    files = Path(botocore.__file__).parent / "data" / "sts" / "2011-06-15"
    parsed = [ParsedOnce().load_file(str(files / "service-2")) for _ in range(2)]
    assert parsed[0]["metadata"]["serviceId"] == "STS"
    assert parsed[0] is parsed[1]
    assert ParsedOnce().load_file(str(files / "nothing")) is None


def test_every_service_of_one_account_answers(stack: Path) -> None:
    endpoint = ensure(stack)
    sts = aws.client(endpoint, "sts", REGION)
    assert sts.get_caller_identity()["Account"] == aws.ACCOUNT_ID
    for service, operation in {
        "ec2": "describe_vpcs",
        "cloudwatch": "describe_alarms",
        "sns": "list_topics",
        "logs": "describe_log_groups",
        "secretsmanager": "list_secrets",
        "kms": "list_keys",
        "iam": "list_roles",
        "route53": "list_hosted_zones",
        "ssm": "describe_parameters",
        "events": "list_event_buses",
        "sqs": "list_queues",
        "fis": "list_experiment_templates",
        "elasticache": "describe_replication_groups",
    }.items():
        client = aws.client(endpoint, service, REGION)
        assert getattr(client, operation)()["ResponseMetadata"]["HTTPStatusCode"] == 200
        client.close()
    scaling = aws.client(endpoint, "application-autoscaling", REGION)
    assert scaling.describe_scalable_targets(ServiceNamespace="elasticache")["ScalableTargets"] == []
    scaling.close()
    sts.close()


def test_its_files_are_its_owner_s_and_it_listens_on_the_loopback_alone(stack: Path) -> None:
    ensure(stack)
    folder = stack / "aws"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    record = json.loads((folder / "endpoint.json").read_text())
    assert stat.S_IMODE((folder / "endpoint.json").stat().st_mode) == 0o600
    assert record["pid"] == own_processes(stack)[0].pid
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    port = f"{record['port']:04X}"
    listening = {fields[1] for fields in lines if fields[3] == "0A" and fields[1].endswith(f":{port}")}
    assert listening == {f"0100007F:{port}"}


def test_it_inherits_no_secret(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.stop_endpoint(stack)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-real-secret")
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "a-real-token")
    ensure(stack)
    environment = Path(f"/proc/{own_processes(stack)[0].pid}/environ").read_bytes()
    assert b"a-real" not in environment


def test_a_call_that_nobody_has_is_named(stack: Path) -> None:
    endpoint = ensure(stack)
    for service, operation in {
        "ec2": "describe_verified_access_groups",
        "logs": "list_anomalies",
        "fis": "list_actions",
    }.items():
        client = aws.client(endpoint, service, REGION)
        with pytest.raises(ClientError, match=f"the emulator has no operation {operation} of {service}") as missing:
            getattr(client, operation)()
        assert missing.value.response["Error"]["Code"] == "NotImplemented"
        assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        client.close()


def test_a_message_for_a_web_address_is_kept_and_not_sent(stack: Path) -> None:
    sns = aws.client(ensure(stack), "sns", REGION)
    topic = sns.create_topic(Name="pager")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://pager.example.com/page")
    sent = sns.publish(TopicArn=topic, Message="wake up")["MessageId"]
    (request,) = aws.sent(stack)
    assert (request["url"], request["status"]) == ("https://pager.example.com/page", None)
    assert json.loads(request["body"])["MessageId"] == sent
    sns.close()


def test_requests_are_not_logged(stack: Path) -> None:
    client = aws.client(ensure(stack), "secretsmanager", REGION)
    client.create_secret(Name="s", SecretString="a-secret-value")
    client.close()
    assert "secret" not in (stack / "aws" / "endpoint.log").read_text()


def test_moto_s_own_page_and_reset_are_not_served(stack: Path) -> None:
    endpoint = ensure(stack)
    key = {HEADER: endpoint.key.secret}
    assert open_path(endpoint.url, "/moto-api/reset", b"", **key)[0] == 404
    # A page of a browser cannot change a zone's power: what it may send without asking is not taken.
    assert open_path(endpoint.url, "/_emulator/zones", b'{"zone": "a", "on": false}', **key)[0] == 404
    json_type = {"Content-Type": "application/json"}
    answer = open_path(endpoint.url, "/_emulator/zones", b'{"zone": "a", "on": false}', **json_type, **key)
    assert answer[0] == 400
    assert "no cache node is in zone 'a'" in answer[1]


def test_a_killed_endpoint_is_an_empty_account(stack: Path) -> None:
    endpoint = ensure(stack)
    client = aws.client(endpoint, "sns", REGION)
    client.create_topic(Name="gone")
    client.close()
    processes.end(own_processes(stack))
    assert aws.running_endpoint(stack) is None
    assert aws.groups(stack) == []
    with pytest.raises(EmulatorError, match="no emulated AWS runs"):
        aws.zone_power(stack, "eu-central-1a", on=False)
    client = aws.client(ensure(stack), "sns", REGION)
    assert client.list_topics()["Topics"] == []
    client.close()
    assert len(own_processes(stack)) == 1


def test_a_record_of_another_process_is_not_believed(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(stack)
    path = stack / "aws" / "endpoint.json"
    record = json.loads(path.read_text())
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        path.write_text(json.dumps({**record, "port": stranger.getsockname()[1], "pid": os.getppid()}))
        assert aws.running_endpoint(stack) is None
    for broken in ("", "{}", '{"port": null}'):
        path.write_text(broken)
        assert aws.running_endpoint(stack) is None
    # The process that runs without a record is ended by the next start, when it does not answer in time.
    monkeypatch.setattr("pulumi_emulator.aws.lifecycle.START_TIMEOUT", 0.2)
    with pytest.raises(EmulatorError, match="did not answer within"):
        ensure(stack)
    assert own_processes(stack) == []
    monkeypatch.undo()
    ensure(stack)
    assert len(own_processes(stack)) == 1


def test_it_is_ended_with_its_files_and_that_twice_is_no_error(stack: Path) -> None:
    ensure(stack)
    assert aws.leftovers(stack) != []
    aws.stop_endpoint(stack)
    assert aws.running_endpoint(stack) is None
    assert own_processes(stack) == []
    assert aws.leftovers(stack) == []
    assert not (stack / "aws").exists()
    aws.stop_endpoint(stack)


def test_what_keeps_it_from_starting_is_said(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_emulator.aws.lifecycle.ENDPOINT", "pulumi_emulator.aws.no_such_module")
    with pytest.raises(EmulatorError, match=r"the emulated AWS did not start: last line of .*No module named"):
        ensure(stack)
    aws.stop_endpoint(stack)
