"""Lambda: functions run as processes of this computer, warm, frozen, timed, logged, measured."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pulumi_emulator.aws.functions.processes import function_processes
from pulumi_emulator.machines import processes
from tests.support.aws_world import World, until
from tests.support.functions import Function, function, zipped

pytestmark = pytest.mark.servers

COUNTS = """
    import os
    count = 0
    def handle(event, context):
        global count
        count += 1
        print("run", count)
        return {"pid": os.getpid(), "count": count, "event": event}
"""


def refused(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.fixture
def counts(world: World) -> Function:
    return function(world, COUNTS)


def own(world: World) -> list[processes.Process]:
    return function_processes(world.account.folder)


def test_a_warm_process_keeps_what_the_module_has(counts: Function) -> None:
    first, answer = counts.invoke({"a": [1, "ä"]})
    second, _ = counts.invoke(None)
    assert (first["count"], first["event"], second["count"], second["event"]) == (1, {"a": [1, "ä"]}, 2, None)
    assert second["pid"] == first["pid"]
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (200, "$LATEST", False)


def test_it_is_frozen_between_invocations_and_thawed_for_the_next(world: World) -> None:
    ticking = function(
        world,
        """
        import os, threading, time
        ticks = 0
        def tick():
            global ticks
            while True:
                time.sleep(0.005)
                ticks += 1
        threading.Thread(target=tick, daemon=True).start()
        def handle(event, context):
            before = ticks
            while event == "wait" and ticks == before:
                time.sleep(0.001)
            return [os.getpid(), ticks]
        """,
    )
    (pid, ticks), _ = ticking.invoke("wait")
    found = processes.identify(pid)
    assert found is not None
    assert processes.stopped(found)
    assert until(lambda: ticking.invoke("wait")[0][1] > ticks, bool)


def test_new_code_or_settings_mean_a_new_process(world: World, counts: Function) -> None:
    client = world.client("lambda")
    first, _ = counts.invoke()
    client.update_function_configuration(FunctionName=counts.name, Environment={"Variables": {"A": "1"}})
    second, _ = counts.invoke()
    client.update_function_code(FunctionName=counts.name, ZipFile=zipped({"main.py": COUNTS + "    # other\n"}))
    third, _ = counts.invoke()
    assert len({first["pid"], second["pid"], third["pid"]}) == 3
    assert (second["count"], third["count"]) == (1, 1)
    assert [processes.identify(answer["pid"]) for answer in (first, second)] == [None, None]
    client.delete_function(FunctionName=counts.name)
    assert processes.identify(third["pid"]) is None


def test_the_environment_is_lambda_s_and_nothing_of_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLERS_SECRET", "x")
    shows = function(
        world,
        """
        import importlib.util, os, sys
        def handle(event, context):
            found = [name for name in event if importlib.util.find_spec(name)]
            return {"env": dict(os.environ), "found": found, "cwd": os.getcwd(), "argv": sys.argv[1:],
                    "path": [part for part in sys.path if part.endswith(("site-packages", "clock"))]}
        """,
        Environment={"Variables": {"OWN": "value"}},
        MemorySize=256,
    )
    names = ["boto3", "botocore", "urllib3", "dateutil", "pulumi_emulator", "moto", "redis_ha", "redis", "time_machine"]
    seen, _ = shows.invoke(names)
    env = seen["env"]
    assert seen["found"] == ["boto3", "botocore", "urllib3", "dateutil"]
    assert (seen["argv"], seen["path"]) == ([], [])
    assert "CALLERS_SECRET" not in env
    expected = {
        "_HANDLER": "main.handle",
        "AWS_LAMBDA_FUNCTION_NAME": shows.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{shows.name}",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": world.endpoint.url,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.14",
        "LAMBDA_TASK_ROOT": seen["cwd"],
        "TZ": ":UTC",
        "OWN": "value",
    }
    assert {name: env.get(name) for name in expected} == expected


def test_the_context_tells_of_the_invocation(world: World) -> None:
    shows = function(
        world,
        """
        import time
        def handle(event, context):
            before = context.get_remaining_time_in_millis()
            time.sleep(0.01)
            return [context.aws_request_id, context.invoked_function_arn, context.function_name, context.memory_limit_in_mb,
                    context.log_group_name, before, context.get_remaining_time_in_millis()]
        """,
        Timeout=20,
    )
    (request_id, arn, name, memory, group, before, after), answer = shows.invoke()
    assert request_id == answer["ResponseMetadata"]["RequestId"]
    assert (arn, name, memory, group) == (shows.arn, shows.name, "128", f"/aws/lambda/{shows.name}")
    assert 20000 >= before > after > 0


def test_boto3_reaches_this_account(world: World) -> None:
    calls = function(
        world,
        """
        import boto3
        def handle(event, context):
            return boto3.client("ssm").put_parameter(Name="/from/function", Value="1", Type="String")["Version"]
        """,
        "ssm:PutParameter",
    )
    assert calls.invoke()[0] == 1
    assert world.client("ssm").get_parameter(Name="/from/function")["Parameter"]["Value"] == "1"


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("def handle(event, context): raise ValueError('bad')", "ValueError", "bad"),
        ("def handle(event, context): return object()", "Runtime.MarshalError", "Unable to marshal response: Object of type"),
        ("import os\ndef handle(event, context): os._exit(3)", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("import nowhere", "Runtime.ImportModuleError", "Unable to import module 'main': No module named 'nowhere'"),
        ("def handle(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'main'"),
        ("raise KeyError('init')", "KeyError", "'init'"),
        ("", "Runtime.HandlerNotFound", "Handler 'handle' missing on module 'main'"),
    ],
)
def test_an_error_is_told_in_lambda_s_words(world: World, code: str, kind: str, text: str) -> None:
    broken = function(world, code)
    for _ in range(2):
        payload, answer = broken.invoke()
        assert answer["FunctionError"] == "Unhandled"
        assert payload["errorType"] == kind
        assert text in payload["errorMessage"]
    if kind == "ValueError":
        assert payload["stackTrace"][-1].split(",")[1] == " line 1"
    assert broken.sum("Errors") == broken.sum("Invocations") == 2


def test_what_takes_too_long_is_ended(world: World) -> None:
    slow = function(
        world,
        """
        import os, subprocess, time
        def handle(event, context):
            child = subprocess.Popen(["sleep", "600"])
            print(os.getpid(), child.pid, flush=True)
            time.sleep(600)
        """,
        Timeout=1,
    )
    payload, answer = slow.invoke(LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Sandbox.Timedout"
    assert payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    pids = slow.lines(2)[0].split()
    assert [processes.identify(int(pid)) for pid in pids] == [None, None]
    assert "Task timed out after 1.00 seconds" in base64.b64decode(answer["LogResult"]).decode()


def test_the_log_holds_what_was_printed_once_an_invocation(world: World) -> None:
    prints = function(
        world,
        """
        import logging, sys
        print("loading")
        logging.getLogger().setLevel(logging.INFO)
        def handle(event, context):
            print("out")
            logging.info("logged %s", event)
            print("x" * 100000)
            print("err", file=sys.stderr)
        """,
    )
    _, answer = prints.invoke(7, LogType="Tail")
    prints.invoke(8)
    lines = prints.log()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert [line for line in lines if line in ("loading", "out", "err")] == ["loading", "out", "err", "out", "err"]
    assert next(line.split("\t")[2:] for line in lines if line.startswith("[INFO]")) == [request_id, "logged 7"]
    assert len([line for line in lines if line == "x" * 100000]) == 2
    assert len([line for line in lines if line.startswith("REPORT RequestId: ")]) == 2
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert len(tail) == 4096
    assert tail.splitlines()[-1].startswith(f"REPORT RequestId: {request_id}")


def test_metrics_in_the_log_are_published(world: World) -> None:
    measures = function(
        world,
        """
        import json, time
        def handle(event, context):
            about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [
                {"Namespace": "own", "Dimensions": [["group"]], "Metrics": [{"Name": "Lag", "Unit": "Seconds"}]}]}
            print(json.dumps({"_aws": about, "group": "g", "Lag": event}))
            print(json.dumps({"_aws": "of no meaning"}))
        """,
    )
    for lag in (2, 3.5):
        measures.invoke(lag)
    data = world.client("cloudwatch").get_metric_statistics(
        Namespace="own",
        MetricName="Lag",
        Dimensions=[{"Name": "group", "Value": "g"}],
        StartTime="2020-01-01",
        EndTime="2100-01-01",
        Period=31536000,
        Statistics=["Sum", "Maximum"],
    )["Datapoints"]
    assert [(point["Sum"], point["Maximum"], point["Unit"]) for point in data] == [(5.5, 3.5, "Seconds")]
    assert (measures.sum("Invocations"), measures.sum("Errors"), measures.sum("Throttles")) == (2, 0, 0)
    assert measures.sum("Duration") > 0


def test_reserved_concurrency_is_a_limit(world: World) -> None:
    waits = function(
        world,
        """
        import os, time
        def handle(event, context):
            print("begun", flush=True)
            while not os.path.exists(event):
                time.sleep(0.005)
            return "done"
        """,
    )
    client = world.client("lambda")
    client.put_function_concurrency(FunctionName=waits.name, ReservedConcurrentExecutions=1)
    assert client.get_function(FunctionName=waits.name)["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    mark = Path(world.account.folder) / "go"
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(waits.invoke(str(mark))[0]))
    first.start()
    runtime = world.account.functions.runtime  # type: ignore[union-attr]
    assert until(lambda: runtime._busy[waits.arn], bool) == 1
    with pytest.raises(ClientError) as error:
        waits.invoke(str(mark))
    assert refused(error) == "TooManyRequestsException"
    mark.touch()
    first.join()
    assert answers == ["done"]
    assert waits.sum("Throttles") >= 1
    # 0 lets nothing run.
    client.put_function_concurrency(FunctionName=waits.name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as error:
        waits.invoke(str(mark))
    assert refused(error) == "TooManyRequestsException"


def test_the_process_sees_the_account_s_time_and_signs_by_it(world: World) -> None:
    tells = function(
        world,
        """
        import datetime, time, boto3
        def handle(event, context):
            before = time.monotonic()
            name = boto3.client("ssm").put_parameter(Name="/at", Value=str(time.time()), Type="String", Overwrite=True)
            return [time.time(), datetime.datetime.now(datetime.timezone.utc).timestamp(), time.monotonic() - before]
        """,
        "ssm:PutParameter",
    )
    tells.invoke()
    world.account.clock.advance(600)
    one, two, took = tells.invoke()[0]
    now = world.account.clock.now().timestamp()
    assert now - 60 < one <= two <= now
    assert 0 <= took < 60


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Runtime": "nodejs22.x"}, "InvalidParameterValueException"),
        ({"PackageType": "Image"}, "InvalidParameterValueException"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException"),
    ],
)
def test_what_cannot_be_run_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as error:
        function(world, "", **changes)
    assert refused(error) == code


def test_a_payload_must_be_json(world: World, counts: Function) -> None:
    with pytest.raises(ClientError) as error:
        world.client("lambda").invoke(FunctionName=counts.name, Payload=b"{")
    assert refused(error) == "InvalidRequestContentException"


def test_a_dry_run_runs_nothing(world: World, counts: Function) -> None:
    before = own(world)
    answer = world.client("lambda").invoke(FunctionName=counts.name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert own(world) == before
    assert counts.log() == []


def test_a_process_that_was_killed_is_replaced(counts: Function) -> None:
    first, _ = counts.invoke()
    os.kill(first["pid"], signal.SIGKILL)
    failed, answer = counts.invoke()
    assert (answer["FunctionError"], failed["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert counts.invoke()[0]["count"] == 1


def test_what_a_function_is_like_is_kept(world: World, counts: Function) -> None:
    client = world.client("lambda")
    arn = "arn:aws:sqs:eu-central-1:123456789012:dead"
    given: dict[str, Any] = {
        "DeadLetterConfig": {"TargetArn": arn},
        "TracingConfig": {"Mode": "Active"},
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/own"},
        "EphemeralStorage": {"Size": 1024},
    }
    client.update_function_configuration(FunctionName=counts.name, **given)
    seen = client.get_function_configuration(FunctionName=counts.name)
    assert {name: seen[name] for name in given} == given
    counts.invoke()
    lines = [event["message"] for event in world.client("logs").filter_log_events(logGroupName="/own")["events"]]
    assert next(json.loads(line)["type"] for line in lines if line.startswith("{")) == "platform.start"
