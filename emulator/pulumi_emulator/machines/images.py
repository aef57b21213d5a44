"""Root file systems a machine can boot, by the cloud's image slug; each is built once from Debian's archive.

An image carries what a fresh droplet carries, and a package repository of its own: packages are installed from it by apt
and dpkg with their maintainer scripts, without a network.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines.boot import mounts_below
from pulumi_emulator.machines.build_log import why_it_failed
from pulumi_emulator.machines.commands import run

REPOSITORY: Final = "var/lib/emulator-repository"
# What a DigitalOcean Debian droplet has and user data counts on. Redis is not among it.
BASE_PACKAGES: Final = (
    "apt",
    "ca-certificates",
    "cloud-init",
    "curl",
    "dbus",
    "iproute2",
    "iputils-ping",
    "netbase",
    "nftables",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
)
# What user data can install; their dependencies come along.
REPOSITORY_PACKAGES: Final = (
    "acl",
    "haproxy",
    "htop",
    "jq",
    "nginx-light",
    "prometheus",
    "prometheus-node-exporter",
    "prometheus-redis-exporter",
    "python3-redis",
    "redis-sentinel",
    "redis-server",
    "redis-tools",
    "stunnel4",
)
# Offline there is nothing to fetch on a timer, and a timer's apt would hold dpkg's lock at some odd moment.
DISABLED_UNITS: Final = ("apt-daily.timer", "apt-daily-upgrade.timer", "fstrim.timer", "e2scrub_all.timer")
# They read a kernel's command line, partitions or firmware, and find nothing here. They run at the boot and at each
# `daemon-reload`; installing packages makes several. systemd.generator(7) says how one is masked.
MASKED_GENERATORS: Final = (
    *("systemd-bless-boot-generator", "systemd-cryptsetup-generator", "systemd-debug-generator"),
    *("systemd-gpt-auto-generator", "systemd-hibernate-resume-generator", "systemd-integritysetup-generator"),
    *("systemd-run-generator", "systemd-ssh-generator", "systemd-system-update-generator", "systemd-tpm2-generator"),
    "systemd-veritysetup-generator",
)
RESOLVERS: Final = ("67.207.67.3", "67.207.67.2")  # what DigitalOcean's metadata names as dns.nameservers
# A build takes some 700 MB for its files and downloads, and the result 250 MB; below this it would end half way.
BUILD_DISK_SPACE: Final = 2 * 1024**3
# Settings that belong to the whole host's kernel. A droplet has a kernel of its own, so user data sets them; here files take
# the machine's value and show it, and the host's kernel stays as it is. What changes by itself stays real.
KERNEL_SCRIPT: Final = r"""#!/bin/sh
set -eu
own=/run/emulator-kernel
real=/run/emulator-kernel-real
mkdir -p $own $real
mount --rbind /proc/sys $real
mount --make-rprivate $real
for tree in vm fs kernel; do
  cp -r --no-preserve=mode $real/$tree $own/ 2>/dev/null || true
  mount --bind $own/$tree /proc/sys/$tree
  mount --make-private /proc/sys/$tree
done
for entry in kernel/random kernel/hostname kernel/domainname; do
  mount --rbind $real/$entry /proc/sys/$entry
done
umount --lazy $real
for name in enabled defrag; do
  cp --no-preserve=mode /sys/kernel/mm/transparent_hugepage/$name $own/$name
  mount --bind $own/$name /sys/kernel/mm/transparent_hugepage/$name
done
"""
KERNEL_UNIT: Final = """\
[Unit]
Description=Kernel settings of this machine alone
DefaultDependencies=no
Before=systemd-sysctl.service sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/emulator/kernel-settings

[Install]
WantedBy=sysinit.target
"""
LAYOUT: Final = 7  # raise it when `_customize` changes: images of an older layout are then built anew

CLOUD_INIT_SETTINGS: Final = """\
# A machine of the emulator: the seed takes the place of the cloud's own data source, addresses are given from outside.
datasource_list: [ NoCloud ]
datasource:
  NoCloud:
    fs_label: null
