"""The alert rules for Prometheus, as its own promtool judges them: each rings for what it is for, and for nothing else."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.prometheus import MONITORING, RULES, alerts, unpack

# The first test to need an image builds it.
pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]

DATA, SENTINELS = ("c-data-0", "c-data-1", "c-data-2"), ("c-sentinel-0", "c-sentinel-1", "c-sentinel-2")
ADDRESS, OTHER = "10.20.0.2:6379", "10.20.0.3:6379"
FOR_EVER = "x60"  # an hour, in samples of a minute


def series(name: str, node: str, value: str, **labels: str) -> tuple[str, str]:
    kind = node.split("-")[1]
    job = "redis-ha-machines" if name.startswith("node_") else "redis-ha"
    known = {"cluster": "c", "instance": node, "job": job, "kind": kind, "node": node} | labels
    inside = ", ".join(f"{label}={json.dumps(text)}" for label, text in sorted(known.items()))
    return f"{name}{{{inside}}}", value


def status(node: str, value: str, address: str = ADDRESS, said: str = "ok") -> tuple[str, str]:
    return series("redis_sentinel_master_status", node, value, master_address=address, master_name="c", master_status=said)


def role(node: str, value: str, said: str) -> tuple[str, str]:
    return series("redis_instance_info", node, value, role=said)


def healthy() -> dict[str, str]:
    """A cluster in which all is well, with the metrics and labels of the exporters of Debian 12 and 13."""
    found = [role(node, f"1{FOR_EVER}", "master" if node == DATA[0] else "slave") for node in DATA]
    for node in (*DATA, *SENTINELS):
        found += [series("up", node, f"1{FOR_EVER}"), series("redis_up", node, f"1{FOR_EVER}")]
        found += [series("node_filesystem_avail_bytes", node, f"50{FOR_EVER}", mountpoint="/")]
        found += [series("node_filesystem_size_bytes", node, f"100{FOR_EVER}", mountpoint="/")]
    for node in DATA:
        found += [
            series("redis_memory_used_bytes", node, f"50{FOR_EVER}"),
            series("redis_memory_max_bytes", node, f"100{FOR_EVER}"),
        ]
        found += [
            series("redis_connected_clients", node, f"7900{FOR_EVER}"),
            series("redis_max_clients", node, f"10000{FOR_EVER}"),
        ]
        found += [series("redis_rdb_last_bgsave_status", node, f"1{FOR_EVER}")]
        found += [series("redis_aof_last_write_status", node, f"1{FOR_EVER}")]
        found += [series("redis_connected_slaves", node, f"{2 if node == DATA[0] else 0}{FOR_EVER}")]
    for node in DATA[1:]:
        found += [series("redis_master_link_up", node, f"1{FOR_EVER}")]
        found += [series("redis_connected_slave_lag_seconds", DATA[0], f"1{FOR_EVER}", slave_ip=node)]
    for node in SENTINELS:
        found += [status(node, f"1{FOR_EVER}"), series("redis_sentinel_tilt", node, f"0{FOR_EVER}")]
        found += [series("redis_sentinel_master_ckquorum_status", node, f"1{FOR_EVER}", master_name="c")]
    return dict(found)


def gone(name: str, *nodes: str, **labels: str) -> list[tuple[str, str]]:
    return [series(name, node, "_x60", **labels) for node in nodes]


LONG = f"1{FOR_EVER}"
# Alert -> what is otherwise than in a cluster that is well, and still is after half an hour.
RINGS: dict[str, list[tuple[str, str]]] = {
    "RedisNoMaster": [
        role(DATA[0], "_x60", "master"),
        *(status(node, "_x60") for node in SENTINELS),
        *(status(node, LONG, said="sdown") for node in SENTINELS),
    ],
    "RedisTwoMasters": [role(DATA[1], LONG, "master")],
    "RedisMasterWithoutReplicas": [series("redis_connected_slaves", DATA[0], f"0{FOR_EVER}")],
    "RedisMemoryHigh": [series("redis_memory_used_bytes", DATA[1], f"91{FOR_EVER}")],
    "RedisConnectionsHigh": [series("redis_connected_clients", DATA[0], f"7914{FOR_EVER}")],
    "RedisNotPersisting": [series("redis_rdb_last_bgsave_status", DATA[0], f"0{FOR_EVER}")],
    "RedisReplicaLag": [series("redis_connected_slave_lag_seconds", DATA[0], f"6{FOR_EVER}", slave_ip=DATA[1])],
    "RedisReplicaNotLinked": [series("redis_master_link_up", DATA[1], f"0{FOR_EVER}")],
    "RedisSentinelDown": [series("redis_up", SENTINELS[1], f"0{FOR_EVER}")],
    "RedisQuorumLost": [
        *(series("redis_sentinel_master_ckquorum_status", node, "_x60", master_name="c") for node in SENTINELS[:2]),
        series("redis_sentinel_master_ckquorum_status", SENTINELS[2], f"0{FOR_EVER}", master_name="c"),
    ],
    "RedisSentinelsDisagree": [status(SENTINELS[2], "_x60"), status(SENTINELS[2], LONG, OTHER)],
    "RedisSentinelTilt": [series("redis_sentinel_tilt", SENTINELS[0], LONG)],
    # One Sentinel that reaches the master says ok: RedisNoMaster is silent.
    "RedisFailoverStuck": [status(SENTINELS[0], "_x60"), status(SENTINELS[0], LONG, said="odown")],
    "RedisFailover": [
        *(status(node, "1x28 stale _x31") for node in SENTINELS),
        *(status(node, "_x29 1x31", OTHER) for node in SENTINELS),
    ],
    "RedisNodeDown": [series("redis_up", DATA[2], f"0{FOR_EVER}")],
    "RedisExporterDown": [series("up", DATA[2], f"0{FOR_EVER}")],
    "RedisDiskFull": [series("node_filesystem_avail_bytes", DATA[2], f"9{FOR_EVER}", mountpoint="/")],
}
# What is well all the same.
SILENT: dict[str, list[tuple[str, str]]] = {
    "as it should be": [],
    "the exporter of the master is lost, and the Sentinels reach it": gone("redis_instance_info", DATA[0], role="master"),
    "a node without a limit of memory": [series("redis_memory_max_bytes", DATA[0], f"0{FOR_EVER}")],
    "one Sentinel has no quorum, as one that is cut off": [
        series("redis_sentinel_master_ckquorum_status", SENTINELS[0], f"0{FOR_EVER}", master_name="c")
    ],
    "a cluster of one data node": [
        *gone("up", *DATA[1:]),
        series("redis_connected_slaves", DATA[0], f"0{FOR_EVER}"),
    ],
    "a full cache that evicts any key": [
        series("redis_memory_used_bytes", DATA[0], f"99{FOR_EVER}"),
        series("redis_instance_info", DATA[0], LONG, role="master", maxmemory_policy="allkeys-lru"),
        role(DATA[0], "_x60", "master"),
    ],
    "a failover an hour ago": [
        *(status(node, "1x9 stale _x50") for node in SENTINELS),
        *(status(node, "_x10 1x50", OTHER) for node in SENTINELS),
    ],
}


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("prometheus")) / "promtool"


def ringing(promtool: Path, folder: Path, changed: list[tuple[str, str]]) -> set[str]:
    """Which alerts ring half an hour later: promtool is told that none does, and names those that do."""
    inputs = [{"series": name, "values": values} for name, values in (healthy() | dict(changed)).items()]
    expected = [{"eval_time": "30m", "alertname": alert} for alert in alerts()]
    test = {"interval": "1m", "input_series": inputs, "alert_rule_test": expected}
    (folder / "test.yml").write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [test]}))
    done = subprocess.run([promtool, "test", "rules", folder / "test.yml"], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    found = set(re.findall(r"alertname: (\w+)", said))
    assert (done.returncode == 0) == ("SUCCESS" in said) == (not found), said
    return found


def test_promtool_takes_the_rules_and_the_settings(promtool: Path, tmp_path: Path) -> None:
    check = [str(promtool), "check", "rules", "--lint=all", "--lint-fatal", str(RULES)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "token").touch()
    (tmp_path / RULES.name).write_text(RULES.read_text())
    settings = (MONITORING / "prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(settings.replace("/etc/prometheus/digitalocean-token", str(tmp_path / "token")))
    done = subprocess.run(
        [promtool, "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_labels_of_a_droplet_come_from_its_name_and_machines_of_others_are_left_out(promtool: Path, tmp_path: Path) -> None:
    droplets = {
        "blue-eu-sentinel-2": ",redis-ha-blue-eu,redis-ha-tier,web,",
        "blue-eu-data-0": ",redis-ha-blue-eu,",
        "web-1": ",redis-ha-clients,",  # an application's machine with a tag that begins so
        "other-data-0": ",web,",
    }
    labelled = [
        {
            "targets": ["droplet"],
            "labels": {
                "__meta_digitalocean_droplet_name": name,
                "__meta_digitalocean_tags": tags,
                "__meta_digitalocean_private_ipv4": "10.20.0.2",
            },
        }
        for name, tags in droplets.items()
    ]
    settings = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    del settings["rule_files"]
    for job, port in zip(settings["scrape_configs"], (9121, 9100), strict=True):
        del job["digitalocean_sd_configs"]
        job["static_configs"] = labelled
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings | {"scrape_configs": [job]}))
        asked = [promtool, "check", "service-discovery", "--timeout=2s", tmp_path / "prometheus.yml", job["job_name"]]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        kept = [one["labels"] for one in json.loads(done.stdout) if one.get("labels")]
        found = {(one["node"], one["cluster"], one["kind"], one["__address__"]) for one in kept}
        assert found == {
            ("blue-eu-sentinel-2", "blue-eu", "sentinel", f"10.20.0.2:{port}"),
            ("blue-eu-data-0", "blue-eu", "data", f"10.20.0.2:{port}"),
        }


def test_promtool_reads_every_question_of_the_dashboard(promtool: Path, tmp_path: Path) -> None:
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    assert all('cluster="$cluster"' in text for text in asked)
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(asked)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", tmp_path / "panels.yml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case() -> None:
    assert set(RINGS) == set(alerts())


@pytest.mark.parametrize("alert", RINGS)
def test_an_alert_rings_for_what_it_is_for_and_no_other_does(promtool: Path, tmp_path: Path, alert: str) -> None:
    assert ringing(promtool, tmp_path, RINGS[alert]) == {alert}


@pytest.mark.parametrize("case", SILENT)
def test_nothing_rings_for_what_is_well(promtool: Path, tmp_path: Path, case: str) -> None:
    assert ringing(promtool, tmp_path, SILENT[case]) == set()


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in alerts().values():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description"}
