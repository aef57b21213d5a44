"""A lost host and a stalled server, with real servers and agents, a network namespace a node."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from redis_ha.sentinel.node.lowering import LOWERED_MS
from tests.support.cut_cluster import DOWN_AFTER_MS, OPERATORS_MS

pytestmark = [pytest.mark.servers, pytest.mark.machines]


def test_a_lost_master_is_replaced_long_before_down_after_and_a_stalled_one_is_not(tmp_path: Path) -> None:
    module = [sys.executable, "-m", "tests.support.cut_cluster", str(tmp_path)]
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run(["unshare", "--net", *module], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-6000:]
    found = json.loads(done.stdout)
    assert found["same_after_stall"]
    assert found["lowered_by_stall"] == 0
    assert found["given_back"] == [LOWERED_MS, OPERATORS_MS], "lowered while its agent is dead, and the operator's value after"
    assert any(cut["followed"] for cut in found["cuts"]), "the replica did not wait for Sentinel"
    for cut in found["cuts"]:
        assert cut["refused_by_agent"]
        assert cut["old"] == "slave"
        assert sorted(cut["down_after"]) == [OPERATORS_MS, DOWN_AFTER_MS, DOWN_AFTER_MS]
        assert cut["notes"] == []
