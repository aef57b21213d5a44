"""What a command loads: only the libraries that it uses. An unused SDK costs each command up to a CPU second."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.emulated import Emulated, shared_home
from tests.support.program import PROGRAM

ROOT = Path(__file__).resolve().parents[2]
CLOUDS = {"moto", "boto3", "botocore", "flask", "pulumi_aws", "pulumi_digitalocean"}
ENGINE = {"pulumi", "grpc"}
NODES = {"redis", "redis_ha_client", "jsonschema", "jinja2"}
LOADED = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("pulumi_emulator.commands.change", CLOUDS),
        ("pulumi_emulator.commands.show", CLOUDS | ENGINE),
        ("pulumi_emulator.commands.output", CLOUDS | ENGINE | {"rich"}),
        ("pulumi_emulator.commands.inside", CLOUDS | ENGINE | {"rich"}),
        ("pulumi_emulator.commands.faults", CLOUDS | ENGINE | {"rich"}),
        # The process that an emulated stack's status begins with; a second one asks the nodes.
        ("redis_ha_ops.commands.status", CLOUDS | ENGINE | NODES | {"rich"}),
        ("redis_ha_ops.commands.preview_report", CLOUDS | ENGINE | {"redis", "redis_ha_client"}),
        ("redis_ha.elasticache", CLOUDS),
        ("redis_ha.network", CLOUDS),
        ("redis_ha.sentinel", CLOUDS),
        ("redis_ha.traffic", CLOUDS),
    ],
)
def test_a_module_loads_nothing_that_it_does_not_use(module: str, without: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", f"import {module}; {LOADED}"], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) & without == set()


BLOCKS = {
    "sentinel": {
        "name": "dev",
        "region": "ams3",
        "vpc_ip_range": "10.20.0.0/24",
        "client_sources": ["10.20.0.0/24"],
        "admin_sources": ["203.0.113.250/32"],
    },
    "elasticache": {
        "group_id": "dev",
        "region": "eu-central-1",
        "zones": ["eu-central-1a", "eu-central-1b"],
        "engine": "valkey",
        "engine_version": "8.1",
        "node_type": "cache.t4g.micro",
        "client_cidrs": ["10.60.0.0/20"],
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-1", "subnet-2"],
    },
}
TOLD = """
import json, sys
from pathlib import Path
Path(__file__).with_name("loaded.json").write_text(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.engine
@pytest.mark.parametrize(
    ("block", "used", "unused"),
    [
        ("sentinel", "pulumi_digitalocean", {"pulumi_aws"}),
        ("elasticache", "pulumi_aws", {"pulumi_digitalocean", "pulumi_tls"}),
    ],
)
def test_a_preview_loads_the_sdks_of_its_blocks(tmp_path: Path, block: str, used: str, unused: set[str]) -> None:
    files = {name: (ROOT / name).read_text() for name in PROGRAM if name not in {"Pulumi.yaml", "__main__.py"}}
    config = json.dumps({"config": {f"redis-ha:{block}": BLOCKS[block]}})  # JSON is YAML
    program = (ROOT / "__main__.py").read_text() + TOLD
    home = shared_home(tmp_path / "home")
    stack = Emulated.create(tmp_path / "program", home, program, config=config, files=files, project="redis-ha")
    stack.run("preview", cold=True)
    loaded = set(json.loads((stack.program / "loaded.json").read_text()))
    assert used in loaded
    assert loaded & (unused | {"moto", "boto3", "botocore"}) == set()
