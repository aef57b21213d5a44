"""SentinelCluster as a Pulumi program sees it, without an engine."""

from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from redis_ha.sentinel import SentinelCluster
from redis_ha.sentinel.cluster import IGNORED_AFTER_CREATION
from tests.support.pulumi_world import Monitor, inputs, run

GOOD: dict[str, Any] = {"region": "ams3", "vpc_ip_range": "10.20.0.0/24"}
OUTPUTS = ("connection", "credentials", "desired", "addresses", "master_name")


def made(*, known: bool = True, **changes: Any) -> tuple[Monitor, dict[str, tuple[Any, bool, bool]]]:
    def program() -> dict[str, Any]:
        args = {key: value() if callable(value) else value for key, value in (GOOD | changes).items() if value is not ...}
        cluster = SentinelCluster("local", args)  # type: ignore[arg-type]
        return {name: getattr(cluster, name) for name in OUTPUTS}

    return run(program, known=known)


def plain(value: Any) -> Any:
    return rpc.unwrap_rpc_secret(value)


def test_children() -> None:
    monitor, _ = made()
    assert monitor.names("Vpc") == ["local-vpc"]
    assert monitor.names("Tag") == ["local-tag"]
    assert monitor.names("Firewall") == ["local-firewall"]
    assert monitor.names("Droplet") == [f"local-data-{n}" for n in range(3)] + [f"local-sentinel-{n}" for n in range(3)]
    assert len(monitor.names("RandomPassword")) == 7
    (component,) = {monitor.requests[name].parent for name in monitor.order if name != "local"}
    assert component.endswith("redis-ha:index:SentinelCluster::local")


def test_droplets() -> None:
    monitor, _ = made(ssh_key_ids=["11:22"], tags=["team:red"])
    data, sentinel = inputs(monitor, "local-data-1"), inputs(monitor, "local-sentinel-2")
    assert (data["size"], sentinel["size"]) == ("s-2vcpu-4gb", "s-1vcpu-1gb")
    for one in (data, sentinel):
        assert (one["region"], one["image"], one["vpcUuid"]) == ("ams3", "debian-13-x64", "local-vpc-id")
        assert (one["sshKeys"], one["tags"]) == (["11:22"], ["redis-ha-local", "team:red"])
        assert one["gracefulShutdown"] is True


def test_user_data_is_secret_and_goes_to_the_right_node() -> None:
    monitor, _ = made()
    for name in monitor.names("Droplet"):
        user_data = inputs(monitor, name)["userData"]
        assert rpc.is_rpc_secret(user_data)
        assert plain(user_data).startswith(f"#cloud-config\n# {name} of")
    assert "10.20.0.2" in plain(inputs(monitor, "local-sentinel-0")["userData"])


def test_data_droplets_are_protected_unless_told_otherwise() -> None:
    monitor, _ = made()
    assert {name: monitor.requests[name].protect for name in monitor.names("Droplet")} == {
        **{f"local-data-{n}": True for n in range(3)},
        **{f"local-sentinel-{n}": False for n in range(3)},
    }
    monitor, _ = made(protect=False)
    assert not any(request.protect for request in monitor.requests.values())


def test_nothing_but_its_generation_replaces_a_droplet() -> None:
    """Each of these would replace all six at once otherwise (provider schema: replaceOnChanges)."""
    monitor, _ = made(generations={"data-1": 4})
    for name in monitor.names("Droplet"):
        request = monitor.requests[name]
        wanted = {"userData", "image", "sshKeys", "monitoring", "dropletAgent", "ipv6", "publicNetworking"}
        assert set(request.ignoreChanges) == wanted
        assert len(wanted) == len(IGNORED_AFTER_CREATION)
        assert request.replacement_trigger.number_value == (4 if name == "local-data-1" else 0)
        assert request.customTimeouts.delete == "10m"


def test_a_replaced_slot_is_made_after_all_others_and_told_of_them() -> None:
    monitor, _ = made(generations={"data-0": 1})
    assert monitor.names("Droplet")[-1] == "local-data-0"
    assert '"10.20.0.2",\n' in plain(inputs(monitor, "local-data-0")["userData"])


