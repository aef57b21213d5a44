"""Debian's Prometheus and its promtool, out of the repository of a droplet's image; and one that watches booted machines."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pulumi_emulator.machines.images import REPOSITORY, ensure_image
from pulumi_emulator.stacks import emulator_home
from tests.support.sentinel_machines import Machines
from tests.support.waiting import wait_until

MONITORING = Path(__file__).resolve().parents[2] / "monitoring"
RULES = MONITORING / "redis-ha.rules.yml"
# node_exporter leaves out the disk of an emulated machine, which is a layer.
UNSEEN = {"node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
ADDRESS = "127.0.0.1:9090"
FETCH = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"


def unpack(folder: Path) -> Path:
    """Unpack Debian's packages into a folder, and return that of their programs."""
    repository = ensure_image(emulator_home(), "debian-13-x64", print) / REPOSITORY
    for name in ("prometheus", "promtool"):
        (package,) = repository.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return folder / "usr/bin"


@cache
def alerts() -> dict[str, dict[str, Any]]:
    """Return the alert rules by name."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def used_metrics() -> set[str]:
    """Return the metrics that rules and dashboard ask for; those of Prometheus itself left out."""
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    asked = [rule["expr"] for rule in alerts().values()] + [one["expr"] for panel in panels for one in panel["targets"]]
    return set(re.findall(r"\b(?:redis|node)_[a-zA-Z_]+", " ".join(re.sub(r"\{.*?\}", "", text) for text in asked))) - UNSEEN


class Watching:
    """A Prometheus beside the machines, with the rules of the project; they ring at once, whatever their `for` says."""

    def __init__(self, machines: Machines, folder: Path) -> None:
        self._machines = machines
        self._folder = folder
        rules = re.sub(r"(?m)^( +for:) .*$", r"\1 0s", RULES.read_text())
        (folder / "rules.yml").write_text(rules)
        scrapes = [self._job("redis-ha", 9121), self._job("redis-ha-machines", 9100)]
        settings = {
            "global": {"scrape_interval": "3s", "scrape_timeout": "3s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": scrapes,
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))

    def _job(self, name: str, port: int) -> dict[str, Any]:
        """The labels that prometheus.yml of the project takes from DigitalOcean, given by hand."""
        targets = [
            {
                "targets": [f"{self._machines.addresses[slot.name]}:{port}"],
                "labels": {"cluster": slot.cluster, "node": slot.name, "kind": slot.kind},
            }
            for slot in self._machines.plan.slots
        ]
        return {"job_name": name, "static_configs": targets}

    def begin(self, programs: Path) -> subprocess.Popen[bytes]:
        argv = [str(programs / "prometheus"), f"--config.file={self._folder / 'prometheus.yml'}"]
        argv += [f"--storage.tsdb.path={self._folder / 'data'}", f"--web.listen-address={ADDRESS}"]
        with (self._folder / "prometheus.log").open("wb") as log:
            command = self._machines.host.command_in("client", ["setpriv", "--pdeathsig", "KILL", *argv])
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ask(self, path: str) -> Any:
        told = self._machines.inside("client", "/usr/bin/python3", "-c", FETCH, f"http://{ADDRESS}{path}", check=False)
        return json.loads(told)["data"] if told else None

    def metrics(self) -> set[str]:
        return set(self.ask("/api/v1/label/__name__/values") or ())

    def targets_up(self) -> int:
        known = self.ask("/api/v1/targets?state=active")
        return sum(target["health"] == "up" for target in known["activeTargets"]) if known else 0

    def ringing(self) -> set[str]:
        """The alerts that ring now."""
        told = self.ask("/api/v1/alerts") or {"alerts": []}
        return {alert["labels"]["alertname"] for alert in told["alerts"] if alert["state"] == "firing"}

    def wait_for(self, *names: str) -> None:
        seen: set[str] = set()

        def rung() -> bool:
            seen.update(self.ringing())
            return seen >= set(names)

        wait_until(rung, f"{names} ring", seconds=60, every=0.3)

    def wait_quiet(self) -> None:
        """Wait until nothing rings but what tells of the last five minutes."""
        wait_until(lambda: self.ringing() <= {"RedisFailover"}, "no alert rings", seconds=120, every=0.5)


@contextmanager
def watching(machines: Machines, folder: Path) -> Iterator[Watching]:
    watch = Watching(machines, folder)
    process = watch.begin(unpack(folder))
    try:
        wait_until(lambda: watch.targets_up() == 2 * len(machines.addresses), "all exporters answer", seconds=120, every=1)
        yield watch
    finally:
        process.terminate()
        process.wait(30)
