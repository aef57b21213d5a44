"""What the DigitalOcean handlers do to the emulated cloud, with a host that boots nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers import HANDLERS, Cloud, Handler
from pulumi_emulator.handlers.droplet import prices_of, size_of
from pulumi_emulator.machines import FirewallRule
from pulumi_emulator.world import World
from tests.support.stand_in_host import StandInHost, stand_in_cloud

BY_NAME: Mapping[str, Handler] = {
    token.rsplit(":", 1)[1]: handler for token, handler in HANDLERS.items() if not token.startswith("aws:")
}
DROPLET = {"name": "a", "image": "debian-13-x64", "size": "s-1vcpu-1gb"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtaJPm8mTXQo4BVmGYzoM7hhzjgaUSrmtk1Jqbl9b3u somebody"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return stand_in_cloud(tmp_path)[0]


@pytest.fixture
def host(cloud: Cloud) -> StandInHost:
    return cloud.host  # type: ignore[return-value]


def create(cloud: Cloud, kind: str, **inputs: Any) -> tuple[str, dict[str, Any]]:
    made = BY_NAME[kind].create(cloud, inputs)
    return made.id, made.computed


def vpc(cloud: Cloud, name: str = "net", ip_range: str | None = "10.20.0.0/24") -> str:
    given = {} if ip_range is None else {"ipRange": ip_range}
    return create(cloud, "Vpc", name=name, region="ams3", **given)[0]


def test_what_needs_no_machine_needs_no_host(tmp_path: Path) -> None:
    cloud, host = stand_in_cloud(tmp_path)
    create(cloud, "Tag", name="t")
    create(cloud, "SshKey", name="k", publicKey=KEY)
    create(cloud, "Project", name="p")
    create(cloud, "Firewall", name="f", inboundRules=[{"protocol": "icmp"}])
    create(cloud, "RandomPassword", length=9)
    assert host.preflights == 0
    vpc(cloud)
    assert host.preflights == 1


def test_a_droplet_boots_with_its_keys_tags_and_network(cloud: Cloud, host: StandInHost) -> None:
    network = vpc(cloud)
    key, computed = create(cloud, "SshKey", name="k", publicKey=KEY + "\n")
    assert computed["fingerprint"].count(":") == 15
    droplet, outputs = create(
        cloud, "Droplet", **DROPLET, vpcUuid=network, sshKeys=[computed["fingerprint"]], tags=["web"], userData="#!/bin/sh"
    )
    spec = host.booted[droplet].spec
    assert (spec.vpc_id, spec.region, spec.ssh_public_keys, spec.tags, spec.user_data) == (
        network,
        "ams3",
        (KEY,),
        ("web",),
        "#!/bin/sh",
    )
    assert int(droplet) > int(key)
    # As in the real provider's state: never the user data, its SHA-1.
    assert outputs["userData"] == hashlib.sha1(b"#!/bin/sh").hexdigest()  # noqa: S324
    assert (outputs["memory"], outputs["vcpus"], outputs["disk"]) == (1024, 1, 25)
    assert (outputs["ipv4Address"], outputs["ipv4AddressPrivate"]) == ("203.0.113.2", "10.0.0.2")
    assert (outputs["status"], outputs["dropletUrn"]) == ("active", f"do:droplet:{droplet}")
    assert "#!/bin/sh" not in (cloud.world._path).read_text()


def test_what_a_droplet_refers_to_must_exist(cloud: Cloud) -> None:
    with pytest.raises(EmulatorError, match=r"no VPC 'nowhere' .* known: none"):
        create(cloud, "Droplet", **DROPLET, vpcUuid="nowhere")
    with pytest.raises(EmulatorError, match=r"ssh_keys: '12' .* known: none"):
        create(cloud, "Droplet", **DROPLET, sshKeys=["12"])
    network = vpc(cloud)
    with pytest.raises(EmulatorError, match="region 'fra1' is not the region of VPC"):
        create(cloud, "Droplet", **DROPLET, vpcUuid=network, region="fra1")
    assert cloud.world.all("digitalocean:index/droplet:Droplet") == {}


def test_droplets_without_a_vpc_share_the_default_one_of_their_region(cloud: Cloud, host: StandInHost) -> None:
    first, outputs = create(cloud, "Droplet", **DROPLET, region="fra1")
    second, _ = create(cloud, "Droplet", **DROPLET | {"name": "b"}, region="fra1")
    third, _ = create(cloud, "Droplet", **DROPLET | {"name": "c"})
    assert host.booted[first].spec.vpc_id == host.booted[second].spec.vpc_id == outputs["vpcUuid"]
    assert host.booted[third].spec.vpc_id != outputs["vpcUuid"]
    assert len(host.networks) == 2


def test_a_droplet_with_another_size_is_powered_off_and_on(cloud: Cloud, host: StandInHost) -> None:
    droplet, state = create(cloud, "Droplet", **DROPLET, userData="x")
    handler = BY_NAME["Droplet"]
    outputs = handler.update(cloud, droplet, state, DROPLET | {"tags": ["new"], "userData": "x"})
    assert (outputs["tags"], outputs["userData"], host.booted[droplet].spec.tags) == (["new"], state["userData"], ("new",))
    assert host.power == []
    outputs = handler.update(cloud, droplet, state, DROPLET | {"size": "s-2vcpu-4gb"})
    assert host.power == ["hard off", "on"]
    assert (outputs["memory"], outputs["status"]) == (4096, "active")


def test_a_disk_grows_only_when_it_is_asked_to_and_never_shrinks(cloud: Cloud) -> None:
    droplet, state = create(cloud, "Droplet", **DROPLET)
    handler = BY_NAME["Droplet"]
    larger = DROPLET | {"size": "s-2vcpu-4gb"}
    assert handler.update(cloud, droplet, state, larger | {"resizeDisk": False})["disk"] == 25
    assert handler.update(cloud, droplet, state, DROPLET | {"resizeDisk": False})["disk"] == 25
    assert handler.update(cloud, droplet, state, larger)["disk"] == 80
    assert handler.update(cloud, droplet, state | {"resizeDisk": False}, larger)["disk"] == 80
    for choice in (True, False):
        with pytest.raises(EmulatorError, match="has a disk of 25 GB, the droplet's has 80 GB"):
            handler.update(cloud, droplet, state, DROPLET | {"resizeDisk": choice})


def test_a_lost_machine_is_gone_and_one_without_power_is_off(cloud: Cloud, host: StandInHost) -> None:
    droplet, state = create(cloud, "Droplet", **DROPLET)
    handler = BY_NAME["Droplet"]
    host.power_off(droplet)
    seen = handler.read(cloud, droplet, state)
    assert seen is not None
    assert seen.outputs["status"] == "off"
    host.delete_machine(droplet)
    assert handler.read(cloud, droplet, state) is None
    assert handler.import_(cloud, "nonsense") is None


def test_a_graceful_delete_shuts_down_first(cloud: Cloud, host: StandInHost) -> None:
    seen = []
    droplet, state = create(cloud, "Droplet", **DROPLET)
    power_off = host.power_off

    def spy(machine_id: str, *, hard: bool = True) -> None:
        seen.append((machine_id, hard))
        power_off(machine_id, hard=hard)

    host.power_off = spy  # type: ignore[method-assign]
    BY_NAME["Droplet"].delete(cloud, droplet, state | {"gracefulShutdown": True})
    assert seen == [(droplet, False)]
    assert host.booted == {}
    BY_NAME["Droplet"].delete(cloud, droplet, state)


def test_a_failed_boot_leaves_no_record(cloud: Cloud, host: StandInHost) -> None:
    def fail(spec: object) -> Any:
        raise EmulatorError(f"no room for {type(spec).__name__}")

    host.create_machine = fail  # type: ignore[method-assign]
    with pytest.raises(EmulatorError, match="no room"):
        create(cloud, "Droplet", **DROPLET)
    assert cloud.world.all("digitalocean:index/droplet:Droplet") == {}


def test_vpc_ranges_do_not_overlap_and_are_chosen_when_not_given(cloud: Cloud) -> None:
    vpc(cloud, "one", "10.20.0.0/16")
    with pytest.raises(EmulatorError, match=r"10\.20\.5\.0/24 overlaps 10\.20\.0\.0/16 of VPC 'one'"):
        vpc(cloud, "two", "10.20.5.0/24")
    with pytest.raises(EmulatorError, match="a VPC named 'one' exists already"):
        vpc(cloud, "one", "10.30.0.0/24")
    chosen = {cloud.world.get("digitalocean:index/vpc:Vpc", vpc(cloud, name, None))["ipRange"] for name in ("a", "b")}  # type: ignore[index]
    assert len(chosen) == 2


def test_a_vpc_with_droplets_stays(cloud: Cloud, host: StandInHost) -> None:
    network = vpc(cloud)
    droplet, state = create(cloud, "Droplet", **DROPLET, vpcUuid=network)
    with pytest.raises(EmulatorError, match="droplets a are in it"):
        BY_NAME["Vpc"].delete(cloud, network, {})
    BY_NAME["Droplet"].delete(cloud, droplet, state)
    BY_NAME["Vpc"].delete(cloud, network, {})
    assert host.networks == {}


def test_the_same_key_twice_is_refused(cloud: Cloud) -> None:
    create(cloud, "SshKey", name="k", publicKey=KEY)
    with pytest.raises(EmulatorError, match="already in use on the account, as 'k'"):
        create(cloud, "SshKey", name="other", publicKey=f"{KEY}-else")


def test_a_firewall_reaches_the_host_in_its_words(cloud: Cloud, host: StandInHost) -> None:
    vpc(cloud)
    droplet, _ = create(cloud, "Droplet", **DROPLET, tags=["web"])
    rules = [
        {"protocol": "tcp", "portRange": "6379", "sourceTags": ["web"], "sourceDropletIds": [int(droplet)]},
        {"protocol": "udp", "portRange": "all", "sourceAddresses": ["10.0.0.0/8"]},
        {"protocol": "icmp", "sourceAddresses": ["0.0.0.0/0", "::/0"]},
    ]
    outbound = [{"protocol": "tcp", "portRange": "1000-2000", "destinationAddresses": ["0.0.0.0/0"]}]
    firewall, outputs = create(cloud, "Firewall", name="f", tags=["web"], inboundRules=rules, outboundRules=outbound)
    assert outputs["status"] == "succeeded"
    [enforced] = host.firewalls
    assert (enforced.firewall_id, enforced.tags, enforced.droplet_ids) == (firewall, ("web",), ())
    assert enforced.rules == (
        FirewallRule("in", "tcp", (6379, 6379), (), (droplet,), ("web",)),
        FirewallRule("in", "udp", None, ("10.0.0.0/8",), (), ()),
        FirewallRule("in", "icmp", None, ("0.0.0.0/0", "::/0"), (), ()),
        FirewallRule("out", "tcp", (1000, 2000), ("0.0.0.0/0",), (), ()),
    )
    BY_NAME["Firewall"].update(cloud, firewall, {}, {"name": "f", "dropletIds": [int(droplet)], "inboundRules": rules[:1]})
    assert host.firewalls[0].droplet_ids == (droplet,)
    assert len(host.firewalls[0].rules) == 1
    BY_NAME["Firewall"].delete(cloud, firewall, {})
    assert host.firewalls == []


def test_a_firewall_made_before_the_network_is_enforced_with_it(cloud: Cloud, host: StandInHost) -> None:
    create(cloud, "Firewall", name="f", inboundRules=[{"protocol": "icmp"}])
    assert host.firewalls == []
    vpc(cloud)
    assert [firewall.name for firewall in host.firewalls] == ["f"]


def test_what_a_firewall_refers_to_must_exist(cloud: Cloud) -> None:
    rule = {"protocol": "icmp"}
    with pytest.raises(EmulatorError, match="there is no tag 'web'; known: none"):
        create(cloud, "Firewall", name="f", tags=["web"], inboundRules=[rule])
    with pytest.raises(EmulatorError, match="there is no droplet 5"):
        create(cloud, "Firewall", name="f", inboundRules=[rule | {"sourceDropletIds": [5]}])


def test_a_project_and_its_resources(cloud: Cloud) -> None:
    droplet, _ = create(cloud, "Droplet", **DROPLET)
    project, _ = create(cloud, "Project", name="p")
    urn = f"do:droplet:{droplet}"
    assigned, _ = create(cloud, "ProjectResources", project=project, resources=[urn])
    assert assigned == project
    seen = BY_NAME["Project"].read(cloud, project, {})
    assert seen is not None
    assert seen.outputs["resources"] == [urn]
    # The assignment is the other resource's business: a project that names none does not see it as drift.
    assert "resources" not in seen.inputs
    with pytest.raises(EmulatorError, match="do:droplet:7 does not exist"):
        create(cloud, "ProjectResources", project=project, resources=["do:droplet:7"])
    with pytest.raises(EmulatorError, match="project 'nope' does not exist"):
        create(cloud, "ProjectResources", project="nope", resources=[])
    other, state = create(cloud, "Droplet", **DROPLET | {"name": "b"})
    BY_NAME["ProjectResources"].update(cloud, project, {"resources": [urn]}, {"resources": [urn, f"do:droplet:{other}"]})
    BY_NAME["Droplet"].delete(cloud, other, state)
    BY_NAME["ProjectResources"].delete(cloud, project, {"resources": [urn]})
    seen = BY_NAME["Project"].read(cloud, project, {})
    assert seen is not None
    assert seen.outputs["resources"] == []


def test_a_monitor_alert_is_kept_as_it_was_given(cloud: Cloud) -> None:
    given = {"type": "v1/insights/droplet/cpu", "compare": "GreaterThan", "value": 90.0, "window": "10m", "description": "busy"}
    given |= {"alerts": {"emails": ["ops@example.com"]}, "tags": ["web"]}
    alert, computed = create(cloud, "MonitorAlert", **given)
    assert computed["uuid"] == alert
    BY_NAME["MonitorAlert"].update(cloud, alert, computed, given | {"value": 80.0})
    seen = BY_NAME["MonitorAlert"].read(cloud, alert, {})
    assert seen is not None
    assert seen.inputs == given | {"value": 80.0}
    BY_NAME["MonitorAlert"].delete(cloud, alert, {})
    assert BY_NAME["MonitorAlert"].read(cloud, alert, {}) is None
    with pytest.raises(EmulatorError, match=f"{alert} does not exist any more"):
        BY_NAME["MonitorAlert"].update(cloud, alert, {}, given)


def test_a_deleted_tag_leaves_the_droplets_that_carry_it(cloud: Cloud, host: StandInHost) -> None:
    tag, counts = create(cloud, "Tag", name="web")
    assert (tag, counts["dropletsCount"]) == ("web", 0)
    droplet, _ = create(cloud, "Droplet", **DROPLET, tags=["web", "other"])
    seen = BY_NAME["Tag"].read(cloud, tag, {})
    assert seen is not None
    assert seen.outputs["dropletsCount"] == 1
    BY_NAME["Tag"].delete(cloud, tag, {})
    assert host.booted[droplet].spec.tags == ("other",)


@pytest.mark.parametrize(
    ("slug", "memory", "vcpus", "disk"),
    [
        ("s-1vcpu-512mb-10gb", 512, 1, 10),
        ("s-1vcpu-1gb", 1024, 1, 25),
        ("s-2vcpu-2gb", 2048, 2, 60),
        ("s-1vcpu-1gb-35gb-intel", 1024, 1, 35),
        ("s-4vcpu-8gb-amd", 8192, 4, 160),
        ("g-2vcpu-8gb", 8192, 2, 25),
        ("c-4", 8192, 4, 50),
        ("m-2vcpu-16gb", 16384, 2, 50),
    ],
)
def test_sizes(slug: str, memory: int, vcpus: int, disk: int) -> None:
    assert size_of(slug) == {"memory": memory, "vcpus": vcpus, "disk": disk}


@pytest.mark.parametrize(
    ("slug", "monthly", "hourly"),
    [
        ("s-1vcpu-512mb-10gb", 4, 0.00595),
        ("s-2vcpu-4gb", 24, 0.03571),
        ("s-1vcpu-1gb-35gb-intel", 8, 0.0119),
        ("s-4vcpu-8gb-amd", 56, 0.08333),
        ("c-4-intel", 109, 0.1622),
        ("g-2vcpu-8gb", 63, 0.09375),
        ("so1_5-2vcpu-16gb", 163, 0.24256),
    ],
)
def test_prices(cloud: Cloud, slug: str, monthly: int, hourly: float) -> None:
    state = create(cloud, "Droplet", **DROPLET | {"size": slug})[1]
    assert (state["priceMonthly"], state["priceHourly"]) == (monthly, hourly)


def test_a_size_that_is_no_longer_offered_has_no_price() -> None:
    assert prices_of("s-1vcpu-3gb") == {}


def test_the_world_survives_and_is_private(tmp_path: Path) -> None:
    world = World(tmp_path / "world.json")
    world.put("t", "1", {"a": 1})
    number = world.new_number()
    again = World(tmp_path / "world.json")
    assert again.get("t", "1") == {"a": 1}
    assert int(again.new_number()) == int(number) + 1
    assert (tmp_path / "world.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["world.json"]
    assert again.unconfirmed() == [("t", "1")]
    again.confirm()
    again.put("t", "1", {"a": 2})
    again.put("t", "2", {})
    assert World(tmp_path / "world.json").unconfirmed() == [("t", "2")]
    (tmp_path / "world.json").write_text(json.dumps({"next_id": 1}))
    with pytest.raises(EmulatorError, match="run `destroy`"):
        World(tmp_path / "world.json")
