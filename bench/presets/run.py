"""Measures a failover through each named preset, side by side against the same servers: `make bench SUITE=presets`.

One master with two replicas and three Sentinels on the loopback range. The master is killed (its connections are closed) or
frozen (nothing answers). All clients write meanwhile: an outage is the longest time that one of a client's threads was without
an acknowledged write. No test asserts a time; whoever wants a number runs this.
"""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on its Sentinel client.

import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from redis_ha_client import HealthMonitor, connect, describe
from redis_ha_client.health import PRESETS as HEALTH_PRESETS
from redis_ha_client.presets import PRESETS
from tests.support.redis_processes import RedisProcesses

DOWN_AFTER_MS = 5000  # a stack's default
WARM_SECONDS = 3.0
CALM_SECONDS = 3.0  # all write again for so long: the run is over
LONGEST_SECONDS = 150.0
PAUSE_SECONDS = 0.01  # between two writes of a thread
POOL_THREADS = 20
FAULTS = ("killed", "frozen")
OWN_CLIENT = "redis-py, tutorial"  # redis-py's own Sentinel client with the tutorials' numbers


@dataclass
class Writer:
    """One thread's writes: when each was acknowledged, how long each took, and what failed."""

    acknowledged: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def write(self, client: Any, key: str, over: threading.Event) -> None:
        """Write until it is over."""
        while not over.is_set():
            began = time.monotonic()
            try:
                client.set(key, "x")
            except redis.RedisError as error:
                self.failed.append(type(error).__name__)
            else:
                self.acknowledged.append(time.monotonic())
            self.took.append(time.monotonic() - began)
            over.wait(PAUSE_SECONDS)

    def outage(self) -> float:
        """Give the longest time between two acknowledged writes."""
        if not self.acknowledged:
            raise click.ClickException(f"a client wrote nothing at all: {self.failed[:1]}")
        return max(after - before for before, after in zip(self.acknowledged, self.acknowledged[1:], strict=False))

    def calm_since(self, moment: float) -> bool:
        """Tell whether writes were acknowledged before and after a moment, and lately."""
        return len(self.acknowledged) > 1 and self.acknowledged[-1] > moment + CALM_SECONDS


@contextmanager
def clients(topology: RedisProcesses) -> Iterator[dict[str, tuple[Any, int]]]:
    """Give a client a preset, and how many threads share it."""
    made: dict[str, tuple[Any, int]] = {}
    with ExitStack() as stack:
        for name in PRESETS:
            made[name] = stack.enter_context(closing(connect(topology.connection, topology.credentials, policy=name))), 1
        for size in (10, 50):
            client = connect(topology.connection, topology.credentials, pool_size=size)
            made[f"recommended, pool {size}, {POOL_THREADS} threads"] = stack.enter_context(closing(client)), POOL_THREADS
        made[OWN_CLIENT] = stack.enter_context(closing(tutorial_client(topology))), 1
        yield made


def tutorial_client(topology: RedisProcesses) -> Any:
    """Make redis-py's Sentinel client with 2 s, 1 s, a pool of 10, and 5 more tries after 1 to 30 s."""
    login = topology.credentials
    for sentinel in topology.sentinels:  # what redis-py says to them beside
        topology.command(sentinel, "ACL", "SETUSER", login["sentinel_username"], "+sentinel|masters")
    sentinels = Sentinel(
        [node.address for node in topology.sentinels],
        sentinel_kwargs={"username": login["sentinel_username"], "password": login["sentinel_password"]},
        socket_timeout=2,
        socket_connect_timeout=1,
    )
    return sentinels.master_for(
        topology.master_name,
        username=login["username"],
        password=login["password"],
        max_connections=10,
        retry=Retry(ExponentialBackoff(cap=30, base=1), 5),
    )


def one_run(topology: RedisProcesses, fault: str) -> dict[str, Any]:
    """Break the master once, and give what each client and each monitor saw."""
    over = threading.Event()
    with clients(topology) as made, ExitStack() as stack:
        writers = {name: [Writer() for _ in range(threads)] for name, (_, threads) in made.items()}
        notices: dict[str, list[tuple[str, float]]] = {name: [] for name in HEALTH_PRESETS}
        for name, seen in notices.items():
            stack.enter_context(HealthMonitor(made["recommended"][0], name, on_change=[noting(seen)]))
        threads = [
            threading.Thread(target=writer.write, args=(made[name][0], f"{name}-{number}", over))
            for name, those in writers.items()
            for number, writer in enumerate(those)
        ]
        for thread in threads:
            thread.start()
        time.sleep(WARM_SECONDS)
        master, broken_at = topology.master(), time.monotonic()
        if fault == "killed":
            master.kill()
        else:
            master.freeze()
        every = [writer for those in writers.values() for writer in those]
        until = broken_at + LONGEST_SECONDS
        settled_at = broken_at + DOWN_AFTER_MS / 1000
        while time.monotonic() < until and not all(writer.calm_since(settled_at + CALM_SECONDS) for writer in every):
            time.sleep(0.2)
        over.set()
        for thread in threads:
            thread.join()
    topology.heal()
    return {
        "fault": fault,
        "clients": {name: told(those) for name, those in writers.items()},
        "monitors": {
            name: {state: round(at - broken_at, 2) for state, at in seen if at > broken_at} for name, seen in notices.items()
        },
    }