def test_the_firewall_comes_first_and_lets_in_nobody_else() -> None:
    monitor, _ = made(client_sources=["10.20.0.0/24"], client_tags=["web"], admin_sources=["198.51.100.7"])
    firewall = inputs(monitor, "local-firewall")
    assert firewall["tags"] == ["redis-ha-local"]
    inbound = {rule["portRange"]: rule for rule in firewall["inboundRules"]}
    assert set(inbound) == {"6379", "26379", "22"}
    for port in ("6379", "26379"):
        assert inbound[port]["sourceTags"] == ["redis-ha-local", "web"]
        assert inbound[port]["sourceAddresses"] == ["10.20.0.0/24", "198.51.100.7/32"]
    assert (inbound["22"].get("sourceTags"), inbound["22"]["sourceAddresses"]) == (None, ["198.51.100.7/32"])
    outbound = {(rule["protocol"], rule["portRange"]) for rule in firewall["outboundRules"]}
    assert outbound == {
        ("tcp", "53"),
        ("udp", "53"),
        ("udp", "123"),
        ("tcp", "80"),
        ("tcp", "443"),
        ("tcp", "6379"),
        ("tcp", "26379"),
    }
    firewall_urn = "SentinelCluster$digitalocean:index/firewall:Firewall::local-firewall"
    assert all(
        any(urn.endswith(firewall_urn) for urn in monitor.requests[name].dependencies) for name in monitor.names("Droplet")
    )


def test_without_sources_only_the_cluster_comes_in() -> None:
    monitor, _ = made()
    rules = inputs(monitor, "local-firewall")["inboundRules"]
    assert [(rule["portRange"], rule["sourceTags"], rule.get("sourceAddresses")) for rule in rules] == [
        ("6379", ["redis-ha-local"], None),
        ("26379", ["redis-ha-local"], None),
    ]


def test_who_reads_metrics_reads_nothing_else() -> None:
    monitor, _ = made(metrics_sources=["10.20.0.250/32"])
    rules = [rule for rule in inputs(monitor, "local-firewall")["inboundRules"] if rule.get("sourceAddresses")]
    assert [(rule["portRange"], rule.get("sourceTags"), rule["sourceAddresses"]) for rule in rules] == [
        ("9100", None, ["10.20.0.250/32"]),
        ("9121", None, ["10.20.0.250/32"]),
    ]


def test_the_provider_s_monitoring_tells_of_the_cluster_s_machines() -> None:
    assert made()[0].names("MonitorAlert") == []
    monitor, _ = made(alert_emails=["ops@example.com"])
    found = {name: inputs(monitor, name) for name in monitor.names("MonitorAlert")}
    assert {name: (alert["type"], alert["value"]) for name, alert in found.items()} == {
        "local-processor-alert": ("v1/insights/droplet/cpu", 90),
        "local-memory-alert": ("v1/insights/droplet/memory_utilization_percent", 90),
        "local-disk-alert": ("v1/insights/droplet/disk_utilization_percent", 80),
    }
    for alert in found.values():
        assert (alert["tags"], alert["alerts"], alert["compare"]) == (
            ["redis-ha-local"],
            {"emails": ["ops@example.com"]},
            "GreaterThan",
        )
        assert alert["description"].startswith("redis-ha local: ")


def test_an_existing_vpc_and_project() -> None:
    monitor, _ = made(vpc_ip_range=..., vpc_id="existing", project_id="project-1")
    assert monitor.names("Vpc") == []
    assert inputs(monitor, "local-data-0")["vpcUuid"] == "existing"
    assert inputs(monitor, "local-project") == {"project": "project-1", "resources": [f"do:droplet:{n}" for n in range(2, 8)]}


