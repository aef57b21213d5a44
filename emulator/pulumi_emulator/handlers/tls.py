"""pulumi-tls: keys and certificates, made with `cryptography` and kept only in the state."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import ipaddress
import uuid
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from typing_extensions import override

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.base import Cloud, Handler, Made, Properties, Seen
from pulumi_emulator.rules import Failure
from pulumi_emulator.values import has_unknown

PrivateKeyType = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
# RFC 5280 sections 4.2.1.3 and 4.2.1.12 by the names of hashicorp/terraform-provider-tls internal/provider/common_cert.go
KEY_USAGES: Final = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
    "encipher_only": "encipher_only",
    "decipher_only": "decipher_only",
}
EXTENDED_KEY_USAGES: Final = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec_end_system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec_tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec_user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft_server_gated_crypto": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape_server_gated_crypto": ObjectIdentifier("2.16.840.1.113730.4.1"),
    "microsoft_commercial_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.2.1.22"),
    "microsoft_kernel_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.61.1.1"),
}
SUBJECT_NAMES: Final = {
    "commonName": NameOID.COMMON_NAME,
    "country": NameOID.COUNTRY_NAME,
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "locality": NameOID.LOCALITY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "postalCode": NameOID.POSTAL_CODE,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
}


def load_key(pem: str) -> PrivateKeyType:
    """Return the private key of a PEM text; EmulatorError when it is none (the text is never shown)."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        try:
            key = serialization.load_ssh_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise EmulatorError("private_key_pem is not an unencrypted private key in PEM format") from None
    if not isinstance(key, PrivateKeyType):
        raise EmulatorError("private_key_pem is neither an RSA, an ECDSA nor an ED25519 key")
    return key


