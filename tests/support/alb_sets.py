"""Generated argument sets of AlbBlueGreen: good ones, and good ones with one mistake whose argument is known.

The lists are written here by hand, from the pages that the component's own checks name, so that code and test do not share one
table.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.support.argument_sets import Arguments, ArgumentSet, generated

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"


def _targets(rng: random.Random, colour: str) -> Arguments:
    mark, number = ("a", 10) if colour == "blue" else ("b", 20)
    kinds: list[Callable[[], Arguments]] = [
        lambda: {"instance_ids": [f"i-0{mark * 15}{digit}" for digit in range(rng.randint(1, 3))]},
        lambda: {"ip_addresses": [f"10.{number}.0.{last}" for last in range(4, 4 + rng.randint(1, 3))]},
        lambda: {"autoscaling_group_name": f"shop-{colour}"},
        lambda: {"ecs": True} if rng.random() < 0.5 else {"ecs": True, "type": rng.choice(["ip", "instance"])},
    ]
    return rng.choice(kinds)()


def _weights(rng: random.Random) -> Arguments:
    return rng.choice(
        [{"blue": 90, "green": 10}, {"blue": 0, "green": 999}, {"blue": 100, "green": 0}, {"blue": 1, "green": 1}]
    )


def _good(rng: random.Random, number: int) -> Arguments:
    args: Arguments = {
        "region": "eu-central-1",
        "alb_name": f"shop-{number}",
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"],
        "targets": {colour: _targets(rng, colour) for colour in ("blue", "green")},
    }
    if rng.random() < 0.5:
        args |= {"form": "listener", "weights": _weights(rng)}
        if rng.random() < 0.5:
            args["weight_authority"] = "runtime"
            args[rng.choice(["runtime_weights", "runtime_unknown"])] = ...
            args = {
                key: (_weights(rng) if key == "runtime_weights" else True) if value is ... else value
                for key, value in args.items()
            }
        if rng.random() < 0.5:
            args["stickiness"] = {"enabled": rng.choice([True, False]), "duration_seconds": rng.choice([1, 3600, 604_800])}
    if rng.random() < 0.5:
        args |= {"certificate_arn": CERTIFICATE}
    if rng.random() < 0.3:
        args |= {"internal": False, "client_cidrs": ["0.0.0.0/0"]}
    else:
        args |= rng.choice([{}, {"client_cidrs": ["10.50.0.0/20"]}, {"client_prefix_list_ids": ["pl-0123456789abcdef0"]}])
    optional: dict[str, Callable[[], Any]] = {
        "port": lambda: rng.choice([8080, 8443]),
        "target_port": lambda: rng.choice([3000, 8080]),
        "target_protocol": lambda: rng.choice(["HTTP", "HTTPS"]),
        "target_security_group_ids": lambda: ["sg-0123456789abcdef0"],
        "client_security_group_ids": lambda: ["sg-0123456789abcdef1"],
        "health_check": lambda: rng.choice([{"path": "/health", "matcher": "200-299"}, {"port": 9000, "interval_seconds": 6}]),
        "deregistration_delay_seconds": lambda: rng.choice([0, 30, 3600]),
        "access_logs": lambda: {"bucket": "logs-of-balancers"},
        "alarms": lambda: rng.choice([{}, {"off": ["latency"]}, {"overrides": {"latency": {"threshold": 2}}}]),
        "deletion_protection": lambda: rng.choice([True, False]),
        "protect": lambda: rng.choice([True, False]),
        "tags": lambda: {"team": "shop", "cost centre": "42"},
    }
    # Most sets leave the alarms out: they are half of all resources, and the same ones every time.
    args["alarms"] = {"enabled": False}
    for name, choose in optional.items():
        if rng.random() < 0.3:
            args[name] = choose()
    return args


def _with(args: Arguments, **changes: Any) -> Arguments:
    return {name: value for name, value in {**args, **changes}.items() if value is not None}


def _listener(args: Arguments, **changes: Any) -> Arguments:
    return _with(args, **({"form": "listener", "weights": {"blue": 1, "green": 1}, "weight_authority": None} | changes))


def _dns(args: Arguments, **changes: Any) -> Arguments:
    nothing = dict.fromkeys(("weights", "weight_authority", "runtime_weights", "runtime_unknown", "stickiness"))
    return _with(args, **({"form": None} | nothing | changes))


# A mistake: the argument that has to be named, and what is changed in a good set.
MISTAKES: list[tuple[str, Callable[[Arguments], Arguments]]] = [
    ("region", lambda args: _with(args, region="Frankfurt")),
    ("alb_name", lambda args: _with(args, alb_name="internal-shop")),
    ("alb_name", lambda args: _with(args, alb_name="a" * 22)),
    ("alb_name", lambda args: _with(args, alb_name="shop-")),
    ("vpc_id", lambda args: _with(args, vpc_id=None)),
    ("subnet_ids", lambda args: _with(args, subnet_ids=["subnet-0aaaaaaaaaaaaaaaa"])),
    ("subnet_ids", lambda args: _with(args, subnet_ids=None)),
    ("form", lambda args: _with(args, form="weighted")),
    ("targets", lambda args: _with(args, targets=None)),
    ("targets.green", lambda args: _with(args, targets={"blue": {"ecs": True}})),
    ("targets.blue", lambda args: _with(args, targets={"blue": {}, "green": {"ecs": True}})),
    (
        "targets.green",
        lambda args: _with(args, targets={"blue": {"instance_ids": ["i-1"]}, "green": {"instance_ids": ["i-1"]}}),
    ),
    (
        "targets.blue.ip_addresses",
        lambda args: _with(args, targets={"blue": {"ip_addresses": ["8.8.8.8"]}, "green": {"ecs": True}}),
    ),
    ("targets.blue.ip_addresses", lambda args: _with(args, targets={"blue": {"ip_addresses": []}, "green": {"ecs": True}})),
    (
        "targets.blue.type",
        lambda args: _with(args, targets={"blue": {"instance_ids": ["i-1"], "type": "ip"}, "green": {"ecs": True}}),
    ),
    ("weights", lambda args: _listener(args, weights=None)),
    ("weights.green", lambda args: _listener(args, weights={"blue": 1})),
    ("weights.blue", lambda args: _listener(args, weights={"blue": 1000, "green": 0})),
    ("weights.blue", lambda args: _listener(args, weights={"blue": -1, "green": 1})),
    ("weights", lambda args: _listener(args, weights={"blue": 0, "green": 0}, runtime_weights=None)),
    ("weights", lambda args: _listener(args, runtime_weights={"blue": 1, "green": 2}, runtime_unknown=None)),
    ("weight_authority", lambda args: _listener(args, weight_authority="tool", runtime_weights=None)),
    ("weights", lambda args: _dns(args, weights={"blue": 1, "green": 1})),
    ("stickiness", lambda args: _dns(args, stickiness={"enabled": True})),
    ("stickiness.duration_seconds", lambda args: _listener(args, stickiness={"enabled": True, "duration_seconds": 604_801})),
    ("client_cidrs", lambda args: _with(args, internal=True, client_cidrs=["0.0.0.0/0"])),
    ("client_cidrs", lambda args: _with(args, internal=None, client_cidrs=["::/0"])),
    ("client_cidrs", lambda args: _with(args, internal=False, client_cidrs=["10.50.0.1/20"])),
    ("protocol", lambda args: _with(args, protocol="HTTP", certificate_arn=CERTIFICATE)),
    ("certificate_arn", lambda args: _with(args, protocol="HTTPS", certificate_arn=None)),
    ("port", lambda args: _with(args, port=70_000)),
    ("target_port", lambda args: _with(args, target_port=0)),
    ("health_check.timeout_seconds", lambda args: _with(args, health_check={"interval_seconds": 5, "timeout_seconds": 5})),
    ("health_check.matcher", lambda args: _with(args, health_check={"matcher": "500"})),
    ("health_check.unhealthy_threshold", lambda args: _with(args, health_check={"unhealthy_threshold": 11})),
    ("deregistration_delay_seconds", lambda args: _with(args, deregistration_delay_seconds=3601)),
    ("access_logs.bucket", lambda args: _with(args, access_logs={"prefix": "x"})),
    ("alarms.off", lambda args: _with(args, alarms={"off": ["cpu"]})),
    ("tags", lambda args: _with(args, tags={"aws:owner": "me"})),
]


def argument_sets(count: int) -> list[ArgumentSet]:
    """Return as many sets, always the same; about half of them with one mistake."""
    return generated(count, _good, MISTAKES)
