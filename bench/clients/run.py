"""Runs clients of several languages over failovers, all at the same time: `make bench SUITE=clients`.

For each form, fault and repeat: fresh servers, one writer process a row, the master killed or frozen under load. What each
writer saw is written with every single run to a JSON file, with a picture beside it.
"""

import contextlib
import datetime as dt
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.clients import builds, ledger, picture, summary
from bench.clients.rows import CLIENTS, FORMS, HERE, Client, rows, versions
from bench.clients.summary import REFUSED
from bench.clients.worlds import FAULTS, World, world

SERVER = "server"
WARM_LINES, GIVEN_UP_LINES, WARM_SECONDS, SETTLE_SECONDS = 50, 200, 90, 3
LONGEST_RUN = 600  # seconds after which a writer ends by itself, whatever happened to this process
CHUNK = 1000


class Writer:
    """A writer's process and where its lines go."""

    def __init__(self, name: tuple[str, str, str], argv: list[str], environment: dict[str, str], folder: Path) -> None:
        self.name, self.path = name, folder / "-".join(name).replace(" ", "_").replace("/", "_")
        with self.path.open("wb") as out, self.path.with_suffix(".err").open("wb") as err:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "5", *argv],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )

    def writes(self) -> list[ledger.Write]:
        return ledger.read(self.path.read_text(errors="replace").splitlines())

    def warm(self) -> bool:
        """Tell whether it writes steadily, or fails steadily."""
        text = self.path.read_text(errors="replace")
        return text.count(" ok\n") >= WARM_LINES or text.count("\n") >= GIVEN_UP_LINES

    def end(self) -> None:
        """End it and what it started (`unshare`, `chroot` and a shell may stand before it)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)


def command_of(client: Client, built: Path, where: World) -> list[str]:
    known = {"built": str(built), "here": str(HERE), "python": sys.executable}
    argv = [part.format(**known) for part in client.program]
    return where.command(["chroot", str(built / "root"), *argv] if client.in_root else argv)


def start(where: World, wanted: Sequence[tuple[Client, str, str]], built: Path, folder: Path) -> list[Writer]:
    """Start a writer for each row, and the one that writes to the servers directly."""
    common = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **where.environment,
        "NODES": ",".join(where.nodes),
        "UNTIL": str(time.time() + LONGEST_RUN),
    }
    writers = []
    plain = next(client for client in CLIENTS if client.name == "redis-py")
    for client, form, settings in [(plain, wanted[0][1], SERVER), *wanted]:
        name = SERVER if settings == SERVER else client.name
        prefix = f"{where.prefix}{name}:{settings}:"
        told = {"CLIENT": name, "FORM": form, "SETTINGS": settings, "PREFIX": prefix}
        writers.append(Writer((name, form, settings), command_of(client, built, where), common | told, folder))
        time.sleep(0.3)  # not all start-ups at once
    return writers


def kept(where: World, writer: Writer, numbers: list[int]) -> set[int]:
    prefix = f"{where.prefix}{writer.name[0]}:{writer.name[2]}:"
    found: set[int] = set()
    for first in range(0, len(numbers), CHUNK):
        part = numbers[first : first + CHUNK]
        values = where.values([f"{prefix}{number}" for number in part])
        found |= {number for number, value in zip(part, values, strict=True) if value is not None}
    return found


def wait_warm(writers: Sequence[Writer]) -> None:
    deadline = time.monotonic() + WARM_SECONDS
    while not all(writer.warm() for writer in writers) and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(SETTLE_SECONDS)


def one_run(form: str, fault: str, wanted: Sequence[tuple[Client, str, str]], built: Path, window: int) -> dict[str, Any]:
    """Lose the master once and return what every writer saw."""
    with tempfile.TemporaryDirectory(prefix="redis-ha-writers-") as folder, world(form) as where:
        if (built / "root").exists():
            where.prepare(built / "root")
        lost_at = time.time()
        if fault == REFUSED:
            where.environment["SENTINEL_PASSWORD"] = "wrong"  # noqa: S105 - it opens nothing
        writers = start(where, wanted, built, Path(folder))
        try:
            if fault != REFUSED:
                wait_warm(writers)
                lost_at = time.time()
                where.lose(fault)
            time.sleep(window)
            stopped = time.time()
        finally:
            for writer in writers:
                writer.end()
        found = []
        server = outcome_of(where, writers[0], lost_at, stopped)
        for writer in writers[1:]:
            seen = outcome_of(where, writer, lost_at, stopped)
            found.append(dict(zip(("client", "form", "settings"), writer.name, strict=True)) | seen)
            if not seen["acknowledged"] and fault != REFUSED:
                last = writer.path.with_suffix(".err").read_text(errors="replace")[-1000:]
                click.echo(f"  {' '.join(writer.name)} never wrote: {list(seen['errors'])[:1]} {last}", err=True)
        return {"form": form, "fault": fault, "server": server, "rows": found}


def outcome_of(where: World, writer: Writer, lost_at: float, stopped: float) -> dict[str, Any]:
    writes = writer.writes()
    numbers = ledger.acknowledged(writes) if writer.name[0] != SERVER else []
    return ledger.outcome(writes, lost_at, stopped, kept(where, writer, numbers) if numbers else ledger.acknowledged(writes))


@click.command()
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(1, 20), help="How often each fault is made.")
@click.option("--window", default=60, show_default=True, type=click.IntRange(20, 300), help="Seconds watched after the fault.")
@click.option("--form", "forms", multiple=True, type=click.Choice(FORMS), help="Only these forms; all by default.")
@click.option("--fault", "faults", multiple=True, type=click.Choice(FAULTS), help="Only these faults; all by default.")
@click.option("--client", "names", multiple=True, type=click.Choice([one.name for one in CLIENTS]), help="Only these clients.")
@click.option("--output", default="reports/clients.json", show_default=True, type=click.Path(dir_okay=False, path_type=Path))
def main(repeats: int, window: int, forms: Sequence[str], faults: Sequence[str], names: Sequence[str], output: Path) -> None:
    """Build the writers, make every fault, and write what each client saw to OUTPUT and to a picture beside it."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where the set-up put redis-server
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends then too
    built = builds.ensure(names)
    runs: list[dict[str, Any]] = []
    document = {
        "version": 1,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": {"cores": os.cpu_count(), "platform": platform.platform()},
        "window_seconds": window,
        "versions": {name: one for name, one in versions(builds.debian_versions(built)).items() if not names or name in names},
        "runs": runs,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    for form in forms or FORMS:
        for number in range(repeats):
            for fault in [one for one in World.faults(form) if one in (faults or FAULTS)]:
                runs.append(one_run(form, fault, rows([form], names), built, window))
                seconds = runs[-1]["server"]["outage_seconds"]
                click.echo(f"{form}, {fault}, {number + 1} of {repeats}: the servers took no write for {seconds:.2f} s")
                output.write_text(json.dumps(document, indent=1) + "\n")  # a run that is broken off has told what it saw
    output.with_suffix(".svg").write_text(picture.draw(document))
    for line in summary.lines(document):
        click.echo(line)
    click.echo(f"written to {output} and {output.with_suffix('.svg')}")


if __name__ == "__main__":
    main()
