"""Generated argument sets of GlobalDatastore: good ones, and good ones with one mistake whose argument is known.

The lists are written here by hand, from the pages that the component's own tables name, so that code and test do not share
one table.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.support.argument_sets import ArgumentSet, generated

Arguments = dict[str, Any]

VERSIONS = {"valkey": ["7.2", "8.0", "8.1"], "redis": ["5.0.6", "6.2", "7.0", "7.1"]}
NODE_TYPES = ["cache.m5.large", "cache.m6g.xlarge", "cache.m7g.large", "cache.r5.2xlarge", "cache.r6g.large", "cache.r7g.large"]
SECONDARY_REGIONS = ["eu-west-1", "us-east-1", "ap-northeast-1"]
PASSWORD = "password-of-the-primary-1"
# The alarms of nodes are ElastiCacheHaGroup's, and most of what there is to register: a few sets have them.
SILENT = {"enabled": False}
WATCHED_SHARE = 0.1
# Arguments whose keys are names of the caller's choice.
FREE_NAMES = ("secondaries", "tags", "users")


def network(region: str) -> Arguments:
    """Return what every group needs of its region."""
    zones = [f"{region}a", f"{region}b"]
    return {"zones": zones, "subnet_ids": [f"subnet-{region}-a", f"subnet-{region}-b"], "vpc_id": f"vpc-{region}"}


def connection(args: Arguments) -> Arguments:
    """Return the `connection` of a primary that is as the arguments say."""
    common = {"version": 1, "tls": args.get("tls", "required") != "off", "engine": args["engine"]}
    common["failover"] = {"automatic": args.get("automatic_failover", True), "multi_az": True, "replicas": 1}
    address = {"host": "there.orders.abc123.euc1.cache.amazonaws.com", "port": 6379}
    if args.get("cluster_mode") == "enabled":
        return common | {"kind": "cluster", "configuration": address}
    return common | {"kind": "primary", "primary": address, "reader": address}


def _secondary(rng: random.Random, region: str) -> Arguments:
    args = network(region) | {"alarms": SILENT, "dashboard": False}
    optional: dict[str, Callable[[], Any]] = {
        "replicas": lambda: rng.choice([1, 2, 5]),
        "description": lambda: "orders, abroad",
        "port": lambda: rng.choice([6379, 7000]),
        "client_cidrs": lambda: ["10.60.0.0/20"],
        "client_security_group_ids": lambda: ["sg-0123456789abcdef0"],
        "kms_key_id": lambda: f"arn:aws:kms:{region}:123456789012:key/11111111-2222-3333-4444-555555555555",
        "maintenance_window": lambda: "sat:23:30-sun:01:00",
        "snapshot_retention_days": lambda: rng.choice([1, 35]),
        "final_snapshot": lambda: rng.choice([True, False]),
        "apply_immediately": lambda: rng.choice([True, False]),
        "notifications": lambda: {"enabled": False},
        "tags": lambda: {"site": region},
        "protect": lambda: rng.choice([True, False]),
        "timeouts": lambda: {"create": "90m"},
    }
    if rng.random() < WATCHED_SHARE:
        args |= {
            "alarms": {"topic_arns": [f"arn:aws:sns:{region}:123456789012:alarms"], "off": ["hit_rate"]},
            "dashboard": True,
        }
    return args | {name: choose() for name, choose in optional.items() if rng.random() < 0.3}


def _good(rng: random.Random, number: int) -> Arguments:
    engine = rng.choice(["valkey", "valkey", "redis"])
    version = rng.choice(VERSIONS[engine])
    made_here = rng.random() < 0.5
    clustered = rng.random() < 0.4
    regions = rng.sample(SECONDARY_REGIONS, rng.choice([1, 2]))
    args: Arguments = {"engine": engine, "engine_version": version, "node_type": rng.choice(NODE_TYPES)}
    args["secondaries"] = {region: _secondary(rng, region) for region in regions}
    auth = rng.choice(["token", "none"]) if version.startswith("5") else rng.choice(["rbac", "rbac", "token", "none"])
    of_primary: Arguments = {"auth": auth}
    if clustered:
        of_primary["cluster_mode"] = "enabled"
        args["shards"] = rng.randint(1, 3)
    elif rng.random() < 0.2:
        args["automatic_failover"] = False
    if auth == "none" and rng.random() < 0.5:
        of_primary["tls"] = "off"
    optional: dict[str, Callable[[], Any]] = {
        "name_suffix": lambda: f"orders-{number}",
        "description": lambda: "orders everywhere",
        "tags": lambda: {"team": "shop"},
        "protect": lambda: rng.choice([True, False]),
        "lag": lambda: rng.choice(
            [{"enabled": False}, {"threshold_seconds": 2.5}, {"dimension": rng.choice(["cluster", "group", "global"])}]
        ),
        "writer": lambda: rng.choice(
            [
                {"record": "writer.internal.example.com"},
                {"parameter": {"name": "/redis-ha/prod/writer", "region": "eu-west-3"}},
            ]
        ),
    }
    args |= {name: choose() for name, choose in optional.items() if rng.random() < 0.3}
    if made_here:
        args["primary"] = network("eu-central-1") | {"region": "eu-central-1"} | of_primary
        args["primary"] |= {"replicas": rng.choice([1, 2]), "alarms": SILENT, "dashboard": False}
        return args
    args |= of_primary | {"primary_replication_group_id": f"orders-{number}", "primary_region": "eu-central-1"}
    args["primary_connection"] = connection(args)
    if auth == "rbac":
        args["users"] = {"application": {"passwords": [PASSWORD]}}
    if auth == "token":
        args["auth_token"] = PASSWORD
    return args


def changed(args: Arguments, **changes: Any) -> Arguments:
    """Return arguments with others in place; None takes one away."""
    return {name: value for name, value in {**args, **changes}.items() if value is not None}


def of_secondary(args: Arguments, **changes: Any) -> Arguments:
    """Return arguments whose first secondary has others in place."""
    region, *_ = args["secondaries"]
    return args | {"secondaries": {**args["secondaries"], region: changed(args["secondaries"][region], **changes)}}


def of_primary(args: Arguments, **changes: Any) -> Arguments:
    """Return arguments with a primary made here that has others in place, whatever it was before."""
    brought = ("primary_replication_group_id", "primary_region", "primary_connection", "cluster_mode", "tls", "auth", "users")
    rest = {name: value for name, value in args.items() if name not in {*brought, "auth_token", "shards"}}
    given = args.get("primary") or network("eu-central-1") | {"region": "eu-central-1", "auth": "none"}
    return rest | {"primary": changed(given, **changes)}


def brought(args: Arguments, **changes: Any) -> Arguments:
    """Return arguments with a primary that exists, whatever it was before, with others in place."""
    rest = {name: value for name, value in args.items() if name not in {"primary", "tls", "users", "auth_token", "shards"}}
    rest |= {"node_type": rest.get("node_type", "cache.r7g.large")}
    rest |= {"engine": "valkey", "engine_version": "8.0", "cluster_mode": "disabled", "auth": "none"}
    rest |= {"primary_replication_group_id": "there", "primary_region": "eu-central-1", "primary_connection": connection(rest)}
    return changed(rest, **changes)


CHINA = {"cn-northwest-1": network("cn-northwest-1")}
THREE = {region: network(region) for region in SECONDARY_REGIONS}
# A mistake: the argument that has to be named, and what is changed in a good set. `FIRST` stands for the first secondary.
FIRST = "secondaries.FIRST"
MISTAKES: list[tuple[str, Callable[[Arguments], Arguments]]] = [
    ("secondaries", lambda args: args | {"secondaries": {}}),
    ("secondaries", lambda args: args | {"secondaries": THREE}),
    ("secondaries", lambda args: args | {"secondaries": CHINA}),
    ("secondaries", lambda args: args | {"secondaries": {"eu-central-1": network("eu-central-1")}}),
    ("secondaries", lambda args: args | {"secondaries": {"Dublin": network("eu-west-1")}}),
    ("node_type", lambda args: changed(args, node_type="cache.t4g.medium")),
    ("node_type", lambda args: changed(args, node_type="cache.r4.large")),
    ("node_type", lambda args: changed(args, node_type="cache.r7g.huge")),
    ("engine_version", lambda args: brought(args, engine="redis", engine_version="4.0.10")),
    ("engine_version", lambda args: brought(args, engine_version="6.2")),
    ("engine_version", lambda args: brought(args, engine_version=None)),
    ("node_type", lambda args: brought(args, node_type=None)),
    ("engine", lambda args: brought(args, engine=None)),
    ("primary_region", lambda args: brought(args, primary_region=None)),
    ("primary_connection", lambda args: brought(args, primary_connection=None)),
    ("primary_replication_group_id", lambda args: brought(args, primary_replication_group_id=None)),
    ("cluster_mode", lambda args: brought(args, cluster_mode="compatible")),
    ("shards", lambda args: brought(args, cluster_mode="enabled", automatic_failover=None)),
    ("shards", lambda args: brought(args, shards=2)),
    ("users.application.passwords", lambda args: brought(args, auth="rbac")),
    ("users.application.passwords", lambda args: brought(args, auth="rbac", users={"application": {"passwords": ["short"]}})),
    ("users.application.authentication",
     lambda args: brought(args, auth="rbac", users={"application": {"authentication": "iam"}})),
    ("auth_token", lambda args: brought(args, auth="token")),
    ("tls", lambda args: brought(args, tls="preferred")),
    ("tls", lambda args: of_primary(args) | {"tls": "off"}),
    ("users", lambda args: of_primary(args) | {"users": {}}),
    ("primary_region", lambda args: of_primary(args) | {"primary_region": "eu-central-1"}),
    ("primary.engine_version", lambda args: of_primary(args, engine_version="8.0")),
    ("primary.node_type", lambda args: of_primary(args, node_type="cache.r7g.large")),
    ("primary.replicas", lambda args: of_primary(args, replicas=0) | {"automatic_failover": True}),
    ("primary.multi_az", lambda args: of_primary(args, multi_az=False) | {"automatic_failover": True}),
    ("primary.zones", lambda args: of_primary(args, zones=["eu-central-1a"])),
    ("primary.autoscaling.scale", lambda args: of_primary(args, autoscaling={"scale": "replicas", "min": 1, "max": 3})),
    ("primary.auto_minor_version_upgrade", lambda args: of_primary(args, auto_minor_version_upgrade=True)),
    (f"{FIRST}.replicas", lambda args: of_secondary(args, replicas=0) | {"automatic_failover": True}),
    (f"{FIRST}.replicas", lambda args: of_secondary(args, replicas=6)),
    (f"{FIRST}.group_id", lambda args: of_secondary(brought(args), group_id="there")),
    (f"{FIRST}.group_id", lambda args: of_secondary(of_primary(args, group_id="same"), group_id="same")),
    (f"{FIRST}.group_id", lambda args: of_secondary(args, group_id="Not_An_Id")),
    (f"{FIRST}.zones", lambda args: of_secondary(args, zones=["eu-central-1a", "eu-central-1b"])),
    (f"{FIRST}.subnet_ids", lambda args: of_secondary(args, subnet_ids=None)),
    (f"{FIRST}.vpc_id", lambda args: of_secondary(args, vpc_id=None)),
    (f"{FIRST}.client_cidrs", lambda args: of_secondary(args, client_cidrs=["0.0.0.0/0"])),
    (f"{FIRST}.snapshot_retention_days", lambda args: of_secondary(args, snapshot_retention_days=0)),
    (f"{FIRST}.alarms.off", lambda args: of_secondary(args, alarms={"off": ["nothing"]})),
    (f"{FIRST}.notifications.topic_arn", lambda args: of_secondary(args, notifications={"topic_arn": "topic"})),
    ("automatic_failover", lambda args: brought(args, cluster_mode="enabled", shards=2) | {"automatic_failover": False}),
    ("name_suffix", lambda args: changed(args, name_suffix="Not A Name")),
    ("tags", lambda args: changed(args, tags={"aws:owner": "me"})),
    ("lag.threshold_seconds", lambda args: changed(args, lag={"threshold_seconds": 0})),
    ("lag.dimension", lambda args: changed(args, lag={"dimension": "shard"})),
    ("lag.datapoints", lambda args: changed(args, lag={"periods": 2, "datapoints": 3})),
    ("writer.record", lambda args: changed(args, writer={})),
    ("writer.record", lambda args: changed(args, writer={"record": "writer"})),
    ("writer.parameter.name", lambda args: changed(args, writer={"parameter": {"name": "writer", "region": "eu-west-3"}})),
    ("writer.parameter.region", lambda args: changed(args, writer={"parameter": {"name": "/writer", "region": "Paris"}})),
]  # fmt: skip


def argument_sets(count: int) -> list[ArgumentSet]:
    """Return as many sets, always the same; about half of them with one mistake."""
    return [named(one) for one in generated(count, _good, MISTAKES)]


def named(one: ArgumentSet) -> ArgumentSet:
    """Put the region of the set's first secondary into the argument that has to be refused."""
    first = next(iter(one.args["secondaries"]), "")
    return one if one.wrong is None else replace(one, wrong=one.wrong.replace("FIRST", first))
