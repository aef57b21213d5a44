"""The router's filter as text: firewalls as DigitalOcean means them, isolation, cut cables."""

import shutil
import subprocess

import pytest

from pulumi_emulator.machines.model import Firewall, FirewallRule
from pulumi_emulator.machines.nft import Guest, Port, render

DATA = Guest("1", "m1", ("redis",), (Port("m1e0", "public", ("203.0.113.2",)), Port("m1e1", "vpc1", ("10.20.0.2",))))
WEB = Guest("2", "m2", ("web", "eu"), (Port("m2e0", "public", ("203.0.113.3",)), Port("m2e1", "vpc1", ("10.20.0.3",))))
FAR = Guest("3", "m3", (), (Port("m3e1", "vpc2", ("10.30.0.2",)),))
OTHERS = [Port("pub0", "public", ("203.0.113.250",)), Port("c1e1", "vpc1", ("10.20.0.254",))]


def allow(*rules: FirewallRule, ids: tuple[str, ...] = ("1",), tags: tuple[str, ...] = ()) -> Firewall:
    return Firewall("f", "firewall", rules, ids, tags)


def chain(text: str, name: str) -> list[str]:
    lines = text.splitlines()
    start = lines.index(f"  chain {name} {{")
    return [line.strip() for line in lines[start + 1 : lines.index("  }", start)]]


def filtered(*firewalls: Firewall) -> str:
    return render([DATA, WEB, FAR], OTHERS, firewalls)


def test_without_a_firewall_everything_passes_within_a_network() -> None:
    text = filtered()
    assert "chain arrive_" not in text
    assert chain(text, "within") == ["ct state established,related accept", "accept"]


def test_any_firewall_denies_both_directions_by_default() -> None:
    text = filtered(allow())
    assert chain(text, "arrive_m1") == ["drop"]
    assert chain(text, "leave_m1") == ["drop"]
    assert "arrive_m2" not in text


def test_established_connections_come_before_every_rule() -> None:
    assert chain(filtered(allow()), "within")[0] == "ct state established,related accept"


def test_rules_of_several_firewalls_add_up() -> None:
    first = allow(FirewallRule("in", "tcp", (6379, 6379), ("10.20.0.0/24",)))
    second = allow(FirewallRule("in", "tcp", (22, 22), ("198.51.100.7",)), ids=(), tags=("redis",))
    assert chain(filtered(first, second), "arrive_m1") == [
        "ip saddr { 10.20.0.0/24 } tcp dport 6379 return",
        "ip saddr { 198.51.100.7/32 } tcp dport 22 return",
        "drop",
    ]


def test_a_firewall_applies_by_tag() -> None:
    text = filtered(allow(ids=(), tags=("eu",)))
    assert chain(text, "arrive_m2") == ["drop"]
    assert "arrive_m1" not in text


def test_peers_by_tag_and_by_droplet_are_their_addresses_in_both_networks() -> None:
    text = filtered(allow(FirewallRule("in", "udp", (53, 60), (), ("3",), ("web",))))
    assert chain(text, "arrive_m1")[0] == "ip saddr { 10.20.0.3/32, 10.30.0.2/32, 203.0.113.3/32 } udp dport 53-60 return"


def test_a_tag_that_nobody_carries_lets_nobody_in() -> None:
    assert chain(filtered(allow(FirewallRule("in", "tcp", None, (), (), ("nobody",)))), "arrive_m1") == ["drop"]


def test_outbound_rules_name_destinations_and_stay_out_of_the_inbound_chain() -> None:
    text = filtered(allow(FirewallRule("out", "icmp", None, ("0.0.0.0/0", "::/0"))))
    assert chain(text, "leave_m1") == ["meta nfproto ipv4 ip protocol icmp return", "drop"]
    assert chain(text, "arrive_m1") == ["drop"]


def test_overlapping_ranges_are_merged() -> None:
    text = filtered(allow(FirewallRule("in", "tcp", None, ("10.0.0.0/8", "10.20.0.0/24", "192.0.2.1"))))
    assert chain(text, "arrive_m1")[0] == "ip saddr { 10.0.0.0/8, 192.0.2.1/32 } meta l4proto tcp return"


def test_networks_are_islands() -> None:
    across = chain(filtered(), "across")
    assert across[0].endswith("policy drop;")
    assert 'iifname { "m3e1" } oifname { "m3e1" } goto within' in across
    assert not any('"m3e1"' in line and '"m1e1"' in line for line in across)


def test_a_cut_cable_is_silent_both_ways_and_before_everything_else() -> None:
    cut = Guest("1", "m1", (), (Port("m1e0", "public", ("203.0.113.2",)), Port("m1e1", "vpc1", ("10.20.0.2",), cut=True)))
    text = render([cut], [], [])
    assert '  set cut { type ifname; elements = { "m1e1" }; }' in text.splitlines()
    assert "iifname @cut drop" in chain(text, "from_wire")
    assert chain(text, "across")[1] == "oifname @cut drop"
    assert "reject" not in text


def test_metadata_is_outside_the_firewall() -> None:
    assert "ip daddr 169.254.169.254 tcp dport 80 accept" in chain(filtered(allow()), "to_router")


@pytest.mark.machines
def test_nft_takes_the_text() -> None:
    rules = (
        FirewallRule("in", "tcp", (1, 65535), ("0.0.0.0/0",), ("3",), ("web",)),
        FirewallRule("in", "icmp", None, ("10.0.0.0/8", "10.20.0.0/24")),
        FirewallRule("out", "udp", None, ("0.0.0.0/0", "::/0")),
    )
    for text in (render([], [], []), filtered(), filtered(allow(*rules), allow(*rules, ids=("1", "2", "3")))):
        command = [str(shutil.which("unshare")), "--net", "nft", "--file", "-"]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
