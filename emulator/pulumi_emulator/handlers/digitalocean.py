"""DigitalOcean's account-wide things: VPCs, tags, SSH keys, projects. Droplets and firewalls have modules of their own."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import override

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.base import Cloud, Handler, KnownById, Made, Properties, Seen
from pulumi_emulator.handlers.packet_filter import enforce
from pulumi_emulator.handlers.tokens import DROPLET, MONITOR_ALERT, PROJECT, PROJECT_RESOURCES, SSH_KEY, TAG, VPC
from pulumi_emulator.rules import Failure
from pulumi_emulator.values import UNKNOWN, has_unknown

# "must be in range of private addresses as defined in RFC1918. It may not be larger than /16 or smaller than /24":
# the description of ipRange in pulumi_digitalocean 4.84.1 (older versions of the API allowed /28).
VPC_RANGES: Final = tuple(ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
VPC_PREFIX_LENGTHS: Final = range(16, 25)
# docs.digitalocean.com/products/networking/vpc/details/limits: these belong to DigitalOcean itself.
VPC_RESERVED: Final = tuple(
    ipaddress.IPv4Network(text) for text in ("10.244.0.0/16", "10.245.0.0/16", "10.246.0.0/24", "10.229.0.0/16")
)
# Ranges for VPCs whose program names none, the default VPCs among them: as many as a stack may need.
AUTOMATIC_RANGES: Final = tuple(ipaddress.IPv4Network(f"10.{100 + index}.0.0/20") for index in range(100))
# DigitalOcean API reference, "Assign Resources to a Project": what can belong to a project, by the first word of its urn.
PROJECT_KINDS: Final = (
    "app",
    "database",
    "dbaas",
    "domain",
    "droplet",
    "floatingip",
    "kubernetes",
    "loadbalancer",
    "reservedip",
    "space",
    "volume",
)


def now() -> str:
    """Return the time as the API writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def vpc_range(text: str) -> ipaddress.IPv4Network:
    """Return the range of a VPC; ValueError says what is wrong with it."""
    try:
        network = ipaddress.IPv4Network(text, strict=True)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an IPv4 range in CIDR notation ({error})") from error
    if not any(network.subnet_of(private) for private in VPC_RANGES):
        raise ValueError(f"{text!r} is not a private range (RFC 1918: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16)")
    if network.prefixlen not in VPC_PREFIX_LENGTHS:
        raise ValueError(f"{text!r} is a /{network.prefixlen}: a VPC is at most a /16 and at least a /24")
    for reserved in VPC_RESERVED:
        if network.overlaps(reserved):
            raise ValueError(f"{text!r} overlaps {reserved}, which DigitalOcean keeps for itself")
    return network


