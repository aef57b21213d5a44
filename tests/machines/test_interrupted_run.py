"""A run of tests that is killed with everything that it had started: the next run clears what stayed, and says what."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pulumi_emulator.caches.site import Site
from pulumi_emulator.machines import network
from pulumi_emulator.machines.boot import groups_of, mounts_below
from tests.support.waiting import wait_until
from tools.leftovers import Part, clear, parts

ROOT = Path(__file__).resolve().parents[2]
RUNS = f"redis-ha-{os.getuid()}"
RUN = [sys.executable, "-m", "tools", "tools/run_tests.py"]
PROCESSES = ["-n", "2"]  # one for each part
# Machines of the one file; an emulated AWS and cache nodes of the other; side by side. They take longer than the wait for both.
NODES = "test_failover_with or test_the_loss_of_a_zone"
TESTS = ["machines", "tests/aws/test_nodes.py", "-k", f"{NODES} or test_a_command_killed_anywhere"]
MACHINE = "*/t/*/network0/stack/machines/disks/*/console.log"
NODE = "*/t/*/aws0/aws/caches/*/*/admin.sock"
UP_SECONDS = 400  # with images and software to be built

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]


def standing(part: Part) -> set[str]:
    return {entry.split()[0] for entry in part.leftovers()} - {"file", "folder"}


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for runs of this test alone; cleared also when the test fails."""
    path = tmp_path_factory.mktemp("run")
    yield path
    for folder in (path / RUNS).iterdir():
        list(clear(folder))


def kill(run: subprocess.Popen[bytes]) -> None:
    """Kill a run with pytest and its workers; machines, endpoints and their like go on, as they do when a command ends."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        [pytest_] = psutil.Process(run.pid).children()
        run.kill()
        os.killpg(pytest_.pid, signal.SIGKILL)
    run.wait()


def test_the_next_run_clears_what_a_killed_run_left(temporary: Path) -> None:
    runs = temporary / RUNS
    environment = {**os.environ, "TMPDIR": str(temporary)}
    run = subprocess.Popen(
        [*RUN, *TESTS, *PROCESSES], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def all_up() -> bool:
        assert run.poll() is None, "the tests ended before they were killed"
        return any(runs.glob(MACHINE)) and any(runs.glob(NODE))

    try:
        wait_until(all_up, "machines and cache nodes run", UP_SECONDS)
        [folder] = runs.iterdir()
        # Not of the test's own folder, where a stack comes and goes.
        left = [part for part in parts(folder) if part.folder.relative_to(folder).parts[2] in {"network0", "aws0"}]
    finally:
        kill(run)
    endpoint, machines = sorted(left, key=lambda part: part.folder.name)
    assert {"process", "mount", "namespace", "control"} <= standing(machines)
    assert {"process", "namespace"} <= standing(endpoint)
    # Any run does.
    done = subprocess.run(
        [*RUN, "house", "-k", "top_level", *PROCESSES], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"removed what an earlier run left in {folder}\n" in done.stdout
    for part in left:
        assert f"\n  {part.folder.relative_to(folder)}: " in done.stdout
    assert list(runs.iterdir()) == []
    assert mounts_below(runs) == []
    prefixes = {network.names_of(path).prefix for part in left for path in (part.folder, part.folder / "caches")}
    assert [name for prefix in prefixes for name in (*network.namespaces(prefix), *groups_of(prefix))] == []
    assert [one for one in psutil.process_iter(["cmdline"]) if str(runs) in " ".join(one.info["cmdline"] or [])] == []


def test_a_network_of_cache_nodes_and_a_mount_are_found_without_a_record(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "run", tmp_path / "caches"
    site, other = Site(folder / "t/caches0/caches"), Site(elsewhere)
    bound = folder / "t/bound"
    for path in (site.folder, other.folder, bound):
        path.mkdir(parents=True)
    try:
        site.ensure()
        other.ensure()
        subprocess.run(["mount", "--bind", elsewhere, bound], check=True)
        (elsewhere / "kept").touch()
        assert list(clear(folder)) == ["  t/caches0/caches: namespace x 1", f"  mount {bound}"]
        assert not network.exists(site.namespace)
        assert network.exists(other.namespace), "not of this run"
        assert (elsewhere / "kept").exists()
        assert not folder.exists()
    finally:
        list(clear(folder))
        other.remove()
