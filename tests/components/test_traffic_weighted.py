"""WeightedBlueGreen as a Pulumi program sees it, without an engine."""

import json
from typing import Any

import pulumi
import pytest

from redis_ha.guard import RefusedChangeError
from redis_ha.traffic import WeightedBlueGreen
from redis_ha.traffic.refusals import RefusedCreationError
from tests.support.pulumi_world import Monitor, inputs, run

OUTPUTS = (
    "record_names", "set_identifiers", "weights", "record_path", "health_check_ids", "traffic", "shift_policy",
)  # fmt: skip
HOSTS: dict[str, Any] = {"blue": {"host": "blue.example.net"}, "green": {"host": "green.example.net"}}
ALIASES: dict[str, Any] = {
    "blue": {"alias": {"name": "blue-1.eu-central-1.elb.amazonaws.com", "zone_id": "Z215JYRZR1TBD5"}},
    "green": {"alias": {"name": "green-1.eu-central-1.elb.amazonaws.com", "zone_id": "Z215JYRZR1TBD5"}},
}
GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "zone_id": "Z0123456789ABC",
    "zone_name": "example.com",
    "names": {"api.example.com": HOSTS},
    "weights": {"blue": 100, "green": 0},
}
ALARMS = {"blue": {"alarm": {"name": "blue-sick"}}, "green": {"alarm": {"name": "green-sick"}}}


def made(*, known: bool = True, **changes: Any) -> tuple[Monitor, dict[str, tuple[Any, bool, bool]]]:
    def program() -> dict[str, Any]:
        args = {key: value() if callable(value) else value for key, value in (GOOD | changes).items() if value is not ...}
        component = WeightedBlueGreen("shop", args)  # type: ignore[arg-type]
        return {name: getattr(component, name) for name in OUTPUTS}

    return run(program, known=known)


def record(monitor: Monitor, colour: str, name: str = "api.example.com", kind: str = "cname") -> dict[str, Any]:
    return inputs(monitor, f"shop-{name}-{kind}-{colour}")


def test_a_pair_of_cnames() -> None:
    monitor, found = made()
    assert monitor.names("Record") == ["shop-api.example.com-cname-blue", "shop-api.example.com-cname-green"]
    assert record(monitor, "blue") == {
        "zoneId": "Z0123456789ABC", "name": "api.example.com", "type": "CNAME", "ttl": 60,
        "records": ["blue.example.net"], "setIdentifier": "blue", "weightedRoutingPolicies": [{"weight": 100}],
    }  # fmt: skip
    assert record(monitor, "green")["weightedRoutingPolicies"] == [{"weight": 0}]
    assert found["weights"][0] == {"blue": 100, "green": 0}
    assert found["record_names"][0] == ["api.example.com"]
    assert found["record_path"][0] == "/redis-ha/shop"
    assert found["health_check_ids"][0] == {}


def test_aliases_of_both_families() -> None:
    monitor, _ = made(names={"api.example.com": {**ALIASES, "types": ["A", "AAAA"]}}, standby_receives_on_failure=True)
    assert set(monitor.names("Record")) == {
        f"shop-api.example.com-{kind}-{colour}" for kind in ("a", "aaaa") for colour in ("blue", "green")
    }
    found = record(monitor, "green", kind="aaaa")
    assert found["aliases"] == [
        {"name": "green-1.eu-central-1.elb.amazonaws.com", "zoneId": "Z215JYRZR1TBD5", "evaluateTargetHealth": True}
    ]
    assert "ttl" not in found
    assert "records" not in found


def test_an_address_beside_an_alias_lives_as_long_as_the_alias() -> None:
    blue = {"alias": {**ALIASES["blue"]["alias"], "evaluate_target_health": False}}
    monitor, _ = made(names={"api.example.com": {"blue": blue, "green": {"address": "10.1.2.3"}}})
    assert record(monitor, "blue", kind="a")["aliases"][0]["evaluateTargetHealth"] is False
    green = record(monitor, "green", kind="a")
    assert (green["records"], green["ttl"]) == (["10.1.2.3"], 60)


def test_one_time_to_live_for_both_colours() -> None:
    names = {"API.Example.com.": HOSTS, "www.example.com": {**HOSTS, "ttl_seconds": 5}}
    monitor, found = made(names=names, ttl_seconds=30)
    assert [record(monitor, colour)["ttl"] for colour in ("blue", "green")] == [30, 30]
    assert [record(monitor, colour, "www.example.com")["ttl"] for colour in ("blue", "green")] == [5, 5]
    assert found["record_names"][0] == ["api.example.com", "www.example.com"]


