"""What an AlbBlueGreen is, once its plain arguments are checked: plain data, and the names that follow from it. No Pulumi."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .authority import COLOURS, Decision, Weights

# Key of what there is once for both colours (the balancer and the listener of the listener form).
BOTH = "both"


@dataclass(frozen=True)
class Targets:
    """The targets of a colour: `kind` is the argument that names them, `count` how many attachments there are."""

    kind: str
    type: str
    count: int = 0


@dataclass(frozen=True)
class AlbPlan:
    """One AlbBlueGreen as far as it is known before its resources are made. There are no `weights` in the DNS form."""

    name: str
    region: str
    alb_name: str
    form: str
    internal: bool
    makes_security_group: bool
    client_cidrs: tuple[str, ...]
    protocol: str
    port: int
    ssl_policy: str
    target_protocol: str
    target_port: int
    targets: Mapping[str, Targets]
    health_check: Mapping[str, Any]
    deregistration_delay: int
    weights: Decision[Weights] | None
    authority: str
    plan_of_record: bool
    record_path: str
    sticky: bool
    stickiness_seconds: int
    deletion_protection: bool
    protect: bool
    tags: tuple[tuple[str, str], ...]

    @property
    def balancers(self) -> Mapping[str, tuple[str, ...]]:
        """Return the colours behind each balancer, by the balancer's key."""
        return {BOTH: COLOURS} if self.form == "listener" else {colour: (colour,) for colour in COLOURS}

    def balancer_name(self, key: str) -> str:
        """Return the name of a balancer."""
        return self.alb_name if key == BOTH else f"{self.alb_name}-{key}"

    def balancer_of(self, colour: str) -> str:
        """Return the key of a colour's balancer."""
        return next(key for key, colours in self.balancers.items() if colour in colours)

    def target_group_name(self, colour: str) -> str:
        """Return the name of a colour's target group.

        Whatever replaces a target group is in its name: the new one stands beside the old one until the listener has moved. A
        group that is still in use cannot be deleted, and two of one name cannot be.
        """
        replacing = f"{self.target_protocol}/{self.target_port}/{self.targets[colour].type}"
        # Not a secret: four characters that tell two target groups apart.
        return f"{self.alb_name}-{colour}-{hashlib.sha256(replacing.encode()).hexdigest()[:4]}"
