"""What WeightedBlueGreen and LiveColourRecord refuse, each by the argument's name, before anything is registered."""

from typing import Any

import pulumi
import pytest

from redis_ha.arguments import camel_case
from redis_ha.traffic import live, weighted

HOSTS: dict[str, Any] = {"blue": {"host": "blue.example.net"}, "green": {"host": "green.example.net"}}


def alias(name: str, **more: Any) -> dict[str, Any]:
    return {"alias": {"name": f"{name}-1.eu-central-1.elb.amazonaws.com", "zone_id": "Z215JYRZR1TBD5", **more}}


ALIASES: dict[str, Any] = {"blue": alias("blue"), "green": alias("green")}
GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "zone_id": "Z0123456789ABC",
    "zone_name": "example.com",
    "names": {"api.example.com": HOSTS},
    "weights": {"blue": 100, "green": 0},
}
LIVE: dict[str, Any] = {
    "region": "eu-central-1",
    "zone_id": "Z0123456789ABC",
    "zone_name": "example.com",
    "name": "writer.example.com",
    "targets": {"blue": "blue.example.net", "green": "green.example.net"},
    "live": "blue",
}


def named(**entry: Any) -> dict[str, Any]:
    return {"names": {"api.example.com": {**HOSTS, **entry}}}


def aliased(**entry: Any) -> dict[str, Any]:
    return {"names": {"api.example.com": {**ALIASES, **entry}}, "standby_receives_on_failure": True}


def checked(**blue: Any) -> dict[str, Any]:
    return {"health": {"blue": blue}, "standby_receives_on_failure": True}


def endpoint(**settings: Any) -> dict[str, Any]:
    return checked(endpoint={"host": "blue.example.net", **settings})


def held(name: str, kind: str, identifier: str | None = None) -> dict[str, Any]:
    return {"known_records": [{"name": name, "type": kind} | ({} if identifier is None else {"set_identifier": identifier})]}


def without(args: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**args, **changes}.items() if value is not ...}