@pytest.mark.parametrize(
    ("blue", "green", "first"), [(100, 0, "blue"), (0, 100, "green"), (10, 90, "green"), (50, 50, "blue"), (1, 255, "green")]
)
def test_the_greater_weight_is_written_first_so_that_they_are_never_both_zero(blue: int, green: int, first: str) -> None:
    monitor, _ = made(names={"api.example.com": HOSTS, "www.example.com": HOSTS}, weights={"blue": blue, "green": green})
    second = "green" if first == "blue" else "blue"
    firsts = [name for name in monitor.names("Record") if name.endswith(first)]
    for name in firsts:
        assert [urn for urn in monitor.requests[name].dependencies if "route53" in urn] == []
    for name in (f"shop-{record}-cname-{second}" for record in ("api.example.com", "www.example.com")):
        waits = {urn.rsplit("::", maxsplit=1)[1] for urn in monitor.requests[name].dependencies}
        assert waits >= set(firsts)


def test_both_zero_when_it_is_said() -> None:
    monitor, _ = made(weights={"blue": 0, "green": 0}, allow_both_zero=True)
    assert [record(monitor, colour)["weightedRoutingPolicies"] for colour in ("blue", "green")] == [[{"weight": 0}]] * 2


def test_records_are_protected_and_never_made_over_what_is_there() -> None:
    monitor, _ = made()
    for name in monitor.names("Record"):
        request = monitor.requests[name]
        assert request.protect
        assert request.deleteBeforeReplace
        assert "allowOverwrite" not in inputs(monitor, name)
    monitor, _ = made(protect=False)
    assert [monitor.requests[name].protect for name in monitor.names("Record")] == [False, False]


def test_adopting_takes_the_given_identifiers() -> None:
    names = {"api.example.com": {**HOSTS, "adopt": True}, "www.example.com": HOSTS}
    monitor, found = made(names=names, set_identifiers={"blue": "Old", "green": "New"})
    assert monitor.requests["shop-api.example.com-cname-blue"].importId == "Z0123456789ABC_api.example.com_CNAME_Old"
    assert monitor.requests["shop-api.example.com-cname-green"].importId == "Z0123456789ABC_api.example.com_CNAME_New"
    assert monitor.requests["shop-www.example.com-cname-green"].importId == ""
    assert record(monitor, "blue")["setIdentifier"] == "Old"
    assert found["set_identifiers"][0] == {"blue": "Old", "green": "New"}


# Health.


def test_alarms_as_health_checks() -> None:
    health = {
        "blue": {"alarm": {"name": "blue-sick", "insufficient_data": "unhealthy"}},
        "green": {"alarm": {"name": "green-sick", "region": "eu-west-1", "revision": "threshold 5"}},
    }
    monitor, found = made(health=health, standby_receives_on_failure=True, private=True, tags={"team": "red"})
    assert inputs(monitor, "shop-blue-check") == {
        "type": "CLOUDWATCH_METRIC", "cloudwatchAlarmName": "blue-sick", "cloudwatchAlarmRegion": "eu-central-1",
        "insufficientDataHealthStatus": "Unhealthy", "tags": {"Name": "shop-blue-check", "team": "red"},
    }  # fmt: skip
    green = inputs(monitor, "shop-green-check")
    assert green["triggers"] == {"alarm": "threshold 5"}
    assert (green["cloudwatchAlarmRegion"], green["insufficientDataHealthStatus"]) == ("eu-west-1", "LastKnownStatus")
    assert [record(monitor, colour)["healthCheckId"] for colour in ("blue", "green")] == [
        "shop-blue-check-id",
        "shop-green-check-id",
    ]
    assert found["health_check_ids"][0] == {"blue": "shop-blue-check-id", "green": "shop-green-check-id"}


