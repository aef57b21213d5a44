"""random and tls: what is made keeps every rule, and is what it says it is."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import ipaddress
import string
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_emulator import rules
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers import HANDLERS, Cloud, Made
from pulumi_emulator.handlers.random_values import SPECIAL_CHARACTERS, bcrypt_hash, random_text
from tests.support.stand_in_host import stand_in_cloud

# The aws types have tests of their own; some share a last word with others ("Vpc").
TOKENS = {token.rsplit(":", 1)[1]: token for token in HANDLERS if not token.startswith("aws:")}


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return stand_in_cloud(tmp_path)[0]


def make(cloud: Cloud, kind: str, **inputs: Any) -> Made:
    token = TOKENS[kind]
    filled = rules.with_defaults(rules.load(token.split(":")[0])[token], inputs)
    return HANDLERS[token].create(cloud, {name: value for name, value in filled.items() if not name.startswith("__")})


@settings(max_examples=60, deadline=None)
@given(
    minima=st.tuples(*[st.integers(0, 5)] * 4),
    extra=st.integers(1, 20),
    allowed=st.tuples(*[st.booleans()] * 4).filter(any),
)
def test_random_text_keeps_every_rule(minima: tuple[int, ...], extra: int, allowed: tuple[bool, ...]) -> None:
    classes = dict(zip(("Upper", "Lower", "Numeric", "Special"), zip(minima, allowed, strict=True), strict=True))
    inputs: dict[str, Any] = {"length": sum(minima) + extra}
    for name, (least, on) in classes.items():
        inputs |= {f"min{name}": least, name.lower(): on}
    text = random_text(inputs)
    assert len(text) == inputs["length"]
    alphabets = {
        "Upper": string.ascii_uppercase,
        "Lower": string.ascii_lowercase,
        "Numeric": string.digits,
        "Special": SPECIAL_CHARACTERS,
    }
    for name, (least, on) in classes.items():
        count = sum(character in alphabets[name] for character in text)
        assert count >= least
        if not on:
            assert count == least


def test_override_special_replaces_the_special_characters() -> None:
    text = random_text({"length": 50, "upper": False, "lower": False, "numeric": False, "overrideSpecial": "_~"})
    assert set(text) <= {"_", "~"}


def test_passwords_are_drawn_from_the_systems_source(cloud: Cloud) -> None:
    made = [make(cloud, "RandomPassword", length=24).computed["result"] for _ in range(3)]
    assert len(set(made)) == 3


def test_a_bcrypt_hash_verifies_its_password(cloud: Cloud) -> None:
    made = make(cloud, "RandomPassword", length=80)
    digest, text = made.computed["bcryptHash"], made.computed["result"]
    assert digest.startswith("$2b$10$")
    library = ctypes.CDLL(ctypes.util.find_library("crypt"))
    library.crypt.restype = ctypes.c_char_p
    assert library.crypt(text[:72].encode(), digest.encode()).decode() == digest
    assert bcrypt_hash("a") != bcrypt_hash("a")


def test_random_id_spells_the_same_bytes_in_every_way(cloud: Cloud) -> None:
    made = make(cloud, "RandomId", byteLength=8, prefix="p-")
    raw = bytes.fromhex(made.computed["hex"].removeprefix("p-"))
    assert base64.b64decode(made.computed["b64Std"].removeprefix("p-")) == raw
    assert base64.urlsafe_b64decode(made.id + "=") == raw
    assert int(made.computed["dec"].removeprefix("p-")) == int.from_bytes(raw, "big")


def test_random_integer_stays_in_its_range_and_follows_its_seed(cloud: Cloud) -> None:
    drawn = {make(cloud, "RandomInteger", min=1, max=3).computed["result"] for _ in range(60)}
    assert drawn == {1, 2, 3}
    assert make(cloud, "RandomInteger", min=0, max=10**9, seed="s") == make(cloud, "RandomInteger", min=0, max=10**9, seed="s")


def test_random_pet(cloud: Cloud) -> None:
    assert make(cloud, "RandomPet").id.count("-") == 1
    assert make(cloud, "RandomPet", length=4, separator="_", prefix="x").id.startswith("x_")
    assert make(cloud, "RandomPet", length=4, separator="_", prefix="x").id.count("_") == 4


@pytest.mark.parametrize(
    "inputs",
    [
        {"algorithm": "RSA", "rsaBits": 2048},
        {"algorithm": "ECDSA", "ecdsaCurve": "P224"},
        {"algorithm": "ECDSA", "ecdsaCurve": "P256"},
        {"algorithm": "ED25519"},
    ],
)
def test_a_private_key_is_one_key_in_every_spelling(cloud: Cloud, inputs: dict[str, Any]) -> None:
    made = make(cloud, "PrivateKey", **inputs).computed
    public = made["publicKeyPem"]
    for name in ("privateKeyPem", "privateKeyPemPkcs8"):
        key = serialization.load_pem_private_key(made[name].encode(), None)
        spelled = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert spelled.decode() == public
    if inputs.get("ecdsaCurve") == "P224":
        assert made["privateKeyOpenssh"] == made["publicKeyOpenssh"] == ""
    else:
        openssh = serialization.load_ssh_private_key(made["privateKeyOpenssh"].encode(), None).public_key()
        line = openssh.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
        assert made["publicKeyOpenssh"].strip() == line
        assert made["publicKeyFingerprintSha256"].startswith("SHA256:")


def test_an_authority_signs_a_request_and_the_chain_verifies(cloud: Cloud) -> None:
    authority_key = make(cloud, "PrivateKey", algorithm="ECDSA", ecdsaCurve="P256").computed["privateKeyPem"]
    key = make(cloud, "PrivateKey", algorithm="RSA").computed["privateKeyPem"]
    authority = make(
        cloud,
        "SelfSignedCert",
        privateKeyPem=authority_key,
        allowedUses=["cert_signing", "crl_signing"],
        validityPeriodHours=48,
        isCaCertificate=True,
        maxPathLength=0,
        subject={"commonName": "root", "organization": "o"},
    )
    request = make(
        cloud,
        "CertRequest",
        privateKeyPem=key,
        subject={"commonName": "leaf"},
        dnsNames=["a.example"],
        ipAddresses=["10.0.0.1"],
    )
    signed = make(
        cloud,
        "LocallySignedCert",
        caPrivateKeyPem=authority_key,
        caCertPem=authority.computed["certPem"],
        certRequestPem=request.computed["certRequestPem"],
        allowedUses=["digital_signature", "server_auth"],
        validityPeriodHours=12,
    )
    root = x509.load_pem_x509_certificate(authority.computed["certPem"].encode())
    leaf = x509.load_pem_x509_certificate(signed.computed["certPem"].encode())
    leaf.verify_directly_issued_by(root)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.0.0.1")]
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=0)
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() == 12 * 3600
    assert (authority.computed["keyAlgorithm"], request.computed["keyAlgorithm"]) == ("ECDSA", "RSA")
    assert signed.computed["caKeyAlgorithm"] == "ECDSA"
    with pytest.raises(EmulatorError, match="not the key of ca_cert_pem"):
        make(
            cloud,
            "LocallySignedCert",
            caPrivateKeyPem=key,
            caCertPem=authority.computed["certPem"],
            certRequestPem=request.computed["certRequestPem"],
            allowedUses=[],
            validityPeriodHours=1,
        )


def test_a_bad_key_is_refused_without_being_shown(cloud: Cloud) -> None:
    with pytest.raises(EmulatorError) as caught:
        make(cloud, "CertRequest", privateKeyPem="-----BEGIN NONSENSE-----")
    assert "NONSENSE" not in str(caught.value)


def test_a_certificate_that_is_due_is_made_again(cloud: Cloud) -> None:
    key = make(cloud, "PrivateKey", algorithm="ED25519").computed["privateKeyPem"]
    made = make(cloud, "SelfSignedCert", privateKeyPem=key, allowedUses=[], validityPeriodHours=10)
    handler = HANDLERS[TOKENS["SelfSignedCert"]]
    assert handler.must_replace(made.computed | {"earlyRenewalHours": 9}) is None
    assert handler.must_replace(made.computed | {"earlyRenewalHours": 11}) == "readyForRenewal"
    seen = handler.read(cloud, made.id, made.computed | {"earlyRenewalHours": 11})
    assert seen is not None
    assert seen.outputs == {"readyForRenewal": True}