NAME = "names.api.example.com"
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"region": "Frankfurt"}, "region", "is not a region of AWS"),
    ({"zone_id": ...}, "zone_id", "is missing"),
    ({"zone_name": ...}, "zone_name", "is missing"),
    ({"colour": "blue"}, "colour", "no such argument"),
    # Weights.
    ({"weights": ...}, "weights", "is missing"),
    ({"weights": {"blue": 256, "green": 0}}, "weights.blue", "256 is out of range; use 0 to 255"),
    ({"weights": {"blue": 1, "green": -1}}, "weights.green", "-1 is out of range"),
    ({"weights": {"blue": 0.5, "green": 1}}, "weights.blue", "is no whole number"),
    ({"weights": {"blue": 1}}, "weights.green", "is missing"),
    ({"weights": {"blue": 1, "green": 1, "red": 1}}, "weights.red", "no such argument"),
    ({"weights": {"blue": 0, "green": 0}}, "weights", "both are 0"),
    ({"weight_authority": "nobody"}, "weight_authority", "use one of stack, runtime"),
    ({"runtime_weights": {"blue": 300, "green": 0}}, "runtime_weights.blue", "out of range"),
    ({"runtime_weights": {"blue": 50, "green": 50}}, "weights", "says blue 50, green 50, and that is live"),
    ({"record_path": "redis-ha"}, "record_path", "is not a path of parameters"),
    # Names.
    ({"names": {}}, "names", "at least one name"),
    ({"names": {"api": HOSTS}}, "names.api", "is not a full DNS name"),
    ({"names": {"api.example.org": HOSTS}}, "names.api.example.org", "is not in the zone example.com"),
    ({"names": {"api.notexample.com": HOSTS}}, "names.api.notexample.com", "is not in the zone example.com"),
    ({"names": {"example.com": HOSTS}}, "names.example.com", "cannot be a CNAME"),
    ({"names": {"api.example.com": HOSTS, "API.example.com.": HOSTS}}, "names.API.example.com.", "is given twice"),
    ({"names": {"api.example.com": "blue"}}, NAME, "is no mapping"),
    (named(red={}), f"{NAME}.red", "no such argument"),
    # Targets.
    (named(blue=...) | {"names": {"api.example.com": {"green": HOSTS["green"]}}}, f"{NAME}.blue", "is missing"),
    (named(blue={}), f"{NAME}.blue", "exactly one of alias, host, address"),
    (named(blue={"host": "a.example.net", "address": "10.0.0.1"}), f"{NAME}.blue", "host, address given"),
    (named(blue={"hostname": "a.example.net"}), f"{NAME}.blue.hostname", "did you mean host?"),
    (named(blue={"host": "blue"}), f"{NAME}.blue.host", "is not a full host name"),
    (named(blue={"address": "fd00::1"}, green={"address": "10.0.0.1"}), f"{NAME}.blue.address", "is no IPv4 address"),
    (named(green={"host": "BLUE.example.net."}), f"{NAME}.green", "moves nothing"),
    (named(blue={"address": "10.0.0.1"}, green={"address": "10.0.0.1"}), f"{NAME}.green", "moves nothing"),
    (
        aliased(green={"alias": {"name": f"dualstack.{ALIASES['blue']['alias']['name']}", "zone_id": "Z215JYRZR1TBD5"}}),
        f"{NAME}.green",
        "moves nothing",
    ),
    (aliased(blue={"alias": {"name": "b.elb.amazonaws.com"}}), f"{NAME}.blue.alias.zone_id", "is missing"),
    (aliased(blue={"alias": {"name": "b", "zone_id": "Z1"}}), f"{NAME}.blue.alias.name", "is not the full DNS name"),
    (aliased(blue=alias("x", evaluate_target_health="yes")), f"{NAME}.blue.alias.evaluate_target_health", "neither true nor"),
    (aliased(types=["CNAME"]), f"{NAME}.types", "is not a type of an alias"),
    (aliased(types=[]), f"{NAME}.types", "is empty"),
    (aliased(types="A"), f"{NAME}.types", "is no list"),
    (aliased(types=[{}]), f"{NAME}.types", "is not a type of an alias"),
    (named(types=["A"]), f"{NAME}.types", "a host is always a CNAME"),
    (aliased(green={"address": "10.0.0.1"}, types=["A", "AAAA"]), f"{NAME}.types", "an address makes an A record only"),
    (aliased(green={"host": "green.example.net"}), f"{NAME}.green", "a CNAME stands alone"),
    # Time to live.
    ({"ttl_seconds": -1}, "ttl_seconds", "out of range"),
    (named(ttl_seconds=2**31), f"{NAME}.ttl_seconds", "out of range"),
    (named(green={"host": "green.example.net", "ttl_seconds": 5}), f"{NAME}.green.ttl_seconds", "is one for both colours"),
    (aliased(ttl_seconds=60), f"{NAME}.ttl_seconds", "an alias record has the time to live of its target"),
    (aliased() | {"ttl_seconds": 60}, "ttl_seconds", "alias records have the time to live of their targets"),
    (aliased(green={"address": "10.0.0.1"}, ttl_seconds=30), f"{NAME}.ttl_seconds", "skews the weights: use 60"),
    # Identifiers and what is there already.
    ({"set_identifiers": {"blue": ""}}, "set_identifiers.blue", "1 to 128 printable characters"),
    ({"set_identifiers": {"green": "g" * 129}}, "set_identifiers.green", "1 to 128 printable characters"),
    ({"set_identifiers": {"green": "blue"}}, "set_identifiers.green", "is blue's too"),
    ({"set_identifiers": {"red": "red"}}, "set_identifiers.red", "no such argument"),
    (held("API.example.com.", "CNAME"), NAME, "the zone has a simple record api.example.com CNAME"),
    (held("api.example.com", "CNAME", "red"), NAME, "set identifier 'red' that is not one of these two"),
    (held("api.example.com", "A", "blue"), NAME, "a CNAME stands alone"),
    (held("api.example.com", "TXT"), NAME, "a CNAME stands alone"),
    (aliased() | held("api.example.com", "CNAME", "blue"), NAME, "a CNAME stands alone"),
    (aliased() | held("api.example.com", "A"), NAME, "a simple record api.example.com A"),
    ({"known_records": ["api.example.com"]}, "known_records", "is no record"),
    (named(adopt=True) | held("api.example.com", "CNAME", "blue"), f"{NAME}.adopt", "'green' to adopt"),
    (named(adopt="yes"), f"{NAME}.adopt", "neither true nor false"),
    # Health.
    (aliased() | {"standby_receives_on_failure": ...}, "standby_receives_on_failure", "a weight of 0 is not off"),
    (checked(alarm={"name": "a"}) | {"standby_receives_on_failure": ...}, "standby_receives_on_failure", "is missing"),
    ({"standby_receives_on_failure": True}, "standby_receives_on_failure", "needs to know what is sick"),
    ({"standby_receives_on_failure": "no"}, "standby_receives_on_failure", "neither true nor false"),
    ({"health": {"red": {}}}, "health.red", "no such argument"),
    (checked(), "health.blue", "exactly one of endpoint, alarm, calculated, health_check_id"),
    (checked(alarm={"name": "a"}, health_check_id="b"), "health.blue", "alarm, health_check_id given"),
    (checked(endpoint={}), "health.blue.endpoint.host", "is missing"),
    (endpoint(host="api.example.com."), "health.blue.endpoint.host", "a record that the check decides about"),
    (endpoint(host="blue.cache.internal"), "health.blue.endpoint.host", "is private"),
    (endpoint(host="internal-blue-1.eu-central-1.elb.amazonaws.com"), "health.blue.endpoint.host", "is private"),
    (endpoint(host="master.blue.abc.euc1.cache.amazonaws.com"), "health.blue.endpoint.host", "is private"),
    (endpoint(host="blue"), "health.blue.endpoint.host", "is not a full host name"),
    (endpoint(ip_address="10.1.2.3"), "health.blue.endpoint.ip_address", "is no public address"),
    (endpoint(ip_address="100.64.1.1"), "health.blue.endpoint.ip_address", "is no public address"),
    (endpoint(ip_address="fd00::1"), "health.blue.endpoint.ip_address", "is no public address"),
    (endpoint(ip_address="224.0.0.1"), "health.blue.endpoint.ip_address", "is no public address"),
    (endpoint(ip_address="blue"), "health.blue.endpoint.ip_address", "is no IP address"),
    (endpoint() | {"private": True}, "health.blue.endpoint", "cannot see what a private zone leads to"),
    (endpoint(protocol="udp"), "health.blue.endpoint.protocol", "use one of https, http, tcp"),
    (endpoint(protocol="tcp"), "health.blue.endpoint.port", "tcp has no port of its own"),
    (endpoint(port=0), "health.blue.endpoint.port", "out of range"),
    (endpoint(path="ok"), "health.blue.endpoint.path", "is not a path"),
    (endpoint(protocol="tcp", port=6379, path="/"), "health.blue.endpoint.path", "needs http or https"),
    (endpoint(search_string="x" * 256), "health.blue.endpoint.search_string", "1 to 255 characters"),
    (endpoint(interval_seconds=20), "health.blue.endpoint.interval_seconds", "use 10 or 30"),
    (endpoint(failure_threshold=11), "health.blue.endpoint.failure_threshold", "out of range"),
    (checked(alarm={}), "health.blue.alarm.name", "is missing"),
    (checked(alarm={"name": "a", "region": "here"}), "health.blue.alarm.region", "is not a region"),
    (checked(alarm={"name": "a", "insufficient_data": "ok"}), "health.blue.alarm.insufficient_data", "use one of healthy"),
    (checked(calculated={"parts": {}}), "health.blue.calculated.parts", "give 1 to 256"),
    (
        checked(calculated={"parts": {"a": {"alarm": {"name": "a"}}}, "healthy_parts": 2}),
        "health.blue.calculated.healthy_parts",
        "out of range; use 1 to 1",
    ),
    (checked(calculated={"parts": {"A b": {"alarm": {"name": "a"}}}}), "health.blue.calculated.parts.A b", "is no name"),
    (
        checked(calculated={"parts": {"a": {"endpoint": {"ip_address": "10.0.0.1"}}}}),
        "health.blue.calculated.parts.a.endpoint.ip_address",
        "is no public address",
    ),
    (
        checked(calculated={"parts": {"a": {"calculated": {}}}}),
        "health.blue.calculated.parts.a.calculated",
        "no such argument",
    ),
    ({"tags": {"aws:x": "y"}}, "tags", "is no tag key"),
    ({"protect": "yes"}, "protect", "neither true nor false"),
    ({"private": 1}, "private", "neither true nor false"),
]


