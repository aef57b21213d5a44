"""Droplets: recorded in the stack's world, booted as machines of its host."""

from __future__ import annotations

import hashlib
import re
import threading
from typing import Any, Final

from typing_extensions import override

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.base import Cloud, Handler, Made, Properties, Seen
from pulumi_emulator.handlers.digitalocean import make_vpc, now
from pulumi_emulator.handlers.tokens import DROPLET, PROJECT, SSH_KEY, TAG, VPC
from pulumi_emulator.machines import IMAGES, Machine, MachineSpec
from pulumi_emulator.rules import Failure
from pulumi_emulator.values import UNKNOWN

# A program that names neither a region nor a VPC gets this one; the cloud chooses one too.
DEFAULT_REGION: Final = "nyc3"
# Disk of the basic sizes in GB by memory in MB (digitalocean.com/pricing/droplets); a slug may name its own disk.
BASIC_DISKS: Final = {
    512: 10,
    1024: 25,
    2048: 50,
    3072: 60,
    4096: 80,
    8192: 160,
    16384: 320,
    24576: 480,
    32768: 640,
    49152: 960,
    65536: 1280,
}
# Disk in GB a vCPU and memory in GB a vCPU of the other classes (digitalocean.com/pricing/droplets).
CLASS_DISKS: Final = {"c": 12.5, "c2": 25, "g": 12.5, "gd": 25, "m": 25, "m3": 75, "m6": 150, "so": 150, "so1_5": 225}
CLASS_MEMORY: Final = {"c": 2, "c2": 2, "g": 4, "gd": 4, "m": 8, "m3": 8, "m6": 8, "so": 8, "so1_5": 8}
# Dollars a month of the basic sizes by vCPUs and memory in MB, and by what those of other processors are dearer; of the other
# classes a vCPU, of plain processors and of Intel's (digitalocean.com/pricing/droplets; by slug in
# sergeykuzmich/terraform-digitalocean-variables do_sizes.tf). Prices change: these are of 2025.
BASIC_PRICES: Final = {
    (1, 512): 4,
    (1, 1024): 6,
    (1, 2048): 12,
    (2, 2048): 18,
    (2, 4096): 24,
    (2, 8192): 36,
    (4, 8192): 48,
    (4, 16384): 72,
    (8, 16384): 96,
    (8, 32768): 144,
}
PREMIUM: Final = 7 / 6
PREMIUM_WITH_DISK: Final = 4 / 3
CLASS_PRICES: Final = {
    "c": (21, 27.3),
    "c2": (23.5, 30.55),
    "g": (31.5, 37.8),
    "gd": (34, 39.6),
    "m": (42, 49.5),
    "m3": (52, 55),
    "m6": (65.5, 65.5),
    "so": (65.5, 65.5),
    "so1_5": (81.5, 69.5),
}
# The hours of four weeks cost as much as a month (digitalocean.com/pricing/droplets).
HOURS_A_MONTH: Final = 672
SLUG: Final = re.compile(
    r"(?P<class>s|c|c2|g|gd|m|m3|m6|so|so1_5)-(?P<vcpus>\d+)(vcpu)?(-(?P<memory>\d+)(?P<unit>mb|gb))?(-(?P<disk>\d+)gb)?"
    r"(?P<more>(-intel|-amd|-ws|-1\.5tb)*)"
)


def size_of(slug: str) -> dict[str, int]:
    """Return memory (MB), vcpus and disk (GB) of a size slug; ValueError when it is none."""
    match = SLUG.fullmatch(slug.lower())
    if match is None:
        raise ValueError(f"{slug!r} is not a size slug such as s-1vcpu-1gb, s-2vcpu-4gb, g-2vcpu-8gb, c-2")
    kind, vcpus = match["class"], int(match["vcpus"])
    if match["memory"]:
        memory = int(match["memory"]) * (1024 if match["unit"] == "gb" else 1)
    elif kind == "s":
        raise ValueError(f"{slug!r} names no memory; a basic size is e.g. s-1vcpu-1gb")
    else:
        memory = vcpus * CLASS_MEMORY[kind] * 1024
    if match["disk"]:
        disk = int(match["disk"])
    elif kind == "s":
        disk = 60 if (vcpus, memory) == (2, 2048) else BASIC_DISKS.get(memory, 0)
        if not disk:
            raise ValueError(f"{slug!r} is not a basic size: no such amount of memory")
    else:
        disk = int(vcpus * CLASS_DISKS[kind])
    return {"memory": memory, "vcpus": vcpus, "disk": disk}


def prices_of(slug: str) -> dict[str, float]:
    """Return what a size costs a month and an hour, in dollars; nothing of a size that is no longer offered."""
    match, size = SLUG.fullmatch(slug.lower()), size_of(slug)
    if match is None:
        return {}
    other = bool(match["more"])
    if match["class"] == "s":
        factor = (PREMIUM_WITH_DISK if match["disk"] else PREMIUM) if other else 1
        monthly = BASIC_PRICES.get((size["vcpus"], size["memory"]), 0) * factor
    else:
        monthly = CLASS_PRICES[match["class"]][other] * size["vcpus"]
    whole = round(monthly)
    return {"priceMonthly": whole, "priceHourly": round(whole / HOURS_A_MONTH, 5)} if whole else {}


