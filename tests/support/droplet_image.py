"""Programs of a droplet's image, run without booting it: its cloud-init, its sshd. Needs root."""

from __future__ import annotations

import re
from pathlib import Path

from pulumi_emulator.machines.images import ensure_image
from pulumi_emulator.stacks import emulator_home

# What `sshd -T` says of a node.
NODE_SSHD = (
    "passwordauthentication no",
    "kbdinteractiveauthentication no",
    "permitrootlogin without-password",
    "x11forwarding no",
    "allowagentforwarding no",
    "allowstreamlocalforwarding no",
    "allowtcpforwarding local",
    "permittunnel no",
    "permitopen *:6379 *:26379",
)
# In a mount namespace of its own: the image is read-only, the test's folder is its /mnt, and nothing stays mounted afterwards.
ENTER = """
set -e
image=$1 folder=$2; shift 2
mount --bind "$image" "$image"
mount -o remount,bind,ro "$image"
mount --bind "$folder" "$image/mnt"
mount -t tmpfs tmpfs "$image/run"
mount -t tmpfs tmpfs "$image/tmp"
mkdir -m 0755 "$image/run/sshd"
mount --bind /dev "$image/dev"
mount --bind /proc "$image/proc"
exec chroot "$image" "$@"
"""


def in_image(slug: str, folder: Path, *command: str) -> list[str]:
    """Give the command line that runs a command in the file system of an image, with `folder` at /mnt."""
    image = ensure_image(emulator_home(), slug, print)
    return ["unshare", "--mount", "sh", "-c", ENTER, "enter", str(image), str(folder), *command]


def exposures(told: str) -> dict[str, float]:
    """Read what `systemd-analyze security` said of units, from 0.0 (none) to 10.0."""
    return {name: float(exposure) for name, exposure in re.findall(r"Overall exposure level for (\S+): ([0-9.]+)", told)}