network:
  config: disabled
# As in DigitalOcean's vendor data.
disable_root: false
manage_etc_hosts: true
# The one locale that needs no generating.
locale: C.UTF-8
# An RSA host key takes as long to make as the rest of a boot.
ssh_genkeytypes: [ ecdsa, ed25519 ]
"""


@dataclass(frozen=True)
class Recipe:
    """How an image is made: a Debian suite and the packages in it."""

    suite: str
    base: tuple[str, ...] = BASE_PACKAGES
    repository: tuple[str, ...] = REPOSITORY_PACKAGES
    layout: int = LAYOUT


IMAGES: Final[dict[str, Recipe]] = {"debian-13-x64": Recipe("trixie"), "debian-12-x64": Recipe("bookworm")}


def recipe_of(slug: str) -> Recipe:
    """Return an image's recipe; EmulatorError names the slugs there are."""
    recipe = IMAGES.get(slug)
    if recipe is None:
        raise EmulatorError(f"image {slug!r} cannot be booted here: the emulator has {', '.join(sorted(IMAGES))}")
    return recipe


def folder_of(home: Path) -> Path:
    """Return the folder that images lie in."""
    return home / "images"


def image_path(home: Path, slug: str) -> Path:
    """Return where an image lies, whether it is built or not: a changed recipe has another folder."""
    recipe = recipe_of(slug)
    text = json.dumps(
        asdict(recipe) | {"texts": [CLOUD_INIT_SETTINGS, KERNEL_SCRIPT, KERNEL_UNIT], "disabled": DISABLED_UNITS},
        sort_keys=True,
    )
    return folder_of(home) / f"{slug}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def ensure_image(home: Path, slug: str, report: Callable[[str], None]) -> Path:
    """Return an image's folder, building it first when it is not there (once, also when two commands ask together)."""
    return ensure_root(image_path(home, slug), lambda building: _build(building, slug, report), report)


def ensure_root(target: Path, build: Callable[[Path], None], report: Callable[[str], None]) -> Path:
    """Return a root file system that is built once: `build` makes it in the folder it is given, which then becomes `target`."""
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with target.parent.joinpath(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"another command builds images in {target.parent}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _remove_remains(target.parent)
            building = target.parent / f".building-{target.name}"
            build(building)
            os.sync()
            building.rename(target)
    return target


def _remove_remains(folder: Path) -> None:
    """Remove what a killed build left; only called under the lock, so no build is at work."""
    for entry in folder.glob(".building-*"):
        for mounted in mounts_below(entry):
            run(["umount", "--lazy", mounted])
        shutil.rmtree(entry)


def bootstrap(building: Path, name: str, suite: str, packages: Sequence[str], options: Sequence[str]) -> None:
    """Unpack a Debian suite with packages into a folder; the log lies beside it as NAME.log.

    EmulatorError when this is another architecture, when there is no room, or with the cause that the log names.
    """
    folder = building.parent
    if platform.machine() != "x86_64":
        raise EmulatorError(f"image {name} is for x86_64 and this machine is {platform.machine()}")
    free = shutil.disk_usage(folder).free
    if free < BUILD_DISK_SPACE:
        raise EmulatorError(
            f"building image {name} needs {BUILD_DISK_SPACE // 1024**2} MB and {folder} has {free // 1024**2} MB free: "
            "make room, or set PULUMI_EMULATOR_HOME to a larger disk"
        )
    log = folder / f"{name}.log"
    argv = [
        # A killed command takes its build along, with every process and mount in it.
        *("setpriv", "--pdeathsig", "KILL", "--", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
        "mmdebstrap",
        "--mode=root",
        "--format=directory",
        f"--include={','.join(packages)}",
        "--aptopt=APT::Install-Recommends false",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "doc", "info", "locale")),
        *options,
        suite,
        str(building),
    ]
    with log.open("wb") as output:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode != 0:
        why = why_it_failed(log.read_text(errors="replace"), done.returncode, folder)
        raise EmulatorError(f"building image {name} failed: {why}. The full log is {log}")


