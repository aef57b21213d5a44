"""What a machine's disk carries before its first boot."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from pulumi_emulator.machines.model import MachineSpec

SEED: Final = "var/lib/cloud/seed/nocloud"  # cloudinit/sources/DataSourceNoCloud.py


def meta_data(spec: MachineSpec) -> str:
    """Return cloud-init's meta-data (JSON is YAML). The instance id is the droplet's: per-instance work runs once a droplet."""
    return json.dumps(
        {"instance-id": spec.machine_id, "local-hostname": spec.name, "public-keys": list(spec.ssh_public_keys)}, indent=1
    )


def write_seed(disk_root: Path, spec: MachineSpec) -> None:
    """Write the seed into the (still unmounted) upper layer of a machine's disk; user data is readable by root only."""
    seed = disk_root / SEED
    seed.mkdir(parents=True, exist_ok=True)
    # Folders of the upper layer hide the image's: they need the modes Debian gives them.
    for folder in (disk_root / "var", disk_root / "var/lib", disk_root / "var/lib/cloud", disk_root / "var/lib/cloud/seed"):
        folder.chmod(0o755)
    seed.chmod(0o700)
    _write(seed / "meta-data", meta_data(spec), 0o600)
    _write(seed / "user-data", spec.user_data, 0o600)
    etc = disk_root / "etc"
    etc.mkdir(exist_ok=True)
    etc.chmod(0o755)
    _write(etc / "machine-id", machine_uuid(disk_root, spec) + "\n", 0o444)
    _write(etc / "hostname", spec.name + "\n", 0o644)


def machine_uuid(disk_root: Path, spec: MachineSpec) -> str:
    """Return the machine's own id (machine-id(5)), the same at every boot."""
    return hashlib.sha256(f"{disk_root}/{spec.machine_id}".encode()).hexdigest()[:32]


def _write(path: Path, text: str, mode: int) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(mode)