# Droplets are created at once by several threads; the first one of a region makes its default VPC.
DEFAULT_VPC_LOCK: Final = threading.Lock()


def _known(value: Any) -> bool:
    return value is not None and value is not UNKNOWN


def _disk_of(record: Properties) -> int:
    """Return the disk of a droplet in GB: a new size leaves it as it is, unless it is asked to grow for good."""
    return int(record.get("disk") or size_of(str(record["size"]))["disk"])


class Droplet(Handler):
    """A virtual machine."""

    token = DROPLET

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        failures = []
        image, size = inputs.get("image"), inputs.get("size")
        if _known(image) and image not in IMAGES:
            failures.append(
                Failure("image", f"{image!r} is not an image that can be booted here; known: {', '.join(sorted(IMAGES))}")
            )
        if _known(size):
            try:
                size_of(str(size))
            except ValueError as error:
                failures.append(Failure("size", str(error)))
        if isinstance(inputs.get("volumeIds"), list) and inputs["volumeIds"]:
            failures.append(Failure("volumeIds", "block storage volumes are not emulated"))
        if _known(inputs.get("backupPolicy")) and inputs.get("backups") is False:
            failures.append(Failure("backupPolicy", "can only be set when backups are enabled"))
        return failures

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        keys = self._public_keys(cloud, inputs.get("sshKeys") or [])
        vpc_id, region = self._network(cloud, inputs)
        tags = [str(tag) for tag in inputs.get("tags") or []]
        for tag in tags:
            # "Tag names can either be existing or new tags" (DigitalOcean API reference, POST /v2/droplets).
            if cloud.world.get(TAG, tag) is None:
                cloud.world.put(TAG, tag, {"name": tag, "by_droplet": True})
        user_data = str(inputs.get("userData") or "")
        resource_id = cloud.world.new_number()
        record = {
            "name": inputs["name"],
            "image": inputs["image"],
            "size": str(inputs["size"]).lower(),
            "region": region,
            "vpcUuid": vpc_id,
            "tags": tags,
            "createdAt": now(),
            "monitoring": bool(inputs.get("monitoring")),
            "ipv6": bool(inputs.get("ipv6")),
            "backups": bool(inputs.get("backups")),
            "publicNetworking": inputs.get("publicNetworking") is not False,
            "userDataSha1": hashlib.sha1(user_data.encode(), usedforsecurity=False).hexdigest() if user_data else "",
        }
        # Recorded first: a command that dies during the boot leaves a record by which the next one finds the machine.
        cloud.world.put(DROPLET, resource_id, record)
        try:
            machine = cloud.ready_host().create_machine(
                MachineSpec(
                    machine_id=resource_id,
                    name=str(inputs["name"]),
                    image=str(inputs["image"]),
                    vpc_id=vpc_id,
                    region=region,
                    size=record["size"],
                    user_data=user_data,
                    ssh_public_keys=keys,
                    tags=tuple(tags),
                    public=record["publicNetworking"],
                )
            )
        except EmulatorError:
            cloud.host.delete_machine(resource_id)
            cloud.world.delete(DROPLET, resource_id)
            raise
        computed = self._outputs(resource_id, record, machine)
        if user_data:
            computed["userData"] = record["userDataSha1"]
        return Made(resource_id, computed)

    @staticmethod
    def _public_keys(cloud: Cloud, wanted: list[Any]) -> tuple[str, ...]:
        """Return the public keys for ids or fingerprints."""
        keys = cloud.world.all(SSH_KEY)
        found = []
        for item in map(str, wanted):
            match = [key["publicKey"] for key_id, key in keys.items() if item in (key_id, key["fingerprint"])]
            if not match:
                known = ", ".join(f"{key_id} ({key['name']})" for key_id, key in keys.items()) or "none"
                raise EmulatorError(
                    f"ssh_keys: {item!r} is neither id nor fingerprint of an SSH key of this stack; known: {known}"
                )
            found.append(match[0].strip())
        return tuple(found)

    @staticmethod
    def _network(cloud: Cloud, inputs: Properties) -> tuple[str, str]:
        """Return the VPC and region of a new droplet; the region's default VPC is made when it is first needed."""
        region = str(inputs.get("region") or "").lower()
        if inputs.get("vpcUuid"):
            vpc_id = str(inputs["vpcUuid"])
            vpc = cloud.world.get(VPC, vpc_id)
            if vpc is None:
                known = ", ".join(f"{key} ({item['name']})" for key, item in cloud.world.all(VPC).items()) or "none"
                raise EmulatorError(f"vpc_uuid: there is no VPC {vpc_id!r} in this stack; known: {known}")
            if region and region != vpc["region"]:
                raise EmulatorError(f"region {region!r} is not the region of VPC {vpc['name']!r} ({vpc['region']})")
            return vpc_id, str(vpc["region"])
        region = region or DEFAULT_REGION
        with DEFAULT_VPC_LOCK:
            for vpc_id, vpc in cloud.world.all(VPC).items():
                if vpc["default"] and vpc["region"] == region:
                    return vpc_id, region
            vpc_id, _ = make_vpc(cloud, {"name": f"default-{region}", "region": region}, default=True)
            return vpc_id, region

    @staticmethod
    def _outputs(resource_id: str, record: Properties, machine: Machine) -> dict[str, Any]:
        return {
            **size_of(str(record["size"])),
            **prices_of(str(record["size"])),
            "disk": _disk_of(record),
            "name": record["name"],
            "region": record["region"],
            "size": record["size"],
            "tags": list(record["tags"]),
            "vpcUuid": record["vpcUuid"],
            "createdAt": record["createdAt"],
            "dropletUrn": f"do:droplet:{resource_id}",
            "ipv4Address": machine.public_ip or "",
            "ipv4AddressPrivate": machine.private_ip,
            "ipv6": record["ipv6"],
            "ipv6Address": "",
            "backups": record["backups"],
            "monitoring": record["monitoring"],
            "privateNetworking": True,
            "publicNetworking": record["publicNetworking"],
            "locked": False,
            "status": "active" if machine.power == "on" else "off",
            "volumeIds": [],
        }

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Properties) -> Seen | None:
        del state
        seen = self._seen(cloud, resource_id)
        if seen is None:
            return None
        # As in the real provider, user data and image are not read back: the state's stay.
        for name in ("image", "userData"):
            seen.outputs.pop(name, None)
            seen.inputs.pop(name, None)
        return seen

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        seen = self._seen(cloud, resource_id)
        if seen is None:
            return None
        # What is the default or nothing is no input of an adopted one (pulumi-terraform-bridge pkg/tfbridge/schema.go,
        # extractSchemaInputs); that its disk may grow is all that the provider says by itself (resource_droplet.go, Import).
        return Seen(seen.outputs | {"resizeDisk": True}, {name: value for name, value in seen.inputs.items() if value})

    def _seen(self, cloud: Cloud, resource_id: str) -> Seen | None:
        record = cloud.world.get(DROPLET, resource_id)
        if record is None:
            return None
        machine = cloud.host.machine(resource_id)
        if machine is None or machine.power == "lost":
            return None
        inputs = {
            name: record[name]
            for name in ("name", "image", "size", "region", "vpcUuid", "tags", "monitoring", "ipv6", "backups")
        }
        outputs = self._outputs(resource_id, record, machine) | {"image": record["image"]}
        if record["userDataSha1"]:
            inputs["userData"] = outputs["userData"] = record["userDataSha1"]
        return Seen(outputs, inputs)

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        record = cloud.world.get(DROPLET, resource_id)
        if record is None:
            raise EmulatorError(f"droplet {resource_id} does not exist any more; run `refresh`")
        size, disk = str(inputs["size"]).lower(), _disk_of(record)
        if size_of(size)["disk"] < disk:
            raise EmulatorError(
                f"size {size!r} has a disk of {size_of(size)['disk']} GB, the droplet's has {disk} GB: a disk cannot shrink"
            )
        tags = [str(tag) for tag in inputs.get("tags") or []]
        for tag in tags:
            if cloud.world.get(TAG, tag) is None:
                cloud.world.put(TAG, tag, {"name": tag, "by_droplet": True})
        changed = {"name": str(inputs["name"]), "size": size, "tags": tags}
        grows = inputs.get("resizeDisk", True) and state.get("resizeDisk") is False
        resized = size != record["size"] or grows
        if resized:
            # terraform-provider-digitalocean, resource_droplet.go, Update: power_off, wait, resize, wait, power_on; also when
            # resize_disk becomes true.
            cloud.host.power_off(resource_id)
        machine = cloud.host.update_machine(
            resource_id,
            **{name: value for name, value in changed.items() if value != record[name]},  # type: ignore[arg-type]
        )
        if resized:
            cloud.host.power_on(resource_id)
            machine = cloud.host.machine(resource_id) or machine
            record["disk"] = size_of(size)["disk"] if inputs.get("resizeDisk", True) else disk
        record |= changed
        for name in ("ipv6", "backups"):
            record[name] = bool(inputs.get(name))
        cloud.world.put(DROPLET, resource_id, record)
        outputs = self._outputs(resource_id, record, machine)
        if state.get("userData"):
            outputs["userData"] = state["userData"]
        return outputs

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        if cloud.world.get(DROPLET, resource_id) is None:
            return
        host = cloud.host
        machine = host.machine(resource_id)
        if state.get("gracefulShutdown") is True and machine is not None and machine.power == "on":
            host.power_off(resource_id, hard=False)
        host.delete_machine(resource_id)
        for project_id, project in cloud.world.all(PROJECT).items():
            remaining = [urn for urn in project["resources"] if urn != f"do:droplet:{resource_id}"]
            if remaining != project["resources"]:
                cloud.world.put(PROJECT, project_id, project | {"resources": remaining})
        cloud.world.delete(DROPLET, resource_id)
