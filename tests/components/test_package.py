"""The package as others use it: built as a wheel."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

COMPONENTS = Path(__file__).resolve().parents[2] / "components"


def test_the_wheel_holds_everything_and_works_alone(tmp_path: Path) -> None:
    """Built, installed into a fresh environment, and asked for a node's user-data.

    Templates, agents and the Lambda function have to be in it.
    """
    source = tmp_path / "source"
    shutil.copytree(COMPONENTS, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env/bin/python"
    install = ["uv", "pip", "install", "--python", str(python), "--no-deps", "--no-index", "--no-cache", "--quiet", str(wheel)]
    subprocess.run(install, check=True, timeout=120)
    # The libraries it depends on come from here; of our own packages only the wheel's is to be seen.
    program = f"""
import pathlib
import sys
sys.path.append({sysconfig.get_path("purelib")!r})
import redis_ha
from redis_ha.sentinel import SentinelCluster, SentinelClusterArgs, render, topology
assert redis_ha.__file__.startswith({str(tmp_path)!r}), redis_ha.__file__
plan = topology.make_plan("wheel", SentinelClusterArgs(region="ams3", vpc_ip_range="10.20.0.0/24"))
render.check_size(plan)
print(len(render.node_modules("data")))
function = pathlib.Path(redis_ha.__file__).parent / "failover/function"
print(*sorted(path.name for path in function.glob("*.py")))
"""
    asked = subprocess.run([str(python), "-I", "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert asked.returncode == 0, asked.stderr
    count, shipped = asked.stdout.splitlines()
    assert int(count) >= 10
    assert shipped.split() == sorted(path.name for path in (COMPONENTS / "redis_ha/failover/function").glob("*.py"))
