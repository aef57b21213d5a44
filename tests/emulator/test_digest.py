"""The plan as data: engine events in the form that `pulumi preview --json` prints, and what redis-ha reports of it."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from pulumi.automation import events

from pulumi_emulator.digest import SECRET_SIGNATURE, SIGNATURE, Digest
from tests.support.emulated import Emulated

HIDDEN = {SIGNATURE: SECRET_SIGNATURE, "ciphertext": "hunter2"}


def state(**inputs: object) -> events.StepEventStateMetadata:
    return events.StepEventStateMetadata(
        type="aws:elasticache/user:User",
        urn="urn:pulumi:dev::shop::aws:elasticache/user:User::user",
        id="app",
        parent="",
        provider="",
        custom=True,
        protect=True,
        inputs=dict(inputs),
        outputs={},
    )


def test_a_step_is_written_as_the_engine_does_and_without_secrets() -> None:
    metadata = events.StepEventMetadata(
        op=events.OpType.REPLACE,
        urn="urn:pulumi:dev::shop::aws:elasticache/user:User::user",
        type="aws:elasticache/user:User",
        provider="",
        old=state(userName="a", mode={"passwords": [HIDDEN]}),
        new=state(userName="b", mode=HIDDEN),
        keys=["userName"],
        diffs=["userName"],
        detailed_diff={"userName": events.PropertyDiff(diff_kind=events.DiffKind.UPDATE_REPLACE, input_diff=True)},
        logical=True,
    )
    half = events.StepEventMetadata(
        op=events.OpType.CREATE_REPLACEMENT, urn=metadata.urn, type=metadata.type, provider="", logical=None
    )
    digest = Digest()
    for one in (metadata, half):
        digest.on_event(events.EngineEvent(sequence=1, timestamp=1, resource_pre_event=events.ResourcePreEvent(metadata=one)))
    for severity in ("debug", "error"):
        said = events.DiagnosticEvent(message=f"{severity}!", color="never", severity=severity)
        digest.on_event(events.EngineEvent(sequence=2, timestamp=1, diagnostic_event=said))
    document = digest.document()
    (step,) = document["steps"]
    assert (step["op"], step["replaceReasons"], step["diffReasons"]) == ("replace", ["userName"], ["userName"])
    assert step["detailedDiff"] == {"userName": {"kind": "update-replace", "inputDiff": True}}
    assert step["oldState"]["protect"] is True
    assert step["oldState"]["inputs"] == {"userName": "a", "mode": {"passwords": ["[secret]"]}}
    assert step["newState"]["inputs"]["mode"] == "[secret]"
    assert [said["message"] for said in document["diagnostics"]] == ["error!"]
    assert "hunter2" not in json.dumps(document)


PROGRAM = """
import pulumi_random as random
random.RandomPassword("password", length={length})
"""


@pytest.mark.engine
def test_the_plan_of_an_emulated_stack_is_printed_and_reported(emulated: Callable[..., Emulated]) -> None:
    stack = emulated(PROGRAM.format(length=20))
    stack.run("up")
    stack.edit(PROGRAM.format(length=30))
    printed = json.loads(stack.run("preview", "--json").stdout)
    (changed,) = [step for step in printed["steps"] if step["op"] != "same"]
    assert (changed["op"], changed["replaceReasons"]) == ("replace", ["length"])
    assert printed["changeSummary"]["replace"] == 1
    done = reported(stack)
    assert done.returncode == 3, done.stderr
    assert "`password` (random RandomPassword) would be REPLACED" in done.stdout
    stack.edit("raise ValueError('not today')\n")
    failed = reported(stack)
    assert failed.returncode == 2
    assert "not today" in failed.stdout + failed.stderr


def reported(stack: Emulated) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "redis_ha_ops", "preview-report", "--stack", stack.stack, "--emulated"]
    return subprocess.run(
        [*command, "--program", str(stack.program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=stack._environment(),
    )
