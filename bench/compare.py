"""Compares this tree with an earlier commit on one machine: CPU seconds of commands, and how long the tests take.

`make bench BASE=COMMIT` measures the commands; with `TESTS=1` it runs `make test` of both too, the earlier one first. Commands
run in pairs, one of each tree, so that whatever else the machine does meets both. Results: reports/compare.json, and a table on
standard output for docs/benchmarks.md.
"""

import json
import os
import platform
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
STACK = "local"
LARGEST = "prod"
READY_SECONDS = "240"


class Tree:
    """A checkout with its environment, and an emulator home of its own that shares engine and images."""

    def __init__(self, name: str, path: Path, folder: Path) -> None:
        self.name, self.path = name, path
        home = folder / f"home-{name}"
        home.mkdir()
        for shared in ("engine", "images"):
            (home / shared).symlink_to(emulator_home() / shared)
        # Compiled modules are kept, as on anybody's machine.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment = {**kept, "PULUMI_EMULATOR_HOME": str(home)}

    def run(self, *command: str) -> tuple[float, float]:
        """Run a command of the tree's environment; return its CPU seconds, those of its children included, and its seconds."""
        began = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, cwd=self.path, env=self.environment, stdout=output, stderr=output)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                output.seek(0)
                tail = output.read().decode(errors="replace")[-2000:]
                raise click.ClickException(f"{self.name}: {' '.join(command)} ended with {process.returncode}\n{tail}")
        return usage.ru_utime + usage.ru_stime, time.monotonic() - began

    def emulator(self, *arguments: str) -> tuple[float, float]:
        """Run a command of the emulator."""
        return self.run(str(self.path / ".venv/bin/python"), "-m", "pulumi_emulator", *arguments)

    def status(self, *arguments: str) -> tuple[float, float]:
        """Run `redis-ha status`."""
        return self.run(str(self.path / ".venv/bin/redis-ha"), "status", "--stack", STACK, *arguments)


def make_test(tree: Tree) -> tuple[float, int]:
    """Run `make test` of a tree; return its seconds and its exit code: a failed test does not make an hour void."""
    began = time.monotonic()
    code = subprocess.run(["make", "test"], cwd=tree.path, env=tree.environment, capture_output=True, check=False).returncode
    return time.monotonic() - began, code


def spread(values: list[float]) -> dict[str, Any]:
    """Give minimum, median and maximum, and every value."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values), "values": values}


def in_pairs(before: Tree, after: Tree, repeats: int) -> dict[str, dict[str, dict[str, Any]]]:
    """Measure the commands: previews, and the local stack's status while it is up. CPU seconds, by command and tree."""
    trees = (before, after)
    found: dict[str, dict[str, list[float]]] = {}
    try:
        for tree in trees:
            click.echo(f"{tree.name}: bringing stack {STACK} up")
            tree.emulator("up", "--stack", STACK)
            tree.status("--wait", READY_SECONDS)
        for number in range(repeats):
            for tree in trees:
                for what, (cpu, _) in {
                    "preview --stack local": tree.emulator("preview", "--stack", STACK),
                    f"preview --stack {LARGEST}": tree.emulator("preview", "--stack", LARGEST),
                    "redis-ha status --stack local": tree.status(),
                }.items():
                    found.setdefault(what, {}).setdefault(tree.name, []).append(cpu)
            click.echo(f"pair {number + 1} of {repeats}")
    finally:
        for tree in trees:
            tree.emulator("destroy", "--stack", STACK)
    return {what: {name: spread(values) for name, values in by_tree.items()} for what, by_tree in found.items()}


def table(measured: dict[str, dict[str, dict[str, Any]]], unit: str) -> list[str]:
    """Return a table in Markdown: median (minimum to maximum) of both, and the ratio of the medians."""
    rows = [f"| {unit} | before | after | after / before |", "|---|---|---|---|"]
    for what, by_tree in measured.items():
        cells = [f"{one['median']:.2f} ({one['min']:.2f} to {one['max']:.2f})" for one in (by_tree["before"], by_tree["after"])]
        ratio = by_tree["after"]["median"] / by_tree["before"]["median"]
        rows.append(f"| {what} | {cells[0]} | {cells[1]} | {ratio:.2f} |")
    return rows


@click.command()
@click.argument("base")
@click.option("--repeats", default=7, show_default=True, type=click.IntRange(1, 50), help="Pairs of each command.")
@click.option("--tests", is_flag=True, help="Run `make test` of both trees too.")
@click.option("--output", default="reports/compare.json", show_default=True, type=click.Path(dir_okay=False, path_type=Path))
def main(base: str, repeats: int, tests: bool, output: Path) -> None:
    """Compare this tree with commit BASE."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="redis-ha-compare-") as name:
        folder = Path(name)
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder / "before")], check=True)
        subprocess.run(["git", "checkout", "--quiet", base], cwd=folder / "before", check=True)
        before, after = Tree("before", folder / "before", folder), Tree("after", ROOT, folder)
        for tree in (before, after):
            click.echo(f"{tree.name}: make setup")
            tree.run("make", "setup")
        measured = in_pairs(before, after, repeats)
        document: dict[str, Any] = {"cpu_seconds": measured}
        lines = table(measured, "CPU seconds")
        if tests:
            seconds: dict[str, dict[str, Any]] = {}
            for tree in (before, after):
                click.echo(f"{tree.name}: make test (begun at {time.strftime('%H:%M:%S')})")
                took, code = make_test(tree)
                seconds[tree.name] = {**spread([took]), "exit_code": code}
                lines.append(f"make test, {tree.name}: exit code {code}")
            document["test_seconds"] = {"make test": seconds}
            lines += ["", *table(document["test_seconds"], "seconds")]
    commits = [
        subprocess.run(
            ["git", "rev-parse", "--short", one], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        for one in (base, "HEAD")
    ]
    machine = {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
    output.write_text(
        json.dumps({"version": 1, "machine": machine, "commits": commits, "repeats": repeats, **document}, indent=2)
    )
    click.echo(f"before {commits[0]}, after {commits[1]}; {machine['cores']} cores; {repeats} pairs, median (min to max)")
    click.echo("\n".join(lines))
    click.echo(f"written to {output}")


if __name__ == "__main__":
    sys.exit(main())
