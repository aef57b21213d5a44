"""Can this host run machines? Asked before anything is touched."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pulumi_emulator.errors import EmulatorError

# Command -> the Debian package that has it.
COMMANDS: Final = {
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "mount": "mount",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")  # what images are verified with
# A machine with packages installed from user data writes some 150 MB; six of them and their data, with room to spare.
MACHINE_DISK_SPACE: Final = 1024**3
# Every machine's systemd and its services watch files; the kernel counts them for all of root's machines together, and its
# default of 128 (inotify(7), max_user_instances) is spent by a dozen machines: units then fail at boot for no reason of theirs.
INOTIFY_INSTANCES: Final = 8192
INOTIFY_SETTING: Final = Path("/proc/sys/fs/inotify/max_user_instances")


def ensure_limits() -> None:
    """Raise this host's limits that several machines together would reach; one that is high enough is left as it is."""
    if int(INOTIFY_SETTING.read_text()) < INOTIFY_INSTANCES:
        try:
            INOTIFY_SETTING.write_text(str(INOTIFY_INSTANCES))
        except OSError as error:
            raise EmulatorError(
                f"machines need fs.inotify.max_user_instances >= {INOTIFY_INSTANCES}, which cannot be set here "
                f"({error.strerror}): run `sysctl -w fs.inotify.max_user_instances={INOTIFY_INSTANCES}` on the host"
            ) from error


def check(home: Path, commands: Mapping[str, str] = MappingProxyType(COMMANDS)) -> None:
    """Raise EmulatorError with the remedy when machines (or what else needs these commands) cannot run here."""
    if not sys.platform.startswith("linux"):
        raise EmulatorError("machines need Linux: run this in a Linux VM or a privileged container (docker run --privileged)")
    if os.geteuid() != 0:
        raise EmulatorError(
            "machines need root (namespaces, mounts, packet filter): run this as root, in a privileged container "
            "(docker run --privileged, home on a volume) or in a VM"
        )
    missing = {package for command, package in commands.items() if shutil.which(command) is None}
    if not KEYRING.exists():
        missing.add("debian-archive-keyring")
    if missing:
        raise EmulatorError(f"machines need Debian packages that are missing: apt-get install {' '.join(sorted(missing))}")
    for character in ":,\\":
        if character in str(home):
            raise EmulatorError(
                f"PULUMI_EMULATOR_HOME={home} has a {character!r}, which overlay mounts cannot take: choose another"
            )
    place = home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < MACHINE_DISK_SPACE:
        raise EmulatorError(
            f"machines need {MACHINE_DISK_SPACE // 1024**2} MB of disk and {place} has {free // 1024**2} MB free: "
            "make room, or set PULUMI_EMULATOR_HOME to a larger disk"
        )
