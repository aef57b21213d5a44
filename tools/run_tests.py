"""Run the tests side by side; run what failed once more, alone; say which tiers and tests took longest and what was not run.

`python -m tools tools/run_tests.py [TIER] [PYTEST ARGUMENTS]`. A tier is a folder of tests/, or `fast`: everything that needs
neither the engine nor machines nor servers. Without a tier every test runs, and the linters beside them.

Most of the tests live with real processes, machines and clocks on a computer that may be busy with something else. One of them
in four thousand must not hide what the others say, and must not go unseen either: a test that fails twice fails the run; one
that passes the second time is named at the end, and is a defect to mend, in the test or in the product.

Everything temporary of a run lies in a folder of its own (tools/leftovers.py), so several runs, also of one clone, do not meet.
Ctrl-C and SIGTERM end the tests; what they leave then, and what runs left that were killed, is cleared and named.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn
from xml.etree import ElementTree as ET

from pulumi_emulator.errors import EmulatorError
from tools import leftovers

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
CACHE = "cache"
FAILED = f"{CACHE}/v/cache/lastfailed"  # pytest's own record: docs.pytest.org, how-to/cache
RESULTS = "results.xml"
TESTS_FAILED = 1  # pytest.ExitCode
USAGE_ERROR = 4  # pytest.ExitCode
INTERRUPTED = 130  # as a shell has it for SIGINT
# Seconds for fixtures to take down what they made: xdist gives its workers 10.
END_SECONDS = 30
MOST = 3  # more at once is no coincidence
FAST = "fast"
NOT_FAST = "engine or machines or servers"  # the markers of pyproject.toml
# Tests wait for processes and clocks half of their time: three for each core keep it busy.
WORKERS_PER_CORE = 3
SLOWEST = 10
NEEDS_ROOT = "booting machines needs root"  # the reason that tests/conftest.py gives
# xdist writes a test's group behind its name when tests are given out by groups.
GROUP = re.compile(r"@tests/[\w./-]+$")


@dataclass(frozen=True)
class Result:
    """One test: its file below tests/, its name, its seconds with fixtures, and why it was skipped (empty: it was not)."""

    file: str
    name: str
    seconds: float
    skipped: str = ""

    @property
    def tier(self) -> str:
        """The folder that it lies in."""
        return self.file.split("/")[0]


def tiers() -> list[str]:
    """Return the names of all tiers."""
    folders = [path.name for path in sorted(TESTS.iterdir()) if any(path.glob("test_*.py"))]
    return [FAST, *folders]


def selection(tier: str | None) -> list[str]:
    """Return pytest's arguments for a tier; None is everything. Raises KeyError for a name that is no tier."""
    if tier is None:
        return []
    if tier not in tiers():
        raise KeyError(tier)
    return ["-m", f"not ({NOT_FAST})"] if tier == FAST else [f"tests/{tier}"]


def results(xml: Path) -> list[Result]:
    """Read pytest's JUnit file."""
    if not xml.exists():
        return []
    found = []
    for case in ET.parse(xml).iter("testcase"):  # noqa: S314 - pytest wrote it a moment ago
        skipped = case.find("skipped")
        *folders, module = case.get("classname", "").removeprefix("tests.").split(".")
        found.append(
            Result(
                file="/".join([*folders, f"{module}.py"]),
                name=GROUP.sub("", case.get("name", "")),
                seconds=float(case.get("time", 0)),
                skipped="" if skipped is None else skipped.get("message", "") or "skipped",
            )
        )
    return found


def summary(found: Sequence[Result], seconds: float, workers: int) -> Iterable[str]:
    """Yield the lines that say where the time went: by tier, then the slowest tests."""
    by_tier: dict[str, list[Result]] = defaultdict(list)
    for result in found:
        by_tier[result.tier].append(result)
    yield f"{len(found)} tests in {seconds:.0f} s, {workers} side by side; seconds of tests by tier:"
    for tier, members in sorted(by_tier.items(), key=lambda entry: -sum(one.seconds for one in entry[1])):
        yield f"  {tier:<12}{len(members):>6} tests{sum(one.seconds for one in members):>8.0f} s"
    yield "slowest tests:"
    for result in sorted(found, key=lambda one: -one.seconds)[:SLOWEST]:
        yield f"  {result.seconds:>6.1f} s  {result.file}::{result.name}"


def not_run(found: Sequence[Result]) -> dict[str, int]:
    """Return how many tests of each tier were not run for want of root."""
    counts: dict[str, int] = defaultdict(int)
    for result in found:
        if NEEDS_ROOT in result.skipped:
            counts[result.tier] += 1
    return dict(counts)


