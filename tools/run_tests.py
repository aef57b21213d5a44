"""Run every test; run what failed once more, alone, and say aloud which tests were not reliable.

Most of the tests live with real processes, machines and clocks on a computer that may be busy with something else. One of them
in three thousand must not hide what the others say, and must not go unseen either: a test that fails twice fails the run; one
that passes the second time is named at the end, and is a defect to mend, in the test or in the product.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"  # pytest's own record: docs.pytest.org, how-to/cache
TESTS_FAILED = 1  # pytest.ExitCode
MOST = 3  # more at once is no coincidence


def main(arguments: list[str]) -> int:
    """Run the tests with pytest's own arguments; return the exit code."""
    FAILED.unlink(missing_ok=True)
    pytest = [sys.executable, "-m", "pytest"]
    first = subprocess.run([*pytest, *arguments], cwd=ROOT, check=False).returncode
    if first != TESTS_FAILED:
        return first
    failed = sorted(json.loads(FAILED.read_text()))
    if len(failed) > MOST:
        return first
    sys.stdout.write(f"\n{len(failed)} failed: once more, alone\n")
    sys.stdout.flush()
    second = subprocess.run([*pytest, *failed], cwd=ROOT, check=False).returncode
    if second == 0:
        sys.stdout.write(
            "NOT RELIABLE, failed once and passed alone; to be mended:\n" + "".join(f"  {test}\n" for test in failed)
        )
    return second


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
