"""Blue and green: weighted records of Route 53 or of a load balancer, and a writer's name that leads to the live colour."""

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
