"""Why the build of an image failed, by its log: the lines of mmdebstrap, apt, dpkg and their tools that tell it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

SHOWN: Final = 2  # lines
# They say that a command failed, not why: mmdebstrap's own end, the command that it ran, apt's sum of what went before.
SUMMARY: Final = re.compile(
    r"E: mmdebstrap failed|E: (setup failed: E: )?(apt-get|dpkg|env|chroot|tar|sh) .*failed|E: Some index files failed"
    r"|tar: Exiting with failure|I: |W: skipping"
)
NO_SPACE: Final = "No space left on device"
# apt's words (apt-pkg/acquire-item.cc, methods/connect.cc, methods/http.cc) where an archive did not give a file.
NOT_FETCHED: Final = re.compile(r"Failed to fetch|Could not (resolve|connect)|Unable to connect|Temporary failure resolving")


def why_it_failed(log: str, status: int, folder: Path) -> str:
    """Return the cause, and what to do where that is known.

    log: the whole output. status: the exit status, for a log without a word. folder: where the image was built.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if not SUMMARY.match(line)]
    errors = [line for line in telling if line.startswith(("E: ", "W: GPG error", "dpkg: error"))]
    full = [line for line in telling if NO_SPACE in line]
    shown = "; ".join(errors[:SHOWN] or full[:1] or telling[-SHOWN:]) or f"status {status}"
    if full:
        return f"{shown}: make room in {folder}, or set PULUMI_EMULATOR_HOME to a larger disk"
    if any(NOT_FETCHED.search(line) for line in errors):
        return f"{shown}: is Debian's archive reachable?"
    if any("NO_PUBKEY" in line for line in errors):
        return f"{shown}: install a newer debian-archive-keyring"
    return shown