def _build(building: Path, slug: str, report: Callable[[str], None]) -> None:
    recipe = recipe_of(slug)
    started = time.monotonic()
    report(f"building image {slug} (Debian {recipe.suite}, once, about 40 s)")
    downloads = f"$1/{REPOSITORY}"
    fetch = (
        f'mkdir -p "{downloads}/partial" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes --download-only '
        f'-o APT::Install-Recommends=true -o Dir::Cache::Archives="{downloads}" install {" ".join(recipe.repository)}'
    )
    bootstrap(building, slug, recipe.suite, recipe.base, ["--variant=apt", f"--customize-hook={fetch}"])
    report(f"image {slug}: setting up its package repository")
    _customize(building)
    report(f"image {slug} built in {time.monotonic() - started:.0f} s")


def _customize(root: Path) -> None:
    """Turn a bare Debian into the image: own repository, cloud-init settings, nothing of this host in it."""
    repository = root / REPOSITORY
    shutil.rmtree(repository / "partial", ignore_errors=True)
    repository.joinpath("lock").unlink(missing_ok=True)
    write_index(repository)
    root.joinpath("etc/apt/sources.list").write_text(f"deb [trusted=yes] file:/{REPOSITORY} ./\n")
    for entry in root.joinpath("etc/apt/sources.list.d").glob("*"):
        entry.unlink()
    root.joinpath("etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)
    # The archive's own signed lists are not needed; downloads as user _apt would only warn about the folder's owner.
    root.joinpath("etc/apt/apt.conf.d/90emulator").write_text('APT::Sandbox::User "root";\nAcquire::Languages "none";\n')
    root.joinpath("etc/cloud/cloud.cfg.d/90_emulator.cfg").write_text(CLOUD_INIT_SETTINGS)
    root.joinpath("etc/resolv.conf").unlink(missing_ok=True)
    root.joinpath("etc/resolv.conf").write_text("".join(f"nameserver {address}\n" for address in RESOLVERS))
    root.joinpath("etc/default/locale").write_text("LANG=C.UTF-8\n")
    root.joinpath("etc/hostname").unlink(missing_ok=True)
    root.joinpath("etc/machine-id").write_text("")  # each machine is given its own
    for key in root.joinpath("etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for unit in DISABLED_UNITS:
        for link in root.joinpath("etc/systemd/system").glob(f"*.wants/{unit}"):
            link.unlink()
    masks = root / "etc/systemd/system-generators"
    masks.mkdir()
    for generator in MASKED_GENERATORS:
        masks.joinpath(generator).symlink_to("/dev/null")
    script = root / "usr/local/lib/emulator/kernel-settings"
    script.parent.mkdir(parents=True)
    script.write_text(KERNEL_SCRIPT)
    script.chmod(0o755)
    units = root / "etc/systemd/system"
    units.joinpath("emulator-kernel.service").write_text(KERNEL_UNIT)
    units.joinpath("sysinit.target.wants").mkdir(exist_ok=True)
    units.joinpath("sysinit.target.wants/emulator-kernel.service").symlink_to("/etc/systemd/system/emulator-kernel.service")
    lists = root / "var/lib/apt/lists"
    shutil.rmtree(lists, ignore_errors=True)
    lists.joinpath("partial").mkdir(parents=True)
    run(["chroot", str(root), "apt-get", "--quiet", "--quiet", "update"])
    # The packages' scripts did what is due after an update of /usr: systemd does it again at the first boot if these files are
    # older than /usr (systemd-update-done.service(8)).
    for folder in ("etc", "var"):
        root.joinpath(folder, ".updated").touch()


def write_index(repository: Path) -> None:
    """Write the `Packages` index of a flat repository (wiki.debian.org/DebianRepository/Format)."""
    paragraphs = []
    for package in sorted(repository.glob("*.deb")):
        control = run(["dpkg-deb", "--field", str(package)]).rstrip("\n")
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        paragraphs.append(f"{control}\nFilename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n")
    text = "\n".join(paragraphs)
    repository.joinpath("Packages").write_text(text, encoding="utf-8")
    repository.joinpath("Packages.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