def problems(check: Any, args: dict[str, Any]) -> dict[str, str]:
    try:
        check("shop", args)
    except pulumi.InputPropertiesError as error:
        return {problem["property_path"]: problem["reason"] for problem in error.errors or []}
    return {}


@pytest.mark.parametrize(("changes", "argument", "says"), REFUSED)
def test_refused_by_name(changes: dict[str, Any], argument: str, says: str) -> None:
    found = problems(weighted.checked_plan, without(GOOD, changes))
    assert set(found) == {camel_case(argument)}
    assert says in found[camel_case(argument)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"names": {"example.com": ALIASES}, "standby_receives_on_failure": False},
        {"names": {"*.example.com": HOSTS}},
        {"names": {"_sip.example.com": HOSTS}, "zone_name": "EXAMPLE.com."},
        {"weights": {"blue": 0, "green": 255}},
        {"weights": {"blue": 3.0, "green": 1.0}},
        {"weights": {"blue": 100, "green": 0}, "runtime_weights": {"blue": 100, "green": 0}},
        {"known_records": []},
        held("api.example.com", "CNAME", "blue"),
        held("other.example.com", "CNAME"),
        aliased() | held("api.example.com", "AAAA"),
        aliased() | held("api.example.com", "TXT"),
        {"names": {"*.example.com": HOSTS}} | held("\\052.example.com", "CNAME", "green"),
        endpoint(ip_address="52.95.110.1"),
        endpoint(protocol="tcp", port=6379),
    ],
)
def test_accepted(changes: dict[str, Any]) -> None:
    assert problems(weighted.checked_plan, GOOD | changes) == {}


