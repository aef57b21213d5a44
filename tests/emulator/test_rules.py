"""What the rule tables refuse, fill in and replace."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_emulator import rules
from pulumi_emulator.handlers import HANDLERS
from pulumi_emulator.values import UNKNOWN, Secret

DROPLET = {"name": "a", "image": "debian-13-x64", "size": "s-1vcpu-1gb", "region": "ams3"}
FIREWALL = {"name": "f", "inboundRules": [{"protocol": "tcp", "portRange": "22", "sourceAddresses": ["10.0.0.0/8"]}]}
ALERT = {
    "type": "v1/insights/droplet/cpu",
    "compare": "GreaterThan",
    "value": 90.0,
    "window": "10m",
    "description": "busy",
    "alerts": {"emails": ["ops@example.com"]},
}
# The aws types have tests of their own; some share a last word with others ("Vpc").
TOKENS = {token.rsplit(":", 1)[1]: token for token in HANDLERS if not token.startswith("aws:")}


def failures(kind: str, inputs: dict[str, Any]) -> dict[str, str]:
    """Return what table and handler say, as the provider does."""
    token = TOKENS[kind]
    table = rules.load(token.split(":")[0])[token]
    found = [*rules.check(table, inputs), *rules.check_exclusive(table, inputs)]
    if not found:
        found = HANDLERS[token].check(inputs)
    return {failure.property: failure.reason for failure in found}


def test_good_inputs_have_no_failures() -> None:
    assert failures("Droplet", DROPLET) == {}
    assert failures("Firewall", FIREWALL) == {}
    assert failures("MonitorAlert", ALERT) == {}
    assert failures("Vpc", {"name": "v", "region": "ams3", "ipRange": "10.20.0.0/24"}) == {}
    assert failures("RandomPassword", {"length": 20}) == {}


@pytest.mark.parametrize(
    ("kind", "inputs", "where", "words"),
    [
        ("Droplet", DROPLET | {"usrData": "x"}, "usrData", ["unknown", "userData"]),
        ("Droplet", {"name": "a", "size": "s-1vcpu-1gb"}, "image", ["missing"]),
        ("Droplet", DROPLET | {"monitoring": "perhaps"}, "monitoring", ["'perhaps'", "boolean"]),
        ("Droplet", DROPLET | {"tags": "web"}, "tags", ["list"]),
        ("Droplet", DROPLET | {"image": "ubuntu-24-04-x64"}, "image", ["ubuntu-24-04-x64", "debian-13-x64", "debian-12-x64"]),
        ("Droplet", DROPLET | {"size": "small"}, "size", ["'small'"]),
        ("Droplet", DROPLET | {"size": "s-1vcpu-7gb"}, "size", ["s-1vcpu-7gb"]),
        ("Droplet", DROPLET | {"region": "mars1"}, "region", ["mars1", "ams3"]),
        ("Droplet", DROPLET | {"userData": "x" * 65_537}, "userData", ["65537", "65536"]),
        ("Droplet", DROPLET | {"name": "not a name"}, "name", ["not a name"]),
        ("Droplet", DROPLET | {"tags": ["a b"]}, "tags[0]", ["a b"]),
        ("Droplet", DROPLET | {"backupPolicy": {"plan": "hourly"}, "backups": True}, "backupPolicy.plan", ["hourly", "daily"]),
        ("Droplet", DROPLET | {"backupPolicy": {"plan": "daily"}}, "backupPolicy", ["backups"]),
        ("Droplet", DROPLET | {"volumeIds": ["1"]}, "volumeIds", ["not emulated"]),
        ("Firewall", FIREWALL | {"dropletIds": list(range(11))}, "dropletIds", ["11", "10"]),
        ("Firewall", FIREWALL | {"tags": list("abcdef")}, "tags", ["6", "5"]),
        ("Firewall", {"name": "f", "inboundRules": FIREWALL["inboundRules"] * 51}, "inboundRules", ["51", "50"]),  # type: ignore[operator]
        ("Firewall", {"name": "f"}, "inboundRules", ["at least one"]),
        (
            "Firewall",
            {"name": "f", "inboundRules": [{"protocol": "gre", "portRange": "1"}]},
            "inboundRules[0].protocol",
            ["gre", "tcp"],
        ),
        ("Firewall", {"name": "f", "inboundRules": [{"portRange": "1"}]}, "inboundRules[0].protocol", ["missing"]),
        ("Firewall", {"name": "f", "inboundRules": [{"protocol": "tcp"}]}, "inboundRules[0].portRange", ["required"]),
        (
            "Firewall",
            {"name": "f", "inboundRules": [{"protocol": "tcp", "portRange": "99999"}]},
            "inboundRules[0].portRange",
            ["99999"],
        ),
        (
            "Firewall",
            {"name": "f", "inboundRules": [{"protocol": "tcp", "portRange": "20-10"}]},
            "inboundRules[0].portRange",
            ["20-10"],
        ),
        (
            "Firewall",
            {"name": "f", "outboundRules": [{"protocol": "tcp", "portRange": "1", "destinationAddresses": ["10.0.0.300"]}]},
            "outboundRules[0].destinationAddresses[0]",
            ["10.0.0.300", "CIDR"],
        ),
        (
            "Firewall",
            {"name": "f", "inboundRules": [{"protocol": "tcp", "portRange": "1", "sourceAdresses": []}]},
            "inboundRules[0].sourceAdresses",
            ["sourceAddresses"],
        ),
        ("Vpc", {"name": "v", "region": "ams3", "ipRange": "8.8.8.0/24"}, "ipRange", ["8.8.8.0/24", "RFC 1918"]),
        ("Vpc", {"name": "v", "region": "ams3", "ipRange": "10.0.0.0/8"}, "ipRange", ["/8", "/16"]),
        ("Vpc", {"name": "v", "region": "ams3", "ipRange": "10.0.0.0/25"}, "ipRange", ["/25", "/24"]),
        ("Vpc", {"name": "v", "region": "ams3", "ipRange": "10.0.0.1/24"}, "ipRange", ["10.0.0.1/24"]),
        ("Vpc", {"name": "v", "region": "ams3", "ipRange": "10.244.0.0/24"}, "ipRange", ["10.244.0.0/16"]),
        ("Vpc", {"name": "v"}, "region", ["missing"]),
        ("SshKey", {"name": "k", "publicKey": "hello"}, "publicKey", ["OpenSSH"]),
        ("MonitorAlert", ALERT | {"type": "v1/insights/droplet/heat"}, "type", ["heat", "v1/insights/droplet/cpu"]),
        ("MonitorAlert", ALERT | {"compare": "Above"}, "compare", ["Above", "GreaterThan"]),
        ("MonitorAlert", ALERT | {"window": "1m"}, "window", ["1m", "5m"]),
        ("MonitorAlert", ALERT | {"value": -1.0}, "value", ["-1", "0"]),
        ("MonitorAlert", ALERT | {"tags": ["a b"]}, "tags[0]", ["a b"]),
        ("Project", {"name": "p", "environment": "moon"}, "environment", ["moon", "production"]),
        ("ProjectResources", {"project": "p", "resources": ["do:vpc:1"]}, "resources[0]", ["do:vpc:1", "droplet"]),
        ("Tag", {"name": "a b"}, "name", ["a b"]),
        ("RandomPassword", {"length": 0}, "length", ["0", "1"]),
        ("RandomPassword", {"length": 3, "minUpper": 2, "minLower": 2}, "length", ["3", "4"]),
        ("RandomPassword", {"length": 3, "minUpper": -1}, "minUpper", ["-1", "0"]),
        (
            "RandomPassword",
            {"length": 3, "upper": False, "lower": False, "numeric": False, "special": False},
            "length",
            ["no character"],
        ),
        ("RandomPassword", {"length": 3, "number": True, "numeric": False}, "number", ["contradicts"]),
        ("RandomInteger", {"min": 5, "max": 4}, "max", ["4", "5"]),
        ("RandomId", {"byteLength": 0}, "byteLength", ["0"]),
        ("RandomPet", {"length": 0}, "length", ["0"]),
        ("PrivateKey", {"algorithm": "DSA"}, "algorithm", ["DSA", "ED25519"]),
        ("PrivateKey", {"algorithm": "RSA", "rsaBits": 512}, "rsaBits", ["512", "1024"]),
        ("PrivateKey", {"algorithm": "ECDSA", "ecdsaCurve": "P1"}, "ecdsaCurve", ["P1", "P256"]),
        ("SelfSignedCert", {"allowedUses": ["fly"], "validityPeriodHours": 1, "privateKeyPem": "x"}, "allowedUses[0]", ["fly"]),
        ("SelfSignedCert", {"allowedUses": [], "validityPeriodHours": 1}, "privateKeyPem", ["exactly one"]),
        ("CertRequest", {"privateKeyPem": "x", "ipAddresses": ["10.0.0.300"]}, "ipAddresses[0]", ["10.0.0.300"]),
    ],
)
def test_bad_inputs_are_refused_by_property(kind: str, inputs: dict[str, Any], where: str, words: list[str]) -> None:
    found = failures(kind, inputs)
    assert list(found) == [where], found
    for word in words:
        assert word in f"{where} {found[where]}"


def test_one_failure_a_property() -> None:
    found = failures("Droplet", {"name": "not a name", "image": 5, "region": "mars1", "nonsense": 1})
    assert set(found) == {"name", "size", "region", "nonsense"}


def test_a_secret_is_never_shown() -> None:
    found = failures("Droplet", DROPLET | {"name": Secret("top secret")})
    assert "top secret" not in str(found)
    assert "[secret]" in found["name"]


def test_what_is_not_known_yet_is_not_judged() -> None:
    unknown = dict.fromkeys((*DROPLET, "userData", "tags", "vpcUuid", "sshKeys", "volumeIds", "backupPolicy"), UNKNOWN)
    assert failures("Droplet", unknown) == {}
    assert failures("Droplet", DROPLET | {"tags": [UNKNOWN, "web"]}) == {}
    assert failures("Firewall", {"name": UNKNOWN, "inboundRules": [{"protocol": UNKNOWN, "sourceAddresses": [UNKNOWN]}]}) == {}
    assert failures("Firewall", {"name": "f", "inboundRules": UNKNOWN}) == {}


def changed(kind: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, bool]:
    token = TOKENS[kind]
    found = rules.changes(rules.load(token.split(":")[0])[token], olds, news)
    return {change.property: change.replaces for change in found}


@pytest.mark.parametrize(
    ("kind", "olds", "news", "expected"),
    [
        ("Droplet", DROPLET, DROPLET, {}),
        ("Droplet", DROPLET, DROPLET | {"size": "s-2vcpu-4gb"}, {"size": False}),
        ("Droplet", DROPLET, DROPLET | {"size": "S-1VCPU-1GB", "region": "AMS3"}, {}),
        ("Droplet", DROPLET, DROPLET | {"userData": "x"}, {"userData": True}),
        ("Droplet", DROPLET | {"ipv6": False}, DROPLET | {"ipv6": True}, {"ipv6": False}),
        ("Droplet", DROPLET | {"ipv6": True}, DROPLET | {"ipv6": False}, {"ipv6": True}),
        ("Droplet", DROPLET | {"tags": ["a", "b"]}, DROPLET | {"tags": ["b", "a"]}, {}),
        ("Droplet", DROPLET | {"tags": ["a"]}, DROPLET | {"tags": ["b"]}, {"tags": False}),
        ("Droplet", DROPLET, DROPLET | {"vpcUuid": UNKNOWN}, {"vpcUuid": True}),
        ("Droplet", DROPLET | {"tags": ["a"]}, DROPLET | {"tags": ["a", UNKNOWN]}, {"tags": False}),
        ("Droplet", DROPLET | {"userData": "x"}, DROPLET | {"userData": Secret("x")}, {}),
        ("Vpc", {"name": "a", "region": "ams3"}, {"name": "b", "region": "ams3"}, {"name": False}),
        ("Vpc", {"ipRange": "10.1.0.0/24"}, {"ipRange": "10.2.0.0/24"}, {"ipRange": True}),
        ("Firewall", FIREWALL, FIREWALL | {"dropletIds": [1]}, {"dropletIds": False}),
        ("RandomPassword", {"length": 4, "keepers": {"a": "1"}}, {"length": 4, "keepers": {"a": "2"}}, {"keepers": True}),
        ("Project", {"environment": "Staging"}, {"environment": "staging"}, {}),
        ("SshKey", {"publicKey": "ssh-rsa AA "}, {"publicKey": "ssh-rsa AA"}, {}),
        ("PrivateKey", {"algorithm": "RSA"}, {"algorithm": "ECDSA"}, {"algorithm": True}),
        ("LocallySignedCert", {"earlyRenewalHours": 1}, {"earlyRenewalHours": 2}, {"earlyRenewalHours": False}),
    ],
)
def test_what_changes_and_what_replaces(
    kind: str, olds: dict[str, Any], news: dict[str, Any], expected: dict[str, bool]
) -> None:
    assert changed(kind, olds, news) == expected


def test_defaults_are_filled_in_and_named() -> None:
    kind = rules.load("random")[TOKENS["RandomPassword"]]
    filled = rules.with_defaults(kind, {"length": 9, "upper": False})
    assert (filled["upper"], filled["lower"], filled["minSpecial"]) == (False, True, 0)
    assert "upper" not in filled[rules.DEFAULTS_KEY]
    assert "lower" in filled[rules.DEFAULTS_KEY]
