"""A cloud in memory that a test kills at a call: SSM parameters, and a switch board whose every turn is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redis_ha_ops.cloud import CloudError
from redis_ha_ops.runbook.desk import Desk, Run
from redis_ha_ops.runbook.plan import Runbook, Step
from redis_ha_ops.runbook.records import SsmRecords

PATH = "/redis-ha/shop"


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class FakeCloud:
    """Answers calls. `kill_at`: the number of the call at which the caller dies, `after`: when it was done already."""

    parameters: dict[str, list[str]] = field(default_factory=dict)
    turned: list[str] = field(default_factory=list)
    on: dict[str, bool] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    kill_at: int | None = None
    after: bool = False
    dead: bool = False
    failing: dict[str, list[CloudError]] = field(default_factory=dict)
    moment: datetime = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def revive(self) -> None:
        self.dead, self.kill_at, self.calls = False, None, []

    def __call__(self, service: str, operation: str, given: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        del service, region
        if self.dead:
            raise Killed
        self.calls.append(operation)
        dies = len(self.calls) == self.kill_at
        if dies and not self.after:
            self.dead = True
            raise Killed
        try:
            answer: Mapping[str, Any] = getattr(self, f"_{operation}")(**given)
        finally:
            self.dead = dies
        if dies:
            raise Killed
        if self.failing.get(operation):
            raise self.failing[operation].pop(0)  # done, and no answer came
        return answer

    def _get_parameter(self, Name: str) -> Mapping[str, Any]:  # noqa: N803 - botocore's
        name, _, version = Name.partition(":")
        texts = self.parameters.get(name)
        if texts is None:
            raise CloudError("none", "ParameterNotFound")
        number = int(version or len(texts))
        if number > len(texts):
            raise CloudError("none", "ParameterVersionNotFound")
        return {"Parameter": {"Value": texts[number - 1], "Version": number}}

    def _put_parameter(self, Name: str, Value: str, Type: str, *, Overwrite: bool) -> Mapping[str, Any]:  # noqa: N803
        assert Type == "String"
        if Name in self.parameters and not Overwrite:
            raise CloudError("there is one", "ParameterAlreadyExists")
        self.parameters.setdefault(Name, []).append(Value)
        return {"Version": len(self.parameters[Name])}

    def _delete_parameter(self, Name: str) -> Mapping[str, Any]:  # noqa: N803
        if self.parameters.pop(Name, None) is None:
            raise CloudError("none", "ParameterNotFound")
        return {}

    def _turn(self, name: str, *, on: bool) -> Mapping[str, Any]:
        self.turned.append(f"{name} {'on' if on else 'off'}")
        self.on[name] = on
        return {}

    def _describe(self, name: str) -> Mapping[str, Any]:
        return {"on": self.on.get(name, False)}

    def records(self) -> SsmRecords:
        return SsmRecords(self, PATH, "eu-central-1")

    def desk(self, folder: Path, said: list[str] | None = None, operator: str = "ann@one", **changes: Any) -> Desk:
        told = said if said is not None else []
        given = {"operator": operator, "now": self.now, "sleep": self.sleep, "renew_seconds": 3600.0, **changes}
        return Desk(self.records(), folder, told.append, **given)


def switches(cloud: FakeCloud, *names: str, stack: str = "shop") -> Runbook:
    """Return a runbook that turns switches on, one after the other. None of them may be turned twice."""

    def step(name: str) -> Step:
        def turn(run: Run) -> None:
            cloud("board", "turn", {"name": name, "on": True}, "")
            run.facts[name] = "turned"

        def turned(_: Run) -> bool:
            return bool(cloud("board", "describe", {"name": name}, "")["on"])

        def back(_: Run) -> None:
            cloud("board", "turn", {"name": name, "on": False}, "")

        return Step(name, f"Turn {name} on", turn, f"switch {name}", f"turning {name} off", turned, back)

    return Runbook("turn", "Turn the switches on", stack, {"names": list(names)}, steps=[step(name) for name in names])
