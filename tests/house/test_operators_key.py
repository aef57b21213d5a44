"""The operators' key of the quick start: nobody else can read it, at no moment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import ROOT

PAGE = ROOT / "docs" / "quick-start-digitalocean.md"
# Writes the key as the real one does. While whoever takes it still reads, it looks for it in every file that others may read.
PULUMI = """#!/bin/sh
cat "$KEY"
grep --recursive --files-with-matches "PRIVATE KEY" . | xargs --no-run-if-empty stat --format "%n %A" >> "$SEEN"
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An agent of the test's own; its environment."""
    socket = str(tmp_path / "agent")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "SSH_AUTH_SOCK" in process.stdout.readline()  # it listens
        yield {"SSH_AUTH_SOCK": socket}
    finally:
        process.terminate()
        process.communicate()


def test_the_key_goes_to_the_agent_and_into_no_file(agent: dict[str, str], tmp_path: Path) -> None:
    (command,) = [line.removeprefix("$ ") for line in PAGE.read_text().splitlines() if "output ssh_private_key" in line]
    bin_, work = tmp_path / "bin", tmp_path / "work"
    bin_.mkdir()
    work.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "made")], check=True)
    (bin_ / "pulumi").write_text(PULUMI)
    (bin_ / "pulumi").chmod(0o755)
    before = os.umask(0o022)
    try:
        (work / "key").write_text("")  # left from another time, and readable
        environment = {
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "HOME": str(work),
            "KEY": str(tmp_path / "made"),
            "SEEN": str(tmp_path / "seen"),
            **agent,
        }
        subprocess.run(["bash", "-ec", command], cwd=work, env=environment, check=True, capture_output=True, timeout=60)
    finally:
        os.umask(before)
    assert (tmp_path / "seen").read_text() == ""
    assert {path.name: path.read_text() for path in work.iterdir()} == {"key": ""}
    held = subprocess.run(["ssh-add", "-L"], env={**os.environ, **agent}, capture_output=True, text=True, check=True).stdout
    assert held.split()[1] == (tmp_path / "made.pub").read_text().split()[1]
