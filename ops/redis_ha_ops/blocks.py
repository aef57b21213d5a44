"""What a stack has, by the outputs that it exports."""

from collections.abc import Mapping
from typing import Any

WEIGHTED, LIVE, BALANCER = "weighted_blue_green", "live_colour_record", "alb_blue_green"
BLOCKS = ("sentinel", "elasticache", "global", "traffic")  # what `status` shows of a stack


def blocks_of(outputs: Mapping[str, Any]) -> list[str]:
    """Return what a stack has, by the outputs it exports; a stack without any is told so by the Sentinel topology's check."""
    found = [one for one in ("sentinel", "elasticache", "global") if f"{one}_connection" in outputs]
    if WEIGHTED in outputs or LIVE in outputs or has_listener(outputs):
        found.append("traffic")
    return found or ["sentinel"]


def has_listener(outputs: Mapping[str, Any]) -> bool:
    """Tell whether a stack has a listener with weights: balancers in front of weighted records have none."""
    told = outputs.get(BALANCER)
    return isinstance(told, Mapping) and bool(told.get("listener_arn"))
