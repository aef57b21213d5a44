"""What a program registers, made in an emulated AWS by the emulated provider: an `up` without an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pulumi.runtime import rpc

from tests.support.aws_provider import TOKENS, EmulatedAccount, Resource
from tests.support.pulumi_world import Monitor, of_aws, run

KINDS = {token: kind for kind, token in TOKENS.items()}
# What names others comes after them; calculated health checks come after their children.
ORDER = (
    "ec2.SecurityGroup",
    "vpc.SecurityGroupIngressRule",
    "vpc.SecurityGroupEgressRule",
    "lb.LoadBalancer",
    "lb.TargetGroup",
    "lb.Listener",
    "lb.TargetGroupAttachment",
    "autoscaling.Attachment",
    "cloudwatch.MetricAlarm",
    "route53.HealthCheck",
    "route53.Record",
)


class EmulatedProgram:
    """A stack: what it has made so far, and what the mocks' ids, ARNs and names are in the emulated AWS."""

    def __init__(self, account: EmulatedAccount) -> None:
        self.account = account
        self.resources: dict[str, Resource] = {}
        self._real: dict[str, str] = {}

    def up(self, program: Callable[[], Any]) -> dict[str, list[str]]:
        """Run a program and make what differs; return the changed properties of what was there, by the resource's name."""
        monitor, _ = run(program)
        return {
            name: changed for name in in_order(monitor) if (changed := self._step(name, monitor.requests[name])) is not None
        }

    def refresh(self) -> dict[str, dict[str, Any]]:
        """Read everything; return the inputs that were found otherwise, by the resource's name."""
        found = {name: resource.read() for name, resource in self.resources.items()}
        gone = [name for name, drift in found.items() if drift is None]
        if gone:
            raise AssertionError(f"gone: {gone}")
        return {name: drift for name, drift in found.items() if drift}

    def _step(self, name: str, request: Any) -> list[str] | None:
        """Make or change one resource; None when it was not there before."""
        inputs = self._translated(rpc.deserialize_properties(request.object))
        resource = self.resources.get(name)
        if resource is None and request.importId:
            resource = self.resources[name] = self._imported(name, request, inputs)
            self._learn(name, request, resource)
            return None
        if resource is None:
            resource = self.resources[name] = self.account.made(KINDS[request.type], name, **inputs)
            self._learn(name, request, resource)
            return None
        inputs = _ignoring(request.ignoreChanges, inputs, resource.inputs)
        differs = resource.diff(inputs)
        replaced = [key for key, replaces in differs.items() if replaces]
        if replaced:
            raise AssertionError(f"{name} would be replaced for {replaced}")
        if differs:
            resource.update(inputs)
        return sorted(differs)

    def _imported(self, name: str, request: Any, inputs: dict[str, Any]) -> Resource:
        """Take over what exists; the engine refuses an import that would change something."""
        resource = self.account.resource(KINDS[request.type], name=name)
        if resource.import_(request.importId) is None:
            raise AssertionError(f"{name}: nothing to import by {request.importId}")
        differs = resource.diff(_ignoring(request.ignoreChanges, inputs, resource.inputs))
        if differs:
            raise AssertionError(f"{name} is imported with differences: {sorted(differs)}")
        return resource

    def _learn(self, name: str, request: Any, resource: Resource) -> None:
        mocked = of_aws(request.type, name, rpc.deserialize_properties(request.object))
        known = {key: value for key, value in mocked.items() if isinstance(value, str) and key in resource.state}
        self._real |= {value: str(resource.state[key]) for key, value in known.items()} | {f"{name}-id": resource.id}

    def _translated(self, value: Any) -> Any:
        """Replace what the mocks gave by what the emulated AWS gave."""
        if isinstance(value, dict):
            return {key: self._translated(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._translated(entry) for entry in value]
        return self._real.get(value, value) if isinstance(value, str) else value


def _ignoring(names: Sequence[str], inputs: dict[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs whose ignored properties are those of the state, as the engine does before it asks the provider."""
    kept = {name: recorded[name] for name in names if name in recorded}
    return {name: value for name, value in inputs.items() if name not in names} | kept


def in_order(monitor: Monitor) -> list[str]:
    """Return the names of what is made in AWS, what names others after them."""

    def rank(name: str) -> tuple[int, bool, str]:
        request = monitor.requests[name]
        return ORDER.index(KINDS[request.type]), "childHealthchecks" in request.object, name

    return sorted((name for name in monitor.order if monitor.requests[name].type.startswith("aws:")), key=rank)
