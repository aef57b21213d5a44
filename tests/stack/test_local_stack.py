"""The first stack as a newcomer meets it: up, look, use, break, look again, down."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.conftest import ROOT, OwnStack
from tests.support.program import lay_out
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.timeout(600)]


def tree_state() -> str:
    return subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def in_client(stack: OwnStack, script: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a Python script in the application's namespace with the stack's outputs on standard input."""
    outputs = stack.outputs()
    process = subprocess.Popen(
        stack._argv("exec", "--on", "client", "--", sys.executable, "-c", script, *arguments),
        env=stack._environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps({key: outputs[key] for key in ("sentinel_connection", "sentinel_credentials")}) + "\n")
    process.stdin.flush()
    return process


# One write that gets no answer: the master is frozen before it is issued, and its power is cut while the write waits.
BLOCKED = """
import asyncio, json, sys, time
import redis_ha_client
documents = json.loads(sys.stdin.readline())
connection, credentials = documents["sentinel_connection"], documents["sentinel_credentials"]
kind = sys.argv[1]

def budget(client):
    return redis_ha_client.describe(client)["worst_case_seconds"]["command"]

async def asynchronous():
    client = redis_ha_client.aio.connect(connection, credentials)
    await client.ping()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    start = time.monotonic()
    written = await client.set("blocked", kind)
    print("answer", written, await client.get("blocked"), time.monotonic() - start < budget(client), flush=True)
    await client.aclose()

def synchronous():
    client = redis_ha_client.connect(connection, credentials)
    client.ping()
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.monotonic()
    written = client.set("blocked", kind)
    print("answer", written, client.get("blocked"), time.monotonic() - start < budget(client), flush=True)
    client.close()

asyncio.run(asynchronous()) if kind == "async" else synchronous()
"""


# Both live in the emulator's namespace of the internet; the stack file names the operator's address only.
OPERATOR, STRANGER = "203.0.113.250", "203.0.113.251"
REACH = """
import socket, sys
line = socket.socket()
line.bind((sys.argv[3], 0))
line.settimeout(2)
try:
    line.connect((sys.argv[1], int(sys.argv[2])))
except OSError as error:
    print("out", error)
else:
    print("in")
"""


def reaches(stack: OwnStack, host: str, port: int, source: str) -> bool:
    done = stack.run("exec", "--on", "public", "--", sys.executable, "-c", REACH, host, str(port), source)
    assert done.stdout.split()[0] in {"in", "out"}
    return done.stdout.startswith("in")


def master_of(stack: OwnStack) -> str:
    return str(json.loads(stack.ops("status", "--json").stdout)["master"])


def test_the_tree_stays_as_it_is_and_a_second_preview_shows_nothing(local: OwnStack) -> None:
    before = tree_state()
    local.run("preview", "--expect-no-changes", cold=True)
    assert tree_state() == before


def test_no_machine_complains(local: OwnStack) -> None:
    for machine in local.status()["machines"]:
        name = machine["name"]
        done = local.run("exec", "--on", name, "--", "cloud-init", "status", "--long")
        assert "status: done" in done.stdout, name
        assert "errors: []" in done.stdout, name
        failed = local.run("exec", "--on", name, "--", "systemctl", "--failed", "--plain", "--no-legend").stdout.strip()
        assert failed == "", name


