"""Connections that the cluster keeps for itself: the rule, with real servers, and with more applications than there is room."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from redis_ha.arguments import InvalidArgumentsError
from redis_ha.sentinel import connections, render, topology
from redis_ha.sentinel.node import silence
from redis_ha.sentinel.slots import Kind
from redis_ha.sentinel.topology import RESERVED_CONNECTIONS, Plan, make_plan
from tests.support import crowded_cluster
from tests.support.droplet_image import in_image

pytestmark = pytest.mark.servers
# What the programs need of this process; the rest would be the run's own.
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
GOOD: dict[str, Any] = {"region": "ams3", "vpc_ip_range": "10.20.0.0/24"}


def plan(**changes: Any) -> Plan:
    return make_plan("local", GOOD | changes)


def rules(of: Plan, kind: str) -> str:
    return render.connection_rules(of, next(slot for slot in of.slots if slot.kind == kind))


@pytest.mark.parametrize(("sentinels", "replicas", "kept"), [(3, 2, 42), (5, 2, 54), (7, 9, RESERVED_CONNECTIONS)])
def test_how_many_the_cluster_may_need(sentinels: int, replicas: int, kept: int) -> None:
    assert connections.reserved_connections(sentinels, replicas) == kept


@pytest.mark.parametrize("sentinels", [3, 5])
def test_the_largest_cluster_counts_because_user_data_is_read_once(sentinels: int) -> None:
    assert "ct count over 9892 " in rules(plan(sentinels=sentinels), "data")
    assert "ct count over 19892 " in rules(plan(sentinels=sentinels, extra_directives={"maxclients": '"20000"'}), "data")


def test_a_sentinels_limit_is_redis_default_for_it() -> None:
    text = rules(plan(extra_directives={"maxclients": "20000"}), "sentinel")
    assert "tcp dport 26379 tcp sport >= 1024 ct count over 9892 " in text


def test_tries_of_a_lost_host_do_not_use_up_the_ports_of_the_cluster() -> None:
    """By default the kernel keeps an unanswered one for two minutes (nf_conntrack_tcp_timeout_syn_sent)."""
    tried = 1 / silence.TRY_EVERY_S
    for kind in ("data", "sentinel"):
        (kept,) = re.findall(r"syn_sent : (\d+)", rules(plan(), kind))
        assert int(kept) * tried < 1023 / 10


@pytest.mark.parametrize("given", ["108", "65505"])
def test_a_limit_that_leaves_no_place_is_refused(given: str) -> None:
    with pytest.raises(InvalidArgumentsError, match=f"'maxclients' is {given}: 108 of them are the cluster's own, 65504"):
        plan(extra_directives={"maxclients": given})


def test_redis_may_open_as_many_files_as_the_limit_takes() -> None:
    kinds: tuple[Kind, ...] = ("data", "sentinel")
    for kind in kinds:
        files = render.shared_files(kind)
        assert "LimitNOFILE=65536" in files[render.SANDBOX_FILE].splitlines()
        after = files[f"/etc/systemd/system/redis-ha-{kind}.service"].split("After=", 1)[1].splitlines()[0]
        assert "redis-ha-connections.service" in after
    assert connections.MOST_MAXCLIENTS == 65536 - 32


@pytest.mark.machines
@pytest.mark.parametrize("image", topology.IMAGES)
@pytest.mark.parametrize("kind", ["data", "sentinel"])
def test_nft_of_each_image_takes_the_rules_again_and_again(kind: str, image: str, tmp_path: Path) -> None:
    text = rules(plan(image=image), kind)
    (tmp_path / "connections.nft").write_text(text + text)
    command = ["unshare", "--net", *in_image(image, tmp_path, "/usr/sbin/nft", "-f", "/mnt/connections.nft")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.machines
@pytest.mark.parametrize("sentinels", [3, 5])
def test_a_crowd_of_applications_keeps_nobody_of_the_cluster_out(sentinels: int, tmp_path: Path) -> None:
    """Without the rule Sentinels find no place on the new master: they call it down at once, and so on in a circle."""
    module = [sys.executable, "-m", "tests.support.crowded_cluster", str(tmp_path), str(sentinels)]
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path), **ENVIRONMENT}
    done = subprocess.run(["unshare", "--net", *module], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-6000:]
    found = json.loads(done.stdout)
    assert found["switches"] == [1] * sentinels, "one failover, as every Sentinel saw it"
    assert found["refused_by_redis"] == [0, 0, 0], "nobody has met a full Redis"
    assert found["held"] == len(found["ports"]["application"]) == crowded_cluster.ALLOWED
    assert min(found["ports"]["application"]) >= 1024
    assert len(found["ports"]["sentinel"]) >= 3 * sentinels
    assert max(*found["ports"]["sentinel"], *found["ports"]["replication"]) < 1024