LIVE_REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"region": ...}, "region", "is missing"),
    ({"zone_id": ...}, "zone_id", "is missing"),
    ({"name": "writer.example.org"}, "name", "is not in the zone example.com"),
    ({"name": "example.com"}, "name", "cannot be a CNAME"),
    ({"name": "writer"}, "name", "is not a full DNS name"),
    ({"weights": {}}, "weights", "no such argument"),
    ({"live": ...}, "live", "is missing; use blue or green"),
    ({"live": "red"}, "live", "use one of blue, green"),
    ({"runtime_live": "red"}, "runtime_live", "use one of blue, green"),
    ({"runtime_live": "green"}, "live", "/redis-ha/shop/live says green, and that is live"),
    ({"live_authority": "nobody"}, "live_authority", "use one of stack, runtime"),
    ({"targets": {"blue": "blue.example.net"}}, "targets.green", "is missing"),
    ({"targets": {"blue": "10.0.0.1x", "green": "green.example.net", "red": "a.b"}}, "targets.red", "no such argument"),
    ({"targets": {"blue": "a.example.net", "green": "A.example.net."}}, "targets.green", "moves nothing"),
    ({"targets": {"blue": "blue", "green": "green.example.net"}}, "targets.blue", "is not a full host name"),
    ({"ttl_seconds": -1}, "ttl_seconds", "out of range"),
    ({"record_path": "/aws/x"}, "record_path", "is not a path of parameters"),
    (held("writer.example.com", "CNAME", "blue"), "name", "takes no simple one beside it"),
    (held("writer.example.com", "A"), "name", "a CNAME stands alone"),
    ({"adopt": True, "known_records": []}, "adopt", "no record writer.example.com CNAME to adopt"),
    ({"protect": "no"}, "protect", "neither true nor false"),
]


@pytest.mark.parametrize(("changes", "argument", "says"), LIVE_REFUSED)
def test_a_writers_name_refused_by_name(changes: dict[str, Any], argument: str, says: str) -> None:
    found = problems(live.checked_plan, without(LIVE, changes))
    assert set(found) == {camel_case(argument)}
    assert says in found[camel_case(argument)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        held("writer.example.com", "CNAME"),
        {"adopt": True} | held("writer.example.com", "CNAME"),
        {"live_authority": "runtime", "runtime_live": "green"},
        {"ttl_seconds": 0},
    ],
)
def test_a_writers_name_accepted(changes: dict[str, Any]) -> None:
    assert problems(live.checked_plan, LIVE | changes) == {}


@pytest.mark.usefixtures("loop_for_outputs")
def test_what_decides_the_shape_is_known_when_the_program_runs() -> None:
    later = pulumi.Output.from_input("later")
    assert "is an Output" in problems(weighted.checked_plan, GOOD | {"record_path": later})["recordPath"]
    assert "is an Output" in problems(live.checked_plan, LIVE | {"live": later})["live"]
    adopted = named(adopt=True) | {"zone_id": later}
    assert "has to be a plain value" in problems(weighted.checked_plan, GOOD | adopted)[f"{NAME}.adopt"]
    assert "has to be a plain value" in problems(live.checked_plan, LIVE | {"adopt": True, "zone_id": later})["adopt"]