def overlapping(network: ipaddress.IPv4Network, vpcs: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Say which existing VPC a range overlaps, None when it is free."""
    for vpc in vpcs.values():
        if network.overlaps(ipaddress.IPv4Network(vpc["ipRange"])):
            return f"ip_range {network} overlaps {vpc['ipRange']} of VPC {vpc['name']!r}"
    return None


def free_range(vpcs: Mapping[str, Mapping[str, Any]]) -> ipaddress.IPv4Network:
    """Return a range that no VPC of the stack uses."""
    for network in AUTOMATIC_RANGES:
        if overlapping(network, vpcs) is None:
            return network
    raise EmulatorError(f"no free range for another VPC: {len(vpcs)} exist; give ip_range")


def make_vpc(cloud: Cloud, inputs: Properties, *, default: bool = False) -> tuple[str, dict[str, Any]]:
    """Record a VPC and make its network; return its id and record."""
    resource_id = cloud.world.new_uuid()
    record = {
        "name": inputs["name"],
        "region": inputs["region"],
        "ipRange": inputs.get("ipRange"),
        "description": inputs.get("description", ""),
        "default": default,
        "createdAt": now(),
        "vpcUrn": f"do:vpc:{resource_id}",
    }

    def conflict(vpcs: dict[str, dict[str, Any]]) -> str | None:
        if record["ipRange"] is None:
            record["ipRange"] = str(free_range(vpcs))
        if any(vpc["name"] == record["name"] for vpc in vpcs.values()):
            return f"a VPC named {record['name']!r} exists already; names are unique in an account"
        return overlapping(vpc_range(record["ipRange"]), vpcs)

    host = cloud.ready_host()
    # put_unless stores a copy of the record as it is after the check has filled in the range.
    reason = cloud.world.put_unless(VPC, resource_id, record, conflict)
    if reason:
        raise EmulatorError(reason)
    try:
        host.create_vpc(resource_id, record["name"], record["ipRange"])
    except EmulatorError:
        cloud.world.delete(VPC, resource_id)
        raise
    enforce(cloud)
    return resource_id, record


class Vpc(KnownById):
    """A private network."""

    token = VPC

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        text = inputs.get("ipRange")
        if text is None or text is UNKNOWN:
            return []
        try:
            vpc_range(str(text))
        except ValueError as error:
            return [Failure("ipRange", str(error))]
        return []

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        resource_id, record = make_vpc(cloud, inputs)
        return Made(resource_id, record)

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        record = cloud.world.get(VPC, resource_id)
        if record is None:
            return None
        inputs = {name: record[name] for name in ("name", "region", "ipRange", "description") if record[name]}
        return Seen(record, inputs)

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        del state
        record = cloud.world.get(VPC, resource_id)
        if record is None:
            raise EmulatorError(f"VPC {resource_id} does not exist any more; run `refresh`")
        record |= {"name": inputs["name"], "description": inputs.get("description", "")}
        cloud.world.put(VPC, resource_id, record)
        return record

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        del state
        if cloud.world.get(VPC, resource_id) is None:
            return
        members = [droplet["name"] for droplet in cloud.world.all(DROPLET).values() if droplet["vpcUuid"] == resource_id]
        if members:
            raise EmulatorError(f"VPC {resource_id} cannot be deleted: droplets {', '.join(sorted(members))} are in it")
        cloud.host.delete_vpc(resource_id)
        cloud.world.delete(VPC, resource_id)


class Tag(KnownById):
    """A tag; droplets may also bring tags into being by carrying them."""

    token = TAG

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        name = str(inputs["name"])
        cloud.world.put(TAG, name, {"name": name})
        return Made(name, self._counts(cloud, name))

    @staticmethod
    def _counts(cloud: Cloud, name: str) -> dict[str, Any]:
        droplets = sum(name in droplet["tags"] for droplet in cloud.world.all(DROPLET).values())
        others = ("databasesCount", "imagesCount", "volumeSnapshotsCount", "volumesCount")
        return {"dropletsCount": droplets, "totalResourceCount": droplets, **dict.fromkeys(others, 0)}

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        record = cloud.world.get(TAG, resource_id)
        return None if record is None else Seen(record | self._counts(cloud, resource_id), {"name": record["name"]})

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        del state
        for droplet_id, droplet in cloud.world.all(DROPLET).items():
            if resource_id in droplet["tags"]:
                droplet["tags"].remove(resource_id)
                cloud.world.put(DROPLET, droplet_id, droplet)
                cloud.host.update_machine(droplet_id, tags=droplet["tags"])
        cloud.world.delete(TAG, resource_id)


def fingerprint(public_key: str) -> str:
    """Return the MD5 fingerprint of an OpenSSH public key; ValueError when it is none."""
    words = public_key.split()
    if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", "sk-")):
        raise ValueError("is not an OpenSSH public key (`ssh-ed25519 AAAA... comment`)")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not an OpenSSH public key: its second word is not base64") from error
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[index : index + 2] for index in range(0, len(digest), 2))


class SshKey(Handler):
    """A public key that droplets may carry."""

    token = SSH_KEY

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        public_key = inputs.get("publicKey")
        if public_key is None or public_key is UNKNOWN:
            return []
        try:
            fingerprint(str(public_key))
        except ValueError as error:
            return [Failure("publicKey", str(error))]
        return []

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        public_key = str(inputs["publicKey"])
        record = {"name": inputs["name"], "publicKey": public_key, "fingerprint": fingerprint(public_key)}

        def conflict(keys: dict[str, dict[str, Any]]) -> str | None:
            same = [key["name"] for key in keys.values() if key["fingerprint"] == record["fingerprint"]]
            return f"this SSH key is already in use on the account, as {same[0]!r}" if same else None

        resource_id = cloud.world.new_number()
        reason = cloud.world.put_unless(SSH_KEY, resource_id, record, conflict)
        if reason:
            raise EmulatorError(reason)
        return Made(resource_id, {"fingerprint": record["fingerprint"]})

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Properties) -> Seen | None:
        record = cloud.world.get(SSH_KEY, resource_id)
        if record is None:
            return None
        # The API trims the text; as long as it is the same key the program's spelling stays.
        if str(state.get("publicKey", "")).strip() == str(record["publicKey"]).strip():
            return Seen({"name": record["name"], "fingerprint": record["fingerprint"]}, {"name": record["name"]})
        return Seen(record, {"name": record["name"], "publicKey": record["publicKey"]})

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        return self.read(cloud, resource_id, {})

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        del state
        record = cloud.world.get(SSH_KEY, resource_id)
        if record is None:
            raise EmulatorError(f"SSH key {resource_id} does not exist any more; run `refresh`")
        cloud.world.put(SSH_KEY, resource_id, record | {"name": inputs["name"]})
        return {}

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        del state
        cloud.world.delete(SSH_KEY, resource_id)


def _urn_failures(urns: Any) -> list[Failure]:
    for index, urn in enumerate(urns if isinstance(urns, list) else []):
        if has_unknown(urn):
            continue
        words = str(urn).split(":", 2)
        if len(words) != 3 or words[0] != "do" or words[1] not in PROJECT_KINDS:
            kinds = ", ".join(PROJECT_KINDS)
            return [
                Failure(
                    f"resources[{index}]", f"{urn!r} cannot belong to a project: give a urn do:KIND:ID, KIND one of {kinds}"
                )
            ]
    return []


def _missing_urn(cloud: Cloud, urns: list[str]) -> str | None:
    for urn in urns:
        _, kind, resource_id = urn.split(":", 2)
        if kind == "droplet" and cloud.world.get(DROPLET, resource_id) is None:
            return f"{urn} does not exist"
    return None


class Project(KnownById):
    """A project: recorded only, nothing else depends on it."""

    emulated_by = "rules"
    token = PROJECT

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        return _urn_failures(inputs.get("resources"))

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        urns = list(inputs.get("resources") or [])
        missing = _missing_urn(cloud, urns)
        if missing:
            raise EmulatorError(missing)
        resource_id = cloud.world.new_uuid()
        made = now()
        record = {
            "name": inputs["name"],
            "description": inputs.get("description", ""),
            "purpose": inputs.get("purpose", ""),
            "environment": inputs.get("environment", ""),
            "isDefault": inputs.get("isDefault", False),
            "resources": urns,
            "ownerId": 1,
            "ownerUuid": "00000000-0000-4000-8000-000000000001",
            "createdAt": made,
            "updatedAt": made,
        }
        cloud.world.put(PROJECT, resource_id, record)
        return Made(resource_id, record)

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        record = cloud.world.get(PROJECT, resource_id)
        if record is None:
            return None
        names = ("name", "description", "purpose", "environment", "isDefault")
        return Seen(record, {name: record[name] for name in names if record[name] not in ("", None)})

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        record = cloud.world.get(PROJECT, resource_id)
        if record is None:
            raise EmulatorError(f"project {resource_id} does not exist any more; run `refresh`")
        for name in ("name", "description", "purpose", "environment", "isDefault"):
            record[name] = inputs.get(name, "")
        if inputs.get("resources") is not None:
            before = set(state.get("resources") or [])
            record["resources"] = [urn for urn in record["resources"] if urn not in before - set(inputs["resources"])]
            record["resources"] += [urn for urn in inputs["resources"] if urn not in record["resources"]]
        record["updatedAt"] = now()
        cloud.world.put(PROJECT, resource_id, record)
        return record

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        del state
        cloud.world.delete(PROJECT, resource_id)


class ProjectResources(Handler):
    """Which resources belong to a project. Its id is the project's."""

    emulated_by = "rules"
    token = PROJECT_RESOURCES

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        return _urn_failures(inputs.get("resources"))

    def _assign(self, cloud: Cloud, project_id: str, before: list[str], urns: list[str]) -> None:
        record = cloud.world.get(PROJECT, project_id)
        if record is None:
            raise EmulatorError(
                f"project {project_id!r} does not exist; known: {', '.join(cloud.world.all(PROJECT)) or 'none'}"
            )
        missing = _missing_urn(cloud, urns)
        if missing:
            raise EmulatorError(missing)
        removed = set(before) - set(urns)
        kept = [urn for urn in record["resources"] if urn not in removed]
        cloud.world.put(PROJECT, project_id, record | {"resources": kept + [urn for urn in urns if urn not in kept]})

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        project_id = str(inputs["project"])
        self._assign(cloud, project_id, [], list(inputs["resources"]))
        return Made(project_id, {})

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Properties) -> Seen | None:
        record = cloud.world.get(PROJECT, resource_id)
        if record is None:
            return None
        kept = [urn for urn in state.get("resources") or record["resources"] if urn in record["resources"]]
        return Seen({"project": resource_id, "resources": kept}, {"project": resource_id, "resources": kept})

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        return self.read(cloud, resource_id, {})

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        self._assign(cloud, resource_id, list(state.get("resources") or []), list(inputs["resources"]))
        return {}

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        if cloud.world.get(PROJECT, resource_id) is not None:
            self._assign(cloud, resource_id, list(state.get("resources") or []), [])


class MonitorAlert(KnownById):
    """An alert of DigitalOcean's monitoring: recorded only, nothing measures a machine here."""

    emulated_by = "rules"
    token = MONITOR_ALERT

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        resource_id = cloud.world.new_uuid()
        record = dict(inputs) | {"uuid": resource_id}
        cloud.world.put(MONITOR_ALERT, resource_id, record)
        return Made(resource_id, record)

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        record = cloud.world.get(MONITOR_ALERT, resource_id)
        if record is None:
            return None
        return Seen(record, {name: value for name, value in record.items() if name != "uuid"})

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        del state
        if cloud.world.get(MONITOR_ALERT, resource_id) is None:
            raise EmulatorError(f"monitor alert {resource_id} does not exist any more; run `refresh`")
        record = dict(inputs) | {"uuid": resource_id}
        cloud.world.put(MONITOR_ALERT, resource_id, record)
        return record

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        del state
        cloud.world.delete(MONITOR_ALERT, resource_id)
