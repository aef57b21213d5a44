"""A certificate authority for one test: ca.crt, and node.crt with node.key for a list of addresses and host names."""

import datetime as dt
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ONE_DAY = dt.timedelta(days=1)


def issue(directory: Path, addresses: Iterable[str]) -> Path:
    """Write the three files and return the folder."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    authority, node = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])

    def builder(name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - ONE_DAY)
            .not_valid_after(now + ONE_DAY)
        )

    root = builder(issuer, authority.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    named = x509.SubjectAlternativeName([_name(address) for address in addresses])
    leaf = builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test node")]), node.public_key()).add_extension(
        named, critical=False
    )
    for name, made in (("ca.crt", root), ("node.crt", leaf)):
        (directory / name).write_bytes(made.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key = directory / "node.key"
    key.touch(mode=0o600)
    key.write_bytes(
        node.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return directory


def _name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)
