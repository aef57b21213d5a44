"""How much a node of a type has: processors, memory, and the memory for data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# maxmemory in bytes, by family and size: docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html, "Valkey
# node-type specific parameters", compared type by type with a copy of the page of 2026 (its table of Redis OSS, which has no
# m8g, r8g and c8gn, has the same numbers).
_M: Final = {
    "large": 6854542746,
    "xlarge": 13891921715,
    "2xlarge": 27966669210,
    "4xlarge": 56116178125,
    "8xlarge": 111325552312,
    "12xlarge": 168715971994,
    "16xlarge": 225000375228,
    "24xlarge": 337500562842,
}
_R: Final = {
    "large": 14037181030,
    "xlarge": 28261849702,
    "2xlarge": 56711183565,
    "4xlarge": 113609865216,
    "8xlarge": 225000375228,
    "12xlarge": 341206346547,
    "16xlarge": 450000750456,
    "24xlarge": 682485973811,
}
_T: Final = {"micro": 536870912, "small": 1471026299, "medium": 3317862236}
_DATA: Final = {
    "t2": {"micro": 581959680, "small": 1665138688, "medium": 3461349376},
    "t3": _T,
    "t4g": _T,
    "m4": {
        "large": 6892593152,
        "xlarge": 15328501760,
        "2xlarge": 31889126359,
        "4xlarge": 65257290629,
        "10xlarge": 166047614239,
    },
    "m5": _M,
    "m6g": _M,
    "m7g": _M,
    "m8g": {
        "large": 7294178820,
        "xlarge": 15222495510,
        "2xlarge": 31866224640,
        "4xlarge": 65856864256,
        "8xlarge": 133838143488,
        "12xlarge": 201819422720,
        "16xlarge": 269800701952,
    },
    "r4": {
        "large": 13201781556,
        "xlarge": 26898228839,
        "2xlarge": 54197537997,
        "4xlarge": 108858546586,
        "8xlarge": 218255432090,
        "16xlarge": 437021573120,
    },
    "r5": _R,
    "r6g": _R,
    "r6gd": _R,
    "r7g": _R,
    "r8g": {
        "large": 15222495510,
        "xlarge": 31866224640,
        "2xlarge": 65856864256,
        "4xlarge": 133838143488,
        "8xlarge": 269800701952,
        "12xlarge": 405763260416,
        "16xlarge": 541725818880,
    },
    "c7gn": {
        "large": 3317862236,
        "xlarge": 6854542746,
        "2xlarge": 13891921715,
        "4xlarge": 27966669210,
        "8xlarge": 56116178125,
        "12xlarge": 84357985997,
        "16xlarge": 113609865216,
    },
    "c8gn": {
        "large": 3330020474,
        "xlarge": 7294178820,
        "2xlarge": 15222495510,
        "4xlarge": 31866224640,
        "8xlarge": 65856864256,
        "12xlarge": 99847503872,
        "16xlarge": 133838143488,
    },
}


@dataclass(frozen=True)
class Room:
    """Processors, bytes of memory, and bytes of it for data."""

    processors: int
    memory: int
    data: int


def room(node_type: str) -> Room:
    """Return what a node of a type has. A type that check_node_type takes is known here.

    Processors and memory are those of EC2's instance of that name (aws.amazon.com/elasticache/pricing names the same), as moto
    has them of EC2's DescribeInstanceTypes.
    """
    from moto.ec2.models.instance_types import INSTANCE_TYPES  # noqa: PLC0415 - a large table, for accounts with nodes

    _, family, size = node_type.split(".")
    instance = INSTANCE_TYPES[f"{family}.{size}"]
    return Room(
        int(instance["VCpuInfo"]["DefaultVCpus"]), int(instance["MemoryInfo"]["SizeInMiB"]) * 2**20, _DATA[family][size]
    )
