"""Builds the writers outside the tree, from the lock files beside this one: once, about ten minutes for all languages.

`REDIS_HA_CLIENTS` names the folder; default: `bench-clients` in the emulator's folder. Caches of the toolchains lie there too.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

from bench.clients.rows import CLIENTS, HERE
from pulumi_emulator.stacks import emulator_home

SUITE = "trixie"
PACKAGES = ("gcc", "libc6-dev", "libhiredis-dev", "libredis-fast-perl", "libredis-perl", "php-cli", "php-predis", "php-redis")


def folder() -> Path:
    """Return where everything that is built lies."""
    given = os.environ.get("REDIS_HA_CLIENTS")
    return Path(given) if given else emulator_home() / "bench-clients"


def ensure(names: Sequence[str]) -> Path:
    """Build what the wanted clients need (what is built already takes seconds) and return the folder."""
    built = folder()
    built.mkdir(parents=True, exist_ok=True)
    wanted = [client for client in CLIENTS if not names or client.name in names]
    for language, build in {"Go": go, "Node": node, "Java": java, "Rust": rust}.items():
        if any(client.language == language for client in wanted):
            click.echo(f"building the writers in {language}")
            build(built)
    if any(client.in_root for client in wanted):
        click.echo("building the writers in C, Perl and PHP")
        debian(built)
    return built


def call(built: Path, where: Path, *command: str) -> None:
    """Run a toolchain with its caches in `built`; its error ends the bench."""
    environment = {
        "GOMODCACHE": str(built / "cache/gomod"),
        "GOCACHE": str(built / "cache/gobuild"),
        "CARGO_HOME": str(built / "cache/cargo"),
        "CARGO_TARGET_DIR": str(built / "rust"),
        **os.environ,
    }
    argv = ("nice", "-n", "10", *command)
    done = subprocess.run(argv, cwd=where, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        told = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise click.ClickException(f"{' '.join(command)} ended with {done.returncode}\n{told}")


def go(built: Path) -> None:
    """Build the program with go.mod and go.sum as they are."""
    call(built, HERE / "go", "go", "build", "-mod=readonly", "-o", str(built / "go/writers"), ".")


def node(built: Path) -> None:
    """Install what package-lock.json pins; without install scripts, which no package here needs."""
    place = built / "node"
    place.mkdir(exist_ok=True)
    lock, installed = HERE / "node/package-lock.json", place / "package-lock.json"
    same = installed.exists() and installed.read_bytes() == lock.read_bytes()
    for name in ("package.json", "package-lock.json", "writers.mjs"):
        shutil.copyfile(HERE / "node" / name, place / name)
    if not same:  # `npm ci` removes everything first, also under a run that is at work
        call(built, place, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")


def java(built: Path) -> None:
    """Fetch what pom.xml names, and compile."""
    repository = f"-Dmaven.repo.local={built / 'cache/m2'}"
    wanted = (f"-DoutputDirectory={built / 'java/lib'}", "dependency:copy-dependencies")
    call(built, HERE / "java", "mvn", "--quiet", "--batch-mode", repository, *wanted)
    classes = built / "java/classes"
    classes.mkdir(parents=True, exist_ok=True)
    call(built, HERE / "java", "javac", "-nowarn", "-cp", f"{built}/java/lib/*", "-d", str(classes), "src/Writers.java")


def rust(built: Path) -> None:
    """Build with Cargo.lock as it is."""
    call(built, HERE / "rust", "cargo", "build", "--release", "--locked")


def debian(built: Path) -> None:
    """Make a Debian root file system with interpreters and libraries, once; put the programs into it and compile the C one."""
    root = built / "root"
    if not root.exists():
        building = built / "building-root"
        shutil.rmtree(building, ignore_errors=True)
        options = ("--mode=root", "--variant=apt", "--format=directory", "--aptopt=APT::Install-Recommends false")
        call(built, built, "mmdebstrap", *options, f"--include={','.join(PACKAGES)}", SUITE, str(building))
        building.rename(root)
    for name in ("c", "perl", "php"):
        shutil.copytree(HERE / name, root / "clients" / name, dirs_exist_ok=True)
    compiler = ("gcc", "-O1", "-Wall", "-Werror", "-o", "/clients/c/writers", "/clients/c/writers.c", "-lhiredis")
    call(built, built, "chroot", str(root), *compiler)


def debian_versions(built: Path) -> dict[str, str]:
    """Return package -> upstream version of what the root file system holds."""
    if not (built / "root").exists():
        return {}
    argv = ("chroot", str(built / "root"), "dpkg-query", "--show", "--showformat", "${Package} ${source:Upstream-Version}\n")
    listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in listed.splitlines())