def test_endpoints_as_health_checks() -> None:
    health = {
        "blue": {"endpoint": {"host": "blue.example.net"}},
        "green": {
            "endpoint": {
                "host": "green.example.net", "ip_address": "52.95.110.1", "protocol": "http", "port": 8080, "path": "/ok",
                "search_string": "fine", "interval_seconds": 10, "failure_threshold": 2,
            }
        },
    }  # fmt: skip
    monitor, _ = made(health=health, standby_receives_on_failure=True)
    blue, green = inputs(monitor, "shop-blue-check"), inputs(monitor, "shop-green-check")
    del blue["tags"], green["tags"]
    assert blue == {
        "type": "HTTPS", "fqdn": "blue.example.net", "port": 443, "resourcePath": "/", "requestInterval": 30,
        "failureThreshold": 3, "enableSni": True,
    }  # fmt: skip
    assert green == {
        "type": "HTTP_STR_MATCH", "fqdn": "green.example.net", "ipAddress": "52.95.110.1", "port": 8080, "resourcePath": "/ok",
        "requestInterval": 10, "failureThreshold": 2, "searchString": "fine",
    }  # fmt: skip


def test_a_connection_alone_as_health_check() -> None:
    health = {"blue": {"endpoint": {"host": "blue.example.net", "protocol": "tcp", "port": 6379}}}
    found = inputs(made(health=health, standby_receives_on_failure=True)[0], "shop-blue-check")
    assert (found["type"], found["port"]) == ("TCP", 6379)
    assert not {"resourcePath", "enableSni"} & set(found)


def test_several_checks_together() -> None:
    parts: dict[str, Any] = {
        "errors": {"alarm": {"name": "errors"}},
        "front": {"endpoint": {"host": "blue.example.net"}},
        "theirs": {"health_check_id": "11111111-2222-3333-4444-555555555555"},
    }
    health: dict[str, Any] = {
        "blue": {"calculated": {"parts": parts, "healthy_parts": 2}},
        "green": {"health_check_id": "brought"},
    }
    monitor, found = made(health=health, standby_receives_on_failure=True)
    assert inputs(monitor, "shop-blue-check") == {
        "type": "CALCULATED", "childHealthThreshold": 2, "tags": {"Name": "shop-blue-check"},
        "childHealthchecks": ["shop-blue-errors-check-id", "shop-blue-front-check-id", "11111111-2222-3333-4444-555555555555"],
    }  # fmt: skip
    assert found["health_check_ids"][0] == {"blue": "shop-blue-check-id", "green": "brought"}
    del parts["theirs"], health["blue"]["calculated"]["healthy_parts"]
    monitor, _ = made(health=health, standby_receives_on_failure=True)
    assert inputs(monitor, "shop-blue-check")["childHealthThreshold"] == 2


def test_a_standby_that_must_not_receive_is_never_healthy() -> None:
    monitor, found = made(health=ALARMS, standby_receives_on_failure=False)
    never = inputs(monitor, "shop-standby-check")
    assert (never["disabled"], never["invertHealthcheck"], never["type"]) == (True, True, "TCP")
    assert record(monitor, "blue")["healthCheckId"] == "shop-blue-check-id"
    assert record(monitor, "green")["healthCheckId"] == "shop-standby-check-id"
    assert found["health_check_ids"][0]["standby"] == "shop-standby-check-id"
    monitor, _ = made(health=ALARMS, standby_receives_on_failure=False, weights={"blue": 99, "green": 1})
    assert record(monitor, "green")["healthCheckId"] == "shop-green-check-id"
    monitor, _ = made(health=ALARMS, standby_receives_on_failure=False, weights={"blue": 0, "green": 0}, allow_both_zero=True)
    assert record(monitor, "green")["healthCheckId"] == "shop-green-check-id"


def test_an_alias_that_must_not_receive_has_that_check_besides_its_targets_health() -> None:
    monitor, _ = made(names={"api.example.com": ALIASES}, standby_receives_on_failure=False)
    green = record(monitor, "green", kind="a")
    assert green["healthCheckId"] == "shop-standby-check-id"
    assert green["aliases"][0]["evaluateTargetHealth"] is True
    assert "healthCheckId" not in record(monitor, "blue", kind="a")


def test_without_any_health_nothing_is_made_for_the_standby() -> None:
    assert made(standby_receives_on_failure=False)[0].names("HealthCheck") == []


# Who has the say.


def test_the_plan_of_record_is_in_force() -> None:
    monitor, found = made(weight_authority="runtime", runtime_weights={"blue": 30, "green": 70})
    assert [record(monitor, colour)["weightedRoutingPolicies"] for colour in ("blue", "green")] == [
        [{"weight": 30}],
        [{"weight": 70}],
    ]
    assert found["weights"][0] == {"blue": 30, "green": 70}
    assert found["traffic"][0]["authority"] == "runtime"


