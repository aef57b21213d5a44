"""`redis-ha status` of a Global Datastore: what AWS's API tells, against the document and the writer's name."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from pulumi_emulator.aws.access import environment_of
from redis_ha_client.errors import WriterUnknownError
from redis_ha_ops import cloud, world
from redis_ha_ops.call import Call
from redis_ha_ops.cli import cli
from redis_ha_ops.errors import OpsError
from redis_ha_ops.findings import Finding
from redis_ha_ops.world import Member, World, WorldLook, judge, look, world_of
from tests.client.test_global_documents import GLOBAL, PARAMETER
from tests.support.aws_global import WEST, Datastore, datastore
from tests.support.aws_world import REGION, Remote
from tests.support.aws_world import world as aws

__all__ = ["aws"]  # a fixture

SECRET = "never-to-be-seen"
CREDENTIALS = {"version": 1, "username": "application", "password": SECRET}
RECORD = "writer.world.internal"


@pytest.fixture(scope="module")
def store(aws: Remote) -> Datastore:
    """A primary in eu-central-1 and a secondary in eu-west-1, as the emulated AWS has them."""
    made = datastore(aws)
    made.add()
    return made


@pytest.fixture(scope="module")
def account(store: Datastore) -> Iterator[cloud.Ask]:
    """Ask as a real stack is asked: with the credentials and the endpoint of this process."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in environment_of(store.world.endpoint).items():
            environment.setenv(name, value)
        environment.setenv("NO_PROXY", "127.0.0.1")
        yield cloud.real()


@pytest.fixture
def ask(store: Datastore, account: cloud.Ask) -> Iterator[cloud.Ask]:
    """The same, with the first region as the primary again afterwards."""
    yield account
    home = next(group for group, region in store.regions.items() if region == REGION)
    if store.roles()[home] != "PRIMARY":
        store.promote(home)


def region_connection(group: dict[str, Any]) -> dict[str, Any]:
    shard = group["NodeGroups"][0]
    return {
        "version": 1,
        "kind": "primary",
        "primary": {"host": shard["PrimaryEndpoint"]["Address"], "port": 6379},
        "reader": {"host": shard["ReaderEndpoint"]["Address"], "port": 6379},
        "tls": True,
        "engine": "valkey",
        "failover": {"automatic": True, "multi_az": True, "replicas": 1},
    }


def outputs_of(store: Datastore, **changes: Any) -> dict[str, Any]:
    connection = {
        **GLOBAL,
        "writer": None,
        "regions": {region: region_connection(store.group(group)) for group, region in store.regions.items()},
        **changes,
    }
    return {"global_connection": connection, "global_credentials": CREDENTIALS, "global_id": store.id}


def of(store: Datastore, **changes: Any) -> World:
    return world_of("prod", outputs_of(store, **changes), emulated=False)


def codes(seen: WorldLook) -> dict[str, str]:
    return {finding.code: finding.severity for finding in seen.findings}


def away(store: Datastore) -> str:
    return next(group for group, region in store.regions.items() if region == WEST)


def drawn(made: World, seen: WorldLook) -> str:
    console = Console(width=220)
    with console.capture() as capture:
        world.draw(made, seen, console)
    return capture.get()


def test_members_their_roles_and_a_promotion(store: Datastore, ask: cloud.Ask) -> None:
    made = of(store)
    seen = look(made, ask)
    assert (seen.primary, seen.exit_code, codes(seen)) == (REGION, 0, {"no-lag": "note"})
    assert [(one.region, one.role, one.status) for one in seen.members] == [
        (REGION, "PRIMARY", "associated"),
        (WEST, "SECONDARY", "associated"),
    ]
    assert f"Global Datastore {store.id}, available" in drawn(made, seen)
    store.promote(away(store))
    seen = look(made, ask)
    assert (seen.primary, seen.exit_code, codes(seen)["no-writer"]) == (WEST, 1, "broken")
    assert world.as_json(made, seen)["primary_region"] == WEST
    assert SECRET not in drawn(made, seen) + json.dumps(world.as_json(made, seen))