def algorithm_of(key: PrivateKeyType) -> str:
    """Return the provider's name for a key's algorithm."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def _pem(key: PrivateKeyType, form: serialization.PrivateFormat) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


class PrivateKey(Handler):
    """A private key with its public half in every usual spelling."""

    token = "tls:index/privateKey:PrivateKey"  # noqa: S105 - a type token

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud
        algorithm = inputs["algorithm"]
        key: PrivateKeyType
        if algorithm == "RSA":
            key = rsa.generate_private_key(public_exponent=65537, key_size=int(inputs["rsaBits"]))
        elif algorithm == "ECDSA":
            key = ec.generate_private_key(CURVES[str(inputs["ecdsaCurve"])]())
        else:
            key = ed25519.Ed25519PrivateKey.generate()
        public = key.public_key()
        public_pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        traditional = (
            serialization.PrivateFormat.PKCS8 if algorithm == "ED25519" else serialization.PrivateFormat.TraditionalOpenSSL
        )
        # OpenSSH knows no P224 keys: the provider leaves these outputs empty.
        openssh = not (algorithm == "ECDSA" and inputs["ecdsaCurve"] == "P224")
        public_openssh = blob = b""
        if openssh:
            public_openssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH) + b"\n"
            blob = base64.b64decode(public_openssh.split()[1])
        md5 = hashlib.md5(blob, usedforsecurity=False).hexdigest()
        return Made(
            hashlib.sha1(der, usedforsecurity=False).hexdigest(),
            {
                "privateKeyPem": _pem(key, traditional),
                "privateKeyPemPkcs8": _pem(key, serialization.PrivateFormat.PKCS8),
                "privateKeyOpenssh": _pem(key, serialization.PrivateFormat.OpenSSH) if openssh else "",
                "publicKeyPem": public_pem.decode(),
                "publicKeyOpenssh": public_openssh.decode(),
                "publicKeyFingerprintMd5": ":".join(md5[index : index + 2] for index in range(0, 32, 2)) if blob else "",
                "publicKeyFingerprintSha256": "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode()
                if blob
                else "",
            },
        )


def _subject(values: Properties | None) -> x509.Name:
    values = values or {}
    attributes = [x509.NameAttribute(oid, str(values[name])) for name, oid in SUBJECT_NAMES.items() if values.get(name)]
    attributes += [x509.NameAttribute(NameOID.STREET_ADDRESS, str(street)) for street in values.get("streetAddresses") or []]
    return x509.Name(attributes)


def _alternative_names(inputs: Properties) -> x509.SubjectAlternativeName | None:
    names: list[x509.GeneralName] = [x509.DNSName(str(name)) for name in inputs.get("dnsNames") or []]
    names += [x509.IPAddress(ipaddress.ip_address(str(address))) for address in inputs.get("ipAddresses") or []]
    names += [x509.UniformResourceIdentifier(str(uri)) for uri in inputs.get("uris") or []]
    return x509.SubjectAlternativeName(names) if names else None


def _name_failures(inputs: Properties) -> list[Failure]:
    failures = []
    for index, address in enumerate(inputs.get("ipAddresses") or [] if isinstance(inputs.get("ipAddresses"), list) else []):
        if has_unknown(address):
            continue
        try:
            ipaddress.ip_address(str(address))
        except ValueError:
            failures.append(Failure(f"ipAddresses[{index}]", f"{address!r} is not an IP address"))
    return failures


def _given_key(inputs: Properties, name: str) -> PrivateKeyType:
    return load_key(str(inputs.get(name) or inputs.get(f"{name}Wo") or ""))


def _hash_for(key: PrivateKeyType) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


class CertRequest(Handler):
    """A certificate signing request."""

    token = "tls:index/certRequest:CertRequest"  # noqa: S105 - a type token

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        return _name_failures(inputs)

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud
        key = _given_key(inputs, "privateKeyPem")
        builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(inputs.get("subject")))
        names = _alternative_names(inputs)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        request = builder.sign(key, _hash_for(key))
        pem = request.public_bytes(serialization.Encoding.PEM).decode()
        return Made(str(uuid.uuid4()), {"certRequestPem": pem, "keyAlgorithm": algorithm_of(key)})


def _certificate(builder: x509.CertificateBuilder, inputs: Properties, signer: PrivateKeyType) -> Made:
    """Add what both kinds of certificate share and sign; the id is the serial number."""
    start = dt.datetime.now(dt.UTC).replace(microsecond=0)
    end = start + dt.timedelta(hours=int(inputs["validityPeriodHours"]))
    serial = x509.random_serial_number()
    builder = builder.serial_number(serial).not_valid_before(start).not_valid_after(end)
    is_authority = bool(inputs.get("isCaCertificate"))
    length = inputs.get("maxPathLength") if is_authority else None
    path_length = None if length is None else int(length)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), critical=True)
    uses = [str(use) for use in inputs["allowedUses"]]
    plain = {flag: use in uses for use, flag in KEY_USAGES.items()}
    if any(plain.values()):
        # encipher_only and decipher_only have a meaning only together with key_agreement (RFC 5280).
        plain["encipher_only"] &= plain["key_agreement"]
        plain["decipher_only"] &= plain["key_agreement"]
        builder = builder.add_extension(x509.KeyUsage(**plain), critical=True)
    extended = [EXTENDED_KEY_USAGES[use] for use in uses if use in EXTENDED_KEY_USAGES]
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    certificate = builder.sign(signer, _hash_for(signer))
    return Made(
        str(serial),
        {
            "certPem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
            "readyForRenewal": False,
            "validityStartTime": start.isoformat().replace("+00:00", "Z"),
            "validityEndTime": end.isoformat().replace("+00:00", "Z"),
        },
    )


class _Certificate(Handler):
    """What both kinds of certificate do alike: they come into their renewal period and are then made again."""

    @staticmethod
    def _is_due(state: Properties) -> bool:
        text = state.get("validityEndTime")
        if not text:
            return False
        early = dt.timedelta(hours=int(state.get("earlyRenewalHours") or 0))
        return dt.datetime.now(dt.UTC) >= dt.datetime.fromisoformat(str(text)) - early

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Properties) -> Seen | None:
        del cloud, resource_id
        return Seen({"readyForRenewal": self._is_due(state)}, {})

    @override
    def must_replace(self, state: Properties) -> str | None:
        return "readyForRenewal" if self._is_due(state) else None


class SelfSignedCert(_Certificate):
    """A certificate signed by its own key."""

    token = "tls:index/selfSignedCert:SelfSignedCert"  # noqa: S105 - a type token

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        return _name_failures(inputs)

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud
        key = _given_key(inputs, "privateKeyPem")
        subject = _subject(inputs.get("subject"))
        public = key.public_key()
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(public)
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        # Go's crypto/x509 gives every authority a subject key identifier.
        if inputs.get("setSubjectKeyId") or inputs.get("isCaCertificate"):
            builder = builder.add_extension(identifier, critical=False)
        if inputs.get("setAuthorityKeyId"):
            builder = builder.add_extension(x509.AuthorityKeyIdentifier(identifier.digest, None, None), critical=False)
        names = _alternative_names(inputs)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        made = _certificate(builder, inputs, key)
        return Made(made.id, made.computed | {"keyAlgorithm": algorithm_of(key)})


class LocallySignedCert(_Certificate):
    """A certificate for a request, signed by an authority of the program's own."""

    token = "tls:index/locallySignedCert:LocallySignedCert"  # noqa: S105 - a type token

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud
        key = _given_key(inputs, "caPrivateKeyPem")
        try:
            request = x509.load_pem_x509_csr(str(inputs["certRequestPem"]).encode())
            authority = x509.load_pem_x509_certificate(str(inputs["caCertPem"]).encode())
        except ValueError as error:
            raise EmulatorError(f"cert_request_pem or ca_cert_pem cannot be read: {error}") from error
        if not request.is_signature_valid:
            raise EmulatorError("cert_request_pem: the signature of the request is wrong")
        if authority.public_key() != key.public_key():
            raise EmulatorError("ca_private_key_pem is not the key of ca_cert_pem")
        public = request.public_key()
        builder = x509.CertificateBuilder().subject_name(request.subject).issuer_name(authority.subject)
        builder = builder.public_key(public)
        builder = self._extensions(builder, request, authority, inputs)
        made = _certificate(builder, inputs, key)
        return Made(made.id, made.computed | {"caKeyAlgorithm": algorithm_of(key)})

    @staticmethod
    def _extensions(
        builder: x509.CertificateBuilder,
        request: x509.CertificateSigningRequest,
        authority: x509.Certificate,
        inputs: Properties,
    ) -> x509.CertificateBuilder:
        if inputs.get("setSubjectKeyId") or inputs.get("isCaCertificate"):
            identifier: Any = x509.SubjectKeyIdentifier.from_public_key(request.public_key())
            builder = builder.add_extension(identifier, critical=False)
        try:
            parent = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            builder = builder.add_extension(x509.AuthorityKeyIdentifier(parent.digest, None, None), critical=False)
        except x509.ExtensionNotFound:
            pass
        try:
            names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            builder = builder.add_extension(names, critical=False)
        except x509.ExtensionNotFound:
            pass
        return builder