def test_weights_that_could_not_be_looked_up_stay(caplog: pytest.LogCaptureFixture) -> None:
    unknown: dict[str, Any] = {"weight_authority": "runtime", "runtime_unknown": True}
    monitor, _ = made(**unknown)
    for name in monitor.names("Record"):
        assert list(monitor.requests[name].ignoreChanges) == ["weightedRoutingPolicies"]
    assert "/redis-ha/shop/weights could not be looked up" in caplog.text
    monitor, _ = made(**unknown, health=ALARMS, standby_receives_on_failure=False)
    assert list(monitor.requests["shop-api.example.com-cname-blue"].ignoreChanges) == [
        "weightedRoutingPolicies",
        "healthCheckId",
    ]
    assert list(made()[0].requests["shop-api.example.com-cname-blue"].ignoreChanges) == []


def judge(monitor: Monitor, old: dict[str, Any], new: dict[str, Any], hook: str = "shop-records-changes") -> None:
    arguments = pulumi.ResourceHookArgs(
        urn="urn", id="id", name="shop-api.example.com-cname-blue", type="aws:route53/record:Record", old_inputs=old,
        new_inputs=new, old_outputs={}, new_outputs={},
    )  # fmt: skip
    monitor.hooks.by_name[hook].callback(arguments)


LIVING: dict[str, Any] = {
    "name": "api.example.com", "type": "CNAME", "setIdentifier": "blue", "ttl": 60, "records": ["blue.example.net"],
    "weightedRoutingPolicies": [{"weight": 100}],
}  # fmt: skip
OTHER_WEIGHT = {**LIVING, "weightedRoutingPolicies": [{"weight": 50}]}


def test_a_living_records_identity_and_time_to_live_stay() -> None:
    monitor, _ = made()
    with pytest.raises(RefusedChangeError, match="set_identifiers: 'blue' -> 'azure'"):
        judge(monitor, LIVING, {**LIVING, "setIdentifier": "azure"})
    with pytest.raises(RefusedChangeError, match="ttl_seconds: 60 -> 30"):
        judge(monitor, LIVING, {**LIVING, "ttl": 30})
    judge(monitor, LIVING, {**LIVING, "records": ["other.example.net"]})
    judge(monitor, LIVING, OTHER_WEIGHT)


def test_handing_the_weights_to_the_runtime_changes_none() -> None:
    monitor, _ = made(weight_authority="runtime")
    with pytest.raises(RefusedChangeError, match="weights: 100 -> 50: weight_authority is runtime and no plan of record"):
        judge(monitor, LIVING, OTHER_WEIGHT)
    monitor, _ = made(weight_authority="runtime", runtime_weights={"blue": 50, "green": 50})
    judge(monitor, LIVING, OTHER_WEIGHT)


def test_weights_change_in_up_only_when_it_is_known_that_no_tool_moved_them() -> None:
    refused = []
    for known in (True, False):  # up, preview
        monitor, _ = made(known=known, runtime_unknown=True)
        try:
            judge(monitor, LIVING, OTHER_WEIGHT)
        except RefusedChangeError as error:
            refused.append((known, str(error)))
    assert [known for known, _ in refused] == [True]
    assert "could not be looked up" in refused[0][1]


def test_a_record_that_is_there_already_is_not_made_again() -> None:
    held = [{"name": "api.example.com", "type": "CNAME", "set_identifier": colour} for colour in ("blue", "green")]
    monitor, _ = made(known_records=held)
    with pytest.raises(RefusedCreationError, match="with set identifier 'blue' that this stack did not make; if it is meant"):
        judge(monitor, {}, LIVING, "shop-records-creation")
    judge(monitor, {}, {**LIVING, "name": "www.example.com"}, "shop-records-creation")
    monitor, _ = made()
    judge(monitor, {}, LIVING, "shop-records-creation")


def test_up_writes_no_record_whose_live_weights_it_could_not_see() -> None:
    unknown: dict[str, Any] = {"weight_authority": "runtime", "runtime_unknown": True}
    elsewhere = {**LIVING, "records": ["other.example.net"]}
    with pytest.raises(RefusedChangeError, match="weights stay as the state has them, and an update would write that over"):
        judge(made(**unknown)[0], LIVING, elsewhere)
    judge(made(known=False, **unknown)[0], LIVING, elsewhere)


