"""Measures what this project claims about time, as ratios within one run on one machine: `make bench`.

Brings the local stack up in an emulator home of its own, repeats the drill, and takes the stack down again. No test asserts
a time; whoever wants a number runs this and quotes the ratios with their spread.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from pulumi_emulator.stacks import emulator_home

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
STACK = "local"
READY_SECONDS = "240"


def call(environment: dict[str, str], *command: str) -> str:
    """Run a command of this project; its error ends the bench."""
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise click.ClickException(
            f"{' '.join(command[:4])} ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.stdout


def timed(environment: dict[str, str], *command: str) -> float:
    """Run a command and return its seconds."""
    start = time.monotonic()
    call(environment, *command)
    return time.monotonic() - start


def spread(values: list[float]) -> dict[str, float]:
    """Give minimum, median and maximum."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def one_up(environment: dict[str, str]) -> dict[str, float]:
    """Bring the stack up to healthy; the yardstick is a preview of the same program by the same engine."""
    emulator = (str(BIN / "python"), "-m", "pulumi_emulator")
    preview = timed(environment, *emulator, "preview", "--stack", STACK)
    start = time.monotonic()
    call(environment, *emulator, "up", "--stack", STACK)
    call(environment, str(BIN / "redis-ha"), "status", "--stack", STACK, "--wait", READY_SECONDS)
    ready = time.monotonic() - start
    return {"preview_seconds": preview, "ready_seconds": ready, "ready_per_preview": ready / preview}


def one_drill(environment: dict[str, str], folder: Path, number: int) -> dict[str, Any]:
    """Cut the master's power once; the yardstick is the stack's own down-after."""
    report = folder / f"drill-{number}.json"
    call(
        environment, str(BIN / "redis-ha"), "drill", "kill-master", "--stack", STACK, "--seconds", "15", "--output", str(report)
    )
    call(environment, str(BIN / "redis-ha"), "status", "--stack", STACK, "--wait", READY_SECONDS)
    found = json.loads(report.read_text())
    down_after = found["stack"]["failover"]["down_after_ms"] / 1000
    outages = {name: found["writers"][name]["outage"]["outage_seconds"] for name in ("probe", "application")}
    return {
        "outage_seconds": outages,
        "outage_per_down_after": {name: seconds / down_after for name, seconds in outages.items()},
        "lost": sum(found["writers"][name]["loss"]["lost"] for name in outages),
    }


@click.command()
@click.option("--drills", default=5, show_default=True, type=click.IntRange(1, 50), help="How often the master's power is cut.")
@click.option("--output", default="reports/bench.json", show_default=True, type=click.Path(dir_okay=False, path_type=Path))
def main(drills: int, output: Path) -> None:
    """Measure, print the ratios, and write them with every single run to OUTPUT."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="redis-ha-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        for shared in ("engine", "images"):
            (home / shared).symlink_to(emulator_home() / shared)
        environment = {**os.environ, "PULUMI_EMULATOR_HOME": str(home)}
        try:
            up = one_up(environment)
            click.echo(
                f"up to healthy: {up['ready_per_preview']:.1f} x a preview of the same program ({up['ready_seconds']:.1f} s)"
            )
            runs = []
            for number in range(drills):
                runs.append(one_drill(environment, Path(folder), number))
                ratios = runs[-1]["outage_per_down_after"]
                click.echo(
                    f"drill {number + 1} of {drills}: outage {ratios['probe']:.2f} x down-after, lost {runs[-1]['lost']}"
                )
        finally:
            call(environment, str(BIN / "python"), "-m", "pulumi_emulator", "destroy", "--stack", STACK)
    summary = {name: spread([run["outage_per_down_after"][name] for run in runs]) for name in ("probe", "application")}
    document = {
        "version": 1,
        "machine": {
            "cores": os.cpu_count(),
            "platform": platform.platform(),
            "free_gb": round(shutil.disk_usage(ROOT).free / 1e9),
        },
        "up": up,
        "drills": runs,
        "outage_per_down_after": summary,
    }
    output.write_text(json.dumps(document, indent=2) + "\n")
    for name, one in summary.items():
        click.echo(f"{name}: outage / down-after  min {one['min']:.2f}  median {one['median']:.2f}  max {one['max']:.2f}")
    click.echo(f"written to {output}")


if __name__ == "__main__":
    main()
