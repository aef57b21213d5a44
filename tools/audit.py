"""Asks a database of advisories for known faults in what requirements.txt and tools/go-requirements.txt pin.

`audit.py [ARGUMENTS OF uv audit]`. uv audits projects (https://docs.astral.sh/uv/reference/cli/#uv-audit): it is given one
whose dependencies are the pinned packages, in a temporary folder. uv asks the OSV service (https://osv.dev), which has the
advisories for PyPI (https://github.com/pypa/advisory-database), and the index whether a project was given up.
`--service-url URL` asks a mirror. Exit code 0: none known. 1: some are. 2: it could not be asked.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (ROOT / "requirements.txt", ROOT / "tools" / "go-requirements.txt")
UV = Path(sys.executable).parent / "uv"
NOT_ASKED = 2


def pins(lock: str) -> list[str]:
    """Return the requirements of a lock file, with their markers, without hashes."""
    return [line.removesuffix("\\").strip() for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)]


def audit(locks: Iterable[Path], arguments: Sequence[str]) -> int:
    """Run uv with its output on ours; return the exit code."""
    pinned = [pin for lock in locks for pin in pins(lock.read_text())]
    with tempfile.TemporaryDirectory() as folder:
        project = (
            f'[project]\nname = "locked"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = {json.dumps(pinned)}\n'
        )
        Path(folder, "pyproject.toml").write_text(project)
        uv = [str(UV), "--system-certs", "--directory", folder]
        # By itself: `uv audit` ends with 1 also where it could not find a package.
        if subprocess.run([*uv, "lock", "--quiet"], check=False).returncode:
            return not_asked("the index does not have them all, or is out of reach")
        code = subprocess.run([*uv, "audit", "--frozen", "--preview-features", "audit", *arguments], check=False).returncode
    return code if code in {0, 1} else not_asked("the OSV service is out of reach; --service-url URL names a mirror")


def not_asked(why: str) -> int:
    """Say why the packages were not audited, below uv's own words; return the exit code."""
    sys.stderr.write(f"error: the pinned packages were not audited: {why}\n")
    return NOT_ASKED


if __name__ == "__main__":
    sys.exit(audit(LOCKS, sys.argv[1:]))