def failed_tests(record: Mapping[str, bool]) -> list[str]:
    """Return the tests of pytest's record of failures, as pytest takes them."""
    return sorted({GROUP.sub("", name) for name in record})


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of all that a run starts: temporary files go to its folder."""
    return {**os.environ, leftovers.MARKER: str(folder)}


def lint(folder: Path) -> tuple[int, str]:
    """Run format, lint and types; return the exit code and what they said."""
    command = ["make", "--no-print-directory", "lint"]
    done = subprocess.run(command, cwd=ROOT, env=environment(folder), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def pytest(folder: Path, temporary: str, arguments: Sequence[str]) -> int:
    """Run pytest with all its files in the run's folder; return its exit code."""
    # It ends when this process is killed. In a process group of its own, Ctrl-C and SIGTERM reach it in one way: from here.
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "pytest", "-o", f"cache_dir={folder / CACHE}"]
    process = subprocess.Popen(
        [*command, f"--basetemp={folder / temporary}", *arguments], cwd=ROOT, env=environment(folder), process_group=0
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        say(["interrupted: fixtures take down what they made; once more ends them at once"])
        os.killpg(process.pid, signal.SIGINT)
        process.wait(END_SECONDS)
        raise


def main(arguments: Sequence[str]) -> int:
    """Run the tests of a tier, or all; return the exit code."""
    tier = arguments[0] if arguments and not arguments[0].startswith("-") else None
    try:
        chosen = selection(tier)
    except KeyError:
        say([f"error: {tier!r} is no tier; there are: {', '.join(tiers())}"])
        return USAGE_ERROR
    runs = leftovers.runs_folder()
    with leftovers.ended(runs) as folders:
        for folder in folders:
            say([f"removed what an earlier run left in {folder}", *leftovers.clear(folder)])
    with leftovers.begun(runs) as folder, ThreadPoolExecutor(1) as beside:
        try:
            linting = beside.submit(lint, folder) if tier in (None, FAST) else None
            code = run(folder, chosen, list(arguments[1 if tier else 0 :]))
            if linting is not None:
                lint_code, said = linting.result()
                say([said.rstrip()] if lint_code else ["format, lint and types: nothing to say"])
                code = code or lint_code
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            code = INTERRUPTED
        finish(folder, code)
    return code


def finish(folder: Path, code: int) -> None:
    """Clear what the tests left and name it; the files stay when a test failed, and tell why."""
    failed = code not in {0, INTERRUPTED}
    left = list(leftovers.clear(folder, keep_files=failed))
    if left:
        say(["cleared what the tests left:" if code == INTERRUPTED else "LEFT by the tests, to be mended; cleared:", *left])
    if failed:
        say([f"the files of the tests are in {folder}; the next run removes them"])


def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as at Ctrl-C."""
    raise KeyboardInterrupt


def are_compiled() -> bool:
    """Tell whether the tests' modules were compiled before."""
    return any(TESTS.glob("*/__pycache__"))


def run(folder: Path, chosen: Sequence[str], arguments: Sequence[str]) -> int:
    """Run pytest, and what failed once more; say what came of it."""
    workers = WORKERS_PER_CORE * (os.cpu_count() or 1)
    # All workers load the same modules: each compiles them all where none may keep what it compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.monotonic()
    if not are_compiled():
        # In a fresh clone all workers would compile them at the same time. What is wrong with a test they say themselves.
        pytest(folder, "t", ["-o", "addopts=--import-mode=importlib", "-p", "no:terminal", "--collect-only", *chosen])
    side_by_side = ["-n", str(workers), "--dist", "loadgroup", "--no-loadscope-reorder", f"--junitxml={folder / RESULTS}"]
    first = pytest(folder, "t", [*side_by_side, *chosen, *arguments])
    found = results(folder / RESULTS)
    say(summary(found, time.monotonic() - began, workers))
    missing = not_run(found)
    if missing:
        told = ", ".join(f"{tier} ({count} tests)" for tier, count in sorted(missing.items()))
        say([f"NOT RUN, machines need root: {told}; run `sudo make test`"])
        if os.environ.get("CI"):
            return first or TESTS_FAILED
    if first != TESTS_FAILED:
        return first
    failed = failed_tests(json.loads((folder / FAILED).read_text()))
    if len(failed) > MOST:
        return first
    say([f"{len(failed)} failed: once more, alone"])
    second = pytest(folder, "again", failed)
    if second == 0:
        say(["NOT RELIABLE, failed once and passed alone; to be mended:", *(f"  {test}" for test in failed)])
    return second


def say(lines: Iterable[str]) -> None:
    """Print lines at once: pytest's own output goes on below."""
    sys.stdout.write("\n".join(["", *lines]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for end in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if end is not signal.SIGHUP or signal.getsignal(end) is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(end, interrupt)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say(["interrupted; the next run clears what is left"])
        sys.exit(INTERRUPTED)
    except (EmulatorError, OSError) as error:
        sys.exit(f"error: {error}")
