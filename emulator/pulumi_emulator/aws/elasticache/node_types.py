"""How much a node of a type has: processors, memory, and the memory for data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TYPE: Final = re.compile(r"cache\.(?P<family>[a-z]+\d[a-z]*)\.(?:(?P<many>\d+)?(?P<size>xlarge)|(?P<small>[a-z]+))")
# aws.amazon.com/ec2/instance-types: two processors up to large, four for xlarge, N times four for Nxlarge.
_FEW: Final = 2
_OF_XLARGE: Final = 4
# The same page: GiB of memory by processor in the families of general purpose (m) and optimised for memory (r), and of the
# small sizes of t.
_GIB_BY_PROCESSOR: Final = {"m": 4, "r": 8}
_GIB_OF_SMALL: Final = {"micro": 1, "small": 2, "medium": 4}
# docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html, "node-type specific parameters", maxmemory of the
# current families (m5, m6g, m7g; r5, r6g, r7g; t3, t4g).
_DATA: Final = {
    "m": {
        "large": 6854542746,
        "xlarge": 13891921715,
        "2xlarge": 27966669210,
        "4xlarge": 56116178125,
        "8xlarge": 111325552312,
        "12xlarge": 168715971994,
        "16xlarge": 225000375228,
        "24xlarge": 337500562842,
    },
    "r": {
        "large": 14037181030,
        "xlarge": 28261849702,
        "2xlarge": 56711183565,
        "4xlarge": 113609865216,
        "8xlarge": 225000375228,
        "12xlarge": 341206346547,
        "16xlarge": 450000750456,
        "24xlarge": 682485973811,
    },
    "t": {"micro": 536870912, "small": 1471026299, "medium": 3317862236},
}


@dataclass(frozen=True)
class Room:
    """Processors, bytes of memory, and bytes of it for data. Bytes are None where no source has them."""

    processors: int
    memory: int | None
    data: int | None


def room(node_type: str) -> Room:
    """Return what a node of a type has."""
    found = _TYPE.fullmatch(node_type)
    if found is None:
        return Room(_FEW, None, None)
    size = found["small"] or f"{found['many'] or ''}xlarge"
    processors = _FEW if found["small"] else _OF_XLARGE * int(found["many"] or 1)
    gib = _GIB_OF_SMALL.get(size) or processors * _GIB_BY_PROCESSOR.get(found["family"][0], 0)
    return Room(processors, gib * 2**30 or None, _DATA.get(found["family"][0], {}).get(size))
