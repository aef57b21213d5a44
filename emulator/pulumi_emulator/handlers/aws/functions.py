"""Look-ups of the aws package. Most are constants of the emulated account; all of them work in a preview too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pulumi_emulator.aws import ACCOUNT_ID
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.aws.lookups import LOOK_UPS
from pulumi_emulator.handlers.aws.names import PARTITION

if TYPE_CHECKING:
    from pulumi_emulator.handlers.base import Cloud

DNS_SUFFIX: Final = "amazonaws.com"
Constant = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
# The stack's cloud, the provider's configuration, the call's arguments.
Function = Callable[["Cloud", Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


def _region(configuration: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    region = arguments.get("region") or arguments.get("name") or configuration.get("region")
    if not region:
        raise EmulatorError("region: missing; set it for the stack (aws:region), in the provider's arguments, or in the call")
    return str(region)


def caller_identity(configuration: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Say who calls: the emulated account's one user."""
    del configuration, arguments
    return {
        "id": ACCOUNT_ID,
        "accountId": ACCOUNT_ID,
        "arn": f"arn:{PARTITION}:iam::{ACCOUNT_ID}:user/emulated",
        "userId": "AIDAEMULATEDEMULATED0",
    }


def region(configuration: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a region."""
    name = _region(configuration, arguments)
    return {"id": name, "region": name, "name": name, "endpoint": f"ec2.{name}.{DNS_SUFFIX}", "description": name}


def availability_zones(configuration: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """List a region's zones."""
    name = _region(configuration, {"region": arguments.get("region")})
    excluded = {*(arguments.get("excludeNames") or []), *(arguments.get("excludeZoneIds") or [])}
    zones = [zone for zone in _zones(name) if not excluded & set(zone)]
    return {
        "id": name,
        "region": name,
        "names": [zone for zone, _ in zones],
        "zoneIds": [zone_id for _, zone_id in zones],
        "groupNames": [name],
        "state": arguments.get("state"),
    }


def _zones(region_name: str) -> list[tuple[str, str]]:
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend  # noqa: PLC0415 - takes a second

    found = RegionsAndZonesBackend.zones.get(region_name)
    if found is None:
        raise EmulatorError(f"region {region_name!r} is not one that moto knows: its zones cannot be named")
    return [(zone.name, zone.zone_id) for zone in found]


def partition(configuration: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Name the partition that regions are in."""
    del configuration, arguments
    return {"id": PARTITION, "partition": PARTITION, "dnsSuffix": DNS_SUFFIX, "reverseDnsPrefix": "com.amazonaws"}


def _constant(function: Constant) -> Function:
    """Return a look-up that needs no cloud in the form of those that do."""

    def look_up(cloud: Cloud, configuration: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        del cloud
        return function(configuration, arguments)

    return look_up


FUNCTIONS: Final[dict[str, Function]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _constant(caller_identity),
    "aws:index/getRegion:getRegion": _constant(region),
    "aws:index/getAvailabilityZones:getAvailabilityZones": _constant(availability_zones),
    "aws:index/getPartition:getPartition": _constant(partition),
    **LOOK_UPS,
}
