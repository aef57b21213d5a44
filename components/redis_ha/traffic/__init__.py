"""Blue and green: weighted records of Route 53 or of a load balancer, and a writer's name that leads to the live colour."""

import typing

from redis_ha.loading import on_first_use as _on_first_use

if typing.TYPE_CHECKING:
    from .alb import AlbBlueGreen, AlbBlueGreenArgs
    from .live import LiveColourRecord, LiveColourRecordArgs
    from .weighted import WeightedBlueGreen, WeightedBlueGreenArgs

__all__ = [
    "AlbBlueGreen",
    "AlbBlueGreenArgs",
    "LiveColourRecord",
    "LiveColourRecordArgs",
    "WeightedBlueGreen",
    "WeightedBlueGreenArgs",
]

__getattr__ = _on_first_use(
    __name__,
    {
        "AlbBlueGreen": "alb",
        "AlbBlueGreenArgs": "alb",
        "LiveColourRecord": "live",
        "LiveColourRecordArgs": "live",
        "WeightedBlueGreen": "weighted",
        "WeightedBlueGreenArgs": "weighted",
    },
)
