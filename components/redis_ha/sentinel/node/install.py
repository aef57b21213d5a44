"""Before the first start: turn the seeds of user-data into the files that Redis, Sentinel and the agents own from then on.

A file that exists is left alone: Redis and Sentinel rewrite theirs (CONFIG REWRITE, every failover), and running user-data
again, or a newer template, must not undo that (DavidWittman/ansible-redis issue 22, redis/redis issue 4934). One without
content does not exist: a power cut leaves such a file, and a server would start with it and without its access rules
(redis/redis issue 3990).
"""

import json
import os
import shutil
import urllib.request
from pathlib import Path

from .config import state_directory, write_privately

SEED_VARIABLE = "REDIS_HA_SEED"
SEED_DIRECTORY = "/etc/redis-ha/seed"
# The own private address: never "the first 10.x address", the reserved-IP anchor on the public interface looks just like one
# (docs.digitalocean.com, reference/api/metadata: interfaces/private/0 and anchor_ipv4).
METADATA_VARIABLE = "REDIS_HA_METADATA"
METADATA_ADDRESS = "http://169.254.169.254/metadata/v1/interfaces/private/0/ipv4/address"
METADATA_TIMEOUT_S = 5.0
SELF_ADDRESS = "@SELF_ADDRESS@"
# Who owns what: Redis and Sentinel rewrite their files and need their directory for it. The agents' files are root's, and so is
# the one that systemd reads for the exporters.
REDIS_DIRECTORIES = ("config", "data")
AGENT_DIRECTORY = "agent"
AGENT_FILES = ("node.json", "exporters.env")


def fill(seed: str, self_address: str) -> str:
    """Put the node's own address into a seed."""
    return seed.replace(SELF_ADDRESS, self_address)


def missing_files(seeds: list[str], state: Path) -> dict[str, Path]:
    """Return which seeds have to become which files, leaving out what exists."""
    targets = {name: state / (AGENT_DIRECTORY if name in AGENT_FILES else "config") / name for name in seeds}
    return {name: target for name, target in targets.items() if not target.exists() or target.stat().st_size == 0}


def self_address() -> str:
    """Ask the metadata service for this droplet's address in its VPC. Raises OSError when there is none."""
    url = os.environ.get(METADATA_VARIABLE, METADATA_ADDRESS)
    with urllib.request.urlopen(url, timeout=METADATA_TIMEOUT_S) as answer:  # noqa: S310 (a constant, or the tests' file)
        address: str = answer.read().decode("ascii").strip()
    if not address:
        raise OSError("the metadata service names no private address: the droplet is in no VPC")
    return address


def main() -> int:
    """Make the directories, and the files that are missing."""
    seed_directory = Path(os.environ.get(SEED_VARIABLE, SEED_DIRECTORY))
    seeds = json.loads((seed_directory / "manifest.json").read_text())
    state = state_directory()
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o755)  # the units' umask is 0077, and Redis has to get to its directories through this one
    for name in (*REDIS_DIRECTORIES, AGENT_DIRECTORY):
        directory = state / name
        directory.mkdir(mode=0o700, exist_ok=True)
        if name in REDIS_DIRECTORIES:
            shutil.chown(directory, seeds["owner"], seeds["owner"])
    missing = missing_files(seeds["files"], state)
    if not missing:
        return 0
    address = self_address()
    for name, target in missing.items():
        owner = None if name in AGENT_FILES else seeds["owner"]
        target.unlink(missing_ok=True)
        write_privately(target, fill((seed_directory / name).read_text(), address), exclusive=True, owner=owner)
    print(f"seeded {', '.join(sorted(missing))} for {address}", flush=True)
    return 0