def test_the_example_writes_and_reads(local: OwnStack) -> None:
    outputs = local.run("output --json --show-secrets").stdout
    done = subprocess.run(
        local._argv("exec", "--on", "client", "--", sys.executable, str(ROOT / "examples/hello/hello.py")),
        env=local._environment(), input=outputs, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "hello = b'redis-ha'" in done.stdout


def test_no_password_is_in_plain_text_anywhere_outside_the_machines(local: OwnStack) -> None:
    outputs = local.outputs()
    desired = outputs["sentinel_desired"]
    secrets = {desired["admin"]["password"], outputs["sentinel_credentials"]["password"]}
    secrets |= {user["password"] for user in desired["users"].values()}
    shown = local.run("preview", "--diff").stdout + local.run("status", "--json").stdout + local.run("output --json").stdout
    shown += local.ops("status", "--raw").stdout
    command_lines = "".join(path.read_text(errors="replace") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    state = local.folder.state_file.read_text()
    for secret in secrets:
        assert len(secret) >= 16
        assert secret not in shown
        assert secret not in command_lines
        assert secret not in state


def test_a_stranger_is_kept_out_and_an_operator_is_let_in(local: OwnStack) -> None:
    addresses = local.outputs()["sentinel_addresses"]
    public = addresses["local-sentinel-0"]["public"]
    for port in (22, 26379):
        assert reaches(local, public, port, STRANGER) is False
    assert reaches(local, public, 22, OPERATOR) is True


def test_an_operator_on_the_internet_sees_the_private_nodes_through_one_machine(local: OwnStack, tmp_path: Path) -> None:
    outputs = local.outputs()
    socket_path = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket_path)], stdout=subprocess.DEVNULL)
    try:
        wait_until(socket_path.exists, "ssh-agent's socket")
        environment = {**local._environment(), "SSH_AUTH_SOCK": str(socket_path)}
        key = outputs["ssh_private_key"].rstrip("\n") + "\n"
        subprocess.run(["ssh-add", "-q", "-"], input=key, text=True, env=environment, check=True)
        local.environment["SSH_AUTH_SOCK"] = str(socket_path)
        seen = local.ops("status", "--json", "--via", f"root@{outputs['sentinel_addresses']['local-sentinel-0']['public']}")
        assert json.loads(seen.stdout)["healthy"] is True
    finally:
        local.environment.pop("SSH_AUTH_SOCK", None)
        agent.terminate()
        agent.wait()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_one_command_issued_when_the_power_goes_succeeds_within_its_budget(local: OwnStack, kind: str) -> None:
    process = in_client(local, BLOCKED, kind)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    master = master_of(local)
    local.run("freeze", master)
    try:
        process.stdin.write("go\n")
        process.stdin.flush()
        local.run("power", "off", master)
        answer, _ = process.communicate(timeout=60)
        assert answer.strip() == f"answer True {kind.encode()!r} True"
    finally:
        process.kill()
        process.wait()
        local.run("power", "on", master)
    local.ops("status", "--wait", "120")
    assert master_of(local) != master


@pytest.mark.parametrize("kind", ["kill-master", "kill-process", "stall-master", "cut-master"])
def test_the_drill_loses_nothing_and_leaves_a_healthy_stack(kind: str, local: OwnStack, tmp_path: Path) -> None:
    report, page = tmp_path / "drill.json", tmp_path / "drill.html"
    before = master_of(local)
    done = local.ops("drill", kind, "--seconds", "10", "--output", str(report), "--html", str(page))
    assert "PASSED" in done.stdout
    result = json.loads(report.read_text())
    assert result["verdict"]["passed"] is True
    assert "<svg" in page.read_text()
    assert result["writers"]["probe"]["outage"]["outage_seconds"] > 0
    if kind != "kill-process":  # one that is back at once may have led again
        assert master_of(local) != before
    assert not [machine["faults"] for machine in local.status()["machines"] if machine["faults"]]
    local.ops("status")


@pytest.mark.parametrize(("kind", "another"), [("switch", True), ("stall-1s", False)])
def test_a_drill_is_judged_by_what_was_expected_of_it(kind: str, another: bool, local: OwnStack, tmp_path: Path) -> None:
    summary, before = tmp_path / "drills.json", master_of(local)
    local.ops("drill", kind, "--repeat", "2", "--seconds", "5", "--output", str(summary))
    result = json.loads(summary.read_text())
    assert result["passed"] is True
    assert [(line["runs"], line["failovers"], line["lost"]) for line in result["drills"]] == [(2, 2 if another else 0, 0)]
    first = json.loads(Path(result["runs"][0]["report"]).read_text())
    assert (first["topology"]["after"]["master"] != before) is another
    local.ops("drill", "heal")  # does nothing to what is whole
    local.ops("status")


