"""Generated argument sets of WeightedBlueGreen and LiveColourRecord: good ones, and good ones with one known mistake.

The lists are written here by hand, from the pages that the components' own tables name, so that code and test do not share one
table.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.support.argument_sets import Arguments, ArgumentSet, generated

ZONES = ["example.com", "internal.example.net", "shop.co.uk"]
LABELS = ["api", "www", "orders", "_dmarc", "*", "a-b.c"]
BALANCERS = [
    "b-1.eu-central-1.elb.amazonaws.com",
    "dualstack.g-2.eu-west-1.elb.amazonaws.com",
    "internal-x-3.elb.amazonaws.com",
]
HOSTS = ["one.example.org", "two.example.org.", "master.c.abc123.euc1.cache.amazonaws.com"]
ADDRESSES = ["10.1.2.3", "192.168.7.9", "52.95.110.1"]

Choice = Callable[[], Any]


def _alias(rng: random.Random, name: str) -> Arguments:
    alias: Arguments = {"name": name, "zone_id": "Z215JYRZR1TBD5"}
    if rng.random() < 0.5:
        alias["evaluate_target_health"] = rng.choice([True, False])
    return {"alias": alias}


def _pair(rng: random.Random) -> Arguments:
    kind = rng.choice(["alias", "host", "address", "mixed"])
    if kind == "alias":
        blue, green = rng.sample(BALANCERS, 2)
        found: Arguments = {"blue": _alias(rng, blue), "green": _alias(rng, green)}
        if rng.random() < 0.5:
            found["types"] = rng.choice([["A"], ["AAAA"], ["A", "AAAA"]])
        return found
    if kind == "mixed":
        return {"blue": _alias(rng, BALANCERS[0]), "green": {"address": rng.choice(ADDRESSES)}, "ttl_seconds": 60}
    blue, green = rng.sample(HOSTS if kind == "host" else ADDRESSES, 2)
    found = {"blue": {kind: blue}, "green": {kind: green}}
    if rng.random() < 0.3:
        found["ttl_seconds"] = rng.choice([0, 5, 60, 300])
    return found


def _check(rng: random.Random, *, private: bool, nested: bool = True) -> Arguments:
    kinds = ["alarm", "health_check_id", *([] if private else ["endpoint"]), *(["calculated"] if nested else [])]
    kind = rng.choice(kinds)
    if kind == "health_check_id":
        return {kind: "11111111-2222-3333-4444-555555555555"}
    if kind == "alarm":
        alarm: Arguments = {"name": "orders-sick"}
        if rng.random() < 0.5:
            alarm |= {"region": "eu-west-1", "insufficient_data": rng.choice(["healthy", "unhealthy", "last_known"])}
        return {kind: alarm}
    if kind == "endpoint":
        endpoint: Arguments = rng.choice([{"host": "check.example.org"}, {"ip_address": "52.95.110.1"}])
        protocol = rng.choice(["https", "http", "tcp"])
        endpoint = {**endpoint, "protocol": protocol, "port": rng.choice([80, 443, 6379])}
        if protocol != "tcp" and rng.random() < 0.5:
            endpoint |= {"path": "/healthy?deep=1", "search_string": "fine"}
        if rng.random() < 0.5:
            endpoint |= {"interval_seconds": rng.choice([10, 30]), "failure_threshold": rng.choice([1, 3, 10])}
        return {kind: endpoint}
    parts = {f"part-{number}": _check(rng, private=private, nested=False) for number in range(rng.randint(1, 3))}
    return {kind: {"parts": parts, "healthy_parts": rng.randint(1, len(parts))}}


def _evaluates(pair: Arguments) -> bool:
    return any(
        pair[colour]["alias"].get("evaluate_target_health", True) for colour in ("blue", "green") if "alias" in pair[colour]
    )


def _weighted(rng: random.Random, number: int) -> Arguments:
    zone, private = rng.choice(ZONES), rng.random() < 0.4
    names = {f"{label}.{zone}": _pair(rng) for label in rng.sample(LABELS, rng.randint(1, 3))}
    args: Arguments = {
        "region": "eu-central-1",
        "zone_id": f"Z{number:012d}",
        "zone_name": zone,
        "names": names,
        "weights": rng.choice([{"blue": 100, "green": 0}, {"blue": 0, "green": 255}, {"blue": 90, "green": 10}]),
    }
    if rng.random() < 0.5:
        health = {colour: _check(rng, private=private) for colour in rng.choice([["blue"], ["green"], ["blue", "green"]])}
        args["health"] = health
    if "health" in args or any(_evaluates(pair) for pair in names.values()):
        args["standby_receives_on_failure"] = rng.choice([True, False])
    optional: dict[str, Choice] = {
        "allow_both_zero": lambda: rng.choice([True, False]),
        "weight_authority": lambda: "runtime",
        "record_path": lambda: rng.choice(["/redis-ha/prod/traffic", "/shop"]),
        "set_identifiers": lambda: {"blue": "Old one", "green": "new"},
        "known_records": lambda: [{"name": f"other.{zone}", "type": "CNAME"}, {"name": zone, "type": "NS"}],
        "tags": lambda: {"team": "shop"},
        "protect": lambda: rng.choice([True, False]),
    }
    args |= {name: choose() for name, choose in optional.items() if rng.random() < 0.3}
    if private:
        args["private"] = True
    if any("alias" not in pair["blue"] for pair in names.values()) and rng.random() < 0.3:
        args["ttl_seconds"] = 60
    if args.get("weight_authority") and rng.random() < 0.7:
        args["runtime_weights"] = {colour: rng.choice([0, 1, 128, 255]) for colour in ("blue", "green")}
    if args.get("weight_authority") and rng.random() < 0.2:
        args["runtime_unknown"] = True
    return args


def _live(rng: random.Random, number: int) -> Arguments:
    zone = rng.choice(ZONES)
    blue, green = rng.sample(HOSTS, 2)
    args: Arguments = {
        "region": "eu-central-1",
        "zone_id": f"Z{number:012d}",
        "zone_name": zone,
        "name": f"writer.{zone}",
        "targets": {"blue": blue, "green": green},
        "live": rng.choice(["blue", "green"]),
    }
    optional: dict[str, Choice] = {
        "live_authority": lambda: "runtime",
        "record_path": lambda: "/redis-ha/prod/writer",
        "ttl_seconds": lambda: rng.choice([0, 1, 5, 60]),
        "known_records": lambda: [{"name": f"writer.{zone}", "type": "CNAME"}, {"name": f"x.{zone}", "type": "A"}],
        "protect": lambda: rng.choice([True, False]),
    }
    args |= {name: choose() for name, choose in optional.items() if rng.random() < 0.3}
    if args.get("live_authority") and rng.random() < 0.6:
        args["runtime_live"] = rng.choice(["blue", "green"])
    return args


def _with(args: Arguments, **changes: Any) -> Arguments:
    return {name: value for name, value in {**args, **changes}.items() if value is not None}


def _first(args: Arguments) -> str:
    return str(next(iter(args["names"])))


def _renamed(args: Arguments, name: str) -> Arguments:
    return _with(args, names={name: args["names"][_first(args)]})


def _target(args: Arguments, **changes: Any) -> Arguments:
    return _with(args, names={**args["names"], _first(args): {**args["names"][_first(args)], **changes}})


def _health(args: Arguments, check: Arguments) -> Arguments:
    return _with(args, health={"blue": check}, standby_receives_on_failure=True, private=False)


def _unsaid(args: Arguments) -> Arguments:
    return _with(args, standby_receives_on_failure=None)


def _held(args: Arguments, **record: Any) -> Arguments:
    return _with(args, known_records=[{"name": _first(args), "type": "CNAME", **record}])


BALANCED = [{"alias": {"name": name, "zone_id": "Z215JYRZR1TBD5"}} for name in BALANCERS]
PLAIN_PAIR: Arguments = {"blue": {"host": "one.example.org"}, "green": {"host": "two.example.org"}, "ttl_seconds": None}

# A mistake: the argument that has to be named (or the beginning of it), and what is changed in a good set.
WEIGHTED_MISTAKES: list[tuple[str, Callable[[Arguments], Arguments]]] = [
    ("region", lambda args: _with(args, region="Frankfurt")),
    ("zone_name", lambda args: _with(args, zone_name="example..com")),
    ("zone_name", lambda args: _with(args, zone_name=None)),
    ("weights.blue", lambda args: _with(args, weights={"blue": 256, "green": 0})),
    ("weights.green", lambda args: _with(args, weights={"blue": 1, "green": -1})),
    ("weights", lambda args: _with(args, weights={"blue": 0, "green": 0}, allow_both_zero=None)),
    ("weights", lambda args: _with(args, weights={"blue": 1, "green": 2}, weight_authority="stack", runtime_unknown=None,
                                   runtime_weights={"blue": 2, "green": 2})),
    ("weight_authority", lambda args: _with(args, weight_authority="tool")),
    ("names", lambda args: _with(args, names={})),
    ("names.", lambda args: _renamed(args, "api.elsewhere.org")),
    ("names.", lambda args: _renamed(args, "api")),
    ("names.", lambda args: _target(args, blue={"host": "same.example.org"}, green={"host": "SAME.example.org."}, types=None)),
    ("names.", lambda args: _target(args, blue={"address": "10.0.0.1"}, green={"address": "10.0.0.1"}, types=None)),
    ("names.", lambda args: _target(args, green={})),
    ("names.", lambda args: _target(args, green={"host": "no host"})),
    ("names.", lambda args: _target(args, green={"address": "10.0.0.256"})),
    ("names.", lambda args: _target(args, blue={"host": "one.example.org"}, green={"address": "10.0.0.1"}, types=None)),
    ("names.", lambda args: _target(args, blue=BALANCED[0], green=BALANCED[1],
                                    ttl_seconds=60)),
    ("names.", lambda args: _target(args, blue=BALANCED[0], green={"address": "10.0.0.1"}, types=None,
                                    ttl_seconds=5)),
    ("ttl_seconds", lambda args: _with(args, ttl_seconds=2**31)),
    ("names.", lambda args: _held(_target(args, **PLAIN_PAIR, types=None))),
    ("names.", lambda args: _held(_target(args, **PLAIN_PAIR, types=None), set_identifier="red")),
    ("names.", lambda args: _held(_target(args, **PLAIN_PAIR, types=None), type="AAAA")),
    ("set_identifiers.blue", lambda args: _with(args, set_identifiers={"blue": ""})),
    ("standby_receives_on_failure", lambda args: _unsaid(_health(args, {"alarm": {"name": "a"}}))),
    ("health.blue.endpoint", lambda args: _with(_health(args, {"endpoint": {"host": "a.example.org"}}), private=True)),
    ("health.blue.endpoint.ip_address", lambda args: _health(args, {"endpoint": {"ip_address": "10.0.0.1"}})),
    ("health.blue.endpoint.host", lambda args: _health(args, {"endpoint": {"host": _first(args).replace("*", "star")}})
        if "*" not in _first(args) else _health(args, {"endpoint": {"host": "x.internal"}})),
    ("health.blue.endpoint.interval_seconds",
        lambda args: _health(args, {"endpoint": {"host": "a.org", "interval_seconds": 20}})),
    ("health.blue", lambda args: _health(args, {"alarm": {"name": "a"}, "health_check_id": "b"})),
    ("record_path", lambda args: _with(args, record_path="/aws/x")),
    ("tags", lambda args: _with(args, tags={"aws:owner": "me"})),
    ("known_records", lambda args: _with(args, known_records=[{"name": "x"}])),
]  # fmt: skip

LIVE_MISTAKES: list[tuple[str, Callable[[Arguments], Arguments]]] = [
    ("region", lambda args: _with(args, region="here")),
    ("name", lambda args: _with(args, name="writer.elsewhere.org")),
    ("name", lambda args: _with(args, name=args["zone_name"])),
    ("name", lambda args: _with(args, known_records=[{"name": args["name"], "type": "A"}])),
    ("name", lambda args: _with(args, known_records=[{"name": args["name"], "type": "CNAME", "set_identifier": "blue"}])),
    ("targets.green", lambda args: _with(args, targets={"blue": "a.example.org", "green": "A.example.org."})),
    ("targets.blue", lambda args: _with(args, targets={"blue": "a", "green": "b.example.org"})),
    ("targets.green", lambda args: _with(args, targets={"blue": "a.example.org"})),
    ("live", lambda args: _with(args, live="red", runtime_live=None)),
    ("live", lambda args: _with(args, live="blue", live_authority="stack", runtime_live="green")),
    ("live_authority", lambda args: _with(args, live_authority="tool", runtime_live=None)),
    ("ttl_seconds", lambda args: _with(args, ttl_seconds=-1)),
    ("record_path", lambda args: _with(args, record_path="no/path")),
    ("adopt", lambda args: _with(args, adopt=True, known_records=[])),
]


def weighted_sets(count: int) -> list[ArgumentSet]:
    """Return as many sets of WeightedBlueGreen, always the same; about half of them with one mistake."""
    return generated(count, _weighted, WEIGHTED_MISTAKES)


def live_sets(count: int) -> list[ArgumentSet]:
    """Return as many sets of LiveColourRecord, always the same; about half of them with one mistake."""
    return generated(count, _live, LIVE_MISTAKES)