def test_a_record_that_stays_behind_is_told(store: Datastore, ask: cloud.Ask) -> None:
    route53 = store.world.client("route53")
    zone = route53.create_hosted_zone(Name="world.internal", CallerReference=store.world.name("zone"))["HostedZone"]["Id"]
    made = of(store, writer={"record": RECORD})
    home = outputs_of(store)["global_connection"]["regions"]

    def point(region: str, kind: str = "CNAME", value: str | None = None, action: str = "UPSERT") -> None:
        target = value or home[region]["primary"]["host"]
        change = {"Name": RECORD, "Type": kind, "TTL": 5, "ResourceRecords": [{"Value": target}]}
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": change}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

    point(REGION)
    seen = look(made, ask)
    assert (seen.writer_region, seen.exit_code) == (REGION, 0)
    store.promote(away(store))
    seen = look(made, ask)
    assert (seen.writer_region, codes(seen)["writer-differs"], codes(seen)["promoted"]) == (REGION, "broken", "note")
    assert f"record {RECORD} leads to {REGION}" in drawn(made, seen)
    point(WEST)
    seen = look(made, ask)
    assert (seen.writer_region, seen.exit_code) == (WEST, 0)
    point(WEST, action="DELETE")
    point(WEST, "A", "10.0.0.1", "CREATE")
    assert codes(look(made, ask))["writer-unknown"] == "broken"
    elsewhere = {"live_colour_record": {"zone_id": "Z0", "records": [{"name": f"{RECORD}.", "type": "CNAME"}]}}
    assert world_of("prod", {**outputs_of(store, writer={"record": RECORD}), **elsewhere}, emulated=False).zone_id == "Z0"


def test_a_parameter_that_stays_behind_is_told(store: Datastore, ask: cloud.Ask) -> None:
    made = of(store, writer=PARAMETER)
    assert look(made, ask).writer_region == REGION  # not there: nobody has moved it
    ssm = store.world.client("ssm", PARAMETER["parameter"]["region"])
    name = PARAMETER["parameter"]["name"]
    ssm.put_parameter(Name=name, Type="String", Value=json.dumps({"version": 1, "region": WEST}))
    assert codes(look(made, ask))["writer-differs"] == "broken"
    ssm.put_parameter(Name=name, Type="String", Value="away", Overwrite=True)
    assert codes(look(made, ask))["writer-unknown"] == "broken"


def test_the_lag_is_the_newest_of_the_secondarys_own_metrics(store: Datastore, ask: cloud.Ask) -> None:
    now = datetime.now(UTC) - timedelta(days=1)  # metrics stay: other tests look at today
    metrics = store.world.client("cloudwatch", WEST)
    group = away(store)

    def put(node: str, seconds: float, minutes_ago: float) -> None:
        dimensions = [{"Name": "CacheClusterId", "Value": node}, {"Name": "CacheNodeId", "Value": "0001"}]
        row = {
            "MetricName": world.LAG,
            "Dimensions": dimensions,
            "Value": seconds,
            "Timestamp": now - timedelta(minutes=minutes_ago),
        }
        metrics.put_metric_data(Namespace=world.NAMESPACE, MetricData=[row])

    put(f"{group}-001", 90.0, 6)
    put(f"{group}-001", 0.25, 2)
    put("other-group-001", 77.0, 2)
    made = of(store, stale_seconds=5)
    seen = look(made, ask, now)
    assert [one.lag_seconds for one in seen.members] == [None, 0.25]
    assert seen.exit_code == 0
    assert "0.25 s" in drawn(made, seen)
    put(f"{group}-002", 9.0, 2)
    assert codes(look(made, ask, now)) == {"lagging": "degraded"}


def test_a_datastore_that_is_not_there_and_an_aws_that_does_not_answer(
    store: Datastore, ask: cloud.Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {**outputs_of(store), "global_id": "ldgnf-none"}
    seen = look(world_of("prod", outputs, emulated=False), ask)
    assert (seen.exit_code, codes(seen)) == (2, {"missing": "broken"})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(cloud, "ATTEMPTS", 1)
    seen = look(of(store), cloud.real())
    assert (seen.exit_code, codes(seen)) == (2, {"unreachable": "broken"})


def test_a_lost_region_does_not_keep_the_others_from_telling(store: Datastore, ask: cloud.Ask) -> None:
    def gone(service: str, operation: str, parameters: Any, region: str) -> Any:
        if region == REGION:
            raise cloud.CloudError(f"{service} in {region}: no answer")
        return ask(service, operation, parameters, region)

    assert [one.role for one in look(of(store), gone).members] == ["PRIMARY", "SECONDARY"]


# --- judging ---


def made_of(**changes: Any) -> World:
    outputs = {"global_connection": {**GLOBAL, **changes}, "global_credentials": CREDENTIALS, "global_id": "ldgnf-prod"}
    return world_of("prod", outputs, emulated=True)


HOME, AWAY = Member(REGION, "prod", "PRIMARY", "associated"), Member(WEST, "prod-euw1", "SECONDARY", "associated", 1.0)


@pytest.mark.parametrize(
    ("status", "members", "writer_region", "told"),
    [
        ("available", (HOME, AWAY), REGION, []),
        ("primary-only", (HOME, AWAY), REGION, []),
        ("modifying", (HOME, AWAY), REGION, [("degraded", "status")]),
        ("available", (AWAY,), REGION, [("broken", "no-primary")]),
        ("available", (HOME, Member(WEST, "", "missing", "")), None, [("degraded", "member-missing")]),
        (
            "available",
            (HOME, AWAY, Member("us-east-1", "x", "SECONDARY", "associated", 1.0)),
            None,
            [("degraded", "member-stranger")],
        ),
        ("available", (HOME, Member(WEST, "x", "SECONDARY", "disassociating", 1.0)), None, [("degraded", "member-status")]),
        ("available", (HOME, Member(WEST, "x", "SECONDARY", "associated")), None, [("note", "no-lag")]),
        ("available", (HOME, Member(WEST, "x", "SECONDARY", "associated", 5.5)), None, [("degraded", "lagging")]),
        ("available", (HOME, AWAY), WEST, [("broken", "writer-differs")]),
    ],
)
def test_findings(status: str, members: tuple[Member, ...], writer_region: str | None, told: list[tuple[str, str]]) -> None:
    found: list[Finding] = judge(made_of(), status, members, writer_region)
    assert [(finding.severity, finding.code) for finding in found] == told


@pytest.mark.parametrize("missing", ["global_connection", "global_credentials", "global_id"])
def test_missing_outputs_are_named(missing: str) -> None:
    outputs: dict[str, Any] = {"global_connection": GLOBAL, "global_credentials": CREDENTIALS, "global_id": "ldgnf-prod"}
    del outputs[missing]
    with pytest.raises(OpsError, match=f"output {missing} is missing"):
        world_of("prod", outputs, emulated=False)
    with pytest.raises(OpsError, match="global: connection has version 9"):
        made_of(version=9)


def test_only_reading_calls_are_made() -> None:
    with pytest.raises(ValueError, match="is no reading call"):
        cloud.real()("elasticache", "failover_global_replication_group", {}, REGION)


def test_a_record_of_another_accounts_zone_is_resolved_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "canonical_name", lambda record: f"{record}.resolved")
    answers = {
        "list_hosted_zones": {"HostedZones": [{"Id": "/hostedzone/Z1", "Name": "other.internal."}], "IsTruncated": False}
    }
    found = world._led_to(RECORD, None, lambda _, operation, *__: answers[operation], REGION)
    assert found == f"{RECORD}.resolved"
    assert issubclass(WriterUnknownError, Exception)