def edited(folder: Path, home: Path, **changes: str) -> OwnStack:
    """The local stack with another stack file: lines of the block `sentinel`."""
    lay_out(folder)
    lines = (ROOT / "Pulumi.local.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.strip().startswith(tuple(f"{name}:" for name in changes))]
    (folder / "Pulumi.local.yaml").write_text(
        "\n".join([*kept, *(f"    {name}: {text}" for name, text in changes.items()), ""])
    )
    return OwnStack(folder, home, "local", "redis-ha")


@pytest.mark.usefixtures("local")
def test_an_edit_that_would_stop_several_machines_is_refused(home: Path, tmp_path: Path) -> None:
    says = edited(tmp_path / "program", home, data_size="s-2vcpu-4gb").fails("preview")
    assert "sizes: data-0 s-1vcpu-1gb -> s-2vcpu-4gb" in says
    assert "3 machines would stop at once" in says


def test_one_machine_at_a_time_also_after_an_up_that_failed(home: Path, local: OwnStack, tmp_path: Path) -> None:
    """What was asked for then is recorded, and not made: the firewall is refused before any droplet is touched."""
    before = {machine["name"]: machine["id"] for machine in local.status()["machines"]}

    def asking(name: str, **changes: str) -> OwnStack:
        return edited(tmp_path / name, home, **changes)

    assert "no tag 'nowhere'" in asking("failed", generations="{data-1: 1}", client_tags="[nowhere]").fails("up")
    # The same again is one machine; with another one it is two, whatever the record says.
    assert "replace digitalocean.Droplet local-data-1" in asking("again", generations="{data-1: 1}").run("preview").stdout
    both = asking("both", generations="{data-1: 1, data-2: 1}")
    for command in ("preview", "up"):
        assert "generations: data-1 is still to be made (an earlier `up` did not finish" in both.fails(command)
    assert "2 machines would stop at once" in asking("other", generations="{data-2: 1}").fails("preview")
    resized = asking("resized", generations="{data-1: 1}", sizes="{data-2: s-2vcpu-4gb}").fails("preview")
    assert "sizes: data-1 is still to be made" in resized
    lowered = asking("lowered", generations="{data-1: 1}", replicas="1").fails("preview")
    assert "replicas: data-1 is still to be made" in lowered
    assert "data-2 stops in the same `up`" in lowered
    assert "would stop in one `up`" in asking("all", data_size="s-2vcpu-4gb").fails("preview")
    assert {machine["name"]: machine["id"] for machine in local.status()["machines"]} == before


def test_a_replaced_slot_joins_and_the_others_are_not_touched(home: Path, local: OwnStack, tmp_path: Path) -> None:
    """The one change that may replace a machine: its generation. Then the one that may stop one: its size."""
    copy = edited(tmp_path / "program", home, generations="{data-1: 1}")
    before = {machine["name"]: machine["id"] for machine in local.status()["machines"]}
    copy.run("up")
    after = {machine["name"]: machine["id"] for machine in local.status()["machines"]}
    assert {name for name in before if before[name] != after[name]} == {"local-data-1"}

    # The ghost of the old address stays in the Sentinels' memory until an operator forgets it; the new node has to be in sync.
    def in_sync() -> bool:
        nodes = json.loads(local.ops("status", "--json", expect=None).stdout)["data"]
        return any(node["name"] == "local-data-1" and node["link"] == "up" for node in nodes)

    wait_until(in_sync, "the replaced replica in sync", seconds=90, every=0.5)

    def boots() -> dict[str, str]:
        names = [machine["name"] for machine in local.status()["machines"]]
        return {name: local.run("exec", "--on", name, "--", "stat", "-c", "%Y", "/proc/1").stdout for name in names}

    booted = boots()
    larger = edited(tmp_path / "larger", home, generations="{data-1: 1}", sizes="{data-1: s-2vcpu-4gb}")
    larger.run("up")
    assert {machine["name"]: machine["id"] for machine in local.status()["machines"]} == after
    again = boots()
    assert {name for name in booted if booted[name] != again[name]} == {"local-data-1"}
    wait_until(in_sync, "the resized replica in sync", seconds=90, every=0.5)
    larger.run("preview", "--expect-no-changes")
