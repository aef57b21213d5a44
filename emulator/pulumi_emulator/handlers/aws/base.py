"""What all emulated AWS resources do alike: rules, the API calls that the provider would make, and what the API answers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator import rules
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.aws.translation import Call, Request
from pulumi_emulator.handlers.base import Cloud, Handler, Made, Properties, Seen

# Global services (IAM, Route 53) have one home; docs.aws.amazon.com/general/latest/gr/iam-service.html
GLOBAL_REGION: Final = "us-east-1"
# Why properties that every AWS resource has are no parameters of its API.
EVERYWHERE: Final = {
    "region": "chooses the endpoint that is asked",
    "tags": "sent as tagsAll, together with the provider's default tags",
}
# Codes by which AWS's services say that something does not exist: ReplicationGroupNotFoundFault, InvalidVpcID.NotFound,
# NoSuchEntity, NoSuchHostedZone, ResourceNotFoundException, ParameterNotFound, QueueDoesNotExist ...
MISSING: Final = re.compile(r"NotFound|NoSuch|DoesNotExist|NonExistent")
# Where moto answers with another code than AWS (application-autoscaling: ObjectNotFoundException).
MISSING_IN_MOTO: Final = ("No scalable target found", "No scaling policy found")
TAGS_ALL: Final = "tagsAll"
POLL_SECONDS: Final = 0.2
# The real provider waits up to an hour; what takes longer than this here hangs.
WAIT_SECONDS: Final = 600.0


class ApiError(EmulatorError):
    """A refusal by the emulated API: its code decides what is done about it."""

    def __init__(self, code: str, message: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.message = message

    @property
    def missing(self) -> bool:
        """Tell whether the refusal says that the thing does not exist."""
        return MISSING.search(self.code) is not None or self.message.startswith(MISSING_IN_MOTO)


class Aws:
    """The emulated AWS of a stack in one region."""

    def __init__(self, cloud: Cloud, region: str) -> None:
        self.cloud = cloud
        self.region = region

    def ask(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Make one API call and return its answer; ApiError when it is refused."""
        import botocore.exceptions  # noqa: PLC0415 - programs without AWS never load it

        client = self.cloud.aws_client(service, self.region)
        method = getattr(client, _python_name(client, operation))
        try:
            answer: dict[str, Any] = method(**parameters)
        except botocore.exceptions.ClientError as error:
            found = error.response.get("Error", {})
            code, message = found.get("Code", "Unknown"), found.get("Message", "")
            raise ApiError(code, message, f"{service} {operation} in {self.region}: {code}: {message}") from None
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.HTTPClientError) as error:
            # Only the kind: botocore's texts may repeat a parameter's value.
            raise EmulatorError(f"{service} {operation} in {self.region}: {type(error).__name__}") from None
        return answer

    def send(self, request: Request) -> dict[str, Any]:
        """Make a translated call."""
        return self.ask(request.service, request.operation, **request.parameters)

    def find(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Make a call that looks for something; None when it does not exist."""
        try:
            return self.ask(service, operation, **parameters)
        except ApiError as error:
            if error.missing:
                return None
            raise

    def wait(self, what: str, ready: Callable[[], bool]) -> None:
        """Wait until something is ready; EmulatorError when it takes too long."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not ready():
            if time.monotonic() > deadline:
                raise EmulatorError(f"{what} did not happen within {WAIT_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)


def _python_name(client: Any, operation: str) -> str:
    for python, name in client.meta.method_to_api_mapping.items():
        if name == operation:
            return str(python)
    raise AssertionError(f"no API call {operation}")


class AwsHandler(Handler):
    """One AWS resource type. A subclass says which calls make, find, change and remove it; all else is here."""

    imports_as_read = True
    emulated_by = "moto"
    # The call that makes it.
    creation: ClassVar[Call]
    # Properties that no API call carries, each with the reason.
    provider_only: ClassVar[Mapping[str, str]] = {}
    # Inputs besides the id that its removal needs: kept in the stack's records for a resource that the state does not know.
    needed_for_removal: ClassVar[tuple[str, ...]] = ()
    # The property by which the service itself refuses its removal.
    deletion_protection: ClassVar[str | None] = None

    # What a subclass decides

    def prepared(self, aws: Aws, inputs: Properties) -> Properties:
        """Return the inputs with what the provider looks up before it sends them."""
        del aws
        return inputs

    def first_request(self, inputs: Properties) -> Request:
        """Return the call that makes the resource."""
        return self.creation.request(inputs)

    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        """Return the calls that carry what the creating call cannot."""
        del inputs, resource_id
        return []

    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        """Return the id of what the sent request, made of these inputs, has brought about."""
        raise NotImplementedError

    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        """Return how the API describes the resource, None when it does not exist."""
        raise NotImplementedError

    def seen(self, aws: Aws, resource_id: str, state: Properties) -> dict[str, Any] | None:
        """Return how the API describes the resource; a type whose id does not say which it is looks by its state."""
        del state
        return self.find(aws, resource_id)

    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        """Return the properties, inputs and outputs, that the provider reads out of a description."""
        raise NotImplementedError

    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        """Return the calls that bring the changed properties to the API, in the provider's order."""
        raise NotImplementedError

    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        """Return the calls that remove the resource."""
        raise NotImplementedError

    def settle(self, aws: Aws, resource_id: str) -> None:
        """Wait until the resource is as the last call wanted it."""

    def gone(self, aws: Aws, resource_id: str) -> None:
        """Wait until the resource is gone after its removal."""

    # What is the same for all

    @classmethod
    def properties(cls) -> Mapping[str, Any]:
        """Return the inputs of the type and what each is, in the words of the rule tables."""
        return rules.load("aws")[cls.token].inputs

    def creation_requests(self, inputs: Properties, resource_id: str) -> list[Request]:
        """Return all calls that making the resource takes."""
        return [self.first_request(inputs), *self.follow_ups(inputs, resource_id)]

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        aws = Aws(cloud, region_of(inputs))
        cloud.aws_endpoint()
        request = self.first_request(self.prepared(aws, inputs))
        resource_id = self.identify(aws.send(request), request, inputs)
        # Noted before anything else can fail: what a command that was killed has made is found by this.
        needed = {name: inputs.get(name) for name in self.needed_for_removal}
        cloud.world.put(self.token, resource_id, {"name": inputs.get("name", resource_id), "region": aws.region, **needed})
        for request in self.follow_ups(inputs, resource_id):
            aws.send(request)
        self.settle(aws, resource_id)
        return Made(resource_id, self._now(aws, resource_id, inputs))

    def _now(self, aws: Aws, resource_id: str, state: Properties) -> dict[str, Any]:
        found = self.seen(aws, resource_id, state)
        if found is None:
            raise EmulatorError(f"{self.token} {resource_id} is gone right after it was made or changed")
        return _with_tags(self.describe(aws, found, state), state)

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Properties) -> Seen | None:
        aws = Aws(cloud, region_of(state))
        found = self.seen(aws, resource_id, state) if cloud.aws_running() else None
        if found is None:
            # Nothing is left of it anywhere, so nothing has to be freed later.
            self._forget(cloud, resource_id, aws.region)
            return None
        properties = {"region": aws.region, **_with_tags(self.describe(aws, found, state), state)}
        return Seen(properties, properties)

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        aws = Aws(cloud, region_of(state))
        if not cloud.aws_running():
            raise EmulatorError(
                f"{self.token} {resource_id} does not exist any more (the emulated AWS was ended); run `refresh`"
            )
        for request in self.changes(resource_id, state, self.prepared(aws, inputs), self.changed(state, inputs)):
            aws.send(request)
            self.settle(aws, resource_id)
        # What the program gives no more says nothing about the resource any longer, but for what the provider keeps.
        gone = set(self.properties()) - set(inputs) - rules.load("aws")[self.token].kept
        known = {name: value for name, value in state.items() if name not in gone}
        return self._now(aws, resource_id, {**known, **inputs})

    def changed(self, state: Properties, inputs: Properties) -> set[str]:
        """Return the inputs that the program wants otherwise than the state has them."""
        kind = rules.load("aws")[self.token]
        had = {name: value for name, value in state.items() if name in kind.inputs or name == TAGS_ALL}
        found = {change.property for change in rules.changes(kind, had, inputs)}
        return found - {"tags"}

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        known = state or cloud.world.get(self.token, resource_id) or {}
        aws = Aws(cloud, region_of(known))
        if cloud.aws_running():
            try:
                for request in self.removal(resource_id, self.prepared(aws, known)):
                    aws.send(request)
                self.gone(aws, resource_id)
            except ApiError as error:
                if not error.missing:
                    raise
        self._forget(cloud, resource_id, aws.region)

    def is_protected(self, state: Properties) -> bool:
        """Tell whether the service would refuse a removal."""
        return self.deletion_protection is not None and bool(state.get(self.deletion_protection))

    def unprotect(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        """Let the service take the removal that it would refuse: of emulated things only, when a whole stack is destroyed."""
        name = self.deletion_protection
        if name is not None and self.is_protected(state) and cloud.aws_running():
            aws = Aws(cloud, region_of(state))
            for request in self.changes(resource_id, state, {**state, name: False}, [name]):
                try:
                    aws.send(request)
                except ApiError as error:
                    if not error.missing:
                        raise

    def _forget(self, cloud: Cloud, resource_id: str, region: str) -> None:
        """Take the resource out of the stack's records; what has the same id in another region stays in them."""
        record = cloud.world.get(self.token, resource_id)
        if record is not None and record.get("region", region) == region:
            cloud.world.delete(self.token, resource_id)


def region_of(properties: Properties) -> str:
    """Return the region in which a resource lives."""
    return str(properties.get("region") or GLOBAL_REGION)


def _with_tags(properties: dict[str, Any], state: Properties) -> dict[str, Any]:
    """Part the tags that the API has into the program's own and those that come from the provider's configuration."""
    if TAGS_ALL not in properties:
        return properties
    found = properties[TAGS_ALL]
    own, together = state.get("tags") or {}, state.get(TAGS_ALL) or {}
    tags = {key: value for key, value in found.items() if key in own or together.get(key) != value}
    return {**properties, "tags": tags}


def tags_of(pairs: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Return tags that the API gives as pairs as a mapping, without AWS's own."""
    return {pair[key]: pair[value] for pair in pairs or [] if not pair[key].startswith("aws:")}


def present(**properties: Any) -> dict[str, Any]:
    """Return the properties that have a value."""
    return {name: value for name, value in properties.items() if value is not None}