# --- the command ---


def test_the_command_shows_it(store: Datastore, ask: cloud.Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "real", lambda: ask)
    monkeypatch.setattr("redis_ha_ops.call.read_outputs", lambda *_, **__: outputs_of(store, stale_seconds=None))
    done = CliRunner().invoke(cli, ["status", "--stack", "prod", "--json"], obj=Call())
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["primary_region"] == REGION
    done = CliRunner().invoke(cli, ["status", "--stack", "prod", "--block", "global"], obj=Call())
    assert "healthy: AWS, the document and the writer agree" in done.output
    arguments = ["status", "--stack", "prod", "--via", "root@host"]
    with pytest.raises(OpsError, match="--via reaches"):
        CliRunner().invoke(cli, arguments, obj=Call(), catch_exceptions=False)


class Parameters(BaseHTTPRequestHandler):
    """SSM: one parameter, no other."""

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Name"]
        found = {"Parameter": {"Name": wanted, "Value": "text"}}
        missing = {"__type": "ParameterNotFound", "message": "no"}
        body = json.dumps(found if wanted == "/w" else missing).encode()
        self.send_response(200 if wanted == "/w" else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def emulated(monkeypatch: pytest.MonkeyPatch, program: Path, done: CompletedProcess[str]) -> tuple[cloud.Ask, list[Any]]:
    """Return how an emulated stack is asked whose emulator answers so, and the commands that it was given."""
    ran: list[Any] = []
    (program / "Pulumi.yaml").write_text("name: redis-ha\n")

    def run(command: list[str], **_: Any) -> CompletedProcess[str]:
        ran.append(command)
        return done

    monkeypatch.setattr("redis_ha_ops.owner.subprocess.run", run)
    # What the caller has of AWS is not asked for.
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    return cloud.ask_of("local", program, emulated=True), ran


def test_an_emulated_stack_is_asked_where_the_emulator_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Parameters)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    says = f"AWS_ENDPOINT_URL=http://127.0.0.1:{server.server_port}\nAWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n"
    ask, ran = emulated(monkeypatch, tmp_path, CompletedProcess([], 0, says, ""))
    assert not ran
    try:
        assert cloud.parameter(ask, "/w", WEST) == "text"
        assert cloud.parameter(ask, "/other", REGION) is None
    finally:
        server.shutdown()
        server.server_close()
    assert [command[2:5] for command in ran] == [["-m", "pulumi_emulator", "environment"]]


def test_an_emulated_stack_that_does_not_run_says_how_it_is_brought_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refusal = "error: stack 'local' has no emulated AWS that runs; bring it up with `up --stack local`\n"
    ask, _ = emulated(monkeypatch, tmp_path, CompletedProcess([], 1, "", refusal))
    with pytest.raises(cloud.CloudError, match="stack 'local' has no emulated AWS that runs"):
        cloud.parameter(ask, "/w", WEST)