def told(writers: list[Writer]) -> dict[str, Any]:
    """Give what the threads of one client saw."""
    return {
        "outage_seconds": round(max(writer.outage() for writer in writers), 2),
        "failed_commands": sum(len(writer.failed) for writer in writers),
        "longest_command_seconds": round(max(max(writer.took) for writer in writers), 2),
        "errors": sorted({name for writer in writers for name in writer.failed}),
    }


def noting(seen: list[tuple[str, float]]) -> Callable[[Any], None]:
    """Give a callback that notes a monitor's states."""
    return lambda change: seen.append((change["state"], time.monotonic()))


def spread(values: list[float]) -> str:
    """Write minimum, median and maximum."""
    return f"{min(values):.1f} / {statistics.median(values):.1f} / {max(values):.1f}"


def table(runs: list[dict[str, Any]], worst: dict[str, float | None]) -> str:
    """Write the clients' rows: the outage by fault, then failed commands and the longest command of all runs."""
    heads = ("client", "a command at most", "outage, killed", "outage, frozen", "failed commands a run", "longest command")
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for name in runs[0]["clients"]:
        rows = {fault: [run["clients"][name] for run in runs if run["fault"] == fault] for fault in FAULTS}
        every = [row for those in rows.values() for row in those]
        outages = [spread([row["outage_seconds"] for row in those]) for those in rows.values()]
        failed = [row["failed_commands"] for row in every]
        longest = max(row["longest_command_seconds"] for row in every)
        bound = worst.get(name)
        lines.append(
            f"| {name} | {'no budget' if bound is None else f'{bound:g} s'} | {' s | '.join(outages)} s | "
            f"{min(failed)} to {max(failed)} | {longest:.1f} s |"
        )
    return "\n".join(lines)


def monitors_table(runs: list[dict[str, Any]]) -> str:
    """Write the monitors' rows: how often the failover was noticed, and after how long."""
    lines = ["| monitor | DOWN at most after | failovers noticed | DOWN after |", "| --- | --- | --- | --- |"]
    for name, preset in HEALTH_PRESETS.items():
        seen = [run["monitors"][name]["down"] for run in runs if "down" in run["monitors"][name]]
        after = f"{spread(seen)} s" if seen else "-"
        lines.append(f"| {name} | {preset.notice_seconds:g} s | {len(seen)} of {len(runs)} | {after} |")
    return "\n".join(lines)


@click.command()
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(1, 50), help="How often each fault is worked.")
@click.option("--output", default="reports/presets.json", show_default=True, type=click.Path(dir_okay=False, path_type=Path))
def main(repeats: int, output: Path) -> None:
    """Measure, print the tables as Markdown, and write every run to OUTPUT."""
    os.environ["PATH"] = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"  # redis-server is a link that the set-up made there
    output.parent.mkdir(parents=True, exist_ok=True)
    runs = []
    with (
        tempfile.TemporaryDirectory(prefix="redis-ha-bench-") as folder,
        RedisProcesses(Path(folder), down_after_ms=DOWN_AFTER_MS) as topology,
    ):
        with clients(topology) as made:
            told_by = {name: describe(client) for name, (client, _) in made.items() if name != OWN_CLIENT}
        for number in range(repeats):
            for fault in FAULTS:
                runs.append(one_run(topology, fault))
                click.echo(f"run {number + 1} of {repeats}, master {fault}: {json.dumps(runs[-1]['clients'])}", err=True)
    worst = {name: one["worst_case_seconds"]["command"] for name, one in told_by.items()}
    document = {
        "version": 1,
        "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "load": os.getloadavg()},
        "redis_py": redis.__version__,
        "down_after_ms": DOWN_AFTER_MS,
        "worst_case_seconds": worst,
        "runs": runs,
    }
    output.write_text(json.dumps(document, indent=2) + "\n")
    click.echo(f"{table(runs, worst)}\n\n{monitors_table(runs)}\n\nwritten to {output}")


if __name__ == "__main__":
    main()