# Outputs.


def test_who_shifts_may_do_that_and_nothing_else() -> None:
    names = {"api.example.com": HOSTS, "*.shop.example.com": HOSTS}
    policy = json.loads(made(names=names)[1]["shift_policy"][0])
    by_id = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert by_id["Shift"]["Action"] == ["route53:ChangeResourceRecordSets"]
    assert by_id["Shift"]["Resource"] == ["arn:aws:route53:::hostedzone/Z0123456789ABC"]
    assert by_id["Shift"]["Condition"]["ForAllValues:StringEquals"] == {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["api.example.com", "\\052.shop.example.com"],
        "route53:ChangeResourceRecordSetsRecordTypes": ["CNAME"],
        "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
    }
    assert set(by_id["Shift"]["Condition"]["Null"].values()) == {"false"}
    assert by_id["Wait"]["Resource"] == ["arn:aws:route53:::change/*"]
    path = "arn:aws:ssm:eu-central-1:123456789012:parameter/redis-ha/shop"
    assert by_id["RuntimeRecords"]["Resource"] == [path, f"{path}/*"]


def test_what_a_tool_has_to_know() -> None:
    found = made(health=ALARMS, standby_receives_on_failure=False, record_path="/shop/traffic")[1]["traffic"]
    assert found == (
        {
            "version": 1, "kind": "weighted", "zone_id": "Z0123456789ABC", "zone_name": "example.com",
            "records": [{"name": "api.example.com", "type": "CNAME"}],
            "set_identifiers": {"blue": "blue", "green": "green"},
            "health_check_ids": {
                "blue": "shop-blue-check-id", "green": "shop-green-check-id", "standby": "shop-standby-check-id",
            },
            "weights": {"blue": 100, "green": 0}, "authority": "stack", "region": "eu-central-1",
            "record_path": "/shop/traffic",
        },
        True,
        False,
    )  # fmt: skip


# Values that are known later.


def later(value: str) -> Any:
    return lambda: pulumi.Output.from_input(value)


def test_targets_of_other_resources() -> None:
    def names() -> dict[str, Any]:
        alias = {"name": pulumi.Output.from_input("b.elb.amazonaws.com"), "zone_id": pulumi.Output.from_input("Z1")}
        return {"api.example.com": {"blue": {"alias": alias}, "green": ALIASES["green"]}}

    monitor, found = made(names=names, zone_id=later("Z9"), standby_receives_on_failure=True)
    assert record(monitor, "blue", kind="a")["aliases"][0]["name"] == "b.elb.amazonaws.com"
    assert found["traffic"][0]["zone_id"] == "Z9"


@pytest.mark.parametrize("other", [lambda: pulumi.Output.from_input("BLUE.example.net."), lambda: "blue.example.net"])
def test_equal_targets_are_found_as_soon_as_they_are_known(other: Any) -> None:
    def names() -> dict[str, Any]:
        return {"api.example.com": {"blue": {"host": pulumi.Output.from_input("blue.example.net")}, "green": {"host": other()}}}

    with pytest.raises(pulumi.InputPropertyError, match="moves"):
        made(names=names)


def test_a_private_endpoint_is_found_as_soon_as_it_is_known() -> None:
    def health() -> dict[str, Any]:
        return {"blue": {"endpoint": {"ip_address": pulumi.Output.from_input("10.1.2.3")}}}

    with pytest.raises(pulumi.InputPropertyError, match=r"health\.blue\.endpoint\.ip_address: '10\.1\.2\.3' is no public"):
        made(health=health, standby_receives_on_failure=True)


def test_a_preview_with_nothing_known() -> None:
    def unknown() -> Any:
        return pulumi.Output.from_input(pulumi.output.UNKNOWN)

    def names() -> dict[str, Any]:
        return {
            "api.example.com": {colour: {"alias": {"name": unknown(), "zone_id": unknown()}} for colour in ("blue", "green")}
        }

    monitor, found = made(
        known=False,
        names=names,
        zone_id=unknown,
        health=lambda: {"blue": {"alarm": {"name": unknown()}}},
        standby_receives_on_failure=False,
    )
    assert len(monitor.names("Record")) == 2
    assert not found["traffic"][1]
    assert not found["shift_policy"][1]
    assert record(monitor, "green", kind="a")["weightedRoutingPolicies"] == [{"weight": 0}]
