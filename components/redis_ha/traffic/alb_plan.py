"""What an AlbBlueGreen is, once its plain arguments are checked: plain data, and the names that follow from it. No Pulumi."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .authority import COLOURS, Decision, Weights

# Key of what there is once for both colours (the balancer and the listener of the listener form).
BOTH = "both"

# What a part that is taken over keeps until it is brought into line.
AS_FOUND = {
    "load_balancers": ("tags", "dropInvalidHeaderFields", "enableDeletionProtection", "accessLogs"),
    "target_groups": ("tags", "healthCheck", "deregistrationDelay"),
    "listeners": ("tags", "sslPolicy"),
    "security_group": ("tags",),
}
# A security group's own name and description would replace it; its rules stay beside the component's.
OF_OTHERS = {"security_group": ("name", "namePrefix", "description", "ingress", "egress", "revokeRulesOnDelete")}


def name_in(arn: str) -> str:
    """Return the name in the ARN of a balancer (..:loadbalancer/app/NAME/ID) or a target group (..:targetgroup/NAME/ID)."""
    return arn.split("/")[-2]


@dataclass(frozen=True)
class Targets:
    """The targets of a colour: `kind` is the argument that gives them, `names` what those that are attached are called by."""

    kind: str
    type: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlbPlan:
    """One AlbBlueGreen as far as it is known before its resources are made. There are no `weights` in the DNS form.

    `warning`: what the preview says of how clients connect.
    """

    name: str
    region: str
    alb_name: str
    form: str
    internal: bool
    makes_security_group: bool
    client_cidrs: tuple[str, ...]
    protocol: str
    warning: str | None
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
    adopt: Mapping[str, str]
    keep_as_found: bool
    adopt_change: tuple[str, ...]

    @property
    def balancers(self) -> Mapping[str, tuple[str, ...]]:
        """Return the colours behind each balancer, by the balancer's key."""
        return {BOTH: COLOURS} if self.form == "listener" else {colour: (colour,) for colour in COLOURS}

    def adopted(self, part: str, key: str | None = None) -> str | None:
        """Return the ARN or id of what is taken over; None when it is made."""
        return self.adopt.get(part if key is None else f"{part}.{key}")

    def as_found(self, part: str, key: str | None = None) -> list[str] | None:
        """Return what stays as it was found of what is taken over, in the schema's names."""
        if self.adopted(part, key) is None:
            return None
        found = [*OF_OTHERS.get(part, ()), *(AS_FOUND[part] if self.keep_as_found else ())]
        return found or None

    def balancer_name(self, key: str) -> str:
        """Return the name of a balancer."""
        adopted = self.adopted("load_balancers", key)
        if adopted is not None:
            return name_in(adopted)
        return self.alb_name if key == BOTH else f"{self.alb_name}-{key}"

    def balancer_of(self, colour: str) -> str:
        """Return the key of a colour's balancer."""
        return next(key for key, colours in self.balancers.items() if colour in colours)

    def target_group_name(self, colour: str) -> str:
        """Return the name of a colour's target group.

        Whatever replaces a target group is in its name: the new one stands beside the old one until the listener has moved. A
        group that is still in use cannot be deleted, and two of one name cannot be.
        """
        adopted = self.adopted("target_groups", colour)
        if adopted is not None:
            return name_in(adopted)
        replacing = f"{self.target_protocol}/{self.target_port}/{self.targets[colour].type}"
        # Not a secret: four characters that tell two target groups apart.
        return f"{self.alb_name}-{colour}-{hashlib.sha256(replacing.encode()).hexdigest()[:4]}"
