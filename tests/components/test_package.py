"""The package as others use it: its schema, hosted for other languages, and built as a wheel."""

import json
import runpy
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pulumi
import pytest
from google.protobuf import struct_pb2
from pulumi.provider import server
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime import rpc

from tests.support.pulumi_world import Monitor, run

COMPONENTS = Path(__file__).resolve().parents[2] / "components"
TOKEN = "redis-ha:index:SentinelCluster"
PLAIN = {"region": "ams3", "vpcIpRange": "10.20.0.0/24"}


def hosted() -> ComponentProvider:
    found = runpy.run_path(str(COMPONENTS / "__main__.py"), run_name="hosted")
    assert found["NAME"] == TOKEN.split(":", maxsplit=1)[0]
    return ComponentProvider(found["COMPONENTS"], found["NAME"])


def secret(value: Any) -> dict[str, Any]:
    return {rpc._special_sig_key: rpc._special_secret_sig, "value": value}


def constructed(inputs: dict[str, Any], *, known: bool = True) -> tuple[Monitor, dict[str, tuple[Any, bool, bool]]]:
    """What the engine does for a caller in another language: inputs come as a Struct, numbers as floats."""
    wire = struct_pb2.Struct()
    wire.update(inputs)

    async def prepare() -> Any:
        return await server.ProviderServicer._construct_inputs(wire, {})

    def program(received: Any) -> dict[str, Any]:
        return hosted().construct("hosted", TOKEN, received, pulumi.ResourceOptions()).state  # type: ignore[return-value]

    return run(program, known=known, prepare=prepare)


def test_the_committed_schema_is_what_the_components_say() -> None:
    done = subprocess.run(
        [sys.executable, str(COMPONENTS.parent / "tools" / "component_schema.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_every_input_and_output_is_described() -> None:
    component = json.loads((COMPONENTS / "schema.json").read_text())["resources"][TOKEN]
    for part in ("inputProperties", "properties"):
        assert [name for name, spec in component[part].items() if not spec.get("description")] == []
    assert component["requiredInputs"] == ["region"]


def test_whatever_decides_the_shape_is_plain() -> None:
    """The SDKs generated from the schema must not invite Outputs where none can be taken."""
    component = json.loads((COMPONENTS / "schema.json").read_text())["resources"][TOKEN]
    later = {name for name, spec in component["inputProperties"].items() if not spec.get("plain")}
    assert later == {
        "vpcId", "sshKeyIds", "projectId", "applicationPassword", "discoveryPassword", "replicationPassword",
        "sentinelPassword", "sentinelPeerPassword", "exporterPassword", "adminPassword",
    }  # fmt: skip


def test_constructed_for_another_language_with_floats() -> None:
    numbers = {"replicas": 1, "sentinels": 5, "quorum": 3, "downAfterMs": 2000, "generations": {"data-1": 2}}
    monitor, state = constructed(PLAIN | numbers)
    assert len(monitor.names("Droplet")) == 7
    connection = state["connection"][0]
    assert connection["failover"]["down_after_ms"] == 2000
    assert isinstance(connection["failover"]["down_after_ms"], int)
    assert state["desired"][0]["quorum"] == 3
    assert set(state) == {"connection", "credentials", "desired", "addresses", "masterName"}


def test_constructed_with_secret_values() -> None:
    monitor, state = constructed(PLAIN | {"applicationPassword": secret("given-by-the-caller-1"), "sshKeyIds": ["11:22"]})
    assert len(monitor.names("RandomPassword")) == 6
    value, _, is_secret = state["credentials"]
    assert (value["password"], is_secret) == ("given-by-the-caller-1", True)


def test_constructed_with_values_that_are_not_known_yet() -> None:
    inputs = {"region": "ams3", "vpcId": rpc.UNKNOWN, "adminPassword": rpc.UNKNOWN, "sshKeyIds": [rpc.UNKNOWN]}
    monitor, state = constructed(inputs, known=False)
    assert len(monitor.names("Droplet")) == 6
    assert monitor.names("Vpc") == []
    assert not state["desired"][1]
    assert monitor.requests["hosted-data-0"].object["vpcUuid"] == rpc.UNKNOWN


def test_construction_with_wrong_arguments_names_them() -> None:
    with pytest.raises(server.ComponentInitError, match="sentinels: 4 is even") as caught:
        constructed(PLAIN | {"sentinels": 4})
    assert isinstance(caught.value.inner, pulumi.InputPropertiesError)


def test_the_wheel_holds_everything_and_works_alone(tmp_path: Path) -> None:
    """Built, installed into a fresh environment, and asked for a node's user-data: templates and agents have to be in it."""
    source = tmp_path / "source"
    shutil.copytree(COMPONENTS, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env/bin/python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        str(wheel),
    ]
    subprocess.run(install, check=True, timeout=120)
    # The libraries it depends on come from here; of our own packages only the wheel's is to be seen.
    program = f"""
import sys
sys.path.append({sysconfig.get_path("purelib")!r})
import redis_ha
from redis_ha.sentinel import SentinelCluster, SentinelClusterArgs, render, topology
assert redis_ha.__file__.startswith({str(tmp_path)!r}), redis_ha.__file__
plan = topology.make_plan("wheel", SentinelClusterArgs(region="ams3", vpc_ip_range="10.20.0.0/24"))
render.check_size(plan)
print(len(render.node_modules()))
"""
    asked = subprocess.run([str(python), "-I", "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert asked.returncode == 0, asked.stderr
    assert int(asked.stdout) >= 10