def test_outputs() -> None:
    _, found = made()
    connection, credentials, desired, addresses, master_name = (found[name] for name in OUTPUTS)
    assert connection[0] == {
        "version": 1, "kind": "sentinel", "master_name": "local", "tls": False,
        "sentinels": [{"host": f"10.20.0.{n}", "port": 26379} for n in (5, 6, 7)],
        "failover": {"down_after_ms": 5000, "failover_timeout_ms": 20000, "min_replicas_to_write": 1},
    }  # fmt: skip
    assert (set(credentials[0]), credentials[0]["username"]) == (
        {"version", "username", "password", "sentinel_username", "sentinel_password"},
        "application",
    )
    assert addresses[0]["local-data-0"] == {"private": "10.20.0.2", "public": "203.0.113.2"}
    assert master_name[0] == "local"
    slots = {slot["name"]: slot for slot in desired[0]["slots"]}
    assert slots["local-data-2"]["private_ip"] == "10.20.0.4"
    assert len(slots["local-sentinel-0"]["sentinel_id"]) == 40
    assert (desired[0]["redis"]["maxmemory"], desired[0]["sentinel"]["quorum"]) == ("2457mb", "2")
    assert {name: secret for name, (_, _, secret) in found.items()} == {
        "connection": False, "credentials": True, "desired": True, "addresses": False, "master_name": False,
    }  # fmt: skip


def test_preview_with_nothing_known() -> None:
    monitor, found = made(known=False)
    assert len(monitor.names("Droplet")) == 6
    assert {name for name, (_, known, _) in found.items() if known} == {"master_name"}
    assert found["credentials"][2]
    assert found["desired"][2]


def test_given_passwords_are_secret_from_the_start_and_not_made() -> None:
    given = "given-password-of-the-application"
    monitor, found = made(
        application_password=given, admin_password=lambda: pulumi.Output.from_input("given-password-of-the-admin")
    )
    assert len(monitor.names("RandomPassword")) == 5
    assert found["credentials"][0]["password"] == given
    assert found["credentials"][2]
    assert found["desired"][0]["admin"]["password"] == "given-password-of-the-admin"
    assert found["desired"][2]


@pytest.mark.parametrize(
    "password", ["short", "with space in it 123", 'quote"quote"quote"quote', "x" * 129, "tab\tin it 12345678"]
)
def test_a_bad_given_password_is_refused_without_telling_it(password: str) -> None:
    with pytest.raises(pulumi.InputPropertyError) as caught:
        made(admin_password=password)
    assert caught.value.property_path == "adminPassword"
    assert password not in f"{caught.value!r} {caught.value.reason}"


def test_wrong_arguments_are_told_together_before_anything_is_registered() -> None:
    monitors: list[Monitor] = []

    def program() -> None:
        monitors.append(pulumi.runtime.settings.get_monitor())  # type: ignore[arg-type]
        SentinelCluster("local", GOOD | {"sentinels": 4, "quorum": 9})  # type: ignore[arg-type]

    with pytest.raises(pulumi.InputPropertiesError) as caught:
        run(program)
    assert [error["property_path"] for error in caught.value.errors or []] == ["sentinels", "quorum"]
    assert "SentinelCluster 'local'" in str(caught.value)
    assert monitors[0].order == []


def test_an_output_where_the_shape_depends_on_it_is_refused_by_name() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match="region: is an Output"):
        made(region=lambda: pulumi.Output.from_input("ams3"))


def test_property_paths_are_the_schemas() -> None:
    with pytest.raises(pulumi.InputPropertiesError) as caught:
        made(down_after_ms=1)
    assert [error["property_path"] for error in caught.value.errors or []] == ["downAfterMs"]


def test_two_clusters_share_nothing() -> None:
    def program() -> None:
        SentinelCluster("one", GOOD)  # type: ignore[arg-type]
        SentinelCluster("two", GOOD | {"vpc_ip_range": "10.21.0.0/24"})  # type: ignore[arg-type]

    monitor, _ = run(program)
    assert (inputs(monitor, "one-firewall")["tags"], inputs(monitor, "two-firewall")["tags"]) == (
        ["redis-ha-one"],
        ["redis-ha-two"],
    )
    assert len(monitor.order) == len(set(monitor.order))
