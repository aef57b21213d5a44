"""DigitalOcean cloud firewalls: recorded in the world, enforced by the host outside the machines."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, Final

from typing_extensions import override

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.base import Cloud, KnownById, Made, Properties, Seen
from pulumi_emulator.handlers.digitalocean import now
from pulumi_emulator.handlers.packet_filter import DIRECTIONS, enforce, port_range
from pulumi_emulator.handlers.tokens import DROPLET, FIREWALL, TAG
from pulumi_emulator.rules import Failure
from pulumi_emulator.values import UNKNOWN, has_unknown

# docs.digitalocean.com/products/networking/firewalls/details/limits: 50 inbound and outbound rules in all.
MAX_RULES: Final = 50


def _address_failure(text: str) -> str | None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} is not an address or a range in CIDR notation"
    return None


def _numbers(ids: Any) -> list[int]:
    return [int(item) for item in ids or []]


class Firewall(KnownById):
    """A set of allowances for droplets, named by id or tag; everything else is denied."""

    token = FIREWALL

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        failures = []
        rules = [rule for name in DIRECTIONS if isinstance(inputs.get(name), list) for rule in inputs[name]]
        undecided = any(inputs.get(name) is UNKNOWN for name in DIRECTIONS)
        if not rules and not undecided:
            failures.append(Failure("inboundRules", "at least one inbound or outbound rule must be given"))
        if len(rules) > MAX_RULES:
            failures.append(Failure("inboundRules", f"{len(rules)} rules in all: a firewall has at most {MAX_RULES}"))
        for name, (_, prefix) in DIRECTIONS.items():
            listed = inputs.get(name)
            for index, rule in enumerate(listed if isinstance(listed, list) else []):
                if isinstance(rule, dict):
                    failures += self._rule_failures(f"{name}[{index}]", prefix, rule)
        return failures

    @staticmethod
    def _rule_failures(path: str, prefix: str, rule: dict[str, Any]) -> Iterator[Failure]:
        ports, protocol = rule.get("portRange"), rule.get("protocol")
        if protocol in ("tcp", "udp") and not ports:
            yield Failure(f"{path}.portRange", f"is required when the protocol is {protocol}")
        if ports and not has_unknown(ports):
            try:
                port_range(str(ports))
            except ValueError as error:
                yield Failure(f"{path}.portRange", str(error))
        addresses = rule.get(f"{prefix}Addresses")
        for position, address in enumerate(addresses if isinstance(addresses, list) else []):
            reason = None if has_unknown(address) else _address_failure(str(address))
            if reason:
                yield Failure(f"{path}.{prefix}Addresses[{position}]", reason)
        for kind in ("KubernetesIds", "LoadBalancerUids"):
            if rule.get(f"{prefix}{kind}"):
                yield Failure(f"{path}.{prefix}{kind}", "is not emulated")
        if rule.get("action") not in (None, "allow", UNKNOWN):
            yield Failure(f"{path}.action", f"{rule['action']!r} is not emulated: a DigitalOcean firewall's rules allow")

    @staticmethod
    def _record(inputs: Properties) -> dict[str, Any]:
        return {
            "name": inputs["name"],
            "dropletIds": _numbers(inputs.get("dropletIds")),
            "tags": [str(tag) for tag in inputs.get("tags") or []],
            **{
                name: [
                    {key: _numbers(value) if key == f"{prefix}DropletIds" else value for key, value in rule.items()}
                    for rule in inputs.get(name) or []
                ]
                for name, (_, prefix) in DIRECTIONS.items()
            },
        }

    @staticmethod
    def _outputs(record: Properties) -> dict[str, Any]:
        """Return the state as the provider reads it back (resource_firewall.go): ids are numbers, whatever was given."""
        given = {name: record[name] for name in ("dropletIds", *DIRECTIONS) if record[name]}
        return given | {"createdAt": record["createdAt"], "status": "succeeded", "pendingChanges": []}

    @staticmethod
    def _check_references(cloud: Cloud, record: dict[str, Any]) -> None:
        droplets, tags = list(record["dropletIds"]), list(record["tags"])
        for name, (_, prefix) in DIRECTIONS.items():
            for rule in record[name]:
                droplets += rule.get(f"{prefix}DropletIds") or []
                tags += rule.get(f"{prefix}Tags") or []
        for droplet in droplets:
            if cloud.world.get(DROPLET, str(droplet)) is None:
                raise EmulatorError(f"firewall {record['name']!r}: there is no droplet {droplet}")
        for tag in tags:
            if cloud.world.get(TAG, str(tag)) is None:
                known = ", ".join(cloud.world.all(TAG)) or "none"
                raise EmulatorError(f"firewall {record['name']!r}: there is no tag {tag!r}; known: {known}")

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        record = self._record(inputs) | {"createdAt": now()}
        self._check_references(cloud, record)

        def conflict(firewalls: dict[str, dict[str, Any]]) -> str | None:
            taken = any(firewall["name"] == record["name"] for firewall in firewalls.values())
            return f"a firewall named {record['name']!r} exists already; names are unique in an account" if taken else None

        resource_id = cloud.world.new_uuid()
        reason = cloud.world.put_unless(FIREWALL, resource_id, record, conflict)
        if reason:
            raise EmulatorError(reason)
        enforce(cloud)
        return Made(resource_id, self._outputs(record))

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        record = cloud.world.get(FIREWALL, resource_id)
        if record is None:
            return None
        # The cloud drops a droplet from its firewalls when the droplet goes.
        present = [item for item in record["dropletIds"] if cloud.world.get(DROPLET, str(item)) is not None]
        names = ("name", "tags", "inboundRules", "outboundRules")
        inputs = {name: record[name] for name in names if record[name]} | (
            {"dropletIds": present} if record["dropletIds"] else {}
        )
        return Seen(inputs | {"createdAt": record["createdAt"], "status": "succeeded", "pendingChanges": []}, inputs)

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        del state
        old = cloud.world.get(FIREWALL, resource_id)
        if old is None:
            raise EmulatorError(f"firewall {resource_id} does not exist any more; run `refresh`")
        record = self._record(inputs) | {"createdAt": old["createdAt"]}
        self._check_references(cloud, record)
        cloud.world.put(FIREWALL, resource_id, record)
        enforce(cloud)
        return self._outputs(record)

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        del state
        cloud.world.delete(FIREWALL, resource_id)
        enforce(cloud)
