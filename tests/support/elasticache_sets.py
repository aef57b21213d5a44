"""Generated argument sets of ElastiCacheHaGroup: good ones, and good ones with one mistake whose argument is known.

The lists are written here by hand, from the pages that the component's own tables name, so that code and test do not share
one table.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.support.argument_sets import Arguments, ArgumentSet, generated

VERSIONS = {"valkey": ["7.2", "8.0", "8.1"], "redis": ["5.0.6", "6.2", "7.0", "7.1"]}
NODE_TYPES = ["cache.t4g.medium", "cache.m7g.large", "cache.r7g.large", "cache.r6g.xlarge", "cache.r5.2xlarge"]
ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]


def _good(rng: random.Random, number: int) -> Arguments:
    engine = rng.choice(["valkey", "valkey", "redis"])
    version = rng.choice(VERSIONS[engine])
    modern = engine == "valkey" or version.startswith("7")
    args: Arguments = {
        "group_id": f"group-{number}",
        "region": "eu-central-1",
        "zones": rng.sample(ZONES, rng.choice([2, 3])),
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"],
        "engine": engine,
        "engine_version": version,
    }
    mode = rng.choice(["disabled", "enabled", "compatible"] if modern else ["disabled", "enabled"])
    if mode != "disabled" or rng.random() < 0.3:
        args["cluster_mode"] = mode
    if mode == "enabled":
        args["shards"] = rng.randint(1, 3)
    args["replicas"] = rng.choice([1, 1, 1, 2, 5 if mode == "disabled" else 1])
    if engine == "redis" and version.startswith("5"):
        args["auth"] = rng.choice(["token", "none"])
    elif rng.random() < 0.4:
        args["auth"] = rng.choice(["rbac", "token", "none"])
    optional: dict[str, Callable[[], Any]] = {
        "node_type": lambda: rng.choice(NODE_TYPES),
        "description": lambda: "orders of the shop",
        "port": lambda: rng.choice([6379, 6380, 7000]),
        "client_cidrs": lambda: ["10.50.0.0/20"],
        "client_security_group_ids": lambda: ["sg-0123456789abcdef0"],
        "client_prefix_list_ids": lambda: ["pl-0123456789abcdef0"],
        "maintenance_window": lambda: rng.choice(["sun:04:30-sun:05:30", "sat:23:30-sun:01:00"]),
        "snapshot_window": lambda: "02:00-03:00",
        "snapshot_retention_days": lambda: rng.choice([1, 7, 35]),
        "final_snapshot": lambda: rng.choice([True, False]),
        "apply_immediately": lambda: rng.choice([True, False]),
        "kms_key_id": lambda: "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555",
        "tags": lambda: {"team": "shop", "cost centre": "42"},
        "protect": lambda: rng.choice([True, False]),
        "parameters": lambda: {"maxmemory-policy": "allkeys-lru"},
        "secrets_manager": lambda: True,
        "dashboard": lambda: rng.choice([True, False]),
        "timeouts": lambda: {"create": "90m"},
    }
    for name, choose in optional.items():
        if rng.random() < 0.3:
            args[name] = choose()
    return args


def _with(args: Arguments, **changes: Any) -> Arguments:
    return {name: value for name, value in {**args, **changes}.items() if value is not None}


# A mistake: the argument that has to be named, and what is changed in a good set.
MISTAKES: list[tuple[str, Callable[[Arguments], Arguments]]] = [
    ("zones", lambda args: _with(args, zones=["eu-central-1a"])),
    ("zones", lambda args: _with(args, zones=["eu-central-1a", "us-east-1b"])),
    ("region", lambda args: _with(args, region="Frankfurt", zones=ZONES)),
    ("engine", lambda args: _with(args, engine="memcached")),
    ("engine_version", lambda args: _with(args, engine="redis", engine_version="6.x", cluster_mode=None, shards=None)),
    ("engine_version", lambda args: _with(args, engine="redis", engine_version="7.0.5", cluster_mode=None, shards=None)),
    ("engine_version", lambda args: _with(args, engine="valkey", engine_version="6.2", cluster_mode=None, shards=None)),
    ("engine_version", lambda args: _with(args, engine="redis", engine_version="99.1", cluster_mode=None, shards=None)),
    ("node_type", lambda args: _with(args, node_type="db.r7g.large")),
    ("node_type", lambda args: _with(args, node_type="cache.r6gd.xlarge")),
    ("shards", lambda args: _with(args, cluster_mode="disabled", shards=3)),
    ("shards", lambda args: _with(args, cluster_mode="enabled", shards=0)),
    ("replicas", lambda args: _with(args, replicas=6)),
    ("replicas", lambda args: _with(args, replicas=-1)),
    ("cluster_mode", lambda args: _with(args, cluster_mode="on")),
    ("group_id", lambda args: _with(args, group_id="Shop_Cache")),
    ("group_id", lambda args: _with(args, group_id="a" * 41)),
    ("port", lambda args: _with(args, port=70000)),
    ("client_cidrs", lambda args: _with(args, client_cidrs=["0.0.0.0/0"])),
    ("client_cidrs", lambda args: _with(args, client_cidrs=["::/0"])),
    ("client_cidrs", lambda args: _with(args, client_cidrs=["10.50.0.1/20"])),
    ("maintenance_window", lambda args: _with(args, maintenance_window="sunday 4 am")),
    ("maintenance_window", lambda args: _with(args, maintenance_window="sun:04:30-sun:04:45")),
    ("snapshot_window", lambda args: _with(args, snapshot_window="04:45-05:45", maintenance_window="sun:04:30-sun:05:30")),
    ("snapshot_retention_days", lambda args: _with(args, snapshot_retention_days=0)),
    ("snapshot_retention_days", lambda args: _with(args, snapshot_retention_days=36)),
    ("subnet_ids", lambda args: _with(args, subnet_group_name="mine")),
    ("subnet_ids", lambda args: _with(args, subnet_ids=None)),
    ("vpc_id", lambda args: _with(args, vpc_id=None)),
    ("auth", lambda args: _with(args, auth="password")),
    ("auth", lambda args: _with(args, auth="rbac", tls="off", engine="valkey", engine_version="8.0")),
    ("tls", lambda args: _with(args, tls="yes")),
    ("parameters", lambda args: _with(args, parameters={"cluster-enabled": "yes"})),
    ("tags", lambda args: _with(args, tags={"aws:owner": "me"})),
]


def argument_sets(count: int) -> list[ArgumentSet]:
    """Return as many sets, always the same; about half of them with one mistake."""
    return generated(count, _good, MISTAKES)
