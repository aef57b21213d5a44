"""What a resource type must be able to do, and the cloud that it does it in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from pulumi_emulator import aws
from pulumi_emulator.aws import Endpoint
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.rules import Change, Failure
from pulumi_emulator.stacks import disk_gigabytes
from pulumi_emulator.world import World

if TYPE_CHECKING:
    from pulumi_emulator.machines import Host

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """A resource that was just created: its id and the properties that the provider adds or changes."""

    id: str
    computed: dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A resource as the cloud has it: outputs that differ from the state, inputs that differ from the program's."""

    outputs: dict[str, Any]
    inputs: dict[str, Any]


@dataclass(frozen=True)
class AwsAccess:
    """How to get at a stack's emulated AWS: start it, find it when it runs, make a client of it, look at its caches."""

    ensure: Callable[[], Endpoint]
    running: Callable[[], Endpoint | None]
    client: Callable[[Endpoint, str, str], Any]
    caches: Callable[[], list[dict[str, Any]]]


class Cloud:
    """The emulated cloud of one stack: its records, and the machines and the AWS behind them (made only when needed)."""

    def __init__(
        self, world: World, make_host: Callable[[], Host], report: Callable[[str], None], aws: AwsAccess | None = None
    ) -> None:
        self.world = world
        self.report = report
        self._make_host = make_host
        self._host: Host | None = None
        self._checked = False
        self._aws = aws
        self._endpoint: Endpoint | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    @property
    def host(self) -> Host:
        """The machines' host."""
        with self._lock:
            if self._host is None:
                self._host = self._make_host()
            return self._host

    def ready_host(self) -> Host:
        """Return the host after a check that this computer can carry machines; what makes something there calls this."""
        host = self.host
        with self._lock:
            if not self._checked:
                host.preflight()
                self._checked = True
        return host

    def aws_endpoint(self) -> Endpoint:
        """Return the stack's emulated AWS, started when it does not run: for what makes something in it."""
        with self._lock:
            if self._endpoint is None:
                if self._aws is None:
                    raise AssertionError("this cloud has no AWS")
                self._endpoint = self._aws.ensure()
            return self._endpoint

    def aws_running(self) -> bool:
        """Tell whether there is an emulated AWS to ask; when there is none, nothing exists in it."""
        with self._lock:
            if self._endpoint is None and self._aws is not None:
                self._endpoint = self._aws.running()
            return self._endpoint is not None

    def aws_client(self, service: str, region: str) -> Any:
        """Return botocore's client of a service (`elasticache`) in a region of the emulated AWS, one for all threads."""
        endpoint = self.aws_endpoint()
        with self._lock:
            if (service, region) not in self._clients:
                if self._aws is None:
                    raise AssertionError("this cloud has no AWS")
                self._clients[service, region] = self._aws.client(endpoint, service, region)
            return self._clients[service, region]

    def cache_failure(self, group_id: str, region: str) -> str | None:
        """Say why a cache's nodes could not follow its last change, None when they could; AWS's API has no word for it."""
        caches = self._aws.caches() if self._aws else []
        found = (cache for cache in caches if (cache["id"], cache["region"]) == (group_id, region))
        return next((str(cache["failure"]) for cache in found if cache.get("failure")), None)

    @classmethod
    def of_stack(cls, stack_dir: Path, home: Path, report: Callable[[str], None]) -> Cloud:
        """Return the cloud whose records and machines are kept in a stack's folder."""

        def make_host() -> Host:
            from pulumi_emulator.machines import Host as MachineHost  # noqa: PLC0415 - programs without machines never load it

            return MachineHost(stack_dir / "host", home, disk_gigabytes())

        access = AwsAccess(
            ensure=lambda: aws.ensure_endpoint(stack_dir, home, report),
            running=lambda: aws.running_endpoint(stack_dir),
            client=aws.client,
            caches=lambda: aws.groups(stack_dir),
        )
        return cls(World(stack_dir / "world.json"), make_host, report, access)


class Handler:
    """One resource type. Values come without secret marks; `UNKNOWN` stands for what a preview cannot know."""

    token: str
    # What does it: "self" this package alone, "moto", "own" handlers of ours beside moto, "rules" nothing but the rule table.
    emulated_by: ClassVar[str] = "self"
    # Whether an import reads by the id, with what the provider's configuration gives (the region) for a state.
    imports_as_read: ClassVar[bool] = False

    def check(self, inputs: Properties) -> list[Failure]:
        """Return what the rule table cannot say is wrong with the inputs."""
        del inputs
        return []

    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        """Make the resource."""
        raise NotImplementedError

    def read(self, cloud: Cloud, resource_id: str, state: Properties) -> Seen | None:
        """Return how the resource really is, None when it is gone. A pure value is what the state says."""
        del cloud, resource_id, state
        return Seen({}, {})

    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        """Return a resource that the state does not know yet."""
        del cloud, resource_id
        raise EmulatorError(f"{self.token}: importing is not emulated")

    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        """Change the resource in place; return the outputs that change with it."""
        del cloud, resource_id, state, inputs
        return {}

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        """Remove the resource; it is no error when it is gone already."""
        del cloud, resource_id, state

    def diff(self, state: Properties, olds: Properties, news: Properties, found: list[Change]) -> list[Change]:
        """Return the changes as the provider's own code sees them, from state, old and new inputs and what the table found."""
        del state, olds, news
        return found

    def uncertain(self, changed: Collection[str]) -> Collection[str]:
        """Return the outputs that a preview cannot know any more when these inputs change."""
        del changed
        return ()

    def must_replace(self, state: Properties) -> str | None:
        """Name the output because of which the resource must be made again although no input changed."""
        del state
        return None


class KnownById(Handler):
    """A resource of which the cloud knows all by its id: it is read as it is imported, whatever the state says."""

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Properties) -> Seen | None:
        del state
        return self.import_(cloud, resource_id)
